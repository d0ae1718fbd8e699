"""Rules of section 8 that one member alone breaks: what terms say, and what is of one ledger."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.support.second_cutovers import folded
from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.test_second_opinion_cutovers import (
    PILOT,
    at,
    in_story,
    told_anew,
    with_terms,
)
from tests.unit.evidence.worlds import (
    Change,
    World,
    body,
    both,
    hour,
    insert,
    insert_before,
    judged,
    refused,
    tell,
    untold,
    world,
)
from tests.unit.evidence.worlds_again import listed_again
from tests.unit.evidence.worlds_amended import amended, bound_again

pytestmark = pytest.mark.slow


def under_terms(**values: Any) -> Change:
    """Let the second terms say more: they are in force from the switch to the first deletion."""

    def edit(made: World) -> None:
        with_terms(1, **values)(made)
        events = [(kind, when, what) for kind, when, what in deepcopy(made["journal.jsonl"])]
        made["predicate"]["cutovers"] = folded(events)

    return edit


def opened_until(number: int, moment: str) -> Change:
    return tell("cutover-open", number, until=moment)


def test_a_cutover_keeps_to_its_terms(desk: Desk) -> None:
    """Each says what both refuse where it is missed by more than clocks may differ, and no more."""
    windows = both(
        opened_until(0, "2026-03-02T08:10:13.014Z"), opened_until(1, "2026-03-02T08:10:13.024Z")
    )
    good: dict[str, Change] = {
        "a window as long as agreed": both(windows, under_terms(window_seconds=600)),
        "a minute shorter": both(windows, under_terms(window_seconds=660)),
        "read again as agreed": under_terms(decommission={"recheck": "full"}),
        "cool for a minute": under_terms(decommission={"cooling_seconds": 60}),
    }
    bad: dict[str, tuple[Change, str]] = {
        "a window shorter than agreed": (
            both(windows, under_terms(window_seconds=661)), "shorter than agreed"
        ),
        "the second one shorter": (
            both(
                windows,
                opened_until(1, "2026-03-02T08:09:13Z"),
                under_terms(window_seconds=600),
            ),
            "shorter than agreed",
        ),
        "a window of no end": (
            both(windows, opened_until(1, "x"), under_terms(window_seconds=1)),
            "shorter than agreed",
        ),
        "read again less closely": (
            under_terms(decommission={"recheck": "stored"}), "not as agreed"
        ),
        "deleted before it was cool": (
            under_terms(decommission={"cooling_seconds": 61}), "before it was cool"
        ),
        "cool for no number": (
            under_terms(decommission={"cooling_seconds": "1"}), "before it was cool"
        ),
    }  # fmt: skip
    assert judged(desk, in_story(), {n: told_anew(one) for n, one in good.items()}) == [*good]
    refused(desk, in_story(), {name: (told_anew(one), why) for name, (one, why) in bad.items()})


def test_smoke_tests_end_as_they_were_begun(desk: Desk) -> None:
    def begun(**values: Any) -> Change:
        about = {**PILOT, "objects": 2, "programs": 1, "root": "s", **values}
        ends = {"objects": 2, "commands": [{"name": "x", "ok": True}]}
        return both(
            tell("cutover-smoked", 1, **ends),
            insert_before("cutover-smoked", 1, "cutover-smoking", at(22), about),
        )

    good: dict[str, Change] = {
        "as they were begun": begun(),
        "that failed, and read fewer": both(
            begun(), tell("cutover-smoked", 1, objects=1, ok=False, failures=["x"]),
            tell("cutover-smoked", 1, commands=[{"name": "x", "ok": False}]),
            insert_before(
                "cutover-open", 1, "cutover-smoked", at(23),
                {**PILOT, "ok": True, "objects": 0, "bytes": 0, "commands": [], "failures": []},
            ),
        ),
    }  # fmt: skip
    bad: dict[str, tuple[Change, str]] = {
        "of another manifest": (begun(root="r"), "another manifest"),
        "of no manifest": (both(begun(), untold("cutover-smoking", 0, "root")), "without root"),
        "of fewer objects": (begun(objects=3), "not all of them"),
        "of more objects": (begun(objects=1), "more than were chosen"),
        "of fewer programs": (begun(programs=2), "other programs"),
        "of more programs": (begun(programs=0), "other programs"),
        "of no number": (begun(programs=None), "smoking: counts"),
        "of no number of objects": (begun(objects=True), "smoking: counts"),
    }
    assert judged(desk, in_story(), {n: told_anew(one) for n, one in good.items()}) == [*good]
    refused(desk, in_story(), {name: (told_anew(one), why) for name, (one, why) in bad.items()})


def test_a_journal_is_of_one_ledger(desk: Desk) -> None:
    named = insert(-1, "ledger-named", hour(18), ledger="a")
    good: dict[str, Change] = {"once": named, "again": both(named, named)}
    bad: dict[str, tuple[Change, str]] = {
        "of two": (
            both(named, insert(-1, "ledger-named", hour(18), ledger="b")), "otherwise than before"
        ),
        "of none": (both(named, untold("ledger-named", 0, "ledger")), "ledger-named: ledger"),
        "of a number": (both(named, tell("ledger-named", ledger=1)), "ledger-named: ledger"),
    }  # fmt: skip
    assert judged(desk, world(), good) == [*good]
    refused(desk, world(), bad)


def test_what_is_told_of_a_batch_is_of_the_plans(desk: Desk) -> None:
    unknown, apart = "of no batch of the plan", "a dataset of another batch"
    cases: dict[str, tuple[Change, str]] = {
        "tried again": (tell("retrying", batch="x"), unknown),
        "listed again": (
            tell("refreshing", 3, batch="x"), unknown
        ),
        "of a dataset of another batch": (tell("refreshed", 2, dataset="scans"), apart),
    }  # fmt: skip
    refused(desk, listed_again(), cases)
    good: dict[str, Change] = {"of another batch": tell("retrying", batch="imaging")}
    assert judged(desk, listed_again(), good) == [*good]


def test_whatever_names_approvals_says_for_which_stage(desk: Desk) -> None:
    """Also an event that sets nothing: approvals of no stage are none."""
    kind = "cutover-approval-withdrawn"
    cases: dict[str, tuple[Change, str]] = {
        "of none": (untold(kind, 0, "approved_stage"), f"{kind}: approved_stage"),
        "of null": (tell(kind, approved_stage=None), f"{kind}: approved_stage"),
    }
    refused(desk, in_story(), cases)


def test_a_batch_is_bound_to_what_its_plan_has(desk: Desk) -> None:
    """What a plan leaves out is left out of what a batch is."""

    def unversioned(made: World) -> None:
        del made["predicate"]["plan"]["canonical"]["version"]
        bound_again(made)

    cases: dict[str, Change] = {"of no version": unversioned}
    assert judged(desk, amended(), cases) == [*cases]


def test_a_change_of_nothing_leaves_an_inventory_as_it_was(desk: Desk) -> None:
    """With an empty list in the journal an insider has not made its bytes uncertain."""

    def other_bytes(made: World) -> None:
        body(made, "inventoried", 2)["bytes"] += 1
        insert(-1, "inventory-changed", hour(18), dataset="more", joined=[])(made)

    refused(desk, world(), {"bytes of before": (other_bytes, "its bytes")})
