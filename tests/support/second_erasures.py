"""Section 8.14 for the second verifier: datasets whose headers were erased.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

from hashlib import sha256

from tests.support.second_bodies import Event
from tests.support.second_forms import Json, canonical, is_count, is_digest, is_text, need, same

COUNTS = ("objects", "bytes", "packs", "pack_bytes", "versions", "copies", "headers")
ASKED = ("dataset", "batch", "objects", "bytes", "packs", "pack_bytes", "root", "although")
STATED = (
    "dataset", "batch", "objects", "bytes", "packs", "root", "versions", "copies", "headers",
    "although", "approvals",
)  # fmt: skip


def check_erasure_form(event: Event, names: set[str], keyed: bool) -> None:
    kind, _, body = event
    if kind not in ("headers-erasing", "headers-erased"):
        return
    need(isinstance(body.get("dataset"), str) and body["dataset"] in names, f"{kind}: dataset")
    if kind == "headers-erased":
        remaining = body.get("remaining")
        need(isinstance(remaining, dict), f"{kind}: remaining")
        need(all(map(is_count, body["remaining"].values())), f"{kind}: remaining")
        return
    for name in COUNTS:
        need(is_count(body.get(name)), f"{kind}: {name}")
    need(is_text(body.get("batch")), f"{kind}: batch")
    need(is_digest(body.get("root")), f"{kind}: root")
    for name in ("although", "approvals"):
        need(isinstance(body.get(name), list) and all(map(is_text, body[name])), f"{kind}: {name}")
    covered = {name: body[name] for name in ASKED}
    need(body.get("request") == sha256(canonical(covered)).hexdigest(), f"{kind}: request")


def check_erasures(predicate: Json, events: list[Event]) -> None:
    """Compare what the statement tells with what the journal does."""
    told: dict[str, dict[str, Json]] = {}
    for kind, at, body in events:
        if kind == "headers-erasing":
            need(body["dataset"] not in told, "headers-erasing: twice")
            stated = {name: body[name] for name in STATED}
            told[body["dataset"]] = {**stated, "began": at, "ended": None, "remaining": {}}
        elif kind == "headers-erased":
            need(body["dataset"] in told, "headers-erased: of what was not begun")
            told[body["dataset"]] |= {"ended": at, "remaining": body["remaining"]}
    need(("erasures" in predicate) == bool(told), "erasures: there or not")
    need(same(predicate.get("erasures", []), list(told.values())), "erasures: others")
