"""The rules across a plan's fields, each a function whose first line states it.

They look at plain JSON values, not at a validated plan, and step over what has the wrong shape:
so they also speak when a field elsewhere is wrong, and all problems are reported at once. They
name places by index and never repeat a value.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

Loc = tuple[str | int, ...]
"""A place in a plan: field names and list indexes from the top."""

_MAX_CIRCLES = 10
_MAX_LINKS = 10


@dataclass(frozen=True, slots=True)
class Broken:
    """One rule that is broken at one place."""

    loc: Loc
    message: str


def broken(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """Give every broken rule of a plan as it was written, without defaults filled in."""
    for rule in RULES:
        yield from rule(plan)


def shown(loc: Loc) -> str:
    """Return a place as people read it: `datasets[0].target.bucket`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return text.removeprefix(".")


def _planned_days_are_in_order(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """The last planned day is not before the first."""
    planned = _mapping(plan, "planned")
    first, last = planned.get("first_day"), planned.get("last_day")
    if isinstance(first, str) and isinstance(last, str) and last < first:
        yield Broken(("planned", "last_day"), "before the first day")


def _second_read_is_compared(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """Reading the source again needs level `full`, which has something to compare it with."""
    verify = _mapping(plan, "verify")
    if verify.get("source") == "again" and verify.get("level", "full") != "full":
        yield Broken(("verify", "source"), "again needs level full: nothing would be compared")


def _two_recipients(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """Sealing needs two different recipients, or `single_recipient_reason`."""
    seal = _mapping(plan, "seal")
    recipients = seal.get("recipients")
    if seal.get("format") != "crypt4gh" or not isinstance(recipients, list) or not recipients:
        return
    first: dict[str, int] = {}
    for index, path in enumerate(recipients):
        if isinstance(path, str):
            seen = first.setdefault(posixpath.normpath(path), index)
            if seen != index:
                where = shown(("seal", "recipients", seen))
                yield Broken(("seal", "recipients", index), f"the same key file as {where}")
    if len(first) < 2 and seal.get("single_recipient_reason") is None:
        yield Broken(
            ("seal", "recipients"),
            "needs two different recipients, so that one lost key loses no data;"
            " or say why not in single_recipient_reason",
        )


def _origin_fits_source(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """Datasets of an `azure-blob` source have a `container`, those of a `folder` a `path`."""
    kind = _mapping(plan, "source").get("kind")
    wrong = {"azure-blob": "path", "folder": "container"}.get(kind if isinstance(kind, str) else "")
    right = "container" if wrong == "path" else "path"
    for index, dataset in _mappings(plan, "datasets"):
        if wrong in _mapping(dataset, "source"):
            yield Broken(
                ("datasets", index, "source", str(wrong)),
                f"the source's kind is {kind}: give `{right}`, not `{wrong}`",
            )


def _names_are_unique(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """Names of datasets are unique, and so are names of batches."""
    for section in ("datasets", "batches"):
        first: dict[str, int] = {}
        for index, name in _names(plan, section):
            if first.setdefault(name, index) != index:
                where = shown((section, first[name]))
                yield Broken((section, index, "name"), f"the same name as {where}")


def _targets_are_apart(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """No two datasets have the same target bucket and prefix."""
    first: dict[tuple[str, str], int] = {}
    for index, dataset in _mappings(plan, "datasets"):
        target = _mapping(dataset, "target")
        bucket, prefix = target.get("bucket"), target.get("prefix", "")
        if (
            isinstance(bucket, str)
            and isinstance(prefix, str)
            and first.setdefault((bucket, prefix), index) != index
        ):
            where = shown(("datasets", first[bucket, prefix]))
            yield Broken(
                ("datasets", index, "target"),
                f"the same bucket and prefix as {where}: give each dataset its own prefix",
            )


def _keeping_has_a_reason(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """`collisions: keep` needs `collisions_reason`."""
    for index, dataset in _mappings(plan, "datasets"):
        if dataset.get("collisions") == "keep" and dataset.get("collisions_reason") is None:
            yield Broken(
                ("datasets", index, "collisions_reason"), "missing: `collisions: keep` needs it"
            )


def _languages_are_unique(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """Each language of the report is listed once."""
    for index, again in _repeated(_mapping(plan, "report").get("languages")):
        yield Broken(
            ("report", "languages", index),
            f"the same language as {shown(('report', 'languages', again))}",
        )


def _only_the_signed_is_stamped(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """A time-stamping authority needs a `signer`: an unsigned draft is not stamped."""
    report = _mapping(plan, "report")
    if report.get("tsa") is not None and report.get("signer") is None:
        yield Broken(("report", "signer"), "missing: `tsa` stamps what is signed")


def _one_batch_each(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """Every dataset belongs to exactly one batch."""
    if not plan.get("batches"):
        return  # none given: one batch holds them all
    known = {name: index for index, name in _names(plan, "datasets")}
    taken: dict[str, int] = {}
    for at, batch in _mappings(plan, "batches"):
        for index, name in _texts(batch.get("datasets")):
            loc: Loc = ("batches", at, "datasets", index)
            if name not in known:
                yield Broken(loc, "no dataset has this name")
            elif taken.setdefault(name, at) != at:
                where = shown(("batches", taken[name]))
                yield Broken(loc, f"this dataset is already in {where}: it belongs to one batch")
        for index, again in _repeated(batch.get("datasets")):
            where = shown(("batches", at, "datasets", again))
            yield Broken(("batches", at, "datasets", index), f"the same dataset as {where}")
    for name, index in known.items():
        if name not in taken:
            yield Broken(("datasets", index, "name"), "this dataset is in no batch: add it to one")


def _needs_have_an_order(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """Batches need known batches, and never each other in a circle."""
    batches = dict(_mappings(plan, "batches"))
    at = {name: index for index, name in _names(plan, "batches")}
    graph: dict[int, set[int]] = {index: set() for index in batches}
    for index, batch in batches.items():
        for place, name in _texts(batch.get("needs")):
            if name in at:
                graph[index].add(at[name])
            else:
                yield Broken(("batches", index, "needs", place), "no batch has this name")
    for circle in _circles(graph):
        links = [shown(("batches", index)) for index in (*circle, circle[0])]
        if len(links) > _MAX_LINKS:
            links[_MAX_LINKS - 1 : -1] = ["..."]
        chain = " needs ".join(links)
        yield Broken(("batches", circle[0], "needs"), f"batches need each other: {chain}")


def _circles(graph: dict[int, set[int]]) -> Iterator[list[int]]:
    """Give circles that share no batch, each from its first batch on."""
    for _ in range(_MAX_CIRCLES):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            # graphlib tells the circle from the needed to the needing, first and last alike.
            circle = list(reversed(error.args[1][1:]))
            start = circle.index(min(circle))
            yield circle[start:] + circle[:start]
            graph = {
                index: needs.difference(circle)
                for index, needs in graph.items()
                if index not in circle
            }
        else:
            return


def _enough_approvers(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """Each approval key is listed once, and there are at least `threshold` of them."""
    approvals = _mapping(plan, "approvals")
    keys, threshold = approvals.get("keys"), approvals.get("threshold", 1)
    for index, again in _repeated(keys):
        where = shown(("approvals", "keys", again))
        yield Broken(("approvals", "keys", index), f"the same key file as {where}")
    if isinstance(keys, list) and keys and type(threshold) is int and threshold > len(keys):
        yield Broken(
            ("approvals", "threshold"), f"more than the {len(keys)} that may approve: nobody could"
        )


def _trial_fits_source(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """Freeze kind `denied-write` needs source kind `azure-blob`."""
    source = _mapping(plan, "source").get("kind")
    if _mapping(plan, "freeze").get("kind") == "denied-write" and source == "folder":
        yield Broken(
            ("freeze", "kind"), "a folder has no credential to try: use kind statement instead"
        )


def _pointer_has_its_key(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """An `s3-object` pointer with an `endpoint` of its own has its own `credential` too."""
    for index, batch in _mappings(plan, "batches"):
        pointer = _mapping(batch, "pointer")
        if "endpoint" in pointer and "credential" not in pointer:
            yield Broken(
                ("batches", index, "pointer", "credential"),
                "missing: the target's key is not sent to another endpoint",
            )


def _ssh_is_pinned(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """An `ssh-command` pointer has `host_keys` or `known_hosts`, and a `key` or `agent: true`."""
    for index, batch in _mappings(plan, "batches"):
        pointer = _mapping(batch, "pointer")
        if pointer.get("kind") != "ssh-command":
            continue
        if not pointer.get("host_keys") and "known_hosts" not in pointer:
            yield Broken(
                ("batches", index, "pointer", "host_keys"),
                "missing: name the machine's key (ssh-keygen -lf), or known_hosts",
            )
        if ("key" in pointer) == (pointer.get("agent") is True):
            yield Broken(
                ("batches", index, "pointer", "key"), "give a key file, or `agent: true`, not both"
            )


def _pointers_are_apart(plan: Mapping[str, Any]) -> Iterator[Broken]:
    """No two batches have the same file or object as their pointer."""
    first: dict[tuple[object, ...], int] = {}
    for index, batch in _mappings(plan, "batches"):
        pointer = _mapping(batch, "pointer")
        kind = pointer.get("kind")
        fields = {"file": ("path", "key"), "s3-object": ("endpoint", "bucket", "key")}
        if not isinstance(kind, str) or kind not in fields:
            continue
        place = (kind, *(pointer.get(field) for field in fields[kind]))
        if (
            all(isinstance(part, str | None) for part in place)
            and first.setdefault(place, index) != index
        ):
            where = shown(("batches", first[place], "pointer"))
            yield Broken(("batches", index, "pointer"), f"the same place as {where}")


def _mapping(value: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    found = value.get(field)
    return found if isinstance(found, dict) else {}


def _mappings(plan: Mapping[str, Any], section: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    found = plan.get(section)
    for index, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, dict):
            yield index, item


def _names(plan: Mapping[str, Any], section: str) -> Iterator[tuple[int, str]]:
    for index, item in _mappings(plan, section):
        name = item.get("name")
        if isinstance(name, str):
            yield index, name


def _texts(value: object) -> Iterator[tuple[int, str]]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, str):
            yield index, item


def _repeated(value: object) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for index, text in _texts(value):
        if first.setdefault(text, index) != index:
            yield index, first[text]


RULES: tuple[Callable[[Mapping[str, Any]], Iterator[Broken]], ...] = (
    _second_read_is_compared,
    _planned_days_are_in_order,
    _two_recipients,
    _origin_fits_source,
    _names_are_unique,
    _targets_are_apart,
    _keeping_has_a_reason,
    _one_batch_each,
    _needs_have_an_order,
    _languages_are_unique,
    _only_the_signed_is_stamped,
    _enough_approvers,
    _trial_fits_source,
    _pointer_has_its_key,
    _ssh_is_pinned,
    _pointers_are_apart,
)
