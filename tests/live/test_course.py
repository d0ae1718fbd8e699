"""Pause, resume, limit and windows at the real command line, from another terminal than the run's.

How soon something is heard is not measured here: that would be a verdict on the machine.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import Exit
from hdh_migrate.events.course import RateSet, RunHeldUp, RunInstructed
from hdh_migrate.events.event import Event
from hdh_migrate.session.desk import Desk
from tests.support.command import command as started
from tests.support.errand import BUCKET, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.processes import LONG
from tests.support.quiet import Notes
from tests.support.strict_s3 import Manner, StrictS3

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.waits]

E = TypeVar("E", bound=Event)

MIB = 1 << 20
NEVER = "windows: {zone: UTC, open: [], exceptions: [{date: 2199-01-01, open: ['00:00-24:00']}]}"


@pytest.fixture
def server() -> Iterator[StrictS3]:
    with StrictS3(Manner()) as started:
        client = s3_client(started)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield started


@pytest.fixture
def job(tmp_path: Path, server: StrictS3) -> Errand:
    return errand(
        tmp_path, endpoint=server.endpoint, access_key=server.access_key,
        secret_key=server.secret_key, big=2 * MIB,
        fetch=lambda key: server.store.buckets[BUCKET].version(key, None).body,
    )  # fmt: skip


class Terminal:
    """One command under way; what it says goes to a file."""

    def __init__(self, job: Errand, *arguments: str) -> None:
        self._heard = job.folder / f"heard-{time.monotonic_ns()}"
        self._heard.touch()
        self.process = job.begin(*arguments, out=Path(os.devnull), err=self._heard)

    @property
    def heard(self) -> str:
        return self._heard.read_text()

    def says(self, words: str) -> None:
        until(lambda: words in self.heard or self.process.poll() is not None)
        assert words in self.heard, self.heard

    def kill(self) -> None:
        self.process.kill_all()

    def ends(self) -> int:
        return self.process.wait(LONG)


def until(seen: Callable[[], object], seconds: float = LONG) -> None:
    began = time.monotonic()
    while not seen():
        assert time.monotonic() - began < seconds
        time.sleep(0.02)


def status(job: Errand) -> dict[str, Any]:
    return job.call("status")[1]


def journal(job: Errand, of: type[E]) -> list[E]:
    ledger = Desk.open(job.plan, None, Notes(), threading.Event(), dry=True).read_ledger()
    try:
        return [one for _, one in ledger.events(of)]
    finally:
        ledger.close()


def change(job: Errand, was: str, now: str) -> None:
    text = job.plan.read_text()
    assert was in text
    job.plan.write_text(text.replace(was, now))


def test_a_run_is_paused_killed_limited_and_resumed_from_another_terminal(job: Errand) -> None:
    change(job, "limits: {", "limits: {bandwidth: 64KiB/s, ")  # half a minute, if nobody says else
    run = Terminal(job, "run")
    until(lambda: (job.folder / ".hdh-migrate/errand/ledger.db").exists() and
          job.call("status")[0] == 0 and status(job)["run"]["alive"]
          and journal(job, RateSet))  # fmt: skip
    code, told = job.call("pause", "--reason", "scans first")
    assert code == Exit.OK
    assert told["paused"]["reason"] == "scans first"
    assert told["run"] is not None
    run.says("waiting: paused by")

    seen = status(job)
    assert not seen["run"]["alive"]  # other verbs may have the ledger
    assert seen["run"]["exit"] == Exit.STOPPED
    assert seen["course"]["paused"]["reason"] == "scans first"
    assert seen["course"]["waiting"]["pid"] == run.process.pid

    run.kill()
    assert status(job)["course"]["waiting"] is None
    code, told = job.call("run")
    assert (code, told["error"]["kind"]) == (Exit.STOPPED, "RunPaused")
    assert "resume PLAN" in told["error"]["hint"]

    waiting = Terminal(job, "run", "--wait")
    waiting.says("waiting: paused by")
    change(job, "limits: {bandwidth: 64KiB/s, ", "limits: {")
    code, told = job.call("limit", "100MiB/s", "--for", "2h")
    assert told["limit"]["bytes_per_second"] == 100 * MIB
    left = seconds_of(told["limit"]["until"]) - seconds_of(told["limit"]["since"])
    assert left == 7200
    job.call("resume")
    assert waiting.ends() == Exit.OK
    job.check_stored()
    assert status(job)["course"]["limit"]["bytes_per_second"] == 100 * MIB
    assert job.call("limit", "--release")[1]["limit"] is None

    said = journal(job, RunInstructed)
    assert [one.what for one in said] == ["pause", "limit", "resume"]
    assert all("@" in one.user for one in said)
    assert [one.why for one in journal(job, RunHeldUp)] == ["pause"]
    assert {one.bytes_per_second for one in journal(job, RateSet)} == {64 << 10, 100 * MIB}


def test_outside_windows_a_run_stops_and_with_wait_goes_on_when_the_plan_says_so(
    job: Errand,
) -> None:
    job.plan.write_text(job.plan.read_text() + f"{NEVER}\nmetrics: {{every: 1s}}\n")
    code, told = job.call("run")
    assert (code, told["error"]["kind"]) == (Exit.STOPPED, "OutsideWindows")
    assert "opens on Tue 2199-01-01 00:00 (UTC)" in told["error"]["message"]
    assert status(job)["course"]["window"] == {
        "zone": "UTC", "open": False, "closes": None, "opens": "2199-01-01T00:00:00.000Z",
    }  # fmt: skip
    waiting = Terminal(job, "run", "--wait", "--metrics-file", str(job.folder / "m.prom"))
    waiting.says("opens on Tue 2199-01-01 00:00 (UTC)")
    first = metric(job, "status_timestamp_seconds")
    until(lambda: metric(job, "status_timestamp_seconds") != first)  # nobody refreshed it
    assert (metric(job, "run_waiting"), metric(job, "run_active")) == ("1", "0")
    who = f"pid {waiting.process.pid} on "
    assert who in started("pause", str(job.plan), env=job.environ).stdout
    waiting.says("waiting: paused by")
    assert who in started("resume", str(job.plan), env=job.environ).stdout
    change(job, "open: [], exc", "open: ['daily 00:00-24:00'], exc")
    assert waiting.ends() == Exit.OK
    assert "it is read again" in waiting.heard
    job.check_stored()
    assert [one.what for one in journal(job, RunInstructed)] == ["pause", "resume"]


def metric(job: Errand, name: str) -> str:
    """Return what the file says of a number."""
    lines = (job.folder / "m.prom").read_text().splitlines()
    (value,) = (one.split()[-1] for one in lines if one.startswith(f"hdh_migrate_{name}{{"))
    return value


@pytest.mark.parametrize("out", ["plan.yaml/report", "data/empty/report", "/proc/report"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_moves(
    job: Errand, out: str
) -> None:
    """Weeks of work ended with that it cannot."""
    code, said = job.call("run", "--out", str(job.folder / out))
    assert (code, said["error"]["kind"]) == (Exit.REFUSED, "Refused")
    assert "no report can be written there" in said["error"]["message"]
    assert not (job.folder / ".hdh-migrate").exists()
    code, said = job.call("run", "--until", "verify", "--out", str(job.folder / "report"))
    assert (code, "--out is where the report goes" in said["error"]["message"]) == (2, True)


def test_who_waits_can_be_told_to_stop(job: Errand) -> None:
    job.plan.write_text(job.plan.read_text() + NEVER + "\n")
    waiting = Terminal(job, "run", "--wait")
    waiting.says("waiting:")
    other = Terminal(job, "run", "--wait")
    assert other.ends() == Exit.LOCKED
    assert f"another run waits already (pid {waiting.process.pid}" in other.heard
    waiting.process.send_signal(signal.SIGTERM)
    assert waiting.ends() == Exit.INTERRUPTED
