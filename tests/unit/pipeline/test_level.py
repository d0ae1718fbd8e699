"""How much is done at once finds its own level, and says why it changed."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from hdh_migrate.errors import ConnectionLost, ShortRead, Throttled
from hdh_migrate.pipeline.pace.level import SETTLE_SECONDS, WINDOW, Level
from hdh_migrate.pipeline.retrying import Retrying, SharedPause
from hdh_migrate.pipeline.workers.helping import Helpers
from tests.support.processes import LONG
from tests.support.quiet import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(tick=0.0)


@pytest.fixture
def level(clock: FakeClock) -> Level:
    return Level(16, monotonic=clock.monotonic)


def throttled() -> Throttled:
    error = Throttled("a target object: SlowDown (HTTP 503)")
    error.code = "SlowDown"
    return error


def test_it_is_halved_once_for_one_storm_and_grows_by_one(
    level: Level, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="hdh_migrate.pipeline.pace.level"):
        for _ in range(16):  # all that was under way is refused
            level.trouble(throttled())
        assert level.now == 8
        clock.seconds += SETTLE_SECONDS
        level.trouble(ConnectionLost("reset"))
        assert level.now == 4
        for _ in range(4):
            level.done(0.01)
        assert level.now == 5
        for _ in range(5):
            level.done()
        assert level.now == 6
    assert caplog.messages == [
        "at once 16 -> 8: the store asks for less (SlowDown)",
        "at once 8 -> 4: a request failed",
        "at once 4 -> 5: all goes well",
        "at once 5 -> 6: all goes well",
    ]


def test_it_stays_between_one_and_what_the_plan_says(level: Level, clock: FakeClock) -> None:
    for _ in range(10):
        level.trouble(throttled())
        clock.seconds += SETTLE_SECONDS
    assert level.now == 1
    for _ in range(1_000):
        level.done()
    assert level.now == 16


def test_wrong_bytes_are_no_reason(level: Level) -> None:
    level.trouble(ShortRead("another range"))
    assert level.now == 16


def test_answers_that_come_ever_slower_are_one(
    level: Level, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(WINDOW):
        level.done(0.1)
    for _ in range(WINDOW):
        level.done(1.5)  # slower, and nobody need mind
    assert level.now == 16
    with caplog.at_level(logging.INFO, logger="hdh_migrate.pipeline.pace.level"):
        for _ in range(WINDOW):
            level.done(3.0)
    assert level.now == 8
    assert caplog.messages == ["at once 16 -> 8: an object takes 3.0 s, and took 0.10 s at best"]


def test_a_plan_can_pin_it(clock: FakeClock) -> None:
    level = Level(4, fixed=True, monotonic=clock.monotonic)
    for _ in range(100):
        level.trouble(throttled())
        level.done(60.0)
    assert level.now == 4


def test_no_more_are_under_way_than_the_level_and_who_waits_hears_a_stop() -> None:
    level, halt, go = Level(2), threading.Event(), threading.Event()
    under, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal under, most
        with level.place(halt):
            with lock:
                under += 1
                most = max(most, under)
            go.wait(LONG)
            with lock:
                under -= 1

    threads = [threading.Thread(target=work, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + LONG
    while under < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert under == most == 2
    halt.set()
    while under < 6 and time.monotonic() < until:
        time.sleep(0.01)
    assert under == 6  # nobody waits for a place any more
    go.set()
    for thread in threads:
        thread.join(LONG)
    assert not any(thread.is_alive() for thread in threads)


def test_each_error_that_is_tried_again_is_told(level: Level, clock: FakeClock) -> None:
    halt = threading.Event()
    answers = iter((throttled(), throttled()))

    def ask() -> str:
        clock.seconds += SETTLE_SECONDS
        for error in answers:
            raise error
        return "done"

    pause = SharedPause(time.monotonic, halt)
    retry = Retrying(budget=60, pause=pause, halt=halt, troubled=level.trouble)
    assert retry(ask) == "done"
    assert level.now == 4


def test_each_decrease_is_told_once_and_of_increases_one_now_and_then_and_the_last() -> None:
    seconds = [0.0]
    level = Level(4, monotonic=lambda: seconds[0])
    assert level.news() is None
    seconds[0] = 10.0
    level.trouble(Throttled("slow down", retry_after=None))
    found = level.news()
    assert found is not None
    assert (found.was, found.level) == (4, 2)
    assert "asks for less" in found.why
    assert level.news() is None
    level.done()
    level.done()
    assert level.now == 3
    assert level.news() is None  # an increase, too soon after what was told
    for _ in range(3):
        level.done()
    assert level.now == 4
    last = level.news()
    assert last is not None
    assert (last.level, last.why) == (4, "all goes well")


def test_no_more_are_under_way_than_the_ceiling_says_at_each_moment() -> None:
    allowed, halt, inside = [1], threading.Event(), threading.Semaphore(0)
    level = Level(16, ceiling=lambda: allowed[0])
    leave = threading.Event()

    def item() -> None:
        with level.place(halt):
            inside.release()
            leave.wait(LONG)

    threads = [threading.Thread(target=item) for _ in range(3)]
    for one in threads:
        one.start()
    assert inside.acquire(timeout=LONG)
    assert level._busy == 1
    allowed[0] = 2
    assert inside.acquire(timeout=LONG)
    assert level._busy == 2
    allowed[0] = 16
    assert inside.acquire(timeout=LONG)
    leave.set()
    for one in threads:
        one.join()


def test_nobody_helps_beyond_the_ceiling() -> None:
    allowed = [1]
    helpers = Helpers(16, lambda: allowed[0])
    with helpers.order():
        assert helpers.fetch(lambda: 1) is None
        allowed[0] = 2
        fetched = helpers.fetch(lambda: 1)
        assert fetched is not None
        assert fetched.result(LONG) == 1


def test_it_is_lowered_to_a_part_and_in_proportion(level: Level, clock: FakeClock) -> None:
    halt = threading.Event()
    level.lower(8, halt)
    assert (level.now, level.most, level.news()) == (8, 8, None)

    clock.seconds += SETTLE_SECONDS
    level.trouble(throttled())
    level.lower(4, halt)

    assert (level.now, level.most) == (2, 4)
    news = level.news()
    assert news is not None
    assert (news.was, news.level) == (4, 2)
    for _ in range(10):
        level.done()
    assert level.now == 4


def test_it_is_lowered_when_no_more_are_under_way(level: Level) -> None:
    halt, lowered = threading.Event(), threading.Event()
    for _ in range(3):
        level.enter(halt)

    def lower() -> None:
        level.lower(2, halt)
        lowered.set()

    thread = threading.Thread(target=lower)
    thread.start()
    assert not lowered.wait(0.05)
    level.leave()
    assert lowered.wait(LONG)
    assert not level.enters(halt)
    thread.join(LONG)
