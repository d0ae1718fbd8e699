"""The two verifiers agree on looks at the target: one broken rule of section 8.5 each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.test_second_opinion import DRAWS, changes_of, drawn
from tests.unit.evidence.test_second_opinion_cutovers import in_story
from tests.unit.evidence.worlds import (
    Change,
    World,
    body,
    both,
    gone,
    hour,
    in_keyed_names,
    insert,
    insert_before,
    judged,
    laid,
    of_an_older_ledger,
    place_of,
    put,
    refused,
    tell,
    untold,
    waiting,
    world,
)
from tests.unit.evidence.worlds_again import look, looked, looked_at, looking

pytestmark = pytest.mark.slow

BEGUN, TOLD, ENDED = "looking-again", "looked-again", "look-ended"
FORM, NOT_OPEN = "an id twice", "not of the one under way"
LOST, OTHERS = "is verified still", "looks: not what was told"


def moved_before(kind: str, which: int, other: str, number: int) -> Change:
    """Move one event to where another one stands, at the other's time."""

    def edit(made: World) -> None:
        event = made["journal.jsonl"].pop(place_of(made, kind, which))
        to = place_of(made, other, number)
        event[1] = made["journal.jsonl"][to][1]
        made["journal.jsonl"].insert(to, event)

    return edit


def of_pilot(**values: Any) -> Change:
    """Change a member of all that is told of the pilot's looks."""

    def edit(made: World) -> None:
        for kind, _, what in made["journal.jsonl"]:
            if kind in {BEGUN, TOLD, ENDED} and what["batch"] == "pilot":
                what.update(values)

    return edit


GOOD: dict[str, Change] = {
    "as it is": lambda _: None,
    "events that say more": both(tell(BEGUN, more=1), tell(TOLD, more=1), tell(ENDED, level="x")),
    "an end of a look that found nothing yet": insert(
        -1, ENDED, hour(18), batch="pilot", number=2
    ),
    "a next look beside one that has not ended": both(
        insert_before(TOLD, 3, BEGUN, hour(9), looking(3, "full")),
        tell(TOLD, 3, number=3, level="full"),
        put("looks", 0, number=3, level="full", objects=3, replaced=0),
    ),
    "the earliest as it was written first": both(
        tell(TOLD, 2, at="2026-03-02T08:00:07.0Z"), put("looks", 0, at="2026-03-02T08:00:07.0Z")
    ),
    "an instant, not a text": both(
        tell(TOLD, 2, at="2026-03-02T08:00:06.5Z"), tell(TOLD, 3, at="2026-03-02T08:00:06Z"),
        put("looks", 0, at="2026-03-02T08:00:06Z"),
    ),
    "lost before the look began": moved_before("superseded", 0, BEGUN, 0),
    "other metadata beside the right bytes": both(
        tell(TOLD, 0, beside=[7]), tell(TOLD, 3, beside=[7]), put("looks", 0, beside=1)
    ),
    "an id below nothing": tell(TOLD, 0, replaced=[-1]),
}  # fmt: skip
BAD: dict[str, tuple[Change, str]] = {
    # forms
    "no number": (untold(BEGUN, 4, "number"), "looking-again: number"),
    "no level": (untold(BEGUN, 4, "level"), "looking-again: level"),
    "a level that is none": (tell(BEGUN, 4, level="x"), "looking-again: level"),
    "a batch of no name": (tell(BEGUN, 4, batch=""), "looking-again: batch"),
    "a number that is true": (tell(BEGUN, 3, number=True), "looking-again: number"),
    "a number of an end that is a float": (tell(ENDED, 1, number=1.0), "look-ended: number"),
    "an end without a batch": (untold(ENDED, 1, "batch"), "look-ended: batch"),
    "no moment": (tell(TOLD, 0, at=None), "looked-again: at"),
    "no objects": (tell(TOLD, 1, objects=0, unread=[]), "looked-again: objects"),
    "found, of more than there were": (tell(TOLD, 0, objects=1), "more than its objects"),
    "a list that is null": (tell(TOLD, 0, unread=None), "looked-again: unread"),
    "a list that is a number": (tell(TOLD, 0, unread=0), "looked-again: unread"),
    "a list less": (untold(TOLD, 0, "damaged"), "looked-again: damaged"),
    "an id that is true": (tell(TOLD, 0, gone=[True], replaced=[]), "looked-again: gone"),
    "an id that is a float": (tell(TOLD, 0, replaced=[8.0]), "looked-again: replaced"),
    "an id twice in a list": (tell(TOLD, 0, replaced=[8, 8]), "looked-again: replaced"),
    "an id in two lists": (tell(TOLD, 3, unread=[9]), FORM),
    "an id in a list and beside": (tell(TOLD, 3, beside=[9]), FORM),
    "beside that is a number": (tell(TOLD, 3, beside=1), "looked-again: beside"),
    "beside, of more than there were": (tell(TOLD, 1, beside=[9]), "more than its objects"),
    "restored of no id": (untold("restored", 0, "id"), "restored: id"),
    "restored of a text": (tell("restored", 0, id="1"), "restored: id"),
    # the numbers
    "a first look that is the second": (
        both(of_pilot(number=2), put("looks", 1, number=2)), NOT_OPEN
    ),
    "a look that is skipped": (tell(BEGUN, 4, number=3), NOT_OPEN),
    "a look that has ended begun again": (tell(BEGUN, 4, number=1), NOT_OPEN),
    "told of no look": (gone(BEGUN, 3), NOT_OPEN),
    "told of a look that has ended": (
        insert_before("verified", 2, TOLD, hour(9), looked(1, "full", 1)), NOT_OPEN
    ),
    "an end of a look that has ended": (
        insert_before("verified", 2, ENDED, hour(9), {"batch": "imaging", "number": 1}), NOT_OPEN
    ),
    "an end of another look": (tell(ENDED, 1, number=2), NOT_OPEN),
    "gone on with at another level": (tell(BEGUN, 2, level="full"), "at another level"),
    "told at another level": (tell(TOLD, 0, level="head"), "at another level"),
    # what the target lost is verified no more
    "gone, and verified still": (tell(TOLD, 0, gone=[8], replaced=[]), LOST),
    "damaged, and verified still": (tell(TOLD, 0, damaged=[8], replaced=[]), LOST),
    "lost after it was told": (moved_before("superseded", 1, TOLD, 1), LOST),
    "lost for the one told before": (
        both(tell(TOLD, 0, gone=[]), tell(TOLD, 1, gone=[9], unread=[])), LOST
    ),
    "restored, and another was lost": (tell("restored", 0, id=2), LOST),
    "restored twice": (insert_before("restored", 0, "restored", hour(10), {"id": 1}), LOST),
    # the statement
    "beside, and not said": (tell(TOLD, 3, beside=[7]), OTHERS),
    "beside is said, and nothing told": (put("looks", 0, beside=0), OTHERS),
    "a look that is not said": (lambda w: w["predicate"]["looks"].pop(), OTHERS),
    "no look that is said": (lambda w: w["predicate"].pop("looks"), "looks: there or not"),
    "an empty list": (put(looks=[]), OTHERS),
    "another order": (lambda w: w["predicate"]["looks"].reverse(), OTHERS),
    "a look twice": (lambda w: w["predicate"]["looks"].append(w["predicate"]["looks"][0]), OTHERS),
    "the last look, which told nothing": (put("looks", 1, number=2), OTHERS),
    "the later moment": (put("looks", 0, at=hour(8)), OTHERS),
    "another spelling of the moment": (put("looks", 0, at="2026-03-02T08:00:07.0Z"), OTHERS),
    "ended, and it did not": (put("looks", 0, ended=True), OTHERS),
    "not ended, and it did": (put("looks", 1, ended=False), OTHERS),
    "a moment that is null": (put("looks", 0, at=None), "looks"),
    "a member more": (put("looks", 0, more=1), "an unknown member"),
    "null": (put(looks=None), "looks: not array"),
}  # fmt: skip
for name, value in {"batch": "scans", "number": 1, "level": "full"}.items():
    BAD[f"another {name}"] = (put("looks", 0, **{name: value}), OTHERS)
for name, value in {"objects": 4, "gone": 1, "damaged": 0, "replaced": 2, "unread": 0}.items():
    BAD[f"other {name}"] = (put("looks", 0, **{name: value}), OTHERS)


def test_looks_are_judged_alike(desk: Desk) -> None:
    assert judged(desk, looked_at(), GOOD) == [*GOOD]
    refused(desk, looked_at(), BAD)


def absent(objects: Any, back: Any, missing: Any, **more: Any) -> Change:
    """Say what became of what the looks at `imaging` missed: one object, twice, back twice."""
    made = {"objects": objects, "back": back, "missing": missing, **more}
    return put("looks", 0, absent=made)


NOT_TOLD, WAITS, BEHIND = (
    "absent: not what was told", "absent: more than waits", "absent: more than was left behind",
)  # fmt: skip


def not_back_yet(made: World) -> None:
    """Let the object that was missed wait, as if nothing had been verified since."""
    place = place_of(made, "verified", 3)
    assert made["journal.jsonl"][place][2]["ids"] == [9]
    made["journal.jsonl"].pop(place)
    line = next(one for one in made["manifest.jsonl"] if one["dataset"] == "scans")
    line.update(waiting("scans", line["key"], line["size"]))
    made["predicate"]["paces"][1]["bins"] = [{"objects": 7, "bytes": 1}]
    made["predicate"]["verification"]["sha256_taken_in_verify"] -= 1


def test_what_became_of_what_looks_missed_is_judged_alike(desk: Desk) -> None:
    good = {"back": absent(1, 1, 0)}
    bad: dict[str, tuple[Change, str]] = {
        "each time it was missed": (absent(2, 2, 0), NOT_TOLD),
        "not back, and it is": (absent(1, 0, 1), NOT_TOLD),
        "neither, and it is back": (absent(1, 0, 0), NOT_TOLD),
        "missing beside it": (absent(1, 1, 1), WAITS),
        "nothing": (absent(0, 0, 0), "absent"),
        "below nothing": (absent(1, 1, -1), "absent"),
        "true": (absent(True, 1, 0), "absent"),
        "a float": (absent(1, 1.0, 0), "absent"),
        "a member more": (absent(1, 1, 0, lost=0), "an unknown member"),
        "a member less": (put("looks", 0, absent={"objects": 1, "back": 1}), "absent"),
        "null": (put("looks", 0, absent=None), "absent"),
        "of a batch of which no look missed one": (
            put("looks", 1, absent={"objects": 1, "back": 1, "missing": 0}), NOT_TOLD
        ),
    }  # fmt: skip
    assert judged(desk, looked_at(), good) == [*good]
    refused(desk, looked_at(), bad)


def test_what_looks_missed_and_is_not_back_is_judged_alike(desk: Desk) -> None:
    def without_it(change: Change) -> Change:
        return both(not_back_yet, change)

    assert judged(desk, looked_at(), {"missing": without_it(absent(1, 0, 1))}) == ["missing"]
    refused(desk, looked_at(), {
        "back, and it is not": (without_it(absent(1, 1, 0)), NOT_TOLD),
        "left behind, and nothing was": (without_it(absent(1, 0, 0)), BEHIND),
        "more than there are": (without_it(absent(1, 0, 2)), WAITS),
    })  # fmt: skip


def test_keyed_names_bound_what_looks_missed(desk: Desk) -> None:
    made = in_keyed_names(looked_at())
    good = {"once": absent(1, 1, 0), "two objects": absent(2, 2, 0)}
    assert judged(desk, made, good) == [*good]
    refused(desk, made, {
        "more than looks told of": (absent(3, 3, 0), "absent: more than looks told of"),
        "missing, and nothing waits": (absent(2, 1, 1), WAITS),
        "left behind, and nothing was": (absent(2, 1, 0), BEHIND),
        "back, of less": (absent(1, 2, 0), BEHIND),
    })  # fmt: skip


def test_a_statement_of_looks_that_nothing_tells_is_refused_by_both(desk: Desk) -> None:
    told = looked_at()["predicate"]["looks"]
    refused(desk, world(), {"of nothing": (put(looks=told), "looks: there or not")})
    begun: dict[str, Change] = {"begun": insert(-1, BEGUN, hour(18), **looking(1, "full"))}
    assert judged(desk, world(), begun) == ["begun"]


def test_looks_beside_keyed_names_are_judged_alike(desk: Desk) -> None:
    good: dict[str, Change] = {
        "as it is": lambda _: None,
        "more of them": both(tell(TOLD, 2, gone=1), put("looks", 0, gone=1)),
        "beside": both(tell(TOLD, 3, beside=1), put("looks", 0, beside=1)),
        "a left_out": tell(TOLD, 0, left_out=["x"]),
        "nothing of what was restored": lambda w: body(w, "restored").clear(),
    }
    bad: dict[str, tuple[Change, str]] = {
        "ids": (tell(TOLD, 0, gone=[9]), "looked-again: gone"),
        "less than nothing": (tell(TOLD, 0, gone=-1), "looked-again: gone"),
        "a float": (tell(TOLD, 0, gone=1.0), "looked-again: gone"),
        "true": (tell(TOLD, 0, gone=True), "looked-again: gone"),
        "more than its objects": (tell(TOLD, 0, gone=3), "more than its objects"),
        "another number": (tell(BEGUN, 4, number=3), NOT_OPEN),
        "another sum": (put("looks", 0, gone=9), OTHERS),
        "no looks": (lambda w: w["predicate"].pop("looks"), "looks: there or not"),
    }
    assert judged(desk, in_keyed_names(looked_at()), good) == [*good]
    refused(desk, in_keyed_names(looked_at()), bad)


def earlier(*events: Any, **looks: Any) -> Change:
    """Let these stand before an older ledger begins to tell everything."""

    def edit(made: World) -> None:
        made["journal.jsonl"][5:5] = [[kind, hour(1), what] for kind, what in events]
        made["predicate"].update(looks)

    return edit


def test_looks_of_an_older_ledger_are_judged_alike(desk: Desk) -> None:
    one = {"at": hour(9), "objects": 2, "gone": 0, "damaged": 0, "replaced": 0, "unread": 1}
    begun = (BEGUN, looking(1, "full"))
    seen: Change = earlier(
        begun, (TOLD, looked(1, "full", 2, unread=[1])),
        looks=[{**looking(1, "full"), **one, "ended": False}],
    )  # fmt: skip
    assert judged(desk, of_an_older_ledger(world()), {"seen": seen}) == ["seen"]
    old = ("superseded", {"dropped": [1]})  # in old form, where only receipts count
    bad: dict[str, tuple[Change, str]] = {
        "not said": (earlier(begun, (TOLD, looked(1, "full", 2))), "looks: there or not"),
        "restored": (earlier(old, ("restored", {"id": 1})), LOST),
        "gone": (earlier(begun, old, (TOLD, looked(1, "full", 2, gone=[1]))), LOST),
    }
    refused(desk, of_an_older_ledger(world()), bad)


@pytest.mark.parametrize("kind", ["plain", "keyed"])
def test_one_other_value_of_a_look_is_judged_alike(desk: Desk, kind: str) -> None:
    made = looked_at() if kind == "plain" else in_keyed_names(looked_at())
    told = [number for number, event in enumerate(made["journal.jsonl"])
            if event[0] in {BEGUN, TOLD, ENDED}]  # fmt: skip
    events = [made["journal.jsonl"][number][2] for number in told]

    def inside(edit: Change) -> Change:
        def change(made: World) -> None:
            bodies = [made["journal.jsonl"][number][2] for number in told]
            edit(bodies)
            for number, one in zip(told, bodies, strict=False):
                made["journal.jsonl"][number][2] = one

        return change

    changes = drawn(changes_of(events), 4 * DRAWS)
    taken = desk.agree((what, laid(desk, made, inside(edit))) for what, edit in changes)
    assert set(taken.values()) == {True, False}
    stated = drawn(changes_of(made["predicate"]["looks"]), 2 * DRAWS)
    desk.agree(
        (what, laid(desk, made, lambda w, edit=edit: edit(w["predicate"]["looks"])))
        for what, edit in stated
    )


def after_a_deletion() -> World:
    """Return a world in which a batch was deleted at the source, and the target looked at since."""
    made = in_story()
    events = made["journal.jsonl"]
    last = max(at for at, event in enumerate(events) if event[0].startswith("cutover-"))
    told = [
        [BEGUN, looking(1, "stored", "pilot")],
        [TOLD, looked(1, "stored", 3, batch="pilot", unread=[2], lost=[1])],
        [TOLD, looked(1, "stored", 1, batch="pilot", lost=[])],
        [ENDED, {"batch": "pilot", "number": 1}],
    ]
    events[last + 1 : last + 1] = [[kind, events[last][1], what] for kind, what in told]
    made["predicate"]["looks"] = [
        {**look("pilot", 1, "stored", 4, unread=1, lost=1), "at": hour(9)}
    ]
    return made


@pytest.mark.parametrize("keyed", [False, True])
def test_what_is_lost_after_a_deletion_is_judged_alike(desk: Desk, *, keyed: bool) -> None:
    made = in_keyed_names(after_a_deletion()) if keyed else after_a_deletion()
    one = (lambda number: 1) if keyed else (lambda number: [number])

    def too_early(world: World) -> None:
        for event in world["journal.jsonl"]:
            if event[0] == "cutover-erasing":
                event[0] = "cutover-done"

    good: dict[str, Change] = {
        "as it is": lambda _: None,
        "one more": both(tell(TOLD, 1, lost=one(2)), put("looks", 0, lost=2)),
        "none of it is said and none is told": both(
            untold(TOLD, 0, "lost"), untold(TOLD, 1, "lost"),
            lambda w: w["predicate"]["looks"][0].pop("lost"),
        ),
    }  # fmt: skip
    bad: dict[str, tuple[Change, str]] = {
        "not said": (lambda w: w["predicate"]["looks"][0].pop("lost"), OTHERS),
        "said otherwise": (put("looks", 0, lost=2), OTHERS),
        "lost, and listed again": (
            both(tell(TOLD, 0, replaced=one(3)), put("looks", 0, replaced=1)), "to be sent again"
        ),
        "no list": (tell(TOLD, 0, lost=None), "looked-again: lost"),
        "more than its objects": (tell(TOLD, 1, objects=1, lost=2 if keyed else [5, 6]), "more"),
    }  # fmt: skip
    if keyed:
        bad["before anything was deleted"] = (too_early, "and nothing was deleted")
    else:
        bad["an id twice"] = (tell(TOLD, 0, lost=[2]), FORM)
    assert judged(desk, made, good) == [*good]
    refused(desk, made, bad)


def test_nothing_is_lost_where_nothing_was_deleted(desk: Desk) -> None:
    lost = both(tell(TOLD, 2, lost=[1]), put("looks", 0, lost=1))
    refused(desk, looked_at(), {"lost": (lost, "and nothing was deleted")})


def test_a_look_is_of_its_time_and_of_its_batch(desk: Desk) -> None:
    after, before = "2026-03-02T08:01:10Z", "2026-03-02T07:00:08Z"
    good = {
        "a clock that is a minute ahead": tell(TOLD, 0, at="2026-03-02T08:01:09Z"),
        "a clock that is an hour behind": both(
            tell(TOLD, 2, at="2026-03-02T07:00:09Z"),
            put("looks", 0, at="2026-03-02T07:00:09Z"),
        ),
        "in spans": tell(TOLD, 0, spans=[[1, 1], [8, 9]]),
    }
    bad: dict[str, tuple[Change, str]] = {
        "later than it was told": (tell(TOLD, 0, at=after), "later than it was told"),
        "before it began": (
            both(tell(TOLD, 2, at=before), put("looks", 0, at=before)),
            "before it",
        ),
        "at a moment of no calendar": (tell(TOLD, 0, at="2026-99-02T08:00:08Z"), "calendar"),
        "of a batch of no plan": (
            both(of_pilot(batch="zz"), put("looks", 1, batch="zz")),
            "no batch of the plan",
        ),
        "found outside of what was read": (tell(TOLD, 0, spans=[[1, 8]]), "spans: of others"),
        "more than the spans have": (tell(TOLD, 0, spans=[[8, 9]]), "more was read"),
        "spans of three": (tell(TOLD, 0, spans=[[1, 9, "full"]]), "other members"),
    }
    assert judged(desk, looked_at(), good) == [*good]
    refused(desk, looked_at(), bad)
