"""How everything in a bundle is written: canonical JSON, trees, the kinds of lines, their values.

Used by verify.py (which see) and its companions. It needs Python 3.9 and nothing else.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Optional, TypeVar

if TYPE_CHECKING:
    from typing import TypeGuard

    from hdh_migrate.evidence.verifier.members import ObjectSum

T = TypeVar("T")
LONGEST_LINE = 1 << 20
LARGEST_DOCUMENT = 64 << 20
MOST_VALUES = 1 << 21
LARGEST_HANDED = 4 << 20

Body = Mapping[str, object]
"""What an event says: what is in it is known when it was looked at."""


class Wrong(Exception):
    """Something does not hold; the message says what, and where."""


# --- canonical JSON and small tools ------------------------------------------------------------


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)
_ASCII_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(value: object) -> bytes:
    """Return the one spelling of a JSON value: sorted names, no spaces, UTF-8."""
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:  # it has a lone surrogate
        return _ASCII_ENCODER.encode(value).encode()


def unbase64(text: str) -> bytes:
    """Return the bytes of base64 in its one spelling; raise ValueError for any other."""
    data = base64.b64decode(text, validate=True)
    must(base64.b64encode(data).decode() == text)
    return data


def must(holds: bool) -> None:
    """Raise ValueError where something does not hold that has no message of its own."""
    if not holds:
        raise ValueError


def is_text(data: bytes) -> bool:
    """Say whether bytes are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def key_of(line: Mapping[str, object], name: str = "key") -> bytes:
    """Return the bytes of a line's `key` or `target_key`."""
    if f"{name}_b64" in line:
        return base64.b64decode(string(line[f"{name}_b64"]))
    return str(line[name]).encode()


def instant(moment: str) -> tuple[str, str]:
    """Return what moments are compared by; of no text, what comes before all of them."""
    more = moment[19:].partition("+")[0].strip(".Z")
    if more and not (more.isascii() and more.isdigit()):
        more = re.sub("[^0-9]", "", more)
    return moment[:19], more.rstrip("0")


def seconds(moment: str) -> float:
    """Return the seconds from the year 1 to a moment; raise Wrong for what no calendar has."""
    try:
        day = datetime.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - all are UTC
    except ValueError:
        raise Wrong("a moment that no calendar has") from None
    whole = (day - datetime(1, 1, 1)).total_seconds()  # noqa: DTZ001 - all are UTC
    return whole + float(f"0.{instant(moment)[1] or 0}")


AHEAD = 60
"""Seconds by which one clock may be ahead of another one that dated something before it."""


def zero() -> ObjectSum:
    """Return a sum over nothing."""
    return {"objects": 0, "bytes": 0}


def add(sums: ObjectSum, size: int) -> None:
    """Add one object to a sum."""
    sums["objects"] += 1
    sums["bytes"] += size


def sha256(data: bytes) -> str:
    """Return a SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def opened(path: Path) -> BinaryIO:
    """Open a plain file; raise OSError for anything else: from a pipe may never come an end."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = open(os.open(path, flags), "rb")  # noqa: PTH123, SIM115 - a descriptor
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return file


def file_digest(path: Path, most: int | None = None) -> str:
    """Return the SHA-256 of a file in hexadecimal; raise Wrong where it has more than `most` bytes.

    Without `most` it has lines, as many as there are, and no zero byte: a hole, which costs nobody
    anything to make, may be longer than anybody reads.
    """
    digest, size = hashlib.sha256(), 0
    with opened(path) as file:
        while data := file.read(1 << 20):
            digest.update(data)
            size += len(data)
            if most is None and b"\0" in data:
                raise Wrong(f"{path.name}: a zero byte, which no line has")
            if most is not None and size > most:
                raise Wrong(f"{path.name}: too large")
    return digest.hexdigest()


def document(path: Path) -> bytes:
    """Return a file whole; raise Wrong where it is larger than a document may be."""
    with opened(path) as file:
        # Of what is asked for, memory is taken at once: no more than there is.
        size = os.fstat(file.fileno()).st_size
        data = file.read(min(size, LARGEST_DOCUMENT) + 1)
    if len(data) > LARGEST_DOCUMENT:
        raise Wrong(f"{path.name}: too large")
    return data


def parsed(data: bytes, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return what a document says; raise Wrong where it says more than a document may.

    In memory the smallest values take some hundred times the room that they have in a file.
    """
    if sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise Wrong(f"{name}: too many values")
    return json.loads(data)


def handed(path: Path) -> bytes:
    """Return a key or certificates that somebody names beside the bundle; there is no end of some.

    Raises OSError where it cannot be read, and Wrong where it is too large.
    """
    with opened(path) as file:
        data = file.read(LARGEST_HANDED + 1)
    if len(data) > LARGEST_HANDED:
        raise Wrong(f"{path}: too large")
    return data


# --- trees ----------------------------------------------------------------------------------------


class Tree:
    """The Merkle tree of RFC 9162 section 2.1; keeps one digest for each level."""

    def __init__(self) -> None:
        self.count = 0
        self.stack: list[bytes] = []  # whole trees, one for each bit that is set in the count

    def add(self, digest: bytes) -> None:
        """Add one leaf, given as its digest."""
        left = self.count
        while left & 1:
            digest = hashlib.sha256(b"\x01" + self.stack.pop() + digest).digest()
            left >>= 1
        self.stack.append(digest)
        self.count += 1

    def root(self) -> str:
        """Return the root; of no leaves it is the digest of nothing."""
        if not self.stack:
            return sha256(b"")
        digest = self.stack[-1]
        for left in reversed(self.stack[:-1]):
            digest = hashlib.sha256(b"\x01" + left + digest).digest()
        return digest.hex()


# --- lines ---------------------------------------------------------------------------------------


def lines(
    path: Path, fields: Mapping[str, Field], *, ordered: bool, begin: int = 0, number: int = 0,
    seen: dict[str, str] | None = None,
) -> Iterator[tuple[str, bytes, Any]]:  # fmt: skip
    """Yield where, bytes and content of each line; raise Wrong at one that is not ours.

    `begin` is where to begin, in bytes, behind `number` lines. `seen` gets the digest of all.
    """
    digest = hashlib.sha256()
    last: tuple[bytes, bytes] | None = None
    plain = plain_line(fields)
    with opened(path) as file:
        file.seek(begin)
        while raw := file.readline(LONGEST_LINE + 1):
            digest.update(raw)
            number += 1
            where = f"{path.name} line {number}"
            if len(raw) > LONGEST_LINE:
                raise Wrong(f"{where}: the line is too long")
            line = _line(raw, fields, plain, where)
            if ordered:
                order = (line["dataset"].encode(), key_of(line))
                if last is not None and order <= last:
                    what = "the same object twice" if order == last else "out of order"
                    raise Wrong(f"{where}: {what}")
                last = order
            yield where, raw[:-1], line
    if seen is not None:
        seen[path.name] = digest.hexdigest()


def _line(
    raw: bytes, fields: Mapping[str, Field], plain: re.Pattern[str], where: str
) -> dict[str, Any]:
    try:
        text = raw.decode()
        line = json.loads(text)
        if plain.fullmatch(text):
            return dict(line)
        must(canonical(line) + b"\n" == raw)
        named = {name for name in ("key", "target_key") if f"{name}_b64" in line}
        must(line.keys() == fields.keys() | {f"{name}_b64" for name in named})
        for name in named:  # the bytes are the truth, and only names that are no text have them
            data = unbase64(line[f"{name}_b64"])
            must(not is_text(data))
            must(data.decode("utf-8", "backslashreplace") == line[name])
        must(misfit(line, fields) is None)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Wrong(f"{where}: not a line of this kind in canonical form") from None
    return dict(line)


class Field(NamedTuple):
    """What one field of a line may hold: a count of bytes, or a text that fits whole; or null."""

    pattern: Optional[re.Pattern[str]]  # noqa: UP045 - Python 3.9 reads this
    nullable: bool = False

    def holds(self, value: object) -> bool:
        """Say whether it may hold this value."""
        if value is None:
            return self.nullable
        if self.pattern is None:
            return type(value) is int and 0 <= value < 1 << 63
        return isinstance(value, str) and self.pattern.fullmatch(value) is not None

    def text(self, value: object) -> str:
        """Return a text that it may hold; raise ValueError for anything else."""
        if not isinstance(value, str) or not self.holds(value):
            raise ValueError
        return value


def matching(pattern: str, *, nullable: bool = False) -> Field:
    """Return a field of texts that fit a pattern whole."""
    return Field(re.compile(pattern, re.ASCII), nullable)


MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"
SIZE, SIZE_OR_NULL = Field(None), Field(None, nullable=True)
TEXT = matching("[^\ud800-\udfff]+")  # not empty, and no surrogate, which is no character
TEXT_OR_NULL = TEXT._replace(nullable=True)
TIME = matching(MOMENT)
TIME_OR_NULL = TIME._replace(nullable=True)
DIGEST = matching("[0-9a-f]{64}")
DAY, KEY_ID = matching(r"\d{4}-\d\d-\d\d"), matching("ed25519:[0-9a-f]{16}")
DIGEST_OR_NULL = DIGEST._replace(nullable=True)
RECORD = {
    "dataset": TEXT, "key": TEXT, "size": SIZE, "source_version": TEXT,
    "source_modified": TIME_OR_NULL, "source_md5": matching("[0-9a-f]{32}", nullable=True),
    "sha256": DIGEST_OR_NULL, "bucket": TEXT, "target_key": TEXT, "stored_size": SIZE_OR_NULL,
    "stored_sha256": DIGEST_OR_NULL, "target_etag": TEXT_OR_NULL,
    "level": matching("full|stored|head", nullable=True),
    "verdict": matching("match|mismatch|missing|drifted|unverifiable|waived", nullable=True),
    "verified_at": TIME_OR_NULL,
}  # fmt: skip
EXCLUSION_1 = {"dataset": TEXT, "key": TEXT, "reason": TEXT, "rule": TEXT, "size": SIZE}
EXCLUSION = {**EXCLUSION_1, "source_version": TEXT}
FINDING_1 = {
    "at": TIME_OR_NULL, "code": TEXT, "dataset": TEXT_OR_NULL, "key": TEXT_OR_NULL,
    "message": TEXT, "step": TEXT_OR_NULL,
}  # fmt: skip
FINDING = {**FINDING_1, "number": SIZE, "severity": matching("blocker|finding|note")}
LINE_FIELDS = {1: (EXCLUSION_1, FINDING_1), 2: (EXCLUSION, FINDING)}
"""By the format's number: the fields of exclusions and of findings."""
EVENT = {"at": TEXT, "body": TEXT, "digest": DIGEST, "kind": TEXT, "seq": SIZE}


_TEXTS = r'"(?!")[^"\\\x00-\x1f]*(?:\\["\\][^"\\\x00-\x1f]*)*"'
"""Texts in JSON that are not empty, and in which nothing but quotes and backslashes is escaped."""


def plain_line(fields: Mapping[str, Field]) -> re.Pattern[str]:
    """Return what matches lines, line feed included, of which no value needs a closer look.

    What it matches is in canonical form, has exactly these fields, and each of them holds what it
    may; where it does not match, nothing is said. UTF-8 has no surrogates, and none is escaped.
    """
    members = []
    for name in sorted(fields):
        pattern, nullable = fields[name]
        if pattern is None:
            value = r"(?:0|[1-9][0-9]{0,17})"
        elif pattern is TEXT.pattern:
            value = _TEXTS
        else:  # these match nothing that JSON would escape
            value = f'"(?:{pattern.pattern})"'
        members.append(f'"{name}":(?:{value}|null)' if nullable else f'"{name}":{value}')
    return re.compile(r"\{" + ",".join(members) + r"\}\n", re.ASCII)


def misfit(line: Mapping[str, object], fields: Mapping[str, Field]) -> str | None:
    """Return the name of a field whose value is not what it may hold, None if all are."""
    return next((name for name, field in fields.items() if not field.holds(line[name])), None)


# --- values of events and statements ------------------------------------------------------------


def is_count(value: object) -> TypeGuard[int]:
    """Say whether it is an integer, and not negative."""
    return type(value) is int and value >= 0


def is_string(value: object) -> TypeGuard[str]:
    """Say whether it is a string."""
    return type(value) is str


def is_number(value: object) -> TypeGuard[float]:
    """Say whether it is a decimal, or an integer that a decimal can come near to."""
    return type(value) is float or (type(value) is int and abs(value) < 1 << 63)


def count(value: object) -> int:
    """Return a count; raise ValueError for anything else."""
    if not is_count(value):
        raise ValueError
    return value


def string(value: object) -> str:
    """Return a string; raise ValueError for anything else."""
    if not is_string(value):
        raise ValueError
    return value


def whole(value: object) -> int:
    """Return an integer; raise ValueError for anything else, a truth value among it."""
    if type(value) is not int:
        raise ValueError
    return value


def mapping(value: object) -> dict[str, object]:
    """Return a JSON object; raise ValueError for anything else."""
    if type(value) is not dict:
        raise ValueError
    return value


def array(value: object) -> list[object]:
    """Return a JSON array; raise ValueError for anything else."""
    if type(value) is not list:
        raise ValueError
    return value


def all_of(value: object, is_one: Callable[[object], TypeGuard[T]]) -> list[T]:
    """Return a JSON array of what is of one kind; raise ValueError for anything else."""
    found = [one for one in array(value) if is_one(one)]
    must(len(found) == len(array(value)))
    return found


def counts(value: object) -> dict[str, int]:
    """Return a JSON object of counts; raise ValueError for anything else."""
    return {name: count(one) for name, one in mapping(value).items()}


def picked(body: Body, *names: str) -> dict[str, object]:
    """Return some members of an event's body; raise KeyError where one is not there."""
    return {name: body[name] for name in names}


NAMED = matching(r"[\s\S]+")  # not empty; unlike a line's text it may hold a lone surrogate
NAMED_OR_NULL = NAMED._replace(nullable=True)
LEVEL = matching("full|stored|head")
