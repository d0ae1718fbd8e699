"""What the coordinator asks of workers: one class for each kind of order, and for its items.

An order names objects of one dataset by ledger id and attempt. It holds references to secrets,
never secrets. What comes back is in receipts.py, how both travel in engines/wire.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TypedDict

from hdh_migrate.frozen import frozen
from hdh_migrate.model import ObjectInfo

# --- items: one object of an order ---------------------------------------------------------------


class ItemFields(TypedDict):
    """What every item says of its object, to make an item of any kind from."""

    id: int
    attempt: int
    key: str
    size: int
    version: str
    md5: str | None
    kind: str
    metadata: Mapping[str, str]
    tags: Mapping[str, str]
    replaces: str | None
    after: str | None


@frozen
class OrderItem:
    """One object, with what is to be believed and kept of it."""

    id: int
    attempt: int
    """Fences late receipts, which repeat it."""
    key: str = field(repr=False)
    size: int
    version: str
    md5: str | None
    kind: str = "object"
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    tags: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    """The object's bytes, where no source has them."""
    replaces: str | None = None
    """The ETag of somebody else's object that may be replaced: people said so."""
    after: str | None = None
    """Of one version of a name: which version of the target's comes right before it; empty: none
    does. None: it is no version, and the only object of its key."""

    @property
    def obj(self) -> ObjectInfo:
        """The object as it is described here."""
        return ObjectInfo(
            key=self.key,
            size=self.size,
            version=self.version,
            md5=self.md5,
            kind=self.kind,
            metadata=self.metadata,
            tags=self.tags,
        )


@frozen
class HeldPart:
    """One part as its receipt had it."""

    number: int
    etag: str
    stored_size: int


@frozen
class ResumeItem(OrderItem):
    """An object whose upload an earlier run began."""

    upload_id: str
    parts: tuple[HeldPart, ...]
    """Those that have a receipt."""


@frozen
class PartItem(OrderItem):
    """One part of an object whose upload is open."""

    number: int
    segments: int
    """Of a full part."""
    count: int
    """Parts of the object."""
    upload_id: str
    header: bytes = field(repr=False)
    sealed: tuple[tuple[int, str], ...]
    """What was sealed of it before, or may have been: sizes from its start, with their SHA-256."""


@frozen
class CompleteItem(OrderItem):
    """An object all of whose parts have a receipt."""

    upload_id: str
    parts: tuple[HeldPart, ...]


@frozen
class SentPart:
    """What was read and stored of one part."""

    size: int
    sha256: str
    stored_size: int
    sealed_sha256: str


@frozen
class VerifyItem(OrderItem):
    """A stored object, and what it must be: a multipart one by its `parts` and its header.

    Where headers are kept apart, every object of a source has one here.
    """

    stored_size: int
    etag: str
    version_id: str | None
    sha256: str | None
    sealed_sha256: str | None
    parts: tuple[SentPart, ...] = ()
    header: bytes | None = field(default=None, repr=False)
    alone: bool = False
    """Nothing is asked of the source, which may be gone: `sha256` is what was read from it."""


@frozen
class RecheckItem(OrderItem):
    """A verified object, what the target held of it then, and how closely to look at it."""

    stored_size: int
    etag: str
    version_id: str | None
    sha256: str
    stored_sha256: str
    level: str
    header: bytes | None = field(default=None, repr=False)
    """What opens it, where that does not stand in front of its bytes."""
    beside: bool = False
    """Whether what stands beside its bytes is to be compared, too."""


# --- orders --------------------------------------------------------------------------------------


@frozen
class PutOrder:
    """Send small objects, each in one request."""

    dataset: str
    objects: tuple[OrderItem, ...]


@frozen
class BeginOrder:
    """Open an upload under a fresh data key."""

    dataset: str
    objects: tuple[OrderItem, ...]


@frozen
class ResumeOrder:
    """Ask the target what became of an upload."""

    dataset: str
    objects: tuple[ResumeItem, ...]


@frozen
class PartOrder:
    """An order to send one part of a large object."""

    dataset: str
    objects: tuple[PartItem, ...]


@frozen
class CompleteOrder:
    """Make the parts one object."""

    dataset: str
    objects: tuple[CompleteItem, ...]


@frozen
class VerifyOrder:
    """Read back what the target holds and compare it with what was sent."""

    dataset: str
    objects: tuple[VerifyItem, ...]


@frozen
class AgainOrder:
    """Ask the source once more for what it gave, and claimed, of doubted objects."""

    dataset: str
    objects: tuple[VerifyItem, ...]


@frozen
class RecheckOrder:
    """Look whether the target still holds what it held when it was verified."""

    dataset: str
    objects: tuple[RecheckItem, ...]


@frozen
class DigestOrder:
    """Read objects from the source once, and say what the digest of their bytes is."""

    dataset: str
    objects: tuple[OrderItem, ...]


Order = (
    PutOrder
    | BeginOrder
    | ResumeOrder
    | PartOrder
    | CompleteOrder
    | VerifyOrder
    | AgainOrder
    | RecheckOrder
    | DigestOrder
)
"""One unit of work for an engine."""

BRIEF = 128 * 1024
"""Objects up to this size are little more than two replies that are waited for."""


def is_brief(order: Order) -> bool:
    """Say whether the items of an order are replies that are waited for, and hardly more."""
    return isinstance(order, PutOrder | VerifyOrder) and all(
        one.size <= BRIEF for one in order.objects
    )
