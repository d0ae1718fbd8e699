"""When an object was read back, as the journal can tell it."""

from __future__ import annotations

from dataclasses import replace

from hdh_migrate.clocks import seconds_of
from hdh_migrate.pipeline.context import Context
from hdh_migrate.receipts import Matched


class Dating:
    """Dates what a step reads: after it began, and not after now.

    A receipt's moment is that of the machine which read, whose clock may be another one; a report
    of objects that were verified before the run, or after it, would be refused for good.
    """

    def __init__(self, ctx: Context) -> None:
        """The step begins now, as the journal tells it, whose time never runs back."""
        self._ctx, now = ctx, ctx.clock.now()
        self._since = max(now, ctx.ledger.last_at() or now, key=seconds_of)

    def of(self, receipt: Matched) -> Matched:
        """Return the receipt with a moment inside the step."""
        now = max(self._ctx.clock.now(), self._since, key=seconds_of)
        at = min(max(receipt.at, self._since, key=seconds_of), now, key=seconds_of)
        return receipt if at == receipt.at else replace(receipt, at=at)
