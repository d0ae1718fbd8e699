"""What happens to an object that could not be sent: retried, or left out with a finding."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Literal, assert_never

from hdh_migrate.codes import Code
from hdh_migrate.errors import Permanent, Stopped, Transient, Unsupported
from hdh_migrate.events.objects import ObjectDrifted
from hdh_migrate.jsonform import ABSENT, Absent
from hdh_migrate.model import MOVABLE, Entry, ObjectInfo, State, Verdict
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.dispatch import Dispatcher
from hdh_migrate.receipts import Drifted, Failed
from hdh_migrate.telemetry import counted

DRIFTS_MAX = 3
BYTES_DIFFER = "the source gave other bytes for a part than before, under the same version"


class Ends:
    """Records how the transfer of an object ended, small or large."""

    def __init__(self, ctx: Context, dispatch: Dispatcher) -> None:
        self._ctx, self._dispatch = ctx, dispatch

    def take(self, entry: Entry, receipt: Drifted | Failed) -> None:
        """Record that an object drifted or failed, as a worker reports."""
        match receipt:
            case Drifted():
                now = receipt.now.pinned(entry.obj.key)
                self.drifted(entry, now, same_version=receipt.same_version)
            case Failed():
                self.failed(entry, receipt.code, receipt.verdict, receipt.detail)
            case _:
                assert_never(receipt)

    def drifted(self, entry: Entry, now: ObjectInfo, *, same_version: bool) -> None:
        """Pin what the source describes now, and begin anew with it, but not for ever.

        Whether the source changed or its listing was wrong makes no difference: size, version and
        MD5 are those of a fresh look, and parts are cut for that size. `same_version` says that
        the version is the same and its bytes are not.
        """
        if now.kind not in MOVABLE:
            why = f"not a plain object: {now.kind}"
            self.failed(entry, Code.of_kind(now.kind), Verdict.DRIFTED, why)
            return
        try:
            parts = self._ctx.cut(now.size).count
        except Unsupported as error:
            self.failed(entry, Code.REFUSED, Verdict.DRIFTED, str(error))
            return
        now = self._whole(entry, now)
        with self._ctx.ledger.whole():
            drifts = self._ctx.ledger.drifted(entry, now, parts)
            if same_version:
                self._finding(entry, Code.SOURCE_BYTES_DIFFER, BYTES_DIFFER)
            bytes_differ: Literal[True] | Absent = True if same_version else ABSENT
            event = ObjectDrifted(id=entry.id, attempt=entry.attempt, same_version=bytes_differ)
            self._ctx.ledger.event(event)
            if drifts >= DRIFTS_MAX:
                changed = replace(entry, obj=now)
                detail = f"the source changed during each of {counted(drifts, 'attempt')}"
                self._ctx.ledger.failed(changed, State.LISTED, Code.DRIFTED, Verdict.DRIFTED)
                self._finding(entry, Code.DRIFTED, detail)

    def _whole(self, entry: Entry, now: ObjectInfo) -> ObjectInfo:
        """Return an object with what stands beside its bytes, of which a HEAD tells little.

        What nobody tells any more of exactly this version stays as it was listed.
        """
        ctx, obj = self._ctx, entry.obj
        (name,) = [row.name for row in ctx.ledger.datasets() if row.id == entry.dataset]
        place = ctx.routes[name].source
        with suppress(Permanent, Transient, Stopped):
            found = ctx.retry(lambda: ctx.source.listed(place, entry.obj.key))
            obj = found if found.version == now.version else obj
        return replace(
            obj, size=now.size, version=now.version, modified=now.modified, md5=now.md5,
            kind=now.kind,
        )  # fmt: skip

    def failed(
        self,
        entry: Entry,
        code: Code,
        verdict: Verdict,
        detail: str,
        *,
        keeps_upload: bool = False,
    ) -> None:
        """Leave an object out until the next run, with a finding that says why."""
        with self._ctx.ledger.whole():
            if not keeps_upload:
                self._ctx.ledger.drop_upload(entry.id)
            self._ctx.ledger.failed(entry, State.SENDING, code, verdict)
            self._finding(entry, code, detail)
        self._dispatch.advance(1, entry.obj.size)

    def _finding(self, entry: Entry, code: Code, detail: str) -> None:
        self._ctx.ledger.finding(code, detail, dataset=entry.dataset, entry=entry.id)
