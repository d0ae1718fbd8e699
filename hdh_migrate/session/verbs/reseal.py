"""Seal every verified object anew, under a new data key: look what it means, or make it so.

It is for the case that data keys may be known to somebody. Who opens stays the same; a recipient's
key is replaced by `keys rotate`, before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypedDict

from hdh_migrate.errors import Exit, Refused, UsageError
from hdh_migrate.events.rotation import DataKeysRotating
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Verified
from hdh_migrate.pipeline.binding import bindings
from hdh_migrate.pipeline.rotation.earlier_versions import demand_removable
from hdh_migrate.pipeline.rotation.renewal_parts import resealing_travel
from hdh_migrate.pipeline.rotation.rotating import Rotating, RotationDone
from hdh_migrate.pipeline.rotation.sealing_anew import SealingAnew
from hdh_migrate.pipeline.rotation.sealing_apart import SealingApart, is_sealed_anew
from hdh_migrate.results.keys import ResealForecast, SealedAnew
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy import gate
from hdh_migrate.session.policy.binding import bind_recipients
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.resealing import (
    against_resealing,
    demand_resealable,
    resealing_of,
)
from hdh_migrate.session.policy.rotation import (
    DataKeyRotation,
)
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.session.verbs.hold import demand_unheld
from hdh_migrate.session.verbs.run import Turn, demand_unpaused, self_test
from hdh_migrate.session.verbs.writing_anew import (
    Approvals,
    carried_out,
    code_of,
    left_lines,
    remaining_lines,
    restart,
    verified_so_far,
    work_ahead,
    written_anew,
)
from hdh_migrate.session.views.earlier_copies import earlier_copies
from hdh_migrate.telemetry import counted
from hdh_migrate.wiring import routes_of
from hdh_migrate.wiring.envelopes import recipient_name


class _NoWork(TypedDict):
    bytes_read: int
    bytes_written: int
    requests: int
    hours: float | None
    blockers: list[str]


_NO_WORK: Final[_NoWork] = {
    "bytes_read": 0, "bytes_written": 0, "requests": 0, "hours": 0.0, "blockers": [],
}  # fmt: skip
"""To give one up nothing is sealed, and nothing holds it up."""


def forecast(desk: Desk, *, again: bool, giving_up: bool = False) -> ResealForecast:
    """Return what sealing everything anew would take; nobody is asked, and nothing is written.

    `giving_up`: what would stay as it is, is what has not been sealed anew so far.

    Raises:
        UsageError, Refused: there is no such thing to do (see `policy.resealing.resealing_of`).
    """
    ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            asked = _asked(desk, ledger, again=again, giving_up=giving_up)
            would = _forecast(desk, ledger, asked)
            return {**would, **_NO_WORK} if giving_up else would
    finally:
        ledger.close()


def _forecast(desk: Desk, ledger: SqliteLedger, asked: DataKeyRotation) -> ResealForecast:
    limits = desk.limits
    work = work_ahead(
        ledger, asked, lambda row: resealing_travel(row, limits),
        apart=False, takes=_taken(desk, ledger),
        blockers=list(against_resealing(desk, ledger, asked)),
    )  # fmt: skip
    return {
        **work,
        "recipients": [recipient_name(bytes.fromhex(one)) for one in asked.recipients],
        "ended": asked.ended,
        "packs": _packs(desk, ledger),
    }


def _taken(desk: Desk, ledger: SqliteLedger) -> Callable[[Verified], bool]:
    """Return what says whether an object is sealed anew."""
    if not desk.loaded.plan.seal.apart:
        return lambda _: True
    routes, erased = routes_of(desk.loaded.plan), ledger.erased()
    names = {row.id: row.name for row in ledger.datasets()}

    def takes(row: Verified) -> bool:
        name = names[row.dataset]
        return is_sealed_anew(row, routes[name], name, erased)

    return takes


def _packs(desk: Desk, ledger: SqliteLedger) -> int | None:
    """Return how many header packs there are; None: headers stand in front of their objects."""
    if not desk.loaded.plan.seal.apart:
        return None
    routes, erased = routes_of(desk.loaded.plan), ledger.erased()
    return sum(
        sum(1 for _ in ledger.packs(row.id, routes[row.name].header_packs(row.name)))
        for row in ledger.datasets()
        if row.id not in erased
    )


def _asked(desk: Desk, ledger: SqliteLedger, *, again: bool, giving_up: bool) -> DataKeyRotation:
    asked = resealing_of(desk, ledger, again=again)
    if giving_up and (asked.ended or not asked.begun):
        raise UsageError(
            "no resealing is under way, so there is none to give up",
            hint="nothing was changed",
        )
    return asked


def execute(desk: Desk, *, again: bool, giving_up: bool = False) -> tuple[Exit, SealedAnew]:
    """Seal every verified object anew; the same command goes on after any stop.

    `giving_up`: end the one that was begun, with what it has come to. What was written is proven;
    all else stays under the data keys that it had, and counts as left.

    Raises:
        UsageError, Refused: there is no such thing to do, or something stands against it.
        KeyUnavailable: the plan's identity does not open what is sealed.
        ApprovalMissing: those whom the plan asks have not approved it.
        MigrateError: whatever ended it early.
    """
    demand_unpaused(desk)
    demand_resealable(desk)
    desk.read_ledger().close()  # a ledger is never made here
    services = desk.services(write=True, reads=False)
    self_test(services)
    judge = gate.admitted(desk, services)
    with copied_after(desk), held_ledger(desk, judge) as ledger:
        ledger.reconcile()
        asked = _asked(desk, ledger, again=again, giving_up=giving_up)
        blockers = [] if giving_up else list(against_resealing(desk, ledger, asked))
        if blockers:
            raise Refused(
                "objects cannot be sealed anew now", blockers=blockers, hint="nothing was changed"
            )
        if not asked.begun:
            routes, erased = routes_of(desk.loaded.plan), ledger.erased()
            alive = [routes[row.name] for row in ledger.datasets() if row.id not in erased]
            assert services.writer is not None, "it was opened to write"
            demand_removable(services.writer, desk.retrying(), (one.target for one in alive))
        bind_recipients(ledger, desk.loaded.plan, services.recipients)
        done, grants = carried_out(
            desk, services, ledger, judge, asked,
            step=SealingAnew.step, bodies=True, writes=not giving_up,
            begin=lambda approvals: _begin(desk, ledger, asked, approvals),
            through=lambda turn, safe: _through(desk, turn, asked, safe, giving_up=giving_up),
        )  # fmt: skip
        packs = _packs(desk, ledger)
        remains = _remains(done, packs, grants)
        remains += earlier_copies(desk, ledger) if packs is not None else []
        told = written_anew(asked.number, done, grants, services.envelopes.identity, remains)
        return code_of(done), {**told, "packs": packs}


def _through(
    desk: Desk,
    turn: Turn,
    asked: DataKeyRotation,
    demand_safe: Callable[[], None],
    *,
    giving_up: bool,
) -> RotationDone:
    envelopes, plan = turn.ctx.envelopes, desk.loaded.plan

    def another(header: bytes) -> bytes:
        envelopes.open(header)
        return envelopes.new().header

    kind = SealingApart if plan.seal.apart else SealingAnew
    return Rotating(
        turn.ctx, asked.number, another, connections=plan.engine.connections,
        renewing=kind(turn.ctx, plan.limits.memory_bytes), giving_up=giving_up,
        demand_safe=demand_safe,
        demand_free=partial(demand_unheld, desk),
    ).run()  # fmt: skip


def _begin(desk: Desk, ledger: SqliteLedger, asked: DataKeyRotation, approvals: Approvals) -> None:
    """Tell it, and let what is under way begin anew, in one transaction; nothing if it goes on."""
    if asked.begun:
        return
    verified = verified_so_far(ledger)
    with ledger.whole():
        ledger.event(
            DataKeysRotating(
                number=asked.number, recipients=asked.recipients, request=asked.request,
                objects=verified.objects, bytes=verified.size, user=operator(),
                approvals={batch: one.keys for batch, one in approvals.items()},
                signed={batch: one.signed or () for batch, one in approvals.items()},
            )
        )  # fmt: skip
        for binding in bindings(ledger).values():
            restart(desk, ledger, binding.batch)
        ledger.commit()


def _remains(done: RotationDone, packs: int | None, grants: int) -> list[str]:
    """Say what the data keys of before may still open."""
    lines = list(left_lines(done))
    if done.lost:
        lines.append(
            f"{counted(done.lost, 'object is', 'objects are')} not right after being sealed anew,"
            ' and wait to be sent again: "hdh-migrate run PLAN"'
        )
    lines += remaining_lines(done)
    lines.append("whoever has a copy of what was stored before, and its data key, opens that copy")
    if packs is not None:
        lines.append(
            "copies of the ledger, and of the folder of the second copy, that were made before have"
            " the data keys of before: delete them once there are new ones"
        )
    if grants:
        lines.append(
            f"{counted(grants, 'grant')} {'holds' if grants == 1 else 'hold'} data keys that open"
            " nothing any more: their readers are refused until they get new packs,"
            ' "hdh-migrate grant PLAN --renew ID --out DIR"; "hdh-migrate grants PLAN" lists them'
        )
    return lines
