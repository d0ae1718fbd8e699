"""What a statement says of a journal, told anew as somebody would who forges both.

Rotations, erasures, looks and cutovers follow from events alone; whoever holds the key and changes
an event changes these members with it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hdh_migrate.fixity import canonical_json, sha256_hex
from tests.support import second_again, second_cutovers, second_erasures, second_rotations
from tests.support.second_forms import Refused
from tests.unit.evidence.forgery import Desk, Files

Events = list[tuple[str, str, dict[str, Any]]]


def retold(predicate: dict[str, Any], files: Files) -> None:
    """Let a statement's members follow a journal, as far as that can be said of it at all."""
    events: Events = []
    for line in files["journal.jsonl"].splitlines():
        event = json.loads(line)
        events.append((event["kind"], event["at"], json.loads(event["body"])))
    for name, tell in (
        ("rotations", rotations), ("erasures", erasures), ("looks", looks),
    ):  # fmt: skip
        with suppress(Refused, KeyError, TypeError, ValueError, IndexError, AttributeError):
            told = tell(events)
            predicate.pop(name, None)
            if told:
                predicate[name] = told
    with suppress(Refused, KeyError, TypeError, ValueError, IndexError, AttributeError):
        made = {(one["batch"], one["track"]): one for one in second_cutovers.folded(events)}
        for one in predicate["cutovers"]:
            one.update(made.get((one["batch"], one["track"]), {}))


def rotations(events: Events) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    for kind, at, body in events:
        if kind in second_rotations.BEGINS:
            told.append(second_rotations.begun(at, body, keyed=False))
        elif kind == "headers-rewrapped":
            told[-1]["headers"] = body["headers"]
        elif kind == "headers-exchanged":
            told[-1]["objects"] += len(body["ids"])
            told[-1]["lost"] += len(body["lost"])
        elif kind == "keys-rotated":
            told[-1] |= {name: body[name] for name in ("left", "removed", "remaining")}
            told[-1]["ended"] = at
    return told


def erasures(events: Events) -> list[dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {}
    for kind, at, body in events:
        if kind == "headers-erasing":
            stated = {name: body[name] for name in second_erasures.STATED}
            told[body["dataset"]] = {**stated, "began": at, "ended": None, "remaining": {}}
        elif kind == "headers-erased":
            told[body["dataset"]] |= {"ended": at, "remaining": body["remaining"]}
    return list(told.values())


def looks(events: Events) -> list[dict[str, Any]]:
    turns = second_again.turns_of(events, "looks")
    return [
        second_again.stated(batch, told[-1], keyed=False)
        for batch in sorted(turns)
        if (told := [look for look in turns[batch] if look.told])
    ]


ASKED = {
    "headers-erasing": (
        "dataset", "batch", "objects", "bytes", "packs", "pack_bytes", "root", "although",
    ),
    "keys-rotating": ("number", "old", "new", "recipients"),
}  # fmt: skip
"""What the `request` of an event is the digest of."""


def forged(desk: Desk, kind: str, change: Callable[[dict[str, Any]], object]) -> Files:
    """Change the first event of a kind as an insider would: all that can follow, follows.

    Its request, what asks for that, the chain, the statement, the name that pages bear, signatures.
    """
    events = [json.loads(line) for line in desk.files["journal.jsonl"].splitlines()]
    event = next(one for one in events if one["kind"] == kind)
    body = json.loads(event["body"])
    change(body)
    was = body.get("request")
    event["body"] = canonical_json(body).decode()
    if was is not None and kind in ASKED:
        now = sha256_hex(canonical_json({name: body[name] for name in ASKED[kind] if name in body}))
        for one in events:
            one["body"] = one["body"].replace(was, now)
    files = desk.forged({"journal.jsonl": b"".join(canonical_json(one) + b"\n" for one in events)})
    statement = json.loads(base64.b64decode(json.loads(files["statement.json"])["payload"]))
    retold(statement["predicate"], files)
    named = [
        sha256_hex(canonical_json(one["predicate"])).encode()
        for one in (desk.statement(), statement)
    ]
    pages = {name: files[name].replace(*named) for name in files if name.endswith(".html")}
    good = {one["name"]: one["digest"] for one in desk.statement()["subject"]}
    for subject in statement["subject"]:
        subject["digest"] = good[subject["name"]]
    files |= {**pages, "summary.json": desk.files["summary.json"]}
    return desk.signed(files, statement)
