"""Lives, one after the other, from a seed on: `python -m tests.campaign.lives --help`.

The last line of what is printed has the number of lives, the first seed that was broken (or
nothing) and what was broken, with tabs between them. Exit code 1: something was broken; 3: the
simulator itself failed in a life, of which nothing is known then.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import hdh_migrate
from tests.campaign.life import Broken, Life, SimulatorFailed
from tests.campaign.simulation import Simulation
from tests.support.script import Killed

PRODUCT = Path(hdh_migrate.__file__).parent
TESTS = Path(__file__).parents[1]


@dataclass(slots=True)
class Lived:
    """What a number of lives came to."""

    lives: int = 0
    processes: int = 0
    kills: int = 0
    cuts: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str, list[str]]] = field(default_factory=list)
    """Seed, what was broken, and the story."""
    failed: list[tuple[int, str, list[str]]] = field(default_factory=list)
    """The same of lives in which the simulator failed."""


def live(seed: int, folder: Path | None = None) -> tuple[Life, str]:
    """Live one life; return it, and what was broken (nothing: an empty text).

    An exception that the product raises and does not name is a break, too.

    Raises:
        SimulatorFailed: the simulator is at fault; its second argument is the story.
    """
    with tempfile.TemporaryDirectory(prefix="life-", dir=folder) as name:
        simulation = Simulation(Path(name), seed)
        try:
            simulation.live()
        except Broken as broken:
            return simulation.life, str(broken)
        except (Exception, Killed) as error:  # noqa: BLE001 - it is judged
            return simulation.life, crash(error, simulation.life)
        return simulation.life, ""


def crash(error: BaseException, life: Life) -> str:
    """Return what an exception says that the product raised and nobody expects.

    Raises:
        SimulatorFailed: the simulator raised it, or a kill reached people.
    """
    said = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if {PRODUCT, TESTS} & set(Path(one.filename).parents)]
    frame = (ours or frames)[-1]  # libraries raise for whoever calls them
    if isinstance(error, Killed) or PRODUCT not in Path(frame.filename).parents:
        where = f"{Path(frame.filename).name}, line {frame.lineno}"
        raise SimulatorFailed(f"{said} ({where})", life.story) from error
    return said


def quick_folder() -> Path | None:
    """Return where files cost no disk, None where there is no such place with room."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 1 << 28 else None


def lived(
    first: int, *, lives: int | None = None, seconds: float | None = None, until_broken: bool
) -> Lived:
    """Live from a seed on, so many lives or so many seconds of a processor."""
    found, began = Lived(), time.process_time()
    folder = quick_folder()
    while (lives is None or found.lives < lives) and (
        seconds is None or time.process_time() - began < seconds
    ):
        seed = first + found.lives
        found.lives += 1
        try:
            life, broken = live(seed, folder)
        except SimulatorFailed as failed:
            found.failed.append((seed, *failed.args))
            if until_broken:
                break
            continue
        found.processes += life.processes
        found.kills += life.kills
        found.cuts += life.cuts
        found.faults.update(life.faults)
        if broken:
            found.broken.append((seed, broken, life.story))
            if until_broken:
                break
    return found


def main() -> int:
    """Live as the command line says, and print what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--lives", type=int, help="how many lives")
    parser.add_argument("--seconds", type=float, help="of a processor")
    parser.add_argument("--first", action="store_true", help="stop at the first that is broken")
    given = parser.parse_args()
    gc.freeze()  # what is imported stays
    gc.set_threshold(50_000, 20, 20)
    lives = given.lives if given.lives or given.seconds else 100
    found = lived(given.seed, lives=lives, seconds=given.seconds, until_broken=given.first)
    failed = [(seed, f"the simulator failed: {said}", why) for seed, said, why in found.failed]
    for seed, broken, story in [*found.broken, *failed]:
        sys.stdout.write("\n".join([f"seed {seed}: {broken}", *(f"  {one}" for one in story)]))
        sys.stdout.write("\n\n")
    sys.stdout.write(
        f"{found.lives} lives, {found.processes} processes, {found.kills} kills, {found.cuts} cuts,"
        f" {sum(found.faults.values())} faults, {len(found.broken)} broken,"
        f" {len(failed)} without a result\n"
    )
    which, said = (str(found.broken[0][0]), found.broken[0][1]) if found.broken else ("", "")
    sys.stdout.write(f"{found.lives}\t{which}\t{said}\n")
    return 3 if failed else int(bool(found.broken))


if __name__ == "__main__":
    raise SystemExit(main())
