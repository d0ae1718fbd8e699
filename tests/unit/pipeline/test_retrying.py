"""Try again, within a budget, never in a storm."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hdh_migrate.errors import ConnectionLost, Missing, ShortRead, Stopped, Throttled, Transient
from hdh_migrate.pipeline.retrying import SAID_EVERY_SECONDS, Retrying, SharedPause
from tests.support.quiet import FakeClock, Waits


class Desk:
    """A retrying caller under a clock of its own."""

    def __init__(self, budget: float = 600.0) -> None:
        self.clock = FakeClock(tick=0.0)
        self.halt = Waits(self.clock)
        self.gate = SharedPause(self.clock.monotonic, self.halt)
        self.retry = Retrying(budget=budget, pause=self.gate, halt=self.halt)
        self.calls = 0

    def failing(self, *errors: Exception) -> Callable[[], str]:
        left = list(errors)

        def function() -> str:
            self.calls += 1
            if left:
                raise left.pop(0)
            return "done"

        return function


def test_a_call_that_works_is_made_once_and_nobody_waits() -> None:
    desk = Desk()
    assert desk.retry(desk.failing()) == "done"
    assert (desk.calls, desk.halt.waited) == (1, [])


def test_a_transient_error_is_tried_again_after_a_growing_pause() -> None:
    desk = Desk()
    assert desk.retry(desk.failing(*[ConnectionLost("x")] * 12)) == "done"
    assert desk.calls == 13
    assert all(pause <= min(30.0, 0.25 * 2**n) for n, pause in enumerate(desk.halt.waited))


def test_the_pause_that_the_server_asks_for_is_kept() -> None:
    desk = Desk()
    assert desk.retry(desk.failing(Throttled("x", retry_after=7), Transient("x", retry_after=3)))
    assert desk.halt.waited == [7, 3]


def test_a_server_that_wants_rest_gets_it_from_everyone() -> None:
    desk = Desk()

    def another() -> str:
        assert desk.retry(desk.failing()) == "done"  # as another thread would
        return "done"

    desk.gate.rest(20)
    assert desk.retry(another) == "done"
    assert desk.halt.waited == [20]


def test_a_throttled_reply_without_a_time_holds_everyone_back_too() -> None:
    desk = Desk()
    open_at = []

    def function() -> str:
        desk.calls += 1
        if desk.calls == 1:
            raise Throttled("slow down")
        open_at.append(desk.gate._open_at)
        return "done"

    desk.retry(function)
    assert open_at == [sum(desk.halt.waited)]


def test_when_the_budget_is_spent_the_last_error_is_raised() -> None:
    desk = Desk(budget=100.0)
    desk.calls = 0
    with pytest.raises(ConnectionLost):
        desk.retry(desk.failing(*[ConnectionLost("x")] * 1000))
    assert 100.0 <= desk.clock.seconds <= 130.0
    assert desk.calls < 60


def test_other_errors_are_not_tried_again() -> None:
    desk = Desk()
    with pytest.raises(Missing):
        desk.retry(desk.failing(Missing("x")))
    with pytest.raises(ZeroDivisionError):
        desk.retry(desk.failing(ConnectionLost("x"), ZeroDivisionError()))
    assert desk.calls == 3


def test_a_store_that_answers_wrongly_five_times_in_a_row_is_lying() -> None:
    desk = Desk()
    with pytest.raises(ShortRead):
        desk.retry(desk.failing(*[ShortRead("x")] * 100))
    assert desk.calls == 5


def test_one_short_read_after_many_lost_connections_is_no_lie() -> None:
    desk = Desk()
    errors = [ConnectionLost("x")] * 6 + [ShortRead("x")] * 4 + [ConnectionLost("x")]
    assert desk.retry(desk.failing(*errors, *errors)) == "done"


def test_who_is_told_to_stop_while_waiting_does_not_call_again() -> None:
    desk = Desk()

    def function() -> str:
        desk.calls += 1
        desk.halt.set()
        raise ConnectionLost("x")

    with pytest.raises(Stopped):
        desk.retry(function)
    assert desk.calls == 1


@pytest.mark.parametrize("asked", [100_000.0, 86_400.0, 3.5])
def test_a_server_that_wants_longer_rest_than_the_budget_does_not_get_it(asked: float) -> None:
    desk = Desk(budget=3.0)
    with pytest.raises(Throttled):
        desk.retry(desk.failing(*[Throttled("x", retry_after=asked)] * 9))
    assert sum(desk.halt.waited) <= 3.0
    assert desk.calls == 2
    desk.gate.wait()  # nor does anybody else wait longer for it
    assert sum(desk.halt.waited) <= 3.0


def test_who_waits_for_long_is_told_for_what_and_not_at_every_attempt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ten minutes went by without a word, and whoever watched a CI job stopped it."""
    desk = Desk(budget=1200.0)
    with pytest.raises(ConnectionLost):
        desk.retry(desk.failing(*[ConnectionLost("the host: HTTP 500")] * 10_000))
    said = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert 3 <= len(said) <= 1200 / SAID_EVERY_SECONDS
    assert all("the host: HTTP 500" in one for one in said)
    caplog.clear()
    desk.retry(desk.failing(*[ConnectionLost("a moment")] * 3))
    assert not [one for one in caplog.records if one.levelname == "WARNING"]
