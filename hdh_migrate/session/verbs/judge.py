"""Judge whether a loss is a breach that must be notified: what waits, what is signed, what is kept.

A judgement changes nothing of what was found, and lets nothing go: it is told, with its signature.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import EvidenceDamaged, Refused, UsageError
from hdh_migrate.events.judgements import BreachJudged, JudgedLook
from hdh_migrate.evidence.lines.absences import LOOK_EVENTS, LooksInTurn
from hdh_migrate.evidence.lines.harm import HarmInTurn, rows_of
from hdh_migrate.evidence.signatures.dsse import (
    SignedEnvelope,
    claims_of,
    enveloped,
    pre_authentication_encoding,
)
from hdh_migrate.evidence.signatures.signing import (
    TrustedKey,
    load_signer,
    load_trusted_key,
)
from hdh_migrate.evidence.verifier.approvals import LONGEST
from hdh_migrate.evidence.verifier.forms import array, mapping, string, whole
from hdh_migrate.evidence.verifier.judgements import (
    TELLING,
    TYPE,
    JudgementAccount,
    names_judge,
    read_judgement,
)
from hdh_migrate.fixity import canonical_json
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.projections.standing import standings
from hdh_migrate.plan.fields import is_day
from hdh_migrate.results.proofs import JudgementMade, LossToJudge
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.agreed import AGREE
from hdh_migrate.session.policy.bound_ledger import journal_of, name_of
from hdh_migrate.session.policy.contents import signers
from hdh_migrate.session.policy.dating import dating_judge
from hdh_migrate.session.policy.kept_approvals import write_new
from hdh_migrate.session.policy.reporters import report_key
from hdh_migrate.session.policy.terms import by_content
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.backup import copied_after
from hdh_migrate.wiring import Vault

REASON_MAX: Final = 500
REFERENCE_MAX: Final = 200
_NOTHING: Final = "nothing was signed"


@frozen
class JudgementWish:
    """What is judged, and what came of it."""

    what: Sequence[str]
    """As `waiting` calls it; nothing: everything that waits."""
    reference: str | None
    """What the authority calls the notification; None: nobody was notified."""
    on: str | None
    """The day of the notification."""
    reason: str


def waiting(desk: Desk) -> list[LossToJudge]:
    """Return what nobody has judged yet, the earliest first.

    Raises:
        UsageError: there is no ledger here.
        LedgerDamaged: it cannot be read.
    """
    ledger = desk.read_ledger()
    try:
        return _waiting(ledger)
    finally:
        ledger.close()


def sign(desk: Desk, wish: JudgementWish, key: Path, phrase_from: str | None) -> SignedEnvelope:
    """Return a judgement, signed; it counts once `keep` has put it into the journal.

    Raises:
        UsageError: nothing like that waits, or what came of it is not said.
        Refused: the key is none that the plan and the terms in force name, its last day is over,
            or it signs reports.
        KeyUnavailable: a key, or its passphrase, cannot be had.
    """
    _demand_outcome(wish)
    ledger = desk.read_ledger()
    try:
        found = _chosen(_waiting(ledger), wish.what)
        name = name_of(ledger)
        if name is None:
            raise UsageError("no run has begun here", hint=_NOTHING)
        reached = {"events": ledger.length(), "head": ledger.head()}
        terms = _in_force(ledger)
    finally:
        ledger.close()
    phrase = Vault.open(Path()).reveal(phrase_from).encode() if phrase_from else None
    signer = load_signer(key, phrase)
    if signer.weakness is not None:
        desk.progress.note(signer.weakness)
    made_at = offline(desk.clock, desk.ledger_path).now().earliest
    envelope = signer.sign(TYPE, _payload(wish, found, name, reached, made_at))
    _demand_named(terms, *_judged_by(desk, envelope))  # what would not count is not made
    return envelope


def keep(desk: Desk, envelope: SignedEnvelope) -> JudgementMade:
    """Have the journal tell a judgement that was signed here or elsewhere; the same again is none.

    Raises:
        UsageError: it is no judgement.
        Refused: nobody whom plan and terms name signed it, or it is not of this journal.
        LedgerLocked: another command holds the ledger.
    """
    key, payload = _judged_by(desk, envelope)
    said = read_judgement(payload)
    desk.read_ledger().close()  # a ledger is never made by a judgement
    judge = dating_judge(desk)
    with copied_after(desk), journal_of(desk, judge) as ledger:
        signature = dict(claims_of(envelope, TYPE)[1])[key.key_id]
        event = BreachJudged(
            looks=tuple(JudgedLook.of_json(one) for one in array(said["looks"])),
            findings=tuple((whole(a), whole(b)) for a, b in map(array, array(said["findings"]))),
            notified=said["notified"] is not None,
            key=by_content([key])[0],
            signed=(enveloped(TYPE, payload, key.key_id, signature),),
        )
        _demand_named(_in_force(ledger), key, payload)
        _demand_held(ledger, event, key, judge.dating().now())
        new = all(one.signed != event.signed for _, one in ledger.events(BreachJudged))
        if new:
            ledger.event(event)
            ledger.commit()
        left = _waiting(ledger)
    return {
        "judged": [*_names(said)],
        "notified": event.notified,
        "by": key.key_id,
        "made_at": string(said["made_at"]),
        "kept": new,
        "written": None,
        "waiting": left,
    }


def write(envelope: SignedEnvelope, out: Path) -> JudgementMade:
    """Write a signed judgement to a new file, to be kept where the ledger is.

    Raises:
        UsageError: the file is there, or cannot be written.
    """
    write_new(out, canonical_json(envelope) + b"\n")
    payload, claims = claims_of(envelope, TYPE)
    said = read_judgement(payload)
    return {
        "judged": [*_names(said)],
        "notified": said["notified"] is not None,
        "by": str(claims[0][0]),
        "made_at": string(said["made_at"]),
        "kept": False,
        "written": str(out),
        "waiting": [],
    }


def _waiting(ledger: SqliteLedger) -> list[LossToJudge]:
    seen = LooksInTurn.of(ledger.told(*LOOK_EVENTS))
    harm = HarmInTurn.of(ledger.harm())
    batches = {row.name: row.batch for row in ledger.datasets()}
    found: list[LossToJudge] = [
        {
            "what": f"look.{one.batch}.{one.number}", "batch": one.batch, "objects": one.absent,
            "new": left, "at": one.at, "code": None,
        }
        for one, left in harm.looks(seen)
    ]  # fmt: skip
    found += [
        {
            "what": f"finding.{one.number}", "batch": batches.get(one.dataset or ""), "objects": 1,
            "new": 1, "at": one.at, "code": one.code,
        }
        for one in harm.losses()
    ]  # fmt: skip
    return sorted(found, key=lambda one: seconds_of(one["at"]))


def _chosen(found: Sequence[LossToJudge], what: Sequence[str]) -> list[LossToJudge]:
    known = {one["what"]: one for one in found}
    if unknown := [one for one in what if one not in known]:
        raise UsageError(
            f"{unknown[0]}: nothing of this name waits for a judgement",
            hint=f'{_NOTHING}; "hdh-migrate judge PLAN" shows what waits',
        )
    if not found:
        raise UsageError("nothing waits for a judgement", hint=_NOTHING)
    return [known[one] for one in dict.fromkeys(what)] if what else [*found]


def _payload(
    wish: JudgementWish,
    found: Sequence[LossToJudge],
    ledger: str,
    reached: dict[str, object],
    made_at: str,
) -> bytes:
    looks = [
        {"batch": one["batch"], "number": int(one["what"].rpartition(".")[2]),
         "objects": one["objects"]}
        for one in found if one["code"] is None
    ]  # fmt: skip
    numbers = [int(one["what"].rpartition(".")[2]) for one in found if one["code"] is not None]
    notified = None if wish.reference is None else {"on": wish.on, "reference": wish.reference}
    payload = canonical_json(
        {
            "version": 1,
            "ledger": ledger,
            "looks": sorted(looks, key=lambda one: (one["batch"], one["number"])),
            "findings": rows_of(numbers),
            "notified": notified,
            "reason": wish.reason,
            "journal": reached,
            "made_at": made_at,
            "by": operator(),
        }
    )
    if len(payload) > LONGEST:
        raise UsageError(
            f"a judgement of {len(found)} things at once is too long",
            hint=f"{_NOTHING}; name some of them with --what, and judge the others after that",
        )
    return payload


def _demand_outcome(wish: JudgementWish) -> None:
    for text, longest, option in (
        (wish.reason, REASON_MAX, "--reason"), (wish.reference, REFERENCE_MAX, "--notified"),
    ):  # fmt: skip
        if text is not None and (len(text) > longest or not (text.isprintable() or not text)):
            raise UsageError(f"{option} is one line of at most {longest} characters")
    if wish.reference is None and not wish.reason.strip():
        raise UsageError(
            "what came of it is not said",
            hint="--notified REFERENCE --on DAY, or --reason TEXT where nobody was notified",
        )
    if (wish.reference is None) != (wish.on is None):
        raise UsageError("--notified REFERENCE and --on DAY belong together")
    if wish.reference is not None and not wish.reference.strip():
        raise UsageError("--notified is what the authority calls the notification")
    if wish.on is not None and not is_day(wish.on):
        raise UsageError("--on must be a day such as 2026-12-31")


def _judged_by(desk: Desk, envelope: SignedEnvelope) -> tuple[TrustedKey, bytes]:
    """Return which of the keys that the plan names signed a judgement, and what it says."""
    try:
        payload, claims = claims_of(envelope, TYPE)
        said = read_judgement(payload) if len(payload) <= LONGEST else None
    except (EvidenceDamaged, KeyError, TypeError, ValueError, RecursionError):
        said = None
    if said is None:
        raise UsageError(
            "this is no judgement", hint='give the file that "hdh-migrate judge --out FILE" wrote'
        )
    plan, base = desk.loaded.plan, desk.loaded.base
    named = [
        *(() if plan.waivers is None else plan.waivers.keys),
        *(() if plan.approvals is None else plan.approvals.keys),
    ]
    message = pre_authentication_encoding(TYPE, payload)
    for key in (load_trusted_key(base / path) for path in dict.fromkeys(named)):
        if any(name == key.key_id and key.accepts(one, message) for name, one in claims):
            if key.until is not None and string(said["made_at"])[:10] > key.until:
                raise Refused(f"{key.key_id} was to sign until {key.until}", hint=_NOTHING)
            own = report_key(plan, base)
            if own is not None and own.fingerprint == key.fingerprint:
                raise _reports(key)
            return key, payload
    raise Refused(
        "no key that the plan names signed this, so it would count for nothing",
        hint=f"{_NOTHING}; who judges is among `waivers.keys` or `approvals.keys` in the plan",
    )


def _reports(key: TrustedKey) -> Refused:
    return Refused(
        f"{key.key_id} signs reports of this migration, or did: it judges nothing",
        hint=f"{_NOTHING}; who runs a plan does not judge what became of it",
    )


def _in_force(ledger: SqliteLedger) -> list[Mapping[str, object]]:
    """Return the terms in force, of whichever batch."""
    stories = standings(ledger.cutovers()).values()
    return [one.terms.as_json() for one in stories if one.terms is not None]


def _demand_named(terms: Iterable[Mapping[str, object]], key: TrustedKey, payload: bytes) -> None:
    """Demand that all terms in force name a key that judged: a plan alone names anybody."""
    said = read_judgement(payload)
    about = {"fingerprint": key.fingerprint}
    if not all(names_judge(one, about, string(said["made_at"])) for one in terms):
        raise Refused(
            f"{key.key_id} judges nothing by the terms that are in force, or no longer",
            hint=f"{_NOTHING}; where its place in the plan is new, {AGREE} first",
        )


def _demand_held(ledger: SqliteLedger, event: BreachJudged, key: TrustedKey, now: str) -> None:
    """Demand of a judgement what verifiers will, by their own rules, were it told now."""
    reporting = signers(ledger)
    if key.fingerprint in reporting:
        raise _reports(key)
    account = JudgementAccount(
        ledger.goes_on_from, lambda: name_of(ledger), reporting, lambda: _in_force(ledger)
    )
    for seq, at, kind, body, _ in ledger.journal():
        if kind in TELLING:
            account.take(kind, seq, at, json.loads(body))
    try:
        account.take(event.kind, ledger.length() + 1, now, event.as_json())
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(
            "this judgement is not of what the journal here told its signer: it is of another"
            " ledger, or of an older copy of this one, or dated before or after what it can be",
            hint="nothing was kept; have it judged again, from what this ledger records",
        ) from error


def _names(said: Mapping[str, object]) -> list[str]:
    looks = [
        f"look.{string(one['batch'])}.{whole(one['number'])}"
        for one in map(mapping, array(said["looks"]))
    ]
    return looks + [
        f"finding.{number}"
        for first, last in map(array, array(said["findings"]))
        for number in range(whole(first), whole(last) + 1)
    ]
