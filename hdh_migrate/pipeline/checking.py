"""Read back what the target holds and compare it with what was read from the source.

This is the only place that may say `match`. Stored bytes go through SHA-256 as they come, the
unsealed plaintext through another, and of a multipart object through one for each part.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    Conflict,
    Missing,
    SourceChanged,
    Transient,
    UnsealFailed,
)
from hdh_migrate.model import MIB, Span, Stored, Verdict
from hdh_migrate.pipeline.again import Again, failed
from hdh_migrate.pipeline.beside import beside
from hdh_migrate.pipeline.work import Route, Toolbox
from hdh_migrate.ports import TargetReader

RESUME_AFTER = 64 * MIB
"""A cut reply is continued only after this much; before, reading anew is as quick."""


class PartDigests:
    """SHA-256 of consecutive pieces of known length, compared as each one ends."""

    def __init__(self, lengths: Sequence[int], expected: Sequence[str]) -> None:
        self.differing: list[int] = []
        self._lengths = lengths
        self._expected = expected
        self._number = 0
        self._digest = hashlib.sha256()
        self._left = lengths[0] if lengths else 0

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        view = memoryview(data)
        while view:
            piece = view[: self._left]
            self._digest.update(piece)
            self._left -= len(piece)
            view = view[len(piece) :]
            if self._left == 0:
                self._next()

    def _next(self) -> None:
        if self._digest.hexdigest() != self._expected[self._number]:
            self.differing.append(self._number + 1)
        self._number += 1
        self._digest = hashlib.sha256()
        more = self._number < len(self._lengths)
        self._left = self._lengths[self._number] if more else -1


class _Digests:
    """Everything that is computed from one object as it is read back."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.plain = hashlib.sha256()
        self.stored = hashlib.sha256()
        wanted = order.get("md5") and order["parts"]  # of a small one it was compared in transfer
        self._md5 = hashlib.md5(usedforsecurity=False) if wanted else None
        self._parts = _part_digests(order, "sha256")

    def take(self, view: memoryview) -> None:
        """Take the next plaintext."""
        self.plain.update(view)
        if self._md5 is not None:
            self._md5.update(view)
        if self._parts is not None:
            self._parts.update(view)

    def difference(self, order: Mapping[str, Any]) -> str | None:
        """Return what differs from what was sent, None when nothing does."""
        if self._parts is not None:
            numbers = ", ".join(map(str, self._parts.differing[:10]))
            return f"part {numbers} differs" if numbers else None
        if self.plain.hexdigest() != order["sha256"]:
            return "the plaintext digest differs"
        if self.stored.hexdigest() != order["sealed_sha256"]:
            # The plaintext is right, but another recipient's packet may be damaged.
            return "the stored bytes differ"
        return None

    def denied(self, order: Mapping[str, Any]) -> bool:
        """Say whether the bytes are not those whose MD5 the source claims."""
        return self._md5 is not None and self._md5.hexdigest() != order["md5"]


class Checking:
    """Performs the orders of verify."""

    def __init__(self, box: Toolbox, reader: TargetReader, again: Again | None) -> None:
        """Take what asks the source again; without it an object may have to be `doubted`."""
        assert again is not None or not box.reread, "who reads the source again must hold it"
        self._box, self._reader, self._source_again = box, reader, again
        self._compare: Callable[[Route, Mapping[str, Any]], dict[str, Any]] = {
            "full": self._full,
            "stored": self._stored,
            "head": self._head,
        }[box.level]

    def verify(self, route: Route, order: Mapping[str, Any]) -> dict[str, Any]:
        """Give the verdict on one object, or say that it is doubted until its source was asked."""
        base = {"id": order["id"], "attempt": order["attempt"], "size": order["size"]}
        try:
            found = self._box.retry(lambda: self._compare(route, order))
            if found["kind"] == "failed":  # read again before blaming the store
                found = self._box.retry(lambda: self._compare(route, order))
        except Missing:
            found = failed(Code.MISSING, Verdict.MISSING, "the target does not hold the object")
        except SourceChanged:
            assert self._source_again is not None, "who has no source sees none change"
            found = self._source_again.changed(route, order)
        except Conflict:
            detail = "the target holds another object than the one that was sent"
            found = failed(Code.REPLACED, Verdict.MISMATCH, detail)
        seen = found.pop("seen", None)
        if seen is not None:
            found["beside"] = [
                list(one) for one in beside(self._box, self._reader, route, order, seen)
            ]
        return {**base, **found}

    def _full(self, route: Route, order: Mapping[str, Any]) -> dict[str, Any]:
        digests = _Digests(order)
        header = base64.b64decode(order["header"]) if "header" in order else None
        unsealer = self._box.envelopes.unsealer(
            size=order["size"], write=digests.take, header=header
        )

        def write(data: bytes) -> None:
            digests.stored.update(data)
            unsealer.write(data)

        try:
            seen = self._read(route, order, write)
            unsealer.close()
        except UnsealFailed as error:
            return failed(Code.MISMATCH, Verdict.MISMATCH, str(error))
        difference = digests.difference(order)
        if difference is not None:
            return failed(Code.MISMATCH, Verdict.MISMATCH, difference)
        denied = digests.denied(order)
        if denied or self._box.reread:
            if self._source_again is None:
                return {"kind": "doubted"}
            failure = self._source_again.failure(route, order, denied=denied)
            if failure is not None:
                return failure
        return self._matched(
            "full",
            sha256=digests.plain.hexdigest(),
            stored_sha256=digests.stored.hexdigest(),
            seen=seen,
        )

    def _stored(self, route: Route, order: Mapping[str, Any]) -> dict[str, Any]:
        digest, parts = hashlib.sha256(), _part_digests(order, "sealed_sha256")

        def write(data: bytes) -> None:
            digest.update(data)
            if parts is not None:
                parts.update(data)

        seen = self._read(route, order, write)
        same = not parts.differing if parts else digest.hexdigest() == order["sealed_sha256"]
        if not same:
            return failed(Code.MISMATCH, Verdict.MISMATCH, "the stored bytes differ")
        return self._matched(
            "stored",
            sha256=order.get("sha256"),
            stored_sha256=digest.hexdigest(),
            seen=seen,
        )

    def _head(self, route: Route, order: Mapping[str, Any]) -> dict[str, Any]:
        bucket, key = route.target.bucket, route.target_key(order["key"])
        stored = self._reader.head(bucket, key)
        if stored is None:
            raise Missing("the target does not hold the object")
        if (stored.size, stored.etag) != (order["stored_size"], order["etag"]):
            return failed(Code.MISMATCH, Verdict.MISMATCH, "size or version differs")
        return self._matched("head", sha256=order.get("sha256"), seen=stored)

    def _matched(self, level: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return {"kind": "verified", "level": level, "at": self._box.clock.now(), **more}

    def _read(
        self, route: Route, order: Mapping[str, Any], write: Callable[[bytes], object]
    ) -> Stored:
        """Read the whole stored object once.

        A cut reply is continued where it broke when that saves much and the cut came after real
        progress; otherwise the error goes up and the digests begin anew.
        """
        stored = Stored(
            key=route.target_key(order["key"]), size=order["stored_size"], etag=order["etag"]
        )
        at = begun = 0

        def count(data: bytes) -> None:
            nonlocal at
            at += len(data)
            write(data)

        while True:
            span = Span(at, stored.size - at) if at else None
            try:
                return self._reader.read(route.target.bucket, stored, span, count)
            except Transient:
                if at - begun < RESUME_AFTER:
                    raise
                begun = at


def _part_digests(order: Mapping[str, Any], name: str) -> PartDigests | None:
    if not order["parts"]:
        return None
    lengths = [part["size" if name == "sha256" else "stored_size"] for part in order["parts"]]
    return PartDigests(lengths, [part[name] for part in order["parts"]])
