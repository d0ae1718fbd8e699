"""Where the cutovers of a plan stand, and why they wait."""

from __future__ import annotations

from hdh_migrate.errors import KeyUnavailable, UsageError
from hdh_migrate.events.cutover import Track
from hdh_migrate.evidence.lines.finals import FinalSwitch
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.projections.facts import waits_of
from hdh_migrate.pipeline.projections.standing import CutoverStanding, standings
from hdh_migrate.results.looks import CutoverStatus
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.terms import terms_digest, terms_of
from hdh_migrate.session.verbs.hold import holder


def cutovers_now(ledger: SqliteLedger, desk: Desk) -> dict[str, CutoverStatus]:
    """Return where each batch's cutover stands and why it waits; without those not planned."""
    planned = [entry.batch for entry in desk.loaded.plan.cutovers]
    if not planned:
        return {}
    stories, held = standings(ledger.cutovers()), holder(desk)
    return {batch: _look(desk, stories.get((batch, Track.CUTOVER)), held) for batch in planned}


def _look(desk: Desk, story: CutoverStanding | None, held: str | None) -> CutoverStatus:
    if story is None:
        return {"stage": "not started", "since": None, "waits": None, "held": held,
                "window_until": None}  # fmt: skip
    found: CutoverStatus = {
        "stage": str(story.stage),
        "since": story.since,
        "waits": None if _settled(desk, story) else waits_of(story),
        "held": held,
        "window_until": story.window_until,
    }
    end = ended(story)
    if end is not None and end.passed:
        found["in_spite_of"] = {
            "late": end.late, "unlisted": end.unlisted, "let_go": end.let_go
        }  # fmt: skip
    return found


def ended(story: CutoverStanding | None) -> FinalSwitch | None:
    """Return in spite of what a switch was made final, None while it is not."""
    if story is None or story.finalized is None:
        return None
    return FinalSwitch.told_by(story.batch, story.times["finalized"], story.finalized)


def _settled(desk: Desk, story: CutoverStanding) -> bool:
    """Say whether it waits for consent to other terms, and the plan has those in force again.

    Nothing of a cutover is done when a change is taken back, so no event would tell of it.
    """
    if story.waits is None or story.waits.why != "terms" or story.terms is None:
        return False
    try:
        return terms_digest(story.terms) == terms_digest(terms_of(desk.loaded, story.batch))
    except (KeyUnavailable, UsageError):
        return False
