"""Keep within a bandwidth and within the requests that a bucket takes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar

from hdh_migrate.fibers import rest
from hdh_migrate.model import (
    ObjectInfo,
    Place,
    Span,
    Stamp,
    Stored,
    TargetLimits,
    Upload,
)
from hdh_migrate.pipeline.pace.lanes import Lane, OwnLane
from hdh_migrate.ports.stores import Source, TargetReader, TargetWriter, Write

AHEAD_SECONDS = 0.05
"""How much sooner something may pass, so that short reads do not stall."""

LOOK_SECONDS = 0.25
"""How soon whoever waits, or need not, notices that the ceiling is another one."""

LEAST_SECONDS = 1e-6
"""Less is nothing to wait for."""


class Bandwidth:
    """Lets no more onto a lane than may pass it, for all threads together, or all who share it."""

    def __init__(self, lane: Lane, monotonic: Callable[[], float], halt: threading.Event) -> None:
        """Begin with whatever ceiling the lane has, and follow it; `halt` ends every wait."""
        self._lane = lane
        self._monotonic = monotonic
        self._halt = halt
        self._free_until = 0.0

    def take(self, size: float) -> None:
        """Wait until so much more may pass."""
        now = self._monotonic()
        if now < self._free_until:
            return
        if not self._lane.line().rate:
            self._free_until = now + LOOK_SECONDS
            return
        place = self._lane.admit(size, now)
        wait = self._lane.line().left(place, now) - AHEAD_SECONDS
        while wait > LEAST_SECONDS and not rest(self._halt, min(wait, LOOK_SECONDS)):
            wait = self._lane.line().left(place, self._monotonic()) - AHEAD_SECONDS

    def metered(self, write: Write) -> Write:
        """Return `write`, called no faster than the rate allows."""

        def slow(data: bytes | memoryview) -> None:
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
        part: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """`part` tells which part of the rates is this process's own, from one to the next."""
        self._rates = {True: reads, False: writes}
        self._part = part
        self._monotonic = monotonic
        self._halt = halt
        self._lock = threading.Lock()
        self._lanes: dict[tuple[bool, str], Bandwidth] = {}

    @classmethod
    def of(
        cls,
        limits: TargetLimits,
        monotonic: Callable[[], float],
        halt: threading.Event,
        part: Callable[[], float] = lambda: 1.0,
    ) -> RequestPace:
        """Return the share of one process of what a target takes."""
        return cls(
            writes=limits.writes_per_second, reads=limits.reads_per_second,
            monotonic=monotonic, halt=halt, part=part,
        )  # fmt: skip

    def __call__(self, method: str, bucket: str) -> None:
        """Wait until one more request may be sent to a bucket."""
        reading = method in {"GET", "HEAD"}
        rate = self._rates[reading]
        if rate is None:
            return
        with self._lock:
            lane = self._lanes.get((reading, bucket))
            if lane is None:
                lane = Bandwidth(OwnLane(rate), self._monotonic, self._halt)
                self._lanes[reading, bucket] = lane
        lane.take(1 / self._part())


class ThrottledSource:
    """A source that is read no faster than a bandwidth allows; all else is the source's own."""

    def __init__(self, source: Source, bandwidth: Bandwidth) -> None:
        self.page_size, self.lists_at_once = source.page_size, source.lists_at_once
        self.reads_together = source.reads_together
        self.check, self.untagged, self.notes = source.check, source.untagged, source.notes
        self.pages, self.recount = source.pages, source.recount
        self.head, self.listed = source.head, source.listed
        self._source = source
        self._bandwidth = bandwidth

    def read(
        self, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
    ) -> None:
        """Read as the source does, at no more than the rate."""
        slow = self._bandwidth.metered(write)
        self._source.read(place, obj, span, slow, checked=checked)


class ThrottledReader:
    """A target that is read back no faster than a bandwidth allows; all else is the target's."""

    def __init__(self, reader: TargetReader, bandwidth: Bandwidth) -> None:
        self.limits, self.reads_together = reader.limits, reader.reads_together
        self.check, self.locks = reader.check, reader.locks
        self.default_retention = reader.default_retention
        self.keys, self.versions = reader.keys, reader.versions
        self.keeps_versions = reader.keeps_versions
        self.has_kept_versions = reader.has_kept_versions
        self.head, self.lock, self.tags = reader.head, reader.lock, reader.tags
        self._reader = reader
        self._bandwidth = bandwidth

    def read(self, bucket: str, stored: Stored, span: Span | None, write: Write) -> Stored:
        """Read as the target does, at no more than the rate."""
        return self._reader.read(bucket, stored, span, self._bandwidth.metered(write))


class ThrottledWriter(ThrottledReader):
    """A target that is sent objects again no faster than a bandwidth allows.

    What is sent was read before, no faster than that; so only what a thread sends again takes time
    of the line, on which then less is read.
    """

    def __init__(self, writer: TargetWriter, bandwidth: Bandwidth) -> None:
        super().__init__(writer, bandwidth)
        self.claim, self.begin, self.parts = writer.claim, writer.begin, writer.parts
        self.stream_part, self.copy_part = writer.stream_part, writer.copy_part
        self.complete, self.abort = writer.complete, writer.abort
        self.open_uploads = writer.open_uploads
        self.retain, self.tag = writer.retain, writer.tag
        self.remove_version = writer.remove_version
        self._writer = writer
        self._last = ContextVar[tuple[object, ...]]("last", default=())
        """What this thread, or fiber, sent last."""

    def put(
        self,
        bucket: str,
        key: str,
        body: memoryview,
        *,
        sha256: str,
        stamp: Stamp,
        replaces: str | None,
    ) -> Stored:
        """See `ports.TargetWriter.put`."""
        self._meter((bucket, key, stamp.attempt), len(body))
        return self._writer.put(bucket, key, body, sha256=sha256, stamp=stamp, replaces=replaces)

    def put_part(self, upload: Upload, number: int, body: memoryview, *, sha256: str) -> str:
        """See `ports.TargetWriter.put_part`."""
        self._meter((upload.upload_id, number), len(body))
        return self._writer.put_part(upload, number, body, sha256=sha256)

    def _meter(self, what: tuple[object, ...], size: int) -> None:
        if self._last.get() == what:
            self._bandwidth.take(size)
        self._last.set(what)
