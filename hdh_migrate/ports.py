"""What the pipeline asks of the outside world. Adapters translate; the pipeline sees only this.

A `Source` has no verb that writes. A target is two ports, so that a dry run and the verifying
reader are built without the one that writes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from hdh_migrate.model import (
    Brief,
    Erased,
    Lock,
    ObjectInfo,
    Page,
    PartInfo,
    Place,
    Problem,
    Refusal,
    Remnant,
    Span,
    Stamp,
    Stored,
    TargetLimits,
    Trace,
    Untagged,
    Upload,
)

if TYPE_CHECKING:  # only what moves or proves has a use for them; the rest starts sooner
    from hdh_migrate.orders import Order
    from hdh_migrate.receipts import EndpointTraffic, ObjectReceipt, Receipt, SealIntent

Write = Callable[[bytes], object]
"""Takes the next bytes of a reply, in order; they are valid during the call only."""

Recorder: TypeAlias = "Callable[[Sequence[SealIntent]], Sequence[bool]]"
"""Makes intents durable and says of each whether its worker may go on; called by an engine."""

Emit: TypeAlias = "Callable[[ObjectReceipt], None]"
"""Takes what came of one item of an order, as soon as it is known."""

Record: TypeAlias = "Callable[[SealIntent], bool]"
"""Has the coordinator make an intent durable; False: it expects no such thing any more."""

Perform: TypeAlias = "Callable[[Order, Emit, Record], None]"
"""Performs every item of an order, in a worker."""


class Source(Protocol):
    """A place to read from. Nothing here can change it."""

    page_size: int

    def check(self, place: Place, *, checked: bool = False) -> Sequence[Problem]:
        """Say what is missing to list and read as a run does; empty means nothing.

        With `checked` reads are to be compared with the source's own digest of each range.
        """

    def pages(self, place: Place, *, marker: str | None = None) -> Iterator[Page]:
        """List everything under the prefix, page by page, starting at `marker`.

        Keys grow strictly, in one of the orders that stores list in (inventory's `KeyOrder`). A
        place in which there is nothing is one empty page.

        Raises:
            Missing: there is no such place.
            ListingBroken: a page contradicts itself or the ones before it.
            Transient: no whole page arrived; start again at the last page's marker.
        """

    def recount(self, place: Place) -> Iterator[Brief]:
        """List again, cut differently: a second opinion on `pages`.

        Raises:
            Missing, ListingBroken, Transient: as `pages`.
        """

    def untagged(self, place: Place) -> Untagged | None:
        """Say why listings come without index tags, as far as one has shown; None: with them."""

    def head(self, place: Place, key: str) -> ObjectInfo:
        """Describe one object as it is now.

        Raises:
            Missing: it is gone.
        """

    def read(
        self, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
    ) -> None:
        """Hand exactly the span of exactly this version to `write`; every reply is checked.

        Bytes may have been handed over before an error is raised: discard them.

        With `checked` the source's own digest of each range is demanded and compared, where the
        source has such a thing (see `check`).

        Raises:
            SourceChanged: it is no longer `obj.version`, or not of `obj.size` or `obj.kind`.
            Missing: it is gone.
            Transient: the reply was cut, short or not what was asked for.
        """


class TargetReader(Protocol):
    """The reading half of a target."""

    limits: TargetLimits

    def check(self, place: Place) -> Sequence[Problem]:
        """Say which rights or things are missing to list and read; empty means none."""

    def locks(self, place: Place) -> bool:
        """Say whether the place can keep objects from being deleted (object lock)."""

    def lock(self, bucket: str, stored: Stored) -> Lock:
        """Ask what keeps one stored version from being deleted.

        Raises:
            AccessDenied: the credential may not see it.
        """

    def tags(self, bucket: str, stored: Stored) -> Mapping[str, str]:
        """Ask for the tags of one stored version.

        Raises:
            AccessDenied: the credential may not see them.
            Unsupported: the host does not show them.
        """

    def keys(self, place: Place) -> Iterator[Stored]:
        """List everything under the prefix in one pass.

        Raises:
            ListingBroken: truncated without a token, a repeated token, or no listing at all.
        """

    def head(self, bucket: str, key: str) -> Stored | None:
        """Describe one object; None when there is none."""

    def read(self, bucket: str, stored: Stored, span: Span | None, write: Write) -> Stored:
        """Hand the whole object (or a span of it), as long as its ETag is `stored.etag`.

        Returns what the target said of it, its metadata included.

        Raises:
            Missing: it is gone.
            Conflict: it no longer carries that ETag.
            Transient: the reply was cut, short or not what was asked for.
        """


class TargetWriter(TargetReader, Protocol):
    """The writing half of a target, which can read as well."""

    def put(
        self,
        bucket: str,
        key: str,
        body: memoryview,
        *,
        sha256: str,
        stamp: Stamp,
        replaces: str | None,
    ) -> Stored:
        """Store one object. Without `replaces` it is created only if there is none.

        Raises:
            Conflict: there is another object (or another ETag than `replaces`).
            Transient: the target did not answer; the object may or may not be there.
        """

    def retain(self, bucket: str, stored: Stored, lock: Lock) -> None:
        """Put an object that is already there under a lock; again is safe, shorter is refused."""

    def tag(self, bucket: str, stored: Stored, tags: Mapping[str, str]) -> None:
        """Set the tags of a stored version, in place of any it has; again is safe."""

    def begin(self, bucket: str, key: str, *, stamp: Stamp) -> Upload:
        """Open a multipart upload."""

    def put_part(self, upload: Upload, number: int, body: memoryview, *, sha256: str) -> str:
        """Store one part and return its ETag; the same number again replaces it.

        Raises:
            Missing: the upload expired or was aborted.
        """

    def stream_part(
        self, upload: Upload, number: int, size: int, pull: Callable[[int], bytes]
    ) -> str:
        """Store one part that is too large for memory; `pull(n)` gives up to n bytes."""

    def parts(self, upload: Upload) -> Mapping[int, PartInfo]:
        """List the parts that the target holds.

        Raises:
            Missing: the upload expired, was aborted, or was completed.
        """

    def complete(
        self,
        upload: Upload,
        parts: Sequence[tuple[int, str]],
        *,
        size: int,
        attempt: str,
        replaces: str | None,
    ) -> Stored:
        """Make the parts visible as one object of `size` bytes; create-only without `replaces`.

        Success is an object that HEAD shows with our attempt tag and size, never the reply
        alone. Calling this again after a lost reply is safe.

        Raises:
            Conflict: there is another object under this key.
            Missing: the upload is gone and the object is not ours.
        """

    def abort(self, upload: Upload) -> None:
        """Drop an upload and its parts; aborting the unknown succeeds."""

    def open_uploads(self, place: Place) -> Iterator[tuple[Upload, str]]:
        """List begun uploads under the prefix with the time (RFC 3339) each was begun."""


class Envelope(Protocol):
    """One attempt's data key, with the header that wraps it for every recipient."""

    header: bytes

    def seal_into(self, plain: memoryview, first: int, *, final: bool, out: memoryview) -> int:
        """Seal consecutive segments from index `first` into `out`; return bytes written."""


class Unsealer(Protocol):
    """Takes stored bytes in any cut, hands on plaintext after authentication."""

    def write(self, chunk: bytes | memoryview) -> None:
        """Take the next stored bytes."""

    def close(self) -> None:
        """Demand that exactly one whole object was seen.

        Raises:
            UnsealFailed: it was not.
        """


class Envelopes(Protocol):
    """Makes and opens envelopes for one set of recipients."""

    header_size: int

    @property
    def identity(self) -> str | None:
        """The fingerprint of the key that opens, None when there is none."""

    def new(self) -> Envelope:
        """Return an envelope with a fresh data key: one per attempt, never reused."""

    def open(self, header: bytes) -> Envelope:
        """Return the envelope of an earlier header, to go on inside an object."""

    def sealed_size(self, size: int) -> int:
        """Return the stored size of an object of `size` plaintext bytes."""

    def unsealer(
        self, *, size: int, write: Callable[[memoryview], object], header: bytes | None = None
    ) -> Unsealer:
        """Return a strict reader for one whole stored object.

        With `header` the object must begin with exactly these bytes: a damaged packet of another
        recipient cannot be noticed otherwise.
        """

    def self_test(self) -> None:
        """Seal and open something.

        Raises:
            KeyUnavailable: the identity cannot open what the recipients can.
        """


class Pointer(Protocol):
    """What consumers follow to find the data: one value, changed by compare-and-set only.

    Values are one line of text. They may be shown through `plan.leaks.redacted` only.
    """

    kind: str
    guard: Literal["conditional", "checked"]
    """How the compare-and-set is kept: by a condition that the store itself checks, or by reading
    just before writing, which leaves a moment for somebody else. A store that ignores conditions
    is found out by `swap`, so ask again afterwards."""

    def check(self) -> Sequence[Problem]:
        """Say what is missing to read and to switch it, as far as looking can tell."""

    def read(self) -> str:
        """Return the value as it is now.

        Raises:
            Missing: there is no such pointer.
            AccessDenied: it may not be read.
            Transient: no answer.
        """

    def swap(self, *, expected: str, new: str) -> None:
        """Set `new` if the value is `expected`; if it is `new` already, nothing happens.

        Safe to call again after a lost reply or a kill: readers find one value or the other.

        Raises:
            PointerMoved: the value is neither; it was left as it is.
            Transient: no answer; the value may be either one.
        """


class FreezeProbe(Protocol):
    """Tries, with a writer's own credential, whether writers are shut out of the source.

    Besides decommission nothing else may write to a source. `name` is a key of the caller's: the
    place's prefix, `model.FREEZE_TRIAL` and something unique, recorded before the call.
    """

    def probe(self, place: Place, name: str) -> Refusal:
        """Try to create an empty object; if that succeeds it is removed at once.

        Raises:
            Transient: no answer; the object may be there: call `clear`, then try another name.
        """

    def clear(self, place: Place, name: str) -> bool:
        """Remove what a probe of this name left, after a kill or a lost reply.

        Returns False when the credential may not: whether something is there tells the source.
        """


class Eraser(Protocol):
    """Deletes at a source, for decommission alone, with a credential of its own."""

    def erase(self, place: Place, key: str, version: str) -> Erased:
        """Delete one object if it is still this version; never anything else.

        Raises:
            AccessDenied, AuthFailed: the credential may not.
            Transient: no answer; it may be deleted.
        """

    def remnants(self, place: Place) -> Iterator[Remnant]:
        """List everything that is still there in any form, as far as the service shows it.

        Raises:
            ListingBroken, Transient: there was no whole listing.
        """

    def unseen(self) -> Sequence[Trace]:
        """Say which forms the service did not show when it was asked."""


class Engine(Protocol):
    """Runs orders somewhere and brings back receipts. Only the coordinator touches the ledger.

    Of every order either each item comes back with a receipt, and then an `OrderDone`, or it comes
    back as `Lost`, whatever was heard of it before.
    """

    capacity: int
    """How many orders are worth handing out at once."""

    def submit(self, order: Order) -> None:
        """Hand out one order; never blocks for long."""

    def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
        """Return what has arrived, waiting up to `timeout` seconds for the first.

        An intent that its worker waits upon is not among it: those go to `record` before this
        returns, as many at once as there are, and each worker is told what came of its own.
        Without `record` they are told no.
        """

    def pause(self) -> None:
        """Ask the workers to return what they have not begun, and to end soon."""

    def traffic(self) -> Sequence[EndpointTraffic]:
        """Return what the workers exchanged with each endpoint, once they are closed."""

    def close(self, *, grace: float) -> None:
        """End the workers; what they have not acknowledged after `grace` seconds is lost."""


class Service(Protocol):
    """What an engine's worker runs."""

    halt: threading.Event
    """Set when what is not begun is to be returned."""

    @property
    def perform(self) -> Perform: ...  # noqa: D102 - see `Perform`

    def traffic(self) -> Sequence[EndpointTraffic]:
        """Return what was exchanged with each endpoint so far."""


class Clock(Protocol):
    """The time; an argument everywhere, so that tests decide it."""

    def now(self) -> str:
        """Return the wall clock as RFC 3339 UTC with milliseconds."""

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes back."""


class Progress(Protocol):
    """Where people (or machines) follow a run."""

    def step(self, batch: str, step: str, *, objects: int, size: int) -> None:
        """A step of a batch begins, with this much left to do."""

    def advance(self, objects: int, size: int) -> None:
        """This much more is done; may be negative after a retry."""

    def note(self, text: str) -> None:
        """One line for people; free of names and secrets."""
