"""Seal one stored object anew, under a data key that nobody has seen: its body travels.

What is read must be, to the byte, what was verified; it is opened under the header that it has and
sealed under the new one, part by part, and both digests are compared before the new object comes
to be. Nothing is kept in clear but a part in memory.

A data key seals once. Whoever knows the old one and has the host could give other bytes at a second
reading, and two texts under one key and nonce betray each other; so what has to be begun again gets
another data key (`once`), and a request that is sent again sends the bytes that are there already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import ClassVar

from hdh_migrate.errors import UnsealFailed
from hdh_migrate.model import SEGMENT, PartPlan, Span, Stored, Upload, Verified
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.cutting import SEALED_OVERHEAD
from hdh_migrate.pipeline.rotation.renewing import Renewing, body_of
from hdh_migrate.pipeline.rotation.staying import DAMAGED, UNOPENED, Stays
from hdh_migrate.pipeline.workers.buffers import BufferPool
from hdh_migrate.ports.sealing import Envelope, Unsealer

SEALED = SEGMENT + SEALED_OVERHEAD
"""Stored bytes of a full segment."""


class SealingAnew(Renewing):
    """Writes objects sealed under new data keys; safe to call from many threads."""

    step: ClassVar[str] = "reseal"
    once: ClassVar[bool] = True
    thorough: ClassVar[bool] = True

    def __init__(self, ctx: Context, memory: int) -> None:
        """Prepare; parts of all objects together take `memory` bytes, or one of them more."""
        super().__init__(ctx)
        self._pool = BufferPool(memory)

    def _remade(self, stored: bytearray, row: Verified, header: bytes) -> bytearray:
        """Return a small object sealed anew; its stored bytes are the verified ones."""
        plain = bytearray()
        unsealer = self._unsealer(row, plain.extend)
        try:
            unsealer.write(memoryview(stored))
            unsealer.close()
        except UnsealFailed:
            raise Stays(UNOPENED) from None
        if hashlib.sha256(plain).hexdigest() != row.sha256:
            raise Stays(DAMAGED)
        envelope = self._envelope(row, header)
        begin = len(envelope.front)
        made = bytearray(len(stored) - body_of(row) + begin)
        made[:begin] = envelope.front
        room = memoryview(made)[begin:]
        envelope.seal_into(memoryview(plain), 0, final=True, out=room)
        return made

    def _unsealer(self, row: Verified, write: Callable[[memoryview], object]) -> Unsealer:
        """Return what opens an object as it is."""
        return self._ctx.envelopes.unsealer(size=row.size, write=write)

    def _envelope(self, row: Verified, header: bytes) -> Envelope:
        """Return what seals an object anew."""
        del row
        return self._ctx.envelopes.open(header)

    def _filled(self, upload: Upload, there: Stored, row: Verified, header: bytes) -> list[str]:
        """Read, open, seal and send part after part; return their ETags.

        Raises:
            Stays: what was read is not what was verified.
        """
        plan = self._ctx.cut(row.size)
        remaking = _Remaking(row, self._envelope(row, header), self._unsealer)
        etags, begin = [], remaking.begin
        if old := body_of(row):
            remaking.open(self._read(upload.bucket, there, Span(0, old), bytearray(old)))
        full = plan.segments * SEALED + begin
        with self._pool.buffer(full + plan.plain) as room:
            for number in range(1, max(1, plan.count) + 1):
                self._ctx.demand_writer()
                span = _stored_span(plan, row, number)
                read = self._read(upload.bucket, there, span, room[begin:full])
                part = remaking.part(read, room, full, first=number == 1)
                etags.append(self._send(upload, number, part))
        remaking.demand_same()
        return etags

    def _send(self, upload: Upload, number: int, part: memoryview) -> str:
        digest = hashlib.sha256(part).hexdigest()
        return self._ctx.retry(lambda: self._writer.put_part(upload, number, part, sha256=digest))

    def _read(
        self, bucket: str, there: Stored, span: Span, room: bytearray | memoryview
    ) -> memoryview:
        """Read a span of the verified object to the beginning of `room`."""
        into, at = memoryview(room), 0

        def take(data: bytes | memoryview) -> None:
            nonlocal at
            into[at : at + len(data)] = data
            at += len(data)

        def read() -> Stored:
            nonlocal at
            at = 0
            return self._writer.read(bucket, there, span, take)

        self._asked(read)
        return into[:at]


class _Remaking:
    """One large object on its way through memory, from its first byte to its last."""

    def __init__(
        self,
        row: Verified,
        envelope: Envelope,
        unsealer: Callable[[Verified, Callable[[memoryview], object]], Unsealer],
    ) -> None:
        self._row, self._envelope = row, envelope
        self._unsealer = unsealer(row, self._take)
        self._plain, self._stored = hashlib.sha256(), hashlib.sha256()
        self._room: memoryview = memoryview(b"")
        self._at = self._segment = 0

    @property
    def begin(self) -> int:
        """How many bytes are stored before the first segment."""
        return len(self._envelope.front)

    def open(self, front: memoryview) -> None:
        """Take the header that the object has.

        Raises:
            Stays: it does not open.
        """
        self._fed(front, UNOPENED)

    def part(self, read: memoryview, room: memoryview, full: int, *, first: bool) -> memoryview:
        """Return a part sealed anew in the first `full` bytes of `room`, from where it was read.

        Raises:
            Stays: it is not what was sealed for its place.
        """
        self._room, self._at = room[full:], 0
        self._fed(read, DAMAGED)
        plain = self._room[: self._at]
        self._plain.update(plain)
        begin = self.begin
        final = self._segment * SEGMENT + len(plain) == self._row.size
        size = self._envelope.seal_into(plain, self._segment, final=final, out=room[begin:full])
        self._segment += -(-len(plain) // SEGMENT)
        if not first:
            return room[begin : begin + size]
        room[:begin] = self._envelope.front
        return room[: begin + size]

    def demand_same(self) -> None:
        """Demand that all of it was what was verified, as it was stored and in clear.

        Raises:
            Stays: it was not.
        """
        try:
            self._unsealer.close()
        except UnsealFailed:
            raise Stays(DAMAGED) from None
        same = (self._stored.hexdigest(), self._plain.hexdigest())
        if same != (self._row.stored_sha256, self._row.sha256):
            raise Stays(DAMAGED)

    def _fed(self, data: memoryview, why: str) -> None:
        self._stored.update(data)
        try:
            self._unsealer.write(data)
        except UnsealFailed:
            raise Stays(why) from None

    def _take(self, view: memoryview) -> None:
        end = self._at + len(view)
        if end > len(self._room):  # the header alone gives nothing
            raise AssertionError("a part gives no more than it was cut for")
        self._room[self._at : end] = view
        self._at = end


def _stored_span(plan: PartPlan, row: Verified, number: int) -> Span:
    """Return where a part is stored now, behind the header that the object has."""
    plain = plan.span(number, row.size)
    segments = -(-plain.length // SEGMENT)
    start = body_of(row) + plain.start // SEGMENT * SEALED
    return Span(start, plain.length + segments * SEALED_OVERHEAD)
