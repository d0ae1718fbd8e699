"""The approvals that are kept beside a ledger: added, found again, judged.

Each is a file of its own in `approvals/`; files are added and never changed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import Judge
from hdh_migrate.errors import EvidenceDamaged, Refused, UsageError
from hdh_migrate.evidence.signatures.approval_forms import (
    APPROVAL_TYPE,
    ApprovalPayload,
    Subject,
    read_approval,
    read_withdrawal,
)
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.approvals import Judgement, Why, Withdrawal, judge
from hdh_migrate.evidence.signatures.dsse import (
    SignedEnvelope,
    claims_of,
    pre_authentication_encoding,
)
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.folders import make_private, unwritten, write_whole
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.plan.files import read_bounded, read_named
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.reporters import barred
from hdh_migrate.telemetry import counted

MAX_BYTES: Final = 1 << 16
MAX_FILES: Final = 10_000
_LEAST: Final = 8
"""So many digits of an approval's digest name it."""


def keep_approval(desk: Desk, envelope: SignedEnvelope) -> Path:
    """Add an approval, or a withdrawal of one, to those of this migration and return its file.

    The same again is no harm.

    Raises:
        UsageError: it is neither.
        Refused: it is of another plan, of no batch of this one, or of another journal.
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
    desk.note_unbegun()
    _demand_same_journal(desk, approval)
    data = canonical_json(envelope) + b"\n"
    folder = shelf(desk)
    make_private(folder)
    what = "withdrawn-" if "approval" in approval else ""
    path = folder / f"{what}{approval['stage']}-{approval['batch']}-{sha256_hex(data)[:16]}.json"
    if not path.exists():
        write_new(path, data)
    return path


def _demand_same_journal(desk: Desk, approval: ApprovalPayload) -> None:
    """Demand of what names a journal that the one here goes on from it: else it never counts."""
    journal = approval.get("journal")
    if journal is None or not desk.ledger_path.exists():
        return
    ledger = desk.read_ledger()
    try:
        counts = ledger.goes_on_from(journal["events"], journal["head"])
    finally:
        ledger.close()
    if not counts:
        raise Refused(
            f"this approval would not count: {Why.OTHER_JOURNAL}",
            hint="nothing was added; have it approved where the newest copy of the ledger is, by a"
            " copy of that one, or by a report (--bundle)",
        )


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there; none is ever replaced.

    Raises:
        UsageError: it exists, or cannot be written.
        NoSpace: the disk is full.
    """
    try:
        write_whole(path, data)
    except FileExistsError:
        raise UsageError(f"{path}: exists already and is not overwritten") from None
    except OSError as error:
        raise unwritten(path, error) from error


def load_envelope(path: Path, what: str = "approval", verb: str = "approve") -> SignedEnvelope:
    """Read what was signed from a file that a verb wrote; nothing in it is checked yet.

    Raises:
        UsageError: there is none; it is called `what`.
    """
    found = _envelope(read_named(path, MAX_BYTES))
    if found is None:
        raise UsageError(
            f"{path}: no {what}", hint=f'give the file that "hdh-migrate {verb} --out FILE" wrote'
        )
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
    approver is read: the terms that were compared with those in force have the keys.

    Raises:
        Refused: a withdrawal cannot be read.
        KeyUnavailable: the operator's own key cannot be read.
        ClocksDiffer: it cannot be learned which of them have expired.
    """
    demand_readable(shelf(desk))
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


def demand_readable(folder: Path) -> None:
    """Demand that all that is kept is read, and each withdrawal can be.

    Unread, what a withdrawal takes back would count, and an approval would be missed.

    Raises:
        Refused: one cannot, or they are too many.
    """
    kept = sum(1 for _ in folder.glob("*.json"))
    if kept > MAX_FILES:
        raise Refused(
            f"{folder}: {counted(kept, 'approval or withdrawal', 'approvals and withdrawals')};"
            f" {MAX_FILES} are read at most",
            hint="nothing is approved until then; keep approvals that have ended elsewhere (their"
            " names begin with the stage that they are of)",
        )
    for path in sorted(folder.glob("withdrawn-*.json")):
        try:
            read_bounded(path, MAX_BYTES)
        except OSError as error:
            raise Refused(
                f"{path}: this withdrawal of an approval cannot be read: {error.strerror or error}",
                hint="let it be read again, or put a copy in its place; nothing is approved until"
                " then",
            ) from None


def kept_approvals(folder: Path) -> Iterator[tuple[str, SignedEnvelope]]:
    """Yield every kept approval by its file's name; what is no approval stands as an empty one.

    Of more than `MAX_FILES`, withdrawals come first: no number of approvals hides one.
    """
    if not folder.is_dir():
        return
    found = sorted(folder.glob("*.json"), key=lambda path: (not path.match("withdrawn-*"), path))
    for path in found[:MAX_FILES]:
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
        approval = read_approval(payload)
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
