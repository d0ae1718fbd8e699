"""Lives drawn from seeds: whatever goes wrong in them, nothing is lost, altered or forgotten.

`make campaign` lives many more of them. A seed that was broken once is kept in `KEPT`.
"""

from __future__ import annotations

import pytest

from tests.campaign.lives import live

KEPT: tuple[int, ...] = ()
"""Seeds of lives that were broken by a fault that is mended."""


@pytest.mark.parametrize("seed", [*range(1, 13), *KEPT])
def test_lives_end_well(seed: int) -> None:
    life, broken = live(seed)

    assert not broken, "\n".join([broken, *life.story])
    assert life.processes > 8


def test_the_same_seed_gives_the_same_life() -> None:
    first, second = (live(3)[0] for _ in range(2))

    assert first.story == second.story
