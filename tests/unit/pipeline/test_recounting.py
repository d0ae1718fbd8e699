"""A listing that breaks off goes on, for as long as a store may stay away."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from hdh_migrate.errors import ConnectionLost
from hdh_migrate.model import Brief
from hdh_migrate.pipeline.inventory.recounting import going_on
from hdh_migrate.pipeline.retrying import Retrying, SharedPause
from hdh_migrate.ports.stores import GoesOn

NOTHING_CAME = None
ALL = [Brief(f"{n}", n, "v", "object", None) for n in range(4)]


class Faltering(GoesOn):
    def __init__(self, told: Sequence[Brief | None]) -> None:
        self._told = iter(told)

    def __next__(self) -> Brief:
        if (brief := next(self._told)) is NOTHING_CAME:
            raise ConnectionLost("nothing came")
        return brief


def retrying(seconds: float) -> Retrying:
    halt, now = threading.Event(), [0.0]

    def monotonic() -> float:
        now[0] += 1.0
        return now[0]

    return Retrying(budget=seconds, pause=SharedPause(monotonic, halt), halt=halt)


@pytest.mark.parametrize("at", [[0], [1], [4], [0, 1, 4], [2, 2]])
def test_it_goes_on_wherever_it_breaks_off(at: Sequence[int]) -> None:
    told: list[Brief | None] = [*ALL]
    for place in sorted(at, reverse=True):
        told.insert(place, NOTHING_CAME)
    assert list(going_on(Faltering(told), retrying(1_000))) == ALL


def test_it_ends_when_the_store_stays_away() -> None:
    found = going_on(Faltering([ALL[0], *[NOTHING_CAME] * 10, ALL[1]]), retrying(2))
    assert next(found) == ALL[0]
    with pytest.raises(ConnectionLost):
        next(found)
