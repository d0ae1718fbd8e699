"""The runs so far: those that ended, were killed, were refused, and the one that goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.cli.verbs.history import text_of
from hdh_migrate.errors import AuthFailed, Exit, Refused
from hdh_migrate.events.exchange import ExchangeCount, TrafficCounted
from hdh_migrate.events.objects import ObjectsSent
from hdh_migrate.events.run import RunEnded
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.holding import RunLock
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import bound_ledger
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.run import announce
from hdh_migrate.session.views import past_runs
from hdh_migrate.session.views.history import history
from hdh_migrate.session.views.last_run import LastRunWriter, recording
from tests.support.quiet import Notes, WallClock
from tests.unit.cli.test_watch import plan

__all__ = ["plan"]

FIRST = "2099-11-01T20:00:00.000Z"
STEPS = ("inventory", "transfer", "verify")


class Nights:
    """A plan that is run night after night."""

    def __init__(self, plan: Path) -> None:
        opened = Desk.open(plan, None, Notes(), threading.Event(), dry=True)
        self.clock = WallClock(FIRST)
        self.desk = replace(opened, clock=self.clock)
        with bound_ledger(self.desk, offline(self.clock, self.desk.ledger_path)):
            pass

    def at(self, night: int, hour: int) -> None:
        self.clock.at = f"2099-11-{night:02}T{hour}:00:00.000Z"

    def run(self, night: int, error: Exception | None = None) -> None:
        """Send two objects, and end at 22:00 as is said."""
        with (
            suppress(AuthFailed),
            recording(self.desk, STEPS, ()) as kept,
            self._ledger(night) as on,
        ):
            self._begin(on, kept, night)
            self.at(night, 22)
            on.event(RunEnded(traffic=()))
            if error is not None:
                raise error

    def killed(self, night: int) -> None:
        """Send two objects, and be killed at 21:00."""
        with self._ledger(night) as on:
            self._begin(on, recording(self.desk, STEPS, ()).__enter__(), night)

    @contextmanager
    def _ledger(self, night: int) -> Iterator[SqliteLedger]:
        self.at(night, 20)
        ledger = SqliteLedger.open(self.desk.ledger_path, self.clock)
        try:
            yield ledger
        finally:
            ledger.commit()
            ledger.close()

    def _begin(self, on: SqliteLedger, kept: LastRunWriter, night: int) -> None:
        announce(self.desk, on, STEPS, ())
        kept.begins()
        self.at(night, 21)
        passed = ExchangeCount(
            side="target", endpoint="http://x", requests=2, bytes_read=3, bytes_written=500
        )
        on.event(TrafficCounted(since=FIRST, batch=None, step="transfer", traffic=(passed,)))
        on.event(ObjectsSent(ids=(1, 2), rows_sha256="0" * 64))

    def refused(self, night: int, error: Exception) -> None:
        self.at(night, 20)
        with pytest.raises(type(error)), recording(self.desk, STEPS, ()):
            raise error


@pytest.fixture
def nights(plan: Path) -> Nights:
    return Nights(plan)


def test_each_run_is_told_with_how_it_ended_and_what_passed(nights: Nights) -> None:
    nights.run(1)
    nights.killed(2)
    nights.run(3, AuthFailed("the source refuses the credential"))
    nights.refused(4, Refused("preflight refuses to go on"))

    told = history(nights.desk, 20)

    assert [(one["state"], one["exit"], one["sent"]) for one in told["runs"]] == [
        ("ended", Exit.OK, 2), ("killed", None, 2), ("ended", Exit.AUTH, 2),
        ("refused", Exit.REFUSED, 0),
    ]  # fmt: skip
    assert told["runs"][1]["ended"] == "2099-11-02T21:00:00.000Z"  # when it was last heard of
    assert told["runs"][2]["why"] == "the source refuses the credential"
    assert {one["target_written"] for one in told["runs"]} == {500, 0}
    text = text_of(told)
    assert "2099-11-03 20:00Z  2 h 00 min  9 " in text
    assert "\n  preflight refuses to go on" in text


def test_only_the_last_ones_are_shown_and_how_many_were_before(nights: Nights) -> None:
    for night in range(1, 4):
        nights.run(night)
    told = history(nights.desk, 2)
    assert [one["began"] for one in told["runs"]] == [
        "2099-11-02T20:00:00.000Z", "2099-11-03T20:00:00.000Z",
    ]  # fmt: skip
    assert text_of(told).endswith("1 earlier run: --last 3 shows all of them")


def test_the_run_that_goes_on_is_no_killed_one(nights: Nights) -> None:
    nights.killed(1)
    lock = RunLock(nights.desk.ledger_path.with_name("lock"))
    try:
        assert history(nights.desk, 1)["runs"][0]["state"] == "under way"
    finally:
        lock.release()


def test_a_line_that_a_full_disk_cut_off_is_left_out(nights: Nights) -> None:
    nights.run(1)
    path = nights.desk.ledger_path.with_name(past_runs.FILE)
    path.write_bytes(path.read_bytes() + b'\n{"pid": ')
    nights.run(2)
    assert [one["exit"] for one in history(nights.desk, 9)["runs"]] == [Exit.OK, Exit.OK]
    path.unlink()  # nor is the last one lost then: its end has room of its own
    assert [one["exit"] for one in history(nights.desk, 9)["runs"]] == [None, Exit.OK]
    nights.run(3)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    run = {"pid": os.getpid(), "steps": ["x" * 100_000], "batches": [], "began": None,
           "ended": "2099-11-01T20:00:00Z", "exit": 0, "why": None}  # fmt: skip
    for _ in range(22):
        past_runs.remember(tmp_path, run)
    assert (tmp_path / past_runs.FILE).stat().st_size < past_runs.BYTES_MAX
    assert past_runs.remembered(tmp_path)
