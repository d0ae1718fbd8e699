"""Read one part of a large object, seal it and send it: whole from a buffer, or streamed.

The same part again is byte for byte the same, whichever way it goes (decisions/0026).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache, partial

from hdh_migrate.frozen import frozen
from hdh_migrate.model import (
    MIB,
    SEGMENT,
    ObjectInfo,
    PartPlan,
    PartReceipt,
    Span,
    Upload,
)
from hdh_migrate.orders import PartItem
from hdh_migrate.pipeline.workers.filling import Sealing
from hdh_migrate.pipeline.workers.once import Once
from hdh_migrate.pipeline.workers.turns import Turn, turn_of
from hdh_migrate.pipeline.workers.work import Route, Toolbox
from hdh_migrate.ports.sealing import Envelope
from hdh_migrate.ports.stores import Source, TargetWriter
from hdh_migrate.ports.work import Record
from hdh_migrate.receipts import PartSent

STREAM_READ = 8 * MIB
"""Source bytes asked for at once while a part is streamed."""


@frozen
class Piece:
    """One part of an object on its way to an open upload."""

    route: Route
    obj: ObjectInfo
    span: Span
    envelope: Envelope
    upload: Upload
    number: int
    size: int
    """Stored bytes, with the header if it is the first part."""
    first: int
    """The index of its first segment within the object."""
    ends: bool
    """Whether the object ends with it."""
    once: Once
    turn: Turn

    @property
    def header(self) -> bytes:
        """What is stored before its segments: the sealed header, in front of the first part."""
        return self.envelope.front if self.number == 1 else b""


class PartSending:
    """Sends parts of large objects to uploads that are open: from a buffer, or streamed."""

    def __init__(
        self, box: Toolbox, source: Source, writer: TargetWriter, *, stream_above: int
    ) -> None:
        self._box = box
        self._source = source
        self._writer = writer
        self._stream_above = stream_above
        self._open = lru_cache(maxsize=64)(box.envelopes.open)

    def send(self, route: Route, one: PartItem, record: Record) -> PartSent:
        """Send one part; the same part again is byte for byte the same.

        Raises:
            BytesChanged: the source gives other bytes for it than it gave before.
        """
        box, obj, number = self._box, one.obj, one.number
        plan = PartPlan(segments=one.segments, count=one.count)
        span = plan.span(number, obj.size)
        envelope = self._open(one.header)
        size = box.envelopes.sealed_size(span.length)
        if number > 1:
            size -= box.envelopes.header_size
        upload = Upload(
            bucket=route.target.bucket,
            key=route.target_key(obj.key),
            upload_id=one.upload_id,
            locked=route.keeping is not None,
        )
        piece = Piece(
            route=route, obj=obj, span=span, envelope=envelope, upload=upload, number=number,
            size=size, first=(number - 1) * plan.segments, ends=number == plan.count,
            once=Once(one, record), turn=turn_of(one),
        )  # fmt: skip
        streams = size > self._stream_above or piece.once.in_steps(span.length)
        plain, stored, etag = (self._stream if streams else self._buffer)(piece)
        part = PartReceipt(
            number=number, sha256=plain, sealed_sha256=stored, stored_size=size, etag=etag
        )
        return PartSent(id=one.id, attempt=one.attempt, size=span.length, part=part)

    def _buffer(self, piece: Piece) -> tuple[str, str, str]:
        box = self._box
        with box.pool.buffer(piece.size) as out, box.turns.supplied(piece.turn):

            def seal() -> Sealing:
                sealing = Sealing(
                    piece.envelope, out, first=piece.first, left=piece.span.length,
                    ends=piece.ends, md5=False,
                )  # fmt: skip
                sealing.header(piece.header)
                self._source.read(
                    piece.route.source, piece.obj, piece.span, sealing.write,
                    checked=_checked(box, piece.obj),
                )  # fmt: skip
                sealing.close()
                return sealing

            sealing = box.retry(seal)
            plain, digest = sealing.plain.hexdigest(), sealing.stored.hexdigest()
            piece.once.demand(piece.span.length, plain)
            body = out[: sealing.size]
            etag = box.retry(
                lambda: self._writer.put_part(piece.upload, piece.number, body, sha256=digest)
            )
        return plain, digest, etag

    def _stream(self, piece: Piece) -> tuple[str, str, str]:
        box = self._box
        size = box.envelopes.sealed_size(STREAM_READ)
        with box.pool.buffer(size) as out, box.turns.supplied(piece.turn):
            if not piece.once.foresees(_steps(piece.span)):
                self._foresee(piece)

            def send() -> tuple[str, str, str]:
                flow = _Flow(box, self._source, piece, out)
                etag = self._writer.stream_part(piece.upload, piece.number, piece.size, flow.pull)
                return flow.plain.hexdigest(), flow.stored.hexdigest(), etag

            return box.retry(send)

    def _foresee(self, piece: Piece) -> None:
        """Read a part once without sealing it: it was sealed in other steps than now.

        That happens when `limits.memory` was changed under an open upload.
        """
        found, plain, at = dict[int, str](), hashlib.sha256(), 0
        for step in piece.once.steps(_steps(piece.span)):
            stretch = Span(piece.span.start + at, step - at)
            plain = self._box.retry(partial(self._digested, piece, stretch, plain))
            found[step], at = plain.hexdigest(), step
        piece.once.foresee(found)

    def _digested(self, piece: Piece, span: Span, done: hashlib._Hash) -> hashlib._Hash:
        plain = done.copy()
        self._source.read(piece.route.source, piece.obj, span, plain.update)
        return plain


def _checked(box: Toolbox, obj: ObjectInfo) -> bool:
    """Say whether a part is to be read with the source's own digest of each range.

    Of a large object an MD5 that the source claims is compared by verify, if that unseals.
    """
    return box.checked and (obj.md5 is None or box.level != "full")


def _steps(span: Span) -> list[int]:
    """Return after how many of its bytes each step of a streamed part ends."""
    return [*range(STREAM_READ, span.length, STREAM_READ), span.length]


class _Flow:
    """Makes the bytes of a part while libcurl sends them, from small pinned reads."""

    def __init__(self, box: Toolbox, source: Source, piece: Piece, out: memoryview) -> None:
        self.plain = hashlib.sha256()
        self.stored = hashlib.sha256(piece.header)
        self._box, self._source, self._piece, self._out = box, source, piece, out
        self._at = piece.span.start
        self._ready = memoryview(piece.header)

    def pull(self, size: int) -> bytes:
        if not self._ready and self._at < self._piece.span.end:
            self._fill()
        sent = bytes(self._ready[:size])
        self._ready = self._ready[len(sent) :]
        return sent

    def _fill(self) -> None:
        box, piece = self._box, self._piece
        span = Span(self._at, min(STREAM_READ, piece.span.end - self._at))
        first = piece.first + (self._at - piece.span.start) // SEGMENT
        ends = piece.ends and span.end == piece.span.end
        done = self.plain.copy(), self.stored.copy()

        def seal() -> Sealing:
            sealing = Sealing(
                piece.envelope, self._out, first=first, left=span.length, ends=ends, md5=False
            )
            sealing.plain, sealing.stored = done[0].copy(), done[1].copy()
            self._source.read(
                piece.route.source, piece.obj, span, sealing.write,
                checked=_checked(box, piece.obj),
            )  # fmt: skip
            sealing.close()
            return sealing

        sealing = box.retry(seal)
        self.plain, self.stored = sealing.plain, sealing.stored
        piece.once.demand(span.end - piece.span.start, self.plain.hexdigest())
        self._ready = self._out[: sealing.size]
        self._at = span.end
