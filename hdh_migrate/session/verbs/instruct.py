"""Tell a run something from another terminal: pause, go on, no faster than that.

What is said is in a file beside the ledger at once; a run that is under way, or waits, looks twice
a second. The journal tells of it when a run has the ledger next.
"""

from __future__ import annotations

import secrets

from hdh_migrate.clocks import later
from hdh_migrate.errors import UsageError
from hdh_migrate.ledger.holding import holder
from hdh_migrate.model import Instruction, InstructionKind, Role, Standing
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.courses import InstructionGiven
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.last_writer import not_newest
from hdh_migrate.session.verbs.older_copy import seen_newer
from hdh_migrate.session.views.course import limit_fact, pause_fact, waiting_fact

REASON_MAX = 300


def instruct(
    desk: Desk,
    kind: InstructionKind,
    *,
    rate: int | None = None,
    seconds: int | None = None,
    reason: str | None = None,
) -> InstructionGiven:
    """Say something, durably, and return what counts from now on and who hears it.

    A limit has a `rate` in bytes a second and ends after so many `seconds`, if any are given.

    Raises:
        UsageError: a reason too long, or with what no line holds.
        MigrateError: it cannot be written.
    """
    if reason is not None and not (0 < len(reason) <= REASON_MAX and reason.isprintable()):
        raise UsageError(f"--reason is one line of up to {REASON_MAX} characters")
    if kind in {InstructionKind.PAUSE, InstructionKind.LIMIT}:
        desk.note_unbegun()
    file, now = desk.instructions, desk.clock.now()
    before = Standing.of(file.read(), now)
    said = Instruction(
        id=secrets.token_hex(8),
        kind=kind,
        user=operator(),
        at=now,
        rate=rate,
        until=None if seconds is None else later(now, seconds),
        reason=reason,
    )
    idle = (kind is InstructionKind.RESUME and before.paused is None) or (
        kind is InstructionKind.RELEASE and before.limit is None
    )
    if not idle:
        file.add(said)
    counts = Standing.of(file.read(), now)
    held = holder(desk.ledger_path.with_name("lock"))
    return {
        "said": None if idle else kind.value,
        "paused": pause_fact(counts.paused),
        "limit": limit_fact(counts.limit),
        "run": None if held is None else held.where,
        "waiting": waiting_fact(desk),
        "slows": None if counts.limit is None else _slows(desk.loaded.plan, counts.limit.rate),
    }


def demand_heard(desk: Desk, given: InstructionGiven) -> None:
    """Demand that what was said is heard by a run here, or that no newer ledger is elsewhere.

    Raises:
        Fenced: it was said to an older copy of the ledger, where nobody is at work.
    """
    if given["said"] is None or given["run"] is not None or given["waiting"] is not None:
        return
    if newer := seen_newer(desk):
        raise not_newest(
            newer,
            "it took effect on this machine only, and no run is under way here: runs with the"
            " newest copy of the ledger are not affected. Give the same command there",
        )


def _slows(plan: Plan, rate: int | None) -> bool:
    """Say whether the plan lets a run be faster than that at some hour, in one direction at least.

    Where it does not, a limit changes nothing, and whoever counts on it is to know.
    """
    return rate is not None and any(
        all(max(table.rates) > rate for table in plan.rates(role)) for role in Role
    )
