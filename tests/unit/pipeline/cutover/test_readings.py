"""Readings by spans of ids: the last one of an object counts, whatever came before it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.pipeline.projections.readings import Reading, Readings, covers, merged

SPANS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 12)), max_size=30)


@given(SPANS)
def test_the_last_reading_of_each_object_is_the_one_that_is_known(
    spans: list[tuple[int, int]],
) -> None:
    readings, model = Readings(), dict[int, str]()
    for number, (first, more) in enumerate(spans):
        readings.add(Reading(first, first + more, str(number), "stored"))
        model.update(dict.fromkeys(range(first, first + more + 1), str(number)))
    for number in range(60):
        found = readings.of(number)
        assert (found.at if found else None) == model.get(number)
    kept = list(readings)
    assert all(one.first <= one.last for one in kept)
    assert all(one.last < two.first for one, two in pairwise(kept))


def test_a_closer_look_covers_the_others() -> None:
    assert covers("full", "stored")
    assert covers("head", "head")
    assert not covers("stored", "full")


def test_spans_that_touch_are_one() -> None:
    assert merged([(5, 6), (1, 2), (3, 4), (9, 9)]) == [(1, 6), (9, 9)]
