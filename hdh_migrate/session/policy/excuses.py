"""Which findings have a signed waiver: asked by runs, needs, gates, exit codes and `status`."""

from __future__ import annotations

from collections.abc import Collection

from hdh_migrate.clocks import Judge, Moment, seconds_of
from hdh_migrate.events.cutover import Track
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import OpenFinding
from hdh_migrate.pipeline.excused import Excuses, Waived, no_waivers
from hdh_migrate.pipeline.projections.standing import standings
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.policy.contents import signers
from hdh_migrate.session.policy.kept_waivers import keep_waivers
from hdh_migrate.session.policy.terms import verifiers


def excuses(
    loaded: LoadedPlan, ledger: SqliteLedger, now: Moment, known: Collection[str] | None = None
) -> Waived:
    """Read the waivers that count now; return what says whether a finding has one.

    Whose waivers count for a batch is what the terms of its cutover say, where these are fixed.
    Of those alone that are `known` by digest, where some are given.

    Raises:
        KeyUnavailable: a key of the plan cannot be read.
    """
    if loaded.plan.waivers is None or not (loaded.base / waivers.FOLDER).is_dir():
        return no_waivers()
    signed, stories = signers(ledger), standings(ledger.cutovers())
    by_batch: dict[str | None, list[tuple[str, float]]] = {}

    def counting(batch: str | None) -> list[tuple[str, float]]:
        if batch not in by_batch:
            story = None if batch is None else stories.get((batch, Track.CUTOVER))
            terms = None if story is None else story.terms
            named = None if terms is None else verifiers(terms.waivers)
            counted, _ = waivers.in_force(
                loaded.plan, loaded.base, now, named=named, signers=signed
            )
            by_batch[batch] = [
                (one.what, seconds_of(one.made_at))
                for one in counted
                if known is None or one.digest in known
            ]
        return by_batch[batch]

    def waived(found: OpenFinding) -> bool:
        asked, at = waivers.finding(found["code"]), seconds_of(found["at"])
        return any(what == asked and made_at >= at for what, made_at in counting(found["batch"]))

    return waived


def kept_excuses(loaded: LoadedPlan, ledger: SqliteLedger, judge: Judge) -> Excuses:
    """Return what `excuses` does, for who works: the journal has whatever it rests on.

    Raises:
        KeyUnavailable, ClocksDiffer: as `keep_waivers`.
    """
    counted = keep_waivers(ledger, loaded, judge.now)
    return Excuses(waived=excuses(loaded, ledger, judge.now(), counted), counted=counted)
