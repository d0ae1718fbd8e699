"""What a journal says that another ledger's objects came to: 8.8, as both verifiers hold it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.worlds import (
    World,
    both,
    desk_in,
    gone,
    hour,
    in_keyed_names,
    insert,
    judged,
    refused,
    tell,
    untold,
    world,
)

BEGINS, TAKES, ENDS = "adopting", "adopted", "adopted-batch"
NOT_OPEN = "not of the one under way"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_in(tmp_path_factory.mktemp("adopted"))


def said(kind: str, number: int = 1, /, **more: Any) -> Any:
    return insert(-1, kind, hour(18), **{"batch": "pilot", "number": number, **more})


def adopted() -> World:
    made = world()
    for change in (
        said(BEGINS, journals=[], user="u"), said(TAKES, ids=[1, 2], ledger="a"),
        said(BEGINS, journals=[], user="u"), said(TAKES, ids=[2, 3], ledger="a"),
        said(ENDS, adopted=4, unproved=0, foreign=0), said(BEGINS, 2),
    ):  # fmt: skip
        change(made)
    return made


def test_what_proved_good_was_taken_over_before(desk: Desk) -> None:
    good = {
        "as it was": lambda _: None,
        "fewer": tell(ENDS, adopted=0),
        "one that never ended": gone(BEGINS, 2),
        "of another batch": both(
            said(BEGINS, batch="imaging"), said(TAKES, batch="imaging", ids=[])
        ),
        "the next one": both(said(TAKES, 2, ids=[9]), said(ENDS, 2, adopted=1)),
        "what is looked at no more": tell(ENDS, unproved="x", foreign=None),
    }
    bad = {
        "one more": (tell(ENDS, adopted=5), "too many"),
        "of the next one, without any": (said(ENDS, 2, adopted=1), "too many"),
        "without its beginning": (said(TAKES, batch="imaging", ids=[]), NOT_OPEN),
        "of the last one": (said(TAKES, 1, ids=[4]), NOT_OPEN),
        "two at once": (said(BEGINS, 3), NOT_OPEN),
        "no number": (tell(TAKES, number=None), "adopted: number"),
        "a true one": (tell(BEGINS, number=True), "adopting: number"),
        "no batch": (tell(BEGINS, batch=""), "adopting: batch"),
        "no ids": (untold(TAKES, 0, "ids"), "adopted: ids"),
        "ids of no form": (tell(TAKES, ids=[True]), "adopted: ids"),
        "no objects": (untold(ENDS, 0, "adopted"), "adopted-batch: adopted"),
        "less than none": (tell(ENDS, adopted=-1), "adopted-batch: adopted"),
    }
    assert judged(desk, adopted(), good) == [*good]
    refused(desk, adopted(), bad)


def test_of_keyed_names_nothing_of_it_is_looked_at(desk: Desk) -> None:
    made = in_keyed_names(world())
    good = {kind: said(kind, adopted=7) for kind in (BEGINS, TAKES, ENDS)}
    assert judged(desk, made, good) == [*good]
