"""The version of a blob was current at the moment as of which its dataset is moved."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.worlds import (
    Change,
    World,
    body,
    both,
    in_keyed_names,
    inventory,
    laid,
    planned,
    world,
)

MOMENT = "2026-01-31T18:00:00Z"
BEFORE, AFTER = "2026-01-31T18:00:00.0000000Z", "2026-01-31T18:00:00.0000001Z"


def pinned(version: str, **line: Any) -> Change:
    """Let the one object of a dataset have this version."""

    def edit(made: World) -> None:
        one = made["manifest.jsonl"][0]
        one.update(source_version=version, **line)
        if made["predicate"]["names"] == "plain":
            body(made, "inventoried", 2).update(inventory("more", [one], []))

    return edit


def wanted(versions: Any) -> Change:
    return planned("datasets", 2, "source", versions=versions)


THEN = wanted({"as_of": MOMENT})
GOOD: dict[str, Change] = {
    "an ETag alone": both(THEN, pinned("0x8D")),
    "a version of that instant": both(THEN, pinned(f"0x8D;versionid={BEFORE}")),
    "a snapshot of that instant": both(THEN, pinned(f"0x8D;snapshot={BEFORE}")),
    "a snapshot of later": both(THEN, pinned(f"0x8D;snapshot={AFTER}")),
    "an ETag that says such a thing in front": both(THEN, pinned(f"a;versionid={AFTER};b")),
    "no moment": pinned(f"0x8D;versionid={AFTER}"),
    "what is current": both(wanted("current"), pinned(f"0x8D;versionid={AFTER}")),
    "nothing asked": both(wanted(None), pinned(f"0x8D;versionid={AFTER}")),
    "more beside the moment": both(wanted({"as_of": MOMENT, "more": 1}), pinned("0x8D")),
    "a moment of no calendar": both(wanted({"as_of": "2026-02-31T18:00:60Z"}), pinned("0x8D")),
    "no semicolon": both(THEN, pinned(f"versionid={AFTER}")),
    "capital letters": both(THEN, pinned(f"0x8D;VersionId={AFTER}")),
    "six digits": both(THEN, pinned("0x8D;versionid=2026-01-31T18:00:00.000001Z")),
    "eight digits": both(THEN, pinned(f"0x8D;versionid={AFTER[:-1]}0Z")),
    "another zone": both(THEN, pinned(f"0x8D;versionid={AFTER[:-1]}+00:00")),
    "a line feed behind it": both(THEN, pinned(f"0x8D;versionid={AFTER}\n")),
    "a digit that is not ASCII": both(THEN, pinned(f"0x8D;versionid={AFTER[:-2]}\u0661Z")),
    "only the end counts": both(THEN, pinned(f"0x8D;versionid={AFTER};snapshot={AFTER}")),
}
BAD: dict[str, Change] = {
    "a version of later": both(THEN, pinned(f"0x8D;versionid={AFTER}")),
    "a snapshot of before": both(THEN, pinned("0x8D;snapshot=2026-01-31T17:59:59.9999999Z")),
    "no ETag in front": both(THEN, pinned(f";versionid={AFTER}")),
    "a line feed in front": both(THEN, pinned(f"a\nb;versionid={AFTER}")),
    "of a month that is none": both(THEN, pinned("0x8D;versionid=2026-13-41T18:00:00.0000001Z")),
    "only the end counts": both(THEN, pinned(f"0x8D;snapshot={AFTER};versionid={AFTER}")),
}


@pytest.mark.parametrize("what", GOOD)
def test_a_version_that_may_have_been_current_then_is_taken(desk: Desk, what: str) -> None:
    for made in (world(), in_keyed_names(world())):
        assert desk.judge(laid(desk, made, GOOD[what])) == ([], [])


@pytest.mark.parametrize("what", BAD)
def test_a_version_that_was_not_current_then_is_refused(desk: Desk, what: str) -> None:
    for made in (world(), in_keyed_names(world())):
        for problems in desk.judge(laid(desk, made, BAD[what])):
            assert any("not the version that was current" in one for one in problems), problems


def test_nothing_is_asked_of_what_is_no_match(desk: Desk) -> None:
    """With keyed names, where no root stands beside a version that another line has."""

    def late(made: World) -> None:
        for one in [*made["manifest.jsonl"], *made["exclusions.jsonl"]]:
            if one.get("verdict") != "match":
                one["source_version"] = f"0x8D;versionid={AFTER}"

    change = both(planned("datasets", 0, "source", versions={"as_of": MOMENT}), late)
    assert desk.judge(laid(desk, in_keyed_names(world()), change)) == ([], [])


NO_MOMENTS = [
    *("yesterday", "2026-01-31T18:00:00.5Z", "2026-01-31T18:00:00.0Z", f"{MOMENT}\n", 1, None),
    "2026-01-31T18:00:00+00:00",
]


@pytest.mark.parametrize("moment", NO_MOMENTS)
def test_a_moment_that_is_none_is_no_plan(desk: Desk, moment: Any) -> None:
    for made in (world(), in_keyed_names(world())):
        ours, other = desk.judge(laid(desk, made, wanted({"as_of": moment})))
        assert ours
        assert other == ["plan: as_of"]


@pytest.mark.parametrize("versions", ["", [], [MOMENT], 1, True])
def test_versions_that_are_neither_current_nor_of_a_moment_are_no_plan(
    desk: Desk, versions: Any
) -> None:
    for made in (world(), in_keyed_names(world())):
        ours, other = desk.judge(laid(desk, made, wanted(versions)))
        assert ours
        assert other == ["plan: versions"]


def test_an_object_without_a_moment_is_no_plan(desk: Desk) -> None:
    ours, other = desk.judge(laid(desk, world(), wanted({})))
    assert ours
    assert other == ["plan: as_of"]
