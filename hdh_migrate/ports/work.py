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

    Each order ends in one of two ways: a receipt for each item and then an `OrderDone`, or `Lost`,
    whatever receipts came before.
    """

    @property
    def capacity(self) -> int:
        """How many orders are worth submitting at once at present; at least one."""

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
        """Let all workers together move no more than this many bytes a second from now on.

        None, the initial value: no limit. Work under way keeps to a new limit within a second.
        Never blocks for long.
        """

    def pause(self) -> None:
        """Ask the workers to return the orders that they have not begun, and to finish soon."""

    def cluster(self) -> Sequence[ClusterWorker] | None:
        """Return the machines of the cluster, and why some do not work; None: no cluster."""

    def traffic(self) -> Sequence[EndpointTraffic]:
        """Return what the workers exchanged with each endpoint, as far as they reported it.

        After `close` it is complete. It never decreases.
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
        """Use no more than this process's share from now on; return once that is so.

        A process that works alone may use everybody's share, until other processes start.
        """

    def traffic(self) -> Sequence[EndpointTraffic]:
        """Return what was exchanged with each endpoint so far."""
