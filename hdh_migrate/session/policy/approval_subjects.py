"""What an approval is about: from the ledger here, or from a signed bundle on another machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from hdh_migrate.clocks import Moment, seconds_of
from hdh_migrate.errors import EvidenceDamaged, Refused, UsageError
from hdh_migrate.events.consent import ConsentTerms
from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.approval_forms import JournalReached, Subject
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.evidence.verifier.outcome import Outcome
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.projections.standing import CutoverStanding, standing
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import NAMED
from hdh_migrate.session.policy.newest import learnt_at
from hdh_migrate.session.policy.sound import sound_ledger
from hdh_migrate.session.policy.terms import (
    difference,
    longest_freeze,
    terms_digest,
    terms_of,
    terms_stated,
)
from hdh_migrate.session.policy.timekeeping import dated_ahead
from hdh_migrate.session.views.records import batch_root
from hdh_migrate.wiring.context import RUN_TAG


def subject_here(desk: Desk, batch: str, stage: ApprovalStage) -> Subject:
    """Return what an approval is about, from the ledger as it is now.

    Raises:
        UsageError: the plan has no such batch, or no run has begun.
        LedgerDamaged: the rows are not as the journal tells them.
    """
    desk.batches([batch])
    with sound_ledger(desk) as ledger:
        root = None if stage is ApprovalStage.FREEZE else batch_root(desk, ledger, batch)
        return subject_of(desk, ledger, standing(ledger.cutovers(), batch), stage, root)


def subject_of(
    desk: Desk,
    ledger: SqliteLedger,
    now: CutoverStanding,
    stage: ApprovalStage,
    root: str | None,
    terms: ConsentTerms | None = None,
) -> Subject:
    """Return what an approval of a stage must be about to count now, for a manifest root.

    `terms` are those of the plan, where they were read already.

    Raises:
        UsageError: other terms are to be approved, and there are none, or none in force.
    """
    terms = terms_of(desk.loaded, now.batch) if terms is None else terms
    if stage is ApprovalStage.FREEZE:
        root = None
    elif stage is ApprovalStage.TERMS:
        root = terms_digest(_changed(now.terms, terms))
    return Subject(
        plan_digest=desk.loaded.digest,
        ledger=ledger.meta(RUN_TAG) or "",
        batch=now.batch,
        stage=stage,
        root=root,
        terms=terms_digest(terms),
        journal=JournalReached(ledger.length(), ledger.head()),
        attempt=now.attempt,
        since=max(
            (at for at in (now.known_since(str(stage)), learnt_at(ledger)) if at is not None),
            key=seconds_of, default=None,
        ),
        longest=longest_freeze(desk.loaded.plan) if stage is ApprovalStage.FREEZE else None,
    )  # fmt: skip


def difference_here(desk: Desk, batch: str) -> list[str]:
    """Return in lines what the plan changes of the terms in force.

    Raises:
        UsageError: nothing, or none are in force.
    """
    ledger = desk.read_ledger()
    try:
        was = standing(ledger.cutovers(), batch).terms
    finally:
        ledger.close()
    now = terms_of(desk.loaded, batch)
    return difference(_changed(was, now), now)


def _changed(was: ConsentTerms | None, now: ConsentTerms) -> ConsentTerms:
    if was is None:
        raise UsageError(
            "no terms are in force yet, so there is no change to agree to",
            hint="they are fixed by the first `cutover start`",
        )
    if terms_digest(was) == terms_digest(now):
        raise UsageError("the plan's terms are those in force: there is nothing to agree to")
    return was


def subject_of_bundle(
    desk: Desk,
    batch: str,
    stage: ApprovalStage,
    bundle: Path,
    trust: Sequence[TrustedKey],
    now: Moment,
) -> tuple[Subject, list[str]]:
    """Return what an approval is about, from a bundle that is checked whole before.

    Also, for other terms, in lines what the plan changes of those that the bundle tells.

    Raises:
        EvidenceDamaged: the bundle does not check.
        Refused: it is of another plan, does not prove the batch, or is dated in the future.
    """
    desk.batches([batch])
    found: list[str | None] = []

    def look(folder: Path, outcome: Outcome) -> None:
        del outcome
        found.append(_ledger_of(folder / "journal.jsonl"))

    outcome = examine(bundle, trust, also=look)
    if outcome.problems:
        raise EvidenceDamaged(
            f"the bundle does not check, so nothing is approved: {outcome.problems[0]}",
            hint='see everything with "hdh-migrate audit verify BUNDLE --trust KEY"',
        )
    (ledger,), predicate = found, outcome.predicate
    if ahead := dated_ahead(bundle, predicate, now):
        raise Refused(
            "nothing is approved from this bundle",
            blockers=ahead,
            hint="nothing was signed; set this machine's clock right, or ask for a new report",
        )
    root = _proven_root(desk, batch, stage, predicate)
    if ledger is None:
        raise Refused(
            "the bundle does not name its ledger: an earlier version wrote its journal",
            hint="have the plan run again, which moves nothing, and a new report written",
        )
    stories = {(one["batch"], one["track"]): one for one in predicate["cutovers"]}
    story, terms = stories.get((batch, "cutover"), {}), terms_of(desk.loaded, batch)
    changed: list[str] = []
    if stage is ApprovalStage.TERMS:
        was = _changed(terms_stated(story.get("terms")), terms)
        root, changed = terms_digest(was), difference(was, terms)
    subject = Subject(
        plan_digest=desk.loaded.digest,
        ledger=ledger,
        batch=batch,
        stage=stage,
        root=None if stage is ApprovalStage.FREEZE else root,
        terms=terms_digest(terms),
        journal=JournalReached(predicate["journal"]["events"], predicate["journal"]["head"]),
        attempt=int(story.get("attempt", 1)),
        longest=longest_freeze(desk.loaded.plan) if stage is ApprovalStage.FREEZE else None,
    )
    return subject, changed


def _proven_root(desk: Desk, batch: str, stage: ApprovalStage, predicate: Predicate) -> str:
    """Return a batch's root in a bundle that checks.

    Raises:
        Refused: the bundle is of another plan, of keyed names, or does not prove the batch.
    """
    # Who agrees to other terms has the changed plan; the bundle is of the one before.
    other = predicate["plan"]["digest"]["sha256"] != desk.loaded.digest
    if other and stage is not ApprovalStage.TERMS:
        raise Refused(
            "the bundle is of another plan, or the plan was changed since",
            hint="nothing was signed; ask for the plan of the bundle, or for a new report",
        )
    if predicate["names"] != "plain":
        raise Refused(
            "the bundle's names are keyed, so its root is not that of the ledger",
            hint="approve from a bundle with plain names, or beside the ledger",
        )
    stated = next((one for one in predicate["batches"] if one["name"] == batch), None)
    if stated is None or not stated["proven"]:
        raise Refused(
            f"the bundle does not prove batch {batch}",
            hint="wait for a bundle in which every object of the batch is verified at level full",
        )
    return stated["merkle_root"]


def _ledger_of(journal: Path) -> str | None:
    """Return the name of the ledger in a journal that checks, None when it has none."""
    with journal.open("rb") as file:
        for line in file:
            event = json.loads(line)
            if event["kind"] == NAMED:
                return str(json.loads(event["body"])["ledger"])
    return None
