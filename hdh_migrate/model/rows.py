"""What the ledger keeps: objects, datasets, receipts, and sums of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple, TypedDict

from hdh_migrate.frozen import frozen
from hdh_migrate.model.basics import State
from hdh_migrate.model.stores import Brief, ObjectInfo


class Pinned(NamedTuple):
    """One object with the source version that the ledger has pinned."""

    number: int
    brief: Brief
    state: State
    reason: str | None = None
    """Why it is left behind."""
    tags: Mapping[str, str] = {}
    """Its index tags, as it was listed."""


class KeptBack(NamedTuple):
    """One object that cannot be moved as planned, and why."""

    id: int
    state: State
    reason: str | None


class ArchivedObject(NamedTuple):
    """One object that could not be read when it was listed, because it was archived."""

    number: int
    key: str
    size: int
    version: str


class Looked(NamedTuple):
    """One object as shown to people: its state, and the codes of its findings."""

    number: int
    key: str
    size: int
    state: State
    codes: tuple[str, ...]


class LeftOut(NamedTuple):
    """One object that the plan excludes."""

    number: int
    key: str
    size: int
    version: str
    reason: str | None


class Claimed(NamedTuple):
    """One object as it was listed, in the ledger's own form."""

    number: int
    key: bytes
    size: int
    version: str
    state: int
    reason: str | None
    md5: bytes | None
    kind: str
    modified: str | None = None
    extra: str | None = None
    """What it has beyond its columns, as JSON; only where it is asked for."""


@frozen
class Entry:
    """One object as the ledger knows it."""

    id: int
    dataset: int
    obj: ObjectInfo
    parts: int
    attempt: int
    sha256: str | None = None
    sealed_sha256: str | None = None
    stored_size: int | None = None
    etag: str | None = None
    version_id: str | None = None

    @property
    def size(self) -> int:
        """Bytes at the source."""
        return self.obj.size


class Ruled(NamedTuple):
    """One object with what the rules of its dataset, or a step, decided about it."""

    entry: Entry
    state: State
    reason: str | None


class Origin(NamedTuple):
    """Which adoption took an object over, whose attempt tag it has, what it is compared with.

    `statement` is that of the bundle that has its digests; None: the source was read again.
    """

    batch: str
    number: int
    ledger: str
    statement: str | None


@frozen
class Verified:
    """One verified object: which source version it is, and what the target held of it then."""

    id: int
    dataset: int
    key: str = field(repr=False)
    size: int
    version: str
    sha256: str | None
    stored_size: int | None
    stored_sha256: str | None
    etag: str | None
    version_id: str | None
    level: str | None = None
    """How closely it was read when it was verified."""
    verified_at: str | None = None

    @property
    def proven(self) -> bool:
        """Whether all stored bytes were read back once, so that they can be compared again."""
        return None not in {self.sha256, self.stored_size, self.stored_sha256, self.etag}


class RenewedRow(NamedTuple):
    """A verified object that has another header: what was read back of it, and when."""

    id: int
    attempt: int
    """At which it was verified before."""
    stored_size: int
    stored_sha256: str
    etag: str
    version_id: str | None
    level: str
    at: str


@frozen
class DatasetRow:
    """One dataset as the ledger knows it."""

    id: int
    name: str
    batch: str
    sealed: bool
    surveyed: bool
    marker: str | None
    last_key: str | None
    pages: int
    root: str | None


class Listed(NamedTuple):
    """One listed object with what inventory decided about it."""

    obj: ObjectInfo
    state: State
    reason: str | None
    parts: int
    fold: int | None


@frozen
class OpenUpload:
    """A multipart upload that the ledger knows of."""

    entry: int
    attempt: int
    upload_id: str
    header: bytes = field(repr=False)
    segments: int
    recorded: bool = True
    """Whether everything that was sealed under its data key is recorded by its digest."""


@frozen
class PackedObject:
    """One object at the target, with what a header pack says of it."""

    key: str = field(repr=False)
    size: int
    stored_size: int
    etag: str
    version_id: str | None
    header: bytes = field(repr=False)


@frozen
class KeptHeader:
    """An object's header as the ledger keeps it, and the number of its block."""

    object: int
    block: int
    header: bytes = field(repr=False)


@frozen
class PackRow:
    """One header pack as the ledger has it: an object of its dataset like all others."""

    id: int
    key: str = field(repr=False)
    state: State
    stored_size: int | None
    stored_sha256: str | None
    etag: str | None
    version_id: str | None


@frozen
class PartReceipt:
    """One part that the target acknowledged."""

    number: int
    sha256: str
    sealed_sha256: str
    stored_size: int
    etag: str


@frozen
class Tally:
    """Number of objects and sum of their bytes in one state."""

    objects: int = 0
    size: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(objects=self.objects + other.objects, size=self.size + other.size)


@frozen
class JournalEnd:
    """How far a journal goes: how many events, and the digest of the last."""

    events: int
    head: str


class Arrived(NamedTuple):
    """What the target has acknowledged of large objects that are under way."""

    objects: int
    parts: int
    size: int
    """Bytes at the source."""


class Waiting(NamedTuple):
    """One object that is neither verified nor excluded."""

    id: int
    key: str
    size: int
    state: State
    attempt: int
    tagged: bool
    doubted: bool
    """It was left out for what a listing alone said of its kind."""


class Grouped(NamedTuple):
    """All open findings of one code in one dataset; `detail` is the oldest one's."""

    code: str
    severity: str
    dataset: str | None
    batch: str | None
    detail: str
    many: int


class Sample(NamedTuple):
    """How far a step of a batch has come at a moment, counted from where this run began it."""

    at: str
    seconds: float
    """By the machine's clock that never goes back."""
    batch: str
    step: str
    objects: int
    size: int


class OpenFinding(TypedDict):
    """One open finding of the ledger, with the key of its object."""

    id: int
    dataset: str | None
    object: int | None
    key: str | None
    code: str
    """Text, and no `Code`: a newer version may have written it."""
    severity: str
    detail: str
    at: str
    batch: str | None
    verdict: str | None


class ObjectRecord(TypedDict):
    """One object with all that the manifest needs; digests are hexadecimal."""

    id: int
    key: str
    size: int
    version: str
    modified: str | None
    md5: str | None
    state: State
    reason: str | None
    sha256: str | None
    stored_size: int | None
    stored_sha256: str | None
    etag: str | None
    version_id: str | None
    level: str | None
    verdict: str | None
    verified_at: str | None
