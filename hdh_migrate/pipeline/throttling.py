"""Keep within a bandwidth and within the requests that a bucket takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from hdh_migrate.model import (
    Brief,
    ObjectInfo,
    Page,
    Place,
    Problem,
    Span,
    TargetLimits,
    Untagged,
)
from hdh_migrate.ports.stores import Note, Source, Write


class Bandwidth:
    """Lets `rate` bytes a second through, for all threads together."""

    def __init__(self, rate: float, monotonic: Callable[[], float], halt: threading.Event) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._halt = halt
        self._lock = threading.Lock()
        self._free_at = 0.0

    def take(self, size: int) -> None:
        """Wait until `size` more bytes may pass."""
        with self._lock:
            now = self._monotonic()
            self._free_at = max(self._free_at, now) + size / self._rate
            wait = self._free_at - now - 0.05  # a little ahead, so that short reads do not stall
        if wait > 0:
            self._halt.wait(wait)

    def metered(self, write: Write) -> Write:
        """Return `write`, called no faster than the rate allows."""

        def slow(data: bytes) -> None:
            self.take(len(data))
            write(data)

        return slow


class RequestPace:
    """Holds requests back so that no bucket gets more in a second than its share.

    A share lets 50 ms of requests through at once, and what was not used is not saved up.
    """

    def __init__(
        self,
        *,
        writes: float | None,
        reads: float | None,
        monotonic: Callable[[], float],
        halt: threading.Event,
    ) -> None:
        self._rates = {True: reads, False: writes}
        self._monotonic = monotonic
        self._halt = halt
        self._lock = threading.Lock()
        self._lanes: dict[tuple[bool, str], Bandwidth] = {}

    @classmethod
    def of(
        cls,
        limits: TargetLimits,
        processes: int,
        monotonic: Callable[[], float],
        halt: threading.Event,
    ) -> RequestPace:
        """Return the share of one of several processes."""
        writes, reads = limits.writes_per_second, limits.reads_per_second
        return cls(
            writes=None if writes is None else writes / processes,
            reads=None if reads is None else reads / processes,
            monotonic=monotonic,
            halt=halt,
        )

    def __call__(self, method: str, bucket: str) -> None:
        """Wait until one more request may be sent to a bucket."""
        reading = method in {"GET", "HEAD"}
        rate = self._rates[reading]
        if rate is None:
            return
        with self._lock:
            lane = self._lanes.get((reading, bucket))
            if lane is None:
                lane = Bandwidth(rate, self._monotonic, self._halt)
                self._lanes[reading, bucket] = lane
        lane.take(1)


class ThrottledSource:
    """A source that is read no faster than a bandwidth allows."""

    def __init__(self, source: Source, bandwidth: Bandwidth) -> None:
        self.page_size = source.page_size
        self._source = source
        self._bandwidth = bandwidth

    def check(self, place: Place, *, checked: bool = False) -> Sequence[Problem]:
        """See `ports.Source.check`."""
        return self._source.check(place, checked=checked)

    def pages(self, place: Place, *, marker: str | None = None) -> Iterator[Page]:
        """See `ports.Source.pages`."""
        return self._source.pages(place, marker=marker)

    def recount(self, place: Place) -> Iterator[Brief]:
        """See `ports.Source.recount`."""
        return self._source.recount(place)

    def untagged(self, place: Place) -> Untagged | None:
        """See `ports.Source.untagged`."""
        return self._source.untagged(place)

    def notes(self, place: Place) -> Sequence[Note]:
        """See `ports.Source.notes`."""
        return self._source.notes(place)

    def head(self, place: Place, key: str) -> ObjectInfo:
        """See `ports.Source.head`."""
        return self._source.head(place, key)

    def read(
        self, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
    ) -> None:
        """Read as the source does, at no more than the rate."""
        slow = self._bandwidth.metered(write)
        self._source.read(place, obj, span, slow, checked=checked)
