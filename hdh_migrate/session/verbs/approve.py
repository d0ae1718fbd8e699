"""Sign, or take back, an approval: what whoever signs reads before, and what is written after."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import ALONE, Moment, length, seconds_of
from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.signatures.approval_forms import (
    APPROVAL_TYPE,
    MAX_COMMENT,
    Subject,
    approval,
    read_withdrawal,
    withdrawal,
)
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.dsse import SignedEnvelope, claims_of
from hdh_migrate.evidence.signatures.signing import Signer, TrustedKey, load_signer
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen
from hdh_migrate.results.switches import ApprovalMade, Withdrawn
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.approval_subjects import (
    difference_here,
    subject_here,
    subject_of_bundle,
)
from hdh_migrate.session.policy.kept_approvals import keep_approval, kept_approval, write_new
from hdh_migrate.session.policy.may_approve import demand_may_approve, demand_still_asked
from hdh_migrate.session.policy.selections import SelectionProof
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.approve_erasure import erasure_here
from hdh_migrate.session.verbs.approve_grant import grant_here, grant_of_bundle
from hdh_migrate.session.verbs.approve_rotation import resealing_here, rotation_here
from hdh_migrate.session.verbs.telling import tell_at_once
from hdh_migrate.wiring import Vault

_FOR = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST: Final = timedelta(days=366)
_USUAL: Final = timedelta(days=7)
_DIFFERENCE: Final = "difference: "


@frozen
class Signature:
    """Who signs, what he says besides, and where what he signs is put."""

    key: Path
    phrase_from: str | None
    comment: str
    out: Path | None
    """None: beside the ledger."""


@frozen
class ApprovalWish:
    """What is to be approved, as a command line says it."""

    stage: ApprovalStage
    batch: str
    grant: str | None
    """Which grant; its batch follows."""
    proof: SelectionProof
    dataset: str
    """Of an erasure; its batch follows."""
    although: tuple[str, ...]
    bundle: Path | None
    """What proves it; None: the ledger."""
    trusted: tuple[TrustedKey, ...]
    """Who may have signed that bundle."""
    begins: str | None
    """From when a freeze is stated; None: from now."""
    until: str | None
    """When it expires; None: when `lasting` is over."""
    lasting: str | None
    """How long it lasts, as `90m`; None: as long as is usual."""


def approve(
    desk: Desk, wish: ApprovalWish, by: Signature, say: Callable[[str], None]
) -> ApprovalMade:
    """Say what is approved, then sign and keep it.

    Raises:
        UsageError: there is nothing like that to approve, a time is none, or a file is there.
        Refused: the key may not approve, or the bundle does not prove it.
        KeyUnavailable: the key, or its passphrase, cannot be had.
        EvidenceDamaged, LedgerDamaged: what proves it does not check.
    """
    _demand_comment(by.comment)
    if wish.begins is not None and wish.stage is not ApprovalStage.FREEZE:
        raise UsageError("--from is for a freeze")
    now = offline(desk.clock, desk.ledger_path).now()
    made_at = now.earliest
    subject, shown = _subject(desk, wish, now)
    if wish.bundle is None:
        demand_still_asked(desk, subject.batch, str(wish.stage))
    for line in shown:  # before a passphrase is asked for: who signs has read it
        say(line)
    signer = _signer(desk, by)
    demand_may_approve(desk, signer.verifier)
    first = made_at if wish.begins is None else _moment(wish.begins, "--from")
    expires = _expires(wish, subject, first)
    envelope = approval(
        signer, subject, made_at=made_at, begins=first, expires=expires, comment=by.comment
    )
    if by.out is not None:
        write_new(by.out, canonical_json(envelope) + b"\n")
    path = by.out or keep_approval(desk, envelope)
    made: ApprovalMade = {
        "batch": subject.batch,
        "stage": str(wish.stage),
        "plan_digest": subject.plan_digest,
        "root": subject.root,
        "ledger": subject.ledger,
        "attempt": subject.attempt,
        "terms": subject.terms,
        "expires": expires,
        "approval": sha256_hex(claims_of(envelope, APPROVAL_TYPE)[0]),
        "by": signer.key_id,
        "written": str(path),
        "time": ALONE,
    }
    if wish.stage is ApprovalStage.TERMS:
        made["difference"] = [line.removeprefix(_DIFFERENCE) for line in shown]
    if subject.longest is not None:
        made["from"] = first
    return made


def _subject(desk: Desk, wish: ApprovalWish, now: Moment) -> tuple[Subject, list[str]]:
    """Return what is approved, and in lines what whoever signs must have read."""
    bundle, trusted = wish.bundle, wish.trusted
    if wish.grant is not None:
        if bundle is None:
            return grant_here(desk, wish.grant, wish.proof)
        return grant_of_bundle(desk, wish.grant, bundle, trusted, now, wish.proof)
    if wish.stage is ApprovalStage.ROTATE:
        return rotation_here(desk, wish.batch, bundle)
    if wish.stage is ApprovalStage.RESEAL:
        return resealing_here(desk, wish.batch, bundle)
    if wish.stage is ApprovalStage.ERASE:
        return erasure_here(desk, wish.dataset, wish.although, bundle)
    difference: list[str] = []
    if bundle is not None:
        subject, difference = subject_of_bundle(desk, wish.batch, wish.stage, bundle, trusted, now)
    else:
        subject = subject_here(desk, wish.batch, wish.stage)
        if wish.stage is ApprovalStage.TERMS:
            difference = difference_here(desk, wish.batch)
    return subject, [f"{_DIFFERENCE}{line}" for line in difference]


def _expires(wish: ApprovalWish, subject: Subject, first: str) -> str:
    usual = _USUAL if subject.longest is None else timedelta(seconds=subject.longest)
    expires = expiry(first, wish.until, wish.lasting or min(usual, _LONGEST))
    if subject.longest is not None and seconds_of(expires) - seconds_of(first) > subject.longest:
        raise UsageError(
            f"the plan lets a freeze be stated for {length(subject.longest)} at most",
            hint="give a shorter --for, and state it again when it is over",
        )
    return expires


def withdraw(desk: Desk, named: str, by: Signature) -> Withdrawn:
    """Sign that an approval of the same key is taken back, and keep it.

    Raises:
        UsageError: there is no such approval of this key, or a file is there.
        KeyUnavailable: the key, or its passphrase, cannot be had.
        Fenced: as `keep`.
    """
    _demand_comment(by.comment)
    signer = _signer(desk, by)
    digest, kept = kept_approval(desk, named, signer.verifier)
    envelope = withdrawal(
        signer, digest, batch=kept["batch"], stage=kept["stage"],
        made_at=offline(desk.clock, desk.ledger_path).now().earliest, comment=by.comment,
    )  # fmt: skip
    if by.out is not None:
        write_new(by.out, canonical_json(envelope) + b"\n")
    return {
        "withdrawn": digest,
        "batch": kept["batch"],
        "stage": kept["stage"],
        "by": signer.key_id,
        "written": str(by.out or keep(desk, envelope)),
    }


def keep(desk: Desk, envelope: SignedEnvelope) -> Path:
    """Add what was signed to what is kept here, and return its file; the same again is no harm.

    Raises:
        UsageError, Refused: as `keep_approval`.
        Fenced: it takes one back, in an older copy of the ledger.
    """
    path = keep_approval(desk, envelope)
    if read_withdrawal(envelope) is not None:
        tell_at_once(desk, "that approval counts no more")
    return path


def _signer(desk: Desk, by: Signature) -> Signer:
    phrase = Vault.open(Path()).reveal(by.phrase_from).encode() if by.phrase_from else None
    signer = load_signer(by.key, phrase)
    if signer.weakness is not None:
        desk.progress.note(signer.weakness)
    return signer


def _demand_comment(comment: str) -> None:
    if len(comment) > MAX_COMMENT or not comment.isprintable():
        raise UsageError("a comment is one line of at most 500 characters")


def _moment(text: str, option: str) -> str:
    try:
        found = datetime.fromisoformat(text)
        in_utc = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} is a time such as 2026-12-24T18:00:00Z") from None
    if found.tzinfo is None:
        raise UsageError(f"{option} needs its zone, such as the Z of 2026-12-24T18:00:00Z")
    return in_utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def expiry(now: str, until: str | None, lasting: str | timedelta) -> str:
    """Return when an approval expires, as RFC 3339 in UTC; `lasting` as it was given, or known.

    Raises:
        UsageError: a time or a length is none, or it would expire in the past or too late.
    """
    start = datetime.fromisoformat(now)
    if until is not None:
        end = datetime.fromisoformat(_moment(until, "--until"))
    elif isinstance(lasting, timedelta):
        end = start + lasting
    else:
        found = _FOR.fullmatch(lasting)
        if found is None:
            raise UsageError("--for is a length such as 90m, 12h or 7d")
        end = start + timedelta(**{_UNITS[found[2]]: int(found[1])})
    if not start < end <= start + _LONGEST:
        raise UsageError("an approval expires in the future, and within 366 days")
    return end.astimezone(start.tzinfo).isoformat(timespec="seconds").replace("+00:00", "Z")
