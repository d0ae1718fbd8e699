"""What inventory decides about one listed object: move it, leave it out, or refuse it.

Everything here is pure: an object, the dataset's rules and the target's limits in, a decision out.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

from hdh_migrate.codes import Code
from hdh_migrate.errors import Unsupported
from hdh_migrate.fidelity import SPOKEN
from hdh_migrate.model import (
    FREEZE_TRIAL,
    MOVABLE,
    SIDECAR,
    Listed,
    ObjectInfo,
    State,
    TargetLimits,
    is_reserved,
    key_bytes,
)
from hdh_migrate.pipeline.cutting import part_plan
from hdh_migrate.pipeline.rules.ruling import DIRECTORY, Rules
from hdh_migrate.pipeline.tags import ATTEMPT, hyphenated
from hdh_migrate.pipeline.workers.sending import RETAIN
from hdh_migrate.pipeline.workers.work import Route

# C0 and C1 controls, and what XML 1.0 cannot say: listings of such keys come back altered.
_UNSPEAKABLE = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_VALUE = r"(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?"
_HEADER_VALUE = re.compile(rf"{_VALUE}\Z")
_HEADER_VALUES = re.compile(rf"{_VALUE}(?:\n{_VALUE})*\Z")

REFUSALS: Mapping[Code, str] = {
    Code.KEY_TOO_LONG: "the target key is longer than the target takes",
    Code.KEY_CONTROL: "the key has a control character",
    Code.KEY_DOT_SEGMENT: "the key has a '.' or '..' segment, which clients rewrite",
    Code.KEY_NOT_UTF8: "the key is not UTF-8 text",
    Code.KEY_RESERVED: "the target key lies where the tool keeps what is its own",
    Code.TOO_LARGE: "the object is larger than the target can hold",
    Code.COLLISION: "the target key equals another one but for case or Unicode form",
    Code.FREEZE_TRIAL_LEFT: "the object is empty and has the name of a freeze trial's own",
    Code.LEASED_FOR_EVER: "somebody holds it at the source by a lease without end",
}
"""Finding codes that refuse the transfer of a batch, with what they mean."""


NOTED: Mapping[Code, str] = {
    Code.METADATA_LOSS: "metadata that the target cannot hold; the report says where it is",
    Code.TAGS_LOSS: "tags that the target cannot hold; the report says where they are",
    Code.METADATA_COLLISION: "names of metadata that would become one, or one of ours (case, and"
    " `_` written as `-`); none of their metadata is sent, the report says where it is",
    Code.METADATA_HYPHENS: "names of metadata in which `_` is written as `-`"
    " (target.metadata_names: hyphens)",
    Code.LEASED: "a lease: somebody may still be writing",
}
"""What is noted of an object that is moved all the same."""

INFINITE = "infinite"
"""What is said of the lease of an object that somebody holds for ever."""

METADATA_SPARED = 128
"""Bytes of metadata that are left for our own attempt tag."""

RESERVED = frozenset((ATTEMPT, RETAIN))
"""Names of metadata under which we write our own: a source's would take their place."""

_TRIAL = re.compile(rf"{re.escape(FREEZE_TRIAL)}[0-9a-f]{{16}}", re.ASCII)
_OF_THE_HOST = "aws:"  # S3 refuses tags of such names, and the object with them


def decide(
    obj: ObjectInfo, route: Route, rules: Rules, limits: TargetLimits, *, header: int, sealed: bool
) -> Listed:
    """Return what becomes of one object."""
    excluded = left_out(obj, route, rules)
    if excluded is not None:
        return Listed(obj=obj, state=State.EXCLUDED, reason=excluded, parts=0, fold=None)
    if obj.kind not in MOVABLE and obj.kind not in {DIRECTORY, SIDECAR}:  # the former are kept
        return Listed(
            obj=obj, state=State.FAILED, reason=Code.of_kind(obj.kind), parts=0, fold=None
        )
    if is_freeze_trial(obj, route.source.prefix):
        reason = Code.FREEZE_TRIAL_LEFT
        return Listed(obj=obj, state=State.REFUSED, reason=reason, parts=0, fold=None)
    target_key = route.target_key(obj.key)
    refused = _refused_key(target_key, limits)
    if refused is None and obj.kind != SIDECAR and route.is_sidecar(obj.key):
        refused = Code.KEY_RESERVED
    if refused is None and obj.lease == INFINITE and not rules.allow_leased:
        refused = Code.LEASED_FOR_EVER
    if refused is not None:
        return Listed(obj=obj, state=State.REFUSED, reason=refused, parts=0, fold=None)
    try:
        parts = part_plan(obj.size, limits, header=header, sealed=sealed).count
    except Unsupported:
        return Listed(obj=obj, state=State.REFUSED, reason=Code.TOO_LARGE, parts=0, fold=None)
    fold = folded(route.target.bucket, target_key) if rules.fold else None
    noted = ",".join(found) if (found := _noted(obj, limits)) else None
    return Listed(obj=obj, state=State.LISTED, reason=noted, parts=parts, fold=fold)


def _noted(obj: ObjectInfo, limits: TargetLimits) -> list[Code]:
    found = list[Code]()
    if metadata := obj.metadata:
        names = tuple(metadata)
        if _collide(names, limits.metadata_hyphens):
            found.append(Code.METADATA_COLLISION)
        elif not _is_portable(names, [*metadata.values()], limits):
            found.append(Code.METADATA_LOSS)
        elif limits.metadata_hyphens and any("_" in name for name in names):
            found.append(Code.METADATA_HYPHENS)
    if obj.tags and portable_tags(obj, limits) is None:
        found.append(Code.TAGS_LOSS)
    if obj.lease:
        found.append(Code.LEASED)
    return found


def is_freeze_trial(obj: ObjectInfo, prefix: str) -> bool:
    """Say whether an object is what a freeze trial writes: empty, and under a trial's exact name.

    With bytes in it, it is somebody's, and data like any other.
    """
    return obj.size == 0 and _TRIAL.fullmatch(obj.key.removeprefix(prefix)) is not None


def left_out(obj: ObjectInfo, route: Route, rules: Rules) -> str | None:
    """Return by which rule an object is left behind; None: it is not."""
    return rules.decide(route.name(obj.key).removeprefix(route.source.prefix), obj).reason


def _refused_key(target_key: str, limits: TargetLimits) -> Code | None:
    if not (target_key.isascii() and target_key.isprintable()):
        if _SURROGATE.search(target_key):
            return Code.KEY_NOT_UTF8
        if _UNSPEAKABLE.search(target_key):
            return Code.KEY_CONTROL
    if "." in target_key and not {".", ".."}.isdisjoint(target_key.split("/")):
        return Code.KEY_DOT_SEGMENT
    if len(target_key) * 4 > limits.max_key and len(key_bytes(target_key)) > limits.max_key:
        return Code.KEY_TOO_LONG
    if is_reserved(target_key):
        return Code.KEY_RESERVED
    return None


def folded(bucket: str, target_key: str) -> int:
    """Return a 64-bit digest that is equal for keys that a careless store would mix up."""
    if not target_key.isascii():
        target_key = unicodedata.normalize("NFC", target_key)
    text = f"{bucket}\0{target_key.casefold()}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


def portable_metadata(obj: ObjectInfo, limits: TargetLimits) -> dict[str, str] | None:
    """Return the metadata as S3 can hold it, or None when it cannot hold all of it.

    Names that would become one at the target are not sent: which value stays would be chance.
    """
    names = tuple(obj.metadata)
    if _collide(names, limits.metadata_hyphens):
        return None
    if not _is_portable(names, [*obj.metadata.values()], limits):
        return None
    if limits.metadata_hyphens:
        return {hyphenated(name): value for name, value in obj.metadata.items()}
    return dict(obj.metadata)


def _is_portable(names: tuple[str, ...], values: Sequence[str], limits: TargetLimits) -> bool:
    """Say whether headers of the target hold metadata of these names and values."""
    size = sum(map(len, names)) + sum(map(len, values))
    return (
        size <= limits.max_metadata - METADATA_SPARED and _are_names(names) and are_values(values)
    )


def is_header(name: str, value: str) -> bool:
    """Say whether a header holds this, and gives it back as it is."""
    return bool(_HEADER_NAME.match(name) and _HEADER_VALUE.match(value))


def are_values(values: Sequence[str]) -> bool:
    """Say whether each of these is one that a header holds, and gives back as it is."""
    lines = "\n".join(values)
    # A line feed in one of them would make more lines than there are values.
    return bool(_HEADER_VALUES.match(lines)) and lines.count("\n") <= max(0, len(values) - 1)


@lru_cache(maxsize=128)  # objects of a dataset have the same names, as a rule
def _are_names(names: tuple[str, ...]) -> bool:
    """Say whether each of these is the name of a header."""
    return all(map(_HEADER_NAME.match, names))


def portable_names(names: tuple[str, ...], limits: TargetLimits) -> tuple[str, ...] | None:
    """Return how the target calls metadata of these names, None if it cannot hold such names."""
    if _collide(names, limits.metadata_hyphens):
        return None
    if not _are_names(names):
        return None
    return tuple(map(hyphenated, names)) if limits.metadata_hyphens else names


@lru_cache(maxsize=128)  # objects of a dataset have the same names, as a rule
def _collide(names: tuple[str, ...], hyphens: bool) -> bool:
    """Return whether two names would become one, or one of ours, at whatever host.

    `hyphens`: the target writes `_` as `-`.
    """
    lower = {name.lower() for name in names}
    written = set(map(hyphenated, lower))
    ours = {one for one in written if one.startswith(SPOKEN) or one in RESERVED}
    return len(written if hyphens else lower) < len(names) or bool(ours)


def portable_tags(obj: ObjectInfo, limits: TargetLimits) -> dict[str, str] | None:
    """Return the tags as the target can hold them, or None when it cannot."""
    if not obj.tags:
        return {}
    if any(name.lower().startswith(_OF_THE_HOST) for name in obj.tags):
        return None
    return dict(obj.tags) if limits.tags and len(obj.tags) <= limits.max_tags else None
