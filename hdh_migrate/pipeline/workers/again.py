"""Ask the source once more for what it gave, or claimed, of an object that was read back.

Who reads the target back need not hold the source. An object that only the source can clear up is
`doubted` then, and an order of its own has it asked for by who moves objects.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import partial

from hdh_migrate.codes import Code
from hdh_migrate.errors import ClaimDiffers, Missing, SourceChanged, Stopped
from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import MIB, ObjectInfo, Span, Verdict
from hdh_migrate.orders import OrderItem, VerifyItem
from hdh_migrate.pipeline.workers.sending import CLAIM_DIFFERS
from hdh_migrate.pipeline.workers.work import Route, Toolbox
from hdh_migrate.ports.stores import Source
from hdh_migrate.receipts import Digested, Failed, SourceState

PIECE = 64 * MIB
"""Bytes that are read at once, and again when their reply is cut."""


@frozen_row
class ByteDigests:
    """What is computed of an object's bytes as they come; MD5 only where the source claims one."""

    plain: hashlib._Hash
    md5: hashlib._Hash | None

    @classmethod
    def of(cls, obj: ObjectInfo) -> ByteDigests:
        """Return those of no bytes yet."""
        md5 = None if obj.md5 is None else hashlib.md5(usedforsecurity=False)
        return cls(hashlib.sha256(), md5)

    def copy(self) -> ByteDigests:
        """Return others that go on from here."""
        return ByteDigests(self.plain.copy(), None if self.md5 is None else self.md5.copy())

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self.plain.update(data)
        if self.md5 is not None:
            self.md5.update(data)


class SecondReader:
    """Reads the pinned version of an object once more."""

    def __init__(self, box: Toolbox, source: Source) -> None:
        self._box, self._source = box, source

    def doubted(self, route: Route, one: VerifyItem) -> Failed:
        """Return what is wrong with an object whose bytes do not have the MD5 that is claimed."""

        def ask() -> Failed | None:
            return self.failure(route, one, denied=True)

        try:
            found = self._box.retry(ask)
            # Once may be a slip of the wire.
            if found is not None and found.code is Code.VERIFY_SOURCE_DIFFERS:
                found = self._box.retry(ask)
        except SourceChanged:
            found = self.changed(route, one)
        assert found is not None, "either the bytes are wrong or the claim is"
        return found

    def digested(self, route: Route, one: OrderItem) -> Digested:
        """Read the pinned version whole, piece by piece, and return the digest of its bytes.

        Raises:
            ClaimDiffers: they are not those whose MD5 the source claims.
            SourceChanged: it is no longer that version.
            Missing: it is gone.
            Stopped: the run is stopping.
        """
        box, obj, done = self._box, one.obj, ByteDigests.of(one.obj)
        for start in range(0, max(obj.size, 1), PIECE):
            if box.halt.is_set():
                raise Stopped("the run is stopping")
            span = Span(start, min(PIECE, obj.size - start))
            done = box.retry(partial(self._taken, route, obj, span, done))
        if done.md5 is not None and done.md5.hexdigest() != obj.md5:
            raise ClaimDiffers(CLAIM_DIFFERS)
        return Digested(id=one.id, attempt=one.attempt, sha256=done.plain.hexdigest())

    def _taken(self, route: Route, obj: ObjectInfo, span: Span, done: ByteDigests) -> ByteDigests:
        more = done.copy()
        checked = self._box.checked and obj.md5 is None
        self._source.read(route.source, obj, span, more.update, checked=checked)
        return more

    def failure(self, route: Route, one: VerifyItem, *, denied: bool) -> Failed | None:
        """Compare with the digests of what was sent; return what is wrong, None when nothing is.

        With `denied` the MD5 that the source claims is not that of these bytes: if it gives them
        again, that is what is wrong.

        Raises:
            SourceChanged: it is no longer the version that was sent.
        """
        try:
            if not self._same(route, one):
                detail = "the source gave other bytes when it was read again"
                return failed(one, Code.VERIFY_SOURCE_DIFFERS, Verdict.MISMATCH, detail)
            if not denied:
                return None
            self._box.still(self._source, route.source, one.obj)
        except Missing as error:
            raise SourceChanged("the source object is gone") from error
        return failed(one, Code.SOURCE_MD5_DIFFERS, Verdict.UNVERIFIABLE, CLAIM_DIFFERS)

    def changed(self, route: Route, one: VerifyItem) -> Failed:
        """Return the failure of an object that changed, with how the source describes it now."""
        now: SourceState | None = None
        with suppress(Missing):
            now = SourceState.of(self._box.retry(lambda: self._source.head(route.source, one.key)))
        return Failed(
            id=one.id,
            attempt=one.attempt,
            code=Code.VERIFY_SOURCE_CHANGED,
            verdict=Verdict.DRIFTED,
            detail="the source changed before it could be read again",
            now=now,
        )

    def _same(self, route: Route, one: VerifyItem) -> bool:
        """Read the pinned version once more and compare every digest."""
        obj, start = one.obj, 0
        whole = [(obj.size, one.sha256)]
        for size, sha256 in [(part.size, part.sha256) for part in one.parts] or whole:
            span, digest = Span(start, size), hashlib.sha256()
            self._source.read(route.source, obj, span, digest.update)
            if digest.hexdigest() != sha256:
                return False
            start = span.end
        return True


def failed(one: OrderItem, code: Code, verdict: Verdict, detail: str) -> Failed:
    """Return what a receipt says of an object that is not verified."""
    return Failed(id=one.id, attempt=one.attempt, code=code, verdict=verdict, detail=detail)
