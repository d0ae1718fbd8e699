"""Ask the source once more for what it gave, or claimed, of an object that was read back.

Who reads the target back need not hold the source. An object that only the source can clear up is
`doubted` then, and an order of its own has it asked for by who moves objects.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress

from hdh_migrate.codes import Code
from hdh_migrate.errors import Missing, SourceChanged
from hdh_migrate.model import Span, Verdict
from hdh_migrate.orders import OrderItem, VerifyItem
from hdh_migrate.pipeline.sending import CLAIM_DIFFERS
from hdh_migrate.pipeline.work import Route, Toolbox
from hdh_migrate.ports.stores import Source
from hdh_migrate.receipts import Failed, SourceState


class Again:
    """Reads the pinned version of an object once more."""

    def __init__(self, box: Toolbox, source: Source) -> None:
        self._box, self._source = box, source

    def doubted(self, route: Route, one: VerifyItem) -> Failed:
        """Say what is wrong with an object whose bytes do not have the MD5 that is claimed."""

        def ask() -> Failed | None:
            return self.failure(route, one, denied=True)

        try:
            found = self._box.retry(ask)
            if (
                found is not None and found.code is Code.SOURCE_DIFFERS
            ):  # once may be a slip of the wire
                found = self._box.retry(ask)
        except SourceChanged:
            found = self.changed(route, one)
        assert found is not None, "either the bytes are wrong or the claim is"
        return found

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
                return failed(one, Code.SOURCE_DIFFERS, Verdict.MISMATCH, detail)
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
            code=Code.SOURCE_CHANGED,
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
