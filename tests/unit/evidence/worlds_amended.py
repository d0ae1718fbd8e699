"""A world in which batches were bound to what the plan says of them, and amended, by hand."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from tests.support.second_batches import digest_of_batch
from tests.unit.evidence.forgery import digest_of
from tests.unit.evidence.worlds import World, body, hour, world

R, S, T = (digits * 32 for digits in ("ab", "cd", "ef"))
D = "0" * 64


def fingerprints(*keys: str) -> list[str]:
    return [f"c4gh:{sha256(bytes.fromhex(one)).hexdigest()[:16]}" for one in keys]


def revision(number: int, batch: str = "pilot", /, **more: Any) -> dict[str, Any]:
    return {"batch": batch, "revision": number, "digest": D, **more}


def amended() -> World:
    """Return a world whose seal was opened to a second key, and whose rules were made narrower."""
    made = world()
    made["journal.jsonl"][1:1] = [
        ["bound", hour(0), {"recipients": [R]}],
        ["batch-bound", hour(0), revision(1, "pilot", user="u")],
        ["batch-bound", hour(0), revision(1, "imaging")],
    ]
    made["journal.jsonl"].insert(-1, ["batch-amended", hour(18), revision(
        2, "pilot", moved_before={"more": 9, "pmsi": 0}, recipients=[R, S], user="u",
    )])  # fmt: skip
    made["journal.jsonl"].insert(-1, ["batch-amended", hour(18), revision(
        3, "pilot", moved_before={"more": 1},
    )])  # fmt: skip
    said = made["predicate"]
    said["seal"]["recipients"] = fingerprints(R, S)
    plan = said["plan"]["canonical"]
    plan["version"] = 1
    plan["source"]["credential"] = {"env": "X"}
    plan["datasets"][2]["exclude"] = [{"glob": "a", "reason": "of no use"}]
    plan["datasets"][2]["live"] = True
    for line in made["manifest.jsonl"][:2]:
        line["stored_size"] -= 108
    return bound_again(made)


def bound_again(made: World) -> World:
    """Let the runs have this plan, and the last revision of each batch what it says of it."""
    plan = made["predicate"]["plan"]["canonical"]
    body(made, "batch-bound", 1)["digest"] = digest_of_batch(plan, "imaging")
    body(made, "batch-amended", 1)["digest"] = digest_of_batch(plan, "pilot")
    for kind, _, what in made["journal.jsonl"]:
        if kind == "run-started":
            what["plan_digest"] = digest_of(plan)
    return made
