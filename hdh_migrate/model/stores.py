"""What sources and targets say of objects, and what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple

from hdh_migrate.frozen import frozen
from hdh_migrate.model.basics import SEGMENT, Span


@frozen
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
    kind: str = "object"  # see MOVABLE; or why it is none: the code `kind-...` without `kind-`
    tier: str | None = None
    lease: str | None = None  # "leased", or "infinite" where nobody but its holder can end it
    facts: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What else the source says of it, by the names of fields in `fidelity.FEATURES`."""


MOVABLE = frozenset(("object", "append-blob", "page-blob"))
"""Kinds whose bytes are read and moved; every other kind says why one is not."""


class Brief(NamedTuple):
    """Claims about one object that count only if two listings agree on them."""

    key: str
    size: int
    version: str
    kind: str
    md5: str | None


@frozen
class Page:
    """One page of a listing; `marker` is where the next page starts, None after the last."""

    objects: tuple[ObjectInfo, ...]
    marker: str | None


@frozen
class Lock:
    """What keeps a stored version from being deleted; `until` is RFC 3339 in UTC, in seconds."""

    mode: str | None = None  # "governance" or "compliance"
    until: str | None = None
    hold: bool = False


@frozen
class Keeping:
    """The retention that a plan wants for each object: days, lock mode, legal hold."""

    mode: str | None = None
    days: int = 0
    hold: bool = False


@frozen
class Stored:
    """One object as the target reports it."""

    key: str = field(repr=False)
    size: int
    etag: str
    version_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    lock: Lock = Lock()
    tag_count: int | None = None  # None: the reply did not say
    expires: str | None = None
    """When the target says that a rule of its own will delete it; empty: when cannot be read."""
    archived: bool = False
    """Whether the target has put it where nobody reads it before it is brought back."""
    exact: bool = False
    """Whether exactly this version is meant; otherwise it is what is current under the key."""


@frozen
class StoredVersion:
    """One version as a target lists it: a key has several; a `marker` says that it was deleted."""

    key: str = field(repr=False)
    version_id: str
    marker: bool = False
    latest: bool = False


@frozen
class Stamp:
    """What is stored beside the bytes: our attempt tag, and the source's metadata and tags."""

    attempt: str
    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    lock: Lock | None = None


@frozen
class Upload:
    """An open multipart upload; of a `locked` one every part needs a digest of its own."""

    bucket: str
    key: str = field(repr=False)
    upload_id: str
    locked: bool = False


@frozen
class PartInfo:
    """One part as the target lists it."""

    number: int
    size: int
    etag: str


@frozen
class TargetLimits:
    """The limits of a target, from its provider profile: no code asks for a provider by name.

    Rates are for one bucket; None means that no number is known, and there is no throttling.
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
    part_copy: bool = True
    """Whether the host makes parts of what it holds already."""
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


@frozen
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


class Untagged(StrEnum):
    """Why a source lists no index tags."""

    DENIED = "denied"  # the credential may not read them
    UNSUPPORTED = "unsupported"  # the account has no such thing


@frozen
class Refusal:
    """The result of a write trial where every write should be refused."""

    proven: bool
    detail: str
    """What the store said, in words that may be shown."""
    left: str | None = None
    """The key of an object of ours that could not be removed again."""


class Erasing(StrEnum):
    """The result of asking a source to delete one version of one object."""

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


@frozen
class Erased:
    """The result of one delete, with words that may be shown."""

    outcome: Erasing
    detail: str = ""


@frozen
class Remnant:
    """One item that a source still lists; `days` until the service removes it, if known."""

    key: str = field(repr=False)
    trace: Trace
    days: int | None = None


class Archived(StrEnum):
    """How an object stands that was archived."""

    ARCHIVED = "archived"
    COMING = "coming"  # somebody has asked for it
    READABLE = "readable"
    CHANGED = "changed"  # it has another version than the one that was inventoried
    GONE = "gone"


@frozen
class Asked:
    """The result of requesting an archived object; `told` says why it was refused."""

    taken: bool
    detail: str = ""


@frozen
class PriorityFacts:
    """What is known of one rehydration priority; a field that is None is not known."""

    hours: float
    of_objects_below: int
    """Bytes; of larger objects nobody says how long they take."""
    hours_from: str
    bytes_per_hour: int | None
    per_gb: float | None
    per_10000: float | None
    currency: str
    price_from: str


@frozen
class ArchiveFacts:
    """What is known of an archive tier, and since when."""

    as_of: str
    early_deletion_days: int
    priorities: Mapping[str, PriorityFacts]
