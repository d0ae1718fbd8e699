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
    desk_in,
    in_keyed_names,
    inventory,
    laid,
    planned,
    world,
)

MOMENT = "2026-01-31T18:00:00Z"
BEFORE, AFTER = "2026-01-31T18:00:00.0000000Z", "2026-01-31T18:00:00.0000001Z"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_in(tmp_path_factory.mktemp("moments"))


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
}
BAD: dict[str, Change] = {
    "a version of later": both(THEN, pinned(f"0x8D;versionid={AFTER}")),
    "a snapshot of before": both(THEN, pinned("0x8D;snapshot=2026-01-31T17:59:59.9999999Z")),
}


@pytest.mark.parametrize("what", GOOD)
def test_a_version_that_may_have_been_current_then_is_taken(desk: Desk, what: str) -> None:
    for made in (world(), in_keyed_names(world())):
        assert desk.judge(laid(desk, made, GOOD[what])) == ([], [])


@pytest.mark.parametrize("what", BAD)
def test_a_version_that_was_not_current_then_is_refused(desk: Desk, what: str) -> None:
    for made in (world(), in_keyed_names(world())):
        ours, _ = desk.judge(laid(desk, made, BAD[what]))
        assert any("not the version that was current" in one for one in ours), ours


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-31T18:00:00.5Z", 1, None])
def test_a_moment_that_is_none_is_no_plan(desk: Desk, moment: Any) -> None:
    ours, _ = desk.judge(laid(desk, world(), wanted({"as_of": moment})))
    assert ours
