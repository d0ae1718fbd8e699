"""A line for each version of a name: its key, its version and its place at the target agree."""

from __future__ import annotations

from random import Random
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
    moved,
    planned,
    world,
)

MOMENT = "2026-01-31T18:00:00.1234567Z"
OTHER = "2026-01-31T18:00:00.1234568Z"
ALL = planned("datasets", 2, "source", versions="all")


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
        assert desk.judge(laid(desk, made, both(ALL, GOOD[what]))) == ([], [])


@pytest.mark.parametrize("what", BAD)
def test_a_version_that_its_key_does_not_name_is_refused(desk: Desk, what: str) -> None:
    change, words = BAD[what]
    problems, other = desk.judge(laid(desk, world(), both(ALL, change)))
    assert any(words in one for one in problems), problems
    assert other


def several(lines: list[dict[str, Any]]) -> Change:
    """Let the dataset have these lines, all of them verified, and tell so everywhere."""

    def edit(made: World) -> None:
        kept, made["manifest.jsonl"] = made["manifest.jsonl"][1:], [*lines]
        made["manifest.jsonl"] += kept
        body(made, "inventoried", 2).update(inventory("more", lines, []))
        more = list(range(20, 19 + len(lines)))
        body(made, "sent", 1)["ids"] += more
        body(made, "verified", 1).update(ids=[8, *more], datasets={"more": len(lines)})
        made["predicate"]["verification"]["sha256_taken_in_verify"] += len(more)
        for pace in made["predicate"]["paces"]:
            pace["bins"][0]["objects"] += len(more)
        size = sum(one["size"] for one in lines)
        made["predicate"]["datasets"][2]["tally"]["inventoried"] = {
            "objects": len(lines), "bytes": size,
        }  # fmt: skip
        for loss in made["predicate"]["losses"]:
            if loss["dataset"] == "more":
                loss["objects"] = len(lines)

    return edit


def one(name: str, token: str, said: str, etag: str, key: str | None = None) -> dict[str, Any]:
    place = f"pmsi/more/{name if key is None else key}.c4gh"
    return moved(
        "more", f"{name}\0{token}", 5, source_version=said, target_etag=etag, target_key=place
    )


FIRST = one("a", f"{MOMENT};versionid", f"0x1;versionid={MOMENT}", "e;versionid=t1")
SECOND = one("a", f"{OTHER};snapshot", f"0x2;snapshot={OTHER}", "f;versionid=t2")
BETWEEN = one("b", "current", "0x3", "e;versionid=t1")


def test_versions_of_one_name_have_one_place_and_ids_of_their_own(desk: Desk) -> None:
    good = both(ALL, several([FIRST, SECOND, BETWEEN]))
    assert desk.judge(laid(desk, world(), good)) == ([], [])
    same = {**SECOND, "target_etag": "g;versionid=t1"}
    elsewhere = {**SECOND, "target_key": "pmsi/more/b.c4gh"}
    for bad in ([FIRST, same], [FIRST, elsewhere], [SECOND, FIRST]):
        ours, other = desk.judge(laid(desk, world(), both(ALL, several(bad))))
        assert ours
        assert other


@pytest.mark.slow
def test_lines_that_are_drawn_are_judged_alike(desk: Desk) -> None:
    draw, good = Random(78), 0
    for _ in range(80):
        lines = [drawn(draw) for _ in range(draw.randint(1, 3))]
        lines = sorted({line["key"]: line for line in lines}.values(), key=lambda line: line["key"])
        ours, other = desk.judge(laid(desk, world(), both(ALL, several(lines))))
        assert bool(ours) is bool(other), (lines, ours, other)
        good += not ours
    assert 5 < good < 75


def drawn(draw: Random) -> dict[str, Any]:
    """Return a line that is as it must be, but for at most one thing now and then."""
    name, moment = draw.choice("ab"), draw.choice([MOMENT, OTHER])
    form = draw.choice(["versionid", "snapshot", "current"])
    token = "current" if form == "current" else f"{moment};{form}"
    said = "0x1" if form == "current" else f"0x1;{form}={moment}"
    etag, key = f"e;versionid=t{draw.randint(1, 9)}", None
    match draw.randint(0, 7):
        case 0:
            token = draw.choice(["", "now", f"{MOMENT};versionid", "current\0"])
        case 1:
            said = draw.choice(["0x1", f"0x1;versionid={MOMENT}", ";snapshot=", "0x1;versionid="])
        case 2:
            etag = draw.choice(["e", "e;versionid=", "e;versionid=;versionid=t1"])
        case 3:
            key = draw.choice("ab")
        case _:
            pass
    return one(name, token, said, etag, key)
