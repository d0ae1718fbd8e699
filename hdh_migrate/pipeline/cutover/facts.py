"""What the journal says of every cutover, as JSON for the signed statement and for programs.

Values of pointers stand here as digests only: what a pointer was before may hold anything.
"""

from __future__ import annotations

from typing import Any, Protocol

from hdh_migrate.jsonform import JsonForm
from hdh_migrate.pipeline.cutover.standing import Events, Standing, TermsChange, standings


class Journal(Protocol):
    """What of a ledger is needed here."""

    def cutovers(self) -> Events:
        """Return (time, kind, event) of every event of a cutover, oldest first."""


def cutover_facts(ledger: Journal) -> list[dict[str, Any]]:
    """Return every cutover and rehearsal, in the order in which they began."""
    return [_facts(story) for story in standings(ledger.cutovers()).values()]


def _facts(story: Standing) -> dict[str, Any]:
    erasure = story.erasure
    return {
        "batch": story.batch,
        "track": str(story.track),
        "on_this_machine": story.rehearsing,
        "stage": str(story.stage),
        "since": story.since,
        "times": dict(sorted(story.times.items())),
        "waits": waits_of(story),
        "pointer": {
            **(story.pointer.as_json() if story.pointer is not None else {}),
            "old_sha256": story.old_sha256,
            "new_sha256": story.new_sha256,
        },
        "root": story.root,
        "attempt": story.attempt,
        "terms": None if story.terms is None else story.terms.as_json(),
        "terms_changes": [_terms_change(one) for one in story.terms_changes],
        "approved_under": dict(sorted(story.terms_of.items())),
        "keys_beside": list(story.beside),
        "approvals": {stage: list(keys) for stage, keys in sorted(story.approvals.items())},
        "freeze": _members(story.freeze, "how", "relists", "interval_seconds"),
        "delta": [_members(one, "round", "new", "changed", "vanished") for one in story.rounds],
        "smoke": smoke_of(story),
        "window_until": story.window_until,
        "not_ours_before_the_switch": story.strangers,
        "written_by_consumers": None if story.written is None else dict(story.written),
        "finalized": _members(story.finalized, "early", "reason"),
        "decommission": {
            "recheck": _recheck(story),
            "outcomes": dict(sorted(erasure.outcomes.items())),
            "requested": None if story.requested is None else dict(story.requested),
            "observed": observed_of(story),
        },
    }


def _recheck(story: Standing) -> dict[str, Any] | None:
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


def waits_of(story: Standing) -> dict[str, Any] | None:
    """Say why a cutover does not go on, None while nothing holds it."""
    found = story.waits
    return None if found is None else {"why": found.why, "told": [*found.told], "at": found.at}


def smoke_of(story: Standing) -> dict[str, Any] | None:
    """Say how the last smoke tests ended, None where there were none."""
    return _members(story.smoke, "ok", "objects", "bytes", "commands", "failures")


def observed_of(story: Standing) -> dict[str, Any] | None:
    """Say what the source showed after the deletion, None while nobody looked."""
    if story.observed is None:
        return None
    told = story.observed.items()
    return {name: list(one) if isinstance(one, tuple) else one for name, one in told}


def _terms_change(told: TermsChange) -> dict[str, Any]:
    change = told.event.as_json()
    return {
        "at": told.at,
        **{name: change[name] for name in ("was", "now", "difference", "approvals")},
        "terms_before": None if told.before is None else told.before.as_json(),
    }


def _members(event: JsonForm | None, *names: str) -> dict[str, Any] | None:
    """Return some members of an event."""
    if event is None:
        return None
    told = event.as_json()
    return {name: told[name] for name in names}
