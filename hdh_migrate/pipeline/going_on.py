"""Whether a verb that goes through all objects may go on with the next ones."""

from __future__ import annotations

from hdh_migrate.errors import Interrupted
from hdh_migrate.pipeline.context import Context


def demand_going(ctx: Context) -> None:
    """Demand that nobody stops an exchange of headers.

    Raises:
        Interrupted, Fenced, HeldUp: somebody does; the same command goes on.
    """
    if ctx.stop.is_set():
        raise Interrupted(
            "interrupted; what has its new header is in the ledger",
            hint="the same command goes on",
        )
    stopped = ctx.fence.lost or ctx.course.stops()
    if stopped is not None:
        raise stopped
