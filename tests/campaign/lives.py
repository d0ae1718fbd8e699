"""Lives, one after the other, from a seed on: `python -m tests.campaign.lives --help`.

The last line of what is printed has the number of lives, the first seed that was broken (or
nothing) and what was broken, with tabs between them. Exit code 1: something was broken.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign.life import Broken, Life
from tests.campaign.simulation import Simulation


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


def live(seed: int, folder: Path | None = None) -> tuple[Life, str]:
    """Live one life; return it, and what was broken (nothing: an empty text)."""
    with tempfile.TemporaryDirectory(prefix="life-", dir=folder) as name:
        simulation = Simulation(Path(name), seed)
        try:
            simulation.live()
        except Broken as broken:
            return simulation.life, str(broken)
        except Exception as error:  # noqa: BLE001 - a fault of ours ends the life and is told
            return simulation.life, f"{type(error).__name__}: {error}"
        return simulation.life, ""


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
        life, broken = live(seed, folder)
        found.lives += 1
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
    for seed, broken, story in found.broken:
        sys.stdout.write("\n".join([f"seed {seed}: {broken}", *(f"  {one}" for one in story)]))
        sys.stdout.write("\n\n")
    sys.stdout.write(
        f"{found.lives} lives, {found.processes} processes, {found.kills} kills, {found.cuts} cuts,"
        f" {sum(found.faults.values())} faults, {len(found.broken)} broken\n"
    )
    which, said = (str(found.broken[0][0]), found.broken[0][1]) if found.broken else ("", "")
    sys.stdout.write(f"{found.lives}\t{which}\t{said}\n")
    return int(bool(found.broken))


if __name__ == "__main__":
    raise SystemExit(main())
