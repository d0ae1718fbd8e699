"""`perform(order)`: the one unit of work, the same for every engine.

Whatever happens to an object becomes a receipt: done, a finding, or returned untouched. Nothing
a store does can make this raise; only faults of our own do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    BytesChanged,
    ClaimDiffers,
    Conflict,
    HostRefused,
    Missing,
    Permanent,
    ShortRead,
    SignatureRefused,
    SourceChanged,
    Stopped,
    Transient,
)
from hdh_migrate.model import Verdict
from hdh_migrate.pipeline.again import Again
from hdh_migrate.pipeline.checking import Checking
from hdh_migrate.pipeline.once import Record
from hdh_migrate.pipeline.rechecking import Rechecking
from hdh_migrate.pipeline.sending import Sending
from hdh_migrate.pipeline.work import Emit, Route, Toolbox, described, seen
from hdh_migrate.receipts import returned

Handler = Callable[[Route, Mapping[str, Any]], dict[str, Any]]


class Performer:
    """Performs the orders for which its toolbox has the sides; safe to call from many threads."""

    def __init__(self, box: Toolbox) -> None:
        self._box = box
        self._sending: Sending | None = None
        self._handlers: dict[str, Handler] = {}
        again = None if box.source is None else Again(box, box.source)
        if again is not None:
            self._handlers["again"] = again.doubted
        if box.reader is not None:
            self._handlers |= {
                "verify": Checking(box, box.reader, again).verify,
                "recheck": Rechecking(box, box.reader, again).recheck,
            }
        if box.source is not None and box.writer is not None:
            sending = self._sending = Sending(
                box, box.source, box.writer, stream_above=box.pool.budget // 2
            )
            self._handlers |= {
                "put": sending.put,
                "begin": sending.begin,
                "complete": sending.complete,
                "resume": sending.resume,
            }

    def perform(self, order: Mapping[str, Any], emit: Emit, record: Record) -> None:
        """Perform every item of an order, emitting a receipt for each as soon as it is done.

        `record` is asked before the bytes of a part leave.
        """
        handler = self._handler(order["kind"], record)
        for one in order["objects"]:
            if self._box.halt.is_set():
                emit(returned(order, one, "stopped", "the run is stopping"))
            else:
                emit(self._outcome(order, handler, one))

    def _handler(self, kind: str, record: Record) -> Handler:
        if kind == "part" and self._sending is not None:
            return partial(self._sending.part, record=record)
        return self._handlers[kind]

    def _outcome(
        self, order: Mapping[str, Any], handler: Handler, one: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        route = self._box.routes[order["dataset"]]
        try:
            return self._handled(route, handler, one)
        except (AccessDenied, SignatureRefused) as error:
            return self._denied(order, one, error)
        except (Stopped, AuthFailed) as error:
            reason = "auth" if isinstance(error, AuthFailed) else "stopped"
            return returned(order, one, reason, str(error))
        except HostRefused as error:
            return returned(order, one, "host", str(error))
        except (ShortRead, Permanent) as error:
            return _finding(one, error)
        except Transient as error:
            return returned(order, one, "unreachable", str(error))

    def _handled(self, route: Route, handler: Handler, one: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return handler(route, one)
        except SourceChanged as error:
            return {
                **self._drifted(route, one),
                "same_version": isinstance(error, BytesChanged),
            }

    def _drifted(self, route: Route, one: Mapping[str, Any]) -> Mapping[str, Any]:
        source = self._box.source
        assert source is not None, "who has no source sees none change"
        now = self._box.retry(lambda: source.head(route.source, described(one).key))
        return {
            "kind": "drifted",
            "id": one["id"],
            "attempt": one["attempt"],
            **seen(now),
        }

    def _denied(
        self,
        order: Mapping[str, Any],
        one: Mapping[str, Any],
        error: AccessDenied | SignatureRefused,
    ) -> Mapping[str, Any]:
        """Tell one forbidden object from a credential that lost its rights.

        A host that reads a key in another way than it was signed refuses that object only.
        """
        box, route = self._box, self._box.routes[order["dataset"]]
        try:
            problems = [
                *(() if box.source is None else box.source.check(route.source)),
                *(() if box.reader is None else box.reader.check(route.target)),
                *(() if box.writer is None else box.writer.check(route.target)),
            ]
        except (Transient, Permanent) as trouble:
            return returned(order, one, "unreachable", str(trouble))
        lost = next((problem for problem in problems if problem.auth), None)
        if lost is not None:
            return returned(order, one, "auth", str(lost))
        return _finding(one, error)


_CODES: tuple[tuple[type[Exception], Code, Verdict], ...] = (
    (Missing, Code.MISSING, Verdict.MISSING),
    (ClaimDiffers, Code.SOURCE_MD5_DIFFERS, Verdict.UNVERIFIABLE),
    (Conflict, Code.CONFLICT, Verdict.MISMATCH),
    (AccessDenied, Code.DENIED, Verdict.UNVERIFIABLE),
    (SignatureRefused, Code.DENIED, Verdict.UNVERIFIABLE),
    (ShortRead, Code.UNREADABLE, Verdict.UNVERIFIABLE),
    (Permanent, Code.REFUSED, Verdict.UNVERIFIABLE),
)


def _finding(one: Mapping[str, Any], error: Exception) -> dict[str, Any]:
    code, verdict = next((c, v) for kind, c, v in _CODES if isinstance(error, kind))
    return {
        "kind": "failed",
        "id": one["id"],
        "attempt": one["attempt"],
        "code": code,
        "verdict": str(verdict),
        "detail": str(error),
    }
