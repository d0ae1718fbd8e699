"""The two verifiers agree on cutovers: the terms of 7.3, and what their events come to (8.4)."""

from __future__ import annotations

from copy import deepcopy
from hashlib import sha256
from typing import Any

import pytest

from tests.support.second_cutovers import folded
from tests.unit.evidence.forgery import Desk, digest_of
from tests.unit.evidence.worlds import (
    Change,
    World,
    body,
    both,
    drop,
    entry,
    gone,
    hour,
    in_keyed_names,
    insert,
    insert_before,
    judged,
    laid,
    place_of,
    put,
    refused,
    tell,
    untold,
    world,
)

pytestmark = pytest.mark.slow


def approver(number: int) -> dict[str, str]:
    public = bytes([number]) * 32
    found = {"public": public.hex(), "fingerprint": sha256(public).hexdigest()}
    return {"name": f"n{number}", **found}


ONE, TWO, THREE = (approver(number)["fingerprint"] for number in (1, 2, 3))
TERMS = (
    {"approvers": [approver(1), approver(2)], "thresholds": {"cutover": 1, "decommission": 2}},
    {"approvers": [approver(2), approver(3)], "thresholds": {"cutover": 2}},
    {"approvers": [approver(3)], "thresholds": {}},
)
FIRST, SECOND, THIRD = map(digest_of, TERMS)
PILOT = {"batch": "pilot", "track": "cutover"}
IMAGING = {"batch": "imaging", "track": "rehearsal"}
AGREED = {"approvals": [TWO, THREE], "approved_stage": "cutover", "terms": SECOND}


def at(number: int) -> str:
    return f"2026-03-02T08:00:13.{number:03}Z"


STORY: list[tuple[str, dict[str, Any]]] = [  # the n-th at `at(n)`; where no batch is named, PILOT
    ("begun", {"pointer": {"kind": "k", "old_sha256": "x"}, "old_sha256": "o",
               "new_sha256": "n", "rehearsing": False}),
    ("terms", {"terms": TERMS[0], "beside": []}),
    ("frozen", {"how": "h", "relists": 2, "interval_seconds": 60}),
    ("delta", {"round": 1, "new": 2, "changed": 3, "vanished": 4}),
    ("waits", {"why": "w", "told": ["t"]}),
    ("terms-changed", {"was": FIRST, "now": SECOND, "difference": ["d"], "approvals": [ONE, TWO],
                       "terms": TERMS[1], "beside": ["k"]}),
    ("switching", {"old_sha256": "p", "new_sha256": "q", "root": "r", "strangers": 5,
                   "approvals": [TWO, THREE], "approved_stage": "cutover", "terms": SECOND}),
    ("withdrawn", {}),
    ("begun", {**IMAGING, "pointer": {}, "old_sha256": None, "new_sha256": "n",
               "rehearsing": True}),
    ("switching", {"old_sha256": "p", "new_sha256": "q", "root": "r", "strangers": 6, **AGREED}),
    ("approval-withdrawn", {"approvals": ["x"], "approved_stage": "y"}),
    ("switched", {}),
    ("smoked", {"ok": True, "objects": 1, "bytes": 2, "commands": [], "failures": []}),
    ("open", {"until": "u"}),
    ("counted", {"new": 1, "changed": 0, "gone": 0}),
    ("rolling-back", {}),
    ("rolled-back", {"switched": True}),
    ("rolled-back", {**IMAGING, "switched": False}),
    ("waits", {**IMAGING, "why": "v", "told": None}),
    ("begun", {"pointer": {"kind": "l"}, "old_sha256": "o", "new_sha256": "n",
               "rehearsing": False}),
    ("switching", {"old_sha256": "o", "new_sha256": "n", "root": "s", "strangers": 0, **AGREED}),
    ("switched", {"found": False, "guard": "g", "guard_found": "g"}),
    ("smoked", {"ok": True, "objects": 0, "bytes": 0, "commands": [], "failures": []}),
    ("open", {"until": "v"}),
    ("frozen", {"how": "i", "relists": 0, "interval_seconds": 0.5}),
    ("delta", {"round": 1, "new": 0, "changed": 0, "vanished": 0}),
    ("finalized", {"early": True, "reason": "s", "target": {"new": 7, "changed": 1, "gone": 0},
                   "source": {"new": 2, "changed": 0, "gone": 3}, **AGREED,
                   "approved_stage": "finalize"}),
    ("rechecking", {"level": "full", "reason": None}),
    ("rechecked", {"objects": 10, "bytes": 100, "spans": [[1, 10, "full"], [30, 30, "full"]],
                   "differing": [[2, "target-x"], [3, "y"], [30, "y"]]}),
    ("erasing", {"first": 1, "last": 10, "objects": 5, "approvals": [THREE, TWO],
                 "approved_stage": "decommission", "terms": SECOND}),
    ("erased", {"last": 10, "outcomes": {"gone": 2, "kept": 0},
                "pending": [[5, "target-y"], [6, "w"], [7, "w"]]}),
    ("requested", {"outcomes": {"gone": 2, "kept": 0, "target-y": 1, "w": 2}}),
    ("terms-changed", {"was": SECOND, "now": THIRD, "difference": [], "approvals": [THREE, TWO],
                       "terms": TERMS[2], "beside": []}),
    ("erasing", {"first": 5, "last": 6, "objects": 2, "again": [5, 6]}),
    ("rechecking", {"level": "head", "reason": "again"}),
    ("rechecked", {"objects": 4, "bytes": 40, "spans": [[1, 2, "head"], [7, 9, "head"]],
                   "differing": [[8, "z"]]}),
    ("erased", {"first": 5, "last": 6, "outcomes": {"gone": 1}, "again": [5, 6]}),
    ("erasing", {"first": 7, "last": 7, "objects": 1, "again": [7]}),
    ("erased", {"first": 7, "last": 7, "again": [7], "outcomes": {}, "pending": [[7, "v"]]}),
    ("requested", {"outcomes": {"gone": 3, "kept": 0, "v": 1}}),
    ("observed", {"remains": 0}),
]  # fmt: skip

COMES_TO = [
    entry(
        stage="decommission observed", since=at(41), on_this_machine=False, root="s",
        not_ours_before_the_switch=0, attempt=2, window_until="v",
        pointer={"kind": "l", "old_sha256": "o", "new_sha256": "n", "guard_found": "g"},
        freeze={"how": "i", "relists": 0, "interval_seconds": 0.5},
        delta=[{"round": 1, "new": 0, "changed": 0, "vanished": 0}],
        finalized={"early": True, "reason": "s", "target": {"new": 7, "changed": 1, "gone": 0},
                   "source": {"new": 2, "changed": 0, "gone": 3}},
        terms=TERMS[2],
        terms_changes=[
            {"at": at(6), "was": FIRST, "now": SECOND, "difference": ["d"],
             "approvals": [ONE, TWO], "terms_before": TERMS[0]},
            {"at": at(33), "was": SECOND, "now": THIRD, "difference": [],
             "approvals": [THREE, TWO], "terms_before": TERMS[1]},
        ],
        approvals={
            "cutover": [TWO, THREE], "finalize": [TWO, THREE], "decommission": [THREE, TWO]
        },
        approved_under={"cutover": SECOND, "finalize": SECOND, "decommission": SECOND},
        times={
            "begun": at(20), "terms": at(2), "frozen": at(25), "delta": at(26), "waits": at(5),
            "terms-changed": at(33), "switching": at(21), "withdrawn": at(8),
            "approval-withdrawn": at(11), "switched": at(22), "smoked": at(23), "open": at(24),
            "counted": at(15), "rolling-back": at(16), "rolled-back": at(17),
            "finalized": at(27), "rechecking": at(35), "rechecked": at(36), "erasing": at(38),
            "erased": at(39), "requested": at(40), "observed": at(41),
        },
        smoke={"ok": True, "objects": 0, "bytes": 0, "commands": [], "failures": []},
        decommission={
            "recheck": {"level": "head", "reason": "again", "objects": 14, "bytes": 140,
                        "differing": 4},
            "requested": {"gone": 3, "kept": 0, "v": 1}, "observed": 0,
            "outcomes": {"gone": 3, "kept": 0, "v": 1},
        },
    ),
    entry(
        **IMAGING, stage="rolled back", since=at(18), on_this_machine=True, attempt=2,
        waits={"why": "v", "told": None, "at": at(19)}, written_by_consumers={},
        pointer={"old_sha256": None, "new_sha256": "n"},
        times={"begun": at(9), "rolled-back": at(18), "waits": at(19)},
    ),
]  # fmt: skip


def in_story(story: list[Any] = STORY) -> World:
    """Return the world in which this happened in place of its own cutover."""
    made = deepcopy(world())
    events = made["journal.jsonl"]
    first = next(at for at, event in enumerate(events) if event[0] == "cutover-frozen")
    events[first : first + 3] = [
        [f"cutover-{name}", at(number), {**PILOT, **deepcopy(what)}]
        for number, (name, what) in enumerate(story, start=1)
    ]
    made["predicate"]["cutovers"] = deepcopy(COMES_TO)
    return made


def pilot(*path: Any, **values: Any) -> Change:
    return put("cutovers", 0, *path, **values)


def test_a_cutover_is_what_its_events_come_to(desk: Desk) -> None:
    assert desk.judge(laid(desk, in_story())) == ([], [])


def test_each_part_of_a_cutover_is_told_by_its_events(desk: Desk) -> None:
    told = "cutovers: not what their events come to"
    looked_into = {"terms", "terms_changes", "approvals", "approved_under", "times"}  # in 7.3
    cases: dict[str, tuple[Change, str]] = {
        f"another {name}": (pilot(**{name: "other"}), told)
        for name in COMES_TO[0].keys() - {"batch", "track"} - looked_into
    }
    cases |= {
        f"no {name}": (lambda w, name=name: w["predicate"]["cutovers"][0].pop(name), told)
        for name in ("since", "waits", "smoke", "attempt", "keys_beside", "decommission")
    }
    cases |= {
        "a member more": (pilot(more=1), told),
        "another order": (lambda w: w["predicate"]["cutovers"].reverse(), told),
        "one missing": (lambda w: w["predicate"]["cutovers"].pop(), told),
        "one more": (lambda w: w["predicate"]["cutovers"].append(entry("imaging")), told),
        "another time": (pilot("times", begun=at(1)), told),
        "a time less": (drop("predicate", "cutovers", 0, "times", "begun"), told),
        "another attempt": (pilot(attempt=1), told),
        "another number": (pilot(attempt=2.0), told),
        "one differs less": (pilot("decommission", "recheck", differing=3), told),
        "one erased less": (pilot("decommission", outcomes={"gone": 2, "kept": 0, "v": 1}), told),
        "a member of the pointer": (pilot("pointer", kind="k"), told),
        "the window of before": (put("cutovers", 1, window_until="u"), told),
        "a time that was forgotten": (pilot("times", erasing=at(30)), told),
        "another event": (tell("cutover-frozen", 1, how="j"), told),
        "an event less": (lambda w: drop_event(w, "cutover-withdrawn"), told),
        "the last event less": (lambda w: drop_event(w, "cutover-observed"), told),
        "what was pending": (tell("cutover-erased", 2, pending=[]), "not as many"),
        "erased again": (tell("cutover-erased", 1, again=[5]), "of another portion"),
        "another span": (
            tell("cutover-rechecked", 1, spans=[[1, 3, "head"], [7, 9, "head"]]), told
        ),
    }  # fmt: skip
    refused(desk, in_story(), cases)


NONE_OF_IT = {"new": 0, "changed": 0, "gone": 0}


def ended(**values: Any) -> Change:
    """Change what the end of a window tells, and what the statement says of it."""
    said = {name: value for name, value in values.items() if name != "early"}
    return both(tell("cutover-finalized", **values), pilot("finalized", **said))


def test_a_statement_says_what_a_switch_was_made_final_in_spite_of(desk: Desk) -> None:
    """Both verifiers hold it against the event; a reason is asked for where there is something."""
    told = "cutovers: not what their events come to"
    finalized, pointer = ("cutovers", 0, "finalized"), ("cutovers", 0, "pointer")
    otherwise = "cutover-finalized: a listing"
    refused(desk, in_story(), {
        "it hides the source": (drop("predicate", *finalized, "source"), told),
        "it hides the target": (drop("predicate", *finalized, "target"), told),
        "it hides both": (put("cutovers", 0, finalized={"early": True, "reason": "s"}), told),
        "fewer arrived": (put(*finalized, source={**NONE_OF_IT, "gone": 3}), told),
        "it was not listed": (put(*finalized, source=None), told),
        "the journal tells of more": (
            tell("cutover-finalized", source={"new": 3, "changed": 0, "gone": 3}), told
        ),
        "neither tells of it": (
            both(
                lacking("cutover-finalized", "source"),
                put("cutovers", 0, finalized={"early": True, "reason": "s"}),
            ), "without source",
        ),
        "the journal tells of none": (lacking("cutover-finalized", "source"), "without source"),
        "the source and no target": (lacking("cutover-finalized", "target"), "without target"),
        "a listing that says more": (ended(source={**NONE_OF_IT, "same": 1}), otherwise),
        "a listing that says less": (ended(target={"new": 0, "changed": 0}), otherwise),
        "a count below nothing": (ended(source={**NONE_OF_IT, "new": -1}), otherwise),
        "text that is no listing": (ended(source="none"), otherwise),
        "another guard": (put(*pointer, guard_found="conditional"), told),
        "no guard": (drop("predicate", *pointer, "guard_found"), told),
        "a guard that nobody saw": (
            both(
                tell("cutover-switched", 1, found=True), put(*pointer, guard_found="g")
            ), "another guard was found",
        ),
        "a guard that was not told": (
            both(
                tell("cutover-switched", 1, guard_found="h"), put(*pointer, guard_found="h")
            ), "another guard was found",
        ),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("why", "values"),
    [
        ("the source has more", {"source": {**NONE_OF_IT, "new": 1}}),
        ("the source has others", {"source": {**NONE_OF_IT, "changed": 1}}),
        ("the source was not listed", {"source": None}),
        ("the target has others", {"target": {**NONE_OF_IT, "changed": 1}}),
        ("the target lacks some", {"target": {**NONE_OF_IT, "gone": 1}}),
        (None, {"target": {**NONE_OF_IT, "new": 9}}),
        (None, {"source": {**NONE_OF_IT, "gone": 9}}),
    ],
)
def test_a_switch_is_final_in_spite_of_something_for_a_reason_only(
    desk: Desk, why: str | None, values: dict[str, Any]
) -> None:
    """What consumers wrote besides, and what is gone from the source, holds nothing up."""
    made = in_story()
    clean: dict[str, Any] = {"source": NONE_OF_IT, "target": NONE_OF_IT, **values}
    tell("cutover-open", 1, until=at(24))(made)
    put("cutovers", 0, window_until=at(24))(made)
    ended(early=False, reason=None, **clean)(made)
    put("cutovers", 0, "finalized", early=False)(made)
    found = desk.judge(laid(desk, made))
    assert all(bool(one) is (why is not None) for one in found), found
    if why is not None:
        assert "for no reason" in str(found[1])
        ended(reason="the ward knows")(made)
        assert desk.judge(laid(desk, made)) == ([], [])


def test_who_found_the_pointer_switched_saw_no_guard(desk: Desk) -> None:
    made = in_story()
    tell("cutover-switched", 1, found=True, guard_found=None)(made)
    put("cutovers", 0, "pointer", guard_found=None)(made)
    assert desk.judge(laid(desk, made)) == ([], [])


def drop_event(made: World, kind: str) -> None:
    found = next(event for event in made["journal.jsonl"] if event[0] == kind)
    made["journal.jsonl"].remove(found)


def lacking(kind: str, name: str) -> Change:
    return lambda w: body(w, kind).pop(name)


def test_an_event_of_a_cutover_says_what_is_taken_from_it(desk: Desk) -> None:
    taken = [
        (f"cutover-{name}", member)
        for name, members in {
            "begun": "pointer old_sha256 new_sha256 rehearsing", "terms": "terms beside",
            "frozen": "how relists interval_seconds", "delta": "round new changed vanished",
            "waits": "why told", "terms-changed": "was now difference approvals terms beside",
            "switching": "old_sha256 new_sha256 root strangers approved_stage",
            "smoked": "ok objects bytes commands failures", "open": "until",
            "counted": "new changed gone", "rolled-back": "switched", "finalized": "early reason",
            "rechecking": "level reason", "rechecked": "objects bytes spans differing",
            "erased": "outcomes", "requested": "outcomes", "observed": "remains",
        }.items()
        for member in members.split()
    ]  # fmt: skip
    cases = {f"{kind} without {name}": (lacking(kind, name), "cutover") for kind, name in taken}
    cases |= {
        "rechecked before rechecking": (
            lambda w: drop_event(w, "cutover-rechecking"), "before any rechecking"
        ),
        "ids that are text": (tell("cutover-rechecked", differing=[["2", "x"]]), "differing"),
        "no pairs": (tell("cutover-erased", pending=[[5]]), "pending"),
        "a span of two": (tell("cutover-rechecked", spans=[[1, 10]]), "spans"),
        "counts below nothing": (tell("cutover-erased", outcomes={"gone": -1}), "outcomes"),
        "a count that is text": (tell("cutover-rechecked", objects="10"), "objects"),
    }  # fmt: skip
    refused(desk, in_story(), cases)


def changed(number: int, **values: Any) -> Change:
    """Change what a change of terms says, in the statement and in its event."""
    return both(
        put("cutovers", 0, "terms_changes", number, **values),
        tell("cutover-terms-changed", number, **values),
    )


def approved(stage: str, kind: str, keys: Any = None, under: Any = None) -> Change:
    """Change who approved a stage and under which terms, in the statement and in its event."""
    known = {} if keys is None else {stage: keys}
    named = {} if under is None else {stage: None if under == "null" else under}
    event = ({} if keys is None else {"approvals": keys}) | (
        {} if under is None else {"terms": named[stage]}
    )

    def agreed(made: World) -> None:  # also at the attempts before
        for one, _, told in made["journal.jsonl"]:
            if one == kind and "approvals" in told:
                told.update(event)

    return both(pilot("approvals", **known), pilot("approved_under", **named), agreed)


def with_terms(number: int, **values: Any) -> Change:
    """Change the terms of before a change, and all that names their digest."""

    def edit(made: World) -> None:
        whole = [deepcopy(terms) for terms in TERMS]
        for name, value in values.items():
            whole[number][name] = value
        names = {
            old: digest_of(new) for old, new in zip((FIRST, SECOND, THIRD), whole, strict=True)
        }
        story = made["predicate"]["cutovers"][0]
        for one, terms in zip(story["terms_changes"], whole, strict=False):
            one.update(was=names[one["was"]], now=names[one["now"]], terms_before=terms)
        story["terms"] = whole[2]
        under = story["approved_under"]
        under.update({stage: names[name] for stage, name in under.items()})
        body(made, "cutover-terms")["terms"] = whole[0]
        for event in (0, 1):
            told = body(made, "cutover-terms-changed", event)
            told.update(was=names[told["was"]], now=names[told["now"]], terms=whole[event + 1])
        for _, _, told in made["journal.jsonl"]:
            if "approvals" in told and told.get("terms") in [*names]:
                told["terms"] = names[told["terms"]]

    return edit


def tried(*events: dict[str, Any], trials: Any) -> Change:
    """Let trials to write stand before the first freeze, and be what it rests on."""

    def edit(made: World) -> None:
        at = place_of(made, "cutover-frozen")
        told = [["cutover-probed", hour(13), {**PILOT, "name": "n", **one}] for one in events]
        made["journal.jsonl"][at:at] = told
        how = {"kind": "denied-write", "trials": trials}
        body(made, "cutover-frozen").update(how=how)
        made["predicate"]["cutovers"] = folded([(k, a, b) for k, a, b in made["journal.jsonl"]])

    return edit


def trial(dataset: str, told: Any = "403", *, proven: Any = True) -> dict[str, Any]:
    return {"dataset": dataset, "told": told, "proven": proven}


def told_of(*datasets: str) -> list[dict[str, str]]:
    return [{"dataset": name, "told": "403"} for name in datasets]


def test_a_freeze_that_trials_showed_is_what_the_journal_tells_of_each(desk: Desk) -> None:
    """Else who holds the ledger calls a statement that nobody signed a write that was refused."""
    first, second = trial("pmsi"), trial("more")
    both_of = told_of("pmsi", "more")
    good = {
        "each was refused": tried(first, second, trials=both_of),
        "in another order": tried(second, first, trials=both_of),
        "refused in the end": tried(
            trial("pmsi", "no answer", proven=False), first, trials=told_of("pmsi")
        ),
        "what went before it began": both(
            insert(1, "cutover-probed", hour(0), **PILOT, **trial("x", proven=False)),
            insert(2, "cutover-begun", hour(0), **PILOT, pointer={}, old_sha256="o",
                   new_sha256="n", rehearsing=False),
            tried(first, trials=told_of("pmsi")),
        ),
    }  # fmt: skip
    unlike = "other trials"
    bad = {
        "no trial": (tried(trials=[]), unlike),
        "a trial that was not told": (tried(trials=told_of("pmsi")), unlike),
        "one that was told, and is missing": (tried(first, second, trials=told_of("pmsi")), unlike),
        "one that went through": (
            tried(trial("pmsi", proven=False), trials=told_of("pmsi")), unlike
        ),
        "one that went through since": (
            tried(first, trial("pmsi", proven=False), trials=told_of("pmsi")), unlike
        ),
        "another one that went through": (
            tried(first, trial("more", proven=False), trials=told_of("pmsi")), unlike
        ),
        "refused with other words": (tried(trial("pmsi", "409"), trials=told_of("pmsi")), unlike),
        "one twice": (tried(first, second, trials=told_of("pmsi", "pmsi")), unlike),
        "proven by a word": (tried(trial("pmsi", proven="yes"), trials=told_of("pmsi")), unlike),
        "of no dataset": (tried(trial(""), trials=told_of("")), "probed: dataset"),
        "told in no words": (tried(trial("pmsi", None), trials=told_of("pmsi")), "probed: told"),
        "no trials": (tried(first, trials=None), "trials"),
        "trials of no form": (tried(first, trials=["pmsi"]), "trials"),
    }  # fmt: skip
    assert judged(desk, world(), good) == [*good]
    refused(desk, world(), bad)


LISTED = {"at": hour(20), "objects": 3, "digest": "ab"}


def stood_still(
    *relists: Any, interval: Any = 600, least: Any = 600, track: str = "cutover"
) -> Change:
    """Say how a source stood still before a switch, and what the terms in force ask for."""

    def edit(made: World) -> None:
        terms = {**TERMS[0], "freeze": {"how": None, "relist_seconds": least}}
        told = [
            ("begun", {"pointer": {}, "old_sha256": "o", "new_sha256": "n", "rehearsing": False}),
            ("terms", {"terms": terms, "beside": []}),
            ("frozen", {"how": "h", "relists": [*relists], "interval_seconds": interval}),
            ("switching", {"old_sha256": "o", "new_sha256": "n", "root": "r", "strangers": 0,
                           "approvals": [ONE], "approved_stage": "cutover",
                           "terms": digest_of(terms)}),
        ]  # fmt: skip
        about = {"batch": "pilot", "track": track}
        kept = [one for one in made["journal.jsonl"] if not one[0].startswith("cutover-")]
        kept += [[f"cutover-{name}", hour(20), {**about, **what}] for name, what in told]
        made["journal.jsonl"][:] = kept
        made["predicate"]["cutovers"] = folded([(kind, at, what) for kind, at, what in kept])

    return edit


def test_a_source_stands_still_between_equal_listings_for_as_long_as_was_agreed(
    desk: Desk,
) -> None:
    twice = (LISTED, {**LISTED, "at": hour(21)})
    good: dict[str, Change] = {
        "as agreed": stood_still(*twice),
        "longer": stood_still(*twice, interval=601),
        "three listings": stood_still(*twice, LISTED),
        "nothing agreed": stood_still(*twice, interval=0, least=None),
        "a rehearsal": stood_still(*twice, interval=1, track="rehearsal"),
    }
    assert judged(desk, world(), good) == [*good]
    short, unlike = "did not stand still for so long", "the listings differ"
    cases: dict[str, tuple[Change, str]] = {
        "shorter": (stood_still(*twice, interval=599), short),
        "as long, which is no integer": (stood_still(*twice, interval=600.0), short),
        "terms without a number": (stood_still(*twice, least="600"), short),
        "never": (both(stood_still(*twice), gone("cutover-frozen"), refolded), short),
        "of the attempt before": (both(stood_still(*twice), begun_again, refolded), short),
        "one object more": (stood_still(LISTED, {**LISTED, "objects": 4}), unlike),
        "another digest": (stood_still(LISTED, {**LISTED, "digest": "ac"}), unlike),
        "one listing": (stood_still(LISTED), "one listing alone"),
        "none": (stood_still(), "one listing alone"),
        "no objects": (stood_still(3, 3), "cutover-frozen: relists"),
        "without a digest": (stood_still({"objects": 3}, LISTED), "without digest"),
    }
    refused(desk, world(), cases)


def refolded(made: World) -> None:
    """Let the statement follow the events again."""
    events = [(kind, at, what) for kind, at, what in made["journal.jsonl"]]
    made["predicate"]["cutovers"] = folded(events)


def begun_again(made: World) -> None:
    begun = ["cutover-begun", hour(20), body(made, "cutover-begun")]
    insert_before("cutover-switching", 0, *begun)(made)


def test_terms_are_changed_and_approved_by_keys_that_suffice(desk: Desk) -> None:
    good: dict[str, Change] = {
        "keys in another order": approved("cutover", "cutover-switching", [THREE, TWO]),
        "a stage of no threshold": approved("decommission", "cutover-erasing", []),
        "a change of terms of no threshold": with_terms(1, thresholds={}),
        "a key of two approvers": with_terms(1, approvers=[approver(2), approver(3), approver(2)]),
    }
    assert judged(desk, in_story(), good) == [*good]
    switch, erase = ("cutover", "cutover-switching"), ("decommission", "cutover-erasing")
    twisted = [{**approver(2), "fingerprint": THREE}, approver(3)]
    cases: dict[str, tuple[Change, str]] = {
        "was of another digest": (changed(0, was=THIRD), "cutovers: terms"),
        "now of another digest": (changed(1, now=FIRST), "cutovers: terms"),
        "too few keys for the largest threshold": (changed(0, approvals=[ONE]), "terms"),
        "nobody agreed": (changed(0, approvals=[]), "terms"),
        "a key of the terms after": (changed(0, approvals=[ONE, THREE]), "terms"),
        "a key twice": (changed(0, approvals=[ONE, ONE]), "terms"),
        "too few keys for a stage": (approved(*switch, [TWO]), "cutover"),
        "a stage's key twice": (approved(*switch, [TWO, TWO]), "cutover"),
        "a stage's key of nobody": (approved(*switch, [ONE, TWO]), "cutover"),
        "one key of nobody, of no threshold": (approved(*erase, [ONE]), "decommission"),
        "under terms that never were": (approved(*switch, under="0" * 64), "under no terms"),
        "under no terms": (approved(*switch, under="null"), "under no terms"),
        "under earlier terms": (approved(*switch, under=FIRST), "cutover"),
        "a fingerprint of another key": (with_terms(1, approvers=twisted), "terms"),
    }  # fmt: skip
    refused(desk, in_story(), cases)


def test_without_a_change_of_terms_an_approval_may_name_none(desk: Desk) -> None:
    """As an earlier version wrote it; where it names terms, they are compared."""
    begun, terms = deepcopy(STORY[0]), deepcopy(STORY[1])
    switching = ("switching", {**STORY[6][1], "approvals": [THREE], "terms": None})
    made = in_story([begun, switching, terms])
    story = entry(
        stage="switching", since=at(2), on_this_machine=False, root="r",
        not_ours_before_the_switch=5, terms=TERMS[0],
        pointer={"kind": "k", "old_sha256": "p", "new_sha256": "q"},
        times={"begun": at(1), "terms": at(3), "switching": at(2)},
        approvals={"cutover": [THREE]}, approved_under={"cutover": None},
    )  # fmt: skip
    made["predicate"]["cutovers"] = [story]
    switch = ("cutover", "cutover-switching")
    good: dict[str, Change] = {
        "as it is": lambda _: None,
        "under the terms that there are": approved(*switch, [ONE], FIRST),
    }
    assert judged(desk, made, good) == [*good]
    cases = {
        "keys that do not suffice": (approved(*switch, under=FIRST), "cutovers: cutover"),
        "terms that there are not": (approved(*switch, [ONE], SECOND), "under no terms"),
    }
    refused(desk, made, cases)


def test_cutovers_beside_keyed_names_are_of_the_told_batches(desk: Desk) -> None:
    made = in_keyed_names(in_story())
    good: dict[str, Change] = {"as it is": lambda _: None, "another time": pilot(since=at(1))}
    assert judged(desk, made, good) == [*good]
    cases: dict[str, tuple[Change, str]] = {
        "one missing": (lambda w: w["predicate"]["cutovers"].pop(), "cutovers"),
        "terms that do not follow": (
            put("cutovers", 0, "terms_changes", 0, was=THIRD), "cutovers: terms"
        ),
        "a batch that no event tells": (tell("cutover-begun", 1, batch="pilot"), "cutovers"),
    }  # fmt: skip
    cases["a batch that no event tells"] = (
        lambda w: [e[2].update(batch="pilot") for e in w["journal.jsonl"]
                   if e[0].startswith("cutover-")], "cutovers",
    )  # fmt: skip
    refused(desk, made, cases)


def test_a_cutover_beside_keyed_names_says_who_approved_it(desk: Desk) -> None:
    """No event of a keyed journal tells terms or stages: the entry must fit together by itself."""

    def entry_with(**values: Any) -> Change:
        return put("cutovers", 0, **values)

    tables = ("times", "approvals", "approved_under", "terms_changes")
    cases: dict[str, Change] = {
        **{
            f"{stage} without approvals": entry_with(times={stage: hour(3)})
            for stage in ("switching", "switched", "open", "finalized", "erasing", "observed")
        },
        **{
            f"{name} that is {value!r}": entry_with(**{name: value})
            for name in tables
            for value in (None, 3, "x", [] if name != "terms_changes" else {})
        },
        **{
            f"no {name}": lambda made, name=name: made["predicate"]["cutovers"][0].pop(name)
            for name in (*tables, "terms")
        },
        "a rehearsal without approvals": entry_with(track="rehearsal", times={"open": hour(3)}),
        "a rehearsal of no terms": entry_with(track="rehearsal", terms_changes=3),
    }  # fmt: skip
    good = judged(desk, in_keyed_names(world()), cases)
    assert good == ["a rehearsal without approvals", "a rehearsal of no terms"]


def test_only_true_says_that_a_rollback_had_switched(desk: Desk) -> None:
    cases: dict[str, Change] = {
        f"{value!r}": tell("cutover-rolled-back", 1, switched=value) for value in (1, "true", None)
    }
    assert judged(desk, in_story(), cases) == [*cases]


def swapped(kind: str, place: int) -> Change:
    """Let an event happen before the one before it; the times stay where they are."""

    def edit(made: World) -> None:
        events = made["journal.jsonl"]
        here = [n for n, event in enumerate(events) if event[0] == f"cutover-{kind}"][place]
        (one, first, about), (other, second, more) = events[here - 1 : here + 1]
        events[here - 1 : here + 1] = [[other, first, more], [one, second, about]]

    return edit


def test_what_came_without_approval_is_refused_though_later_events_hide_it(desk: Desk) -> None:
    """The statement is what its events come to; each event is asked by itself."""
    intent = "cutover-switching"
    cases: dict[str, tuple[Change, str]] = {
        "a deletion before it was allowed": (swapped("erased", 0), "without approvals"),
        "a switch without approvals": (
            lambda made: body(made, intent).pop("approvals"), "without its approvals"
        ),
        "a switch that was approved as another stage": (
            tell(intent, approved_stage="finalize"), "without its approvals"
        ),
        "a switch under other terms": (tell(intent, terms=FIRST), "other terms"),
        "a switch before its intent": (
            both(swapped("switched", 1), pilot("times", switched=at(21), switching=at(22))),
            "of no switch",
        ),
    }  # fmt: skip
    refused(desk, in_story(), cases)


def told_anew(*changes: Change) -> Change:
    """Change events, and let the statement say what they come to: an insider does that."""

    def follow(made: World) -> None:
        events = [(kind, when, what) for kind, when, what in deepcopy(made["journal.jsonl"])]
        made["predicate"]["cutovers"] = folded(events)

    return both(*changes, follow)


def test_how_a_cutover_ended_is_what_came_before_it(desk: Desk) -> None:
    bad: dict[str, tuple[Change, str]] = {
        "open, though its tests failed": (
            tell("cutover-smoked", 1, ok=False, failures=["x"]), "did not end well"
        ),
        "open, and nothing was tested": (gone("cutover-smoked", 1), "did not end well"),
        "tests that ended well, and failed": (
            tell("cutover-smoked", 1, failures=["x"]), "ok, and failures"
        ),
        "tests that failed at nothing": (tell("cutover-smoked", 0, ok=False), "ok, and failures"),
        "tests that ended well, but for a program": (
            tell("cutover-smoked", 1, commands=[{"name": "x", "ok": False, "told": "y"}]),
            "a command is not",
        ),
        "ok that is a number": (tell("cutover-smoked", 1, ok=1), "smoked: ok"),
        "gone back, and not from where it was": (
            tell("cutover-rolled-back", 0, switched=False), "switched or not"
        ),
        "gone back from where it never was": (
            tell("cutover-rolled-back", 1, switched=True), "switched or not"
        ),
        "not early, in a window that no moment ends": (
            tell("cutover-finalized", early=False), "it says not"
        ),
        "not early, within the window": (
            both(
                tell("cutover-open", 1, until="2026-03-02T08:01:14.028Z"),
                tell("cutover-finalized", early=False),
            ),
            "it says not",
        ),
        "early, for no reason": (tell("cutover-finalized", reason=None), "no reason"),
        "early, for an empty reason": (tell("cutover-finalized", reason=""), "no reason"),
        "early that is a number": (tell("cutover-finalized", early=1), "finalized: early"),
        "final, and never open": (gone("cutover-open", 1), "not in its window"),
        "final, and begun again": (
            insert_before("cutover-rechecking", 0, "cutover-withdrawn", at(27), PILOT),
            "it is final",
        ),
        "another sum of what was requested": (
            tell("cutover-requested", 1, outcomes={"gone": 4, "kept": 0}), "not the sum"
        ),
        "another sum at first": (
            tell("cutover-requested", 0, outcomes={"gone": 2}), "not the sum"
        ),
        "what differs lies in no span": (
            tell("cutover-rechecked", 0, spans=[[1, 10, "full"]]), "spans: of others"
        ),
        "more read than the spans have": (
            tell("cutover-rechecked", 1, objects=6), "more was read"
        ),
        "a span the wrong way round": (
            tell("cutover-rechecked", 1, spans=[[9, 7, "head"]]), "spans: no ids"
        ),
        "deleted, and not read again": (tell("cutover-erasing", 0, last=11), "not read again"),
        "deleted again, and not read again": (
            tell("cutover-erasing", 1, again=[5, 11]), "not read again"
        ),
        **{
            f"a portion without its {name}": (untold("cutover-erasing", 0, name), words)
            for name, words in (
                ("first", "without first"), ("last", "without last"),
                ("objects", "without objects"),
            )
        },
        "a portion of nothing": (tell("cutover-erasing", 0, objects=0), "erasing: objects"),
        "a portion of more than its ids": (tell("cutover-erasing", 0, objects=11), "than its ids"),
        "a turn of more than its ids": (tell("cutover-erasing", 1, objects=3), "than its ids"),
        "a turn of fewer than its ids": (tell("cutover-erasing", 1, objects=1), "than its ids"),
        "a turn that has an id twice": (tell("cutover-erasing", 1, again=[5, 5]), "other ids"),
        "a turn of another portion": (tell("cutover-erasing", 1, first=6), "other ids"),
        "deleted without an intent": (gone("cutover-erasing", 1), "of no portion"),
        "the end of another portion": (tell("cutover-erased", 0, last=9), "of another portion"),
        "the beginning of another one": (tell("cutover-erased", 1, first=4), "of another portion"),
        "the first turn of what had one": (untold("cutover-erased", 1, "again"), "another portion"),
        "fewer than were to be deleted": (
            tell("cutover-erased", 0, outcomes={"gone": 1}), "not as many"
        ),
        "more than were to be deleted": (
            tell("cutover-erased", 1, outcomes={"gone": 3}), "not as many"
        ),
        "pending, and of another portion": (
            tell("cutover-erased", 2, pending=[[6, "v"]]), "and of no portion"
        ),
    }  # fmt: skip
    refused(desk, in_story(), {name: (told_anew(one), why) for name, (one, why) in bad.items()})
    good: dict[str, Change] = {
        "not early, a minute before its end": both(
            tell("cutover-open", 1, until="2026-03-02T08:01:13.027Z"),
            tell("cutover-finalized", early=False),
        ),
        "tests that failed, and nothing after them": both(
            gone("cutover-open", 0), tell("cutover-smoked", 0, ok=False, failures=["x"])
        ),
    }
    assert judged(desk, in_story(), {n: told_anew(one) for n, one in good.items()}) == [*good]
