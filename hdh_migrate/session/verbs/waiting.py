"""Go on by itself: wait until windows open or somebody resumes, then run the same again.

While it waits it holds no ledger and no connection, so that every other verb works; what it waits
for is looked at anew each second, the plan's file included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Final, TypeVar

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import (
    HeldUp,
    Interrupted,
    LedgerLocked,
    MigrateError,
    OutsideWindows,
    PlanInvalid,
    RunPaused,
    TooEarly,
)
from hdh_migrate.hours.zones import clock_text
from hdh_migrate.ledger.holding import RunLock
from hdh_migrate.model import Standing
from hdh_migrate.pipeline.pace.course import outside
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.views.course import WAITING

T = TypeVar("T")

LOOK_SECONDS: Final = 0.5
SETTLE_LOOKS: Final = 20
"""For so many looks at most a plan's file that keeps changing is left to whoever saves it."""

AGAIN_SECONDS: Final = 5.0
"""Before the same is tried again at once: clocks may differ a little, somebody may be at work."""


def through(
    open_desk: Callable[[], Desk],
    act: Callable[[Desk], T],
    *,
    waits: bool,
    early: Callable[[T], float | None] = lambda _: None,
    attending: Callable[[Desk], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> T:
    """Act, and again after each wait, until nothing holds it up any more.

    Who was at work when somebody paused it waits in any case; for windows, dates of batches and an
    earlier pause only who `waits`. `early` tells of a result until when some of it is to wait, in
    seconds since 1970. Who is `attending` looks on while it acts and while it waits.

    Raises:
        HeldUp: it does not wait for this.
        MigrateError: whatever else ended it.
    """
    waited = paused = queued = False
    desk = open_desk()
    while True:
        with ExitStack() as stack:
            _let_look_on(stack, attending, desk, first=not waited)
            try:
                done = act(desk)
            except LedgerLocked:
                if not waited:
                    raise
                if not queued:
                    desk.progress.note("another command holds the ledger: waiting for it")
                queued = True
                _pause(desk, AGAIN_SECONDS)
                desk = _anew(open_desk, desk)
                continue
            except (HeldUp, TooEarly) as held:
                if not _is_worth_waiting(held, waits=waits, paused=paused):
                    raise
                paused = paused or isinstance(held, RunPaused)
                until = held.until if isinstance(held, TooEarly) else None
            else:
                until = early(done)
                if until is None or not waits:
                    return done
            if not _wait(desk, windows=waits, until=until) and waits:
                _pause(desk, AGAIN_SECONDS)  # clocks differ a little, or the hour has just come
            waited, queued = True, False
            desk = _anew(open_desk, desk)


def _let_look_on(
    stack: ExitStack,
    attending: Callable[[Desk], AbstractContextManager[None]],
    desk: Desk,
    *,
    first: bool,
) -> None:
    """Let others look on; that they cannot any more, since the plan was changed, ends no wait.

    Raises:
        MigrateError: they cannot from the `first` moment on; nothing was begun.
    """
    try:
        stack.enter_context(attending(desk))
    except MigrateError as error:
        if first:
            raise
        desk.progress.note(f"{error}; the run goes on, and no notices of it are sent meanwhile")


def _anew(open_desk: Callable[[], Desk], desk: Desk) -> Desk:
    """Read the plan again; one that somebody has just spoilt is waited for, not the end of it all.

    Raises:
        Interrupted: somebody said stop.
        MigrateError: it cannot go on for another reason.
    """
    said = ""
    while True:
        stamp = _stamp(desk.loaded.path)
        try:
            return open_desk()
        except PlanInvalid as error:
            if str(error) != said:
                said = str(error)
                desk.progress.note(f"{said}\nwaiting until the plan can be read again")
        while _stamp(desk.loaded.path) == stamp:
            _pause(desk, LOOK_SECONDS)


def _is_worth_waiting(held: HeldUp | TooEarly, *, waits: bool, paused: bool) -> bool:
    match held:
        case RunPaused():
            return waits or paused or held.under_way
        case OutsideWindows():
            return waits and held.until is not None
        case _:
            return waits


def _wait(desk: Desk, *, windows: bool, until: float | None) -> bool:
    """Wait until nothing that can be known in advance stands against going on.

    Return whether there was anything to wait for.

    Raises:
        Interrupted: somebody said stop.
        LedgerLocked: another process waits already.
    """
    shown, stamp = "", _stamp(desk.loaded.path)
    with _waiting(desk):
        while (why := _held(desk, windows=windows, until=until)) is not None:
            if why != shown:
                desk.progress.note(f"waiting: {why}")
                shown = why
            _pause(desk, LOOK_SECONDS)
            if _stamp(desk.loaded.path) != stamp:
                _settle(desk)
                desk.progress.note("the plan's file was changed: it is read again")
                return True
    desk.progress.note("going on")
    return bool(shown)


def _held(desk: Desk, *, windows: bool, until: float | None) -> str | None:
    """Return what is waited for, in words; None: for nothing any more."""
    plan, now = desk.loaded.plan, desk.clock.now()
    paused = Standing.of(desk.instructions.read(), now).paused
    if paused is not None:
        return f'paused {paused.who}; "hdh-migrate resume PLAN" lets it go on'
    at = seconds_of(now)
    if until is not None and at < until:
        zone = plan.zone or "UTC"
        return f"no batch that is left may be moved before {clock_text(until, zone)}"
    if windows and plan.windows is not None and not plan.windows.windows.is_open(at):
        held: HeldUp = outside(plan.windows.windows, at)
        if held.until is None:
            raise held
        return str(held)
    return None


@contextmanager
def _waiting(desk: Desk) -> Iterator[None]:
    """Let `status` see that somebody waits; one is enough."""
    try:
        lock = RunLock(desk.ledger_path.with_name(WAITING))
    except LedgerLocked as error:
        raise LedgerLocked(
            f"another run waits already ({str(error).rpartition(': ')[2]})",
            hint="let that one continue on its own, or end it first",
        ) from None
    try:
        yield
    finally:
        lock.leave()


def _pause(desk: Desk, seconds: float) -> None:
    if desk.stop.wait(seconds):
        raise Interrupted("interrupted while waiting; nothing was under way")


def _settle(desk: Desk) -> None:
    """Let whoever changes the plan's file write all of it: two looks see the same, or enough."""
    before = None
    for _ in range(SETTLE_LOOKS):
        now = _stamp(desk.loaded.path)
        if now is not None and now == before:
            return
        before = now
        _pause(desk, LOOK_SECONDS)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
