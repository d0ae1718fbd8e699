"""Headers that are exchanged: kept while they are under way, and verified rows that change for it.

Where one is written and not yet proven, the row stays what it was; the new header is kept under the
object's number, so that after a kill nobody has to guess which one the target holds. It opens for
recipients alone, and is the only form in which a data key is ever kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.rotation import HeadersExchanged, HeadersExchanging
from hdh_migrate.ledger.connection import all_or_nothing
from hdh_migrate.ledger.coverage import VERIFIED_ROWS
from hdh_migrate.ledger.late import Late
from hdh_migrate.ledger.rows import raw_digest
from hdh_migrate.model import RenewedRow, key_text

UNDER_WAY: Final = "exchanging/"
"""How the ledger's memory begins the name of an object whose header is being exchanged."""


class Exchanging(Late):
    """Brackets exchanges; each call is one transaction, and commits."""

    def unproven(self, dataset: int, after: int, limit: int) -> list[tuple[int, str]]:
        """Return up to `limit` ids and keys after an id, of what the target may hold unverified.

        That is what an attempt began, or may have, and is neither verified nor failed; scans.
        """
        query = (
            "SELECT id, key FROM object WHERE dataset = ? AND id > ?"
            " AND state NOT IN (5, 6) AND attempt > 0 ORDER BY id LIMIT ?"
        )
        return [
            (int(number), key_text(key))
            for number, key in self._rows(query, (dataset, after, limit))
        ]

    def exchanging(self) -> dict[int, bytes]:
        """Return the new headers of the objects that are under way, by their numbers."""
        return {int(number): bytes.fromhex(text) for number, text in self.metas(UNDER_WAY).items()}

    @all_or_nothing
    def exchange(
        self,
        number: int,
        batch: str,
        last: int,
        headers: Mapping[int, bytes],
        *,
        left: Sequence[int],
    ) -> None:
        """Note that objects are about to get these headers."""
        for entry, header in headers.items():
            self.set_meta(f"{UNDER_WAY}{entry}", header.hex())
        self.event(
            HeadersExchanging(
                number=number, batch=batch, last=last, ids=tuple(headers), left=tuple(left)
            )
        )
        self.commit()

    @all_or_nothing
    def exchanged(
        self,
        number: int,
        batch: str,
        last: int,
        renewed: Sequence[RenewedRow],
        *,
        left: Sequence[int],
        lost: Sequence[int],
    ) -> None:
        """Record what was read back as what the target holds now; nothing is under way any more.

        `lost` wait to be sent again. The event covers the rows as they are from here on.

        Raises:
            LedgerDamaged: a row was changed behind the journal's back.
        """
        self._write_out()  # what was verified just now is covered before it may leave
        ids = tuple(row.id for row in renewed)
        self._replace(VERIFIED_ROWS, set(ids))
        for row in renewed:
            done = self._do(
                self._sql["renewed"],
                (row.attempt + 1, raw_digest(row.stored_sha256), row.stored_size, row.etag,
                 row.version_id, row.level, row.at, row.id, row.attempt),
            )  # fmt: skip
            if not done:
                raise LedgerDamaged(f"object {row.id} changed while its header was exchanged")
        self.relist(lost)
        for entry in lost:  # the target holds one attempt more than the row tells of
            self._do("UPDATE object SET attempt = attempt + 1 WHERE id = ?", (entry,))
        covered, counts = self._covers(VERIFIED_ROWS, ids)
        self.event(
            HeadersExchanged(
                number=number, batch=batch, last=last, ids=ids, datasets=counts,
                rows_sha256=covered.rows, extras_sha256=covered.extras,
                left=tuple(left), lost=tuple(lost),
            )
        )  # fmt: skip
        self._do("DELETE FROM meta WHERE substr(name, 1, ?) = ?", (len(UNDER_WAY), UNDER_WAY))
        self.commit()
