"""Read, seal and store small objects; begin and complete the uploads of large ones.

parts.py sends the parts. SHA-256 of the plaintext and of the stored bytes are taken while the bytes
are in cache. An object sent in one PUT gets its digest here; of a multipart object each part does,
and verify takes the whole object's digest from bytes that were compared part by part.
"""

from __future__ import annotations

from contextlib import suppress

from hdh_migrate.errors import (
    AccessDenied,
    ClaimDiffers,
    Conflict,
    LedgerBehind,
    Missing,
    OutOfOrder,
    Permanent,
    ShortRead,
    Unsupported,
)
from hdh_migrate.model import (
    SIDECAR,
    Lock,
    ObjectInfo,
    Span,
    Stamp,
    Stored,
    Upload,
)
from hdh_migrate.orders import CompleteItem, OrderItem, PartItem, ResumeItem
from hdh_migrate.pipeline.tags import ATTEMPT, UNKNOWN, Tag, mark_of
from hdh_migrate.pipeline.workers.filling import Sealing
from hdh_migrate.pipeline.workers.parts import PartSending
from hdh_migrate.pipeline.workers.succession import GONE_BEFORE, NOT_BEFORE, demand_kept
from hdh_migrate.pipeline.workers.work import Route, Toolbox
from hdh_migrate.ports.stores import Source, TargetWriter, Write
from hdh_migrate.ports.work import Record
from hdh_migrate.receipts import Begun, Completed, Gone, PartSent, Resumed, Sent

RETAIN = "hdh-retain-until"
"""The user metadata name under which an object says until when it was to be kept."""

CLAIM_DIFFERS = (
    "the source's Content-MD5 is not that of the bytes it gives, twice the same; if the claim is"
    " known to be wrong, say so in the dataset's `ignore_md5`"
)


class Sending:
    """Performs the orders of a transfer."""

    def __init__(
        self, box: Toolbox, source: Source, writer: TargetWriter, *, stream_above: int
    ) -> None:
        self._box = box
        self._source = source
        self._writer = writer
        self._parts = PartSending(box, source, writer, stream_above=stream_above)

    def put(self, route: Route, one: OrderItem) -> Sent:
        """Send one small object in one request."""
        box, obj = self._box, one.obj
        key = route.target_key(obj.key)
        replaces = self._ask(route, key, one) if one.attempt > 1 or one.after else None
        envelopes = box.envelopes if one.body is None else box.envelopes.own
        with box.pool.buffer(envelopes.sealed_size(obj.size)) as out:

            def seal() -> tuple[Sealing, bytes]:
                envelope = envelopes.new()
                sealing = Sealing(
                    envelope, out, first=0, left=obj.size, ends=True, md5=obj.md5 is not None
                )
                sealing.header(envelope.front)
                self._give(route, one, obj, sealing.write)
                sealing.close()
                return sealing, envelope.header

            def believed() -> tuple[Sealing, bytes]:
                sealing, header = seal()
                if not _denied(sealing, obj):
                    return sealing, header
                # Either the claim is wrong or these bytes are; which one shows when read again.
                again, header = seal()
                if not _denied(again, obj):
                    return again, header
                if again.plain.digest() != sealing.plain.digest():
                    raise ShortRead("the source gives other bytes each time it is read")
                # The listing may have claimed what was never so.
                box.still(self._source, route.source, obj)
                raise ClaimDiffers(CLAIM_DIFFERS)

            sealing, header = box.retry(believed)
            body, digest = out[: sealing.size], sealing.stored.hexdigest()
            stamp = self._stamp(route, one)
            stored = box.retry(lambda: self._put(route, key, body, digest, stamp, replaces, one))
        demand_kept(stored, one)
        if not self._writer.limits.tags_with_put:
            self._label(route, stored, one)
        return Sent(
            id=one.id,
            attempt=one.attempt,
            stored_size=sealing.size,
            etag=stored.etag,
            version_id=stored.version_id,
            sha256=sealing.plain.hexdigest(),
            sealed_sha256=digest,
            header=envelopes.apart(header),
        )

    def _give(self, route: Route, one: OrderItem, obj: ObjectInfo, write: Write) -> None:
        """Hand over the bytes of a small object: from its order, if no source has them."""
        if one.body is not None:
            write(one.body)
            return
        self._source.read(
            route.source, obj, Span(0, obj.size), write,
            checked=self._box.checked and obj.md5 is None,
        )  # fmt: skip

    def _put(
        self,
        route: Route,
        key: str,
        body: memoryview,
        digest: str,
        stamp: Stamp,
        replaces: str | None,
        one: OrderItem,
    ) -> Stored:
        bucket = route.target.bucket
        try:
            return self._writer.put(
                bucket, key, body, sha256=digest, stamp=stamp, replaces=replaces
            )
        except (Conflict, AccessDenied) as error:
            # A PUT whose reply was lost meets its own object when it is tried again, and one that
            # is refused may have been done all the same.
            stored = self._writer.head(bucket, key)
            own = stored is not None and stored.metadata.get(ATTEMPT) == stamp.attempt
            late = isinstance(error, Conflict) and stored is not None and self._is_late(stored, one)
            if stored is None or not (own or late):
                raise
        if not own:
            return self._writer.put(
                bucket, key, body, sha256=digest, stamp=stamp, replaces=stored.etag
            )
        if not self._holds(bucket, stored, body):
            raise LedgerBehind(UNKNOWN)
        return stored

    def _is_late(self, stored: Stored, one: OrderItem) -> bool:
        """Say whether somebody wrote it in an epoch that was over: it may be replaced.

        Raises:
            Fenced: it is of a later epoch than ours.
        """
        epoch = self._box.epoch_of(stored.metadata.get(ATTEMPT), one.id)
        return epoch is not None and epoch < self._box.epoch

    def _holds(self, bucket: str, stored: Stored, body: memoryview) -> bool:
        """Say whether the target holds exactly these bytes: no other PUT has the same ones."""
        at, same = 0, True

        def compare(data: bytes | memoryview) -> None:
            nonlocal at, same
            same = same and body[at : at + len(data)] == data
            at += len(data)

        self._writer.read(bucket, stored, None, compare)
        return same and at == len(body)

    def _ask(self, route: Route, key: str, one: OrderItem) -> str | None:
        """Ask what is there, of an earlier attempt or version; return the ETag to put ours over."""
        stored = self._box.retry(lambda: self._writer.head(route.target.bucket, key))
        return self._over(stored, one)

    def _over(self, stored: Stored | None, one: OrderItem) -> str | None:
        """Return the ETag of what is current under a key, if ours may be put over it.

        Raises:
            Conflict, Fenced, LedgerBehind: it may not.
        """
        if stored is None:
            if one.after:
                raise OutOfOrder(GONE_BEFORE)
            return None
        if not one.after or stored.version_id != one.after:
            try:
                self._demand_ours(stored, one)
            except Conflict as error:
                if one.after is None or stored.etag == one.replaces:
                    raise
                raise OutOfOrder(NOT_BEFORE) from error
        return stored.etag

    def _demand_ours(self, stored: Stored, one: OrderItem) -> None:
        """Let nothing be replaced but what is ours, or exactly what people gave up.

        Raises:
            Conflict: it is somebody else's.
            Fenced: it is of a later epoch than ours.
            LedgerBehind: it is ours, and the ledger does not know that attempt.
        """
        tag, found = stored.metadata.get(ATTEMPT), Tag.of(stored)
        own = (self._box.run_tag, one.id, self._box.epoch)
        if found is not None and found[:3] == own and found.attempt >= one.attempt:
            raise LedgerBehind(UNKNOWN)
        given_up = stored.etag == one.replaces or self._is_made_anew(found, one)
        if self._box.epoch_of(tag, one.id) is None and not given_up:
            raise self._box.conflict(tag)

    def _is_made_anew(self, found: Tag | None, one: OrderItem) -> bool:
        """Say whether it is a file of the tool's own that another ledger of the migration left.

        Who adopted makes such files anew, from rows of its own. Objects prove whose ledger moved
        them; one that had itself adopted them has left nothing else there that could.
        """
        anew = one.kind == SIDECAR and bool(self._box.adopted)
        return anew and found is not None and mark_of(found.ledger) == mark_of(self._box.run_tag)

    def _stamp(self, route: Route, one: OrderItem) -> Stamp:
        tag = self._box.tag(one.id, one.attempt)
        lock = None if route.keeping is None else route.lock(self._box.clock.now())
        metadata = dict(one.metadata)
        if lock is not None and lock.until is not None:
            metadata[RETAIN] = lock.until  # what verify compares the host's own word with
        return Stamp(attempt=tag, metadata=metadata, tags=one.tags, lock=lock)

    # --- multipart -------------------------------------------------------------------------

    def begin(self, route: Route, one: OrderItem) -> Begun:
        """Open an upload under a fresh data key."""
        key, stamp = route.target_key(one.key), self._stamp(route, one)
        self._ask(route, key, one)  # before hours are spent on parts of what cannot be completed
        envelope = self._box.envelopes.new()
        bucket = route.target.bucket
        upload = self._box.retry(lambda: self._writer.begin(bucket, key, stamp=stamp))
        return Begun(
            id=one.id, attempt=one.attempt, upload_id=upload.upload_id, header=envelope.header
        )

    def part(self, route: Route, one: PartItem, record: Record) -> PartSent:
        """Send one part; see `PartSending.send`."""
        return self._parts.send(route, one, record)

    def complete(self, route: Route, one: CompleteItem) -> Sent:
        """Make the parts one object; safe after a completion whose reply was lost."""
        bucket, key = route.target.bucket, route.target_key(one.key)
        tag = self._box.tag(one.id, one.attempt)
        stored = self._box.retry(lambda: self._writer.head(bucket, key))
        if stored is None or stored.metadata.get(ATTEMPT) != tag:
            replaces = self._over(stored, one)
            upload = Upload(bucket=bucket, key=key, upload_id=one.upload_id)
            parts = [(part.number, part.etag) for part in one.parts]
            size = sum(part.stored_size for part in one.parts)
            stored = self._box.retry(
                lambda: self._writer.complete(
                    upload, parts, size=size, attempt=tag, replaces=replaces
                )
            )
        demand_kept(stored, one)
        self._keep(route, stored)
        # Equal numbers may be other tags, which verify finds; an upload that began on its own keeps
        # what it was given or nothing.
        if not self._writer.limits.tags_with_upload or stored.tag_count != len(one.tags):
            self._label(route, stored, one)
        return Sent(
            id=one.id,
            attempt=one.attempt,
            stored_size=stored.size,
            etag=stored.etag,
            version_id=stored.version_id,
        )

    def _keep(self, route: Route, stored: Stored) -> None:
        """Lock a completed object where the host did not take the lock with the upload.

        Its bucket's default may have given it another one. What then still is not as planned,
        verify finds.
        """
        kept = route.keeping
        if kept is None:
            return
        lock = Lock(mode=kept.mode, until=stored.metadata.get(RETAIN), hold=kept.hold)
        if less_kept(stored.lock, lock) is None:
            return
        with suppress(Permanent):
            self._box.retry(lambda: self._writer.retain(route.target.bucket, stored, lock))

    def _label(self, route: Route, stored: Stored, one: OrderItem) -> None:
        """Tag a stored object where the host did not take its tags with the bytes; again is safe.

        What then still is not as it was sent, verify finds.
        """
        if one.tags and self._writer.limits.tags:
            with suppress(Permanent):
                self._box.retry(lambda: self._writer.tag(route.target.bucket, stored, one.tags))

    def resume(self, route: Route, one: ResumeItem) -> Resumed | Completed | Gone:
        """Ask the target what became of an upload, before trusting or redoing any part."""
        bucket, key = route.target.bucket, route.target_key(one.key)
        upload = Upload(bucket=bucket, key=key, upload_id=one.upload_id)
        try:
            held = self._box.retry(lambda: self._writer.parts(upload))
        except Missing:
            stored = self._box.retry(lambda: self._writer.head(bucket, key))
            tag = self._box.tag(one.id, one.attempt)
            done = stored is not None and stored.metadata.get(ATTEMPT) == tag
            return (Completed if done else Gone)(id=one.id, attempt=one.attempt)
        except Unsupported:
            held = {}
        known = {part.number: (part.etag, part.stored_size) for part in one.parts}
        same = (n for n, p in held.items() if known.get(n) == (p.etag, p.size))
        return Resumed(id=one.id, attempt=one.attempt, held=tuple(same))


def less_kept(lock: Lock, wanted: Lock) -> str | None:
    """Return in what a lock is less than what was wanted; None: in nothing."""
    if wanted.mode is not None and lock.mode != wanted.mode:
        return f"the retention mode is {lock.mode or 'none'}, not {wanted.mode}"
    if wanted.mode is not None and (wanted.until is None or (lock.until or "") < wanted.until):
        return f"it is kept until {lock.until or 'never'}, not {wanted.until or 'as planned'}"
    return "there is no legal hold" if wanted.hold and not lock.hold else None


def _denied(sealing: Sealing, obj: ObjectInfo) -> bool:
    """Say whether the bytes are not those whose MD5 the source claims."""
    return sealing.md5 is not None and sealing.md5.hexdigest() != obj.md5
