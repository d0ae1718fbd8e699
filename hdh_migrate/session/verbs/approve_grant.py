"""What is approved of a grant: the request, in the journal here or in a bundle's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hdh_migrate.clocks import Moment
from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.events.grants import GrantAsked
from hdh_migrate.events.registry import read
from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.approvals import ApprovalStage, Subject
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier.outcome import Outcome
from hdh_migrate.jsonform import OtherForm
from hdh_migrate.pipeline.cutover.standing import standing
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.granting import accounts, demand_as_asked, request_of
from hdh_migrate.session.policy.sound import sound_ledger
from hdh_migrate.session.verbs.approve import subject_of, subject_of_bundle
from hdh_migrate.telemetry import size_text


def grant_here(desk: Desk, grant: str) -> tuple[Subject, list[str]]:
    """Return what an approval of a grant is about, and in lines what is to be approved.

    Raises:
        UsageError: nobody asked for such a grant, or it is past that.
        LedgerDamaged: the journal's request is not what its digest says.
    """
    with sound_ledger(desk) as ledger:
        account = accounts(ledger).by_id.get(grant)
        if account is None or account.dropped or account.given or account.revoked:
            what = "nobody asked for it" if account is None else "it waits for no approval"
            raise UsageError(
                f"no grant {grant} to approve: {what}", hint='"hdh-migrate grants PLAN" lists them'
            )
        asked = account.asked
        demand_as_asked(asked)
        now = standing(ledger.cutovers(), asked.batch)
        return subject_of(desk, ledger, now, ApprovalStage.GRANT, asked.request), lines(asked)


def grant_of_bundle(
    desk: Desk, grant: str, bundle: Path, trust: Sequence[TrustedKey], now: Moment
) -> tuple[Subject, list[str]]:
    """Return the same from a bundle that is checked whole before.

    Raises:
        UsageError: its journal tells of no such request.
        EvidenceDamaged: the bundle does not check.
        Refused: it is of another plan, does not prove the batch, or is dated in the future.
    """
    found: list[GrantAsked] = []

    def look(folder: Path, outcome: Outcome) -> None:
        del outcome
        found.extend(_asked_in(folder / "journal.jsonl", grant))

    outcome = examine(bundle, trust, also=look)
    if outcome.problems:
        raise EvidenceDamaged(
            f"the bundle does not check, so nothing is approved: {outcome.problems[0]}",
            hint='see everything with "hdh-migrate audit verify"',
        )
    if not found or request_of(found[0]) != found[0].request:
        raise UsageError(
            f"no grant {grant} to approve in the bundle",
            hint="ask for one that was written after the grant was asked for, with plain names",
        )
    asked = found[0]
    subject, _ = subject_of_bundle(desk, asked.batch, ApprovalStage.GRANT, bundle, trust, now)
    return replace(subject, root=asked.request), lines(asked)


def lines(asked: GrantAsked) -> list[str]:
    """Say what is asked, in lines."""
    part = "all of it" if asked.selection is None else "a part of it"
    amount = f"{asked.objects} objects ({size_text(asked.bytes)})"
    return [
        f"grant: {amount} of dataset {asked.dataset}, {part}",
        f"reader: {asked.reader}",
        f"permit: {asked.permit}",
        f"purpose: {asked.purpose}",
        f"until: {asked.until}",
    ]


def _asked_in(journal: Path, grant: str) -> list[GrantAsked]:
    mark = f'"kind":"{GrantAsked.kind}"'.encode()
    with journal.open("rb") as file:
        events = [json.loads(line)["body"] for line in file if mark in line]
    found = []
    for body in events:
        try:
            asked = read(GrantAsked, body)
        except OtherForm:
            continue  # of a bundle with keyed names
        if asked.grant == grant:
            found.append(asked)
    return found
