"""Journals, lines and statements changed at random, some at once, as who holds the key would.

What follows from a change is drawn anew: chain, counts, requests, and what the statement says of
the events. Both verifiers judge each alike. `HDH_TEST_HUNT` draws more of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from random import Random
from typing import Any

import pytest

from hdh_migrate.evidence.signatures.signing import Signer
from tests.unit.evidence.forgery import Case, Desk
from tests.unit.evidence.test_second_opinion import neighbours
from tests.unit.evidence.worlds import World, laid
from tests.unit.evidence.worlds_again import listed_again, looked_at
from tests.unit.evidence.worlds_amended import amended
from tests.unit.evidence.worlds_signed import approved, digest, signed, stated
from tests.unit.evidence.worlds_waived import waived

pytestmark = pytest.mark.slow

EACH = 24 * int(os.environ.get("HDH_TEST_HUNT", "1"))
"""Changes of each world: a draw, the same each time."""
JOURNAL = "journal.jsonl"
ASKED = {
    "grant-asked": None, "keys-rotating": ("number", "old", "new", "recipients"),
    "data-keys-rotating": ("number", "recipients"),
    "headers-erasing": (
        "dataset", "batch", "objects", "bytes", "packs", "pack_bytes", "root", "although",
    ),
}  # fmt: skip
"""What a request is the digest of; None: of all but who asks."""
Unwritable = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)


# one change ---------------------------------------------------------------------------------------


def dropped(draw: Random, made: World) -> None:
    del made[JOURNAL][draw.randrange(len(made[JOURNAL]))]


def doubled(draw: Random, made: World) -> None:
    at = draw.randrange(len(made[JOURNAL]))
    made[JOURNAL].insert(at, deepcopy(made[JOURNAL][at]))


def moved(draw: Random, made: World) -> None:
    """Move an event to another place, with the time of that place."""
    events = made[JOURNAL]
    event = events.pop(draw.randrange(len(events)))
    at = draw.randrange(len(events))
    event[1] = events[at][1]
    events.insert(at, event)


def exchanged(draw: Random, made: World) -> None:
    """Exchange a member that two events have."""
    one, other = (event[2] for event in draw.sample(made[JOURNAL], 2))
    name = draw.choice(sorted(one.keys() & other.keys()))
    one[name], other[name] = other[name], one[name]


def renamed(draw: Random, made: World) -> None:
    one, other = draw.sample(made[JOURNAL], 2)
    one[0] = other[0]


def retimed(draw: Random, made: World) -> None:
    one, other = draw.sample(made[JOURNAL], 2)
    one[1] = other[1]


def cut(draw: Random, made: World) -> None:
    del made[JOURNAL][draw.randrange(len(made[JOURNAL]) * 3 // 4, len(made[JOURNAL])) :]


def said(draw: Random, made: World) -> None:
    """Change one value of an event, of a line, or of the statement."""
    name = draw.choice((JOURNAL, JOURNAL, "manifest.jsonl", "exclusions.jsonl", "findings.jsonl"))
    whole: Any = draw.choice(made[name]) if draw.random() < 0.9 else made["predicate"]
    whole = whole[2] if name == JOURNAL and whole is not made["predicate"] else whole
    at = draw.choice(sorted(whole)) if isinstance(whole, dict) else draw.randrange(len(whole))
    while isinstance(whole[at], dict | list) and whole[at] and draw.random() < 0.8:
        whole = whole[at]
        at = draw.choice(sorted(whole)) if isinstance(whole, dict) else draw.randrange(len(whole))
    whole[at] = draw.choice([*neighbours(whole[at])])


CHANGES = (dropped, doubled, moved, exchanged, renamed, retimed, cut, said, said, said)


def followed(made: World) -> None:
    """Draw requests and what the statement repeats of the journal anew, where that can be."""
    for kind, _, body in made[JOURNAL]:
        if kind in ASKED:
            names = ASKED[kind] or body.keys() - {"request", "user"}
            with suppress(*Unwritable):
                body["request"] = digest({name: body[name] for name in names})
    with suppress(*Unwritable):
        stated(made)


def drawn(what: str, source: World) -> Iterator[tuple[str, World]]:
    for number in range(EACH):
        draw, made, names = Random(f"{what} {number}"), deepcopy(source), []
        for change in draw.choices(CHANGES, k=draw.choice((1, 1, 2, 3))):
            with suppress(*Unwritable):
                change(draw, made)
                names.append(change.__name__)
        followed(made)
        yield f"{what} {number}: {', '.join(names)}", made


def written(desk: Desk, worlds: Iterator[tuple[str, World]]) -> Iterator[Case]:
    for name, made in worlds:
        with suppress(*Unwritable):
            yield name, laid(desk, made)


# --------------------------------------------------------------------------------------------------


WORLDS = ("approved", "waived", "looked at", "listed again", "amended")


@pytest.mark.parametrize("what", WORLDS)
def test_changes_at_random_are_judged_alike(
    desk: Desk, people: Sequence[Signer], what: str
) -> None:
    source = {
        "approved": lambda: signed(approved(people), people), "waived": lambda: waived(people[0]),
        "looked at": looked_at, "listed again": listed_again, "amended": amended,
    }[what]()  # fmt: skip
    taken = desk.agree(written(desk, drawn(what, source)))
    assert len(taken) > EACH * 3 // 4
    assert {*taken.values()} == {True, False}
