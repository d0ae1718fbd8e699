"""The messages between an engine and its workers, and the name of each kind in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from hdh_migrate import orders, receipts
from hdh_migrate.frozen import frozen
from hdh_migrate.orders import Order
from hdh_migrate.receipts import Aside, EndpointTraffic, ObjectReceipt, OrderDone, SealIntent


@frozen
class Start:
    """The first message to a worker: what its factory makes it from, and how many threads."""

    config: Mapping[str, object] = field(repr=False)
    threads: int


@frozen
class Assigned:
    """An order under the engine's number."""

    number: int
    order: Order


@frozen
class Pause:
    """Return the orders that are not begun."""


@frozen
class Close:
    """End when everything handed out is done."""


@frozen
class MakeRoom:
    """Other workers start: the only one so far uses no more than its share from now on."""


@frozen
class Question:
    """A worker asks whether an intent is recorded; work on it waits for the answer."""

    number: int
    intent: SealIntent


@frozen
class Answer:
    """Whether the intent of the question with this number is recorded."""

    number: int
    recorded: bool


@frozen
class Ready:
    """A worker can take orders, and runs this code."""

    code_sha256: str


@frozen
class MadeRoom:
    """A worker now has no more than its share under way."""


@frozen
class Exchanged:
    """What a worker exchanged with each endpoint so far; of one that dies the last one counts."""

    traffic: tuple[EndpointTraffic, ...]
    busy: float
    """How many processors it used since it said so before."""


@frozen
class Farewell:
    """The last message of a worker that was closed."""

    traffic: tuple[EndpointTraffic, ...]


ToWorker = Start | Assigned | Pause | Close | MakeRoom | Answer
FromWorker = ObjectReceipt | Aside | OrderDone | Question | Ready | MadeRoom | Exchanged | Farewell

KINDS: Final[Mapping[str, type[Any]]] = {
    "put": orders.PutOrder,
    "begin": orders.BeginOrder,
    "resume": orders.ResumeOrder,
    "part": orders.PartOrder,
    "complete": orders.CompleteOrder,
    "verify": orders.VerifyOrder,
    "again": orders.AgainOrder,
    "recheck": orders.RecheckOrder,
    "digest": orders.DigestOrder,
    "sent": receipts.Sent,
    "begun": receipts.Begun,
    "part-sent": receipts.PartSent,
    "resumed": receipts.Resumed,
    "completed": receipts.Completed,
    "gone": receipts.Gone,
    "digested": receipts.Digested,
    "matched": receipts.Matched,
    "doubted": receipts.Doubted,
    "rechecked": receipts.Rechecked,
    "drifted": receipts.Drifted,
    "failed": receipts.Failed,
    "returned": receipts.Returned,
    "read-on": receipts.ReadOn,
    "paced": receipts.Paced,
    "order-done": receipts.OrderDone,
    "start": Start,
    "assigned": Assigned,
    "pause": Pause,
    "close": Close,
    "make-room": MakeRoom,
    "question": Question,
    "answer": Answer,
    "ready": Ready,
    "made-room": MadeRoom,
    "exchanged": Exchanged,
    "farewell": Farewell,
}
"""Every kind of order, receipt and message of an engine by its name in JSON."""

NAMES: Final[Mapping[type[Any], str]] = {kind: name for name, kind in KINDS.items()}
