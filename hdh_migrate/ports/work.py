"""How work is handed out, and what performs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:  # only what moves or proves has a use for them; the rest starts sooner
    from hdh_migrate.model import ClusterWorker
    from hdh_migrate.orders import Order
    from hdh_migrate.receipts import Aside, EndpointTraffic, ObjectReceipt, Receipt, SealIntent

Emit: TypeAlias = "Callable[[ObjectReceipt | Aside], None]"
"""Takes what came of one item of an order, as soon as it is known, and how far it is read."""

Recorder: TypeAlias = "Callable[[Sequence[SealIntent]], Sequence[bool]]"
"""Makes intents durable and says of each whether its worker may go on; called by an engine."""

Record: TypeAlias = "Callable[[SealIntent], bool]"
"""Has the coordinator make an intent durable; False: it expects no such thing any more."""

Perform: TypeAlias = "Callable[[Order, Emit, Record], None]"
"""Performs every item of an order, in a worker."""


class Engine(Protocol):
    """Runs orders somewhere and brings back receipts. Only the coordinator touches the ledger.

    Of every order either each item comes back with a receipt, and then an `OrderDone`, or it comes
    back as `Lost`, whatever was heard of it before.
    """

    @property
    def capacity(self) -> int:
        """How many orders are worth handing out at once, as things stand; one at least."""

    def submit(self, order: Order) -> int:
        """Hand out one order and return the number that its `OrderDone` repeats.

        Never blocks for long.
        """

    def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
        """Return what has arrived, waiting up to `timeout` seconds for the first.

        An intent that its worker waits upon is not among it: those go to `record` before this
        returns, as many at once as there are, and each worker learns what came of its own.
        Without `record` the answer is no.
        """

    def limit(self, rate: float | None) -> None:
        """Let all workers together move no more than so many bytes a second from now on.

        None: as many as there is room for, which is so until somebody says otherwise. Also what is
        under way keeps to it, within a second. Never blocks for long.
        """

    def pause(self) -> None:
        """Ask the workers to return what they have not begun, and to end soon."""

    def cluster(self) -> Sequence[ClusterWorker] | None:
        """Return who works, and who does not and why; None: all is done on this machine."""

    def traffic(self) -> Sequence[EndpointTraffic]:
        """Return what the workers exchanged with each endpoint, as far as they reported it.

        Once they are closed it is all of it. It never becomes less.
        """

    def close(self, *, grace: float) -> None:
        """End the workers; what they have not acknowledged after `grace` seconds is lost."""


class Service(Protocol):
    """What an engine's worker runs."""

    halt: threading.Event
    """Set when what is not begun is to be returned."""

    @property
    def perform(self) -> Perform: ...  # noqa: D102 - see `Perform`

    def expect(self, order: Order) -> None:
        """Take note of an order that came and that some thread will perform; never waits."""

    def make_room(self) -> None:
        """Use no more than this process's part from now on; return when it is so.

        A process that works alone may use the part of all; now others begin beside it.
        """

    def traffic(self) -> Sequence[EndpointTraffic]:
        """Return what was exchanged with each endpoint so far."""
