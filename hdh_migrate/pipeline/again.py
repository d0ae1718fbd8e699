"""Ask the source once more for what it gave, or claimed, of an object that was read back.

Who reads the target back need not hold the source. An object that only the source can clear up is
`doubted` then, and an order of its own has it asked for by who moves objects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from hdh_migrate.codes import Code
from hdh_migrate.errors import Missing, SourceChanged
from hdh_migrate.model import Span, Verdict
from hdh_migrate.pipeline.sending import CLAIM_DIFFERS
from hdh_migrate.pipeline.work import Route, Toolbox, described
from hdh_migrate.pipeline.work import seen as told
from hdh_migrate.ports import Source


class Again:
    """Reads the pinned version of an object once more."""

    def __init__(self, box: Toolbox, source: Source) -> None:
        self._box, self._source = box, source

    def doubted(self, route: Route, order: Mapping[str, Any]) -> dict[str, Any]:
        """Say what is wrong with an object whose bytes do not have the MD5 that is claimed."""
        base = {"id": order["id"], "attempt": order["attempt"], "size": order["size"]}

        def ask() -> dict[str, Any] | None:
            return self.failure(route, order, denied=True)

        try:
            found = self._box.retry(ask)
            if (
                found is not None and found["code"] == Code.SOURCE_DIFFERS
            ):  # once may be a slip of the wire
                found = self._box.retry(ask)
        except SourceChanged:
            found = self.changed(route, order)
        assert found is not None, "either the bytes are wrong or the claim is"
        return {**base, **found}

    def failure(
        self, route: Route, order: Mapping[str, Any], *, denied: bool
    ) -> dict[str, Any] | None:
        """Compare with the digests of what was sent; return what is wrong, None when nothing is.

        With `denied` the MD5 that the source claims is not that of these bytes: if it gives them
        again, that is what is wrong.

        Raises:
            SourceChanged: it is no longer the version that was sent.
        """
        try:
            if not self._same(route, order):
                detail = "the source gave other bytes when it was read again"
                return failed(Code.SOURCE_DIFFERS, Verdict.MISMATCH, detail)
            if not denied:
                return None
            self._box.still(self._source, route.source, described(order))
        except Missing as error:
            raise SourceChanged("the source object is gone") from error
        return failed(Code.SOURCE_MD5_DIFFERS, Verdict.UNVERIFIABLE, CLAIM_DIFFERS)

    def changed(self, route: Route, order: Mapping[str, Any]) -> dict[str, Any]:
        """Return the failure of an object that changed, with how the source describes it now."""
        detail = "the source changed before it could be read again"
        found = failed(Code.SOURCE_CHANGED, Verdict.DRIFTED, detail)
        try:
            now = self._box.retry(lambda: self._source.head(route.source, order["key"]))
        except Missing:
            return {**found, "now": None}
        return {**found, "now": told(now)}

    def _same(self, route: Route, order: Mapping[str, Any]) -> bool:
        """Read the pinned version once more and compare every digest."""
        obj, start = described(order), 0
        parts = order["parts"] or [{"size": obj.size, "sha256": order["sha256"]}]
        for part in parts:
            span, digest = Span(start, part["size"]), hashlib.sha256()
            self._source.read(route.source, obj, span, digest.update)
            if digest.hexdigest() != part["sha256"]:
                return False
            start = span.end
        return True


def failed(code: Code, verdict: Verdict, detail: str) -> dict[str, Any]:
    """Return what a receipt says of an object that is not verified."""
    return {"kind": "failed", "code": code, "verdict": str(verdict), "detail": detail}
