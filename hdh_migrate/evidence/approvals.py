"""Approvals: signatures of those who must agree before a stage of a cutover goes on.

An approval is a DSSE envelope over canonical JSON that names the plan's digest, the batch, the
stage and the root of the batch's manifest. So a plan that was edited, or a manifest that changed,
leaves every earlier approval without effect. Nothing in an envelope is believed before one of the
plan's keys is found to have signed it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from hdh_migrate.clocks import Moment, seconds_of
from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.signing import (
    Signer,
    Verifier,
    claims_of,
    pre_authentication_encoding,
)
from hdh_migrate.fixity import canonical_json

APPROVAL_TYPE: Final = "application/vnd.hdh-migrate.approval+json"
MAX_COMMENT: Final = 500
_FIELDS: Final = frozenset(
    ("version", "plan_digest", "batch", "stage", "root", "made_at", "expires", "comment")
)


class Stage(StrEnum):
    """What an approval is for. A `freeze` is a statement that nobody writes to the source."""

    FREEZE = "freeze"
    CUTOVER = "cutover"
    FINALIZE = "finalize"
    DECOMMISSION = "decommission"


class Why(StrEnum):
    """Why a signature does not count."""

    MALFORMED = "it is no approval"
    UNKNOWN_KEY = "its key is not one of the plan's"
    BAD_SIGNATURE = "its signature is not that of the key which it names"
    BARRED = "its key is the operator's own, which does not count"
    KEY_ENDED = "its key's last day is over"
    OTHER_PLAN = "it is for another plan, or the plan was changed since"
    OTHER_BATCH = "it is for another batch"
    OTHER_STAGE = "it is for another stage"
    OTHER_ROOT = "the manifest is not the one that was approved"
    NOT_YET = "it is dated in the future"
    EXPIRED = "it has expired"
    SAME_KEY = "the same key has approved already"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is approved. `root` is None for a freeze, which says nothing of the manifest."""

    plan_digest: str
    batch: str
    stage: Stage
    root: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One approval that counts."""

    name: str
    key_id: str
    fingerprint: str
    made_at: str
    expires: str
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCounted:
    """One signature that does not count, by whom it says it is, and why."""

    name: str
    who: str
    why: Why

    def __str__(self) -> str:
        return f"{self.name} by {self.who}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Who has approved, who has not, and how many are still missing."""

    accepted: tuple[Accepted, ...] = ()
    refused: tuple[NotCounted, ...] = ()
    missing: int = 0
    keys: tuple[str, ...] = field(default=())
    """Fingerprints of the keys that were asked for, for the journal."""


def approval(
    signer: Signer, subject: Subject, *, made_at: str, expires: str, comment: str = ""
) -> dict[str, Any]:
    """Return a signed approval; times are RFC 3339 in UTC."""
    payload = {
        "version": 1,
        "plan_digest": subject.plan_digest,
        "batch": subject.batch,
        "stage": str(subject.stage),
        "root": subject.root,
        "made_at": made_at,
        "expires": expires,
        "comment": comment,
    }
    return signer.sign(APPROVAL_TYPE, canonical_json(payload))


def judge(
    approvals: Iterable[tuple[str, Mapping[str, Any]]],
    subject: Subject,
    *,
    keys: Sequence[Verifier],
    threshold: int,
    barred: Sequence[Verifier] = (),
    now: Moment,
) -> Judgement:
    """Say which of the named envelopes count for a subject; each key counts once."""
    accepted: dict[str, Accepted] = {}
    refused: list[NotCounted] = []
    for name, envelope in approvals:
        for who, verdict in _signatures(envelope, keys, barred, now):
            found = verdict
            if isinstance(found, Mapping):
                found = _against(found, subject, now) or found
            if isinstance(found, Why):
                refused.append(NotCounted(name=name, who=who.key_id, why=found))
            elif who.fingerprint in accepted:
                refused.append(NotCounted(name=name, who=who.key_id, why=Why.SAME_KEY))
            else:
                accepted[who.fingerprint] = _accepted(name, who, found)
    return Judgement(
        accepted=tuple(accepted.values()),
        refused=tuple(refused),
        missing=max(0, max(threshold, 1) - len(accepted)),
        keys=tuple(key.fingerprint for key in keys),
    )


@dataclass(frozen=True, slots=True)
class _Who:
    key_id: str
    fingerprint: str = ""


def _signatures(
    envelope: Mapping[str, Any], keys: Sequence[Verifier], barred: Sequence[Verifier], now: Moment
) -> Iterator[tuple[_Who, Mapping[str, Any] | Why]]:
    """Give who made each signature, with what was signed, or why it does not count."""
    try:
        payload, claims = claims_of(envelope, APPROVAL_TYPE)
    except EvidenceDamaged:
        yield _Who("nobody"), Why.MALFORMED
        return
    message = pre_authentication_encoding(APPROVAL_TYPE, payload)
    for claimed, signature in claims:
        who = _Who(_shown(claimed))
        asked = [key for key in (*barred, *keys) if claimed in {None, key.key_id}]
        made = next((key for key in asked if key.accepts(signature, message)), None)
        if made is None:
            yield who, Why.BAD_SIGNATURE if asked and claimed else Why.UNKNOWN_KEY
        elif any(made.fingerprint == key.fingerprint for key in barred):
            yield who, Why.BARRED
        elif made.until is not None and now.last_day > made.until:
            yield who, Why.KEY_ENDED
        else:
            yield _Who(made.key_id, made.fingerprint), read(payload) or Why.MALFORMED


def read(payload: bytes) -> Mapping[str, Any] | None:
    """Return what an approval's payload says, or None when it is not one."""
    try:
        told = json.loads(payload)
        if not isinstance(told, dict) or canonical_json(told) != payload:
            return None
        texts = ("plan_digest", "batch", "stage", "made_at", "expires", "comment")
        whole = set(told) == _FIELDS and all(isinstance(told[name], str) for name in texts)
        whole = whole and told["version"] == 1 and isinstance(told["root"], str | None)
        seconds_of(told["made_at"]), seconds_of(told["expires"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
    return told if whole else None


def _against(told: Mapping[str, Any], subject: Subject, now: Moment) -> Why | None:
    """Return the first reason for which a signed approval is not one for this subject, now."""
    for differs, why in (
        (told["plan_digest"] != subject.plan_digest, Why.OTHER_PLAN),
        (told["batch"] != subject.batch, Why.OTHER_BATCH),
        (told["stage"] != subject.stage, Why.OTHER_STAGE),
        (told["root"] != subject.root, Why.OTHER_ROOT),
        (now.not_yet(told["made_at"]), Why.NOT_YET),
        (not now.before(told["expires"]), Why.EXPIRED),
    ):
        if differs:
            return why
    return None


def _accepted(name: str, who: _Who, told: Mapping[str, Any]) -> Accepted:
    return Accepted(
        name=name,
        key_id=who.key_id,
        fingerprint=who.fingerprint,
        made_at=told["made_at"],
        expires=told["expires"],
        comment=told["comment"],
    )


def _shown(key_id: object) -> str:
    """Return a key id that an envelope claims, as far as it may be shown."""
    if isinstance(key_id, str) and len(key_id) <= 40 and key_id.isascii() and key_id.isprintable():
        return key_id
    return "an unnamed key"
