"""The second listing: what of it is compared, and how it goes on beside the first one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from hashlib import blake2b
from typing import Final, TypeVar

from hdh_migrate.errors import Interrupted
from hdh_migrate.model import Brief, key_bytes

T = TypeVar("T")

STOPPED: Final = "stopped while listing; the pages so far are in the ledger"
LOOKS_UP: Final = 1_000
"""Entries after which a listing looks up whether somebody said stop."""

Digest = tuple[int, int]
"""How many objects a listing has, and a sum of theirs in which their order does not count."""


def element(key: bytes, size: int, version: str, kind: str, md5: str) -> int:
    """Return one object's contribution to a listing's digest: everything that is compared of it."""
    text = b"%b\0%b" % (key, f"{size}\0{version}\0{kind}\0{md5}".encode())
    return int.from_bytes(blake2b(text, digest_size=16).digest(), "big")


def listing_digest(briefs: Iterable[Brief]) -> Digest:
    """Return count and an order-independent digest of a listing."""
    count = total = 0
    for key, size, version, kind, md5 in briefs:
        total += element(key_bytes(key), size, version, kind, md5 or "")
        count += 1
    return count, total


def unless(stop: threading.Event, briefs: Iterable[Brief]) -> Iterator[Brief]:
    """Give what a listing tells until somebody says stop.

    Raises:
        Interrupted: somebody did.
    """
    for number, brief in enumerate(briefs):
        if number % LOOKS_UP == 0 and stop.is_set():
            raise Interrupted(STOPPED)
        yield brief


def at_once(task: Callable[[], T]) -> Callable[[], T]:
    """Begin something in a thread of its own; return what waits for its result, or its error."""
    future: Future[T] = Future()

    def perform() -> None:
        try:
            future.set_result(task())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=perform, daemon=True).start()
    return future.result
