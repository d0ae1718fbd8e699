"""Give one stored object another header, without moving its body where the host copies parts.

A large object is made of a new first part (the header, and at least as much of the body as a part
must have) and of parts that the host copies from the very version and ETag that was verified. A
small one is read and put again, whole. Either takes the place of exactly the object that was
verified, and carries beside its bytes what that one did.

A host may refuse in its reply what it did all the same. So what was asked to be written is left as
it was only when a look shows the verified object; where there is none to be had, nobody knows, and
it stays under way for the same command.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ClassVar

from hdh_migrate.clocks import TOLERANCE_SECONDS, seconds_of
from hdh_migrate.errors import (
    AuthFailed,
    Conflict,
    Fenced,
    HostRefused,
    Missing,
    Permanent,
    StorageError,
    Transient,
    Unsupported,
)
from hdh_migrate.model import (
    SEGMENT,
    Place,
    Span,
    Stamp,
    Stored,
    Upload,
    Verified,
)
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.cutting import SEALED_OVERHEAD
from hdh_migrate.pipeline.rotation.renewal_parts import PIECE, head_part, is_small, spans
from hdh_migrate.pipeline.rotation.staying import DAMAGED, GONE, HELD, REPLACED, UNPROVEN, Stays
from hdh_migrate.pipeline.tags import ATTEMPT, Tag, attempt_tag
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.stores import TargetWriter


def body_of(row: Verified) -> int:
    """Return where the body begins in a stored object, behind its header."""
    return (row.stored_size or 0) - row.size - -(-row.size // SEGMENT) * SEALED_OVERHEAD


def stored_of(route: Route, row: Verified) -> Stored:
    """Return a verified object as the target held it then."""
    assert row.stored_size is not None
    assert row.etag is not None
    return Stored(
        key=route.target_key(row.key), size=row.stored_size, etag=row.etag,
        version_id=row.version_id,
    )  # fmt: skip


def _is_verified(there: Stored, row: Verified) -> bool:
    return (there.size, there.etag, there.version_id) == (
        row.stored_size, row.etag, row.version_id,
    )  # fmt: skip


class Renewing:
    """Writes objects with their new headers; safe to call from many threads, each for another."""

    step: ClassVar[str] = "rotate"
    once: ClassVar[bool] = False
    """Whether a header is for one writing only: who begins that again makes another one."""
    thorough: ClassVar[bool] = False
    """Whether it is for nothing where earlier versions stay, so that it ends there."""

    def __init__(self, ctx: Context) -> None:
        assert ctx.writer is not None, "who exchanges headers can write"
        self._ctx, self._writer = ctx, ctx.writer

    def look_up(self, rows: Sequence[Verified]) -> None:
        """Take from the ledger what is needed of these objects: threads cannot ask it."""

    def takes(self, row: Verified) -> bool:
        """Say whether an object is to be written anew at all."""
        del row
        return True

    def keep(self, entry: int, header: bytes) -> None:
        """Keep a header where it stands nowhere else; in the transaction of its receipt."""

    def shelter(self, batch: str, rows: Sequence[Verified] | None = None) -> None:
        """Have what opens these objects at two places, or all of a batch, before what was goes."""
        only = None if rows is None else {row.id for row in rows}
        self._ctx.packs.copy(self._ctx, batch, only)

    def header_of(self, route: Route, row: Verified) -> bytes:
        """Return the header of a stored object, as long as it is the one that was verified.

        Raises:
            Stays: it is not, or not as it was verified.
            StorageError: the target does not answer, or refuses.
        """
        body = body_of(row)
        if not row.proven or body < 0:
            raise Stays(UNPROVEN)
        found = bytearray()

        def read() -> Stored:
            found.clear()
            return self._writer.read(
                route.target.bucket, stored_of(route, row), Span(0, body), found.extend
            )

        seen = self._asked(read)
        if seen.version_id != row.version_id:
            raise Stays(REPLACED)
        return bytes(found)

    def write(self, route: Route, row: Verified, attempt: int, header: bytes) -> Stored:
        """Put an object with this header in the place of the verified one; again is safe.

        Raises:
            Stays: the verified object is not there to be replaced.
            Fenced: somebody else writes at the target by now.
            Transient: the target does not answer, or nobody knows what became of the object.
            StorageError: the target refuses, and the verified object is in its place.
        """
        self._ctx.demand_writer()
        bucket, key = route.target.bucket, route.target_key(row.key)
        there = self._looked(bucket, key)
        if there is None:
            raise Stays(GONE)
        if self._is_ours(there, row, attempt):
            return there  # written before, and the receipt was lost
        if not _is_verified(there, row):
            raise Stays(REPLACED)
        stamp = self._stamp(bucket, there, row, attempt)
        if self.thorough and stamp.lock is not None:
            raise Stays(HELD)
        small = self._is_small(there.size)
        try:
            made = (self._put if small else self._parts)(bucket, there, row, header, stamp)
        except Permanent as refusal:
            made = self._own(route, row, attempt, refusal)
        with_tags = "tags_with_put" if small else "tags_with_upload"
        if stamp.tags and not getattr(self._writer.limits, with_tags):
            self._tag(route, row, made, stamp.tags)
        return made

    def is_written(self, route: Route, row: Verified, attempt: int) -> bool:
        """Return whether an object that was to be written under an attempt is there.

        Raises:
            Transient: nobody knows.
        """
        there = self._looked(route.target.bucket, route.target_key(row.key))
        return there is not None and self._is_ours(there, row, attempt)

    def take_away(self, route: Route, row: Verified, made: Stored) -> bool:
        """Remove a new version that is not the object, if the verified one then comes to light."""
        bucket, key = route.target.bucket, route.target_key(row.key)
        if None in {made.version_id, row.version_id} or made.version_id == row.version_id:
            return False
        was = self._ctx.retry(lambda: self._writer.head(bucket, key, version_id=row.version_id))
        if was is None or (was.size, was.etag) != (row.stored_size, row.etag):
            return False
        assert made.version_id is not None
        version_id = made.version_id
        self._ctx.retry(lambda: self._writer.remove_version(bucket, key, version_id))
        there = self._ctx.retry(lambda: self._writer.head(bucket, key))
        return there is not None and there.etag == row.etag

    def abort_leftovers(self, route: Route, row: Verified, since: str) -> None:
        """Abort uploads of an object that a killed command left open; others' are not touched.

        The command wrote down `since` when it was about to begin them: what was open before is of
        somebody who uploads under the same key.
        """
        key = route.target_key(row.key)
        place = Place(bucket=route.target.bucket, prefix=key)
        earliest = seconds_of(since) - TOLERANCE_SECONDS  # the host's clock may be so far behind
        with suppress(Unsupported):
            for upload, began in list(self._writer.open_uploads(place)):
                if upload.key != key or seconds_of(began) < earliest:
                    continue
                if not self._ctx.ledger.is_foreign(upload.upload_id):
                    self._writer.abort(upload)

    # --- how it is written ---------------------------------------------------------------------

    def _is_small(self, stored: int) -> bool:
        return is_small(stored, self._writer.limits)

    def _head_part(self) -> int:
        return head_part(self._writer.limits)

    def _asked(self, ask: Callable[[], Stored]) -> Stored:
        try:
            return self._ctx.retry(ask)
        except Missing:
            raise Stays(GONE) from None
        except Conflict:
            raise Stays(REPLACED) from None

    def _is_ours(self, there: Stored, row: Verified, attempt: int) -> bool:
        tag = Tag.of(there)
        return tag is not None and (tag.ledger, tag.entry, tag.attempt) == (
            self._ctx.run_tag, row.id, attempt,
        )  # fmt: skip

    def _stamp(self, bucket: str, there: Stored, row: Verified, attempt: int) -> Stamp:
        """Return what stands beside the verified object, under a tag of our own."""
        ctx = self._ctx
        tags: Mapping[str, str] = {}
        if self._writer.limits.tags and there.tag_count != 0:
            with suppress(Unsupported):
                tags = ctx.retry(lambda: self._writer.tags(bucket, there))
        lock = there.lock
        over = lock.until is not None and lock.until <= ctx.clock.now()
        kept = lock.hold or (lock.mode is not None and not over)
        return Stamp(
            attempt=attempt_tag(ctx.run_tag, row.id, attempt, ctx.fence.epoch),
            metadata={name: text for name, text in there.metadata.items() if name != ATTEMPT},
            tags=tags,
            lock=lock if kept else None,
        )

    def _put(
        self, bucket: str, there: Stored, row: Verified, header: bytes, stamp: Stamp
    ) -> Stored:
        body, digest = bytearray(), hashlib.sha256()

        def take(data: bytes | memoryview) -> None:
            digest.update(data)
            body.extend(data)

        def read() -> Stored:
            nonlocal digest
            body.clear()
            digest = hashlib.sha256()
            return self._writer.read(bucket, there, None, take)

        self._asked(read)
        if digest.hexdigest() != row.stored_sha256:
            raise Stays(DAMAGED)
        body = self._remade(body, row, header)
        made = hashlib.sha256(body).hexdigest()
        return self._ctx.retry(
            lambda: self._writer.put(
                bucket, there.key, memoryview(body), sha256=made, stamp=stamp,
                replaces=there.etag,
            )
        )  # fmt: skip

    def _remade(self, stored: bytearray, row: Verified, header: bytes) -> bytearray:
        """Return what is stored in the place of these bytes, which are the verified ones."""
        stored[: body_of(row)] = header
        return stored

    def _front(self, row: Verified, header: bytes) -> bytes:
        """Return what is stored before the first segment."""
        del row
        return header

    def _own(self, route: Route, row: Verified, attempt: int, refusal: Permanent) -> Stored:
        """Return what is there, if it is what was refused, or what a lost reply was about.

        Raises:
            Stays: it is something else.
            Permanent: the refusal; the verified object is there.
            Transient: nobody knows.
        """
        there = self._looked(route.target.bucket, route.target_key(row.key))
        if there is None:
            raise Stays(GONE)
        if self._is_ours(there, row, attempt):
            return there
        if _is_verified(there, row):
            raise refusal
        raise Stays(REPLACED)

    def _looked(self, bucket: str, key: str) -> Stored | None:
        """Return what is there.

        Raises:
            AuthFailed, HostRefused: the run stops.
            Transient: the host does not say; an object that may be written is not left as it was.
        """
        try:
            return self._ctx.retry(lambda: self._writer.head(bucket, key))
        except (AuthFailed, HostRefused):
            raise
        except Permanent as error:
            raise Transient(
                f"what became of an object that is written anew is not known: {error}",
                hint="nothing is lost: it stays under way; when the host shows it, the same command"
                " goes on",
            ) from error

    def _tag(self, route: Route, row: Verified, made: Stored, tags: Mapping[str, str]) -> None:
        """Give a new object its tags; the verified one comes back where they are refused.

        Where it cannot, as no version of it is kept, who proves the object tells of its tags.
        """
        try:
            self._ctx.retry(lambda: self._writer.tag(route.target.bucket, made, tags))
        except Permanent:
            if self.take_away(route, row, made):
                raise

    def _parts(
        self, bucket: str, there: Stored, row: Verified, header: bytes, stamp: Stamp
    ) -> Stored:
        retry, writer = self._ctx.retry, self._writer
        upload = retry(lambda: writer.begin(bucket, there.key, stamp=stamp))
        if stamp.lock is not None:
            upload = Upload(bucket=bucket, key=there.key, upload_id=upload.upload_id, locked=True)
        try:
            etags = self._filled(upload, there, row, header)
            size = there.size - body_of(row) + len(self._front(row, header))
            return retry(
                lambda: writer.complete(
                    upload, list(enumerate(etags, 1)), size=size, attempt=stamp.attempt,
                    replaces=there.etag,
                )
            )  # fmt: skip
        except (Stays, StorageError, Fenced):
            with suppress(StorageError):
                writer.abort(upload)
            raise

    def _filled(self, upload: Upload, there: Stored, row: Verified, header: bytes) -> list[str]:
        """Send the first part and have the others copied; return their ETags."""
        retry, writer, limits = self._ctx.retry, self._writer, self._writer.limits
        at, head, first = body_of(row), self._head_part(), bytearray(header)

        def read() -> Stored:
            del first[len(header) :]
            return writer.read(upload.bucket, there, Span(at, head), first.extend)

        self._asked(read)
        digest = hashlib.sha256(first).hexdigest()
        etags = [retry(lambda: writer.put_part(upload, 1, memoryview(first), sha256=digest))]
        at += head
        for number, span in enumerate(spans(there.size - at, at, limits), 2):
            self._ctx.demand_writer()
            etags.append(self._part(writer, upload, number, there, span))
        return etags

    def _part(
        self, writer: TargetWriter, upload: Upload, number: int, there: Stored, span: Span
    ) -> str:
        retry = self._ctx.retry
        if writer.limits.part_copy:
            try:
                return retry(lambda: writer.copy_part(upload, number, there, span))
            except Conflict:
                raise Stays(REPLACED) from None
            except Unsupported:
                pass  # a host that says so only now: through this machine, as the others
        return retry(lambda: self._carried(writer, upload, number, there, span))

    def _carried(
        self, writer: TargetWriter, upload: Upload, number: int, there: Stored, span: Span
    ) -> str:
        """Send a part that is read from the target, a piece of it in memory at a time.

        It is read by another thread: this one is in the middle of its request.
        """
        at, piece = span.start, bytearray()

        def read(size: int) -> None:
            piece.clear()
            writer.read(upload.bucket, there, Span(at, size), piece.extend)

        with ThreadPoolExecutor(1) as beside:

            def pull(most: int) -> bytes:
                nonlocal at
                if not piece:
                    beside.submit(read, min(PIECE, span.end - at)).result()
                    at += len(piece)
                taken = bytes(piece[:most])
                del piece[:most]
                return taken

            return writer.stream_part(upload, number, span.length, pull)
