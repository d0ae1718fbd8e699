"""How the last run ended is told whatever ended it, without a word that may name an object."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from hdh_migrate.clocks import Judge, seconds_of
from hdh_migrate.errors import (
    AuthFailed,
    ClocksDiffer,
    Exit,
    Fenced,
    LedgerLocked,
    NoSpace,
    PlanChanged,
    Refused,
    TooEarly,
)
from hdh_migrate.events.event import Event
from hdh_migrate.events.fence import FenceTaken
from hdh_migrate.ledger.holding import RunLock
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import bound_ledger
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.views.at_work import was_killed, work_of
from hdh_migrate.session.views.last_run import FILE, WHY_MAX, last_run, recording, recording_on
from tests.support.quiet import Notes, WallClock
from tests.unit.cli.test_watch import plan

__all__ = ["plan"]


@pytest.fixture
def desk(plan: Path) -> Desk:
    return Desk.open(plan, None, Notes(), threading.Event(), dry=True)


def ends(desk: Desk, error: BaseException, *, begins: bool = True) -> None:
    with pytest.raises(type(error)):
        _run(desk, error, begins=begins)


def _run(desk: Desk, error: BaseException, *, begins: bool) -> None:
    with recording(desk, ("transfer",), ("pilot",)) as told:
        if begins:
            told.begins()
        raise error


def test_a_run_that_ends_well_tells_its_code(desk: Desk) -> None:
    assert last_run(desk) is None
    with recording(desk, ("transfer",), ()) as told:
        told.begins()
        told.code = Exit.FINDINGS
    found = last_run(desk)
    assert found is not None
    assert (found.pid, found.exit, found.why) == (os.getpid(), Exit.FINDINGS, None)
    assert desk.ledger_path.with_name(FILE).stat().st_mode & 0o777 == 0o600


def test_what_ended_it_is_told_in_one_line(desk: Desk) -> None:
    ends(desk, Refused("preflight refuses to go on", blockers=["source x: no right"]))
    found = last_run(desk)
    assert found is not None
    assert (found.exit, found.why) == (3, "preflight refuses to go on; source x: no right")
    ends(desk, Refused("the plan changes what is bound:\n  datasets[more]: added\n  seal: other"))
    found = last_run(desk)
    assert found is not None
    assert found.why == "the plan changes what is bound: datasets[more]: added; seal: other"


def test_what_is_too_long_to_be_told_whole_says_so(desk: Desk) -> None:
    ends(desk, Refused("refused", blockers=[f"object {number}: no" for number in range(100)]))
    found = last_run(desk)
    assert found is not None
    assert found.why is not None
    assert (len(found.why) <= WHY_MAX, found.why[-4:]) == (True, " ...")


def test_a_run_of_hundreds_of_batches_is_no_run_that_nobody_can_read(desk: Desk) -> None:
    """A kill of it was told by nobody: not by status, not by a notice."""
    batches = [f"batch-of-the-year-{number:04}" for number in range(1000)]
    with recording(desk, ("transfer",), batches) as kept:
        kept.begins()
    found = last_run(desk)
    assert found is not None
    assert found.batches == batches


@pytest.mark.parametrize("after", [False, True], ids=["in a step", "in the report"])
def test_a_run_that_a_full_disk_ends_was_not_killed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """`status` said that it was killed, for how it ended found no room either."""
    batches = [f"batch-of-the-year-{number:04}" for number in range(1000)]
    with recording(desk, ("transfer",), batches) if after else nullcontext() as told:
        if told is not None:
            told.begins()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fills() -> None:
        with recording_on(desk, Exit.OK) if after else recording(desk, (), batches) as kept:
            if not after:
                kept.begins()
            monkeypatch.setattr(tempfile, "mkstemp", full)
            raise NoSpace("/state: no space left on the disk " + "\u00e9" * WHY_MAX)

    with pytest.raises(NoSpace):
        fills()
    found = last_run(desk)
    assert found is not None
    assert (found.exit, found.troubled, found.batches) == (Exit.STOPPED, True, batches)


def test_a_report_that_fails_after_the_steps_is_how_the_run_ended(desk: Desk) -> None:
    """It ended with 3, and status and notices said that nothing was left open."""
    _done(desk)
    with pytest.raises(Refused), recording_on(desk, Exit.OK):
        raise Refused("the folder is in use")
    found = last_run(desk)
    assert found is not None
    assert (found.exit, found.why, found.steps) == (3, "the folder is in use", ["transfer"])
    with recording_on(desk, Exit.OK) as kept:
        kept.code = Exit.FINDINGS
    found = last_run(desk)
    assert found is not None
    assert (found.exit, found.why) == (Exit.FINDINGS, None)


def test_what_comes_after_the_steps_leaves_the_next_run_alone(desk: Desk) -> None:
    _done(desk)
    path = desk.ledger_path.with_name(FILE)
    path.write_text(path.read_text().replace(f'"pid": {os.getpid()}', '"pid": 1'))
    before = path.read_text()
    with pytest.raises(Refused), recording_on(desk, Exit.OK):
        raise Refused("the folder is in use")
    assert path.read_text() == before


def _done(desk: Desk) -> None:
    with recording(desk, ("transfer",), ()) as kept:
        kept.begins()


def test_a_run_that_had_no_ledger_yet_tells_too(desk: Desk) -> None:
    ends(desk, AuthFailed("the SAS has expired"), begins=False)
    found = last_run(desk)
    assert found is not None
    assert (found.began, found.exit, found.why) == (None, 9, "the SAS has expired")


def test_words_of_an_error_that_nobody_foresaw_are_not_kept(desk: Desk) -> None:
    ends(desk, ValueError("DUPONT-Jeanne-1961.dcm"))
    found = last_run(desk)
    assert found is not None
    assert (found.exit, found.why) == (1, "ValueError")


def test_who_is_locked_out_or_refused_leaves_the_run_under_way_alone(desk: Desk) -> None:
    lock = RunLock(desk.ledger_path.with_name("lock"))
    with recording(desk, ("verify",), ()) as told:
        told.begins()
        before = desk.ledger_path.with_name(FILE).read_bytes()
        ends(desk, LedgerLocked("another run holds the ledger"), begins=False)
        ends(desk, AuthFailed("expired"), begins=False)
        assert desk.ledger_path.with_name(FILE).read_bytes() == before
    lock.release()


def test_a_run_that_was_killed_is_told_from_one_that_goes_on(desk: Desk) -> None:
    with bound_ledger(desk, offline(desk.clock, desk.ledger_path)) as ledger:
        told = recording(desk, ("transfer",), ())
        told.__enter__().begins()
        work = work_of(desk, ledger)
        assert (work["alive"], work["steps"], was_killed(work)) == (True, ["transfer"], False)
    ledger = desk.read_ledger()
    work = work_of(desk, ledger)
    ledger.close()
    assert (work["alive"], work["exit"], was_killed(work)) == (False, None, True)


def a_moment_passes(desk: Desk) -> None:
    """Wait until the clock shows another moment, so that what comes is later."""
    began = desk.clock.now()
    while desk.clock.now() == began:
        time.sleep(0.001)


def over(desk: Desk) -> bool:
    ledger = desk.read_ledger()
    try:
        return work_of(desk, ledger)["over"]
    finally:
        ledger.close()


def test_what_locked_a_run_out_is_over_once_its_ledger_took_the_target_over(desk: Desk) -> None:
    """It stood in `status --check` until the next run, which nothing may ask for any more."""
    _journal(desk, FenceTaken(bucket="dst", epoch=0, nonce="n", firm=True))
    a_moment_passes(desk)
    ends(desk, Fenced("another ledger writes there"))
    assert not over(desk)
    a_moment_passes(desk)
    _journal(desk, FenceTaken(bucket="dst", epoch=1, nonce="m", firm=True))
    assert over(desk)
    ends(desk, AuthFailed("the SAS has expired"))
    assert not over(desk)


def test_a_plan_that_was_not_as_it_is_bound_is_over_once_it_is(desk: Desk) -> None:
    """After `amend` status went on saying that the batch is bound to what the plan changes."""
    _journal(desk, FenceTaken(bucket="dst", epoch=0, nonce="n", firm=True))
    ends(desk, PlanChanged(["datasets[a].exclude[x]: added"]))
    assert over(desk)
    ends(desk, Refused("preflight refuses to go on"))
    assert not over(desk)


def test_what_was_refused_for_the_time_is_over_when_that_has_come(desk: Desk) -> None:
    for ahead, expected in ((3600, False), (-3600, True)):
        until = seconds_of(desk.clock.now()) + ahead
        ends(desk, TooEarly("not before that day", until=until))
        assert over(desk) is expected
    _journal(desk, FenceTaken(bucket="dst", epoch=0, nonce="n", firm=True))
    judge = Judge(WallClock(ahead=-7200), journal=desk.clock.now)
    with pytest.raises(ClocksDiffer) as behind:
        judge.now()
    assert behind.value.until is not None
    ends(desk, behind.value)
    time.sleep(0.002)  # that moment is in whole milliseconds
    assert over(desk)


def _journal(desk: Desk, event: Event) -> None:
    with bound_ledger(desk, offline(desk.clock, desk.ledger_path)) as ledger:
        ledger.event(event)
        ledger.commit()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": null, "steps": 3}'])
def test_a_file_that_cannot_be_read_is_none(desk: Desk, text: str) -> None:
    desk.ledger_path.with_name(FILE).write_text(text)
    assert last_run(desk) is None
    ledger = desk.read_ledger()
    assert work_of(desk, ledger)["ended"] is None
    ledger.close()


def test_a_file_that_cannot_be_written_stops_no_run(desk: Desk) -> None:
    desk.ledger_path.with_name(FILE).mkdir()
    with recording(desk, ("transfer",), ()) as told:
        told.begins()
    assert last_run(desk) is None
