"""A line for each version of a name: its key, its version and its place at the target agree."""

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

MOMENT = "2026-01-31T18:00:00.1234567Z"
OTHER = "2026-01-31T18:00:00.1234568Z"
ALL = planned("datasets", 2, "source", versions="all")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_in(tmp_path_factory.mktemp("versions"))


def version(token: str | None, said: str, etag: str = "e;versionid=t1", **line: Any) -> Change:
    """Let the one object of a dataset be a version of its name, with this token in its key."""

    def edit(made: World) -> None:
        one = made["manifest.jsonl"][0]
        plain = made["predicate"]["names"] == "plain"
        if plain and token is not None:
            one["key"] += f"\0{token}"
        one.update(source_version=said, target_etag=etag, **line)
        if plain:
            body(made, "inventoried", 2).update(inventory("more", [one], []))

    return edit


GOOD: dict[str, Change] = {
    "a version": version(f"{MOMENT};versionid", f"0x8D;versionid={MOMENT}"),
    "a snapshot": version(f"{MOMENT};snapshot", f"0x8D;snapshot={MOMENT}"),
    "what has no version": version("current", "0x8D"),
}
BAD: dict[str, tuple[Change, str]] = {
    "no token": (version(None, "0x8D"), "does not say which version"),
    "another token": (version("newest", "0x8D"), "does not say which version"),
    "two zero bytes": (version("current\0current", "0x8D"), "does not say which version"),
    "six digits": (
        version(f"{MOMENT[:-2]}Z;versionid", "0x8D"), "does not say which version"
    ),
    "another moment": (
        version(f"{MOMENT};versionid", f"0x8D;versionid={OTHER}"), "another version than the key"
    ),
    "another form": (
        version(f"{MOMENT};versionid", f"0x8D;snapshot={MOMENT}"), "another version than the key"
    ),
    "no moment": (version(f"{MOMENT};versionid", "0x8D"), "another version than the key"),
    "a moment of what is current": (
        version("current", f"0x8D;versionid={MOMENT}"), "another version than the key"
    ),
    "no id at the target": (version("current", "0x8D", "e"), "no version of the target's"),
    "an empty id": (version("current", "0x8D", "e;versionid="), "no version of the target's"),
    "another name's place": (
        version("current", "0x8D", target_key="elsewhere.c4gh"), "not where the plan puts"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", GOOD)
def test_a_version_that_its_key_names_is_taken(desk: Desk, what: str) -> None:
    for made in (world(), in_keyed_names(world())):
        assert desk.judge(laid(desk, made, both(ALL, GOOD[what])))[0] == []


@pytest.mark.parametrize("what", BAD)
def test_a_version_that_its_key_does_not_name_is_refused(desk: Desk, what: str) -> None:
    change, words = BAD[what]
    problems = desk.judge(laid(desk, world(), both(ALL, change)))[0]
    assert any(words in one for one in problems), problems
