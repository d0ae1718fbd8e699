"""What docs/evidence-format.md refuses, the second verifier too, and the first took once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.second_cutovers import folded
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.test_second_opinion_cutovers import (
    ONE,
    TWO,
    changed,
    in_story,
    pilot,
    with_terms,
)
from tests.unit.evidence.worlds import (
    Change,
    World,
    body,
    both,
    hour,
    in_keyed_names,
    laid,
    planned,
    put,
    tell,
    traffic,
    world,
)

pytestmark = pytest.mark.slow

OPENED = {"at": hour(9), "who": "w", "dataset": "pmsi", "object": None, "reason": None}


def keyed_opening(**values: Any) -> Change:
    def edit(made: World) -> None:
        made["journal.jsonl"].insert(-1, ["object-opened", hour(18), {"left_out": []}])
        made["predicate"]["openings"] = [{**OPENED, **values}]

    return edit


def contacted(endpoint: str) -> Change:
    return lambda w: body(w, "run-ended")["traffic"][0].update(endpoint=endpoint)


def clock_of_an_identity(offset: Any) -> Change:
    one = {**traffic("identity", 1, []), "clock_offset": offset}
    return lambda w: body(w, "run-ended")["traffic"].append(one)


KEYED = {
    # 7.6: a list of globs
    "an include that is one text": planned("datasets", 0, include="x"),
    # 7: of keyed names `object` and `reason` are null
    "the object that was opened": keyed_opening(object=7),
    "the reason of an opening": keyed_opening(reason="the name of a person"),
}
PLAIN = {
    # 7.3: a member that a plan leaves out is absent or null
    "an include that is 0": planned("datasets", 2, include=0),
    "an exclude that is false": planned("datasets", 2, exclude=False),
    "a prefix that is 0": planned("datasets", 1, "source", prefix=0),
    # 7.3: its lists
    "regions that are one text": put("attestation", regions="xry"),
    "endpoints that are an object": put("attestation", endpoints={"https://s3.example": 1}),
    # 8.3: names and a dot before the host
    "an account of somebody": contacted("https://u@b.a.example"),
    "a dot and no name": contacted("https://.a.example"),
    # 8: each of the traffic's clocks is a number
    "an identity's clock that is too large": clock_of_an_identity(2**63),
    "an identity's clock that is a text": clock_of_an_identity("1"),
    "an identity's clock that is null": clock_of_an_identity(None),
}
KEYED_STORY = {
    "changes of terms that are a number": put("cutovers", 0, terms_changes=9),
    # 7.3: an object
    "times that are a text": pilot(times="x"),
    "times that are a list": pilot(times=[]),
}
STORY = {
    # 7.3: integers, keys
    "a threshold that is true": with_terms(1, thresholds={"cutover": True}),
    "a threshold that is a float": with_terms(1, thresholds={"cutover": 2.0}),
    "approvals that are no list": changed(0, approvals={ONE: 1, TWO: 1}),
    # 8.4: ids, texts, spans, counts
    "an id that is true": tell(
        "cutover-rechecked", differing=[[2, "target-x"], [3, "y"], [30, "y"], [True, "x"]]
    ),
    "a difference that is null": tell("cutover-rechecked", differing=[[2, None], [3, "y"],
                                                                     [30, "y"]]),
    "a span from a float": tell("cutover-rechecked", 1, spans=[[1.0, 2, "head"], [7, 9, "head"]]),
    "an id that is a text": tell("cutover-erased", 2, again=["99"]),
    "bytes below nothing": both(
        tell("cutover-rechecked", bytes=-1), pilot("decommission", "recheck", bytes=39)
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", [*KEYED, *PLAIN, *STORY, *KEYED_STORY])
def test_both_refuse(desk: Desk, what: str) -> None:
    change = {**KEYED, **PLAIN, **STORY, **KEYED_STORY}[what]
    made = world() if what in {**KEYED, **PLAIN} else in_story()
    if what in {**KEYED, **KEYED_STORY}:
        made = in_keyed_names(made)
    first, other = desk.judge(laid(desk, made, change))
    if not other:
        raise RuntimeError("the second takes it too")
    assert first


def test_a_way_back_that_says_one_for_true_is_of_no_switch(desk: Desk) -> None:
    """8.4: only `true` is, and what was switched is said to have been."""

    def one_for_true(made: World) -> None:
        body(made, "cutover-rolled-back")["switched"] = 1
        events = made["journal.jsonl"]
        made["predicate"]["cutovers"] = folded([(one[0], one[1], one[2]) for one in events])

    first, other = desk.judge(laid(desk, in_story(), one_for_true))
    assert first
    assert any("cutover-rolled-back: switched" in one for one in other), other
