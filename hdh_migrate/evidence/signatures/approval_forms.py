"""Approvals and withdrawals as they are written: canonical JSON in a DSSE envelope."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from hdh_migrate.bounded import LARGEST_SIZE
from hdh_migrate.clocks import utc_seconds_of
from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.dsse import (
    SignedEnvelope,
    claims_of,
)
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.fixity import canonical_json
from hdh_migrate.frozen import frozen, frozen_row

APPROVAL_TYPE: Final = "application/vnd.hdh-migrate.approval+json"
WITHDRAWAL_TYPE: Final = "application/vnd.hdh-migrate.withdrawal+json"
VERSION: Final = 3
MAX_COMMENT: Final = 500
MAX_PAYLOAD: Final = 1 << 13
"""Bytes of the longest approval that counts: those of many keys stand in one line of a journal."""
_TEXTS: Final = ("plan_digest", "batch", "stage", "made_at", "expires", "comment")
_FIRST: Final = frozenset(("version", "root", *_TEXTS))
_SECOND: Final = _FIRST | {"ledger", "attempt", "terms", "from"}
_FIELDS: Final = _SECOND | {"journal"}
_HEAD: Final = re.compile("[0-9a-f]{64}")
_WITHDRAWAL: Final = frozenset(("version", "approval", "batch", "stage", "made_at", "comment"))
ApprovalPayload = Mapping[str, Any]
"""What an approval or a withdrawal says, once its members are of their types (`read`)."""


@frozen_row
class JournalReached:
    """How far a journal went: its events, and the digest of the last one in hexadecimal."""

    events: int
    head: str


@frozen
class Subject:
    """What is approved. `root` is None for a freeze, which says nothing of the manifest."""

    plan_digest: str
    ledger: str
    """The random name of the ledger; the same plan under another one is another migration."""
    batch: str
    stage: ApprovalStage
    root: str | None
    terms: str
    """Digest of the terms of the batch's cutover: who approves, how many, and with what delays."""
    journal: JournalReached
    """How far the ledger's journal went, for who signs."""
    attempt: int = 1
    """Which attempt to switch the batch; one more after each rollback."""
    since: str | None = None
    """When what must be known to approve came to be; an approval that was made before is void."""
    longest: int | None = None
    """For how many seconds a freeze may be stated at most; None: this is no freeze."""


def approval(
    signer: Signer,
    subject: Subject,
    *,
    made_at: str,
    expires: str,
    begins: str | None = None,
    comment: str = "",
) -> SignedEnvelope:
    """Return a signed approval; times are RFC 3339 in UTC.

    A freeze states from when (`begins`, by default when it was made) until when (`expires`) nobody
    writes.
    """
    payload = {
        "version": VERSION,
        "plan_digest": subject.plan_digest,
        "ledger": subject.ledger,
        "batch": subject.batch,
        "stage": str(subject.stage),
        "attempt": subject.attempt,
        "root": subject.root,
        "terms": subject.terms,
        "journal": {"events": subject.journal.events, "head": subject.journal.head},
        "made_at": made_at,
        "from": begins or made_at if subject.stage is ApprovalStage.FREEZE else None,
        "expires": expires,
        "comment": comment,
    }
    return signer.sign(APPROVAL_TYPE, canonical_json(payload))


def withdrawal(
    signer: Signer, approval_digest: str, *, batch: str, stage: str, made_at: str, comment: str = ""
) -> SignedEnvelope:
    """Return a signed withdrawal of an approval; it counts only from the key that approved."""
    payload = {
        "version": 1,
        "approval": approval_digest,
        "batch": batch,
        "stage": stage,
        "made_at": made_at,
        "comment": comment,
    }
    return signer.sign(WITHDRAWAL_TYPE, canonical_json(payload))


def read_approval(payload: bytes) -> ApprovalPayload | None:
    """Return what an approval's payload says, or None when it is not one."""
    try:
        approval = json.loads(payload) if len(payload) <= MAX_PAYLOAD else None
        if not isinstance(approval, dict) or canonical_json(approval) != payload:
            return None
        fields = {1: _FIRST, 2: _SECOND, VERSION: _FIELDS}[approval["version"]]
        whole = set(approval) == fields and all(isinstance(approval[name], str) for name in _TEXTS)
        whole = whole and isinstance(approval["root"], str | None)
        utc_seconds_of(approval["made_at"]), utc_seconds_of(approval["expires"])
        if approval["version"] >= 2:
            whole = (
                whole and isinstance(approval["ledger"], str) and isinstance(approval["terms"], str)
            )
            whole = whole and type(approval["attempt"]) is int
            whole = whole and (approval["from"] is not None) == (
                approval["stage"] == ApprovalStage.FREEZE
            )
            utc_seconds_of(approval["from"] or approval["made_at"])
        if approval["version"] >= VERSION:
            whole = whole and _is_journal(approval["journal"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
    return approval if whole else None


def _is_journal(seen: Mapping[str, object]) -> bool:
    events, head = seen["events"], seen["head"]
    whole = set(seen) == {"events", "head"} and type(events) is int and 0 <= events <= LARGEST_SIZE
    return whole and isinstance(head, str) and _HEAD.fullmatch(head) is not None


def read_withdrawal(envelope: SignedEnvelope) -> ApprovalPayload | None:
    """Return what a withdrawal says, or None when the envelope holds none; nobody is believed."""
    try:
        payload, _ = claims_of(envelope, WITHDRAWAL_TYPE)
        withdrawal = json.loads(payload)
        if not isinstance(withdrawal, dict) or canonical_json(withdrawal) != payload:
            return None
        texts = _WITHDRAWAL - {"version"}
        whole = set(withdrawal) == _WITHDRAWAL and all(
            isinstance(withdrawal[name], str) for name in texts
        )
        utc_seconds_of(withdrawal["made_at"])
    except (EvidenceDamaged, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
    return withdrawal if whole and withdrawal["version"] == 1 else None
