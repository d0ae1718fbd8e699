"""When batches with a date most likely end, for whoever looks every few seconds.

A forecast reads much of a ledger, so one is kept for a minute, or for fifty times as long as it
took where that is more. When the run itself says that a batch will be late, all is looked at anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hdh_migrate.codes import Code
from hdh_migrate.results.looks import Status
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.views.likely_end import LikelyEnd

KEPT_SECONDS: Final = 60.0
"""For so long at least a forecast is kept while a run goes on."""

KEPT_TIMES: Final = 50
"""And for so many times as long as it took."""


class BatchEndings:
    """The likely ends of one plan's batches; made for one thread at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: Mapping[str, LikelyEnd] = {}
        self._until: float | None = None
        self._late = 0

    def of(self, status: Status, *, anew: bool) -> Mapping[str, LikelyEnd]:
        """Return the ends of batches; `anew`: as they are now, whatever that costs."""
        if not due_times(self._desk, status):
            return {}
        clock = self._desk.clock
        began, late = clock.monotonic(), _said_late(status)
        if anew or self._until is None or began >= self._until or late != self._late:
            from hdh_migrate.session.views.forecast import likely_ends  # for a plan with dates

            self._known, self._late = likely_ends(self._desk), late
            ended = clock.monotonic()
            self._until = ended + max(KEPT_SECONDS, KEPT_TIMES * (ended - began))
        return self._known


def due_times(desk: Desk, status: Status) -> Mapping[str, float]:
    """Return by when each batch is to be done that has a date and is not, in seconds since 1970."""
    plan = desk.loaded.plan
    done = {batch["batch"] for batch in status["batches"] if batch["state"] == "done"}
    return {
        batch.name: by
        for batch in plan.batches
        if (by := plan.done_by(batch)) is not None and batch.name not in done
    }


def _said_late(status: Status) -> int:
    return sum(
        one["count"] if "count" in one else 1  # noqa: SIM401 - mypy: a union of two forms
        for one in status["findings"]
        if one["code"] == Code.BATCH_LATE
    )
