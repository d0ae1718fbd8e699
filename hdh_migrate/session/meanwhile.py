"""Do something again and again beside what goes on, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def meanwhile(do: Callable[[], None], seconds: float, name: str) -> Iterator[None]:
    """Do it every so many seconds while the block lasts, and a last time after it.

    `name` is the thread's. It is done by one thread at a time, and must not raise.
    """
    over = threading.Event()

    def on_and_on() -> None:
        while not over.wait(seconds):
            do()

    thread = threading.Thread(target=on_and_on, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        do()
