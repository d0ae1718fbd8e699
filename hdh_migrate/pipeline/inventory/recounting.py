"""The second listing: what of it is compared, and how it goes on beside the first one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from itertools import chain, islice
from typing import Final, TypeVar

from hdh_migrate.errors import Interrupted, Transient
from hdh_migrate.model import Brief, key_bytes
from hdh_migrate.ports.stores import GoesOn, ListingDigest

T = TypeVar("T")

STOPPED: Final = "stopped while listing; the pages so far are in the ledger"
LOOKS_UP: Final = 1_000
"""Entries after which a listing looks up whether somebody said stop."""
LOOK_SECONDS: Final = 0.5
"""How soon a listing that waits sees that somebody said stop."""

BEGUN: Final = 5_000
"""Entries after which the second of two listings waits until it is known whether the first is long:
fewer than two of its pages, so that a listing of two pages is waited for by nobody."""

LONG_PAGES: Final = 2
"""Pages from which on a listing that goes on is long: to list again takes longer than to start a
process for it."""


def element(key: bytes, size: int, version: str, kind: str, md5: str) -> int:
    """Return one object's contribution to a listing's digest: everything that is compared of it."""
    text = b"%b\0%b" % (key, f"{size}\0{version}\0{kind}\0{md5}".encode())
    return int.from_bytes(blake2b(text, digest_size=16).digest(), "big")


def listing_digest(briefs: Iterable[Brief]) -> ListingDigest:
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


def going_on(
    briefs: GoesOn, retry: Callable[[Callable[[], Brief | None]], Brief | None]
) -> Iterator[Brief]:
    """Give what a listing tells; where it breaks off, `retry` asks for what follows.

    Raises:
        StorageError: what `retry` gives up with.
    """
    while True:
        try:
            yield from briefs
        except Transient as error:
            broke_off = [error]
        else:
            return

        def following(broke_off: list[Transient] = broke_off) -> Brief | None:
            if broke_off:
                raise broke_off.pop()  # so that it is waited, as after any other
            return next(briefs, None)

        found = retry(following)
        if found is None:
            return
        yield found


class FirstListing:
    """The first listing as the second one sees it, which waits in another thread."""

    def __init__(self, stop: threading.Event) -> None:
        """`stop`: whether somebody said stop."""
        self._stop = stop
        self._is_known, self._is_long = threading.Event(), False
        self.is_abandoned = False
        """Whether nobody asks for the second listing any more."""

    def goes_on(self, pages: int) -> None:
        """Say that it has so many pages, and goes on."""
        if pages >= LONG_PAGES and not self._is_known.is_set():
            self._is_long = True
            self._is_known.set()

    def ends(self) -> None:
        """Say that it has no more pages."""
        self._is_known.set()

    def abandon(self) -> None:
        """Say that it broke off."""
        self.is_abandoned = True
        self._is_known.set()

    def is_long(self) -> bool:
        """Return whether it is long, as soon as that is known.

        Raises:
            Interrupted: somebody said stop.
        """
        while not self._is_known.wait(LOOK_SECONDS):
            if self._stop.is_set():
                raise Interrupted(STOPPED)
        return self._is_long

    def is_unwanted(self) -> bool:
        """Whether the second listing is of no use any more."""
        return self.is_abandoned or self._stop.is_set()


def second_digest(
    briefs: Iterator[Brief], first: FirstListing, apart: Callable[[], ListingDigest | None] | None
) -> ListingDigest:
    """Return the digest of a second listing that goes on beside the first one.

    Two threads share one interpreter, which a long listing keeps busy. So after its first entries
    this one waits until it is known whether the first is long. If so, a process of its own lists
    again (`apart`); where that gives no answer, and for a short one, this goes on where it is.
    """
    begun = list(islice(briefs, 0 if apart is None else BEGUN))
    if apart is not None and len(begun) == BEGUN and first.is_long():
        found = apart()
        if found is not None:
            return found
    return listing_digest(chain(begun, briefs))


def at_once(task: Callable[[], T]) -> Callable[[], T]:
    """Begin something in a thread of its own; return what waits for its result, or its error."""
    from concurrent.futures import Future  # a process that lists again for another needs none

    future: Future[T] = Future()

    def perform() -> None:
        try:
            future.set_result(task())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=perform, daemon=True).start()
    return future.result
