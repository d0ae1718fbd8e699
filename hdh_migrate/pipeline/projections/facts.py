"""What the journal says of every cutover, as JSON for the signed statement and for programs.

Values of pointers stand here as digests only: what a pointer was before may hold anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

from hdh_migrate.events.consent import ConsentTerms
from hdh_migrate.events.cutover import CutoverDelta, ListingDifferences
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.pipeline.projections import standing
from hdh_migrate.pipeline.projections.standing import CutoverStanding, Events, standings
from hdh_migrate.results.switches import (
    CutoverFact,
    DeniedWriteFact,
    Differences,
    Finalization,
    FreezeProof,
    PointerMeans,
    RecheckFact,
    RelistingFact,
    Remains,
    Round,
    SmokeFact,
    Statement,
    TermsChangeFact,
    TermsInForce,
    Waits,
    Written,
)


class CutoverLedger(Protocol):
    """What of a ledger is needed here."""

    def cutovers(self) -> Events:
        """Return (time, kind, event) of every event of a cutover, oldest first."""


def cutover_facts(ledger: CutoverLedger) -> list[CutoverFact]:
    """Return every cutover and rehearsal, in the order in which they began."""
    return [_facts(story) for story in standings(ledger.cutovers()).values()]


def _facts(story: CutoverStanding) -> CutoverFact:
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
            **_means(story),
            "old_sha256": story.old_sha256,
            "new_sha256": story.new_sha256,
        },
        "root": story.root,
        "attempt": story.attempt,
        "terms": _terms(story.terms),
        "terms_changes": [_terms_change(one) for one in story.terms_changes],
        "approved_under": dict(sorted(story.terms_of.items())),
        "keys_beside": list(story.beside),
        "approvals": {stage: list(keys) for stage, keys in sorted(story.approvals.items())},
        "freeze": _freeze(story),
        "delta": [_round(one) for one in story.rounds],
        "smoke": smoke_of(story),
        "window_until": story.window_until,
        "not_ours_before_the_switch": story.strangers,
        "written_by_consumers": cast("Written | None", _plain(story.written)),
        "finalized": _finalized(story),
        "decommission": {
            "recheck": _recheck(story),
            "outcomes": dict(sorted(erasure.outcomes.items())),
            "requested": _plain(story.requested),
            "observed": observed_of(story),
        },
    }


def _means(story: CutoverStanding) -> PointerMeans:
    found = story.pointer
    if found is None:
        return {}
    means: PointerMeans = {"kind": found.kind, "guard": found.guard}
    if story.guard_found is not ABSENT:
        means["guard_found"] = story.guard_found
    return means


def _plain(counts: Mapping[str, int] | None) -> dict[str, int] | None:
    return None if counts is None else dict(counts)


def _recheck(story: CutoverStanding) -> RecheckFact | None:
    """Return how the target was read again before anything was deleted, None while it was not."""
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


def waits_of(story: CutoverStanding) -> Waits | None:
    """Return why a cutover does not go on, None while nothing holds it."""
    found = story.waits
    return None if found is None else {"why": found.why, "told": [*found.reasons], "at": found.at}


def smoke_of(story: CutoverStanding) -> SmokeFact | None:
    """Return how the last smoke tests ended, None where there were none."""
    found = story.smoke
    if found is None:
        return None
    return {
        "ok": found.ok,
        "objects": found.objects,
        "bytes": found.bytes,
        "commands": [{"name": one.name, "ok": one.ok, "told": one.told} for one in found.commands],
        "failures": [*found.failures],
    }


def observed_of(story: CutoverStanding) -> Remains | None:
    """Return what the source showed after the deletion, None while nobody looked."""
    if story.observed is None:
        return None
    observed = story.observed.items()
    listed = {name: list(one) if isinstance(one, tuple) else one for name, one in observed}
    return cast("Remains", listed)


def _freeze(story: CutoverStanding) -> FreezeProof | None:
    found = story.freeze
    if found is None:
        return None
    return {
        "how": cast("DeniedWriteFact | Statement", found.how.as_json()),
        "relists": [cast("RelistingFact", one.as_json()) for one in found.relists],
        "interval_seconds": found.interval_seconds,
    }


def _round(found: CutoverDelta) -> Round:
    return {
        "round": found.round,
        "new": found.new,
        "changed": found.changed,
        "vanished": found.vanished,
    }


def _finalized(story: CutoverStanding) -> Finalization | None:
    found = story.finalized
    if found is None:
        return None
    said: Finalization = {"early": found.early, "reason": found.reason}
    if found.source is not ABSENT and found.target is not ABSENT:
        said["target"] = _differences(found.target)
        said["source"] = None if found.source is None else _differences(found.source)
    return said


def _differences(found: ListingDifferences) -> Differences:
    return {"new": found.new, "changed": found.changed, "gone": found.gone}


def _terms(found: ConsentTerms | None) -> TermsInForce | None:
    return None if found is None else cast("TermsInForce", found.as_json())


def _terms_change(recorded: standing.RecordedTermsChange) -> TermsChangeFact:
    change = recorded.event
    return {
        "at": recorded.at,
        "was": change.was,
        "now": change.now,
        "difference": [*change.difference],
        "approvals": [*change.approvals],
        "terms_before": _terms(recorded.before),
    }
