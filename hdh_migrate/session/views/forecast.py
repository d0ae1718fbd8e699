"""`forecast`: when a plan ends, what ends before it; from the ledger and files, nobody is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from hdh_migrate.clocks import seconds_of, text_of_seconds
from hdh_migrate.errors import Exit
from hdh_migrate.events.course import BatchLate
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Step
from hdh_migrate.pipeline.pace.fitting import CostFit
from hdh_migrate.pipeline.pace.until import moment_text
from hdh_migrate.pipeline.planning import TAKES_ROOM, stored_bytes
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.forecasts import (
    Basis,
    PlanForecast,
    QuotaFact,
    StepRate,
)
from hdh_migrate.results.looks import MonitorVerdict
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.views.ages import as_of, clock_behind
from hdh_migrate.session.views.ahead import LIKELY, BatchesAhead, Pace, moments
from hdh_migrate.session.views.at_work import work_of
from hdh_migrate.session.views.costs import costs
from hdh_migrate.session.views.deadlines import endings, held_against
from hdh_migrate.session.views.delta import cutovers_ahead
from hdh_migrate.session.views.likely_end import LikelyEnd
from hdh_migrate.session.views.opening import calendar_of, stated_rate
from hdh_migrate.session.views.progress import LedgerMoment, progress_of
from hdh_migrate.session.views.status import waived_now
from hdh_migrate.wiring import header_size_of

STEPS = (Step.TRANSFER, Step.VERIFY)
GIB = 1 << 30


@frozen
class Supposed:
    """What is asked about instead of what is."""

    rate: int | None = None
    """Bytes a second, each way; None: as it was measured."""
    begins: float | None = None
    """When work begins, in seconds since 1970; None, or a time that has passed: now."""


AS_IT_IS: Final = Supposed()


def forecast(desk: Desk, supposed: Supposed = AS_IT_IS) -> PlanForecast:
    """Return when each batch ends, and all of them, with what ends before.

    Before the first run nothing is listed, and no end can be given.
    """
    ledger = _opened(desk)
    try:
        with ledger.snapshot():
            return _forecast(desk, ledger, supposed)
    finally:
        ledger.close()


def likely_ends(desk: Desk) -> dict[str, LikelyEnd]:
    """Return when each batch most likely ends at the measured pace, and what its run said of it."""
    ledger = _opened(desk)
    try:
        with ledger.snapshot():
            alive = work_of(desk, ledger)["alive"]
            seen = LedgerMoment.of(
                ledger, desk.clock.monotonic() if alive else None, waived_now(desk, ledger)
            )
            ahead = _ahead(desk, seen, seconds_of(desk.clock.now()))
            said = defaultdict[str, set[str]](set)
            for _, event in ledger.events(BatchLate):
                said[event.batch].add(event.due)
    finally:
        ledger.close()
    return {
        one.batch.name: LikelyEnd(
            likely=moment_text(one.ends[LIKELY]) if one.ends and one.basis == "measured" else None,
            said_late=frozenset(said[one.batch.name]),
        )
        for one in ahead.batches
    }


def _opened(desk: Desk) -> SqliteLedger:
    if desk.ledger_path.exists():
        ledger = SqliteLedger.read_only(desk.ledger_path, desk.clock)
        if ledger.meta("plan_digest") is not None:
            return ledger
        ledger.close()  # a probe or a provision wrote in its journal, no run did
    return SqliteLedger.temporary(desk.clock)


def _forecast(desk: Desk, ledger: SqliteLedger, supposed: Supposed) -> PlanForecast:
    plan, at = desk.loaded.plan, desk.clock.now()
    now = seconds_of(at)
    work, waived = work_of(desk, ledger), waived_now(desk, ledger)
    seen = LedgerMoment.of(ledger, desk.clock.monotonic() if work["alive"] else None, waived)
    ahead = _ahead(desk, seen, max(now, supposed.begins or now), supposed.rate)
    latest = now if ahead.done else max(ahead.ends, default=None)
    of_batch = {one.batch.name: max(one.ends, default=None) for one in ahead.batches}
    deadlines = held_against(endings(desk), now, latest, of_batch)
    verified = {
        one.batch.name: now if one.state == "done" else one.ends[LIKELY] if one.ends else None
        for one in ahead.batches
    }
    quota = _quota(desk, seen)
    forecast: PlanForecast = {
        "migration": plan.migration,
        "at": at,
        "supposed": {
            "bytes_per_second": supposed.rate,
            "begins": None if supposed.begins is None else text_of_seconds(supposed.begins),
        },
        "check": {"exit": 0, "why": []},
        "done": ahead.done,
        "basis": _basis(ahead),
        "ends": moments(ahead.ends),
        "batches": [one.told() for one in ahead.batches],
        "rates": [_rate(step, fit) for step in STEPS if (fit := seen.fit(step)) is not None],
        "cutovers": [*cutovers_ahead(ledger, plan, paces_of(plan, seen, supposed.rate), verified)],
        "deadlines": deadlines,
        "quota": quota,
        "costs": costs(ledger, plan, ahead.later),
        "notes": [*_notes(plan, seen)],
    }
    if (age := as_of(work, at)) is not None:
        forecast["notes"].append(age)
    forecast["check"] = _verdict(forecast)
    if (wrong := clock_behind(work, at)) is not None:
        why = [wrong, *forecast["check"]["why"]]
        forecast["check"] = {"exit": int(Exit.FINDINGS), "why": why}
    return forecast


def _ahead(desk: Desk, seen: LedgerMoment, start: float, rate: int | None = None) -> BatchesAhead:
    plan, batches = desk.loaded.plan, desk.batches(())
    planned = {batch.name: batch for batch in plan.ordered_batches()}
    found = [(planned[one.name], one) for one in progress_of(seen, batches)]
    return BatchesAhead(seen, found, paces_of(plan, seen, rate), start, plan.not_before)


def paces_of(plan: Plan, seen: LedgerMoment, rate: int | None = None) -> dict[Step, Pace]:
    """Return what each step is counted on for, or would be at a rate."""
    return {step: _pace(plan, seen, step, rate) for step in STEPS}


def _pace(plan: Plan, seen: LedgerMoment, step: Step, rate: int | None) -> Pace:
    """Return what a step is counted on for; what was measured of a transfer stands in for both."""
    own = seen.fit(step)
    fit = own or seen.fit(Step.TRANSFER)
    return Pace(
        fit=fit,
        stated=stated_rate(plan, step),
        elsewhere=own is None,
        # Which hours were slow was measured at another rate.
        calendar=calendar_of(plan, step, fit if rate is None else None),
        asked=rate,
    )


def _basis(ahead: BatchesAhead) -> Basis:
    """Return the weakest basis that the end of something rests on."""
    found = {one.basis for one in ahead.batches if one.state != "done"}
    order: tuple[Basis, ...] = ("none", "stated", "asked")
    return next((one for one in order if one in found), "measured")


def _rate(step: Step, fit: CostFit) -> StepRate:
    sums = fit.sums
    return {
        "step": step,
        "measured_seconds": round(sums.seconds),
        "seconds_per_object": _rounded(fit.per_object),
        "seconds_per_gib": _rounded(None if fit.per_byte is None else fit.per_byte * GIB),
        "objects_per_second": round(sums.objects / sums.seconds, 2),
        "bytes_per_second": round(sums.size / sums.seconds),
        "by_hour": {f"{hour:02}": round(times, 2) for hour, times in sorted(fit.hours.items())},
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else float(f"{seconds:.3g}")


def _quota(desk: Desk, seen: LedgerMoment) -> QuotaFact | None:
    quota, plan = desk.limits.quota_bytes, desk.loaded.plan
    if quota is None:
        return None
    held = seen.sum(seen.rows, *TAKES_ROOM)
    brings = stored_bytes(
        held.objects, held.size, header=header_size_of(plan), sealed=plan.seal.encrypts
    )
    return {"bytes": quota, "brings": brings, "exceeded": brings > quota}


def _notes(plan: Plan, seen: LedgerMoment) -> Iterator[str]:
    transfer, verify = (seen.fit(step) for step in STEPS)
    if transfer is not None and verify is None:
        yield "no verification was measured: it is counted on to take as long as a transfer"
    for step, fit in zip(STEPS, (transfer, verify), strict=True):
        if fit is not None and not fit.told_apart:
            yield (
                f"{step}: too little was measured, or always the same mix, to tell what an object"
                " costs from what a byte does: the range says both"
            )
    if plan.cutovers:
        yield (
            "a cutover lists its source again and moves what changed since: that comes after these"
            " ends"
        )


def _verdict(forecast: PlanForecast) -> MonitorVerdict:
    """Return what `--check` exits with: 4 when something ends too early, or no end can be given."""
    why = [
        f"{one['what']} ended {one['ends']}"
        if one["ended"]
        else f"{one['what']} ends {one['ends']}, before the latest end {one['needed_until']}"
        for one in forecast["deadlines"]
        if one["too_early"]
    ]
    quota = forecast["quota"]
    if quota is not None and quota["exceeded"]:
        why.append("the target's quota does not hold all of it")
    if not forecast["done"] and forecast["ends"] is None:
        why += [
            f"batch {one['batch']}: no end can be given: {'; '.join(one['why']) or one['state']}"
            for one in forecast["batches"]
            if one["ends"] is None and one["state"] != "done"
        ]
    return {"exit": int(Exit.FINDINGS if why else Exit.OK), "why": why}
