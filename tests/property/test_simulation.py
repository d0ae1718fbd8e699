"""Lives drawn from seeds: whatever goes wrong in them, nothing is lost, altered or forgotten.

`make campaign` lives many more of them. A seed that was broken once is kept in `KEPT`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from hdh_migrate.fixity import canonical_json
from tests.campaign.kinds import LifeKind
from tests.campaign.life import Life, SimulatorFailed
from tests.campaign.lives import crash, live
from tests.campaign.simulation import Simulation
from tests.support.examples import many
from tests.support.script import Killed, Point

_LEFT_OPEN = (LifeKind.REKEYED.seed(32), LifeKind.REKEYED.seed(1022))
_STUCK = LifeKind.APART.seed(129)
_ERASED = tuple(LifeKind.ERASED.seed(number) for number in (6, 9, 17))

KEPT: tuple[int, ...] = (
    1013058225,
    1013071598,
    1013073154,
    1013319656,
    1957612557,
    23924931,
    *_LEFT_OPEN,
    LifeKind.APART.seed(45_108_591),
    LifeKind.REKEYED.seed(45_110_312),
    _STUCK,
    *_ERASED,
    12909408561,
    12909408731,
    12909408866,
    12909408918,
    12909409237,
    12909409239,
    2076211695,
    8631026479,
    12925994295,
    4336059394,
    17204375637,
    17204375673,
    4316674140,
    21474837180,
    21475646489,
    *(LifeKind.PREPARED.seed(number) for number in (13, 19)),
)
"""Seeds of lives that were broken by a fault that is mended."""


lived = cache(live)
"""Each life once, however many tests look at it."""


KINDS = [
    kind.seed(number)
    for kind in LifeKind
    if kind is not LifeKind.MOVED
    for number in range(1, 1 + many(1))
]
"""Seeds of lives in which more happens than a move."""


@pytest.mark.parametrize(
    "seed",
    [
        *range(1, 1 + many(5)),
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in (*KINDS, *KEPT)),
    ],
)
def test_lives_end_well(seed: int) -> None:
    life, broken = lived(seed)

    assert not broken, "\n".join([broken, *life.story])
    assert life.processes > 8


@pytest.mark.slow
def test_the_same_seed_gives_the_same_life() -> None:
    first, second = lived(5)[0], live(5)[0]

    assert first.story == second.story


@pytest.mark.parametrize("call", range(1, 4))
def test_people_act_again_whenever_a_process_was_killed(tmp_path: Path, call: int) -> None:
    """A kill while the ledger was being opened left every seam dead for whoever acted next."""
    simulation = Simulation(tmp_path, 1)
    act, setting = simulation._operators, simulation._setting
    simulation._chances.add()
    point = Point("now", setting.script.calls["now"] + call, "before")
    setting.world.kill_at(point)

    simulation._process("run --take-over", act.take_over)
    simulation._council.approve("cutover")

    assert simulation.life.story[1] == f"run --take-over: killed {point}"
    assert simulation.life.kills == 1


def test_an_exception_of_the_simulator_is_no_find() -> None:
    with pytest.raises(SimulatorFailed, match="ZeroDivisionError"):
        _judged(lambda: 1 // 0)
    with pytest.raises(SimulatorFailed, match="Killed"):
        _judged(_die)


def test_an_exception_that_the_product_does_not_name_is_a_find() -> None:
    assert _judged(lambda: canonical_json(object())).startswith("TypeError")


def _judged(act: Callable[[], object]) -> str:
    try:
        act()
    except (ArithmeticError, TypeError, Killed) as error:
        return crash(error, Life(1))
    return ""


def _die() -> None:
    raise Killed("nothing happens after a kill")
