"""Read back what the target holds and compare it with what was read from the source.

This is the only place that may say `match`. Stored bytes go through SHA-256 as they come, the
unsealed plaintext through another, and of a multipart object through one for each part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from hdh_migrate.codes import Code
from hdh_migrate.errors import (
    Conflict,
    Missing,
    SourceChanged,
    UnsealFailed,
)
from hdh_migrate.frozen import frozen
from hdh_migrate.model import MIB, SIDECAR, Stored, Verdict
from hdh_migrate.model.naming import is_version
from hdh_migrate.orders import RecheckItem, VerifyItem
from hdh_migrate.pipeline.workers.again import SecondReader, failed
from hdh_migrate.pipeline.workers.beside import beside
from hdh_migrate.pipeline.workers.digests import ObjectDigests, taken
from hdh_migrate.pipeline.workers.helping import Helpers
from hdh_migrate.pipeline.workers.reading_back import ReadingBack, Take
from hdh_migrate.pipeline.workers.work import Route, Toolbox
from hdh_migrate.ports.stores import TargetReader
from hdh_migrate.ports.work import Emit
from hdh_migrate.receipts import Aside, Doubted, Failed, Matched, ObjectReceipt, ReadOn

READ_ON = 16 * MIB
"""How often it is reported how far an object is read."""


def unheard(receipt: ObjectReceipt | Aside) -> None:
    """Ignore how far an object is read: the default when nobody follows."""
    del receipt


@frozen
class _Same:
    """An object whose bytes are the ones that were sent, as the target described it."""

    level: str
    at: str
    sha256: str | None
    stored_sha256: str | None = None
    seen: Stored


_Compared = _Same | Failed | Doubted


class _Digests:
    """Everything that is computed from one object as it is read back."""

    def __init__(self, one: VerifyItem, helpers: Helpers) -> None:
        wanted = one.md5 and one.parts  # of a small one it was compared in transfer
        self._md5 = hashlib.md5(usedforsecurity=False) if wanted else None
        more = () if self._md5 is None else (self._md5.update,)
        self.stored = hashlib.sha256()
        self._plain = ObjectDigests(helpers, [(one.size, one.sha256) for one in one.parts], *more)
        self.plain, self.take = self._plain.whole, self._plain.take

    def difference(self, one: VerifyItem) -> str | None:
        """Return what differs from what was sent, None when nothing does."""
        if self._plain.parts is not None:
            places = self._plain.parts.differing[:10]
            numbers = ", ".join(map(str, places))
            if len(places) > 1:
                return f"parts {numbers} differ"
            return f"part {numbers} differs" if places else None
        if self.plain.hexdigest() != one.sha256:
            return "the plaintext digest differs"
        if one.sealed_sha256 is not None and self.stored.hexdigest() != one.sealed_sha256:
            # The plaintext is right, but another recipient's packet may be damaged.
            return "the stored bytes differ"
        return None

    def denied(self, one: VerifyItem) -> bool:
        """Return whether the bytes are not those whose MD5 the source claims."""
        return self._md5 is not None and self._md5.hexdigest() != one.md5


class Checking:
    """Performs the orders of verify."""

    def __init__(self, box: Toolbox, reader: TargetReader, again: SecondReader | None) -> None:
        """Take what asks the source again; without it an object may have to be `doubted`."""
        assert again is not None or not box.reread, "who reads the source again must hold it"
        self._box, self._reader, self._source_again = box, reader, again
        self._whole = ReadingBack(reader, box.helpers, box.pool)
        self._compare: Callable[[Route, VerifyItem, Emit], _Compared] = {
            "full": self._full,
            "stored": self._stored,
            "head": self._head,
        }[box.level]

    def verify(
        self, route: Route, one: VerifyItem, emit: Emit = unheard
    ) -> Matched | Failed | Doubted:
        """Give the verdict on one object, or say that it is doubted until its source was asked.

        How far a large one is read is reported on the way.
        """
        compare = self._closely if _unsaid(one) else self._compare

        def once() -> _Compared:
            try:
                return compare(route, one, emit)
            except Missing:
                detail = "the target does not hold the object"
                return failed(one, Code.MISSING, Verdict.MISSING, detail)

        try:
            found = self._box.retry(once)
            if isinstance(found, Failed):  # read again before blaming the store
                found = self._box.retry(once)
        except SourceChanged:
            assert self._source_again is not None, "who has no source sees none change"
            return self._source_again.changed(route, one)
        except Conflict:
            detail = "the target holds another object than the one that was sent"
            return failed(one, Code.VERIFY_REPLACED, Verdict.MISMATCH, detail)
        if not isinstance(found, _Same):
            return found
        return Matched(
            id=one.id,
            attempt=one.attempt,
            level=found.level,
            at=found.at,
            sha256=found.sha256,
            stored_sha256=found.stored_sha256,
            beside=tuple(beside(self._box, self._reader, route, one, found.seen)),
        )

    def _closely(self, route: Route, one: VerifyItem, emit: Emit) -> _Compared:
        """Read in full an object of which only its plaintext's digest is known.

        It was adopted: nobody saw what was stored, so nothing less would be compared with
        anything. It counts at the plan's level all the same.
        """
        found = self._full(route, one, emit)
        return replace(found, level=self._box.level) if isinstance(found, _Same) else found

    def _full(self, route: Route, one: VerifyItem, emit: Emit) -> _Compared:
        helpers = self._box.helpers
        digests = _Digests(one, helpers)
        envelopes = self._box.envelopes
        if one.kind == SIDECAR:
            envelopes = envelopes.own  # its header is in front wherever those of objects are
        unsealer = envelopes.unsealer(size=one.size, write=digests.take, header=one.header)

        def write(data: bytes | memoryview) -> None:
            taken(helpers, data, digests.stored.update, unsealer.write)

        try:
            seen = self._read(route, one, write, emit)
            unsealer.close()
        except UnsealFailed as error:
            return failed(one, Code.VERIFY_MISMATCH, Verdict.MISMATCH, str(error))
        difference = digests.difference(one)
        if difference is not None:
            return failed(one, Code.VERIFY_MISMATCH, Verdict.MISMATCH, difference)
        denied = digests.denied(one)
        if denied or (self._box.reread and not one.alone and one.kind != SIDECAR):
            if self._source_again is None:
                return Doubted(id=one.id, attempt=one.attempt)
            failure = self._source_again.failure(route, one, denied=denied)
            if failure is not None:
                return failure
        return _Same(
            level="full",
            at=self._box.clock.now(),
            sha256=digests.plain.hexdigest(),
            stored_sha256=digests.stored.hexdigest(),
            seen=seen,
        )

    def _stored(self, route: Route, one: VerifyItem, emit: Emit) -> _Compared:
        digests = ObjectDigests(
            self._box.helpers, [(part.stored_size, part.sealed_sha256) for part in one.parts]
        )
        seen = self._read(route, one, digests.take, emit)
        parts, digest = digests.parts, digests.whole
        same = not parts.differing if parts else digest.hexdigest() == one.sealed_sha256
        if not same:
            return failed(one, Code.VERIFY_MISMATCH, Verdict.MISMATCH, "the stored bytes differ")
        return _Same(
            level="stored",
            at=self._box.clock.now(),
            sha256=one.sha256,
            stored_sha256=digest.hexdigest(),
            seen=seen,
        )

    def _head(self, route: Route, one: VerifyItem, emit: Emit) -> _Compared:
        del emit
        stored = self._reader.head(
            route.target.bucket, route.target_key(one.key), version_id=asked_version(one)
        )
        if stored is None:
            raise Missing("the target does not hold the object")
        if (stored.size, stored.etag) != (one.stored_size, one.etag):
            return failed(one, Code.VERIFY_MISMATCH, Verdict.MISMATCH, "size or version differs")
        return _Same(level="head", at=self._box.clock.now(), sha256=one.sha256, seen=stored)

    def _read(
        self,
        route: Route,
        one: VerifyItem | RecheckItem,
        write: Take,
        emit: Emit = unheard,
    ) -> Stored:
        """Read the whole stored object once, and tell of a large one how far it is read."""
        stored = Stored(
            key=route.target_key(one.key), size=one.stored_size, etag=one.etag,
            version_id=one.version_id, exact=is_version(one.key),
        )  # fmt: skip
        at = reported = 0

        def count(data: bytes | memoryview) -> None:
            nonlocal at, reported
            at += len(data)
            write(data)
            if at - reported >= READ_ON:
                reported = at
                emit(ReadOn(id=one.id, attempt=one.attempt, size=min(at, one.size)))

        return self._whole.read(route.target.bucket, stored, count)


def asked_version(one: VerifyItem | RecheckItem) -> str | None:
    """Return which version of the target's is to be looked at; None: whatever is current."""
    return (one.version_id or "null") if is_version(one.key) else None


def _unsaid(one: VerifyItem) -> bool:
    """Return whether only size and ETag are known of an object's stored bytes."""
    return one.sha256 is not None and one.sealed_sha256 is None and not one.parts
