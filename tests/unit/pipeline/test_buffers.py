"""Memory for parts is bounded, reused, and nobody waits for ever."""

from __future__ import annotations

import random
import threading

import pytest

from hdh_migrate.pipeline.workers.buffers import GRAIN, BufferPool

BUDGET = 1_000_000


def test_threads_never_hold_more_than_the_budget_and_all_of_them_finish() -> None:
    pool = BufferPool(BUDGET)
    lent, most, lock = 0, 0, threading.Lock()

    def work(seed: int) -> None:
        nonlocal lent, most
        dice = random.Random(seed)
        for _ in range(300):
            size = dice.choice((0, 1, 1_000, 60_000, 300_000, 900_000, BUDGET))
            with pool.buffer(size) as buffer:
                assert len(buffer) == size
                with lock:
                    lent += size
                    most = max(most, lent)
                    assert pool._used <= BUDGET
                buffer[:1] = b"x"[:size]
                with lock:
                    lent -= size

    threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    assert 0 < most <= BUDGET


def test_one_buffer_larger_than_the_budget_is_lent_when_nobody_else_has_any() -> None:
    pool = BufferPool(10)
    with pool.buffer(100) as large:
        assert len(large) == 100
    with pool.buffer(5) as small:
        assert len(small) == 5


def test_a_buffer_is_used_again_by_the_next() -> None:
    pool = BufferPool(BUDGET)
    for _ in range(3):
        with pool.buffer(600_000):
            pass
    assert 600_000 <= pool._used < 600_000 + GRAIN


def test_a_buffer_comes_back_when_its_user_fails() -> None:
    pool = BufferPool(BUDGET)
    with pytest.raises(ZeroDivisionError), pool.buffer(BUDGET):
        raise ZeroDivisionError
    with pool.buffer(BUDGET) as again:
        assert len(again) == BUDGET


def test_who_asks_for_too_much_waits_until_there_is_room() -> None:
    pool = BufferPool(BUDGET)
    got = threading.Event()

    def ask() -> None:
        with pool.buffer(600_000):
            got.set()

    with pool.buffer(600_000):
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        assert not got.wait(0.1)
    assert got.wait(120)
    thread.join(120)
