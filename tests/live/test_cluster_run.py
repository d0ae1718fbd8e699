"""A whole run through a cluster whose processes are killed, beside one on a single machine."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import command
from tests.support.fixtures import Bucket, Container
from tests.support.season import Season, season

pytestmark = [pytest.mark.live, pytest.mark.slow]

BIG = 24 << 20


@dataclass
class Machines:
    """A scheduler and workers, started as an operator does."""

    play: Season
    stack: ExitStack
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def scheduler(self) -> subprocess.Popen[str]:
        return self._start("--scheduler")

    def worker(self) -> None:
        self.workers.append(self._start("--host", "127.0.0.1"))

    def replace(self, number: int) -> None:
        """Kill a worker, without a word, and start another one."""
        self.workers[number].kill()
        self.workers[number].wait()
        del self.workers[number]
        self.worker()

    def _start(self, *more: str) -> subprocess.Popen[str]:
        """Start one machine and wait until it says its address."""
        process = subprocess.Popen(
            [sys.executable, "-m", "hdh_migrate", "worker", str(self.play.path), *more],
            cwd=self.play.folder, env=os.environ | self.play.environ, stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.stack.callback(_end, process)
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "at tls://" in line:
                return process
        raise AssertionError(said)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


@pytest.fixture
def play(tmp_path: Path, container: Container, bucket: Bucket) -> Season:
    made = season(tmp_path, container, bucket)
    seeded = random.Random(20261126)
    made.blob("pmsi/large.bin", seeded.randbytes(BIG))
    for number in range(40):
        made.blob(f"pmsi/{number}.csv", seeded.randbytes(seeded.randrange(100_000)))
    made.dataset("pmsi", "pmsi/")
    made.batch("pilot", "pmsi")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = command("worker", "--new-ca", str(tmp_path / "keys" / "cluster"))
    assert done.returncode == 0, done.stderr
    made.plan["engine"] = {
        "kind": "dask", "processes": 1, "connections": 2, "certificates": "keys/cluster",
        "scheduler": f"tls://127.0.0.1:{port}",
    }  # fmt: skip
    made.write()
    return made


@pytest.fixture
def machines(play: Season) -> Iterator[Machines]:
    with ExitStack() as stack:
        yield Machines(play, stack)


def whole(play: Season) -> None:
    """Count as an outsider: every blob is at the target, byte by byte, and both verifiers agree."""
    source = play.source()
    assert set(play.stored()) == {f"in/{key}.c4gh" for key in source}
    for key, body in source.items():
        assert play.opened(key) == body, key
    assert play.counted() == {"pilot": {"verified": len(source)}}
    play.audit()


def run(play: Season, seconds: float | None = None) -> int | None:
    """Run to the end, or kill it after so many seconds; return the exit code, None if killed."""
    process = play.start("run")
    try:
        return process.wait(seconds or 240)
    except subprocess.TimeoutExpired:
        assert seconds is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def test_a_cluster_moves_what_one_machine_would(play: Season, machines: Machines) -> None:
    machines.scheduler()
    for _ in range(2):
        machines.worker()
    assert run(play) == 0
    whole(play)
    assert set(play.attempts().values()) == {1}
    clustered = dict(play.rows("SELECT key, size || hex(sha256) FROM object"))

    alone = play.call("run", "--dry-run", expect=0)
    assert alone["batches"] == [] or all(one["objects"] == 0 for one in alone["batches"])
    play.plan["migration"], play.plan["engine"] = "alone", {"kind": "local", "processes": 1}
    play.plan["datasets"][0]["target"]["prefix"] = "alone/"
    play.write()
    play.call("run", expect=0)
    assert dict(play.rows("SELECT key, size || hex(sha256) FROM object")) == clustered


def status(play: Season, wanted: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Ask for the status until it shows workers as wanted."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        done = looked(play, "--json")
        workers: list[dict[str, Any]] = json.loads(done).get("workers", [])
        if wanted(workers):
            return workers
        time.sleep(0.2)
    raise AssertionError(done)


def looked(play: Season, *more: str) -> str:
    """Return what `status` prints, be it that no run has begun."""
    environ = os.environ | play.environ
    return command("status", str(play.path), *more, cwd=play.folder, env=environ).stdout


def working(many: int) -> Callable[[list[dict[str, Any]]], bool]:
    return lambda seen: sum(one["state"] == "works" for one in seen) == many


def test_status_shows_who_works_and_a_run_says_when_nobody_does(
    play: Season, machines: Machines
) -> None:
    play.plan["limits"] = {"bandwidth": "100KiB/s"}
    play.write()
    machines.scheduler()
    for _ in range(2):
        machines.worker()
    with (play.folder / "said").open("w") as said:
        process = play.start("run", said=said)
        try:
            seen = status(play, working(2))
            assert [one["share"] for one in seen] == [0.5, 0.5]
            assert all(one["orders_at_most"] > 0 and one["why"] is None for one in seen)
            text = looked(play)
            assert all(one["worker"] in text for one in seen)
            for worker in machines.workers:
                worker.kill()
            (one, other) = status(play, working(0))
            assert (one["state"], other["state"]) == ("gone", "gone")
            assert "no worker of the cluster takes orders" in looked(play)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    told = (play.folder / "said").read_text()
    assert "is gone (it has left): 0 at work; what it held is handed out again" in told
    assert "paused: no worker of the cluster takes orders" in told
    assert "workers" not in json.loads(looked(play, "--json"))


def test_whoever_is_killed_the_end_is_the_same(play: Season, machines: Machines) -> None:
    scheduler = machines.scheduler()
    for _ in range(2):
        machines.worker()
    seeded = random.Random(7)
    for number in range(4):
        process = play.start("run")
        time.sleep(seeded.uniform(1.5, 6.0))
        if number == 2:
            scheduler.kill()
            scheduler.wait()
            process.wait(240)
            assert process.returncode in {0, 7}
            scheduler = machines.scheduler()
            for worker in machines.workers:
                worker.kill()
            machines.workers.clear()
            for _ in range(2):
                machines.worker()
            continue
        machines.replace(number % 2)
        time.sleep(seeded.uniform(0.0, 3.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert run(play) == 0
    whole(play)
    assert play.rows("SELECT count(*) FROM finding WHERE closed = 0") == [(0,)]
