"""The two verifiers agree on who approved a cutover: the end of 7.3's terms, and of 8.4's table."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.support.second_cutovers import NEEDED, folded
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.test_second_opinion_cutovers import (
    AGREED,
    FIRST,
    IMAGING,
    PILOT,
    SECOND,
    THIRD,
    THREE,
    TWO,
    in_story,
    pilot,
)
from tests.unit.evidence.worlds import (
    Change,
    World,
    both,
    drop,
    hour,
    in_keyed_names,
    judged,
    put,
    refused,
    tell,
)

pytestmark = pytest.mark.slow

ENTRY = ("predicate", "cutovers", 0)
ERASE = {"approvals": [THREE, TWO], "approved_stage": "decommission", "terms": SECOND}


# 7.3, where no event tells more -------------------------------------------------------------------


def reached(name: str, stage: str) -> Change:
    """Let nothing but this have come to pass, and the stage not be approved."""
    return both(pilot(times={name: hour(13)}), drop(*ENTRY, "approvals", stage))


def test_what_has_come_to_pass_was_approved(desk: Desk) -> None:
    made = in_keyed_names(in_story())
    each = [(name, stage) for stage, names in NEEDED.items() for name in sorted(names)]
    cases: dict[str, tuple[Change, str]] = {
        name: (reached(name, stage), f"no approval to {stage}") for name, stage in each
    }
    refused(desk, made, cases)
    good: dict[str, Change] = {
        f"no {stage}, and none of it": both(
            pilot(times={name: hour(13) for name, other in each if other != stage}),
            drop(*ENTRY, "approvals", stage),
        )
        for stage in NEEDED
    }
    good |= {
        "nothing approved, nothing done": pilot(times={"frozen": hour(13)}, approvals={}),
        "a rehearsal that nobody approved": put(
            "cutovers", 1, times={name: hour(13) for name, _ in each}, approvals={}
        ),
        "approvals of an earlier version": pilot(
            terms_changes=[], approved_under={}, approvals=dict.fromkeys(NEEDED)
        ),
    }
    assert judged(desk, made, good) == [*good]


def test_a_cutover_is_looked_into_with_or_without_changes_of_terms(desk: Desk) -> None:
    made = in_keyed_names(in_story())
    cases: dict[str, tuple[Change, str]] = {
        f"no {name}": (drop(*ENTRY, name), f"cutovers: {words}")
        for name, words in {
            "terms_changes": "terms_changes", "terms": "no terms", "approvals": "approvals",
            "times": "times", "approved_under": "approved_under",
        }.items()
    }  # fmt: skip
    cases |= {
        "nothing but batch and track": (
            lambda w: w["predicate"]["cutovers"].__setitem__(0, dict(PILOT)), "terms_changes"
        ),
        "no changes, and keys that do not suffice": (
            pilot(terms_changes=[], approved_under={"cutover": THIRD},
                  approvals={stage: [TWO] for stage in NEEDED}), "cutovers: cutover"
        ),
        "null for the changes": (pilot(terms_changes=None), "terms_changes"),
        "null for the times": (pilot(times=None), "cutovers: times"),
    }  # fmt: skip
    refused(desk, made, cases)
    anything: dict[str, Any] = dict.fromkeys(("terms_changes", "terms", "approvals", "times"), 9)
    good = {
        "a rehearsal with what there is": put("cutovers", 1, **anything),
        "a rehearsal without": lambda w: w["predicate"]["cutovers"].__setitem__(1, dict(IMAGING)),
        "nothing approved": pilot(times={}, approvals={}, approved_under={}),
    }
    assert judged(desk, made, good) == [*good]


# 8.4 ----------------------------------------------------------------------------------------------


def followed(*changes: Change) -> Change:
    """Change events, and let the statement say what they come to."""

    def follow(made: World) -> None:
        events = [(kind, at, body) for kind, at, body in deepcopy(made["journal.jsonl"])]
        made["predicate"]["cutovers"] = folded(events)

    return both(*changes, follow)


def place(made: World, name: str, number: int) -> int:
    found = [at for at, one in enumerate(made["journal.jsonl"]) if one[0] == f"cutover-{name}"]
    return found[number]


def less(name: str, number: int) -> Change:
    return lambda made: made["journal.jsonl"].pop(place(made, name, number))


def more(before: str, number: int, name: str, **what: Any) -> Change:
    """Put another event before one that is there."""

    def edit(made: World) -> None:
        at = place(made, before, number)
        when = made["journal.jsonl"][at][1]
        made["journal.jsonl"].insert(at, [f"cutover-{name}", when, {**PILOT, **what}])

    return edit


def unapproved(name: str, number: int) -> Change:
    def edit(made: World) -> None:
        told = made["journal.jsonl"][place(made, name, number)][2]
        for member in AGREED:
            del told[member]

    return edit


SWITCHING = {"old_sha256": "p", "new_sha256": "q", "root": "r", "strangers": 6}
FINALIZED = {"early": True, "reason": "s"}
BEHIND = ("rolled-back", 1)  # in IMAGING's track, of which nothing comes later


def test_events_carry_the_approvals_of_their_stage(desk: Desk) -> None:
    own = "without its approvals"
    cases: dict[str, tuple[Change, str]] = {
        "a switch": (followed(unapproved("switching", 1)), f"switching: {own}"),
        "the first of several": (followed(unapproved("switching", 0)), f"switching: {own}"),
        "a switch for another stage": (
            followed(tell("cutover-switching", 1, approved_stage="finalize")), f"switching: {own}"
        ),
        "an end": (
            followed(more("rechecking", 0, "finalized", **FINALIZED)), f"finalized: {own}"
        ),
        "an end for another stage": (
            followed(more("rechecking", 0, "finalized", **FINALIZED, **AGREED)), f"finalized: {own}"
        ),
        "an end before the one that was approved": (
            followed(more("finalized", 0, "finalized", **FINALIZED)), f"finalized: {own}"
        ),
        "a rehearsed switch": (
            followed(more(*BEHIND, "switching", **IMAGING, **SWITCHING)), f"switching: {own}"
        ),
        "a rehearsed end": (
            followed(more(*BEHIND, "finalized", **IMAGING, **FINALIZED)), f"finalized: {own}"
        ),
    }  # fmt: skip
    refused(desk, in_story(), cases)
    nobody: dict[str, Any] = {"approvals": None, "approved_stage": "cutover"}
    good = {
        "a switch that somebody else undid": followed(
            tell("cutover-switching", 0, approvals=None)
        ),
        "a rehearsed switch with": followed(
            more(*BEHIND, "switching", **IMAGING, **SWITCHING, **nobody)
        ),
    }  # fmt: skip
    assert judged(desk, in_story(), good) == [*good]


def test_what_is_approved_is_approved_under_the_terms_in_force(desk: Desk) -> None:
    other = "under other terms"
    late = {**ERASE, "approvals": [THREE]}
    cases: dict[str, tuple[Change, str]] = {
        "a switch under the terms before": (
            followed(tell("cutover-switching", 0, terms=FIRST)),
            f"switching: {other}",
        ),
        "a switch under no terms": (
            followed(tell("cutover-switching", 0, terms=None)),
            f"switching: {other}",
        ),
        "a switch under terms to come": (
            followed(tell("cutover-switching", 0, terms=THIRD)),
            f"switching: {other}",
        ),
        "deletion under the terms before": (
            followed(tell("cutover-erasing", 1, **ERASE)),
            f"erasing: {other}",
        ),
        "an event that needs none": (
            followed(tell("cutover-frozen", 1, approvals=[], approved_stage="x", terms=FIRST)),
            f"frozen: {other}",
        ),
        "an event of another kind": (
            followed(more("rechecking", 0, "done", approvals=[], approved_stage="x", terms=FIRST)),
            f"done: {other}",
        ),
    }
    refused(desk, in_story(), cases)
    idle: dict[str, Any] = {"approvals": ["x"], "approved_stage": "y", "terms": "z"}
    good = {
        "deletion under the terms after": followed(
            tell("cutover-erasing", 1, **{**late, "terms": THIRD})
        ),
        "an event that needs none": followed(
            tell("cutover-frozen", 1, approvals=[], approved_stage="x", terms=SECOND)
        ),
        "events that set no approvals": followed(
            tell("cutover-waits", **idle), tell("cutover-approval-withdrawn", **idle)
        ),
        "before there are terms": followed(
            more("terms", 0, "frozen", how="h", relists=1, interval_seconds=1,
                 approvals=[], approved_stage="finalize", terms="z")
        ),
    }  # fmt: skip
    assert judged(desk, in_story(), good) == [*good]


def test_nothing_is_switched_that_was_not_being_switched(desk: Desk) -> None:
    of_none = "of no switch"
    early = more("switching", 0, "switched")
    cases: dict[str, tuple[Change, str]] = {
        "switched before anybody approved it": (followed(early), f"switched: {of_none}"),
        "open before anybody approved it": (
            followed(more("switching", 0, "open", until="u")),
            f"open: {of_none}",
        ),
        "switched after the way back": (followed(less("switching", 2)), f"switched: {of_none}"),
        "open after the way back": (
            followed(less("switching", 2), less("switched", 1)),
            f"open: {of_none}",
        ),
        "approved anew, and not switching": (
            followed(less("switching", 2), tell("cutover-begun", 2, **AGREED)),
            f"switched: {of_none}",
        ),
        "switching, in the other track": (
            followed(more(*BEHIND, "switched", **IMAGING)),
            f"switched: {of_none}",
        ),
        "open, in the other track": (
            followed(more(*BEHIND, "open", **IMAGING, until="u")),
            f"open: {of_none}",
        ),
    }
    refused(desk, in_story(), cases)
    good = {
        "one switch that was withdrawn": followed(less("switching", 1)),
        "open without switched": followed(less("switched", 1)),
    }
    assert judged(desk, in_story(), good) == [*good]


def test_nothing_is_deleted_before_it_is_approved(desk: Desk) -> None:
    said: dict[str, dict[str, Any]] = {
        "erasing": {}, "erased": {"outcomes": {}}, "requested": {"outcomes": {}},
        "observed": {"remains": 0},
    }  # fmt: skip
    assert said.keys() == NEEDED["decommission"]
    cases: dict[str, tuple[Change, str]] = {}
    for name, what in said.items():
        words = f"cutover-{name}: without approvals until then"
        ended = {**ERASE, "approved_stage": "finalize"}
        cases |= {
            name: (followed(more("erasing", 0, name, **what)), words),
            f"{name}, approved to finalize": (
                followed(more("erasing", 0, name, **what, **ended)),
                words,
            ),
            f"{name} in the other track": (
                followed(more(*BEHIND, name, **IMAGING, **what)), words
            ),
        }  # fmt: skip
    refused(desk, in_story(), cases)
    portion = {"first": 2, "last": 3, "objects": 1}
    told: dict[str, list[Change]] = {
        "erasing": [more("erasing", 0, "erasing", **portion, **ERASE)],
        "erased": [
            more("erasing", 0, "erasing", **portion, **ERASE),
            more("erasing", 1, "erased", last=3, outcomes={"kept": 1}, **ERASE),
            tell("cutover-requested", 0, outcomes={"gone": 2, "kept": 1, "target-y": 1, "w": 2}),
            tell("cutover-requested", 1, outcomes={"gone": 3, "kept": 1, "v": 1}),
        ],
        **{
            name: [more("erasing", 0, name, **said[name], **ERASE)]
            for name in ("requested", "observed")
        },
    }
    assert told.keys() == said.keys()
    good = {f"{name} with approvals of its own": followed(*what) for name, what in told.items()}
    assert judged(desk, in_story(), good) == [*good]
