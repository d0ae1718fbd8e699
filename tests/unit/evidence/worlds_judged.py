"""A world in which objects were missed and lost, and somebody judged what that is."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.fixity import canonical_json
from tests.unit.evidence.worlds import World, hour, listed, told
from tests.unit.evidence.worlds_again import looked_at
from tests.unit.evidence.worlds_waived import key

KIND = "application/vnd.hdh-migrate.judgement+json"
LEDGER = "emc2-exit-0a1b2c"


def head_of(events: list[Any]) -> str:
    """Return the digest at which a journal of these events ends."""
    head = bytes(32)
    for seq, (kind, at, what) in enumerate(events, start=1):
        text = canonical_json(what).decode()
        head = sha256(head + canonical_json([seq, at, kind, text])).digest()
    return head.hex()


def harmed() -> World:
    """Return the world before anybody judged: look 2 of imaging missed one, and two are lost."""
    made = looked_at()
    lost = [
        told(number, at=hour(20), code=code, severity="finding", dataset="scans", object=8)
        for number, code in ((10, "vanished-lost"), (11, "target-replaced"))
    ]
    made["findings.jsonl"] += [listed(one, key="x") for one in lost]
    files = {"report.signer": "ed25519:" + "ab" * 32}
    made["journal.jsonl"] += [
        ["ledger-named", hour(20), {"ledger": LEDGER}],
        ["contents", hour(20), {"files": files, "changed": []}],
        ["findings", hour(20), {"opened": lost}],
    ]
    return made


def judgement(made: World, events: int | None = None, **said: Any) -> dict[str, Any]:
    """Return what is signed in a world of so many events; None: of all."""
    seen = made["journal.jsonl"][:events]
    return {
        "version": 1, "ledger": LEDGER, "findings": [[10, 11]], "notified": None,
        "looks": [{"batch": "imaging", "number": 2, "objects": 1}],
        "reason": "no copy was read by anybody", "made_at": hour(21), "by": "dpo@host",
        "journal": {"events": len(seen), "head": head_of(seen)}, **said,
    }  # fmt: skip


def told_of(said: dict[str, Any], by: Signer, signer: Signer | None = None) -> dict[str, Any]:
    """Return the event that tells a judgement; `signer` is who signed it, if it is another."""
    return {
        "looks": said.get("looks", []), "findings": said.get("findings", []),
        "notified": said.get("notified") is not None, "key": key(by),
        "signed": [(signer or by).sign(KIND, canonical_json(said))],
    }  # fmt: skip


def judged_world(by: Signer, /, **said: Any) -> World:
    """Return the world in which somebody judged it, in other words than usual where some are."""
    made = harmed()
    event = told_of(judgement(made, **said), by)
    made["journal.jsonl"].append(["breach-judged", hour(22), event])
    return made
