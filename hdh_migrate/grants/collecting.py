"""Read the headers of stored objects, wrap each for a reader, and keep them while that goes on.

A header stands at the head of its object and nowhere else, so each object is asked for once: a
ranged GET of some hundred bytes, side by side, whose ETag and version must be the verified ones.
Where headers are detached the ledger has it, and a HEAD asks whether the object is still there.
What was wrapped is kept in a file of records of one size, in the objects' order: a command that is
stopped or killed goes on behind the last whole record. The records hold nothing but headers that
open for the reader alone.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import field
from pathlib import Path
from typing import Final

from hdh_migrate.errors import Conflict, Interrupted, Missing, TargetDiffers, UnsealFailed
from hdh_migrate.frozen import frozen
from hdh_migrate.grants.rewrapping import Rewrapping
from hdh_migrate.model import Span, Stored
from hdh_migrate.ports.stores import TargetReader
from hdh_migrate.sealing.crypt4gh import HEADER_MAX, header_size, sealed_size

HEADER: Final = header_size(1)
"""Bytes of a header for one reader."""

_CHECK: Final = 8
_RECORD: Final = HEADER + _CHECK
_SYNC_RECORDS: Final = 2_000
"""Records after which they are made durable; so many headers are read again after a power cut."""

_AHEAD: Final = 4
"""Requests under way or answered, for each connection, before the oldest is waited for."""


@frozen
class StoredHead:
    """One verified object as the target holds it, and where its header ends."""

    bucket: str
    stored: Stored
    length: int
    """Bytes in clear."""
    header: bytes | None = field(default=None, repr=False)
    """What opens it for the steward; None: it stands in front of the first segment."""

    @property
    def body(self) -> int:
        """Where the first segment begins."""
        return self.stored.size - sealed_size(self.length, 0)

    def mark(self) -> bytes:
        """Return what tells it from every other one, and from another version of itself."""
        stored = self.stored
        told = f"{self.bucket}\0{stored.size}\0{stored.etag}\0{stored.version_id}\0".encode()
        return told + stored.key.encode("utf-8", "surrogateescape")


class HeaderFile:
    """The headers that were wrapped so far, in the order of their objects."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            OSError: it cannot be opened.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(path, flags, 0o600), "r+b")
        self._waiting = 0

    def close(self) -> None:
        """Make durable what was added, and close."""
        try:
            self._sync()
        finally:
            self._file.close()

    def kept(self, heads: Iterable[StoredHead]) -> int:
        """Return how many objects, from the first, have their header here; drop the rest."""
        self._file.seek(0)
        many = 0
        for head in heads:
            if self._next(head) is None:
                break
            many += 1
        self._file.truncate(many * _RECORD)
        self._file.seek(many * _RECORD)
        return many

    def add(self, head: StoredHead, header: bytes) -> None:
        """Keep the header of the object that follows on the last one."""
        self._file.write(header + _check(head, header))
        self._waiting += 1
        if self._waiting >= _SYNC_RECORDS:
            self._sync()

    def rewind(self) -> None:
        """Begin again with the header of the first object."""
        self._file.flush()
        self._file.seek(0)

    def next_of(self, head: StoredHead) -> bytes:
        """Return the header of the object that follows on the last one.

        Raises:
            ValueError: it is not here.
        """
        header = self._next(head)
        if header is None:
            raise ValueError("a header that was kept is no more")
        return header

    def _next(self, head: StoredHead) -> bytes | None:
        record = self._file.read(_RECORD)
        header = record[:HEADER]
        whole = len(record) == _RECORD and record[HEADER:] == _check(head, header)
        return header if whole else None

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._waiting = 0


def collect(
    heads: Iterable[StoredHead],
    *,
    into: HeaderFile,
    wraps: Rewrapping,
    reader: TargetReader,
    retry: Callable[[Callable[[], bytes]], bytes],
    connections: int,
    done: Callable[[], object] = lambda: None,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Read and wrap the headers of some objects in their order, and keep them.

    `done` is called after each; memory holds some headers for each connection.

    Raises:
        TargetDiffers: an object is gone, was replaced, or its header is not one of ours.
        Interrupted: it was stopped; what was wrapped is kept.
        StorageError: the target cannot be asked.
    """

    def fetch(head: StoredHead) -> bytes:
        return retry(lambda: read_header(reader, head))

    for head, header in _in_order(fetch, heads, connections):
        if stopped():
            raise Interrupted(
                "interrupted; the headers that were read are kept",
                hint="the same command goes on; nothing was granted yet",
            )
        try:
            wrapped = wraps.header(header)
        except UnsealFailed:
            raise _differs("the header of an object does not open with the steward's key") from None
        into.add(head, wrapped)
        done()


def read_header(reader: TargetReader, head: StoredHead) -> bytes:
    """Return the header of a stored object, as long as it is the one that was verified.

    Raises:
        TargetDiffers: it is not, or it is gone.
        Transient: the target did not answer.
    """
    if head.header is not None:
        _demand_held(reader, head)
        return head.header
    found = bytearray()
    if not 0 < head.body <= HEADER_MAX:
        raise _differs("an object has no header of ours before its segments")
    try:
        seen = reader.read(head.bucket, head.stored, Span(0, head.body), found.extend)
    except Missing:
        raise _differs("the target does not hold an object any more") from None
    except Conflict:
        raise _differs("an object at the target was replaced since it was verified") from None
    if seen.version_id != head.stored.version_id:
        raise _differs("an object at the target was replaced since it was verified")
    return bytes(found)


def _demand_held(reader: TargetReader, head: StoredHead) -> None:
    """Demand that the target still holds the object whose header is kept elsewhere."""
    wanted = head.stored
    seen = reader.head(head.bucket, wanted.key)
    if seen is None:
        raise _differs("the target does not hold an object any more")
    held = (seen.size, seen.etag, seen.version_id)
    if head.body or held != (wanted.size, wanted.etag, wanted.version_id):
        raise _differs("an object at the target was replaced since it was verified")


def _in_order(
    fetch: Callable[[StoredHead], bytes], heads: Iterable[StoredHead], connections: int
) -> Iterator[tuple[StoredHead, bytes]]:
    """Yield what is fetched side by side in the order of the objects, a bounded part ahead."""
    if connections == 1:
        yield from ((head, fetch(head)) for head in heads)
        return
    waiting = deque[tuple[StoredHead, Future[bytes]]]()
    pool = ThreadPoolExecutor(connections)
    try:
        for head in heads:
            waiting.append((head, pool.submit(fetch, head)))
            if len(waiting) >= _AHEAD * connections:
                first, answer = waiting.popleft()
                yield first, answer.result()
        for first, answer in waiting:
            yield first, answer.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _check(head: StoredHead, header: bytes) -> bytes:
    return hashlib.blake2b(head.mark() + header, digest_size=_CHECK).digest()


def _differs(what: str) -> TargetDiffers:
    return TargetDiffers(
        what,
        hint='nothing was granted; "hdh-migrate verify PLAN --again" tells which, and lets the next'
        " run mend it",
    )
