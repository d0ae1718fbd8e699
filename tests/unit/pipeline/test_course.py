"""Whether a run may go on, and how fast, by a clock that a test moves, jumps included."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from hdh_migrate.clocks import Judge, seconds_of, text_of_seconds
from hdh_migrate.errors import (
    ClocksDiffer,
    Exit,
    OutsideWindows,
    PermitEnded,
    RunPaused,
    Stopped,
)
from hdh_migrate.events.course import RateSet, RunHeldUp, RunInstructed
from hdh_migrate.hours.timetable import Timetable
from hdh_migrate.hours.weekly import hours_of_a_week
from hdh_migrate.hours.windows import Windows
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Instruction, InstructionKind, Role
from hdh_migrate.pipeline.pace.course import GATE_SECONDS, LOOK_SECONDS, Course
from tests.support.serial import SerialEngine
from tests.support.workshop import Workshop

PARIS = "Europe/Paris"
NIGHTS = Windows(zone=PARIS, week=hours_of_a_week("daily 19:00-07:00"))
BY_DAY = Timetable(default=800, zone=PARIS, hours=((hours_of_a_week("daily 08:00-19:00"), 100),))
KIND = InstructionKind


class Hand:
    """A clock that goes on with its hand alone; its monotonic side goes on by itself."""

    def __init__(self, at: str) -> None:
        self.at = seconds_of(at)
        self._passed = 0.0

    def now(self) -> str:
        return text_of_seconds(self.at)

    def monotonic(self) -> float:
        self._passed += LOOK_SECONDS
        return self._passed

    def passed(self, seconds: float) -> None:
        self._passed += seconds


class Said:
    """Instructions of a test."""

    def __init__(self) -> None:
        self.all: tuple[Instruction, ...] = ()

    def read(self) -> Sequence[Instruction]:
        return self.all

    def forget(self, ids: Collection[str]) -> None:
        self.all = tuple(one for one in self.all if one.id not in ids)

    def redate(self, heard: Instruction) -> None:
        self.all = tuple(heard if one.id == heard.id else one for one in self.all)

    def say(self, kind: InstructionKind, at: str, **more: object) -> None:
        number = f"{at}-{len(self.all)}-{kind}"
        fields = {"id": number, "kind": kind, "user": "ops@here", "at": at} | more
        self.all = (*self.all, Instruction(**fields))  # type: ignore[arg-type]


class Stage:
    """A course with its clock, its journal and an engine that tells what it was told."""

    def __init__(self, folder: Path, at: str, *, said: Said | None = None, **more: object) -> None:
        self.clock, self.said = Hand(at), Said() if said is None else said
        self.ledger = SqliteLedger.open(folder / "ledger.db", self.clock)
        self.limits: list[float | None] = []
        self.engine = SerialEngine(Workshop({}), limit=self.limits.append)
        self.judge = Judge(self.clock, journal=self.ledger.last_at)
        fields: dict[str, object] = {"rates": lambda _: (BY_DAY,), "windows": NIGHTS, **more}
        self.course = Course(
            self.ledger, self.judge, self.clock, instructions=self.said, **fields  # type: ignore[arg-type]
        )  # fmt: skip

    def held(self) -> type[Stopped] | None:
        found = self.course.stops()
        return None if found is None else type(found)

    def rate(self, role: Role = Role.MOVE) -> float | None:
        """Return the ceiling that the engine has now."""
        self.course.steer(self.engine, role)
        return self.limits[-1]

    def jump(self, at: str) -> None:
        self.clock.at = seconds_of(at)


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[list[Stage]]:
    made: list[Stage] = []
    yield made
    for one in made:
        one.ledger.close()


def test_three_days_of_jumps_over_a_change_of_clocks(tmp_path: Path, stages: list[Stage]) -> None:
    """From Friday to Monday; on Sunday morning Paris loses the hour from two to three."""
    stage = Stage(tmp_path, "2027-03-26T12:00:00+01:00")
    stages.append(stage)
    end, seen = seconds_of("2027-03-29T12:00:00+02:00"), set[tuple[bool, float | None]]()
    steps = [60.0, 17 * 60.0, 61 * 60.0, 3.0, 29 * 60.0, 5 * 3600.0]
    number = 0
    while stage.clock.at < end:
        open_now = NIGHTS.is_open(stage.clock.at)
        assert stage.held() is (None if open_now else OutsideWindows)
        rate = stage.rate()
        assert rate == BY_DAY.rate(stage.clock.at)
        seen.add((open_now, rate))
        stage.clock.at += steps[number % len(steps)]
        number += 1
    assert seen == {(True, 800), (False, 100), (False, 800)}
    changes = [one.bytes_per_second for _, one in stage.ledger.events(RateSet)]
    assert all(one != other for one, other in pairwise(changes))
    assert [one.why for _, one in stage.ledger.events(RunHeldUp)] == ["window"]


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2027-03-28T06:59:59+02:00", None),
        ("2027-03-28T07:00:00+02:00", "2027-03-28T17:00:00.000Z"),
        ("2026-10-25T02:30:00+02:00", None),  # it comes twice, and both are in the night
        ("2026-10-25T02:30:00+01:00", None),
        ("2026-10-25T07:00:00+01:00", "2026-10-25T18:00:00.000Z"),
    ],
)
def test_a_window_ends_at_the_second_and_says_when_the_next_one_opens(
    tmp_path: Path, stages: list[Stage], at: str, until: str | None
) -> None:
    stage = Stage(tmp_path, at)
    stages.append(stage)
    held = stage.course.stops()
    assert (held.until if isinstance(held, OutsideWindows) else held) == until
    if until is None:
        stage.course.demand()
    else:
        with pytest.raises(OutsideWindows, match=r"opens on Sun 20\d\d-\d\d-\d\d 19:00"):
            stage.course.demand()
    stage.course.demand(moving=False)  # listing moves no bytes: it may be done at any hour


def test_a_clock_that_went_back_gives_no_permission(tmp_path: Path, stages: list[Stage]) -> None:
    stage = Stage(tmp_path, "2027-03-26T08:00:00+01:00")
    stages.append(stage)
    assert stage.held() is OutsideWindows  # and the journal says so
    stage.jump("2027-03-26T06:00:00+01:00")
    with pytest.raises(ClocksDiffer):
        stage.course.stops()


def test_windows_that_are_over_for_good_say_so(tmp_path: Path, stages: list[Stage]) -> None:
    over = Windows(zone=PARIS, week=((),) * 7, exceptions={20_000: ((0, 60),)})
    stage = Stage(tmp_path, "2027-03-26T08:00:00+01:00", windows=over)
    stages.append(stage)
    held = stage.course.stops()
    assert isinstance(held, OutsideWindows)
    assert held.until is None
    assert "opens any more" in str(held)


# --- what people say -----------------------------------------------------------------------------

NIGHT = "2027-03-26T22:00:00+01:00"


def test_a_pause_holds_until_somebody_resumes(tmp_path: Path, stages: list[Stage]) -> None:
    stage = Stage(tmp_path, NIGHT)
    stages.append(stage)
    assert stage.held() is None
    stage.said.say(KIND.PAUSE, stage.clock.now(), reason="backup")
    held = stage.course.stops()
    assert isinstance(held, RunPaused)
    assert held.under_way
    assert "ops@here" in str(held)
    assert "backup" in str(held)
    with pytest.raises(RunPaused):
        stage.course.demand(moving=False)
    stage.said.say(KIND.RESUME, stage.clock.now())
    assert stage.held() is None
    assert [one.why for _, one in stage.ledger.events(RunHeldUp)] == ["pause"]


def test_a_limit_counts_where_it_is_lower_and_ends_by_itself(
    tmp_path: Path, stages: list[Stage]
) -> None:
    stage = Stage(tmp_path, NIGHT)
    stages.append(stage)
    assert stage.rate() == 800
    until = text_of_seconds(stage.clock.at + 7200)
    stage.said.say(KIND.LIMIT, stage.clock.now(), rate=300, until=until)
    assert stage.rate() == 300
    stage.jump("2027-03-26T23:59:59+01:00")
    assert stage.rate() == 300
    stage.jump("2027-03-27T00:00:00+01:00")
    assert stage.rate() == 800
    stage.said.say(KIND.LIMIT, stage.clock.now(), rate=5000)
    assert stage.rate() == 800  # the plan's own ceiling is lower
    stage.said.say(KIND.LIMIT, stage.clock.now(), rate=10)
    assert stage.rate() == 10
    stage.said.say(KIND.RELEASE, stage.clock.now())
    assert stage.rate() == 800
    told = [(one.bytes_per_second, one.by) for _, one in stage.ledger.events(RateSet)]
    assert told == [(800, "plan"), (300, "limit"), (800, "plan"), (10, "limit"), (800, "plan")]


def test_a_limit_that_a_clock_of_next_year_gave_lasts_as_long_as_it_said(
    tmp_path: Path, stages: list[Stage]
) -> None:
    stage = Stage(tmp_path, NIGHT)
    stages.append(stage)
    ahead = "2028-03-26T20:00:00.000Z", "2028-03-26T22:00:00.000Z"
    stage.said.say(KIND.LIMIT, ahead[0], rate=300, until=ahead[1])
    assert stage.rate() == 300
    stage.jump("2027-03-26T23:59:59+01:00")
    assert stage.rate() == 300
    stage.jump("2027-03-27T00:00:01+01:00")
    assert stage.rate() == 800
    (told,) = stage.ledger.events(RunInstructed)
    assert told[1].until == ahead[1]  # as it was said


def test_a_limit_counts_where_the_plan_has_none(tmp_path: Path, stages: list[Stage]) -> None:
    stage = Stage(tmp_path, NIGHT, rates=lambda _: ())
    stages.append(stage)
    assert stage.rate() is None
    assert list(stage.ledger.events(RateSet)) == []
    stage.said.say(KIND.LIMIT, stage.clock.now(), rate=300)
    assert stage.rate() == 300
    stage.said.say(KIND.RELEASE, stage.clock.now())
    assert stage.rate() is None


def test_each_engine_is_told_the_rate_of_its_role(tmp_path: Path, stages: list[Stage]) -> None:
    def rates(role: Role) -> tuple[Timetable, ...]:
        return (BY_DAY, Timetable(default=700)) if role is Role.MOVE else (BY_DAY,)

    stage = Stage(tmp_path, NIGHT, rates=rates)
    stages.append(stage)
    assert stage.rate() == 700
    other: list[float | None] = []
    stage.course.steer(SerialEngine(Workshop({}), limit=other.append), Role.PROVE)
    assert other == [800]
    fresh: list[float | None] = []
    stage.course.steer(SerialEngine(Workshop({}), limit=fresh.append), Role.MOVE)
    assert fresh == [700]  # one that was started anew knows nothing of what the last one was told


def test_who_does_something_at_a_moment_of_his_own_is_held_up_by_nothing(
    tmp_path: Path, stages: list[Stage]
) -> None:
    stage = Stage(tmp_path, "2027-03-26T12:00:00+01:00", obeys=False)
    stages.append(stage)
    stage.said.say(KIND.PAUSE, stage.clock.now())
    stage.said.say(KIND.LIMIT, stage.clock.now(), rate=7)
    assert stage.held() is None
    stage.course.demand()
    assert stage.rate() == 7


def test_the_journal_tells_each_instruction_once_whatever_is_killed_when(
    tmp_path: Path, stages: list[Stage]
) -> None:
    class Dying(Said):
        """Is killed before it clears up."""

        def forget(self, ids: Collection[str]) -> None:
            raise KeyboardInterrupt

    said = Dying()
    said.say(KIND.PAUSE, "2027-03-26T20:00:00.000Z", reason="backup")
    said.say(KIND.RESUME, "2027-03-26T20:00:01.000Z")
    said.say(KIND.LIMIT, "2027-03-26T20:00:02.000Z", rate=7)
    stage = Stage(tmp_path, NIGHT, said=said)
    with pytest.raises(KeyboardInterrupt):
        stage.course.stops()
    stage.ledger.close()

    mended = Said()
    mended.all = said.all
    again = Stage(tmp_path, NIGHT, said=mended)
    stages.append(again)
    assert again.held() is None
    told = [(one.what, one.given, one.user) for _, one in again.ledger.events(RunInstructed)]
    assert told == [
        ("pause", "2027-03-26T20:00:00.000Z", "ops@here"),
        ("resume", "2027-03-26T20:00:01.000Z", "ops@here"),
        ("limit", "2027-03-26T20:00:02.000Z", "ops@here"),
    ]
    assert [one.kind for one in mended.all] == [KIND.LIMIT]  # the others count no more
    assert again.rate() == 7


def test_a_dry_run_is_as_slow_and_leaves_what_people_said_to_the_next_run(
    tmp_path: Path, stages: list[Stage]
) -> None:
    stage = Stage(tmp_path, NIGHT, tells=False)
    stages.append(stage)
    stage.said.say(KIND.RESUME, stage.clock.now())
    stage.said.say(KIND.LIMIT, stage.clock.now(), rate=7)
    stage.said.say(KIND.PAUSE, stage.clock.now())
    said = stage.said.all
    assert stage.rate() == 7
    assert stage.held() is RunPaused
    assert stage.said.all == said
    for kind in (RateSet, RunHeldUp, RunInstructed):
        assert not list(stage.ledger.events(kind)), kind


def test_a_run_that_outlives_what_let_it_begin_ends(tmp_path: Path, stages: list[Stage]) -> None:
    """An attestation ended at midnight, and a run of three days went on sending."""
    reasons, asked = list[str](), list[float]()

    def shut() -> Sequence[str]:
        asked.append(stage.clock.at)
        return reasons

    stage = Stage(tmp_path, "2027-03-26T12:00:00+01:00", windows=None, shut=shut)
    stages.append(stage)
    for _ in range(3):
        assert stage.course.stops() is None
    assert asked == []  # it was asked when the run began
    stage.clock.passed(GATE_SECONDS)
    assert stage.course.stops() is None
    stage.course.demand()
    assert len(asked) == 1
    reasons.append("target.attestation: hds is in force until 2027-03-26")
    assert stage.course.stops() is None
    stage.clock.passed(GATE_SECONDS)
    ended = stage.course.stops()
    assert isinstance(ended, PermitEnded)
    assert "hds is in force until" in str(ended)
    assert ended.exit_code is Exit.STOPPED
    with pytest.raises(PermitEnded):
        stage.course.demand(moving=False)
    assert len(asked) == 2
