"""Retry calls that raise `Transient`, with growing delays, until the retry budget is spent.

A wait that a server asks for (Retry-After) applies to all threads that share the `SharedPause`, and
never exceeds the budget: no reply may stop a run for longer than its operator allows.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from hdh_migrate.errors import ShortRead, Stopped, Throttled, Transient
from hdh_migrate.fibers import rest
from hdh_migrate.telemetry import counted, duration_text

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")

LOG = logging.getLogger(__name__)

SHORT_READS_MAX = 5
"""A store that answers wrongly this often in a row is lying, not busy."""

LONGEST_WAIT_SECONDS = 30.0

SAID_AFTER_SECONDS = 30.0
"""A store that does not do as asked for so long is no hiccup: whoever waits is told."""

SAID_EVERY_SECONDS = 300.0
"""How long that is not said again, whatever else waits in this process."""


class SharedPause:
    """A pause that every thread observes while a server asks for one."""

    def __init__(self, monotonic: Callable[[], float], halt: threading.Event) -> None:
        self._monotonic = monotonic
        self._halt = halt
        self._open_at = 0.0
        self._said_at: float | None = None

    def rest(self, seconds: float) -> None:
        """Make every thread wait for this many seconds."""
        self._open_at = max(self._open_at, self._monotonic() + seconds)

    def now(self) -> float:
        """Return the seconds of a clock that never goes back."""
        return self._monotonic()

    def is_to_say(self) -> bool:
        """Return whether to tell people that something waits; True only once for a wait."""
        now = self._monotonic()
        if self._said_at is not None and now - self._said_at < SAID_EVERY_SECONDS:
            return False
        self._said_at = now
        return True

    def wait(self) -> None:
        """Wait until the pause is over, or the run is told to stop."""
        left = self._open_at - self._monotonic()
        if left > 0:
            rest(self._halt, left)


class Retrying:
    """Calls a function again while it raises `Transient`, up to a budget in seconds."""

    def __init__(
        self,
        *,
        budget: float,
        pause: SharedPause,
        halt: threading.Event,
        troubled: Callable[[Transient], None] = lambda _: None,
    ) -> None:
        """`troubled` is called with every error that is tried again."""
        self._troubled = troubled
        self._budget = budget
        self._pause = pause
        self._halt = halt

    def __call__(self, function: Callable[[], T]) -> T:
        """Return what the function returns; it must be safe to call again.

        Raises:
            Transient: the budget is spent; the last error.
            Stopped: the run was told to stop while waiting.
        """
        self._pause.wait()
        try:
            return function()
        except Transient as error:
            return self._again(function, error)

    def _again(self, function: Callable[[], T], first: Transient) -> T:
        # Not at the top, nor around the first call: importing it costs more than moving an object
        # does (asyncio comes with it), and to call through it more than sealing one.
        import tenacity

        pending: list[Transient] = [first]
        began = self._pause.now()
        out_of_time = began + self._budget
        lies = 0

        def attempt() -> T:
            if pending:
                raise pending.pop()
            if self._halt.is_set():
                raise Stopped("stopped while waiting for a store")
            self._pause.wait()
            return function()

        def stop(state: tenacity.RetryCallState) -> bool:
            nonlocal lies
            error = state.outcome.exception() if state.outcome is not None else None
            if isinstance(error, Transient):
                self._troubled(error)
            lies = lies + 1 if isinstance(error, ShortRead) else 0
            return lies >= SHORT_READS_MAX or self._pause.now() >= out_of_time

        def wait(state: tenacity.RetryCallState) -> float:
            left = max(0.0, out_of_time - self._pause.now())
            seconds = self._wait(state, left=left)
            error = state.outcome.exception() if state.outcome is not None else None
            LOG.info(
                "attempt %d: %s: %s; again in %.1f s, for up to %.0f s",
                state.attempt_number, type(error).__name__, error, seconds, left,
            )  # fmt: skip
            waited = self._pause.now() - began
            if waited >= SAID_AFTER_SECONDS and self._pause.is_to_say():
                LOG.warning(
                    "still waiting, after %s and %s: %s; tried again for up to %s more",
                    duration_text(waited), counted(state.attempt_number, "attempt"), error,
                    duration_text(left),
                )  # fmt: skip
            return seconds

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Transient),
            wait=wait,
            stop=stop,
            sleep=self._sleep,
            reraise=True,
        )(attempt)

    def _wait(self, state: tenacity.RetryCallState, *, left: float) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, Transient) and error.retry_after is not None:
            asked = min(error.retry_after, left)
            LOG.info("asked to rest for %.1f s: everybody waits", asked)
            self._pause.rest(asked)
            return asked
        from tenacity import wait_random_exponential

        pause = wait_random_exponential(multiplier=0.25, max=LONGEST_WAIT_SECONDS)(state)
        pause = min(pause, left)
        if isinstance(error, Throttled):
            self._pause.rest(pause)
        return pause

    def _sleep(self, seconds: float) -> None:
        rest(self._halt, seconds)
