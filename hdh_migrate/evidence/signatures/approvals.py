"""Approvals: signatures of those who must agree before a stage of a cutover goes on.

An approval is a DSSE envelope over canonical JSON that names the plan's digest, the ledger, the
batch, the stage, the root of the batch's manifest, the terms of its cutover and which attempt to
switch it is for. So a plan that was edited, a manifest that changed, other terms or a rollback
leave every earlier approval without effect, and none can be used a second time. It also names how
far the journal went and how it ended there: who approves is a witness of the journal, and in one
that was written anew, or is older, the approval counts for nothing. Nothing in an envelope is
believed before one of the keys that are asked is found to have signed it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum

from hdh_migrate.clocks import Moment, seconds_of
from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.signatures.approval_forms import (
    APPROVAL_TYPE,
    VERSION,
    WITHDRAWAL_TYPE,
    ApprovalPayload,
    Subject,
    read_approval,
    read_withdrawal,
)
from hdh_migrate.evidence.signatures.dsse import (
    SignedEnvelope,
    claims_of,
    enveloped,
    pre_authentication_encoding,
)
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.frozen import frozen, frozen_row


class Why(StrEnum):
    """Reasons why a signature does not count."""

    MALFORMED = "it is no approval"
    OLD_FORM = "it is of an earlier form, which names less of what was approved: sign it anew"
    UNKNOWN_KEY = "its key is not one of those that may approve this"
    BAD_SIGNATURE = "its signature is not that of the key which it names"
    BARRED = "its key is the operator's own, which does not count"
    KEY_ENDED = "its key's last day is over"
    OTHER_LEDGER = "it is for another ledger"
    OTHER_JOURNAL = (
        "the journal that was approved is not the beginning of the one here: an older copy was put"
        " back, or it was written anew"
    )
    OTHER_PLAN = "it is for another plan, or the plan was changed since"
    OTHER_BATCH = "it is for another batch"
    OTHER_STAGE = "it is for another stage"
    OTHER_ATTEMPT = "it was for an earlier attempt: the cutover was rolled back since"
    OTHER_ROOT = "the manifest is not the one that was approved"
    OTHER_TERMS = "the terms of the cutover are not those that were approved"
    TOO_EARLY = "it is older than what it would have to know of"
    NOT_YET = "it is dated in the future"
    EXPIRED = "it has expired"
    NOT_FROM_HERE = "the time that it is for has not begun"
    TOO_LONG = "it is for a longer time than the plan lets a freeze be stated"
    WITHDRAWN = "whoever signed it has withdrawn it"
    SAME_KEY = "the same key has approved already"


GoesOn = Callable[[int, str], bool]
"""Says whether a journal of so many events that ends so is the beginning of the one here."""


@frozen
class Accepted:
    """One approval that counts."""

    name: str
    key_id: str
    fingerprint: str
    made_at: str
    expires: str
    comment: str
    digest: str
    """SHA-256 of what was signed: the approval's own name."""
    envelope: SignedEnvelope
    """What was signed, with this key's signature alone: for the journal."""
    begins: str | None = None
    """From when a freeze is stated; None: this states none."""


Withdrawal = tuple[str, str]
"""The digest of an approval, and the fingerprint of the key that withdrew it: its own."""


@frozen
class NotCounted:
    """One signature that does not count, by whom it says it is, and why."""

    name: str
    who: str
    why: Why

    def __str__(self) -> str:
        return f"{self.name} by {self.who}: {self.why}"


@frozen
class Judgement:
    """Who has approved, who has not, and how many are still missing."""

    accepted: tuple[Accepted, ...] = ()
    refused: tuple[NotCounted, ...] = ()
    missing: int = 0
    keys: tuple[str, ...] = field(default=())
    """Fingerprints of the keys that were asked for, for the journal."""
    withdrawn: frozenset[Withdrawal] = frozenset()
    """Everything that is withdrawn by a key that is asked, for the journal."""


def judge(
    approvals: Iterable[tuple[str, SignedEnvelope]],
    subject: Subject,
    *,
    keys: Sequence[TrustedKey],
    threshold: int,
    barred: Sequence[TrustedKey] = (),
    withdrawn: Collection[Withdrawal] = (),
    goes_on: GoesOn,
    now: Moment,
) -> Judgement:
    """Return which of the named envelopes count for a subject; each key counts once.

    `goes_on` judges the journals that they name by the one that is here now. Withdrawals stand
    among the envelopes; `withdrawn` are those that were seen before, for who removes their files
    does not undo them.
    """
    given = list(approvals)
    gone = frozenset(withdrawn) | withdrawals(given, keys)
    accepted: dict[str, Accepted] = {}
    refused: list[NotCounted] = []
    for name, envelope in given:
        if envelope.get("payloadType") == WITHDRAWAL_TYPE:
            continue
        for who, verdict, digest, alone in _signatures(envelope, keys, barred, now):
            found = verdict
            if isinstance(found, Mapping):
                found = _against(found, subject, goes_on, now) or found
            if not isinstance(found, Why) and (digest, who.fingerprint) in gone:
                found = Why.WITHDRAWN
            if isinstance(found, Why):
                refused.append(NotCounted(name=name, who=who.key_id, why=found))
            elif who.fingerprint in accepted:
                refused.append(NotCounted(name=name, who=who.key_id, why=Why.SAME_KEY))
            else:
                accepted[who.fingerprint] = _accepted(name, who, found, digest, alone)
    return Judgement(
        accepted=tuple(accepted.values()),
        refused=tuple(refused),
        missing=max(0, max(threshold, 1) - len(accepted)),
        keys=tuple(key.fingerprint for key in keys),
        withdrawn=gone,
    )


def withdrawals(
    envelopes: Iterable[tuple[str, SignedEnvelope]], keys: Sequence[TrustedKey]
) -> set[Withdrawal]:
    """Return what is taken back among envelopes with a signature of one of the keys."""
    found: set[Withdrawal] = set()
    for _, envelope in envelopes:
        withdrawal = read_withdrawal(envelope)
        if withdrawal is None:
            continue
        payload, claims = claims_of(envelope, WITHDRAWAL_TYPE)
        message = pre_authentication_encoding(WITHDRAWAL_TYPE, payload)
        found.update(
            (withdrawal["approval"], key.fingerprint)
            for key in keys
            for _, signature in claims
            if key.accepts(signature, message)
        )
    return found


@frozen_row
class _Who:
    key_id: str
    fingerprint: str = ""


def _signatures(
    envelope: SignedEnvelope,
    keys: Sequence[TrustedKey],
    barred: Sequence[TrustedKey],
    now: Moment,
) -> Iterator[tuple[_Who, ApprovalPayload | Why, str, SignedEnvelope]]:
    """Yield who made each signature, what was signed or why it does not count, and its digest.

    Also the envelope with that signature alone; empty where it does not count.
    """
    try:
        payload, claims = claims_of(envelope, APPROVAL_TYPE)
    except EvidenceDamaged:
        yield _Who("nobody"), Why.MALFORMED, "", {}
        return
    digest = sha256_hex(payload)
    message = pre_authentication_encoding(APPROVAL_TYPE, payload)
    for claimed, signature in claims:
        who = _Who(_shown(claimed))
        asked = [key for key in (*barred, *keys) if claimed in (None, key.key_id)]
        made = next((key for key in asked if key.accepts(signature, message)), None)
        if made is None:
            yield who, Why.BAD_SIGNATURE if asked and claimed else Why.UNKNOWN_KEY, digest, {}
        elif any(made.fingerprint == key.fingerprint for key in barred):
            yield who, Why.BARRED, digest, {}
        elif made.until is not None and now.last_day > made.until:
            yield who, Why.KEY_ENDED, digest, {}
        else:
            alone = enveloped(APPROVAL_TYPE, payload, made.key_id, signature)
            found = read_approval(payload) or Why.MALFORMED
            yield _Who(made.key_id, made.fingerprint), found, digest, alone


def _against(
    approval: ApprovalPayload, subject: Subject, goes_on: GoesOn, now: Moment
) -> Why | None:
    """Return the first reason why a signed approval does not count for this subject now."""
    for differs, why in (
        (approval["batch"] != subject.batch, Why.OTHER_BATCH),
        (approval["stage"] != subject.stage, Why.OTHER_STAGE),
        (approval["version"] != VERSION, Why.OLD_FORM),
    ):
        if differs:
            return why
    for differs, why in (
        (approval["ledger"] != subject.ledger, Why.OTHER_LEDGER),
        (approval["plan_digest"] != subject.plan_digest, Why.OTHER_PLAN),
        (approval["attempt"] != subject.attempt, Why.OTHER_ATTEMPT),
        (approval["root"] != subject.root, Why.OTHER_ROOT),
        (approval["terms"] != subject.terms, Why.OTHER_TERMS),
        (
            not goes_on(approval["journal"]["events"], approval["journal"]["head"]),
            Why.OTHER_JOURNAL,
        ),
        (now.not_yet(approval["made_at"]), Why.NOT_YET),
        (not now.before(approval["expires"]), Why.EXPIRED),
        (_before(approval["made_at"], subject.since), Why.TOO_EARLY),
    ):
        if differs:
            return why
    return _of_window(approval, subject, now)


def _of_window(approval: ApprovalPayload, subject: Subject, now: Moment) -> Why | None:
    """Return why a stated freeze does not cover this moment."""
    if subject.longest is None:
        return None
    begins = approval["from"] or approval["made_at"]
    if not now.passed(begins):
        return Why.NOT_FROM_HERE
    lasts = seconds_of(approval["expires"]) - seconds_of(begins)
    return Why.TOO_LONG if lasts > subject.longest else None


def _before(made_at: str, since: str | None) -> bool:
    return since is not None and seconds_of(made_at) < seconds_of(since)


def _accepted(
    name: str, who: _Who, approval: ApprovalPayload, digest: str, alone: SignedEnvelope
) -> Accepted:
    return Accepted(
        name=name,
        key_id=who.key_id,
        fingerprint=who.fingerprint,
        made_at=approval["made_at"],
        expires=approval["expires"],
        comment=approval["comment"],
        digest=digest,
        envelope=alone,
        begins=approval["from"],
    )


def _shown(key_id: object) -> str:
    """Return a key id that an envelope claims, as far as it may be shown."""
    if isinstance(key_id, str) and len(key_id) <= 40 and key_id.isascii() and key_id.isprintable():
        return key_id
    return "an unnamed key"
