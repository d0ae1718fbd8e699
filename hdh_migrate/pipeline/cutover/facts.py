"""What the journal says of every cutover, as JSON for the signed statement and for programs.

Values of pointers stand here as digests only: what a pointer was before may hold anything.
"""

from __future__ import annotations

from typing import Protocol

from hdh_migrate.pipeline.cutover.standing import Events, Standing, standings
from hdh_migrate.results.switches import Cutover, Recheck


class CutoverLedger(Protocol):
    """What of a ledger is needed here."""

    def cutovers(self) -> Events:
        """Return (time, kind, body) of every event of a cutover, oldest first."""


def cutover_facts(ledger: CutoverLedger) -> list[Cutover]:
    """Return every cutover and rehearsal, in the order in which they began."""
    return [_facts(story) for story in standings(ledger.cutovers()).values()]


def _facts(story: Standing) -> Cutover:
    erasure = story.erasure
    return {
        "batch": story.batch,
        "track": str(story.track),
        "on_this_machine": story.rehearsing,
        "stage": str(story.stage),
        "since": story.since,
        "times": dict(sorted(story.times.items())),
        "waits": story.waits,
        "pointer": {
            **story.pointer,
            "old_sha256": story.old_sha256,
            "new_sha256": story.new_sha256,
        },
        "root": story.root,
        "attempt": story.attempt,
        "terms": story.terms,
        "terms_changes": list(story.terms_changes),
        "approved_under": dict(sorted(story.terms_of.items())),
        "keys_beside": list(story.beside),
        "approvals": {stage: list(keys) for stage, keys in sorted(story.approvals.items())},
        "freeze": story.freeze,
        "delta": list(story.rounds),
        "smoke": story.smoke,
        "window_until": story.window_until,
        "not_ours_before_the_switch": story.strangers,
        "written_by_consumers": story.written,
        "finalized": story.finalized,
        "decommission": {
            "recheck": _recheck(story),
            "outcomes": dict(sorted(erasure.outcomes.items())),
            "requested": story.requested,
            "observed": story.observed,
        },
    }


def _recheck(story: Standing) -> Recheck | None:
    """Say how the target was read again before anything was deleted, None while it was not."""
    found = story.recheck
    if found.level is None:
        return None
    return {
        "level": found.level,
        "reason": found.reason,
        "objects": found.objects,
        "bytes": found.size,
        "differing": len(found.differing),
    }
