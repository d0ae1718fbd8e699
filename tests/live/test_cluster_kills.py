"""Any process of a cluster is killed, or stopped for a while, at any moment: the end is the same.

`CLUSTER_KILLS=30` kills thirty times instead of a few (give pytest `--longest 3000`);
`CLUSTER_SEED` draws other moments.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command import ForkedCommand
from tests.support.fixtures import Bucket, Container
from tests.support.machines import (
    SECONDS,
    Machines,
    clustered,
    compare_with_one_machine,
    run,
    whole,
)
from tests.support.season import Season

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.waits,
    pytest.mark.crash,
]

KILLS = int(os.environ.get("CLUSTER_KILLS", "5"))
SEED = int(os.environ.get("CLUSTER_SEED", "20261126"))
STOPPED_SECONDS = 4.0


@dataclass
class Killer:
    """Has all processes there, and kills one of them after another."""

    play: Season
    machines: Machines
    seeded: random.Random
    run: ForkedCommand | None = None

    @property
    def said(self) -> Path:
        """What the run of now says to people."""
        return self.play.folder / "said"

    def restart(self) -> None:
        """Start what is not there."""
        self.machines.restart()
        if self.run is None or self.run.poll() is not None:
            if self.run is not None:
                self.judge(self.run.wait())
            self.said.unlink(missing_ok=True)
            self.run = self.play.start("run", said=self.said)

    def judge(self, ended: int) -> None:
        """A run is done, resumable, killed; or left out what one worker after another died with."""
        assert ended in {0, 4, 7, -signal.SIGKILL}, self.said.read_text()
        if ended == 4:
            found = self.play.rows("SELECT DISTINCT code FROM finding WHERE closed = 0")
            assert found == [("worker-lost",)], self.said.read_text()

    def strike(self) -> str:
        """Kill or stop one process, drawn by lot; return which."""
        blows: dict[str, Callable[[], None]] = {
            "the run": self._the_run,
            "the scheduler": self._the_scheduler,
            "a worker": self._a_worker,
            "a process of a worker": self._a_process,
            "a worker, stopped for a while": self._stop_a_worker,
        }
        what = self.seeded.choice(sorted(blows))
        blows[what]()
        return what

    def _the_run(self) -> None:
        assert self.run is not None
        self.run.kill_all()

    def _the_scheduler(self) -> None:
        assert self.machines.scheduler is not None
        self.machines.scheduler.kill()
        self.machines.scheduler.wait()

    def _a_worker(self) -> None:
        worker = self.seeded.choice(self.machines.workers)
        worker.kill()
        worker.wait()

    def _a_process(self) -> None:
        if there := self.machines.of_workers():
            with suppress(ProcessLookupError):
                os.kill(self.seeded.choice(there), signal.SIGKILL)

    def _stop_a_worker(self) -> None:
        worker = self.seeded.choice(self.machines.workers)
        worker.send_signal(signal.SIGSTOP)
        time.sleep(self.seeded.uniform(0.0, STOPPED_SECONDS))
        worker.send_signal(signal.SIGCONT)


@pytest.fixture
def play(tmp_path: Path, container: Container, bucket: Bucket) -> Season:
    made = clustered(tmp_path, container, bucket)
    made.plan["limits"] = {"bandwidth": f"{max(1, 24 // KILLS)}MiB/s"}  # there is work all along
    made.write()
    return made


@pytest.fixture
def killer(play: Season) -> Iterator[Killer]:
    with ExitStack() as stack:
        made = Killer(play, Machines(play, stack), random.Random(SEED))
        yield made
        if made.run is not None:
            made.run.kill_all()


def test_whoever_is_killed_whenever_the_end_is_that_of_one_machine(
    play: Season, killer: Killer
) -> None:
    struck = list[str]()
    for _ in range(KILLS):
        killer.restart()
        time.sleep(killer.seeded.uniform(0.5, 5.0))
        struck.append(killer.strike())
    killer.machines.restart()
    assert killer.run is not None
    killer.judge(killer.run.wait(SECONDS))
    assert run(play) == 0, struck
    whole(play)
    assert play.rows("SELECT count(*) FROM finding WHERE closed = 0") == [(0,)], struck
    compare_with_one_machine(play)
