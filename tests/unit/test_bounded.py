"""A listing that goes in circles is noticed, however long the circle, in bounded memory."""

from __future__ import annotations

import itertools

import pytest

from hdh_migrate.bounded import REMEMBERED, Visited


@pytest.mark.parametrize(("before", "circle"), [(0, 1), (0, 2), (3, 2), (5, 7), (100, 1000)])
def test_a_circle_is_noticed_where_it_closes(before: int, circle: int) -> None:
    visited = Visited()
    walk = itertools.chain(range(-before, 0), itertools.cycle(range(circle)))
    seen = [position for position, _ in zip(walk, range(before + circle), strict=False)]
    assert not any(visited.again(position) for position in seen)
    assert visited.again(0)


@pytest.mark.parametrize("circle", [REMEMBERED + 1, 3 * REMEMBERED])
def test_a_longer_circle_is_noticed_before_its_third_round(circle: int) -> None:
    visited = Visited()
    for step in range(3 * circle):
        if visited.again(step % circle):
            assert step >= circle
            return
    pytest.fail("never noticed")


def test_a_listing_that_goes_on_is_never_mistaken_for_a_circle() -> None:
    visited = Visited()
    assert not any(visited.again(str(page)) for page in range(5 * REMEMBERED))
    assert len(visited._last) == REMEMBERED
