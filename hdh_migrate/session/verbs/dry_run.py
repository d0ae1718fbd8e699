"""Say what a run would do and how it would end; nothing is written anywhere, nothing is kept."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext

from hdh_migrate.clocks import Judge, seconds_of, text_of_seconds
from hdh_migrate.errors import Exit
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.holding import holder
from hdh_migrate.model import Standing
from hdh_migrate.pipeline.binding import adopt
from hdh_migrate.pipeline.fences.fence import fenced_out
from hdh_migrate.pipeline.foresight.foresight import Foresight
from hdh_migrate.pipeline.pace.course import outside
from hdh_migrate.plan.diff import changes
from hdh_migrate.results.moves import BatchForecast, DryRun, LeftByRule
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import lasting
from hdh_migrate.session.policy.agreed import unagreed
from hdh_migrate.session.policy.alike import apart
from hdh_migrate.session.policy.binding import bind_recipients, bound_recipients
from hdh_migrate.session.policy.bound_ledger import name_of
from hdh_migrate.session.policy.changing import demand_allowed, judged
from hdh_migrate.session.policy.choices import left_by
from hdh_migrate.session.policy.contents import signers
from hdh_migrate.session.policy.fencing import held_by_another
from hdh_migrate.session.policy.newest import demand_newest
from hdh_migrate.session.policy.reachable import demand_reachable
from hdh_migrate.session.policy.reporters import approvers_barred
from hdh_migrate.session.policy.timekeeping import judge_for
from hdh_migrate.session.verbs.preflight import answered, at_the_gate
from hdh_migrate.session.verbs.run import demand, self_test, unmet
from hdh_migrate.session.views.looked import unread_of
from hdh_migrate.wiring import Services, pace_of
from hdh_migrate.wiring.context import RUN_TAG


def forecast(desk: Desk, selected: Sequence[str]) -> DryRun:
    """Look at both sides and at the ledger, where there is one, and say what a run would do.

    Raises:
        Refused, Fenced, PlanChanged: the run would be refused before its first step, so.
    """
    loaded, batches = desk.loaded, desk.batches(selected)
    demand_reachable(desk)
    services = desk.services(write=False)
    self_test(services)
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    demand(at_the_gate(services, loaded.plan, judge))
    with _kept(desk) as kept:
        _demand_newest(desk, kept)
        if kept is None:
            desk.note_others()
        else:
            _demand_bound(desk, kept, services, judge)
        gone = () if kept is None else unread_of(kept, batches, selected)
        blocked = answered(desk, services, selected, judge, unread=gone)
        chosen = {one.name for one in batches if not selected or one.name in selected}
        refused = apart(blocked, chosen - set(gone))
        demand([*(() if refused else blocked), *unmet(desk)])
        if kept is not None:
            demand(approvers_barred(loaded, kept, signers(kept)))
        if held := held_by_another(services, loaded.plan, desk.ledger_path, selected):
            raise fenced_out([problem.what for problem in held])
        fresh = _fresh(desk, kept)
        try:
            foresight = Foresight(
                desk.context(services, fresh, judge),
                None if kept is None else desk.context(services, kept, judge, dry=True),
                batches, selected, pace_of(loaded.plan), refused,
            )  # fmt: skip
            foreseen, code, why = foresight.look()
            for batch in foreseen:
                for each in batch["datasets"]:
                    each["left_behind"] = _left_behind(desk, each["dataset"], (fresh, kept))
        finally:
            fresh.close()
    short = lasting.too_short(services.source_claims(), desk.clock.now(), foreseen)
    for one in foreseen:
        one["notes"] += [short[one["batch"]]] if one["batch"] in short else []
    if code not in {Exit.REFUSED, Exit.LOCKED} and (ends := _held_up(desk, judge, foreseen)):
        code, why = ends[0], [ends[1], *why]
    at_work = holder(desk.ledger_path.with_name("lock"))
    if at_work is not None:
        code, why = Exit.LOCKED, [f"another run is under way: {at_work.where}"]
    return {
        "dry_run": True,
        "exit": int(code),
        "why": why,
        "ledger": kept is not None,
        "plan_digest": loaded.digest,
        "batches": foreseen,
    }


def _held_up(
    desk: Desk, judge: Judge, foreseen: Sequence[BatchForecast]
) -> tuple[Exit, str] | None:
    """Return how a run would end that may not move now what there is to move, and why."""
    early = _too_early(desk, judge, foreseen)
    moving = [
        one for one in foreseen
        if one["batch"] not in early and (one["objects"] or one["sent"]["objects"])
    ]  # fmt: skip
    windows, at = desk.loaded.plan.windows, desk.clock.now()
    paused = Standing.of(desk.instructions.read(), at).paused
    if moving and paused is not None:
        return Exit.STOPPED, f"runs are paused {paused.who}"
    if moving and windows is not None:
        moment = judge.now()
        for clock in map(seconds_of, (moment.earliest, moment.latest)):
            if not windows.windows.is_open(clock):
                return Exit.STOPPED, str(outside(windows.windows, clock))
    if early and len(early) == len(foreseen):
        return Exit.REFUSED, "; ".join(early.values())
    return (Exit.STOPPED, "; ".join(early.values())) if early else None


def _too_early(desk: Desk, judge: Judge, foreseen: Sequence[BatchForecast]) -> dict[str, str]:
    """Return which of the batches a run would leave for a later day, and note it at each."""
    early: dict[str, str] = {}
    names = {one["batch"]: one for one in foreseen}
    days = {one.name: one.not_before for one in desk.batches(()) if one.name in names}
    if any(day is not None for day in days.values()):
        now = seconds_of(judge.now().earliest)
        for name, day in days.items():
            if day is not None and now < day:
                early[name] = f"batch {name} is not to be moved before {text_of_seconds(day)}"
                names[name]["notes"].append(early[name])
    return early


@contextmanager
def _kept(desk: Desk) -> Iterator[SqliteLedger | None]:
    """Open the ledger of earlier runs for looking; None: no run has begun."""
    if not desk.ledger_path.exists():
        yield None
        return
    ledger = SqliteLedger.read_only(desk.ledger_path, desk.clock)
    try:
        yield ledger if ledger.meta("plan_digest") is not None else None
    finally:
        ledger.close()


def _demand_newest(desk: Desk, kept: SqliteLedger | None) -> None:
    with nullcontext(kept) if kept else closing(SqliteLedger.temporary(desk.clock)) as ledger:
        demand_newest(desk, ledger)


def _demand_bound(desk: Desk, kept: SqliteLedger, services: Services, judge: Judge) -> None:
    """Demand that a run could go on with the ledger of earlier ones."""
    loaded = desk.loaded
    name_of(kept)
    demand_allowed(judged(kept, json.loads(loaded.canonical)))
    demand(unagreed(kept, loaded.plan, loaded.base, judge.unchecked()))
    if bound_recipients(kept) is not None:  # so it is only compared
        bind_recipients(kept, loaded.plan, services.recipients)


def _left_behind(desk: Desk, name: str, ledgers: Iterable[SqliteLedger | None]) -> list[LeftByRule]:
    """Return what each rule leaves behind of a dataset, as far as it is listed."""
    dataset = desk.loaded.plan.dataset(name)
    rows = [(ledger, row) for ledger in ledgers if ledger for row in ledger.datasets()]
    found = next(
        (left for ledger, row in rows if row.name == name and (left := ledger.left_out(row.id))), {}
    )
    return [
        {
            "rule": place,
            "asks": asks,
            "reason": reason,
            "objects": tally.objects,
            "bytes": tally.size,
        }
        for word, tally in sorted(found.items())
        for place, asks, reason in [left_by(dataset, word)]
    ]


def _fresh(desk: Desk, kept: SqliteLedger | None) -> SqliteLedger:
    """Return a ledger that leaves nothing behind, of the datasets that no run has listed."""
    plan = desk.loaded.plan
    listed = {} if kept is None else {row.name: row.batch for row in kept.datasets() if row.sealed}
    pairs = [
        (name, batch.name)
        for batch in plan.ordered_batches()
        for name in batch.datasets
        if listed.get(name) != batch.name
    ]
    ledger = SqliteLedger.temporary(desk.clock)
    ledger.start(desk.loaded.digest, desk.loaded.canonical, pairs, diff=changes)
    adopt(ledger)
    ledger.set_meta(RUN_TAG, f"{desk.loaded.digest[:16]}-{secrets.token_hex(6)}")
    ledger.commit()
    return ledger
