"""Files that the tool adds to a dataset: objects like all others, whose bytes follow from rows.

Each is a row of the ledger, sealed, sent, verified and listed in the manifest. What a file holds
follows from the rows of the objects that it is about, so that it is made again after any crash; its
version is the digest of its bytes, and a file whose bytes would be other ones now is pinned anew
and sent again. Where one file ends is decided by keys alone: a new object changes the one file that
it falls into.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from hashlib import blake2b, sha256
from typing import Final

from hdh_migrate.frozen import mutable_row
from hdh_migrate.model import (
    SIDECAR,
    SIDECAR_VERSION,
    DatasetRow,
    Entry,
    ObjectInfo,
    State,
    key_bytes,
)
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.inventory.inventory import Inventory

FILE_BYTES: Final = 4 << 20
"""Bytes after which a file ends, wherever it is."""

LINES: Final = 2_048
"""Lines of a file on the average: one key of so many ends one."""

FLUSH: Final = 64


@mutable_row
class MadeFile:
    """One file while it is made: what comes after a key, up to the next boundary."""

    head: bytes
    """Its first line."""
    after: bytes
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    last: bytes = b""
    """The key of its last line."""

    def add(self, key: bytes, line: bytes) -> None:
        """Take the line of one object."""
        self.last = key
        self.lines.append(line)
        self.size += len(line)

    @property
    def name(self) -> str:
        """The file's name, which follows from where it begins."""
        return f"{blake2b(self.after, digest_size=8).hexdigest()}.jsonl"

    @property
    def body(self) -> bytes:
        """The whole file."""
        return b"".join([self.head, *self.lines])


class OwnFiles(ABC):
    """Makes the files of one kind, and keeps them what the ledger's rows say.

    Its subclasses say which lines there are.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx, self._inventory = ctx, Inventory(ctx)

    @abstractmethod
    def prefix(self, dataset: DatasetRow) -> str:
        """Return how the keys begin of a dataset's files of this kind."""

    @abstractmethod
    def head(self, dataset: DatasetRow) -> bytes:
        """Return the first line of each file, with its line feed."""

    @abstractmethod
    def lines(self, dataset: DatasetRow, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, line) of each object that has a line, in key order from a key on."""

    def fresh(self, dataset: DatasetRow, entry: Entry) -> tuple[Entry, bytes]:
        """Return a waiting file with its bytes; one that would be another now is pinned anew."""
        after = base64.b64decode(entry.obj.facts["after"])
        file = next(self._files(dataset, after), None)
        if file is None or file.after != after:
            file = MadeFile(self.head(dataset), after)
        now = self._object(dataset, file)
        if now.version != entry.obj.version:
            self._pin(dataset, [now])
            found = self._ctx.ledger.find(dataset.id, now.key)
            assert found is not None, "what was pinned is there"
            entry = found[0]
        return entry, file.body

    def pin_all(self, dataset: DatasetRow) -> bool:
        """Pin every file as it would be now; say whether one waits to be sent."""
        made, pinned = set[str](), list[ObjectInfo]()
        waits = False
        for file in self._files(dataset):
            pinned.append(self._object(dataset, file))
            made.add(pinned[-1].key)
            if len(pinned) >= FLUSH:
                waits |= self._pin(dataset, pinned)
                pinned = []
        waits |= self._pin(dataset, pinned)
        return waits | self._pin(dataset, list(self._emptied(dataset, made)))

    def pin_near(self, dataset: DatasetRow, keys: Sequence[bytes]) -> None:
        """Pin the files that hold these keys, which are in order, as they would be now.

        Where files would not begin as they do, every file is pinned.
        """
        begins, at = self._begins(dataset), 0
        while at < len(keys):
            place = bisect_left(begins, keys[at]) - 1  # the key that ends a file is in it
            file = None if place < 0 else next(self._files(dataset, begins[place]), None)
            if file is None or not _holds_up(begins[place + 1 :], file.last, keys):
                self.pin_all(dataset)
                return
            self._pin(dataset, [self._object(dataset, file)])
            at = bisect_left(keys, file.last + b"\0")

    # --- rows ------------------------------------------------------------------------------------

    def _begins(self, dataset: DatasetRow) -> list[bytes]:
        """Return after which keys the files begin that hold something, in order."""
        prefix, empty = self.prefix(dataset), len(self.head(dataset))
        found = list[bytes]()
        for portion in self._ctx.ledger.ruled(dataset.id, key_bytes(prefix)):
            for one in portion:
                obj = one.entry.obj
                if not obj.key.startswith(prefix):
                    return sorted(found)
                if obj.kind == SIDECAR and obj.size > empty:
                    found.append(base64.b64decode(obj.facts["after"]))
        return sorted(found)

    def _object(self, dataset: DatasetRow, file: MadeFile) -> ObjectInfo:
        body = file.body
        return ObjectInfo(
            key=self.prefix(dataset) + file.name,
            size=len(body),
            version=SIDECAR_VERSION + sha256(body).hexdigest(),
            kind=SIDECAR,
            facts={"after": base64.b64encode(file.after).decode()},
        )

    def _pin(self, dataset: DatasetRow, files: Iterable[ObjectInfo]) -> bool:
        ledger, new, changed, waits = self._ctx.ledger, [], [], False
        for obj in files:
            known = ledger.find(dataset.id, obj.key)
            listed = self._inventory.decide(dataset, obj)
            if known is None:
                new.append(listed)
            elif known[0].obj.version != obj.version:
                changed.append((known[0].id, listed))
            else:
                waits |= known[1] in {State.LISTED, State.SENDING}
        if new or changed:
            ledger.update(dataset.id, new, changed)
        return waits or bool(new or changed)

    def _emptied(self, dataset: DatasetRow, made: set[str]) -> Iterator[ObjectInfo]:
        """Give files of before that hold nothing now: no file is ever deleted at the target."""
        prefix = self.prefix(dataset)
        for portion in self._ctx.ledger.ruled(dataset.id, key_bytes(prefix)):
            for one in portion:
                obj = one.entry.obj
                if not obj.key.startswith(prefix):
                    return
                if obj.kind == SIDECAR and obj.key not in made:
                    after = base64.b64decode(obj.facts["after"])
                    yield self._object(dataset, MadeFile(self.head(dataset), after))

    # --- files -----------------------------------------------------------------------------------

    def _files(self, dataset: DatasetRow, after: bytes = b"") -> Iterator[MadeFile]:
        """Give each file that has a line, from the one on that begins after a key."""
        head = self.head(dataset)
        file = MadeFile(head, after)
        for key, line in self.lines(dataset, after + b"\0" if after else b""):
            file.add(key, line)
            if _ends(key) or file.size >= FILE_BYTES:
                yield file
                file = MadeFile(head, key)
        if file.lines:
            yield file


def _holds_up(begins: Sequence[bytes], last: bytes, keys: Sequence[bytes]) -> bool:
    """Say whether a file that ends with a key leaves those behind it, and these keys, in place."""
    return begins[0] == last if begins else keys[-1] <= last


def _ends(key: bytes) -> bool:
    """Say whether a file ends with this key, whatever else is there."""
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big") % LINES == 0
