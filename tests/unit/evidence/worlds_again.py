"""Worlds in which the target was looked at again, or the sources were listed again, by hand."""

from __future__ import annotations

from typing import Any

from tests.support.second_story import leaf
from tests.unit.evidence.worlds import World, body, hour, inventory, left, waiting, world

# Looks --------------------------------------------------------------------------------------------

NONE_FOUND: dict[str, Any] = {"gone": [], "damaged": [], "replaced": [], "unread": []}


def looking(number: int, level: str, batch: str = "imaging") -> dict[str, Any]:
    return {"batch": batch, "number": number, "level": level}


def looked(number: int, level: str, objects: int, /, **found: Any) -> dict[str, Any]:
    about = {
        **looking(number, level, found.pop("batch", "imaging")),
        "at": found.pop("at", hour(9)),
    }
    return {**about, "objects": objects, **NONE_FOUND, **found}


def look(batch: str, number: int, level: str, objects: int, /, **found: Any) -> dict[str, Any]:
    """What the statement says of a look."""
    made = {**looking(number, level, batch), "at": hour(9), "objects": objects, "ended": True}
    return {**made, **dict.fromkeys(NONE_FOUND, 0), **found}


def looked_at() -> World:
    """Return a world in which one object was lost twice, and restored twice."""
    made = world()
    events = made["journal.jsonl"]
    lost = {"dropped": [9], "dropped_datasets": {"scans": 1}}
    back = {"ids": [9], "datasets": {"scans": 1}}
    assert events[12][0] == "superseded"
    assert events[13][0] == "verified"
    events[12:14] = [
        ["looking-again", hour(9), {**looking(1, "full"), "user": "u"}],
        ["superseded", hour(9), lost],
        ["looked-again", hour(9), looked(1, "full", 3, gone=[9], replaced=[8])],
        ["looked-again", hour(9), looked(1, "full", 1, unread=[7])],
        ["look-ended", hour(9), {"batch": "imaging", "number": 1}],
        ["verified", hour(9), back],
        ["looking-again", hour(9), looking(2, "stored")],
        ["looked-again", hour(9), looked(2, "stored", 2, replaced=[8], at=hour(8))],
        ["looking-again", hour(9), looking(2, "stored")],
        ["superseded", hour(9), dict(lost)],
        ["looked-again", hour(9), looked(2, "stored", 3, damaged=[9], unread=[8], at=hour(7))],
        ["verified", hour(10), dict(back)],
        ["looking-again", hour(10), looking(1, "head", "pilot")],
        ["looked-again", hour(10), looked(1, "head", 5, batch="pilot", at=hour(10))],
        ["look-ended", hour(10), {"batch": "pilot", "number": 1}],
        ["looking-again", hour(10), looking(2, "head", "pilot")],
        ["superseded", hour(10), {"dropped": [1], "dropped_datasets": {"pmsi": 1}}],
        ["restored", hour(10), {"batch": "pilot", "id": 1, "more": "x"}],
        ["verified", hour(10), {"ids": [1], "datasets": {"pmsi": 1}}],
    ]
    body(made, "sent")["ids"] += [10, 11]
    said = made["predicate"]
    said["paces"][0]["bins"][0]["objects"] = 6
    said["paces"][1]["bins"] = [{"objects": 8, "bytes": 1}]
    said["looks"] = [
        look("imaging", 2, "stored", 5, damaged=1, replaced=1, unread=1, at=hour(7), ended=False),
        look("pilot", 1, "head", 5, at=hour(10)),
    ]
    return made


# Sources listed again -----------------------------------------------------------------------------

NOTHING_MOVED = {"objects": 0, "bytes": 0}
VANISHED = ("vanished", "gone from the source before this version of it was moved")
B, C, C_WAS = (
    {**left("b", 4, *VANISHED), "dataset": "more"},
    waiting("more", "c", 6) | {"target_key": "pmsi/more/c.c4gh"},
    waiting("more", "c", 3),
)


def amount(objects: int, size: int) -> dict[str, int]:
    return {"objects": objects, "bytes": size}


def refreshed(number: int, name: str, batch: str = "pilot", /, **sums: Any) -> dict[str, Any]:
    none = dict.fromkeys(("new", "changed", "vanished", "left"), NOTHING_MOVED)
    return {"batch": batch, "number": number, "dataset": name, **none, **sums}


def listed_again() -> World:
    """Return a world in which two objects vanished unmoved, and one of them came back."""
    made = world()
    events = made["journal.jsonl"]
    first, then = {"batch": "pilot", "number": 1}, {"batch": "pilot", "number": 2}
    a, more = made["manifest.jsonl"][0], {"dataset": "more"}
    b, c, was = (leaf(one).hex() for one in (B, C, C_WAS))
    body(made, "inventoried", 2).update(inventory("more", [a, B, C_WAS], []))
    at = next(at for at, one in enumerate(events) if one[0] == "cutover-frozen")
    gone = amount(2, 7)
    events[at:at] = [
        ["refreshing", hour(12), {**first, "user": "u"}],
        ["refreshed", hour(12), refreshed(1, "more", vanished=amount(3, 12), left=gone)],
        ["inventory-changed", hour(12), {**more, "changed_excluded": [[b, b], [was, was]]}],
        ["refresh-ended", hour(12), {**first, "listed": amount(8, 70_035)}],
        ["refreshing", hour(12), dict(then)],
        ["refreshed", hour(12), refreshed(2, "more", new=amount(1, 6))],
        ["inventory-changed", hour(12), {**more, "changed_included": [[was, c]]}],
        ["refreshing", hour(12), dict(then)],
        ["refreshed", hour(12), refreshed(2, "pmsi", changed=amount(1, 6))],
        ["refresh-ended", hour(12), {**then, "listed": amount(9, 70_041)}],
        ["refreshing", hour(12), {"batch": "imaging", "number": 1}],
        ["retrying", hour(12), {"batch": "pilot", "reasons": {"c": 1}, "user": "u"}],
        ["inventoried", hour(12), inventory("more", [a, C], [B])],
    ]  # fmt: skip
    made["manifest.jsonl"].insert(1, dict(C))
    made["exclusions.jsonl"].insert(0, dict(B))
    said = made["predicate"]
    said["datasets"][2]["tally"]["inventoried"] = amount(3, 15)
    said["losses"][1]["objects"] = 2
    return made
