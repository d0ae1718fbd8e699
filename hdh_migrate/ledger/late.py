"""What changes after an inventory was sealed: objects that came late, versions that moved on.

A verified object whose source changed is verified no more. The journal's events that acknowledged
it cover others too, so each of them is checked a last time and replaced by a `superseded` event
that covers those others: the journal goes on covering every verified row, and no row can be
changed in its shadow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.ledger import chain
from hdh_migrate.ledger.database import guarded
from hdh_migrate.ledger.objects import Objects
from hdh_migrate.ledger.rows import extra_of, raw_digest, verified_of
from hdh_migrate.ledger.store import all_or_nothing
from hdh_migrate.model import Brief, Listed, Pinned, State, Tally, Verified, key_bytes

ASKED_FIRST = 1
"""The attempt that a late object begins with: the worker then asks before it writes."""


class Late(Objects):
    """Brings a sealed inventory up to date; each call is one transaction."""

    def pinned(self, dataset: int, key: str) -> Pinned | None:
        """Return what one object was pinned as, by its key."""
        rows = self._rows(self._sql["pinned"], (dataset, key_bytes(key)))
        if not rows:
            return None
        number, state, size, version, md5, kind = rows[0]
        told = Brief(key, size, version, kind, None if md5 is None else md5.hex())
        return Pinned(number, told, State(state))

    def last_object(self) -> int:
        """Return the largest object id that is in use, 0 when there is none."""
        return int(self._rows("SELECT coalesce(max(id), 0) FROM object")[0][0])

    def failed_objects(self, dataset: int) -> list[int]:
        """Return the ids of the objects that ended in a finding."""
        return [row[0] for row in self._rows(self._sql["failed_of"], (dataset,))]

    def close_finding(self, number: int) -> None:
        """Note that a finding is over."""
        self._do("UPDATE finding SET closed = 1 WHERE id = ?", (number,))

    @all_or_nothing
    def update(
        self, dataset: int, new: Sequence[Listed], changed: Sequence[tuple[int, Listed]]
    ) -> None:
        """Add objects that came late and pin the new versions of (id, object) pairs; commit.

        Raises:
            LedgerDamaged: a row was changed behind the journal's back.
        """
        self.commit()  # receipts that wait become events before they may be superseded
        self._supersede({number for number, _ in changed})
        for one in new:
            self._join(dataset, one)
        for number, one in changed:
            self._repin(dataset, number, one)
        self.commit()

    def _join(self, dataset: int, one: Listed) -> None:
        obj = one.obj
        self._do(
            self._sql["join"],
            (dataset, key_bytes(obj.key), obj.size, obj.version, obj.modified, raw_digest(obj.md5),
             extra_of(obj), one.fold, one.parts, int(one.state), one.reason, ASKED_FIRST),
        )  # fmt: skip
        self._moved(dataset, obj.size, None, one.state)

    def _repin(self, dataset: int, number: int, one: Listed) -> None:
        query = "SELECT state, size FROM object WHERE id = ?"
        state, size = self._rows(query, (number,))[0]
        self.drop_upload(number)
        self._do("UPDATE finding SET closed = 1 WHERE object = ?", (number,))  # of what was before
        obj = one.obj
        self._do(
            self._sql["repin"],
            (obj.size, obj.version, obj.modified, raw_digest(obj.md5), extra_of(obj), one.fold,
             one.parts,             int(one.state), one.reason, number),
        )  # fmt: skip
        self._moved(dataset, size, State(state), None)
        self._moved(dataset, obj.size, None, one.state)

    # --- decommission ------------------------------------------------------------------------

    def erasable(self, batch: str, after: int, limit: int) -> list[Verified]:
        """Return up to `limit` verified objects of a batch after an id, in its order."""
        rows = self._rows(self._sql["erasable"], (after, batch, limit))
        return [verified_of(row) for row in rows]

    def erasable_of(self, batch: str, ids: Iterable[int]) -> list[Verified]:
        """Return the verified objects of a batch that have one of these ids, in their order."""
        rows = self._rows(self._sql["erasable_of"], (json.dumps(list(ids)), batch))
        return [verified_of(row) for row in rows]

    def erasable_left(self, batch: str, after: int) -> Tally:
        """Return objects and bytes of the verified objects of a batch after an id; scans them."""
        objects, size = self._rows(self._sql["erasable_left"], (after, batch))[0]
        return Tally(objects=objects, size=size)

    # --- what the journal covers -------------------------------------------------------------

    def check_receipts(self) -> None:
        """Compare every verified row with the journal event that acknowledged it.

        Raises:
            LedgerDamaged: a row was changed, added or removed behind the journal's back.
        """
        acknowledged = sum(len(ids) for _, ids in self._covered())
        verified = self._rows("SELECT count(*) FROM object WHERE state = 5")[0][0]
        if verified != acknowledged:
            raise LedgerDamaged(
                f"{verified} objects are marked verified, the journal knows of {acknowledged}"
            )

    def _supersede(self, ids: set[int]) -> None:
        """Replace the events that cover any of these rows; the others stay covered."""
        if not ids:
            return
        replaced = [
            (seq, [number for number in covered if number not in ids], covered)
            for seq, covered in self._covered()
            if not ids.isdisjoint(covered)
        ]
        for seq, kept, covered in replaced:
            dropped = [number for number in covered if number in ids]
            body = {"event": seq, "dropped": dropped, "ids": kept}
            self.event("superseded", {**body, "rows_sha256": self._rows_digest(kept)})

    def _covered(self) -> Iterator[tuple[int, list[int]]]:
        """Return (number, ids) of every event that covers verified rows, checking each.

        Raises:
            LedgerDamaged: a row is not as its event says.
        """
        replaced = {body["event"] for _, body in self._told("superseded")}
        for kind in ("verified", "superseded"):
            for seq, told in self._told(kind):
                if seq in replaced:
                    continue
                if self._rows_digest(told["ids"]) != told["rows_sha256"]:
                    raise LedgerDamaged(f"an object acknowledged by event {seq} was changed since")
                yield seq, told["ids"]

    def _told(self, kind: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        with guarded():
            query = "SELECT seq, body FROM event WHERE kind = ? ORDER BY seq"
            for seq, body in self._con.execute(query, (kind,)):
                yield seq, json.loads(body)

    def _rows_digest(self, ids: Iterable[int]) -> str:
        return chain.rows_digest(row for number in ids for row in self._verified_rows(number))
