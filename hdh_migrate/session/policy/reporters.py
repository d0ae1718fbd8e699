"""The key that signs a plan's reports: the operator's own, which neither approves nor waives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from hdh_migrate.errors import Refused
from hdh_migrate.evidence.signatures.signing import TrustedKey, load_trusted_key, public_half
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Problem
from hdh_migrate.pipeline.projections.standing import standings
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.plan.model import Plan
from hdh_migrate.wiring import Vault, identity_path


def report_key(plan: Plan, base: Path) -> TrustedKey | None:
    """Return the public half of `report.signer`, None when the plan names none.

    Raises:
        KeyUnavailable: the key or its passphrase cannot be read.
    """
    if plan.report.signer is None:
        return None
    vault, phrase = Vault.open(base), plan.report.signer_passphrase
    return public_half(
        identity_path(plan.report.signer, vault),
        lambda: vault.reveal(phrase).encode() if phrase is not None else None,
    )


def barred(
    plan: Plan, base: Path, keys: Sequence[TrustedKey], signers: Collection[str]
) -> list[TrustedKey]:
    """Return whose signatures neither approve nor waive.

    `signers` are fingerprints of those whose key signed reports before: who exchanges the file of
    that key is still who runs the plan.

    Raises:
        KeyUnavailable: as `report_key`.
    """
    own = report_key(plan, base)
    earlier = [key for key in keys if key.fingerprint in signers]
    return earlier if own is None else [own, *earlier]


def approvers_barred(
    loaded: LoadedPlan, ledger: SqliteLedger, signers: Collection[str]
) -> list[Problem]:
    """Return why the key of `report.signer` may not become the one that signs reports.

    Once the journal tells a key as that, it approves nothing ever after: named by mistake for one
    run, somebody who may approve would be lost to every stage, and to a change of the terms. So it
    is refused before the journal tells it. `signers` are fingerprints of those that it tells
    already, which go on; of a first run the plan alone decides.

    Raises:
        KeyUnavailable: as `report_key`, or a key of the plan cannot be read.
    """
    own = report_key(loaded.plan, loaded.base)
    if own is None or not signers or own.fingerprint in signers:
        return []
    named = loaded.plan.approvals.keys if loaded.plan.approvals is not None else ()
    stories = standings(ledger.cutovers()).values()
    may = {load_trusted_key(loaded.base / path).fingerprint for path in named}
    may |= {
        key.fingerprint
        for story in stories
        if story.terms is not None
        for key in story.terms.approvers
    }
    if own.fingerprint not in may:
        return []
    what = f"{own.key_id} is the key of somebody who approves: if it signed reports, it never could"
    hint = "name the key of whoever runs the plan"
    return [Problem(where="report.signer", what=what, hint=hint)]


def demand_apart(ledger: SqliteLedger, signer: TrustedKey) -> None:
    """Demand that the key which is to sign a report has approved nothing that the report tells.

    What an earlier version counted, before there were terms, stays as it is.

    Raises:
        Refused: it has; nothing was written.
    """
    lines = []
    for story in standings(ledger.cutovers()).values():
        stages = [stage for stage in story.approvals if story.terms_of.get(stage) is not None]
        given = [(stage, story.approvals[stage]) for stage in stages]
        given += [("terms", [*change.event.approvals]) for change in story.terms_changes]
        lines += [
            f"batch {story.batch}: {signer.key_id} approved its {stage}"
            for stage, keys in given
            if signer.fingerprint in keys
        ]
    if lines:
        raise Refused(
            "the report would be signed by a key that approved what it tells",
            blockers=lines,
            hint="let report.signer name a key of whoever runs the plan; nothing was written",
        )
