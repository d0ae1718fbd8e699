"""What is approved of a grant: the request, in the journal here or in a bundle's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hdh_migrate.clocks import Moment
from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.events.grants import GrantAsked
from hdh_migrate.events.registry import read_body
from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.approval_forms import Subject
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier.outcome import Outcome
from hdh_migrate.jsonform import OtherForm
from hdh_migrate.pipeline.projections.standing import standing
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.approval_subjects import subject_of, subject_of_bundle
from hdh_migrate.session.policy.granting import accounts, demand_as_asked, request_of
from hdh_migrate.session.policy.selections import (
    SelectionProof,
    demand_selected,
    read_salt,
    salt_of,
)
from hdh_migrate.session.policy.sound import sound_ledger
from hdh_migrate.telemetry import counted, size_text

_NOT_SHOWN = (
    "a part of it; which is not shown: give the globs of the request with --include, and they are"
    " compared with it"
)


def grant_here(desk: Desk, grant: str, proof: SelectionProof) -> tuple[Subject, list[str]]:
    """Return what an approval of a grant is about, and in lines what is to be approved.

    Raises:
        UsageError: nobody asked for such a grant, or it is past that; or a salt is given.
        Refused: it is not of the objects that the proof's globs name.
        LedgerDamaged: the journal's request is not what its digest says.
    """
    if proof.salt is not None:
        raise UsageError("--salt belongs to --bundle: here the ledger has it")
    with sound_ledger(desk) as ledger:
        account = accounts(ledger).by_id.get(grant)
        if account is None or account.dropped or account.given or account.revoked:
            what = "nobody asked for it" if account is None else "it waits for no approval"
            raise UsageError(
                f"no grant {grant} to approve: {what}", hint='"hdh-migrate grants PLAN" lists them'
            )
        asked = account.asked
        demand_as_asked(asked)
        if proof.include:
            demand_selected(asked, proof.include, salt_of(ledger, grant))
        now = standing(ledger.cutovers(), asked.batch)
        subject = subject_of(desk, ledger, now, ApprovalStage.GRANT, asked.request)
        return subject, lines(asked, proof)


def grant_of_bundle(
    desk: Desk,
    grant: str,
    bundle: Path,
    trust: Sequence[TrustedKey],
    now: Moment,
    proof: SelectionProof,
) -> tuple[Subject, list[str]]:
    """Return the same from a bundle that is checked whole before.

    Raises:
        UsageError: its journal tells of no such request, or globs come without their salt.
        EvidenceDamaged: the bundle does not check.
        Refused: it is of another plan, does not prove the batch, or is dated in the future; or the
            request is not of the objects that the proof's globs name.
    """
    if bool(proof.include) != (proof.salt is not None):
        raise UsageError(
            "with --bundle, --include and --salt belong together",
            hint="the salt is the file ID.salt in the folder grants beside the ledger: have a copy"
            " sent with the globs",
        )
    salt = None if proof.salt is None else read_salt(proof.salt)
    found: list[GrantAsked] = []

    def look(folder: Path, outcome: Outcome) -> None:
        del outcome
        found.extend(_asked_in(folder / "journal.jsonl", grant))

    outcome = examine(bundle, trust, also=look)
    if outcome.problems:
        raise EvidenceDamaged(
            f"the bundle does not check, so nothing is approved: {outcome.problems[0]}",
            hint='see everything with "hdh-migrate audit verify BUNDLE --trust KEY"',
        )
    if not found or request_of(found[0]) != found[0].request:
        raise UsageError(
            f"no grant {grant} to approve in the bundle",
            hint="ask for one that was written after the grant was asked for, with plain names",
        )
    asked = found[0]
    if proof.include:
        demand_selected(asked, proof.include, salt)
    subject, _ = subject_of_bundle(desk, asked.batch, ApprovalStage.GRANT, bundle, trust, now)
    return replace(subject, root=asked.request), lines(asked, proof)


def lines(asked: GrantAsked, proof: SelectionProof) -> list[str]:
    """Say what is asked, in lines; the globs of a proof are those of the request."""
    part = "all of it"
    if asked.selection is not None:
        part = "those that --include names" if proof.include else _NOT_SHOWN
    amount = f"{counted(asked.objects, 'object')} ({size_text(asked.bytes)})"
    renews = [f"in the place of: {asked.renews}"] if asked.renews else []
    return [
        f"grant: {amount} of dataset {asked.dataset}, {part}",
        f"reader: {asked.reader}",
        f"permit: {asked.permit}",
        f"purpose: {asked.purpose}",
        f"until: {asked.until}",
        *renews,
    ]


def _asked_in(journal: Path, grant: str) -> list[GrantAsked]:
    mark = f'"kind":"{GrantAsked.kind}"'.encode()
    with journal.open("rb") as file:
        events = [json.loads(line)["body"] for line in file if mark in line]
    found = []
    for body in events:
        try:
            asked = read_body(GrantAsked, body)
        except OtherForm:
            continue  # of a bundle with keyed names
        if asked.grant == grant:
            found.append(asked)
    return found
