"""The present of every object: listed, claimed, sent, verified, or ended in a finding."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import starmap
from typing import TYPE_CHECKING

from hdh_migrate.events.inventory import InventoryCounts
from hdh_migrate.ledger.connection import all_or_nothing
from hdh_migrate.ledger.coverage import FAILED_ROWS
from hdh_migrate.ledger.database import guarded
from hdh_migrate.ledger.headers import HeadersLedger
from hdh_migrate.ledger.journalling import IDS
from hdh_migrate.ledger.rows import entry_of, extra_of, hex_of, leaf_of, raw_digest, sent_row
from hdh_migrate.ledger.uploads import UploadsLedger
from hdh_migrate.model import (
    Claimed,
    Entry,
    LeftOut,
    Listed,
    ObjectInfo,
    ObjectRecord,
    Origin,
    State,
    key_bytes,
    key_text,
)

if TYPE_CHECKING:
    from hdh_migrate.receipts import Matched, Sent


COMPARED = "compared"
"""What the ledger's memory calls whether all target addresses were compared with each other."""


class Objects(UploadsLedger, HeadersLedger):
    """Moves objects from state to state; a late receipt of an earlier attempt changes nothing."""

    _uncompared = False

    # --- inventory -----------------------------------------------------------------------------

    @all_or_nothing
    def add_page(self, dataset: int, page: Iterable[Listed], marker: str | None) -> None:
        """Store one page of a listing and where the next one starts, and commit.

        Raises:
            LedgerDamaged: a key is listed twice (the caller has checked the order).
        """
        rows = [
            (dataset, key_bytes(one.obj.key), one.obj.size, one.obj.version, one.obj.modified,
             raw_digest(one.obj.md5), extra_of(one.obj), one.fold, one.parts, int(one.state),
             one.reason)
            for one in page
        ]  # fmt: skip
        with self._using(write=True):
            self._con.executemany(self._sql["add_object"], rows)
        self._to_compare()
        for state in {row[9] for row in rows}:
            sizes = [row[2] for row in rows if row[9] == state]
            delta = self._deltas.setdefault((dataset, state), [0, 0])
            delta[0] += len(sizes)
            delta[1] += sum(sizes)
        last = rows[-1][1] if rows else None
        self._do(
            "UPDATE dataset SET marker = ?, last_key = coalesce(?, last_key), pages = pages + 1"
            " WHERE id = ?",
            (marker, last, dataset),
        )
        self.commit()

    @all_or_nothing
    def restart_listing(self, dataset: int) -> None:
        """Forget an unfinished listing; no event of the journal counts its rows."""
        self._do("DELETE FROM object WHERE dataset = ?", (dataset,))
        self._do("DELETE FROM counter WHERE dataset = ?", (dataset,))
        self._deltas = {one: sums for one, sums in self._deltas.items() if one[0] != dataset}
        self._close_findings("dataset", dataset)
        self._do(
            "UPDATE dataset SET marker = NULL, last_key = NULL, pages = 0 WHERE id = ?", (dataset,)
        )

    @all_or_nothing
    def seal(self, dataset: int, counts: InventoryCounts) -> None:
        """Close a dataset's inventory, or close it again; `told` is of `fixity.Inventoried`."""
        first = not self._is_sealed(dataset)
        self._do(
            "UPDATE dataset SET state = 1, marker = NULL, root = ?, sealed_at = ? WHERE id = ?",
            (counts.root, self._clock.now(), dataset),
        )
        self._inventoried(dataset, counts)
        if first:  # of ten millions a portion at a time is held
            for portion in self.kept_back(dataset):
                self._ended.update((one.id, dataset) for one in portion)
                self._write_ended()

    def told_of(self, ids: Iterable[int]) -> dict[tuple[int, str], int]:
        """Return the open findings of some objects: their numbers by object and code."""
        rows = self._rows(self._sql["told_of"], (json.dumps([*ids]),))
        return {(number, code): finding for number, code, finding in rows}

    def surveyed(self, dataset: int) -> None:
        """Note that the target was looked at before the first write."""
        self._do("UPDATE dataset SET surveyed = 1 WHERE id = ?", (dataset,))

    def occupied(self, dataset: int, key: str) -> bool:
        """Note that the target holds something under an object's key; False: no such object.

        The object's first attempt then counts as its second, so the worker asks before it writes.
        """
        return bool(
            self._do(
                "UPDATE object SET attempt = max(attempt, 1) WHERE dataset = ? AND key = ?"
                " AND state NOT IN (1, 2)",
                (dataset, key_bytes(key)),
            )
        )

    def compared(self) -> bool:
        """Return whether `note_compared` was called, and no object got an address since."""
        return self.meta(COMPARED) == "yes"

    def note_compared(self) -> None:
        """Remember that what `collisions` gives was dealt with."""
        self.set_meta(COMPARED, "yes")
        self._uncompared = False

    def _to_compare(self) -> None:
        """Remember, with the rows themselves, that one has an address that is not compared."""
        if not self._uncompared:
            self.set_meta(COMPARED, "no")
            self._uncompared = True

    def collisions(self) -> list[tuple[int, int]]:
        """Return (object, dataset) of every object that shares its folded target address.

        Versions of one name share theirs, and are one.
        """
        self._do("CREATE INDEX IF NOT EXISTS object_fold ON object (fold) WHERE fold IS NOT NULL")
        return self._rows(self._sql["collisions"])

    @all_or_nothing
    def refuse(self, entry: int, dataset: int, code: str) -> bool:
        """Mark a listed object as one that cannot be moved as planned; False: it was no more."""
        size = self._rows("SELECT size FROM object WHERE id = ?", (entry,))[0][0]
        done = self._do(
            "UPDATE object SET state = 2, reason = ? WHERE id = ? AND state = 0", (code, entry)
        )
        if done:
            self._moved(dataset, size, State.LISTED, State.REFUSED)
            self._fails(dataset, entry)
        return bool(done)

    # --- transfer ------------------------------------------------------------------------------

    def todo(self, kind: str, dataset: int, *more: int) -> list[Entry]:
        """Return entries of a to-do query: `small`, `big`, `verify`, `kept` or `sending`.

        With `ready_` before the first two, of versions only those that may be sent now.
        """
        name = "sending" if kind == "sending" else f"todo_{kind}"
        return [entry_of(row) for row in self._rows(self._sql[name], (dataset, *more))]

    @all_or_nothing
    def claim(self, entry: Entry) -> None:
        """Record the intent to send; commit before acting on it."""
        self._do(self._sql["claim"], (entry.id,))
        self._moved(entry.dataset, entry.obj.size, State.LISTED, State.SENDING)

    @all_or_nothing
    def reclaim(self, entry: Entry) -> None:
        """Go on with the last attempt at a waiting object: its upload was kept when it failed."""
        if self._do(self._sql["reclaim"], (entry.id,)):
            self._moved(entry.dataset, entry.obj.size, State.LISTED, State.SENDING)

    @all_or_nothing
    def unclaim(self, entry: Entry) -> None:
        """Withdraw an intent; the next attempt finds out whether it had an effect."""
        if self._do(self._sql["unclaim"], (entry.id,)):
            self._moved(entry.dataset, entry.obj.size, State.SENDING, State.LISTED)

    @all_or_nothing
    def sent(self, entry: Entry, receipt: Sent) -> bool:
        """Record one object's receipt; False when a later attempt fences it."""
        done = self._do(
            self._sql["sent"],
            (raw_digest(receipt.sha256), raw_digest(receipt.sealed_sha256), receipt.stored_size,
             receipt.etag, receipt.version_id, entry.id, entry.attempt),
        )  # fmt: skip
        if done:
            self.keep_header(entry.id, receipt.header)
            self._moved(entry.dataset, entry.obj.size, State.SENDING, State.SENT)
            self._receipts.setdefault("sent", []).append(sent_row(receipt))
        return bool(done)

    # --- adoption ------------------------------------------------------------------------------

    def adoptable(self, dataset: int, after: str | None, limit: int) -> list[Entry]:
        """Return waiting objects that the target holds something of, in key order after a key."""
        start = b"" if after is None else key_bytes(after) + b"\0"
        rows = self._rows(self._sql["adoptable"], (dataset, start, limit))
        return [entry_of(row) for row in rows]

    @all_or_nothing
    def taken(self, entry: Entry, receipt: Sent, *, last: int, of: Origin) -> bool:
        """Take what the target holds of a waiting object for sent; False: it waits no more.

        `last` is the last attempt that is known to have been made at it.
        """
        done = self._do(
            self._sql["taken"],
            (raw_digest(receipt.sha256), raw_digest(receipt.sealed_sha256), receipt.stored_size,
             receipt.etag, receipt.version_id, last, entry.id, entry.attempt),
        )  # fmt: skip
        if done:
            self.keep_header(entry.id, receipt.header)
            self._moved(entry.dataset, entry.obj.size, State.LISTED, State.SENT)
            self._adopted.setdefault(of, []).append(entry.id)
            self._receipts.setdefault("sent", []).append(sent_row(receipt))
        return bool(done)

    def knows(self, number: int, attempt: int) -> None:
        """Note that attempts up to this one were made at a waiting object."""
        self._do(self._sql["knows"], (attempt, number))

    @all_or_nothing
    def drifted(self, entry: Entry, obj: ObjectInfo, parts: int) -> int:
        """Pin the source's new version; return how often this object drifted."""
        self.drop_upload(entry.id)
        if self._do(
            self._sql["drifted"],
            (
                obj.version,
                obj.size,
                obj.modified,
                raw_digest(obj.md5),
                parts,
                entry.id,
                entry.attempt,
                extra_of(obj),
            ),
        ):
            self._moved(entry.dataset, entry.obj.size, State.SENDING, None)
            self._moved(entry.dataset, obj.size, None, State.LISTED)
            self._changes_leaf(entry.dataset, leaf_of(entry.obj), leaf_of(obj), excluded=False)
        row = self._rows("SELECT drifts FROM object WHERE id = ?", (entry.id,))
        return int(row[0][0])

    @all_or_nothing
    def failed(self, entry: Entry, old: State, code: str, verdict: str | None) -> None:
        """End an object in a finding."""
        if self._do(self._sql["failed"], (code, verdict, entry.id)):
            self._moved(entry.dataset, entry.obj.size, old, State.FAILED)
            self._fails(entry.dataset, entry.id)

    @all_or_nothing
    def amend(self, entry: Entry, obj: ObjectInfo, parts: int) -> None:
        """Describe an object that is about to fail as the source does now, for its next attempt."""
        self.drop_upload(entry.id)
        was = self._leaf(entry.id)
        values = (
            obj.size,
            obj.version,
            obj.modified,
            raw_digest(obj.md5),
            parts,
            entry.id,
            obj.kind,
        )
        if self._do(self._sql["amend"], values):
            self._changes_leaf(entry.dataset, was, self._leaf(entry.id), excluded=False)
            self._moved(entry.dataset, entry.obj.size, State.SENT, None)
            self._moved(entry.dataset, obj.size, None, State.SENT)

    @all_or_nothing
    def retry_failed(
        self,
        dataset: int,
        which: Callable[[Mapping[int, str]], Collection[int]] | None = None,
    ) -> int:
        """Let every failed object that a retry may help wait again; return how many.

        With `which` only those that it chooses of each portion, given as ids with the codes that
        ended them: as many may have failed as there are.
        """
        count = after = 0
        while rows := self._rows(self._sql["failed_of"], (dataset, after, IDS)):
            after = rows[-1][0]
            again = {row[0]: row[1:] for row in rows if not row[2].startswith("kind-")}
            if which is not None:
                chosen = which({entry: reason for entry, (_, reason) in again.items()})
                again = {entry: row for entry, row in again.items() if entry in chosen}
            if again:
                self._write_out()  # rows that failed just now are covered before they may be let go
                self._replace(FAILED_ROWS, {*again})
            for entry, (size, _) in again.items():
                self._do(self._sql["again"], (entry,))
                self._close_findings("object", entry)
                self._moved(dataset, size, State.FAILED, State.LISTED)
            count += len(again)
        return count

    def find(self, dataset: int, key: str) -> tuple[Entry, State] | None:
        """Return one object by its key."""
        rows = self._rows(
            "SELECT id, dataset, key, size, version, modified, md5, extra, parts, attempt, sha256,"
            " sealed_sha256, stored_size, etag, version_id, state FROM object"
            " WHERE dataset = ? AND key = ?",
            (dataset, key_bytes(key)),
        )
        return (entry_of(rows[0][:-1]), State(rows[0][-1])) if rows else None

    def drawn(self, datasets: Collection[int], most: int) -> list[tuple[Entry, State]]:
        """Return up to `most` of what datasets have at the target, each with the same chance."""
        rows = self._rows(self._sql["drawn"], (json.dumps(sorted(datasets)), most))
        return [(entry_of(row[:-1]), State(row[-1])) for row in rows]

    def named(self, dataset: int, name: str) -> list[tuple[Entry, State]]:
        """Return the object of this key, or every version of this name, the oldest first."""
        raw = key_bytes(name)
        rows = self._rows(self._sql["named"], (dataset, raw, raw + b"\0", raw + b"\1"))
        return [(entry_of(row[:-1]), State(row[-1])) for row in rows]

    def before(self, dataset: int, key: str) -> Entry | None:
        """Return the version of a name that comes right before this one; None: none is moved."""
        rows = self._rows(self._sql["version_before"], (dataset, key_bytes(key)))
        return entry_of(rows[0]) if rows else None

    # --- verify and reading ----------------------------------------------------------------------

    @all_or_nothing
    def verified(self, entry: Entry, receipt: Matched) -> bool:
        """Record that what was read back is what was read from the source."""
        done = self._do(
            self._sql["verified"],
            (raw_digest(receipt.sha256), raw_digest(receipt.stored_sha256), receipt.level,
             receipt.at, entry.id, entry.attempt),
        )  # fmt: skip
        if done:
            if entry.parts:
                self.drop_upload(entry.id)
            self._moved(entry.dataset, entry.obj.size, State.SENT, State.VERIFIED)
            self._receipts.setdefault("verified", []).append({"id": entry.id})
        return bool(done)

    def listing(self, dataset: int) -> Iterator[tuple[int, bytes, int, str, State, str | None]]:
        """Return (id, key bytes, size, version, state, reason) of every object in key order."""
        with guarded():
            yield from self._con.execute(self._sql["listing"], (dataset,))

    def claims(self, dataset: int, *, labelled: bool = False) -> Iterator[Claimed]:
        """Return what every object was listed as, in key order; with `labelled` all of it."""
        query = self._sql["labels" if labelled else "claims"]
        with guarded():
            yield from starmap(Claimed, self._con.execute(query, (dataset,)))

    def doubted(self, dataset: int) -> list[str]:
        """Return the keys of objects that are left out for what a listing alone said of them."""
        return [key_text(row[0]) for row in self._rows(self._sql["doubted"], (dataset,))]

    def records(self, dataset: int) -> Iterator[ObjectRecord]:
        """Return every object of a dataset in key order, as the manifest needs it."""
        states = tuple(State)
        with guarded():
            for (
                number, key, size, version, modified, md5, state, reason, sha256, stored_size,
                stored_sha256, etag, version_id, level, verdict, verified_at,
            ) in self._con.execute(self._sql["records"], (dataset,)):  # fmt: skip
                yield {
                    "id": number, "key": key_text(key), "size": size, "version": version,
                    "modified": modified, "md5": hex_of(md5), "state": states[state],
                    "reason": reason, "sha256": hex_of(sha256), "stored_size": stored_size,
                    "stored_sha256": hex_of(stored_sha256), "etag": etag, "version_id": version_id,
                    "level": level,
                    "verdict": verdict, "verified_at": verified_at,
                }  # fmt: skip

    def excluded(self, dataset: int) -> Iterator[LeftOut]:
        """Return every object that the plan leaves behind, in key order."""
        with guarded():
            for number, key, size, version, reason in self._con.execute(
                self._sql["excluded"], (dataset,)
            ):
                yield LeftOut(number, key_text(key), size, version, reason)

    def read_whole(self) -> int:
        """Return how many verified objects had their digest taken when they were read back."""
        query = "SELECT count(*) FROM object WHERE state = 5 AND parts > 0 AND sha256 IS NOT NULL"
        return int(self._rows(query)[0][0])

    def sent_whole(self) -> int:
        """Return how many verified objects had their digest taken while the source was read."""
        return int(self._rows("SELECT count(*) FROM object WHERE state = 5 AND parts = 0")[0][0])
