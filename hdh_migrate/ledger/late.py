"""What changes after an inventory was sealed: objects that came late, versions that moved on.

A verified object whose source changed is verified no more. The journal's events that acknowledged
it cover others too, so each of them is checked a last time and replaced by a `superseded` event
that covers those others (coverage.py): the journal goes on covering every verified row, and no row
can be changed in its shadow. What joins and what changes is recorded as leaves, so that the root of
every earlier inventory can be computed again.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter

from hdh_migrate.bounded import in_lists
from hdh_migrate.events.event import Event
from hdh_migrate.fixity import inventory_leaf
from hdh_migrate.ledger.connection import all_or_nothing
from hdh_migrate.ledger.coverage import FAILED_ROWS, PORTION, VERIFIED_ROWS
from hdh_migrate.ledger.journalling import ENDED
from hdh_migrate.ledger.objects import Objects
from hdh_migrate.ledger.rows import entry_of, extra_of, leaf_of, raw_digest, verified_of
from hdh_migrate.model import (
    Brief,
    Listed,
    Pinned,
    Ruled,
    State,
    Tally,
    Verified,
    key_bytes,
)

RULED = 1_000
"""Objects that are judged at once by amended rules."""

ASKED_FIRST = 1
"""The attempt that a late object begins with: the worker then asks before it writes."""


def _pinned_anew(number: int, one: Listed) -> tuple[object, ...]:
    """Return the values of the query `repin`."""
    obj = one.obj
    return (
        obj.size, obj.version, obj.modified, raw_digest(obj.md5), extra_of(obj), one.fold,
        one.parts, int(one.state), one.reason, number,
    )  # fmt: skip


class Late(Objects):
    """Brings a sealed inventory up to date; each call is one transaction."""

    def pinned(self, dataset: int, key: str) -> Pinned | None:
        """Return what one object was pinned as, by its key."""
        rows = self._rows(self._sql["pinned"], (dataset, key_bytes(key)))
        if not rows:
            return None
        number, state, size, version, md5, kind, reason, tags = rows[0]
        brief = Brief(key, size, version, kind, None if md5 is None else md5.hex())
        return Pinned(number, brief, State(state), reason, {} if tags is None else json.loads(tags))

    def last_object(self) -> int:
        """Return the largest object id that is in use, 0 when there is none."""
        return int(self._rows("SELECT coalesce(max(id), 0) FROM object")[0][0])

    def changed_after(self, name: str, seq: int) -> bool:
        """Say whether the journal tells, after an event, of a change in a dataset's inventory."""
        query = (
            "SELECT 1 FROM event WHERE seq > ? AND kind = 'inventory-changed'"
            " AND body ->> '$.dataset' = ? LIMIT 1"
        )
        return bool(self._rows(query, (seq, name)))

    def failed_objects(self, dataset: int) -> list[int]:
        """Return the ids of the objects that ended in a finding."""
        return [row[0] for row in self._rows(self._sql["failed_of"], (dataset, 0, -1))]

    def close_finding(self, number: int) -> None:
        """Close a finding."""
        self._close_findings("id", number)

    @all_or_nothing
    def update(
        self,
        dataset: int,
        new: Sequence[Listed],
        changed: Sequence[tuple[int, Listed]],
        event: Event | None = None,
    ) -> None:
        """Add objects that came late and pin the new versions of (id, object) pairs; commit.

        `event` is an event of the same transaction.

        Raises:
            LedgerDamaged: a row was changed behind the journal's back.
        """
        self.commit()  # receipts that wait become events before they may be superseded
        for cover in (VERIFIED_ROWS, FAILED_ROWS):
            self._replace(cover, {number for number, _ in changed})
        for one in new:
            self._join(dataset, one)
        self._repin(dataset, changed)
        if event is not None:
            self.event(event)
        self.commit()

    def _join(self, dataset: int, one: Listed) -> None:
        obj = one.obj
        self._do(
            self._sql["join"],
            (dataset, key_bytes(obj.key), obj.size, obj.version, obj.modified, raw_digest(obj.md5),
             extra_of(obj), one.fold, one.parts, int(one.state), one.reason, ASKED_FIRST),
        )  # fmt: skip
        number = self._con.last_insert_rowid()
        self._to_compare()
        self._moved(dataset, obj.size, None, one.state)
        if self._is_sealed(dataset):
            self._joins(dataset, leaf_of(obj), excluded=one.state is State.EXCLUDED)
        if one.state in ENDED:
            self._fails(dataset, number)

    def _repin(self, dataset: int, changed: Sequence[tuple[int, Listed]]) -> None:
        """Pin what objects are now, portion by portion: a statement for all of it, not for each."""
        assert len({number for number, _ in changed}) == len(changed), "an object changes once"
        sealed = self._is_sealed(dataset)
        for some in in_lists(changed, PORTION):
            ids = [number for number, _ in some]
            before = {row[0]: row[1:] for row in self._rows(self._sql["were"], (json.dumps(ids),))}
            self.drop_uploads(ids)
            self._close_findings_of(ids)  # of what was before
            self._each(self._sql["repin"], [_pinned_anew(number, one) for number, one in some])
            for number, one in some:
                state, key, size, version = before[number]
                self._moved(dataset, size, State(state), None)
                self._moved(dataset, one.obj.size, None, one.state)
                if not sealed:
                    continue  # before the seal the journal has no rows
                self._changes_leaf(
                    dataset, inventory_leaf(key, size, version), leaf_of(one.obj),
                    excluded=one.state is State.EXCLUDED, was_excluded=state == State.EXCLUDED,
                )  # fmt: skip
                if one.state in ENDED:
                    self._fails(dataset, number)
        if changed:
            self._to_compare()

    @all_or_nothing
    def leave(self, ids: Iterable[int]) -> dict[int, bool]:
        """Leave objects behind that the source no longer has and that were not moved.

        Return which were left, and whether the target may hold something of them: an earlier
        version, or what was sent and not proven. Commit together with what tells of it.

        Raises:
            LedgerDamaged: a row was changed behind the journal's back.
        """
        self._write_out()  # rows that failed just now are covered before they may be let go
        query = (
            "SELECT dataset, size, state, etag IS NOT NULL OR state = 3 FROM object"
            " WHERE id = ? AND state IN (0, 2, 3, 6)"
        )
        leaving = {number: row for number in ids for row in self._rows(query, (number,))}
        self._replace(FAILED_ROWS, {n for n, row in leaving.items() if row[2] in ENDED})
        for number, (dataset, size, state, _) in leaving.items():
            self._do(self._sql["leave"], (number,))
            self.drop_upload(number)
            self._close_findings("object", number)
            self._moved(dataset, size, State(state), State.EXCLUDED)
            leaf = self._leaf(number)
            self._changes_leaf(dataset, leaf, leaf, excluded=True)
        return {number: bool(row[3]) for number, row in leaving.items()}

    # --- amended -----------------------------------------------------------------------------

    def ruled(self, dataset: int, start: bytes = b"") -> Iterator[list[Ruled]]:
        """Yield the objects of a dataset in key order, portion by portion, as rules judge them.

        From `start` on; rows may be changed between two portions.
        """
        while rows := self._rows(self._sql["ruled"], (dataset, start, RULED)):
            yield [Ruled(entry_of(row[:10]), State(row[10]), row[11]) for row in rows]
            start = rows[-1][2] + b"\0"

    @all_or_nothing
    def settle(self, dataset: int, changed: Sequence[tuple[int, Listed]]) -> None:
        """Let objects that wait, failed or are left out be what amended rules make of them.

        Commit together with what tells of it.

        Raises:
            LedgerDamaged: a row was changed behind the journal's back.
        """
        self._write_out()  # what failed just now is covered before it may be let go
        self._replace(FAILED_ROWS, {number for number, _ in changed})
        self._repin(dataset, changed)

    def name_rule(self, number: int, rule: str) -> None:
        """Note by which rule an object that is left out is left out now."""
        self._do("UPDATE object SET reason = ? WHERE id = ? AND state = 1", (rule, number))

    def unfold(self, dataset: int) -> None:
        """Let the keys of a dataset collide with none."""
        self._do("UPDATE object SET fold = NULL WHERE dataset = ?", (dataset,))

    # --- looked at again ---------------------------------------------------------------------

    @all_or_nothing
    def relist(self, ids: Iterable[int]) -> int:
        """Let verified objects that the target does not hold any more wait again; return how many.

        The next attempt asks before it writes. Commit together with what tells why.

        Raises:
            LedgerDamaged: a row was changed behind the journal's back.
        """
        self._write_out()  # what was verified just now is covered before it may leave
        query = "SELECT dataset, size FROM object WHERE id = ? AND state = 5"
        leaving = {number: row for number in ids for row in self._rows(query, (number,))}
        self._replace(VERIFIED_ROWS, set(leaving))
        for number, (dataset, size) in leaving.items():
            self._do(self._sql["relist"], (number,))
            self.drop_upload(number)
            self._close_findings("object", number)  # of what was before
            self._moved(dataset, size, State.VERIFIED, State.LISTED)
        return len(leaving)

    def forget_etag(self, number: int) -> None:
        """Note that what is under a waiting object's key is not what we put there; see `pins`."""
        self._do(self._sql["forget_etag"], (number,))

    def pins(self) -> dict[int, str]:
        """Return what waiting objects may replace though it is not ours: ETags, by id.

        A `restored` event allows it until the object's next receipt, which sets its ETag anew.
        """
        return dict(self._rows(self._sql["pins"]))

    # --- decommission ------------------------------------------------------------------------

    def erasable(
        self, batch: str, after: int, limit: int, *, whole: bool = False
    ) -> list[Verified]:
        """Return up to `limit` verified objects of a batch after an id, in its order.

        `whole`: with the files of sidecars, which no source has, and with datasets whose headers
        were erased: nobody can prove what the target holds of those, so their source keeps them.
        """
        erased = frozenset[int]() if whole else self.erased()
        wanted = {row.id for row in self.datasets(batch)} - erased
        return self._after("erasable", wanted, after, limit, whole)

    def own_verified(self, batch: str, after: int, limit: int) -> list[Verified]:
        """Return up to `limit` verified files of the tool's own of a batch after an id.

        Those of datasets whose headers are erased, or being erased, are left out.
        """
        wanted = {row.id for row in self.datasets(batch)} - self.erased()
        return self._after("own_verified", wanted, after, limit)

    def _after(
        self, query: str, datasets: Iterable[int], after: int, limit: int, *more: object
    ) -> list[Verified]:
        """Return the first of several datasets in the order of ids; each is read no further."""
        with self._using(write=False):
            each = [
                self._con.execute(self._sql[query], (one, after, limit, *more)) for one in datasets
            ]
            rows = list(islice(heapq.merge(*each, key=itemgetter(0)), limit))
            for cursor in each:
                cursor.close()
        return [verified_of(row) for row in rows]

    def own_left(self, batch: str, after: int) -> Tally:
        """Return objects and bytes of those after an id; scans them."""
        objects, size = self._rows(self._sql["own_left"], (after, batch))[0]
        return Tally(objects=objects, size=size)

    def erasable_of(self, batch: str, ids: Iterable[int], *, whole: bool = False) -> list[Verified]:
        """Return the verified objects of a batch that have one of these ids, in their order."""
        rows = self._rows(self._sql["erasable_of"], (json.dumps(list(ids)), batch, whole))
        return [verified_of(row) for row in rows]

    def erasable_left(self, batch: str, after: int, *, whole: bool = False) -> Tally:
        """Return objects and bytes of the verified objects of a batch after an id; scans them."""
        objects, size = self._rows(self._sql["erasable_left"], (after, batch, whole))[0]
        return Tally(objects=objects, size=size)

    def grantable(self, dataset: int) -> Iterator[tuple[Verified, State]]:
        """Yield the objects of a dataset that are not left out, in the order of keys, with states.

        What is not verified has of its row what there is. Files of sidecars are left out: no
        source has them, and they tell of all objects.
        """
        after = b""
        while rows := self._rows(self._sql["grantable"], (dataset, after, PORTION)):
            for row in rows:
                yield verified_of(row), State(row[12])
            after = rows[-1][2]

    def has_versions(self, dataset: int) -> bool:
        """Return whether the target gave a version to any verified object of a dataset; scans."""
        query = (
            "SELECT EXISTS (SELECT 1 FROM object WHERE dataset = ? AND state = 5"
            " AND version_id IS NOT NULL)"
        )
        return bool(self._rows(query, (dataset,))[0][0])
