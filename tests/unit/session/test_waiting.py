"""Who waits goes on by itself, looks at the world anew, and waits for nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hdh_migrate.cli.hours import heard_by
from hdh_migrate.errors import (
    HeldUp,
    Interrupted,
    LedgerLocked,
    OutsideWindows,
    Refused,
    RunPaused,
    TooEarly,
)
from hdh_migrate.ledger.holding import RunLock
from hdh_migrate.model import Instruction, InstructionKind
from hdh_migrate.results.courses import InstructionGiven
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.instruct import instruct
from hdh_migrate.session.verbs.waiting import through
from hdh_migrate.session.views.course import WAITING, course_of
from tests.support.quiet import Notes
from tests.unit.cli.test_watch import plan

__all__ = ["plan"]

NOW = "2026-11-26T10:00:00.000Z"
NEVER = "windows: {zone: UTC, open: [], exceptions: [{date: 2199-01-01, open: ['01:00-02:00']}]}"


class Minutes(threading.Event):
    """Each wait ends at once, and something happens meanwhile."""

    def __init__(self, *happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = list(happens)
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        assert len(self.waits) < 1000, "it waits for ever"
        self.waits.append(timeout)
        if self._happens:
            self._happens.pop(0)()
        return self.is_set()


class Play:
    """One plan, its instructions, and a verb that is held up by what a test says."""

    def __init__(self, path: Path) -> None:
        self.path, self.notes = path, Notes()
        self.stop = Minutes()
        self.held: list[Exception] = []
        self.acts = 0
        self.attended: str | None = None
        self.refuses: list[Exception] = []
        self.watched: list[str] = []
        """The digest of each plan under which somebody looked on."""

    def desk(self) -> Desk:
        return Desk.open(self.path, None, self.notes, self.stop, dry=True)

    def say(self, kind: InstructionKind) -> None:
        number = f"{kind}-{len(self.desk().instructions.read())}"
        self.desk().instructions.add(
            Instruction(id=number, kind=kind, user="ops@here", at=NOW, rate=None)
        )

    def act(self, desk: Desk) -> str:
        del desk
        self.acts += 1
        if self.held:
            raise self.held.pop(0)
        return "done"

    def through(self, *, waits: bool) -> str:
        return through(self.desk, self.act, waits=waits, attending=self.attending)

    @contextmanager
    def attending(self, desk: Desk) -> Iterator[None]:
        assert self.attended is None, "two at once"
        if self.refuses:
            raise self.refuses.pop(0)
        self.attended = desk.loaded.digest
        self.watched.append(self.attended)
        try:
            yield
        finally:
            self.attended = None


@pytest.fixture
def play(plan: Path) -> Play:
    return Play(plan)


def under_way() -> RunPaused:
    held = RunPaused("paused")
    held.under_way = True
    return held


def outside(until: str | None = "2199-01-01T00:00:00.000Z") -> OutsideWindows:
    return OutsideWindows("no window is open", until=until)


@pytest.mark.parametrize(
    "held", [RunPaused("paused"), outside(), TooEarly("later", until=9e9)], ids=str
)
def test_who_does_not_wait_is_told_at_once(play: Play, held: HeldUp) -> None:
    play.held = [held]
    with pytest.raises(type(held)):
        play.through(waits=False)
    assert play.stop.waits == []


def test_a_run_that_was_at_work_when_it_was_paused_goes_on_when_somebody_resumes(
    play: Play,
) -> None:
    play.say(InstructionKind.PAUSE)
    play.held = [under_way()]
    play.stop = Minutes(lambda: None, lambda: None, lambda: play.say(InstructionKind.RESUME))
    assert play.through(waits=False) == "done"
    assert play.acts == 2
    assert play.notes.lines[-1] == "going on"
    assert sum("waiting: paused by ops@here" in one for one in play.notes.lines) == 1


def test_it_may_be_paused_again_before_it_is_at_work_again(play: Play) -> None:
    play.held = [under_way(), RunPaused("paused")]
    assert play.through(waits=False) == "done"
    assert play.acts == 3


@pytest.mark.slow
def test_outside_windows_it_sleeps_until_the_plan_has_others(play: Play) -> None:
    text = play.path.read_text()
    day = "{date: 2199-01-01, open: ['01:00-02:00']}"
    never = f"windows: {{zone: UTC, open: [], exceptions: [{day}]}}"
    play.path.write_text(f"{text}\n{never}\n")
    play.held = [outside()]
    play.stop = Minutes(lambda: None, lambda: play.path.write_text(text))
    assert play.through(waits=True) == "done"
    assert any("opens on Tue 2199-01-01 01:00 (UTC)" in one for one in play.notes.lines)
    assert any("it is read again" in one for one in play.notes.lines)


def test_a_plan_that_is_being_saved_is_read_when_all_of_it_is_written(play: Play) -> None:
    """Half of it was read at once, was no plan, and ended a run that waited for the night."""
    text = play.path.read_text()
    play.say(InstructionKind.PAUSE)
    play.held = [under_way()]
    play.stop = Minutes(
        lambda: play.path.write_text(text[: len(text) // 2]),
        play.path.unlink,
        lambda: play.path.write_text(text),
        lambda: play.say(InstructionKind.RESUME),
    )
    assert play.through(waits=True) == "done"
    assert play.notes.lines.count("the plan's file was changed: it is read again") == 1


def test_a_plan_that_somebody_spoilt_is_waited_for_and_said_once(play: Play) -> None:
    """A slip of the pen at 23:00 ended a run that waited for the night."""
    text = play.path.read_text()
    play.say(InstructionKind.PAUSE)
    play.held = [under_way()]
    play.stop = Minutes(
        lambda: play.path.write_text(text.replace("version: 1", "vresion: 1")),
        *[lambda: None] * 6,
        lambda: play.path.write_text(text),
        lambda: play.say(InstructionKind.RESUME),
    )

    assert play.through(waits=True) == "done"

    said = [one for one in play.notes.lines if "waiting until the plan can be read again" in one]
    assert len(said) == 1
    assert "vresion" in said[0] or "version" in said[0]


def test_windows_that_never_open_again_are_not_waited_for(play: Play) -> None:
    play.held = [outside(until=None)]
    with pytest.raises(OutsideWindows):
        play.through(waits=True)


def test_what_cannot_be_seen_from_here_is_not_tried_without_a_rest(play: Play) -> None:
    """The endpoints' clocks say that it is not time yet; ours says that it is."""
    play.held = [outside(), outside()]
    assert play.through(waits=True) == "done"
    assert len(play.stop.waits) == 2
    assert min(play.stop.waits) >= 5


def test_it_waits_for_a_day_and_then_for_whoever_has_the_ledger(play: Play) -> None:
    play.held = [TooEarly("later", until=1.0), LedgerLocked("another run"), LedgerLocked("again")]
    assert play.through(waits=True) == "done"
    assert play.acts == 4
    assert sum("holds the ledger" in one for one in play.notes.lines) == 1  # not every 5 seconds
    play.held = [LedgerLocked("another run")]
    with pytest.raises(LedgerLocked):
        play.through(waits=True)


def test_whatever_else_ends_it_is_not_waited_for(play: Play) -> None:
    play.held = [under_way(), Refused("the plan")]
    with pytest.raises(Refused, match="the plan"):
        play.through(waits=True)


def test_who_waits_is_seen_is_alone_and_can_be_stopped(play: Play) -> None:
    play.say(InstructionKind.PAUSE)
    play.held = [RunPaused("paused")]
    seen: list[object] = []

    def stopped() -> None:
        seen.append(course_of(play.desk(), NOW)["waiting"])
        play.stop.set()

    play.stop = Minutes(stopped)
    with pytest.raises(Interrupted):
        play.through(waits=True)
    (waiting,) = seen
    assert waiting is not None
    assert course_of(play.desk(), NOW)["waiting"] is None

    lock = RunLock(play.desk().ledger_path.with_name(WAITING))
    play.stop, play.held = Minutes(), [RunPaused("paused")]
    with pytest.raises(LedgerLocked, match="another run waits already"):
        play.through(waits=True)
    lock.release()


@pytest.mark.slow
def test_who_looks_on_does_so_while_it_waits_and_by_the_plan_as_it_is_then(play: Play) -> None:
    """A night's wait told nobody that a credential ended in it, and no port answered."""
    text, seen = play.path.read_text(), list[bool]()
    play.held = [outside(), LedgerLocked("another run")]
    play.path.write_text(f"{text}\n{NEVER}\n")

    def looked() -> None:
        seen.append(play.attended is not None)

    def spoilt() -> None:
        looked()
        play.path.write_text("version: 1")

    def mended() -> None:
        looked()
        play.path.write_text(text)

    play.stop = Minutes(looked, spoilt, *[looked] * 5, mended, *[looked] * 20)
    assert play.through(waits=True) == "done"
    assert len(seen) > 8
    assert all(seen)
    assert play.attended is None
    assert len(set(play.watched)) == 2


def test_who_pauses_hears_that_a_run_waits_and_acts_on_it(play: Play) -> None:
    """`pause` said that no run was under way while one waited for its window."""
    text = play.path.read_text()
    play.path.write_text(f"{text}\n{NEVER}\n")
    play.held = [outside()]
    given: list[InstructionGiven] = []

    def say(kind: InstructionKind) -> Callable[[], None]:
        return lambda: given.append(instruct(play.desk(), kind))

    play.stop = Minutes(
        say(InstructionKind.PAUSE), lambda: None, say(InstructionKind.RESUME), lambda: None,
        lambda: play.path.write_text(text),
    )  # fmt: skip
    assert play.through(waits=True) == "done"
    assert [one["run"] for one in given] == [None, None]
    for one in given:
        who = heard_by(one)
        assert who is not None
        assert who.startswith(f"the run that waits (pid {os.getpid()} on ")
    said = [one.partition(":")[0] for one in play.notes.lines if one.startswith("waiting")]
    assert len(said) == 3  # for the window, for whoever paused, for the window again
    assert heard_by(instruct(play.desk(), InstructionKind.PAUSE)) is None


def test_who_cannot_look_on_any_more_ends_no_wait(play: Play) -> None:
    """A program of `notify` that was moved in the evening ended a run that waited for the night."""
    play.refuses = [Refused("notify room: there is no program")]
    with pytest.raises(Refused, match="notify room"):
        play.through(waits=True)
    assert play.acts == 0
    play.held = [RunPaused("paused"), RunPaused("paused")]
    play.stop = Minutes(lambda: play.refuses.append(Refused("notify room: there is no program")))
    assert play.through(waits=True) == "done"
    assert [one for one in play.notes.lines if "notify room" in one] == [
        "notify room: there is no program; the run goes on, and no notices of it are sent meanwhile"
    ]
    assert len(play.watched) == 2  # the first turn, and the last one, when it was mended
