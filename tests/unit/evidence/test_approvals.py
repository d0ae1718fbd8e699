"""Which signatures count as approvals, and why the others do not."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.clocks import Moment
from hdh_migrate.evidence.signatures.approval_forms import (
    APPROVAL_TYPE,
    JournalReached,
    Subject,
    approval,
    withdrawal,
)
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.approvals import Judgement, Why, judge
from hdh_migrate.evidence.signatures.dsse import STATEMENT_TYPE
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.fixity import canonical_json, sha256_hex
from tests.unit.evidence.builders import signer

MADE, NOW, UNTIL = "2026-11-20T08:00:00Z", "2026-11-25T10:00:00.000Z", "2026-11-27T08:00:00Z"
SUBJECT = Subject(
    plan_digest="aa" * 32, ledger="aaaa-1111", batch="pilot",
    stage=ApprovalStage.CUTOVER, root="bb" * 32,
    terms="ee" * 32, journal=JournalReached(7, "77" * 32), attempt=2,
    since="2026-11-19T08:00:00.000Z",
)  # fmt: skip
FREEZE = replace(SUBJECT, stage=ApprovalStage.FREEZE, root=None, longest=86_400)


@pytest.fixture
def dpo(tmp_path: Path) -> Signer:
    return signer(tmp_path, "dpo")


@pytest.fixture
def ciso(tmp_path: Path) -> Signer:
    return signer(tmp_path, "ciso")


def signed(by: Signer, subject: Subject = SUBJECT, **times: str) -> dict[str, Any]:
    return approval(by, subject, **{"made_at": MADE, "expires": UNTIL, **times})


def judged(*envelopes: Any, keys: tuple[Signer, ...], **changes: Any) -> Judgement:
    made: dict[str, Any] = {"threshold": 1, "now": Moment.at(NOW), **changes}
    barred = [key.verifier for key in made.pop("barred", ())]
    named = [(f"{number}.json", envelope) for number, envelope in enumerate(envelopes)]
    subject = made.pop("subject", SUBJECT)
    verifiers = [key.verifier for key in keys]
    made.setdefault("goes_on", lambda events, head: (events, head) == (7, "77" * 32))
    return judge(named, subject, keys=verifiers, barred=barred, **made)


def test_enough_different_keys_leave_nothing_missing(dpo: Signer, ciso: Signer) -> None:
    found = judged(signed(dpo), signed(ciso), keys=(dpo, ciso), threshold=2)

    assert [one.fingerprint for one in found.accepted] == [
        dpo.verifier.fingerprint,
        ciso.verifier.fingerprint,
    ]
    assert (found.refused, found.missing) == ((), 0)


def test_nothing_given_leaves_everything_missing(dpo: Signer, ciso: Signer) -> None:
    assert judged(keys=(dpo, ciso), threshold=2).missing == 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"plan_digest": "cc" * 32}, Why.OTHER_PLAN),
        ({"ledger": "aaaa-2222"}, Why.OTHER_LEDGER),
        ({"attempt": 1}, Why.OTHER_ATTEMPT),
        ({"attempt": 3}, Why.OTHER_ATTEMPT),
        ({"terms": "ff" * 32}, Why.OTHER_TERMS),
        ({"journal": JournalReached(7, "78" * 32)}, Why.OTHER_JOURNAL),
        ({"journal": JournalReached(8, "77" * 32)}, Why.OTHER_JOURNAL),
        ({"batch": "imaging"}, Why.OTHER_BATCH),
        ({"stage": ApprovalStage.FINALIZE}, Why.OTHER_STAGE),
        ({"root": "dd" * 32}, Why.OTHER_ROOT),
        ({"root": None}, Why.OTHER_ROOT),
    ],
)
def test_an_approval_of_something_else_does_not_count(
    dpo: Signer, changes: dict[str, Any], why: Why
) -> None:
    found = judged(signed(dpo, replace(SUBJECT, **changes)), keys=(dpo,))

    assert [one.why for one in found.refused] == [why]
    assert (found.accepted, found.missing) == ((), 1)


@pytest.mark.parametrize(
    ("times", "why"),
    [
        ({"expires": NOW}, Why.EXPIRED),
        ({"expires": "2026-11-25T09:59:59.999Z"}, Why.EXPIRED),
        ({"made_at": "2026-11-25T10:01:01Z"}, Why.NOT_YET),
    ],
)
def test_an_approval_counts_in_its_time_only(dpo: Signer, times: dict[str, str], why: Why) -> None:
    assert [one.why for one in judged(signed(dpo, **times), keys=(dpo,)).refused] == [why]


def test_a_clock_that_is_a_little_ahead_does_no_harm(dpo: Signer) -> None:
    assert judged(signed(dpo, made_at="2026-11-25T10:00:59Z"), keys=(dpo,)).missing == 0


def test_a_key_that_the_plan_does_not_name_is_told_apart_from_a_forgery(
    dpo: Signer, ciso: Signer
) -> None:
    forged = signed(ciso)
    forged["signatures"][0]["keyid"] = dpo.key_id

    found = judged(signed(ciso), forged, keys=(dpo,))

    assert [(one.who, one.why) for one in found.refused] == [
        (ciso.key_id, Why.UNKNOWN_KEY),
        (dpo.key_id, Why.BAD_SIGNATURE),
    ]


def test_the_operators_own_key_can_be_barred_even_when_the_plan_names_it(
    dpo: Signer, ciso: Signer
) -> None:
    found = judged(signed(ciso), keys=(dpo, ciso), barred=(ciso,))

    assert [one.why for one in found.refused] == [Why.BARRED]
    assert judged(signed(ciso), keys=(dpo, ciso)).missing == 0


def test_one_key_counts_once_however_often_it_signs(dpo: Signer, ciso: Signer) -> None:
    again = signed(dpo, made_at="2026-11-21T08:00:00Z")

    found = judged(signed(dpo), again, keys=(dpo, ciso), threshold=2)

    assert [one.why for one in found.refused] == [Why.SAME_KEY]
    assert (len(found.accepted), found.missing) == (1, 1)


def test_a_renewed_approval_counts_after_an_expired_one(dpo: Signer) -> None:
    found = judged(signed(dpo, expires="2026-11-21T08:00:00Z"), signed(dpo), keys=(dpo,))

    assert [one.why for one in found.refused] == [Why.EXPIRED]
    assert found.missing == 0


def test_a_changed_payload_is_a_bad_signature(dpo: Signer) -> None:
    envelope = signed(dpo)
    told = json.loads(base64.b64decode(envelope["payload"]))
    told["expires"] = "2036-01-01T00:00:00Z"
    envelope["payload"] = base64.b64encode(canonical_json(told)).decode()

    assert [one.why for one in judged(envelope, keys=(dpo,)).refused] == [Why.BAD_SIGNATURE]


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b"null",
        b"\xff",
        b"[" * 100_000,
        canonical_json({"version": 1, "stage": "cutover"}),
        canonical_json(
            {
                "version": 1, "plan_digest": "aa" * 32, "batch": "pilot", "stage": "cutover",
                "root": "bb" * 32, "made_at": MADE, "expires": "2026-11-27", "comment": "",
            }
        ),
    ],
)  # fmt: skip
def test_a_signed_payload_that_is_no_approval_does_not_count(dpo: Signer, payload: bytes) -> None:
    found = judged(dpo.sign(APPROVAL_TYPE, payload), keys=(dpo,))

    assert [one.why for one in found.refused] == [Why.MALFORMED]


@pytest.mark.parametrize(
    "journal", [None, {}, {"events": -1, "head": "77" * 32}, {"events": 1 << 63, "head": "77" * 32},
                {"events": True, "head": "77" * 32}, {"events": 7, "head": "77"},
                {"events": 7, "head": "77" * 32, "more": 1}],
)  # fmt: skip
def test_an_approval_of_no_journal_is_none(dpo: Signer, journal: Any) -> None:
    told = json.loads(base64.b64decode(signed(dpo)["payload"]))
    made = dpo.sign(APPROVAL_TYPE, canonical_json({**told, "journal": journal}))

    assert [one.why for one in judged(made, keys=(dpo,)).refused] == [Why.MALFORMED]


@pytest.mark.parametrize("name", ["made_at", "expires"])
@pytest.mark.parametrize("zone", ["+00:00", "+02:00", "z", ""])
def test_a_time_that_is_not_written_in_utc_does_not_count(
    dpo: Signer, name: str, zone: str
) -> None:
    made = signed(dpo, **{name: {"made_at": MADE, "expires": UNTIL}[name].replace("Z", zone)})

    assert [one.why for one in judged(made, keys=(dpo,)).refused] == [Why.MALFORMED]


@pytest.mark.parametrize("envelope", [{}, {"payloadType": APPROVAL_TYPE}, {"signatures": 7}])
def test_what_is_no_envelope_does_not_count(dpo: Signer, envelope: dict[str, Any]) -> None:
    assert [one.why for one in judged(envelope, keys=(dpo,)).refused] == [Why.MALFORMED]


@pytest.mark.parametrize("key_id", [[], {}, 7, True])
def test_a_key_id_that_is_no_text_makes_no_approval(dpo: Signer, key_id: object) -> None:
    envelope = signed(dpo)
    envelope["signatures"][0]["keyid"] = key_id
    found = judged(envelope, keys=(dpo,))
    assert ([one.why for one in found.refused], found.missing) == ([Why.MALFORMED], 1)

    taken_back = withdrawal(
        dpo, "0" * 64, batch="pilot", stage="cutover", made_at="2026-11-25T09:00:00Z"
    )
    taken_back["signatures"][0]["keyid"] = key_id
    assert judged(signed(dpo), taken_back, keys=(dpo,)).missing == 0


def test_a_signature_over_another_type_of_payload_does_not_count(dpo: Signer) -> None:
    payload = base64.b64decode(signed(dpo)["payload"])
    crossed = {**dpo.sign(STATEMENT_TYPE, payload), "payloadType": APPROVAL_TYPE}

    assert [one.why for one in judged(crossed, keys=(dpo,)).refused] == [Why.BAD_SIGNATURE]
    plain = dpo.sign(STATEMENT_TYPE, payload)
    assert [one.why for one in judged(plain, keys=(dpo,)).refused] == [Why.MALFORMED]


def test_a_freeze_says_nothing_of_the_manifest(dpo: Signer) -> None:
    made = signed(dpo, FREEZE, made_at="2026-11-25T09:00:00Z", expires="2026-11-26T09:00:00Z")

    assert judged(made, keys=(dpo,), subject=FREEZE).missing == 0


def test_a_key_whose_last_day_is_over_no_longer_counts(dpo: Signer) -> None:
    def ending(day: str) -> Judgement:
        key = replace(dpo.verifier, until=day)
        return judge(
            [("0", signed(dpo))], SUBJECT, keys=[key], threshold=1, goes_on=lambda *_: True,
            now=Moment.at(NOW),
        )  # fmt: skip

    assert [one.why for one in ending("2026-11-24").refused] == [Why.KEY_ENDED]
    assert ending("2026-11-25").missing == 0


def test_a_hostile_key_id_is_not_repeated(dpo: Signer) -> None:
    envelope = signed(dpo)
    envelope["signatures"][0]["keyid"] = "\x1b[2Jpwned"

    assert [one.who for one in judged(envelope, keys=(dpo,)).refused] == ["an unnamed key"]


# --- replayed, stated for too long, withdrawn -----------------------------------------------------


def test_what_was_signed_before_what_made_it_necessary_is_void(dpo: Signer) -> None:
    late = replace(SUBJECT, since="2026-11-20T08:00:00.001Z")

    found = judged(signed(dpo), keys=(dpo,), subject=late)

    assert [one.why for one in found.refused] == [Why.TOO_EARLY]
    assert judged(signed(dpo), keys=(dpo,), subject=replace(late, since=MADE)).missing == 0


@pytest.mark.parametrize("more", [
    {"version": 1},
    {"version": 2, "ledger": "aaaa-1111", "attempt": 2, "terms": "ee" * 32, "from": None},
])  # fmt: skip
def test_an_approval_of_an_earlier_form_is_read_and_counts_for_nothing_new(
    dpo: Signer, more: dict[str, Any]
) -> None:
    old = {
        "plan_digest": "aa" * 32, "batch": "pilot", "stage": "cutover",
        "root": "bb" * 32, "made_at": MADE, "expires": UNTIL, "comment": "", **more,
    }  # fmt: skip

    found = judged(dpo.sign(APPROVAL_TYPE, canonical_json(old)), keys=(dpo,))

    assert [one.why for one in found.refused] == [Why.OLD_FORM]


@pytest.mark.parametrize(
    ("times", "why"),
    [
        ({"begins": "2026-11-25T11:00:00Z", "expires": "2026-11-25T12:00:00Z"}, Why.NOT_FROM_HERE),
        ({"begins": "2026-11-24T11:00:00Z", "expires": "2026-11-25T09:00:00Z"}, Why.EXPIRED),
        ({"begins": "2026-11-24T11:00:00Z", "expires": "2026-11-25T11:00:01Z"}, Why.TOO_LONG),
        ({"begins": "2026-11-24T11:00:00Z", "expires": "2026-11-25T11:00:00Z"}, None),
    ],
)
def test_a_freeze_is_stated_for_a_window_and_counts_in_it_alone(
    dpo: Signer, times: dict[str, str], why: Why | None
) -> None:
    found = judged(signed(dpo, FREEZE, **times), keys=(dpo,), subject=FREEZE)

    assert [one.why for one in found.refused] == ([] if why is None else [why])


def taken_back(by: Signer, envelope: dict[str, Any]) -> dict[str, Any]:
    digest = sha256_hex(base64.b64decode(envelope["payload"]))
    return withdrawal(by, digest, batch="pilot", stage="cutover", made_at=NOW)


def test_who_approved_can_take_it_back_and_nobody_else_can(dpo: Signer, ciso: Signer) -> None:
    made = signed(dpo)

    assert judged(made, taken_back(ciso, made), keys=(dpo, ciso)).missing == 0
    found = judged(made, taken_back(dpo, made), keys=(dpo, ciso))
    assert [one.why for one in found.refused] == [Why.WITHDRAWN]
    anew = signed(dpo, made_at="2026-11-25T09:00:00Z")
    assert judged(made, taken_back(dpo, made), anew, keys=(dpo, ciso)).missing == 0


def test_a_withdrawal_that_was_seen_once_counts_without_its_file(dpo: Signer) -> None:
    made = signed(dpo)
    seen = judged(made, taken_back(dpo, made), keys=(dpo,)).withdrawn

    found = judged(made, keys=(dpo,), withdrawn=seen)

    assert [one.why for one in found.refused] == [Why.WITHDRAWN]


def test_a_forged_withdrawal_takes_nothing_back(dpo: Signer, ciso: Signer) -> None:
    made = signed(dpo)
    forged = taken_back(ciso, made)
    forged["signatures"][0]["keyid"] = dpo.key_id

    assert judged(made, forged, keys=(dpo, ciso)).missing == 0
    assert judged(made, {**taken_back(dpo, made), "payload": "e30="}, keys=(dpo,)).missing == 0
