"""Detached headers: kept beside the rows of their objects, as they were sealed.

Nobody else may have one: until a pack holds it, a header that is lost is an object that nobody can
open. It is written in the transaction of its object's receipt.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping

from hdh_migrate.errors import LedgerLocked
from hdh_migrate.ledger.connection import all_or_nothing
from hdh_migrate.ledger.database import guarded
from hdh_migrate.ledger.journalling import JournallingLedger
from hdh_migrate.ledger.rows import hex_of
from hdh_migrate.model import WRAPPED, KeptHeader, PackedObject, PackRow, State, key_bytes, key_text

SINCE = 5
"""The version of the ledger that has the tables; an earlier one, only looked at, has no header."""

PACKABLE = 1_000
"""Objects that are read at once for packs."""

CHANGED = 10_000
"""Headers that one statement changes at most."""


class HeadersLedger(JournallingLedger):
    """Detached headers: what wraps the data key of each object, kept apart from its bytes."""

    def keep_header(self, entry: int, header: bytes | None) -> None:
        """Keep what an object's attempt was sealed under; None: it stands in front of the bytes.

        Commit together with the receipt.
        """
        if header is None:
            return
        block = header[:-WRAPPED]
        self._do("INSERT OR IGNORE INTO header_block (block) VALUES (?)", (block,))
        self._do(
            "INSERT OR REPLACE INTO header (object, block, wrapped, packed)"
            " SELECT ?, id, ?, 0 FROM header_block WHERE block = ?",
            (entry, header[-WRAPPED:], block),
        )

    def header(self, entry: int) -> bytes | None:
        """Return the header that is kept of an object, None when none is."""
        if self._rows("PRAGMA user_version")[0][0] < SINCE:
            return None
        rows = self._rows(
            "SELECT b.block, h.wrapped FROM header h JOIN header_block b ON b.id = h.block"
            " WHERE h.object = ?",
            (entry,),
        )
        return rows[0][0] + rows[0][1] if rows else None

    def has_headers(self) -> bool:
        """Return whether a header of any object is kept."""
        if self._rows("PRAGMA user_version")[0][0] < SINCE:
            return False
        return bool(self._rows("SELECT EXISTS (SELECT 1 FROM header)")[0][0])

    def has_unpacked(self, dataset: int) -> bool:
        """Say whether an object of a dataset is at the target whose header no pack was made of.

        Reads only the headers of which no pack was made, whatever objects there are.
        """
        return bool(self._rows(self._sql["has_unpacked"], (dataset,))[0][0])

    def packable(self, dataset: int, start: bytes = b"") -> Iterator[list[PackedObject]]:
        """Yield what packs hold of a dataset's objects in key order, portion by portion.

        From `start` on; rows may be changed between two portions.
        """
        while rows := self._rows(self._sql["packable"], (dataset, start, PACKABLE)):
            yield [
                PackedObject(
                    key=key_text(key), size=size, stored_size=stored, etag=etag,
                    version_id=version, header=block + wrapped,
                )
                for key, size, stored, etag, version, block, wrapped in rows
            ]  # fmt: skip
            start = rows[-1][0] + b"\0"

    def note_packed(self, dataset: int) -> None:
        """Note that packs were made of everything that `packable` gives of a dataset."""
        for first, last in self._ranges("unpacked_until"):
            self._do(self._sql["note_packed"], (first, last, dataset))

    def _ranges(self, query: str) -> Iterator[tuple[int, int]]:
        """Cut the objects that have headers into ranges: one statement for all takes memory."""
        after = 0
        while (last := self._rows(self._sql[query], (after, CHANGED))[0][0]) is not None:
            yield after + 1, last
            after = last

    def without_header(self, batch: str) -> int:
        """Count the verified objects of a batch of which no header is kept; scans them.

        Files of the tool's own are not counted: their headers stand in front of them. Nor is what
        was erased.
        """
        return int(self._rows(self._sql["without_header"], (batch,))[0][0])

    def blocks(self) -> dict[int, bytes]:
        """Return what headers share, by the number of each block."""
        if self._rows("PRAGMA user_version")[0][0] < SINCE:
            return {}
        return dict(self._rows("SELECT id, block FROM header_block"))

    def kept_headers(self, after: int, limit: int) -> list[KeptHeader]:
        """Return up to `limit` headers of objects after a number, in their order."""
        rows = self._rows(
            "SELECT h.object, h.block, b.block, h.wrapped FROM header h"
            " JOIN header_block b ON b.id = h.block WHERE h.object > ? ORDER BY h.object LIMIT ?",
            (after, limit),
        )
        return [
            KeptHeader(object=number, block=block, header=shared + wrapped)
            for number, block, shared, wrapped in rows
        ]

    @all_or_nothing
    def rewrap(self, headers: Mapping[int, bytes]) -> None:
        """Put other headers in the place of objects' own: durable when it returns.

        Packs hold data keys and no headers, so no pack becomes another one.
        """
        for block in {header[:-WRAPPED] for header in headers.values()}:
            self._do("INSERT OR IGNORE INTO header_block (block) VALUES (?)", (block,))
        numbers = {block: number for number, block in self.blocks().items()}
        for entry, header in headers.items():
            self._do(
                "UPDATE header SET wrapped = ?, block = ? WHERE object = ?",
                (header[-WRAPPED:], numbers[header[:-WRAPPED]], entry),
            )
        self.commit()

    def headers_under(self, blocks: Collection[int]) -> int:
        """Count the headers under some blocks; scans them."""
        query = "SELECT count(*) FROM header WHERE block IN (SELECT value FROM json_each(?))"
        return int(self._rows(query, (json.dumps(sorted(blocks)),))[0][0])

    def headers_of(self, dataset: int) -> int:
        """Count the headers of a dataset's objects."""
        query = (
            "SELECT count(*) FROM header WHERE object IN (SELECT id FROM object WHERE dataset = ?)"
        )
        return int(self._rows(query, (dataset,))[0][0])

    def drop_blocks(self) -> None:
        """Forget the blocks that no header has; commit afterwards."""
        self._do("DELETE FROM header_block WHERE id NOT IN (SELECT block FROM header)")

    def erased(self) -> frozenset[int]:
        """Return the datasets whose headers were erased, or are being erased."""
        return frozenset(number for (number,) in self._rows(self._sql["erased"]))

    def erase_headers(self, dataset: int) -> None:
        """Forget every header of a dataset: overwritten, and durable when it returns.

        So is what stood before in their place, for every ledger overwrites what it deletes; what a
        disk keeps of bytes that were overwritten, and earlier copies, are beyond it.

        Raises:
            LedgerLocked: they are forgotten, and the file beside the ledger still has their bytes,
                for somebody reads there; again is safe.
        """
        self._forget_headers(dataset)
        with guarded():
            ((busy, *_),) = self._con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if busy:
            raise LedgerLocked(
                "another process reads the ledger, so bytes of headers that were erased are still"
                " in the file beside it",
                hint="end what reads it (a status that watches, a report, a backup), and give the"
                " same command again",
            )

    @all_or_nothing
    def _forget_headers(self, dataset: int) -> None:
        for first, last in self._ranges("headers_until"):
            self._do(self._sql["erase_headers"], (first, last, dataset))
        of_it = "object IN (SELECT id FROM object WHERE dataset = ?)"
        for table in ("upload", "sealed", "part"):
            self._do(f"DELETE FROM {table} WHERE {of_it}", (dataset,))  # noqa: S608 - ours
        self.drop_blocks()
        self.commit()

    def packs(self, dataset: int, prefix: str) -> Iterator[PackRow]:
        """Yield the files of a dataset whose keys begin so, in key order, as they are now."""
        start = key_bytes(prefix)
        rows = self._rows(self._sql["packs"], (dataset, start, start + b"\xff"))
        for number, key, state, stored_size, stored_sha256, etag, version_id in rows:
            yield PackRow(
                id=number, key=key_text(key), state=State(state), stored_size=stored_size,
                stored_sha256=hex_of(stored_sha256), etag=etag, version_id=version_id,
            )  # fmt: skip
