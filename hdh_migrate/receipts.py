"""What workers answer: one class for each kind of receipt.

A receipt about an object repeats its ledger id and the attempt of its order, so that a late one is
fenced. It is a worker's word, from another process: whoever takes it compares it with what was
asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from enum import StrEnum

from hdh_migrate.codes import Code
from hdh_migrate.frozen import frozen
from hdh_migrate.model import ObjectInfo, PartReceipt, Verdict
from hdh_migrate.orders import Order, OrderItem, PartItem

# --- of a transfer -------------------------------------------------------------------------------


@frozen
class Sent:
    """The target holds the whole object; only one that was sent in one request has digests."""

    id: int
    attempt: int
    stored_size: int
    etag: str
    version_id: str | None
    sha256: str | None = None
    sealed_sha256: str | None = None
    header: bytes | None = field(default=None, repr=False)
    """What wraps its data key, where that does not stand in front of its bytes."""


@frozen
class Begun:
    """An upload is open; `header` wraps its data key."""

    id: int
    attempt: int
    upload_id: str
    header: bytes


@frozen
class PartSent:
    """The target holds one part, of `size` plaintext bytes."""

    id: int
    attempt: int
    size: int
    part: PartReceipt


@frozen
class Resumed:
    """The upload is still open; of its parts the target holds these as their receipts say."""

    id: int
    attempt: int
    held: tuple[int, ...]


@frozen
class Completed:
    """The upload is one object already."""

    id: int
    attempt: int


@frozen
class Gone:
    """The upload is no more, and there is no object of it."""

    id: int
    attempt: int


@frozen
class Digested:
    """The source gave the whole pinned version once; this is the digest of its bytes."""

    id: int
    attempt: int
    sha256: str


# --- of looking at the target --------------------------------------------------------------------


@frozen
class Matched:
    """What was read back is what was read from the source; `at` is when (RFC 3339)."""

    id: int
    attempt: int
    level: str
    at: str
    sha256: str | None
    stored_sha256: str | None
    beside: tuple[tuple[Code, str], ...] = ()
    """What is kept beside the bytes in another way than it was sent: codes with their details."""


@frozen
class Doubted:
    """The bytes are those that were sent, and not those whose MD5 the source claims."""

    id: int
    attempt: int


@frozen
class Rechecked:
    """The object was looked at again; `wrong` says what is wrong with it, None: nothing."""

    id: int
    attempt: int
    wrong: str | None


# --- of anything ---------------------------------------------------------------------------------


@frozen
class SourceState:
    """How the source describes an object now."""

    version: str
    size: int
    modified: str | None
    md5: str | None
    kind: str

    @classmethod
    def of(cls, now: ObjectInfo) -> SourceState:
        """Return what a fresh look told, without the object's name."""
        return cls(
            version=now.version, size=now.size, modified=now.modified, md5=now.md5, kind=now.kind
        )

    def pinned(self, key: str) -> ObjectInfo:
        """Return the object of this name as it is described."""
        return ObjectInfo(
            key=key,
            size=self.size,
            version=self.version,
            modified=self.modified,
            md5=self.md5,
            kind=self.kind,
        )


@frozen
class Drifted:
    """The source has another object than was ordered, or other bytes under the same version."""

    id: int
    attempt: int
    now: SourceState
    same_version: bool


@frozen
class Failed:
    """The object ends in a finding; `now` is known where the source was asked."""

    id: int
    attempt: int
    code: Code
    verdict: Verdict
    detail: str
    now: SourceState | None = None


class ReturnReason(StrEnum):
    """Why an item comes back undone."""

    AUTH = "auth"
    FENCED = "fenced"
    FULL = "full"
    BEHIND = "behind"
    HOST = "host"
    LOST = "lost"
    STARVED = "starved"
    STOPPED = "stopped"
    TIME = "time"
    UNREACHABLE = "unreachable"


@frozen
class Returned:
    """An object, or one part of it by `number`, comes back undone: for later, or somebody else."""

    id: int
    attempt: int
    number: int | None
    dataset: str
    reason: ReturnReason
    detail: str

    @classmethod
    def of(cls, order: Order, one: OrderItem, reason: ReturnReason, detail: str) -> Returned:
        """Give back one item of an order."""
        return cls(
            id=one.id,
            attempt=one.attempt,
            number=one.number if isinstance(one, PartItem) else None,
            dataset=order.dataset,
            reason=reason,
            detail=detail,
        )

    @classmethod
    def all_of(cls, order: Order, reason: ReturnReason, detail: str) -> Iterator[Returned]:
        """Yield back every item of an order."""
        return (cls.of(order, one, reason, detail) for one in order.objects)


ObjectReceipt = (
    Sent
    | Begun
    | PartSent
    | Resumed
    | Completed
    | Gone
    | Digested
    | Matched
    | Doubted
    | Rechecked
    | Drifted
    | Failed
    | Returned
)
"""What came of one object of an order, or of one part: at most 1 KB."""


@frozen
class ReadOn:
    """So many bytes of an object are read back by now; nothing came of it yet.

    A reading that begins anew tells fewer than the one before.
    """

    id: int
    attempt: int
    size: int


@frozen
class Paced:
    """How much one worker process works on at once from here on, and why that changed."""

    worker: str
    """Tells it from every other one."""
    now: int
    most: int
    why: str


Aside = ReadOn | Paced
"""What a worker reports on the way; it ends nothing."""


# --- of an engine --------------------------------------------------------------------------------


@frozen
class OrderDone:
    """Every receipt of an order has been handed over; `order` is the engine's number of it."""

    order: int


@frozen
class Lost:
    """The worker that held an order died; workers that died are counted from 1.

    `machine`: a machine left with everything that it held, which says little of this order.
    """

    order: Order
    worker: int
    machine: bool = False


Receipt = ObjectReceipt | Aside | OrderDone | Lost


@frozen
class SealIntent:
    """The first `size` plaintext bytes of a part are about to be sealed: to be recorded before."""

    id: int
    attempt: int
    number: int
    size: int
    sha256: str


@frozen
class EndpointTraffic:
    """What one process exchanged with one endpoint.

    `clock_offset` is by how many seconds the local clock is ahead of the newest Date header, and
    `clock_at` when that came, by the local clock; both are None when there was none.
    """

    side: str
    endpoint: str
    requests: int
    bytes_read: int
    bytes_written: int
    addresses: tuple[str, ...] = ()
    tls: tuple[str, ...] = ()
    """What connections were secured with, as far as it was asked; see `Handshake.told`."""
    ssh: tuple[str, ...] = ()
    """What SSH connections agreed on; see `ssh.connection.agreed`."""
    clock_offset: float | None = None
    clock_at: float | None = None
