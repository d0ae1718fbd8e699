"""Which findings have a signed waiver: asked by runs, needs, gates, exit codes and `status`."""

from __future__ import annotations

from hdh_migrate.clocks import Moment, seconds_of
from hdh_migrate.events.cutover import Track
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import OpenFinding
from hdh_migrate.pipeline.cutover.standing import standings
from hdh_migrate.pipeline.excused import Waived, no_waivers
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.policy.contents import signers
from hdh_migrate.session.policy.terms import verifiers


def excuses(loaded: LoadedPlan, ledger: SqliteLedger, now: Moment) -> Waived:
    """Read the waivers that count now; return what says whether a finding has one.

    Whose waivers count for a batch is what the terms of its cutover say, where these are fixed.

    Raises:
        KeyUnavailable: a key of the plan cannot be read.
    """
    if loaded.plan.waivers is None or not (loaded.base / waivers.FOLDER).is_dir():
        return no_waivers()
    signed, stories = signers(ledger), standings(ledger.cutovers())
    by_batch: dict[str | None, list[tuple[str, float]]] = {}

    def known(batch: str | None) -> list[tuple[str, float]]:
        if batch not in by_batch:
            story = None if batch is None else stories.get((batch, Track.CUTOVER))
            terms = None if story is None else story.terms
            named = None if terms is None else verifiers(terms.waivers)
            counted, _ = waivers.in_force(
                loaded.plan, loaded.base, now, named=named, signers=signed
            )
            by_batch[batch] = [(one.what, seconds_of(one.made_at)) for one in counted]
        return by_batch[batch]

    def waived(found: OpenFinding) -> bool:
        asked, at = waivers.finding(found["code"]), seconds_of(found["at"])
        return any(what == asked and made_at >= at for what, made_at in known(found["batch"]))

    return waived
