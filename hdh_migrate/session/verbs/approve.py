"""Make, keep and judge approvals of a migration.

They are made where the approver is: beside the ledger, or on another machine from a signed bundle,
and then carried here. Each is a file of its own in `approvals/` beside the ledger; files are added
and never changed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import Judge, Moment, seconds_of
from hdh_migrate.errors import EvidenceDamaged, Refused, UsageError
from hdh_migrate.events.consent import ConsentTerms
from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.approvals import (
    APPROVAL_TYPE,
    ApprovalPayload,
    ApprovalStage,
    JournalReached,
    Judgement,
    Subject,
    Withdrawal,
    judge,
    read,
    read_withdrawal,
)
from hdh_migrate.evidence.signatures.signing import (
    SignedEnvelope,
    TrustedKey,
    claims_of,
    pre_authentication_encoding,
)
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.evidence.verifier.outcome import Outcome
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.folders import make_private, whole
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.cutover.standing import CutoverStanding, standing
from hdh_migrate.plan.files import read_bounded
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import NAMED
from hdh_migrate.session.policy.newest import learnt_at
from hdh_migrate.session.policy.reporters import barred
from hdh_migrate.session.policy.sound import sound_ledger
from hdh_migrate.session.policy.terms import (
    difference,
    digest_of,
    longest_freeze,
    terms_of,
    terms_stated,
)
from hdh_migrate.session.policy.timekeeping import dated_ahead
from hdh_migrate.session.views.records import batch_root
from hdh_migrate.wiring.context import RUN_TAG

MAX_BYTES: Final = 1 << 16
MAX_FILES: Final = 10_000
_LEAST: Final = 8
"""So many digits of an approval's digest name it."""


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
        root = digest_of(_changed(now.terms, terms))
    return Subject(
        plan_digest=desk.loaded.digest,
        ledger=ledger.meta(RUN_TAG) or "",
        batch=now.batch,
        stage=stage,
        root=root,
        terms=digest_of(terms),
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
    if digest_of(was) == digest_of(now):
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
            hint='see everything with "hdh-migrate audit verify"',
        )
    (ledger,), predicate = found, outcome.predicate
    if ahead := dated_ahead(bundle, predicate, now):
        raise Refused("nothing is approved from this bundle", blockers=ahead)
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
        root, changed = digest_of(was), difference(was, terms)
    subject = Subject(
        plan_digest=desk.loaded.digest,
        ledger=ledger,
        batch=batch,
        stage=stage,
        root=None if stage is ApprovalStage.FREEZE else root,
        terms=digest_of(terms),
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
        raise Refused("the bundle is of another plan, or the plan was changed since")
    if predicate["names"] != "plain":
        raise Refused(
            "the bundle's names are keyed, so its root is not that of the ledger",
            hint="approve from a bundle with plain names, or beside the ledger",
        )
    stated = next(one for one in predicate["batches"] if one["name"] == batch)
    if not stated["proven"]:
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


def keep(desk: Desk, envelope: SignedEnvelope) -> Path:
    """Add an approval, or a withdrawal of one, to those of this migration and return its file.

    The same again is no harm.

    Raises:
        UsageError: it is neither.
        Refused: it is of another plan, or of no batch of this one.
    """
    approval = _payload(envelope)
    if approval is None:
        raise UsageError("this is no approval, nor a withdrawal", hint="nothing was added")
    if approval.get("plan_digest", desk.loaded.digest) != desk.loaded.digest:
        raise Refused(
            f"this approval is of plan {approval['plan_digest'][:12]}, the plan here is"
            f" {desk.loaded.digest[:12]}",
            hint="nothing was added; it is another plan's, or this one was changed since: have"
            " it approved as it is now",
        )
    if approval["batch"] not in {batch.name for batch in desk.loaded.plan.ordered_batches()}:
        raise Refused(
            f"this approval is of batch {approval['batch']}, which is not in the plan",
            hint="nothing was added",
        )
    data = canonical_json(envelope) + b"\n"
    folder = shelf(desk)
    make_private(folder)
    what = "withdrawn-" if "approval" in approval else ""
    path = folder / f"{what}{approval['stage']}-{approval['batch']}-{sha256_hex(data)[:16]}.json"
    if not path.exists():
        write_new(path, data)
    return path


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there; none is ever replaced.

    Raises:
        UsageError: it exists, or cannot be written.
    """
    try:
        whole(path, data)
    except FileExistsError:
        raise UsageError(f"{path}: exists already and is not overwritten") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def load_envelope(path: Path) -> SignedEnvelope:
    """Read one approval from a file; nothing in it is checked yet.

    Raises:
        UsageError: there is none.
    """
    try:
        data = read_bounded(path, MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    found = _envelope(data)
    if found is None:
        raise UsageError(f"{path}: no approval")
    return found


def kept_approval(desk: Desk, named: str, by: TrustedKey) -> tuple[str, SignedEnvelope]:
    """Return digest and content of what a key approved, by its file or 8 or more of its digits.

    Raises:
        UsageError: there is none, more than one, or it is another key's: nobody else's withdrawal
            counts, and whoever gave it would believe that it does.
    """
    path = Path(named)
    candidates = (
        [load_envelope(path)] if path.is_file() else [one for _, one in kept_approvals(shelf(desk))]
    )
    found, mine = {}, set[str]()
    for envelope in candidates:
        approval = _payload(envelope)
        if approval is not None and "approval" not in approval:
            payload, claims = claims_of(envelope, APPROVAL_TYPE)
            digest, message = (
                sha256_hex(payload),
                pre_authentication_encoding(APPROVAL_TYPE, payload),
            )
            found[digest] = approval
            if any(by.accepts(signature, message) for _, signature in claims):
                mine.add(digest)
    if not path.is_file():
        short = len(named) < _LEAST
        found = (
            {}
            if short
            else {one: approval for one, approval in found.items() if one.startswith(named)}
        )
    if len(found) != 1:
        raise UsageError(
            f"{named}: {'more than one approval' if found else 'no approval that is kept here'}",
            hint="give its file, or the digits that were printed when it was made",
        )
    digest, approval = found.popitem()
    if digest not in mine:
        raise UsageError(
            f"{named}: this approval is not of {by.key_id}",
            hint="only the key that approved can take it back; nothing was withdrawn",
        )
    return digest, approval


def judgement(
    desk: Desk,
    ledger: SqliteLedger,
    subject: Subject,
    judge_of_time: Judge,
    *,
    keys: Sequence[TrustedKey],
    threshold: int,
    signers: Collection[str] = (),
    withdrawn: Collection[Withdrawal] = (),
) -> Judgement:
    """Judge every approval that is kept here, by the keys that terms ask.

    `withdrawn` are the withdrawals that the journal knows, `signers` the keys that it knows to
    have been those of reports: these never count, nor does the one of today. No key file of an
    approver is read: the terms that were compared with those in force have told the keys.

    Raises:
        KeyUnavailable: the operator's own key cannot be read.
        ClocksDiffer: it cannot be learned which of them have expired.
    """
    return judge(
        kept_approvals(shelf(desk)),
        subject,
        keys=keys,
        threshold=threshold,
        barred=barred(desk.loaded.plan, desk.loaded.base, keys, signers),
        withdrawn=withdrawn,
        goes_on=ledger.goes_on_from,
        now=judge_of_time.now(),
    )


def shelf(desk: Desk) -> Path:
    """Return the folder of this migration's approvals."""
    return desk.ledger_path.with_name("approvals")


def kept_approvals(folder: Path) -> Iterator[tuple[str, SignedEnvelope]]:
    """Yield every kept approval by its file's name; what is no approval stands as an empty one."""
    if not folder.is_dir():
        return
    for path in sorted(folder.glob("*.json"))[:MAX_FILES]:
        try:
            data = read_bounded(path, MAX_BYTES)
        except OSError:
            data = b""
        yield path.name, _envelope(data) or {}


def _envelope(data: bytes) -> SignedEnvelope | None:
    try:
        found = json.loads(data) if len(data) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _payload(envelope: SignedEnvelope) -> ApprovalPayload | None:
    approval = read_withdrawal(envelope)
    if approval is None:
        try:
            payload, _ = claims_of(envelope, APPROVAL_TYPE)
        except EvidenceDamaged:
            return None
        approval = read(payload)
    if (
        approval is None
        or approval["stage"] not in set(ApprovalStage)
        or not _plain(approval["batch"])
    ):
        return None
    return approval


def _plain(batch: str) -> bool:
    """Return whether a batch's name may become a part of a file's name."""
    return 0 < len(batch) <= 40 and batch.replace("-", "a").isalnum() and batch.isascii()
