"""What `keys rotate` and `reseal` have in common: each writes every verified object once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from hdh_migrate.clocks import Judge, between
from hdh_migrate.errors import Exit
from hdh_migrate.evidence.lines.granted import GRANT_EVENTS, GrantAccounts
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Listed, ObjectInfo, State, Tally, Verified
from hdh_migrate.pipeline.binding import moments
from hdh_migrate.pipeline.context import DatasetRules
from hdh_migrate.pipeline.cutover.scene import Consent
from hdh_migrate.pipeline.inventory.amending import Amending
from hdh_migrate.pipeline.planning import paced
from hdh_migrate.pipeline.projections.portions import RotationSoFar, exchangeable, staying
from hdh_migrate.pipeline.rotation.earlier_versions import REMAINING
from hdh_migrate.pipeline.rotation.renewal_parts import Travel
from hdh_migrate.pipeline.rotation.rotating import RotationDone
from hdh_migrate.pipeline.rotation.staying import REASONS
from hdh_migrate.pipeline.rules.selecting import decide
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.results.keys import RotationWork, WrittenAnew
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.freshness import standing_accounts, tell_stale
from hdh_migrate.session.policy.rotation import (
    DataKeyRotation,
    KeyExchange,
    approved,
    second_chance,
)
from hdh_migrate.session.verbs.hold import demand_unheld
from hdh_migrate.session.verbs.run import Turn, announce, fenced_for
from hdh_migrate.telemetry import counted
from hdh_migrate.wiring import Services, header_size_of, moments_of, pace_of, routes_of, rules_of

Approvals = dict[str, Consent]
"""Who approved, by batch."""


def work_ahead(
    ledger: SqliteLedger,
    asked: KeyExchange | DataKeyRotation,
    travel: Callable[[Verified], Travel],
    *,
    apart: bool,
    takes: Callable[[Verified], bool] = lambda _: True,
    blockers: list[str],
) -> RotationWork:
    """Return what a rotation has before it, of the objects that it `takes`, with what it left.

    With the reading back of each object and the removal of what it was.
    """
    so_far = RotationSoFar(ledger, asked.number)
    objects = size = read = written = requests = 0
    for batch in dict.fromkeys(row.batch for row in ledger.datasets()):
        ahead = chain.from_iterable(staying(ledger, so_far, batch, apart=apart))
        if not so_far.ended:
            after = so_far.last.get(batch, 0)
            ahead = chain(ahead, _not_gone_through(ledger, batch, after, apart=apart))
        for row in filter(takes, ahead):
            one, stored = travel(row), row.stored_size or 0
            objects, size = objects + 1, size + stored
            # Besides, each is read back whole, and what it was is removed and asked for.
            read, written = read + one.read + stored, written + one.written
            requests += one.requests + 3
    return {
        "number": asked.number,
        "begun": asked.begun,
        "done": so_far.objects,
        "left": sum(map(len, so_far.left.values())),
        "objects": objects,
        "bytes": size,
        "bytes_read": read,
        "bytes_written": written,
        "requests": requests,
        "hours": _hours_of(ledger, read),
        "grants": _grants_standing(ledger),
        "blockers": blockers,
    }


def _not_gone_through(
    ledger: SqliteLedger, batch: str, after: int, *, apart: bool
) -> Iterator[Verified]:
    while rows := exchangeable(ledger, batch, after, apart=apart):
        yield from rows
        after = rows[-1].id


def verified_so_far(ledger: SqliteLedger) -> Tally:
    """Return how much is verified, of all datasets."""
    return sum((ledger.tally(row.id, State.VERIFIED) for row in ledger.datasets()), Tally())


def _hours_of(ledger: SqliteLedger, size: int) -> float | None:
    """Return how long reading so much takes at the pace of the verification so far."""
    period, done = ledger.period("verified"), verified_so_far(ledger).size
    if period is None or not done or (seconds := between(*period)) < 1:
        return None
    return round(size / (done / seconds) / 3600, 2)


def _grants_standing(ledger: SqliteLedger) -> int:
    """Return how many grants stand: their packs name the objects as they are now."""
    return len(standing_accounts(GrantAccounts.of(ledger.told(*GRANT_EVENTS))))


def carried_out(
    desk: Desk,
    services: Services,
    ledger: SqliteLedger,
    judge: Judge,
    asked: KeyExchange | DataKeyRotation,
    *,
    step: str,
    bodies: bool,
    writes: bool = True,
    begin: Callable[[Approvals], None],
    through: Callable[[Turn, Callable[[], None]], RotationDone],
) -> tuple[RotationDone, int]:
    """Write everything anew, begun with its approvals or going on; return how many grants it ends.

    `begin` tells the journal of what is asked, and does nothing for one that goes on. `through`
    gets what must be demanded before each portion; `bodies`: each object's body is written too;
    `writes`: whether anything is, so that something must be left if the host fails.

    Raises:
        SwitchHeld: somebody holds it.
        Refused: if the host failed in between, nothing would be left.
        ApprovalMissing: those whom the plan asks have not approved it.
        MigrateError: whatever ended it early.
    """
    demand_unheld(desk)
    demand_safe = second_chance(desk, ledger, services.reader, bodies=bodies)
    if writes:
        demand_safe()
    approvals = {} if asked.begun else approved(desk, ledger, judge, asked)
    with fenced_for(desk, [services], ledger, (), write=True) as fencing:
        begin(approvals)
        announce(desk, ledger, (step,), ())
        with Turn(
            desk=desk, opened=[services], ledger=ledger, judge=judge, fencing=fencing,
            obeys=True, work=step,
        ) as turn:  # fmt: skip
            done = through(turn, demand_safe)
    ledger.reconcile()
    return done, _grants_stale(desk, ledger)


def _grants_stale(desk: Desk, ledger: SqliteLedger) -> int:
    """Have the journal tell which grants name objects as they were; return how many do."""
    tell_stale(ledger, routes_of(desk.loaded.plan))
    ledger.commit()
    standing = standing_accounts(GrantAccounts.of(ledger.told(*GRANT_EVENTS)))
    return sum(bool(one.stale) for one in standing)


def restart(desk: Desk, ledger: SqliteLedger, batch: str) -> None:
    """Let objects under way begin anew: their data keys are wrapped for the old key."""
    plan, limits = desk.loaded.plan, paced(desk.limits, pace_of(desk.loaded.plan))
    header = header_size_of(plan)

    def by_plan(obj: ObjectInfo, route: Route, rules: DatasetRules) -> Listed:
        return decide(obj, route, rules.rules, limits, header=header, sealed=True)

    known = moments_of(plan, moments(ledger), desk.clock.now())
    planned = next(one.datasets for one in plan.batches if one.name == batch)
    Amending(
        ledger=ledger, routes=routes_of(plan), rules=rules_of(plan, desk.loaded.base, known),
        decide=by_plan, touched=(), resealed=True,
    ).run(batch, planned, apply=True)  # fmt: skip


def written_anew(
    number: int, done: RotationDone, grants: int, opened_by: str | None, remains: list[str]
) -> WrittenAnew:
    """Return what a rotation came to, and in words what stays as it is."""
    return {
        "number": number,
        "objects": done.objects,
        "left": dict(done.left),
        "lost": done.lost,
        "removed": done.removed,
        "remaining": dict(done.remaining),
        "opened_by": opened_by or "",
        "grants": grants,
        "remains": remains,
    }


def code_of(done: RotationDone) -> Exit:
    """Return how a command ends that went through all objects."""
    if done.left or done.lost:
        return Exit.VERIFICATION_FAILED
    return Exit.FINDINGS if done.remaining else Exit.OK


def left_lines(done: RotationDone) -> Iterator[str]:
    """Say which objects stay as they were, and why."""
    for why, count in sorted(done.left.items()):
        objects = counted(count, "object stays as it was", "objects stay as they were")
        yield f"{objects}: {REASONS[why]}"


def remaining_lines(done: RotationDone) -> Iterator[str]:
    """Say what of before is still at the host, and why."""
    for why, count in sorted(done.remaining.items()):
        yield f"{count} {REMAINING[why]}"
