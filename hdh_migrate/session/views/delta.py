"""What cutovers have still to move when all is verified: what changes at the source until then.

A source is taken to change as it did between its last two passes (`--refresh`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.cutover import Track
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Step, Tally
from hdh_migrate.pipeline.pace.fitting import WorkSpan, together_in_time
from hdh_migrate.pipeline.pace.until import DAY
from hdh_migrate.pipeline.projections.passes import RecordedPass, passes
from hdh_migrate.pipeline.projections.standing import BEFORE_SWITCH, CutoverStanding, standings
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.forecasts import CutoverAhead
from hdh_migrate.session.views.ahead import Pace, seconds_fact
from hdh_migrate.session.views.progress import amount_of

UNKNOWN: Final = (
    "how its source changes is not known: two passes over it tell (run --refresh, some days apart)"
)


def cutovers_ahead(
    ledger: SqliteLedger,
    plan: Plan,
    paces: Mapping[Step, Pace],
    at: Mapping[str, float | None],
) -> Iterator[CutoverAhead]:
    """Yield what each cutover that is to come still moves; `at`: when, in seconds since 1970.

    None there: nobody can tell when its batch is verified.
    """
    stands, known = standings(ledger.cutovers()), passes(ledger)
    for cutover in plan.cutovers:
        key = (cutover.batch, Track.CUTOVER)
        if stands.get(key, CutoverStanding(*key)).stage in BEFORE_SWITCH:
            ended = [one for one in known.get(cutover.batch, ()) if one.ended is not None]
            yield _ahead(cutover.batch, ended, paces, at.get(cutover.batch))


def _ahead(
    batch: str, ended: list[RecordedPass], paces: Mapping[Step, Pace], at: float | None
) -> CutoverAhead:
    found: CutoverAhead = {
        "batch": batch, "listing_seconds": None, "a_day": None, "delta": None, "seconds": None,
        "why": [],
    }  # fmt: skip
    if not ended:
        found["why"].append(UNKNOWN)
        return found
    last = ended[-1]
    listing = _between(last.begun, last.ended or last.begun)
    found["listing_seconds"] = round(listing)
    days = _between(ended[-2].begun, last.begun) / DAY if len(ended) > 1 else 0.0
    if not days:
        found["why"].append(UNKNOWN)
        return found
    changed = last.found.new + last.found.changed
    found["a_day"] = amount_of(_times(changed, 1 / days))
    if at is None:
        found["why"].append("when its batch is verified is not known")
        return found
    delta = _times(changed, max(0.0, (at - seconds_of(last.begun)) / DAY) / days)
    found["delta"] = amount_of(delta)
    work = together_in_time(
        [WorkSpan(listing, listing, listing), *(pace.span(delta) for pace in paces.values())]
    )
    if work is None:
        found["why"].append("of this no pace is known")
    else:
        found["seconds"] = seconds_fact(work)
    return found


def _between(begin: str, end: str) -> float:
    return max(0.0, seconds_of(end) - seconds_of(begin))


def _times(amount: Tally, factor: float) -> Tally:
    return Tally(objects=round(amount.objects * factor), size=round(amount.size * factor))
