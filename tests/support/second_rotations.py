"""Section 8.13 for the second verifier: keys that were exchanged for others.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

from hashlib import sha256

from tests.support.second_bodies import Event, are_ids, is_public
from tests.support.second_forms import Json, canonical, is_count, is_integer, is_text, need, same

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
