"""What becomes of an object that could not be sent: begun anew, or left out and told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from hdh_migrate.errors import Unsupported
from hdh_migrate.events.objects import ObjectDrifted
from hdh_migrate.jsonform import ABSENT, Absent
from hdh_migrate.model import Entry, ObjectInfo, State, Verdict
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.pipeline.work import repinned

DRIFTS_MAX = 3
BYTES_DIFFER = "the source gave other bytes for a part than before, under the same version"


class Ends:
    """Writes down how the transfer of an object ended, small or large."""

    def __init__(self, ctx: Context, dispatch: Dispatcher) -> None:
        self._ctx, self._dispatch = ctx, dispatch

    def take(self, entry: Entry, receipt: Mapping[str, Any]) -> None:
        """Take a worker's word that an object drifted or failed."""
        if receipt["kind"] == "drifted":
            now = repinned(entry.obj, receipt)
            self.drifted(entry, now, same_version=receipt["same_version"])
        else:
            verdict = Verdict(receipt["verdict"])
            self.failed(entry, receipt["code"], verdict, receipt["detail"])

    def drifted(self, entry: Entry, now: ObjectInfo, *, same_version: bool) -> None:
        """Pin what the source describes now, and begin anew with it, but not for ever.

        Whether the source changed or its listing was wrong makes no difference: size, version and
        MD5 are those of a fresh look, and parts are cut for that size. `same_version` says that
        the version is the same and its bytes are not.
        """
        if now.kind != "object":
            told = f"not a plain object: {now.kind}"
            self.failed(entry, f"kind-{now.kind}", Verdict.DRIFTED, told)
            return
        try:
            parts = self._ctx.cut(now.size).count
        except Unsupported as error:
            self.failed(entry, "refused", Verdict.DRIFTED, str(error))
            return
        with self._ctx.ledger.whole():
            drifts = self._ctx.ledger.drifted(entry, now, parts)
            if same_version:
                self._finding(entry, "source-bytes-differ", BYTES_DIFFER)
            bytes_differ: Literal[True] | Absent = True if same_version else ABSENT
            event = ObjectDrifted(id=entry.id, attempt=entry.attempt, same_version=bytes_differ)
            self._ctx.ledger.event(event)
            if drifts >= DRIFTS_MAX:
                changed = replace(entry, obj=now)
                detail = f"the source changed during each of {drifts} attempts"
                self._ctx.ledger.failed(changed, State.LISTED, "drifted", Verdict.DRIFTED)
                self._finding(entry, "drifted", detail)

    def failed(self, entry: Entry, code: str, verdict: Verdict, detail: str) -> None:
        """Leave an object out until the next run, and tell why."""
        with self._ctx.ledger.whole():
            self._ctx.ledger.drop_upload(entry.id)
            self._ctx.ledger.failed(entry, State.SENDING, code, verdict)
            self._finding(entry, code, detail)
        self._dispatch.advance(1, entry.obj.size)

    def _finding(self, entry: Entry, code: str, detail: str) -> None:
        self._ctx.ledger.finding(code, "finding", detail, dataset=entry.dataset, entry=entry.id)
