"""What a pack says: of itself, of where the objects are, and of each of them.

These are the lines of docs/grant-format.md. Whoever reads one believes none of it before the pack
is whole and its root is that of a signed statement.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, NoReturn, TypeVar

from hdh_migrate.bounded import LARGEST_SIZE, as_count
from hdh_migrate.errors import PackDamaged
from hdh_migrate.fixity import LineForm, canonical_json, leaf_digest
from hdh_migrate.frozen import frozen
from hdh_migrate.jsonform import ABSENT, Absent, JsonForm, OtherForm, json_form
from hdh_migrate.sealing.crypt4gh import HEADER_MAX

F = TypeVar("F", bound=JsonForm)

FORMAT: Final = "hdh-migrate/grant/1"

POSITIONS: Final = "position-1"
"""How nonces bind segments to their places: three zero bytes, the segment's index (64 bits,
big-endian), and a byte that is 1 for the object's last segment only."""

LINE_MAX: Final = 64 << 10
"""Bytes of the longest line of a pack."""

_TEXTS: Final = ("name", "bucket", "key", "etag", "sha256", "header", "order")
_MAYBE_TEXTS: Final = ("version", "sealed_sha256")
_COUNTS: Final = ("body", "length", "sealed")
_MEMBERS: Final = frozenset((*_TEXTS, *_MAYBE_TEXTS, *_COUNTS))
_FORM: Final = LineForm(_MEMBERS)


@json_form
class HostAddress(JsonForm):
    """Where the objects are: what a reader needs besides a credential of its own."""

    url: str
    region: str
    """The one that signatures name."""
    addressing: str
    """`path` or `virtual`: where the bucket stands in an address."""
    pins: tuple[str, ...] | Absent = ABSENT
    """Of the host's public keys, where the plan pins them."""


@json_form
class PackHead(JsonForm):
    """The first line of a pack: whose it is, what it is for, and how many lines follow."""

    format: str
    grant: str
    """The grant's id."""
    migration: str
    dataset: str
    permit: str
    purpose: str
    reader: str
    """Fingerprint of the one key that opens the pack."""
    until: str
    """The last moment for which it was given, RFC 3339 in UTC."""
    endpoint: HostAddress
    objects: int
    bytes: int
    """Bytes of the objects in clear."""


@json_form
class PackEnd(JsonForm):
    """The last line of a pack."""

    end: bool
    objects: int
    root: str
    """Of the RFC 9162 tree over the lines of the objects, in hexadecimal."""


@frozen
class GrantedObject:
    """One object that a reader may open: where its bytes are, and the header that opens them."""

    name: str = field(repr=False)
    """As the dataset has it."""
    bucket: str
    key: str = field(repr=False)
    version: str | None
    """None: the host keeps no versions of it."""
    etag: str
    body: int
    """Where the first segment begins in the target object, in bytes."""
    length: int
    """Bytes in clear."""
    sealed: int
    """Bytes of the whole target object."""
    sha256: str
    """Of the bytes in clear."""
    sealed_sha256: str | None
    """Of the target object's bytes; None: not known."""
    header: bytes = field(repr=False)
    """A Crypt4GH header that opens the body, for the reader alone."""
    order: str = POSITIONS

    def line(self) -> bytes:
        """Return the object's line, without its line feed."""
        return _FORM.written(
            {
                "name": self.name, "bucket": self.bucket, "key": self.key,
                "version": self.version, "etag": self.etag, "body": self.body,
                "length": self.length, "sealed": self.sealed, "sha256": self.sha256,
                "sealed_sha256": self.sealed_sha256,
                "header": base64.b64encode(self.header).decode(), "order": self.order,
            }
        )  # fmt: skip


def head_of(line: bytes) -> PackHead:
    """Read the first line of a pack, given without its line feed.

    Raises:
        PackDamaged: it is none, or that of a format which is not known here.
    """
    value = json_of(line)
    if value.get("format") != FORMAT:
        raise PackDamaged(
            "the pack is of a format that is not known here",
            hint="use the version of hdh-migrate that wrote it, or a later one",
        )
    return _read(PackHead, value)


def object_of(line: bytes) -> GrantedObject:
    """Read an object's line.

    Raises:
        PackDamaged: it is none.
    """
    value = json_of(line)
    if set(value) != _MEMBERS:
        damaged()
    whole = all(type(value[name]) is str for name in _TEXTS)
    whole = whole and all(isinstance(value[name], str | None) for name in _MAYBE_TEXTS)
    whole = whole and all(as_count(value[name]) is not None for name in _COUNTS)
    if not whole or value["order"] != POSITIONS:
        damaged()
    return GrantedObject(**{**value, "header": _header(value["header"])})


def end_of(line: bytes) -> PackEnd:
    """Read the last line of a pack.

    Raises:
        PackDamaged: it is none.
    """
    return _read(PackEnd, json_of(line))


def leaf(line: bytes) -> bytes:
    """Return the leaf of an object's line in the pack's tree; without its line feed."""
    return leaf_digest(line)


def written(form: JsonForm) -> bytes:
    """Return the first or last line of a pack, without its line feed."""
    return canonical_json(form.as_json())


def json_of(line: bytes) -> Mapping[str, Any]:
    """Return the object that a line holds.

    Raises:
        PackDamaged: it holds none.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        damaged()
    if not isinstance(value, dict):
        damaged()
    return value


def damaged() -> NoReturn:
    """Refuse a pack whose lines are not what they must be; none of its content is shown.

    Raises:
        PackDamaged: always.
    """
    raise PackDamaged("the pack is cut, reordered or damaged")


def _read(form: type[F], value: Mapping[str, Any]) -> F:
    try:
        made = form.of_json(dict(value))
    except OtherForm:
        damaged()
    counts = (getattr(made, name, 0) for name in ("objects", "bytes"))
    if any(not 0 <= one <= LARGEST_SIZE for one in counts):
        damaged()
    return made


def _header(text: str) -> bytes:
    try:
        header = base64.b64decode(text, validate=True)
    except ValueError:
        damaged()
    if not 0 < len(header) <= HEADER_MAX:
        damaged()
    return header
