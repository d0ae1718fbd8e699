"""Before anything is contacted: every waiver that counts by the plan counts by the journal, too.

The gate before the target is judged before the ledger is opened, so that its journal is dated by a
clock that is right. What the journal knows of keys (who may waive by the terms of a cutover, who
signed reports before) is therefore looked up here, where services are opened.
"""

from __future__ import annotations

from pathlib import Path

from hdh_migrate.clocks import Moment
from hdh_migrate.errors import Refused
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Problem
from hdh_migrate.pipeline.projections.standing import standings
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.plan.model import Plan
from hdh_migrate.ports.run import Clock
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.policy.contents import signers
from hdh_migrate.session.policy.terms import verifiers
from hdh_migrate.session.policy.timekeeping import offline

WHY = "its key waives nothing by the terms that are in force, or signed reports before"

AGREE = (
    'have it agreed to ("hdh-migrate approve PLAN --batch NAME --stage terms", then "hdh-migrate'
    ' cutover start PLAN --batch NAME", which takes it up)'
)


def demand_agreed(loaded: LoadedPlan, path: Path, clock: Clock) -> None:
    """Demand of the waivers beside a plan what the ledger at `path` knows; none is no harm.

    Raises:
        Refused: one counts by the plan alone; nothing was contacted.
        KeyUnavailable: a key of the plan cannot be read.
        LedgerDamaged: the journal cannot be read.
    """
    plan, base = loaded.plan, loaded.base
    if plan.waivers is None or not (base / waivers.FOLDER).is_dir() or not path.exists():
        return
    now = offline(clock, path).unchecked()
    ledger = SqliteLedger.read_only(path, clock)
    try:
        found = unagreed(ledger, plan, base, now)
    finally:
        ledger.close()
    if found:
        raise Refused(
            "waivers are signed by keys that may not waive here",
            blockers=[str(one) for one in found],
            hint="nothing was contacted; take them away, or let somebody sign whom the terms"
            f" name. Where waivers.keys of the plan is new: take them away, {AGREE}, and put them"
            " back",
        )  # fmt: skip


def agreed(
    ledger: SqliteLedger, plan: Plan, base: Path, now: Moment
) -> tuple[list[TrustedKey], list[waivers.Waiver]]:
    """Return who may waive by what the journal tells, and which of their waivers count now.

    Where the terms of a cutover were fixed, only those waive whom all of them name.

    Raises:
        KeyUnavailable: a key of the plan cannot be read.
    """
    if plan.waivers is None or not (base / waivers.FOLDER).is_dir():
        return [], []
    keys = who_waives(ledger, plan, base)
    return keys, waivers.in_force(plan, base, now, named=keys, signers=signers(ledger))[0]


def who_waives(ledger: SqliteLedger, plan: Plan, base: Path) -> list[TrustedKey]:
    """Return whose waivers count by what the journal tells, as `agreed` does.

    Raises:
        KeyUnavailable: a key of the plan cannot be read.
    """
    stories = standings(ledger.cutovers()).values()
    fixed = [story.terms.waivers for story in stories if story.terms is not None]
    named = None
    if fixed:
        alike = set.intersection(*({one.public for one in keys} for keys in fixed))
        named = verifiers(one for one in fixed[0] if one.public in alike)
    return waivers.who_may_waive(plan, base, named, signers(ledger))[0]


def unagreed(ledger: SqliteLedger, plan: Plan, base: Path, now: Moment) -> list[Problem]:
    """Return the waivers of the target that count by the plan, and not by what its journal tells.

    The gate before the target, which knows no journal, lets them by. Those of findings do no harm:
    whoever asks for them asks the journal, too.

    Raises:
        KeyUnavailable: a key of the plan cannot be read.
    """
    counted = [
        one for one in waivers.in_force(plan, base, now)[0] if not waivers.is_finding(one.what)
    ]
    files = {waiver.file for waiver in agreed(ledger, plan, base, now)[1]}
    return [Problem(where=one.file, what=WHY) for one in counted if one.file not in files]


def demand_may_waive(loaded: LoadedPlan, path: Path, clock: Clock, key: TrustedKey) -> None:
    """Demand, before a waiver is signed, that the ledger at `path` lets its key waive.

    A key that the plan does not name waives nothing either, nor does its waiver stop a run.

    Raises:
        Refused: it does not, and where the waiver is of the target every run would be refused.
        KeyUnavailable: a key of the plan cannot be read.
        LedgerDamaged: the journal cannot be read.
    """
    plan, base = loaded.plan, loaded.base
    if plan.waivers is None or not path.exists():
        return
    ledger = SqliteLedger.read_only(path, clock)
    try:
        named = {one.fingerprint for one in waivers.who_may_waive(plan, base, None, ())[0]}
        may = {one.fingerprint for one in who_waives(ledger, plan, base)}
    finally:
        ledger.close()
    if key.fingerprint in named - may:
        raise Refused(
            f"{key.key_id} may not waive here: {WHY}",
            hint=f"nothing was waived; where waivers.keys of the plan is new, {AGREE} first",
        )
