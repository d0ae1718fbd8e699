"""Where the cutovers of a plan stand, and why they wait."""

from __future__ import annotations

from hdh_migrate.events.cutover import Track
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.cutover.facts import waits_of
from hdh_migrate.pipeline.cutover.standing import CutoverStanding, standings
from hdh_migrate.results.looks import CutoverStatus
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.hold import holder


def cutovers_now(ledger: SqliteLedger, desk: Desk) -> dict[str, CutoverStatus]:
    """Return where each batch's cutover stands and why it waits; without those not planned."""
    planned = [entry.batch for entry in desk.loaded.plan.cutovers]
    if not planned:
        return {}
    stories, held = standings(ledger.cutovers()), holder(desk)
    return {batch: _look(stories.get((batch, Track.CUTOVER)), held) for batch in planned}


def _look(story: CutoverStanding | None, held: str | None) -> CutoverStatus:
    if story is None:
        return {"stage": "not started", "since": None, "waits": None, "held": held,
                "window_until": None}  # fmt: skip
    return {
        "stage": str(story.stage),
        "since": story.since,
        "waits": waits_of(story),
        "held": held,
        "window_until": story.window_until,
    }
