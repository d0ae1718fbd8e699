"""The frozen nouns that every layer shares. No behaviour beyond arithmetic.

Keys are `str` decoded from the store's bytes with `surrogateescape`, so that any byte string
makes the round trip; `key_bytes` gives the bytes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

SEGMENT = 65_536
"""Plaintext bytes per unit of encryption (Crypt4GH)."""

MIB = 1 << 20

FREEZE_TRIAL = ".hdh-migrate-freeze-trial-"
"""How the name of every blob begins, under its prefix, that a freeze probe tries to create."""


SIZE_MAX = 1 << 60
"""Bytes that no single object of any store reaches; who says more is wrong."""

TOTAL_MAX = (1 << 63) - 1
"""Bytes that the objects of one dataset may have together: what the ledger can add up."""


def key_bytes(key: str) -> bytes:
    """Return the exact bytes of a key."""
    return key.encode("utf-8", "surrogateescape")


def key_text(raw: bytes) -> str:
    """Return the text form of a key's bytes; undecodable bytes become lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


class State(IntEnum):
    """Where one object stands; the values are stored in the ledger.

    A crash leaves SENDING rows behind: they are intents without receipts, and the next run
    asks the target what happened before it sends them again.
    """

    LISTED = 0
    EXCLUDED = 1
    REFUSED = 2
    SENDING = 3
    SENT = 4
    VERIFIED = 5
    FAILED = 6


VANISHED = "vanished"
"""Why an object is left behind that was gone from the source before it could be moved."""


class Verdict(StrEnum):
    """What a comparison between source and target found."""

    MATCH = "match"
    MISMATCH = "mismatch"
    MISSING = "missing"
    DRIFTED = "drifted"
    UNVERIFIABLE = "unverifiable"


class Step(StrEnum):
    """The steps of the pipeline, in order."""

    INVENTORY = "inventory"
    TRANSFER = "transfer"
    VERIFY = "verify"


class Role(StrEnum):
    """What worker processes are for; those of one know no secret of the other's alone."""

    MOVE = "move"
    """Reads the source and writes the target."""
    PROVE = "prove"
    """Reads back what the target holds, and can write nothing."""


@dataclass(frozen=True, slots=True)
class Span:
    """A byte range of an object: `start` inclusive, `length` bytes."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The first byte after the span."""
        return self.start + self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a dataset lives on one side: a container or bucket, and a key prefix."""

    bucket: str
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """One object as its store describes it; `version` is an opaque token of unchanged content."""

    key: str = field(repr=False)  # names may identify patients
    size: int
    version: str
    modified: str | None = None  # RFC 3339, UTC
    md5: str | None = None  # hexadecimal; a claim of the store, never proof
    headers: Mapping[str, str] = field(default_factory=dict)  # content-type and its family
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    kind: str = "object"  # or why it is no plain readable one: the code `kind-...` without `kind-`
    tier: str | None = None
    lease: str | None = None


class Brief(NamedTuple):
    """What is believed of one object only when the source says it twice."""

    key: str
    size: int
    version: str
    kind: str
    md5: str | None


class Pinned(NamedTuple):
    """One object as the ledger holds on to it."""

    number: int
    told: Brief
    state: State
    reason: str | None = None
    """Why it is left behind."""


class Looked(NamedTuple):
    """One object as it is shown to who looks: where it stands, and the codes of its findings."""

    number: int
    key: str
    size: int
    state: State
    codes: tuple[str, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing; `marker` is where the next page starts, None after the last."""

    objects: tuple[ObjectInfo, ...]
    marker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What keeps a stored version from being deleted; `until` is RFC 3339 in UTC, in seconds."""

    mode: str | None = None  # "governance" or "compliance"
    until: str | None = None
    hold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What a plan wants of every object of a dataset: so many days in a mode, and a legal hold."""

    mode: str | None = None
    days: int = 0
    hold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One object as the target reports it."""

    key: str = field(repr=False)
    size: int
    etag: str
    version_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    lock: Lock = Lock()
    tag_count: int | None = None  # None: the reply did not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What is written beside the bytes: our attempt tag, and what the source said of the object."""

    attempt: str
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    lock: Lock | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An open multipart upload; of a `locked` one every part needs a digest of its own."""

    bucket: str
    key: str = field(repr=False)
    upload_id: str
    locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PartInfo:
    """One part as the target lists it."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLimits:
    """What a target can hold and bear: data from a provider profile, never a name in code.

    Rates are for one bucket; None means that no number is known, and nothing is held back.
    """

    max_parts: int
    min_part: int
    max_part: int
    max_put: int
    max_object: int
    max_key: int = 1024
    max_metadata: int = 2048
    max_tags: int = 10
    conditional_put: bool = True
    conditional_complete: bool = True
    metadata_hyphens: bool = False
    """The plan's choice: `_` in the names of metadata is written as `-`."""
    tags: bool = True
    tags_with_put: bool = True
    tags_with_upload: bool = True
    """Whether the host takes tags with the upload; otherwise they are set when it is complete."""
    max_open_uploads: int | None = None
    quota_bytes: int | None = None
    request_seconds: float | None = None
    writes_per_second: float | None = None
    reads_per_second: float | None = None
    connection_bytes_per_second: float | None = None
    objects_per_bucket: int | None = None


FENCES: Final = ".hdh-migrate-fence/"
"""Under this prefix of a bucket lie the fences, each under its migration's name."""

PROBES: Final = ".hdh-migrate-probe/"
"""Under this prefix every probe writes, each in a folder of its own."""


def is_reserved(target_key: str) -> bool:
    """Say whether a key of a target bucket is one of the tool's own, which is never data."""
    return target_key.startswith((FENCES, PROBES))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPlan:
    """How one object is cut: `count` parts of `segments` segments each, the last one shorter.

    Part 1 carries the header too. A count of 0 means one single PUT.
    """

    segments: int
    count: int

    @classmethod
    def begun(cls, segments: int, size: int) -> PartPlan:
        """Return the plan of an upload that was begun with so many segments a part.

        The target's limits may have become other ones meanwhile; an open upload goes on as it is.
        """
        return cls(segments=segments, count=-(-size // (segments * SEGMENT)))

    @property
    def plain(self) -> int:
        """Plaintext bytes of a full part."""
        return self.segments * SEGMENT

    def span(self, number: int, size: int) -> Span:
        """Return the plaintext span of part `number` (from 1) of an object of `size` bytes."""
        start = (number - 1) * self.plain
        return Span(start, max(0, min(self.plain, size - start)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that preflight or inventory holds against going on."""

    where: str
    what: str
    hint: str | None = None
    auth: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.hint})" if self.hint else "")


class Untagged(StrEnum):
    """Why a source lists no index tags."""

    DENIED = "denied"  # the credential may not read them
    UNSUPPORTED = "unsupported"  # the account has no such thing


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What came of trying to write where nobody should be able to."""

    proven: bool
    told: str
    """What the store said, in words that may be shown."""
    left: str | None = None
    """The key of an object of ours that could not be removed again."""


class Erasing(StrEnum):
    """What came of asking a source to delete one version of one object."""

    DELETED = "deleted"
    MISSING = "missing"
    DRIFTED = "drifted"  # another version is there now; it was kept
    KEPT = "kept"  # a lease, a snapshot, a hold: the store refuses


class Trace(StrEnum):
    """In which form an object is still there after a delete."""

    CURRENT = "current"
    VERSION = "version"
    SNAPSHOT = "snapshot"
    SOFT_DELETED = "soft-deleted"
    UNCOMMITTED = "uncommitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What came of one delete, in words that may be shown."""

    outcome: Erasing
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remnant:
    """One thing that a source still lists; `days` until it goes by itself, where that is known."""

    key: str = field(repr=False)
    trace: Trace
    days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """One object as the rules of its dataset judge it, with what they, or a step, made of it."""

    entry: Entry
    state: State
    reason: str | None


class Origin(NamedTuple):
    """By which adoption an object was taken, whose tag it carries, what it is compared with.

    `statement` is that of the bundle that has its digests; None: the source was read again.
    """

    batch: str
    number: int
    ledger: str
    statement: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One listed object with what inventory decided about it."""

    obj: ObjectInfo
    state: State
    reason: str | None
    parts: int
    fold: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUpload:
    """A multipart upload that the ledger knows of."""

    entry: int
    attempt: int
    upload_id: str
    header: bytes = field(repr=False)
    segments: int
    recorded: bool = True
    """Whether everything that was sealed under its data key is recorded by its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReceipt:
    """One part that the target acknowledged."""

    number: int
    sha256: str
    sealed_sha256: str
    stored_size: int
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Objects and bytes in one state."""

    objects: int = 0
    size: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(objects=self.objects + other.objects, size=self.size + other.size)


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

    oldest: int
    code: str
    severity: str
    dataset: str | None
    batch: str | None
    detail: str
    many: int


class Sample(NamedTuple):
    """How far a step of a batch had come at a moment, since this run had begun it."""

    at: str
    seconds: float
    """By the machine's clock that never goes back."""
    batch: str
    step: str
    objects: int
    size: int
