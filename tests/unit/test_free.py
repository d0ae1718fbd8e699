"""How many processors are free, by what Linux counts of each."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from hdh_migrate.engines.free import FreeProcessors, processors


def stat(path: Path, *, busy: int, idle: int, others: int = 0) -> Path:
    """Write what is counted of each of our processors, and of one that is not ours."""
    ours = "".join(
        f"cpu{number} {busy} 0 0 {idle - 1} 1 0 0 0 0 0\n" for number in os.sched_getaffinity(0)
    )
    theirs = f"cpu99999 {others} 0 0 0 0 0 0 0 0 0\n"
    path.write_text(f"cpu  1 2 3 4\n{ours}{theirs}intr 5 0\n\nbtime 1\n")
    return path


def test_what_was_idle_since_the_last_look_is_free(tmp_path: Path) -> None:
    path = stat(tmp_path / "stat", busy=500, idle=500)
    looked = FreeProcessors(path, seconds=0.0)

    stat(path, busy=550, idle=650, others=9_000)
    assert looked() == pytest.approx(0.75 * processors())

    stat(path, busy=650, idle=650)
    assert looked() == 0.0


def test_who_is_not_told_takes_all_for_free(tmp_path: Path) -> None:
    path = tmp_path / "stat"
    looked = FreeProcessors(path, seconds=0.0)
    assert looked() == math.inf  # there is no such file

    stat(path, busy=0, idle=1)
    looked()
    assert looked() == math.inf  # nothing is counted: some sandboxes show the same for ever

    path.write_text("cpu0 1 2\n")
    assert looked() == math.inf


def test_a_short_time_tells_nothing(tmp_path: Path) -> None:
    path = stat(tmp_path / "stat", busy=500, idle=500)
    looked = FreeProcessors(path, seconds=3_600.0)
    stat(path, busy=900, idle=500)
    assert looked() == math.inf


def test_this_machine_tells() -> None:
    looked = FreeProcessors(seconds=0.0)
    while (found := looked()) == math.inf:  # until the system has counted a hundredth of a second
        pass
    assert 0.0 <= found <= processors()
