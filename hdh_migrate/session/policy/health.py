"""Health-data conditions of the target's buckets, before anything is written: seen, not believed.

The rules are the profile's (`health:`); a signed waiver lets one of them go. In a rehearsal they
are shown and refuse nothing: its bucket is nobody's health-data bucket.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hdh_migrate.clocks import Judge, Moment
from hdh_migrate.model import Problem
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.moves import Check
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.policy.buckets import places_in
from hdh_migrate.targets.conditions import NOT_SHOWN, Condition, conditions
from hdh_migrate.wiring import Services
from hdh_migrate.wiring.chosen import is_rehearsal, profile_of


def problems(services: Services, plan: Plan, buckets: Sequence[str], now: Moment) -> list[Problem]:
    """Return the rules that are not seen to hold and that nobody waived; none in a rehearsal.

    Raises:
        Transient: the host did not answer.
    """
    if is_rehearsal(plan, services.vault.base):
        return []
    return [
        Problem(where=f"target bucket {bucket}", what=_what(found), hint=found.fix)
        for bucket, found, waiver in _looked(services, plan, buckets, now, demand=True)
        if not found.holds and waiver is None
    ]


def unfit(services: Services, plan: Plan, buckets: Sequence[str], judge: Judge) -> list[str]:
    """Return as `problems` does, in words: for who is about to do what cannot be taken back.

    What held when objects were written need not hold months later.

    Raises:
        Transient: the host did not answer.
        ClocksDiffer: it cannot be learned which waivers count.
    """
    return [str(one) for one in problems(services, plan, buckets, judge.now())]


def checks(services: Services, plan: Plan, buckets: Sequence[str], now: Moment) -> list[Check]:
    """Return one check for each bucket and rule, with what was seen and what mends it."""
    rehearsal = is_rehearsal(plan, services.vault.base)
    results: list[Check] = []
    for bucket, found, waiver in _looked(services, plan, buckets, now):
        passes = found.holds or waiver is not None or rehearsal
        check: Check = {
            "check": f"health data: {bucket}: {found.rule}",
            "ok": passes,
            "auth": False,
            "problems": [] if passes else [_what(found)],
            "condition": found.as_json(),
            "rehearsal": rehearsal,
        }
        if not found.holds:
            check["mend"] = found.fix
        if waiver is not None and not found.holds:
            check["waiver"] = waiver.file
            check["notes"] = [f"{_what(found)}; waived until {waiver.until}: {waiver.reason}"]
        elif rehearsal and not found.holds:
            check["notes"] = [f"off this machine this would refuse: {_what(found)}"]
        elif found.holds and NOT_SHOWN in found.seen:
            check["notes"] = [f"seen {found.seen}"]
        results.append(check)
    return results


def _what(found: Condition) -> str:
    return f"{found.reason} [{found.rule}]: seen {found.seen}, wanted {found.wanted}"


def _looked(
    services: Services,
    plan: Plan,
    buckets: Sequence[str],
    now: Moment,
    *,
    demand: bool = False,
) -> Iterator[tuple[str, Condition, waivers.Waiver | None]]:
    base = services.vault.base
    rules = profile_of(plan, base).health
    if not rules:
        return
    counted, _ = waivers.in_force(plan, base, now)
    by_what = {waiver.what: waiver for waiver in counted}
    for bucket in buckets:
        for found in conditions(
            services.place, rules, bucket, plan.target.region,
            places=places_in(plan, bucket), demand=demand,
        ):  # fmt: skip
            yield bucket, found, by_what.get(waivers.health(found.rule))
