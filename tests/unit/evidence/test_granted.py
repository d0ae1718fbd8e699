"""What the verifier demands of the events about who may read (evidence-format.md, section 8.12)."""

import hashlib
from copy import deepcopy

import pytest

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.grants import GrantLedger

KEY = "ab" * 32
READER = "c4gh:" + hashlib.sha256(bytes.fromhex(KEY)).hexdigest()[:16]
DIGEST = "0" * 64


def asked(grant: str = "g-1", **changed: object) -> tuple[str, dict]:
    about = {
        "grant": grant, "dataset": "pmsi", "batch": "pilot", "permit": "R-7",
        "purpose": "survival", "reader": READER, "key": KEY, "until": "2099-12-31T23:59:59Z",
        "selection": None, "objects": 3, "bytes": 30, "manifest": DIGEST, **changed,
    }  # fmt: skip
    return "asked", {**about, "request": forms.sha256(forms.canonical(about)), "user": "o@h"}


def given(grant: str = "g-1", **changed: object) -> tuple[str, dict]:
    return "given", {
        "grant": grant, "objects": 3, "bytes": 30, "root": DIGEST, "pack_sha256": DIGEST,
        "statement_sha256": DIGEST, "approvals": [DIGEST], **changed,
    }  # fmt: skip


def policy(kind: str, **changed: object) -> tuple[str, dict]:
    more = {"sha256": DIGEST} if kind == "policy-set" else {}
    about = {"grant": "g-1", "bucket": "hds", "principal": "arn:reader", "allowed": True}
    return kind, {**about, **more, **changed}


REVOKED = ("revoked", {"grant": "g-1", "reason": "over", "user": "o@h"})
WITHDRAWN = ("pack-withdrawn", {"grant": "g-1", "found": True})
DROPPED = ("dropped", {"grant": "g-1"})
LIFE = [
    asked(), asked("g-2", selection=DIGEST), given(), policy("policy-setting"),
    policy("policy-set"), REVOKED, WITHDRAWN, policy("policy-setting", allowed=False),
    policy("policy-set", allowed=False, sha256=None), WITHDRAWN,
    ("dropped", {"grant": "g-2"}),
]  # fmt: skip


def taken(events: list[tuple[str, dict]]) -> None:
    ledger = GrantLedger({"pmsi": "pilot"})
    for kind, body in deepcopy(events):
        ledger.take(kind, body)


def test_a_whole_life_is_taken():
    taken(LIFE)
    taken([asked(), REVOKED])


def without(body: dict, name: str) -> dict:
    return {each: value for each, value in body.items() if each != name}


@pytest.mark.parametrize(
    "events",
    [
        [given()],
        [asked(), asked()],
        [asked(), given(), given()],
        [asked(), given(objects=4)],
        [asked(), given(bytes=31)],
        [asked(), given(root="x")],
        [asked(), given(approvals=["dpo"])],
        [asked(), DROPPED, given()],
        [asked(), DROPPED, DROPPED],
        [asked(), DROPPED, REVOKED],
        [asked(), given(), DROPPED],
        [asked(), REVOKED, given()],
        [asked(), REVOKED, REVOKED],
        [asked(), given(), WITHDRAWN],
        [asked(), policy("policy-setting")],
        [asked(), given(), policy("policy-set")],
        [asked(), given(), policy("policy-setting"), policy("policy-set", allowed=False)],
        [asked(), given(), policy("policy-setting"), policy("policy-set", principal="other")],
        [asked(), given(), policy("policy-setting", bucket="b"), policy("policy-set")],
        [asked(), given(), policy("policy-setting"), policy("policy-set", sha256="x")],
        [asked(), given(), policy("policy-setting", allowed=1)],
        [asked(dataset="other")],
        [asked(reader="c4gh:0123456789abcdef")],
        [asked(until="2099-12-31")],
        [asked(objects=0)],
        [asked(objects=True)],
        [asked(selection="*.csv")],
        [asked(permit="")],
        [("asked", {**asked()[1], "until": "2100-12-31T23:59:59Z"})],
        [("asked", {**asked()[1], "user": ""})],
        [("asked", without(asked()[1], "purpose"))],
        [("asked", without(asked()[1], "grant"))],
        [asked(), ("revoked", {"grant": "g-1", "reason": "", "user": "o@h"})],
        [asked(), REVOKED, ("pack-withdrawn", {"grant": "g-1", "found": 1})],
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_refused(events):
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        taken(events)
