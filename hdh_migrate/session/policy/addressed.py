"""A changed profile leads no migration elsewhere: the target keeps the address of the journal.

A plan that names `target.endpoint` is bound by it. Where a profile gives the address, a new version
of the tool, or a changed file of the plan's own, would lead a migration elsewhere in silence, and
no report of it would check: it names one address, and its journal two.
"""

from __future__ import annotations

from pathlib import Path

from hdh_migrate.errors import Refused
from hdh_migrate.events.run import RunEnded
from hdh_migrate.evidence.verifier.addresses import leads
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Problem
from hdh_migrate.plan.model import Plan
from hdh_migrate.session.policy.changing import MOVED
from hdh_migrate.wiring.chosen import endpoint_of


def problems(ledger: SqliteLedger, plan: Plan, base: Path) -> list[Problem]:
    """Return why a target is not the one that the journal tells of; a file's tells of none.

    Raises:
        PlanInvalid: neither the plan nor the profile has an address.
    """
    now = endpoint_of(plan, base)
    told = {
        one.endpoint
        for _, ended in ledger.events(RunEnded)
        for one in ended.traffic
        if one.side == "target"
    }
    return [
        Problem(
            where="target",
            what=f"its address is {now} by the profile, and was {was} so far",
            hint=f"set the former address in a profile of your own (target.profile); {MOVED}",
        )
        for was in sorted(told)
        if not leads(was, now)
    ]


def demand_addressed(ledger: SqliteLedger, plan: Plan, base: Path) -> None:
    """Demand that a report would name the address that the journal tells of.

    Raises:
        Refused: it would name another one, and would not check.
    """
    if found := problems(ledger, plan, base):
        raise Refused(
            "the target's address differs from the one in the journal",
            blockers=[str(one) for one in found], hint="nothing was written",
        )  # fmt: skip
