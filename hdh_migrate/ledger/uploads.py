"""Open multipart uploads and the parts that the target acknowledged."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hdh_migrate.ledger.connection import all_or_nothing
from hdh_migrate.ledger.journalling import JournallingLedger
from hdh_migrate.ledger.rows import raw_digest
from hdh_migrate.model import OpenUpload, PartReceipt, State


class UploadsLedger(JournallingLedger):
    """Kept from the moment an upload id is known until its object is verified."""

    @all_or_nothing
    def begun(self, upload: OpenUpload) -> None:
        """Record an upload on the very next line after it was begun."""
        self.drop_upload(upload.entry)
        self._do(
            "INSERT INTO upload (object, attempt, upload_id, header, segments, recorded)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (upload.entry, upload.attempt, upload.upload_id, upload.header, upload.segments,
             int(upload.recorded)),
        )  # fmt: skip

    def upload(self, entry: int) -> OpenUpload | None:
        """Return the upload that is recorded for an object."""
        rows = self._rows(
            "SELECT object, attempt, upload_id, header, segments, recorded FROM upload"
            " WHERE object = ?",
            (entry,),
        )
        if not rows:
            return None
        r = rows[0]
        return OpenUpload(
            entry=r[0],
            attempt=r[1],
            upload_id=r[2],
            header=r[3],
            segments=r[4],
            recorded=bool(r[5]),
        )

    @all_or_nothing
    def drop_upload(self, entry: int) -> None:
        """Forget an upload and its parts, and with its data key what was sealed under it."""
        self._do("DELETE FROM upload WHERE object = ?", (entry,))
        self._do("DELETE FROM sealed WHERE object = ?", (entry,))
        self._do("DELETE FROM part WHERE object = ?", (entry,))

    def drop_uploads(self, entries: Sequence[int]) -> None:
        """Forget the uploads of some objects, as `drop_upload` does that of one."""
        ids = (json.dumps(entries),)
        for table in ("upload", "sealed", "part"):
            query = f"DELETE FROM {table} WHERE object IN (SELECT value FROM json_each(?))"  # noqa: S608 - ours
            self._do(query, ids)

    def drop_kept(self, dataset: int, *states: State) -> None:
        """Forget the uploads of a dataset's objects that are in some states: none is under way."""
        rows = self._rows(self._sql["kept_in"], (dataset, json.dumps([*map(int, states)])))
        self.drop_uploads([number for (number,) in rows])

    def seals(self, entry: int, number: int, size: int, sha256: str) -> bool:
        """Record what is about to be sealed: the first `size` plaintext bytes of a part.

        Commit before any of it leaves. False: something else is recorded already.
        """
        digest = raw_digest(sha256)
        self._do(
            "INSERT OR IGNORE INTO sealed (object, number, size, sha256) VALUES (?, ?, ?, ?)",
            (entry, number, size, digest),
        )
        return (size, sha256) in self.sealed(entry, number)

    def sealed(self, entry: int, number: int) -> list[tuple[int, str]]:
        """Return what was sealed of a part, or may have been, as (size, digest) from its start."""
        rows = self._rows(
            "SELECT size, sha256 FROM sealed WHERE object = ? AND number = ? ORDER BY size",
            (entry, number),
        )
        return [(size, sha256.hex()) for size, sha256 in rows]

    @all_or_nothing
    def add_part(self, entry: int, part: PartReceipt) -> None:
        """Record one part's receipt; of what was sealed the whole part's digest is kept."""
        self._do(
            "DELETE FROM sealed WHERE object = ?1 AND number = ?2"
            " AND size < (SELECT max(size) FROM sealed WHERE object = ?1 AND number = ?2)",
            (entry, part.number),
        )
        self._do(
            "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?)",
            (entry, part.number, raw_digest(part.sha256), raw_digest(part.sealed_sha256),
             part.stored_size, part.etag),
        )  # fmt: skip

    def drop_part(self, entry: int, number: int) -> None:
        """Forget one part that the target does not hold."""
        self._do("DELETE FROM part WHERE object = ? AND number = ?", (entry, number))

    def parts(self, entry: int) -> list[PartReceipt]:
        """Return an object's part receipts in order."""
        rows = self._rows(
            "SELECT number, sha256, sealed_sha256, stored_size, etag FROM part"
            " WHERE object = ? ORDER BY number",
            (entry,),
        )
        return [
            PartReceipt(
                number=r[0],
                sha256=r[1].hex(),
                sealed_sha256=r[2].hex(),
                stored_size=r[3],
                etag=r[4],
            )
            for r in rows
        ]

    def parts_acknowledged(self) -> int:
        """Return how many parts of open uploads have a receipt."""
        return int(self._rows("SELECT count(*) FROM part")[0][0])

    def note_foreign(self, upload_id: str) -> None:
        """Remember an upload that was there before us."""
        self._do("INSERT OR IGNORE INTO foreign_upload VALUES (?)", (upload_id,))

    def is_foreign(self, upload_id: str) -> bool:
        """Return whether an upload was there before us."""
        query = "SELECT 1 FROM foreign_upload WHERE upload_id = ?"
        return bool(self._rows(query, (upload_id,)))
