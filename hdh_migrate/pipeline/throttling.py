"""Keep within a bandwidth and within the requests that a bucket takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from hdh_migrate.model import (
    Brief,
    Lock,
    ObjectInfo,
    Page,
    PartInfo,
    Place,
    Problem,
    Span,
    Stamp,
    Stored,
    StoredVersion,
    TargetLimits,
    Untagged,
    Upload,
)
from hdh_migrate.pipeline.lanes import Lane, OwnLane
from hdh_migrate.ports.stores import Note, Source, TargetReader, TargetWriter, Write

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
        while wait > LEAST_SECONDS and not self._halt.wait(min(wait, LOOK_SECONDS)):
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
        """`part` tells which part of the rates is left to this machine, from one to the next."""
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
        processes: int,
        monotonic: Callable[[], float],
        halt: threading.Event,
        part: Callable[[], float] = lambda: 1.0,
    ) -> RequestPace:
        """Return the share of one of several processes."""
        writes, reads = limits.writes_per_second, limits.reads_per_second
        return cls(
            writes=None if writes is None else writes / processes,
            reads=None if reads is None else reads / processes,
            monotonic=monotonic,
            halt=halt,
            part=part,
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
                lane = Bandwidth(OwnLane(rate), self._monotonic, self._halt)
                self._lanes[reading, bucket] = lane
        lane.take(1 / self._part())


class ThrottledSource:
    """A source that is read no faster than a bandwidth allows."""

    def __init__(self, source: Source, bandwidth: Bandwidth) -> None:
        self.page_size, self.lists_at_once = source.page_size, source.lists_at_once
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

    def listed(self, place: Place, key: str) -> ObjectInfo:
        """See `ports.Source.listed`."""
        return self._source.listed(place, key)

    def read(
        self, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
    ) -> None:
        """Read as the source does, at no more than the rate."""
        slow = self._bandwidth.metered(write)
        self._source.read(place, obj, span, slow, checked=checked)


class ThrottledReader:
    """A target that is read back no faster than a bandwidth allows."""

    def __init__(self, reader: TargetReader, bandwidth: Bandwidth) -> None:
        self.limits = reader.limits
        self._reader = reader
        self._bandwidth = bandwidth

    def check(self, place: Place) -> Sequence[Problem]:
        """See `ports.TargetReader.check`."""
        return self._reader.check(place)

    def locks(self, place: Place) -> bool:
        """See `ports.TargetReader.locks`."""
        return self._reader.locks(place)

    def lock(self, bucket: str, stored: Stored) -> Lock:
        """See `ports.TargetReader.lock`."""
        return self._reader.lock(bucket, stored)

    def tags(self, bucket: str, stored: Stored) -> Mapping[str, str]:
        """See `ports.TargetReader.tags`."""
        return self._reader.tags(bucket, stored)

    def keys(self, place: Place) -> Iterator[Stored]:
        """See `ports.TargetReader.keys`."""
        return self._reader.keys(place)

    def keeps_versions(self, place: Place) -> bool:
        """See `ports.TargetReader.keeps_versions`."""
        return self._reader.keeps_versions(place)

    def has_kept_versions(self, place: Place) -> bool:
        """See `ports.TargetReader.has_kept_versions`."""
        return self._reader.has_kept_versions(place)

    def versions(self, place: Place) -> Iterator[StoredVersion]:
        """See `ports.TargetReader.versions`."""
        return self._reader.versions(place)

    def head(self, bucket: str, key: str, *, version_id: str | None = None) -> Stored | None:
        """See `ports.TargetReader.head`."""
        return self._reader.head(bucket, key, version_id=version_id)

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
        self._writer = writer
        self._last = threading.local()

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

    def claim(
        self,
        bucket: str,
        key: str,
        body: memoryview,
        *,
        sha256: str,
        stamp: Stamp,
        replaces: str | None,
    ) -> Stored:
        """See `ports.TargetWriter.claim`."""
        return self._writer.claim(bucket, key, body, sha256=sha256, stamp=stamp, replaces=replaces)

    def put_part(self, upload: Upload, number: int, body: memoryview, *, sha256: str) -> str:
        """See `ports.TargetWriter.put_part`."""
        self._meter((upload.upload_id, number), len(body))
        return self._writer.put_part(upload, number, body, sha256=sha256)

    def _meter(self, what: tuple[object, ...], size: int) -> None:
        if getattr(self._last, "what", None) == what:
            self._bandwidth.take(size)
        self._last.what = what

    def stream_part(
        self, upload: Upload, number: int, size: int, pull: Callable[[int], bytes]
    ) -> str:
        """See `ports.TargetWriter.stream_part`."""
        return self._writer.stream_part(upload, number, size, pull)

    def copy_part(self, upload: Upload, number: int, stored: Stored, span: Span) -> str:
        """See `ports.TargetWriter.copy_part`."""
        return self._writer.copy_part(upload, number, stored, span)

    def remove_version(self, bucket: str, key: str, version_id: str) -> None:
        """See `ports.TargetWriter.remove_version`."""
        self._writer.remove_version(bucket, key, version_id)

    def retain(self, bucket: str, stored: Stored, lock: Lock) -> None:
        """See `ports.TargetWriter.retain`."""
        self._writer.retain(bucket, stored, lock)

    def tag(self, bucket: str, stored: Stored, tags: Mapping[str, str]) -> None:
        """See `ports.TargetWriter.tag`."""
        self._writer.tag(bucket, stored, tags)

    def begin(self, bucket: str, key: str, *, stamp: Stamp) -> Upload:
        """See `ports.TargetWriter.begin`."""
        return self._writer.begin(bucket, key, stamp=stamp)

    def parts(self, upload: Upload) -> Mapping[int, PartInfo]:
        """See `ports.TargetWriter.parts`."""
        return self._writer.parts(upload)

    def complete(
        self,
        upload: Upload,
        parts: Sequence[tuple[int, str]],
        *,
        size: int,
        attempt: str,
        replaces: str | None,
    ) -> Stored:
        """See `ports.TargetWriter.complete`."""
        return self._writer.complete(upload, parts, size=size, attempt=attempt, replaces=replaces)

    def abort(self, upload: Upload) -> None:
        """See `ports.TargetWriter.abort`."""
        self._writer.abort(upload)

    def open_uploads(self, place: Place) -> Iterator[tuple[Upload, str]]:
        """See `ports.TargetWriter.open_uploads`."""
        return self._writer.open_uploads(place)
