"""A whole run through a cluster whose processes are killed, beside one on a single machine."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import command
from tests.support.fixtures import Bucket, Container
from tests.support.machines import Machines, clustered, compare_with_one_machine, run, whole
from tests.support.processes import LONG
from tests.support.proxy import Proxy, Upstream
from tests.support.season import Season
from tests.support.wire import Hangup, Reply, Request

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.waits]


@pytest.fixture
def play(tmp_path: Path, container: Container, bucket: Bucket) -> Season:
    return clustered(tmp_path, container, bucket)


@pytest.fixture
def machines(play: Season) -> Iterator[Machines]:
    with ExitStack() as stack:
        yield Machines(play, stack)


def test_a_cluster_moves_what_one_machine_would(play: Season, machines: Machines) -> None:
    machines.schedule()
    for _ in range(2):
        machines.worker()
    assert run(play) == 0
    whole(play)
    assert set(play.attempts().values()) == {1}
    again = play.call("run", "--dry-run", expect=0)
    assert again["batches"] == [] or all(one["objects"] == 0 for one in again["batches"])
    compare_with_one_machine(play)


def test_an_object_that_kills_three_processes_is_left_out_and_the_next_run_sends_it(
    play: Season, machines: Machines
) -> None:
    """Whoever reads it dies; nothing else is blamed, and nobody asks for it a fourth time."""
    with Proxy(play.container.server.url) as source:
        play.plan["source"]["account_url"] = source.url
        play.write()
        machines.schedule()
        for _ in range(2):
            machines.worker()

        killed = list[bool]()

        def die(request: Request, _: Upstream) -> Reply:
            killed.append(machines.kill_who_asked(request.peer))
            raise Hangup

        source.rule(match=_reads_poison, action=die)
        assert run(play) == 4
        assert sum(killed) == 3
        open_ones = "SELECT code FROM finding WHERE closed = 0"
        assert play.rows(open_ones) == [("worker-lost",)]
        assert play.counted() == {"pilot": {"verified": 40, "failed": 1}}
        source.clear()
        assert run(play) == 0
        assert play.rows(open_ones) == []
        whole(play)


def _reads_poison(request: Request) -> bool:
    return request.method == "GET" and request.path.endswith("/pmsi/7.csv")


def status(play: Season, wanted: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Ask for the status until it shows workers as wanted."""
    until = time.monotonic() + LONG
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
    machines.schedule()
    for _ in range(2):
        machines.worker()
    process = play.start("run", said=play.folder / "said")
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
        process.kill_all()
    told = (play.folder / "said").read_text()
    assert "is gone (it has left): 0 at work; what it held is handed out again" in told
    assert "paused: no worker of the cluster takes orders" in told
    assert "workers" not in json.loads(looked(play, "--json"))
