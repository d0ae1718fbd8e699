"""A world in which a finding is waived and a batch is switched on that, all of it as signed."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.fixity import canonical_json
from tests.unit.evidence.worlds import World, body, hour, listed, told, world
from tests.unit.evidence.worlds_signed import PILOT, TESTED, digest, stated

KIND = "application/vnd.in-toto+json"
Payload = dict[str, Any]


def key(by: Signer, until: str | None = None) -> dict[str, Any]:
    public = by.verifier.public.public_bytes_raw().hex()
    return {"fingerprint": by.verifier.fingerprint, "public": public, "until": until}


def statement(made: World, what: str = "finding.vanished", **said: Any) -> Payload:
    """Return what is signed to let something go, for the world's plan."""
    plan = made["journal.jsonl"][0][2]["plan_digest"]
    predicate = {
        "what": what, "reason": "erased on request", "until": "2026-03-31", "made_at": hour(22),
        "by": "dpo@host", "migration": "emc2-exit",
    }  # fmt: skip
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "plan", "digest": {"sha256": plan}}],
        "predicateType": "urn:hdh-migrate:waiver:v1",
        "predicate": {**predicate, **said},
    }


def name_of(said: Payload) -> str:
    return sha256(canonical_json(said)).hexdigest()


def counted(by: Signer, *said: Payload, keys: Sequence[Any] | None = None) -> dict[str, Any]:
    """Return the body of an event that tells waivers which one key signed, none told before."""
    named = sorted((name_of(one), one) for one in said)
    return {
        "keys": [key(by)] if keys is None else keys,
        "counted": [name for name, _ in named],
        "signed": [by.sign(KIND, canonical_json(one)) for _, one in named],
    }


def waived(by: Signer, said: Payload | None = None, signer: Signer | None = None) -> World:
    """Return the world; `said` is signed by the `signer`, or by who may waive."""
    made = world()
    said = statement(made) if said is None else said
    terms = {"approvers": [], "thresholds": {}, "window_seconds": 1, "waivers": [key(by)]}
    found = told(10, at=hour(21), code="vanished", severity="finding", dataset="pmsi", object=3)
    made["findings.jsonl"].append(listed(found, key="in/c"))
    switching = {"old_sha256": "a", "new_sha256": "b", "root": "5a" * 32, "strangers": 0,
                 "approvals": [], "approved_stage": "cutover", "terms": digest(terms)}  # fmt: skip
    files = {"report.signer": "ed25519:" + "ab" * 32}
    made["journal.jsonl"] += [
        ["ledger-named", hour(20), {"ledger": "one", "waivers": "signed"}],
        ["contents", hour(20), {"files": files, "changed": []}],
        ["cutover-terms", hour(20), {**PILOT, "terms": terms, "beside": []}],
        ["findings", hour(21), {"opened": [found]}],
        ["waivers-counted", hour(23), counted(signer or by, said, keys=[key(by)])],
        ["cutover-switching", hour(24), {**PILOT, **switching, "waivers": [name_of(said)]}],
        ["cutover-switched", hour(24), PILOT],
        ["cutover-smoked", hour(24), {**PILOT, **TESTED}],
        ["cutover-open", hour(24), {**PILOT, "until": hour(25)}],
        ["cutover-finalized", hour(26), {
            **PILOT, "early": False, "reason": None, "root": "5a" * 32, "approvals": [],
            "approved_stage": "finalize", "terms": digest(terms), "waivers": [name_of(said)],
        }],
    ]  # fmt: skip
    shown = {name: one for name, one in said["predicate"].items() if name != "migration"}
    made["predicate"]["waivers"] = [
        {**shown, "key_id": by.verifier.key_id, "file": "waivers/a.json", "sha256": "ab" * 32}
    ]
    return stated(made)


def again(made: World, when: str, **changes: Any) -> list[Any]:
    """Return an event that tells the same waivers once more, or others of those that were told."""
    before = body(made, "waivers-counted")
    return ["waivers-counted", when, {**before, "signed": [], **changes}]
