"""The two verifiers agree on keys that were exchanged, 8.13: one broken rule each."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from hdh_migrate.fixity import canonical_json
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.worlds import (
    Change,
    World,
    body,
    both,
    gone,
    hour,
    insert_before,
    judged,
    put,
    refused,
    tell,
    untold,
    world,
)

pytestmark = pytest.mark.slow

OLD, KEPT, NEW = "a1" * 32, "b2" * 32, "c3" * 32
EXCHANGED = "headers-exchanged"
LEFT = [2, 8, 9]
"""Of the five objects that were verified, those that stayed as they were."""


def named(key: str) -> str:
    return "c4gh:" + sha256(bytes.fromhex(key)).hexdigest()[:16]


def rotating(*recipients: str, **changes: Any) -> dict[str, Any]:
    about = {"number": 1, "old": OLD, "new": NEW, "recipients": [*recipients], **changes}
    return {**about, "request": sha256(canonical_json(about)).hexdigest()}


def rotated() -> World:
    """One key was exchanged for another: one object written again, one lost, three left."""
    made = world()
    one, two = {"pmsi": 1}, {"pmsi": 1, "scans": 1}
    at = [event[0] for event in made["journal.jsonl"]].index("failed")
    made["journal.jsonl"][at:at] = [
        ["keys-rotating", hour(10), rotating(NEW, KEPT)],
        ["superseded", hour(10), {"dropped": [1, 7], "dropped_datasets": two}],
        [
            EXCHANGED, hour(10),
            {"number": 1, "ids": [1], "datasets": one, "lost": [7], "left": LEFT},
        ],
        ["verified", hour(10), {"ids": [7], "datasets": {"scans": 1}}],
        [
            "keys-rotated", hour(10),
            {"number": 1, "objects": 1, "left": 3, "lost": 1, "removed": 1, "remaining": {}},
        ],
    ]  # fmt: skip
    made["journal.jsonl"].insert(1, ["bound", hour(0), {"recipients": [OLD, KEPT]}])
    made["journal.jsonl"].insert(7, ["sent", hour(4), {"ids": [7]}])
    predicate = made["predicate"]
    predicate["seal"]["recipients"] = [named(NEW), named(KEPT)]
    predicate["rotations"] = [
        {
            "number": 1, "old": named(OLD), "new": named(NEW), "began": hour(10),
            "ended": hour(10), "objects": 1, "left": 3, "lost": 1, "removed": 1, "remaining": {},
        }
    ]  # fmt: skip
    transfer, verify = predicate["paces"]
    transfer |= {
        "started": hour(4), "seconds": 2, "bins": [{"objects": 8, "bytes": 0}],
    }  # fmt: skip
    verify["bins"] = [{"objects": 7, "bytes": 0}]
    return made


def exchange(*recipients: str, **changes: Any) -> Change:
    """Say another exchange, in the statement, too."""

    def edit(made: World) -> None:
        told = rotating(*recipients, **changes)
        body(made, "keys-rotating").update(told)
        made["predicate"]["seal"]["recipients"] = [*map(named, recipients)]
        names = {name: named(told[name]) for name in ("old", "new")}
        made["predicate"]["rotations"][0].update(names)

    return edit


def twice(made: World) -> None:
    """Let the same key be bound twice."""
    body(made, "bound")["recipients"].append(KEPT)


def dropped(*ids: int) -> Change:
    return lambda made: body(made, "superseded", 1).update(dropped=[*ids])


def test_keys_that_were_exchanged_are_judged_alike(desk: Desk) -> None:
    good: dict[str, Change] = {
        "as it is": lambda made: None,
        "said once more": insert_before(
            "failed", 0, "keys-rotated", hour(10), body(rotated(), "keys-rotated")
        ),
    }
    assert judged(desk, rotated(), good) == [*good]
    others, still = "keys-rotating: others than these two", f"{EXCHANGED}: what is lost is verified"
    cases: dict[str, tuple[Change, str]] = {
        "in another order": (exchange(KEPT, NEW), others),
        "one more": (exchange(NEW, KEPT, "d4" * 32), "not as many recipients"),
        "one less": (exchange(NEW), "not as many recipients"),
        "a key that was bound twice, and is once": (twice, others),
        "a key that nobody had": (exchange(OLD, KEPT, old=NEW, new="d4" * 32), "no such exchange"),
        "a key that was there": (exchange(KEPT, KEPT, new=KEPT), "a recipient twice"),
        "another request": (tell("keys-rotating", request="0" * 64), "keys-rotating: request"),
        "an object that is verified still": (dropped(2, 7), still),
        "a lost one that is verified still": (dropped(1, 2), still),
        "dropped too late": (
            both(gone("superseded", 1), insert_before(
                "verified", 3, "superseded", hour(10),
                {"dropped": [1, 7], "dropped_datasets": {"pmsi": 1, "scans": 1}},
            )), still,
        ),
        "other counts": (tell("keys-rotated", objects=2), "keys-rotated: other counts"),
        "told otherwise": (put("rotations", 0, objects=2), "rotations: others"),
        "not told": (lambda made: made["predicate"].pop("rotations"), "rotations: there or not"),
    }  # fmt: skip
    refused(desk, rotated(), cases)


def leaving(many: int, *ids: int) -> Change:
    """Say that so many objects stayed as they were, and which."""
    return both(
        tell("keys-rotated", left=many), put("rotations", 0, left=many),
        tell(EXCHANGED, left=[*ids]),
    )  # fmt: skip


def verified_before(many: int) -> Change:
    """Let so many lines be of objects that were verified an hour and a half before."""

    def edit(made: World) -> None:
        made["journal.jsonl"][0][1] = made["predicate"]["times"]["started"] = "2026-03-02T06:30:00Z"
        verified = [line for line in made["manifest.jsonl"] if line["verdict"] == "match"]
        for line in verified[:many]:
            line["verified_at"] = "2026-03-02T06:30:00Z"

    return edit


def wrapped(made: World) -> None:
    """Tell of headers that are kept apart."""
    insert_before("keys-rotated", 0, "headers-rewrapped", hour(10), HEADERS)(made)
    made["predicate"]["rotations"][0]["headers"] = 5


HEADERS = {"number": 1, "headers": 5, "left": 0}


def test_what_was_not_gone_through_is_left(desk: Desk) -> None:
    again = insert_before("failed", 0, EXCHANGED, hour(10), {
        "number": 1, "ids": [2], "datasets": {"pmsi": 1}, "lost": [], "left": [8, 9],
    })  # fmt: skip
    dropped_again = insert_before("failed", 0, "superseded", hour(10), {
        "dropped": [2], "dropped_datasets": {"pmsi": 1},
    })  # fmt: skip
    once_more = both(
        dropped_again, again, insert_before("failed", 0, "keys-rotated", hour(10), {
            "number": 1, "objects": 2, "left": 2, "lost": 1, "removed": 0, "remaining": {},
        }), put("rotations", 0, objects=2, left=2, removed=0),
    )  # fmt: skip
    good: dict[str, Change] = {
        "as many lines from before": verified_before(3),
        "more than was told": leaving(4, *LEFT),
        "an earlier version, which did not say which": untold(EXCHANGED, 0, "left"),
        "gone through again": once_more,
        "adopted since, which is left by another count": both(
            leaving(3, *LEFT, 10), insert_before("keys-rotated", 0, "adopting", hour(10), {
                "batch": "pilot", "number": 1, "journals": [], "user": "u",
            }),
        ),
    }  # fmt: skip
    assert judged(desk, rotated(), good) == [*good]
    fewer, unseen = "keys-rotated: less left than was told", "keys-rotated: more was verified"
    cases: dict[str, tuple[Change, str]] = {
        "one fewer than was told": (leaving(2, *LEFT), fewer),
        "one fewer than was verified": (leaving(2, 8, 9), unseen),
        "none": (leaving(0), unseen),
        "one more line from before": (verified_before(4), "rotations: lines from before it"),
        "gone through again, and one fewer": (
            both(once_more, tell("keys-rotated", 1, left=1), put("rotations", 0, left=1)), fewer,
        ),
        "what was left is no list": (tell(EXCHANGED, left=3), f"{EXCHANGED}: left"),
        "headers that are apart, where none are": (wrapped, "rotations: headers"),
    }  # fmt: skip
    refused(desk, rotated(), cases)


def test_a_statement_that_does_not_say_what_was_opened_is_refused(desk: Desk) -> None:
    files = desk.forged({}, lambda statement: statement["predicate"].pop("openings"))
    assert desk.judge(files) == (
        ["statement.json: it does not say which objects were opened"],
        ["predicate: a member is missing"],
    )
