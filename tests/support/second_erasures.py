"""Section 8.14 for the second verifier: datasets whose headers were erased.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

from hashlib import sha256

from tests.support.second_approvals import tells_of_others
from tests.support.second_bodies import Event
from tests.support.second_contracts import packs_of
from tests.support.second_forms import (
    Json,
    canonical,
    is_count,
    is_digest,
    is_text,
    need,
    raw_key,
    same,
)
from tests.support.second_plan import Plan
from tests.support.second_rules import BESIDE

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
    for name in ("versions", "copies"):
        need(body["packs"] <= body[name], f"{kind}: fewer {name} than packs")
    need(body["objects"] <= body["headers"], f"{kind}: fewer headers than objects")
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
    for one in told.values():
        check_approved(predicate, one)
    need(same(predicate.get("erasures", []), list(told.values())), "erasures: others")


def check_approved(predicate: Json, erasure: dict[str, Json]) -> None:
    """An erasure is of the dataset's batch, and approved by some whom terms of that batch name."""
    places = [(one["name"], one["batch"]) for one in predicate["datasets"]]
    need((erasure["dataset"], erasure["batch"]) in places, "erasures: of another batch")
    approvers: set[Json] = set()
    for story in predicate["cutovers"]:
        if (story["batch"], story["track"]) != (erasure["batch"], "cutover"):
            continue
        told = [story["terms"], *(one["terms_before"] for one in story["terms_changes"])]
        for terms in told:
            if terms is not None:
                approvers |= {
                    sha256(bytes.fromhex(one["public"])).hexdigest() for one in terms["approvers"]
                }
    keys = erasure["approvals"]
    need(len(keys) > 0, "erasures: nobody approved")
    need(len(set(keys)) == len(keys), "erasures: a key twice")
    need(set(keys) <= approvers, "erasures: approved by somebody else")


def check_erased_lines(
    predicate: Json, plan: Plan, manifest: list[Json], events: list[Event]
) -> None:
    """What was erased is what the lines give, unless an event tells of others since."""
    told: dict[str, dict[str, Json]] = {}
    for kind, _, body in events:
        told = {name: one for name, one in told.items() if not tells_of_others(kind, body, {name})}
        if kind == "headers-erasing":
            told[body["dataset"]] = body
    for name, one in told.items():
        lines = [line for line in manifest if (line["dataset"], line["verdict"]) == (name, "match")]
        packs = packs_of(plan, lines)
        named = str(plan.datasets[name].source["prefix"]).encode() + BESIDE
        sizes = [line["size"] for line in lines if not raw_key(line).startswith(named)]
        given = {"objects": len(sizes), "bytes": sum(sizes), "packs": packs["packs"]}
        given |= {"pack_bytes": packs["bytes"], "root": packs["root"]}
        need(given == {name: one[name] for name in given}, "headers-erasing: of other lines")
