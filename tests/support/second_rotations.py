"""Section 8.13 for the second verifier: keys that were exchanged for others.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from tests.support.second_bodies import Event, are_ids, is_public
from tests.support.second_forms import (
    Json,
    canonical,
    is_count,
    is_integer,
    is_text,
    need,
    same,
    seconds_of,
)

BEGINS = ("keys-rotating", "data-keys-rotating")
KINDS = (*BEGINS, "headers-rewrapped", "headers-exchanged", "keys-rotated")
HYBRID = 2432
"""Hexadecimal digits of a hybrid public key."""


def check_rotation_form(event: Event, names: set[str], keyed: bool) -> None:
    kind, _, body = event
    if kind not in KINDS:
        return
    need(is_integer(body.get("number")), f"{kind}: number")
    if kind == "keys-rotating":
        check_begun(body, keyed)
    elif kind == "headers-rewrapped":
        need(is_count(body.get("headers")), f"{kind}: headers")
        need(is_count(body.get("left")), f"{kind}: left")
    elif kind == "data-keys-rotating":
        check_data_keys(body, keyed)
    elif kind == "headers-exchanged":
        form = is_count if keyed else are_ids
        need(form(body.get("lost")), f"{kind}: lost")
        if not keyed:
            need(not {*body["lost"]} & {*body["ids"]}, f"{kind}: an id twice")
            need(are_ids(body.get("left", []), twice=True), f"{kind}: left")
    else:
        for name in ("objects", "left", "lost", "removed"):
            need(is_count(body.get(name)), f"{kind}: {name}")
        remaining = body.get("remaining")
        need(isinstance(remaining, dict), f"{kind}: remaining")
        need(all(map(is_count, body["remaining"].values())), f"{kind}: remaining")


def check_begun(body: dict[str, Json], keyed: bool) -> None:
    listed = body.get("recipients")
    for name in ("old", "new"):
        form = is_text if keyed else is_public
        need(form(body.get(name)), f"keys-rotating: {name}")
    if keyed:
        need(is_count(listed), "keys-rotating: recipients")
        return
    need(isinstance(listed, list) and all(map(is_public, listed)), "keys-rotating: recipients")
    covered = {name: body[name] for name in ("number", "old", "new", "recipients")}
    need(body.get("request") == sha256(canonical(covered)).hexdigest(), "keys-rotating: request")


def check_data_keys(body: dict[str, Json], keyed: bool) -> None:
    listed = body.get("recipients")
    if keyed:
        need(is_count(listed), "data-keys-rotating: recipients")
        return
    need(isinstance(listed, list) and all(map(is_public, listed)), "data-keys-rotating: recipients")
    covered = {name: body[name] for name in ("number", "recipients")}
    digest = sha256(canonical(covered)).hexdigest()
    need(body.get("request") == digest, "data-keys-rotating: request")


def check_rotations(predicate: Json, events: list[Event], keyed: bool) -> None:
    """Compare what the statement tells with what the journal does."""
    told: list[dict[str, Json]] = []
    for kind, at, body in events:
        if kind not in KINDS:
            continue
        if kind in BEGINS:
            need(not told or told[-1]["ended"] is not None, f"{kind}: two at once")
            told.append(begun(at, body, keyed))
        need(bool(told) and body["number"] == len(told), f"{kind}: of another number")
        if kind == "headers-rewrapped":
            told[-1]["headers"] = body["headers"]
        elif kind == "headers-exchanged":
            told[-1]["objects"] += body["objects"] if keyed else len(body["ids"])
            told[-1]["lost"] += body["lost"] if keyed else len(body["lost"])
        elif kind == "keys-rotated":
            counted = (told[-1]["objects"], told[-1]["lost"])
            need((body["objects"], body["lost"]) == counted, "keys-rotated: other counts")
            told[-1] |= {name: body[name] for name in ("left", "removed", "remaining")}
            told[-1]["ended"] = at
    need(("rotations" in predicate) == bool(told), "rotations: there or not")
    need(same(predicate.get("rotations", []), told), "rotations: others than the journal's")


def check_left(predicate: Json, lines: list[Json], events: list[Event], keyed: bool) -> None:
    """What was not gone through is left, by the events and by the lines."""
    rotations = predicate.get("rotations", [])
    apart = predicate["plan"]["canonical"]["seal"].get("header") == "detached"
    for one in rotations:
        need("headers" not in one or (apart and one["old"] is not None), "rotations: headers")
    verified = before = shut = 0
    stay: set[int] = set()
    for kind, _, body in events:
        if kind in BEGINS:
            before, shut, stay = verified, 0, set()
        elif kind in ("adopting", "headers-erasing"):
            shut, stay = 0, set()
        elif kind == "headers-rewrapped":
            shut = body["left"]
        elif kind == "ledger-upgraded":
            verified = sum(body["verified"].values())
        elif kind == "verified":
            verified += sum(body.get("datasets", {}).values())
        elif kind == "superseded":
            many = sum(body.get("dropped_datasets", {}).values())
            verified, before = verified - many, before - many
            stay -= {*body.get("dropped", [])}
        elif kind == "headers-exchanged":
            verified += sum(body["datasets"].values())
            stay = stay if keyed else (stay - {*body["ids"]}) | {*body.get("left", [])}
        elif kind == "keys-rotated":
            need(body["left"] >= shut + len(stay), "keys-rotated: less left than was told")
            need(apart or body["left"] >= before, "keys-rotated: more was verified")
    erased = {one["dataset"] for one in predicate.get("erasures", [])}
    for one in rotations:
        since = max(0, int(seconds_of(one["began"]) - 3600))
        an_hour_before = (datetime(1, 1, 1) + timedelta(seconds=since)).isoformat()
        old = [
            line
            for line in lines
            if line["verdict"] == "match"
            and line["dataset"] not in erased
            and (not apart or line["source_version"].startswith("sidecar:") == bool(one["old"]))
            and line["verified_at"][:19] < an_hour_before
        ]
        need(one["ended"] is None or len(old) <= one["left"], "rotations: lines from before it")


def begun(at: str, body: dict[str, Json], keyed: bool) -> dict[str, Json]:
    names: dict[str, Json] = dict.fromkeys(("old", "new"))
    if "old" in body:
        names = {name: body[name] if keyed else named(body[name]) for name in names}
    return {
        "number": body["number"], **names, "began": at, "ended": None,
        "objects": 0, "left": 0, "lost": 0, "removed": 0, "remaining": {},
    }  # fmt: skip


def named(key: str) -> str:
    form = "hybrid:" if len(key) == HYBRID else "c4gh:"
    return form + sha256(bytes.fromhex(key)).hexdigest()[:16]
