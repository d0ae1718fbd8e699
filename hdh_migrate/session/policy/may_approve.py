"""Who may sign an approval: a key that would not count is refused now, not weeks later."""

from __future__ import annotations

from contextlib import suppress

from hdh_migrate.errors import KeyUnavailable, Refused
from hdh_migrate.evidence.signatures.signing import TrustedKey, load_trusted_key
from hdh_migrate.pipeline.projections.standing import standing, standings
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.contents import signers
from hdh_migrate.session.policy.reporters import report_key

_NOTHING = "nothing was signed"


def demand_still_asked(desk: Desk, batch: str, stage: str) -> None:
    """Demand that a stage of a batch's cutover does not lie behind; without a ledger nobody knows.

    Raises:
        Refused: it does.
    """
    if not desk.ledger_path.exists():
        return
    ledger = desk.read_ledger()
    try:
        story = standing(ledger.cutovers(), batch)
    finally:
        ledger.close()
    if story.is_over(stage):
        raise Refused(
            f"batch {batch} is {story.stage} already: it needs no approval of {stage} any more",
            hint=f'{_NOTHING}; "hdh-migrate status PLAN" says what is asked for',
        )


def demand_may_approve(desk: Desk, key: TrustedKey) -> None:
    """Demand that approvals by a key can count at all: for the plan, or for terms in force.

    Where there is no ledger, on an approver's own machine, the plan alone says so; a key of the
    operator that cannot be read there is judged where the approval is kept.

    Raises:
        Refused: the key is none of theirs, its last day is over, or it signs reports: it approves
            nothing.
        KeyUnavailable: a public key that the plan names cannot be read.
    """
    plan, base = desk.loaded.plan, desk.loaded.base
    named = plan.approvals.keys if plan.approvals is not None else ()
    asked = dict[str, list[str | None]]()
    for one in (load_trusted_key(base / path) for path in named):
        asked.setdefault(one.fingerprint, []).append(one.until)
    reporting = set[str]()
    with suppress(KeyUnavailable):
        if (own := report_key(plan, base)) is not None:
            reporting.add(own.fingerprint)
    if desk.ledger_path.exists():
        ledger = desk.read_ledger()
        try:
            reporting |= signers(ledger)
            for story in standings(ledger.cutovers()).values():
                for named_then in () if story.terms is None else story.terms.approvers:
                    asked.setdefault(named_then.fingerprint, []).append(named_then.until)
        finally:
            ledger.close()
    if key.fingerprint in reporting:
        raise Refused(
            f"{key.key_id} signs reports of this migration, or did: it approves nothing",
            hint=f"{_NOTHING}; who runs a plan does not approve it: use an approver's key",
        )
    if key.fingerprint not in asked:
        raise Refused(
            f"{key.key_id} is no approver of this plan, so its approval would count for nothing",
            hint=f"{_NOTHING}; approvers are the keys under `approvals` in the plan",
        )
    days = asked[key.fingerprint]
    if all(day is not None and day < desk.clock.now()[:10] for day in days):
        raise Refused(
            f"{key.key_id} was to approve until {max(filter(None, days))}, so its approval would"
            " count for nothing",
            hint=f"{_NOTHING}; name a key that is in force under `approvals` in the plan",
        )
