"""Decide about what somebody else put in the place of a verified object: take it, or go back.

Nothing of theirs is ever lost by it: what is replaced is kept under another name, or by the bucket
itself as an earlier version. docs/decisions/0041-looking-again.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field

from hdh_migrate.bounded import in_lists
from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    Conflict,
    Interrupted,
    MigrateError,
    Refused,
    ShortRead,
    StorageError,
    Unsupported,
    UsageError,
)
from hdh_migrate.events.looks import ObjectAccepted, ObjectRestored, ObjectRestoring
from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import MIB, Place, Span, Stamp, Stored, TargetLimits, Upload, Verified
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.looks.look_findings import open_findings, open_objects
from hdh_migrate.pipeline.looks.whose import is_ours, look, was_followed
from hdh_migrate.pipeline.projections.undeleted import PUT_BACK, deletions
from hdh_migrate.pipeline.tags import ATTEMPT
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.ports.stores import TargetWriter

PIECE = 8 * MIB
"""Bytes of a foreign object that are in memory at once, where the target takes such parts."""

FETCH_OBJECTS = 1000
"""Rows of the ledger that are in memory at once."""

KEPT = ".hdh-kept-"
"""How the end of the name begins under which a foreign object is kept aside."""

UNDECIDED = {Code.TARGET_REPLACED, Code.TARGET_BESIDE}
DECIDED_ABOUT = {*UNDECIDED, Code.TARGET_ACCEPTED}


@mutable_row
class DecisionOutcome:
    """What became of the objects that were decided about."""

    done: list[int] = field(default_factory=list)
    copies: list[tuple[int, str]] = field(default_factory=list)
    """Of those whose foreign object was copied: the end of its new name."""
    versions: list[int] = field(default_factory=list)
    """Those whose foreign object the bucket keeps as an earlier version."""
    others: list[int] = field(default_factory=list)
    """Those under whose key there is nothing of somebody else's any more."""


class Restoring:
    """Carries out decisions about objects of one batch; each is whole before the next."""

    def __init__(self, ctx: Context, batch: str, *, user: str) -> None:
        self._ctx, self._batch, self._user = ctx, batch, user
        self._routes = {row.id: ctx.route(row) for row in working_set(ctx.ledger, batch)}

    def waiting(self, *, accepted: bool) -> list[int]:
        """Return the ids that somebody can decide about; `accepted`: those that were, as well."""
        codes = DECIDED_ABOUT if accepted else UNDECIDED
        return sorted({*open_objects(self._ctx.ledger, self._batch, codes)})

    def restore(self, ids: Iterable[int]) -> DecisionOutcome:
        """Keep the foreign objects aside and list ours again; the next run sends them.

        Raises:
            UsageError: nobody has found a foreign object in the place of one of these.
            Conflict: something else is under the name that a copy was to get.
            Fenced: another ledger, or another copy of this one, writes at the target by now.
            StorageError, Interrupted: it ended early; the same command goes on.
        """
        before = {
            event.id: event
            for _, event in self._ctx.ledger.events(ObjectRestoring)
            if event.batch == self._batch
        }

        def act(row: Verified, stored: Stored, found: DecisionOutcome) -> None:
            intent = self._intent(row, stored, before.get(row.id))
            self._event(intent)
            if intent.kept is None:
                found.versions.append(row.id)
            else:
                self._keep(row, stored, intent.kept)
                found.copies.append((row.id, intent.kept))
            ledger = self._ctx.ledger
            with ledger.whole():
                ledger.relist([row.id])
                ledger.forget_etag(row.id)
                ledger.event(ObjectRestored(batch=self._batch, id=row.id, etag=stored.etag))
                ledger.commit()

        return self._each(ids, act, accepted=True)

    def accept(self, ids: Iterable[int], reason: str) -> DecisionOutcome:
        """Take the foreign objects as they are; the findings become notes with the reason.

        Raises:
            UsageError: nobody has found a foreign object in the place of one of these.
            StorageError, Interrupted: it ended early; the same command goes on.
        """

        def act(row: Verified, stored: Stored, found: DecisionOutcome) -> None:
            del found
            ledger = self._ctx.ledger
            with ledger.whole():
                for finding in open_findings(ledger, [row.id])[row.id].values():
                    ledger.close_finding(finding)
                ledger.finding(
                    Code.TARGET_ACCEPTED, f"accepted by {self._user}: {reason}",
                    dataset=row.dataset, entry=row.id,
                )  # fmt: skip
                ledger.event(
                    ObjectAccepted(
                        batch=self._batch, id=row.id, etag=stored.etag,
                        version_id=stored.version_id, reason=reason, user=self._user,
                    )
                )  # fmt: skip
                ledger.commit()

        return self._each(ids, act, accepted=False)

    # --- one object ----------------------------------------------------------------------------

    def _each(
        self,
        ids: Iterable[int],
        act: Callable[[Verified, Stored, DecisionOutcome], None],
        *,
        accepted: bool,
    ) -> DecisionOutcome:
        ctx, wanted, found = self._ctx, sorted(set(ids)), DecisionOutcome()
        self._demand_there(wanted)
        followed = was_followed(ctx.ledger, self._batch)
        unknown = sorted(set(wanted) - set(self.waiting(accepted=accepted)))
        if unknown:
            raise UsageError(
                f"no look has found somebody else's object in the place of object {unknown[0]}",
                hint='"verify PLAN --again" finds them; "status" lists what is open',
            )
        for row in self._rows(wanted):
            if ctx.stop.is_set():
                raise Interrupted("stopped between two objects; the same command goes on")
            ctx.demand_writer()
            stored = look(ctx, self._routes[row.dataset], row)
            if stored is None or (
                is_ours(ctx, row, stored, followed=followed) and not self._beside(row, stored)
            ):
                found.others.append(row.id)
                continue
            act(row, stored, found)
            found.done.append(row.id)
        return found

    def _rows(self, wanted: Sequence[int]) -> Iterator[Verified]:
        """Yield the verified ones of some objects, which may be as many as there are."""
        for ids in in_lists(wanted, FETCH_OBJECTS):
            yield from self._ctx.ledger.erasable_of(self._batch, ids, whole=True)

    def _beside(self, row: Verified, stored: Stored) -> bool:
        """Say whether it is ours with something else beside its bytes, as somebody found."""
        known = open_findings(self._ctx.ledger, [row.id]).get(row.id, {})
        found = known.keys() & {Code.TARGET_BESIDE, Code.TARGET_ACCEPTED}
        return bool(found) and stored.etag == row.etag

    def _demand_there(self, wanted: Sequence[int]) -> None:
        """Demand that the source still holds what is to be sent again, as far as we deleted it."""
        begun = deletions(self._ctx.ledger, self._batch)
        for number in wanted:
            if any(one.may_be_deleted(number) for one in begun):
                raise Refused(
                    f"object {number} was deleted at the source, or may be, so it cannot be sent"
                    " again",
                    hint=f"nothing was touched. {PUT_BACK}",
                )

    def _intent(
        self, row: Verified, stored: Stored, before: ObjectRestoring | None
    ) -> ObjectRestoring:
        """Return how the foreign object is kept: as an earlier try was about to, if there was."""
        kept = None
        if stored.version_id in {None, "null"}:  # also where versions are kept no more
            same = before is not None and before.etag == stored.etag
            kept = before.kept if same and before is not None else None
            kept = kept or aside(self._ctx.clock.now(), stored.etag)
        return ObjectRestoring(
            batch=self._batch, id=row.id, etag=stored.etag, version_id=stored.version_id,
            kept=kept, user=self._user,
        )  # fmt: skip

    def _event(self, event: ObjectRestoring) -> None:
        self._ctx.ledger.event(event)
        self._ctx.ledger.commit()

    def _keep(self, row: Verified, stored: Stored, kept: str) -> None:
        route, tag = self._routes[row.dataset], f"{self._ctx.run_tag}.kept.{row.id}"
        writer = self._ctx.writer
        assert writer is not None, "who restores can write"
        Copying(self._ctx, writer, route).copy(stored, stored.key + kept, tag)


def aside(now: str, etag: str) -> str:
    """Return the end of the name under which what has this ETag is kept, from this moment on.

    A clock tells two moments alike, or goes back: the ETag keeps two objects apart all the same.
    """
    moment = now[:19].replace(":", "").replace("-", "")
    return f"{KEPT}{moment}Z-{hashlib.sha256(etag.encode()).hexdigest()[:12]}"


class Copying:
    """Copies an object of the target to another key, through this process."""

    def __init__(self, ctx: Context, writer: TargetWriter, route: Route) -> None:
        self._ctx, self._writer = ctx, writer
        self._bucket = route.target.bucket

    def copy(self, stored: Stored, key: str, tag: str) -> None:
        """Copy exactly what has this ETag, create-only; a copy that was made before is one.

        Raises:
            Conflict: the object is another one by now, or there is something else under the key.
            Unsupported: the target takes no object of this size in parts.
        """
        there = self._ctx.retry(lambda: self._writer.head(self._bucket, key))
        if there is not None:
            if (there.metadata.get(ATTEMPT), there.size) != (tag, stored.size):
                raise Conflict("something else is under the name for what is to be kept aside")
            return
        beside = {name: value for name, value in stored.metadata.items() if name != ATTEMPT}
        stamp = Stamp(attempt=tag, metadata=beside)
        size = piece_of(stored.size, self._writer.limits)
        if stored.size <= size:
            self._whole(stored, key, stamp)
        else:
            self._in_parts(stored, key, stamp, size)

    def _whole(self, stored: Stored, key: str, stamp: Stamp) -> None:
        body = self._read(stored, None)
        digest = hashlib.sha256(body).hexdigest()

        def put() -> None:
            try:
                self._writer.put(
                    self._bucket, key, memoryview(body), sha256=digest, stamp=stamp, replaces=None
                )
            except Conflict:
                # A PUT whose reply was lost meets its own object when it is tried again.
                there = self._writer.head(self._bucket, key)
                if there is None or there.metadata.get(ATTEMPT) != stamp.attempt:
                    raise

        self._ctx.retry(put)

    def _in_parts(self, stored: Stored, key: str, stamp: Stamp, size: int) -> None:
        retry, writer = self._ctx.retry, self._writer
        place = Place(bucket=self._bucket, prefix=key)
        for left, _ in list(writer.open_uploads(place)):
            if left.key == key:  # of a try that was killed; nobody else knows this name
                writer.abort(left)
        upload = retry(lambda: writer.begin(self._bucket, key, stamp=stamp))
        try:
            parts = [
                (number, self._part(upload, number, stored, Span(at, min(size, stored.size - at))))
                for number, at in enumerate(range(0, stored.size, size), 1)
            ]
            retry(
                lambda: writer.complete(
                    upload, parts, size=stored.size, attempt=stamp.attempt, replaces=None
                )
            )
        except MigrateError:  # somebody stops it, for one: nobody may give the command again
            with suppress(StorageError):
                writer.abort(upload)
            raise

    def _part(self, upload: Upload, number: int, stored: Stored, span: Span) -> str:
        if self._ctx.stop.is_set():
            raise Interrupted("stopped while an object was kept aside; the same command goes on")
        body = self._read(stored, span)
        digest = hashlib.sha256(body).hexdigest()
        return self._ctx.retry(
            lambda: self._writer.put_part(upload, number, memoryview(body), sha256=digest)
        )

    def _read(self, stored: Stored, span: Span | None) -> bytearray:
        """Read twice: nobody knows a digest of somebody else's bytes to compare them with."""

        def read() -> bytearray:
            body, again = bytearray(), hashlib.sha256()
            self._ctx.reader.read(self._bucket, stored, span, body.extend)
            self._ctx.reader.read(self._bucket, stored, span, again.update)
            if hashlib.sha256(body).digest() != again.digest():
                raise ShortRead("two readings of one object of the target differ")
            return body

        return self._ctx.retry(read)


def piece_of(size: int, limits: TargetLimits) -> int:
    """Return how many bytes of an object go at once: all of a small one, else those of a part.

    Raises:
        Unsupported: the target takes no such object.
    """
    if size <= min(PIECE, limits.max_put):
        return max(size, 1)
    least = max(min(PIECE, limits.max_part), limits.min_part, -(-size // limits.max_parts))
    if least > limits.max_part or size > limits.max_object:
        raise Unsupported("the target takes no copy of an object of this size")
    return least
