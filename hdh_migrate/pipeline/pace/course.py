"""Whether a run may go on, and how fast: by the plan's hours and what people say meanwhile.

The coordinator looks twice a second. What people said is journalled when it is first seen, with
when they said it; the rates follow the hour, or somebody's limit where that is lower. Each hour the
gate to the target is asked again: a run of days may outlive what let it begin.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from hdh_migrate.clocks import Judge, seconds_of, text_of_seconds
from hdh_migrate.errors import HeldUp, OutsideWindows, PermitEnded, RunPaused, Stopped
from hdh_migrate.events.course import RateSet, RunHeldUp, RunInstructed
from hdh_migrate.hours.timetable import Timetable, ceiling
from hdh_migrate.hours.windows import Windows
from hdh_migrate.hours.zones import clock_text
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import Instruction, Role, Standing
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.ports.run import Clock, Instructions
from hdh_migrate.ports.work import Engine

LOOK_SECONDS: Final = 0.5
"""How soon it is seen that somebody said something, or that an hour has come."""

GATE_SECONDS: Final = 3_600.0
"""How soon it is seen that the target may not be spoken to any more."""

TAKEN_IN: Final = "instructions"
"""What the ledger calls the numbers of instructions that its journal tells of."""


class FreeCourse:
    """Goes on at any time, as fast as it can."""

    def stops(self) -> Stopped | None:
        """Return why nothing more may be begun now, None when nothing stands against it."""
        return None

    def demand(self, *, moving: bool = True) -> None:
        """Demand that a step may be begun; one that is not `moving` bytes may be at any hour.

        Raises:
            HeldUp, PermitEnded: it may not.
        """

    def steer(self, engine: Engine, role: Role) -> None:
        """Let an engine's workers be as fast as a role may be now."""

    def ends(self, start: float, seconds: float) -> float | None:
        """Return when so many seconds of work that begin at `start` are done; None: never.

        Moments are seconds since 1970.
        """
        return start + seconds


class Course(FreeCourse):
    """The course of one command; made for one thread."""

    def __init__(
        self,
        ledger: Ledger,
        judge: Judge,
        clock: Clock,
        *,
        rates: Callable[[Role], Sequence[Timetable]],
        instructions: Instructions,
        windows: Windows | None = None,
        obeys: bool = True,
        tells: bool = True,
        shut: Callable[[], Sequence[object]] = tuple,
    ) -> None:
        """`rates` are the plan's ceilings for a role, which all count; `shut` says why the gate is.

        Unless it `obeys`, neither windows nor a pause hold it up: what somebody does at a moment
        of his own choice, such as a cutover. Unless it `tells`, nothing is written: a dry run is
        as slow as what it foretells, and leaves what people said to the next run.
        """
        self._ledger, self._judge, self._clock = ledger, judge, clock
        self._rates, self._instructions = rates, instructions
        self._windows = windows if obeys else None
        self._obeys, self._tells, self._shut = obeys, tells, shut
        self._asked: float | None = None
        self._ended: PermitEnded | None = None
        self._looked: float | None = None
        self._standing = Standing()
        self._said: Sequence[Instruction] | None = None
        self._closed: OutsideWindows | None = None
        self._noted: HeldUp | None = None
        self._engine: Engine | None = None
        self._set: dict[Role, tuple[int | None, str]] = {}

    def stops(self) -> Stopped | None:
        """See `FreeCourse.stops`."""
        self._look()
        return self._ended or self._held(self._paused() or self._closed)

    def demand(self, *, moving: bool = True) -> None:
        """See `FreeCourse.demand`."""
        if moving and self._windows is not None:
            self._judge.now()  # endpoints are asked here, so that a glance is enough afterwards
            self._looked = None
        self._look()
        if self._ended is not None:
            raise self._ended
        if (held := self._held(self._paused() or (self._closed if moving else None))) is not None:
            raise held

    def steer(self, engine: Engine, role: Role) -> None:
        """See `FreeCourse.steer`."""
        self._look()
        rate, by = self._rate(role)
        if engine is self._engine and self._set.get(role) == (rate, by):
            return
        if self._tells and self._set.get(role, (None, "plan")) != (rate, by):
            self._ledger.event(
                RateSet(
                    role=role.value,
                    bytes_per_second=rate,
                    by="limit" if by == "limit" else "plan",
                )
            )
            self._ledger.commit()
        engine.limit(rate)
        self._engine = engine
        self._set[role] = (rate, by)

    def ends(self, start: float, seconds: float) -> float | None:
        """See `FreeCourse.ends`."""
        return start + seconds if self._windows is None else self._windows.after(start, seconds)

    def _rate(self, role: Role) -> tuple[int | None, str]:
        """Return the ceiling of a role now, and whose it is."""
        planned = ceiling(tuple(self._rates(role)), seconds_of(self._clock.now()))
        limit = self._standing.limit
        if limit is None or limit.rate is None or (planned is not None and planned <= limit.rate):
            return planned, "plan"
        return limit.rate, "limit"

    def _look(self) -> None:
        """Look what was said and which hour it is, unless that was just done."""
        now = self._clock.monotonic()
        if self._looked is not None and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        said = self._instructions.read()
        if self._tells and said is not self._said:
            self._take_in(said)
            self._said = said
        self._standing = Standing.of(said, self._clock.now())
        limit = self._standing.limit
        if self._tells and limit is not None and limit not in said:
            self._instructions.redate(limit)  # from now on it is known when it ends
        self._closed = self._outside()
        if self._asked is None:
            self._asked = now  # it was asked when this began
        elif self._ended is None and now - self._asked >= GATE_SECONDS:
            self._asked = now
            if reasons := self._shut():
                lines = ("the target may not be spoken to any more", *map(str, reasons))
                self._ended = PermitEnded("\n  ".join(lines))

    def _paused(self) -> RunPaused | None:
        by = self._standing.paused
        if by is None or not self._obeys:
            return None
        held = RunPaused(f"paused {by.who}")
        held.under_way = True
        return held

    def _outside(self) -> OutsideWindows | None:
        """Return the error when not every clock says that a window is open."""
        if self._windows is None:
            return None
        moment = self._judge.glance()
        earliest, latest = seconds_of(moment.earliest), seconds_of(moment.latest)
        if not self._windows.is_open(earliest):
            return outside(self._windows, earliest)
        return None if self._windows.is_open(latest) else outside(self._windows, latest)

    def _held(self, held: HeldUp | None) -> HeldUp | None:
        """Have the journal tell once that it is held up."""
        if held is not None and self._tells and self._noted is None:
            self._noted = held
            self._ledger.event(RunHeldUp(why=held.why, until=held.until))
            self._ledger.commit()
        return held

    def _take_in(self, said: Sequence[Instruction]) -> None:
        """Have the journal tell of what it has not told, once, and clear up what counts no more."""
        known = set(json.loads(self._ledger.meta(TAKEN_IN) or "[]"))
        new = [one for one in said if one.id not in known]
        for one in new:
            self._ledger.event(_event(one))
        if new:
            # Those that are in the file no more cannot come back.
            self._ledger.set_meta(TAKEN_IN, json.dumps([one.id for one in said]))
            self._ledger.commit()
        counts = Standing.of(said, self._clock.now())
        kept = {one.id for one in (counts.paused, counts.limit) if one is not None}
        if len(said) > len(kept):
            self._instructions.forget({one.id for one in said} - kept)


def outside(windows: Windows, at: float) -> OutsideWindows:
    """Return the error of a moment, in seconds since 1970, at which no window is open."""
    opens = windows.opens(at)
    if opens is None:
        return OutsideWindows(
            "no window of the plan opens any more",
            until=None,
            hint="nothing is lost; give the plan's `windows` hours that are still to come",
        )
    return OutsideWindows(
        f"no window of the plan is open; the next one opens on {clock_text(opens, windows.zone)}",
        until=text_of_seconds(opens),
    )


def _event(said: Instruction) -> RunInstructed:
    return RunInstructed(
        instruction=said.id,
        what=said.kind.value,
        user=said.user,
        given=said.at,
        rate=ABSENT if said.rate is None else said.rate,
        until=ABSENT if said.until is None else said.until,
        reason=ABSENT if said.reason is None else said.reason,
    )
