"""Ports of the ledger for inventory and transfer: what is to be moved, and what is under way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from hdh_migrate.events.event import Event

if TYPE_CHECKING:
    from hdh_migrate.events.inventory import InventoryCounts
    from hdh_migrate.model import (
        ArchivedObject,
        Claimed,
        Entry,
        KeptBack,
        Listed,
        ObjectInfo,
        OpenUpload,
        Origin,
        PartReceipt,
        Pinned,
        Ruled,
        State,
    )
    from hdh_migrate.receipts import Sent


class InventoryLedger(Protocol):
    """The inventory: objects to be moved are listed, sealed, and updated by later listings."""

    def add_page(self, dataset: int, page: Iterable[Listed], marker: str | None) -> None:
        """Store one page of a listing and where the next one starts, and commit.

        Raises:
            LedgerDamaged: a key is listed twice (the caller has checked the order).
        """

    def restart_listing(self, dataset: int) -> None:
        """Forget an unfinished listing; no event of the journal counts its rows."""

    def seal(self, dataset: int, counts: InventoryCounts) -> None:
        """Close a dataset's inventory, or close it again, with what it counts."""

    def claims(self, dataset: int, *, labelled: bool = False) -> Iterator[Claimed]:
        """Return what every object was listed as, in key order; with `labelled` all of it."""

    def doubted(self, dataset: int) -> list[str]:
        """Return the keys of objects that are left out for what a listing alone said of them."""

    def listing(self, dataset: int) -> Iterator[tuple[int, bytes, int, str, int, str | None]]:
        """Return (id, key bytes, size, version, state, reason) of every object in key order."""

    def archived(self, dataset: int, portion: int) -> Iterator[list[ArchivedObject]]:
        """Give the objects that are set aside because they are archived, portion by portion."""

    def metadata(self, dataset: int) -> Iterator[Mapping[str, str]]:
        """Return the metadata of every object to move that has some."""

    def compared(self) -> bool:
        """Return whether `note_compared` was called, and no object got an address since."""

    def note_compared(self) -> None:
        """Remember that what `collisions` gives was dealt with."""

    def kept_back(self, dataset: int) -> Iterator[list[KeptBack]]:
        """Yield the refused and failed objects of a dataset in the order of ids, by portions.

        What was committed after a portion was given leaves the portions behind it as they are.
        """

    def told_of(self, ids: Iterable[int]) -> dict[tuple[int, str], int]:
        """Return the open findings of some objects: their numbers by object and code."""

    def collisions(self) -> list[tuple[int, int]]:
        """Return (object, dataset) of every object that shares its folded target address."""

    def refuse(self, entry: int, dataset: int, code: str) -> bool:
        """Mark a listed object as one that cannot be moved as planned; False: it was no more."""

    def pinned(self, dataset: int, key: str) -> Pinned | None:
        """Return what one object was pinned as, by its key."""

    def last_object(self) -> int:
        """Return the largest object id that is in use, 0 when there is none."""

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

    def ruled(self, dataset: int, start: bytes = b"") -> Iterator[list[Ruled]]:
        """Yield the objects of a dataset in key order, portion by portion, as rules judge them.

        From `start` on; rows may be changed between two portions.
        """

    def beside(self, dataset: int) -> Iterator[ObjectInfo]:
        """Return what every object to move has beside its bytes; nothing else of it."""

    def changed_after(self, name: str, seq: int) -> bool:
        """Say whether the journal tells, after an event, of a change in a dataset's inventory."""

    def settle(self, dataset: int, changed: Sequence[tuple[int, Listed]]) -> None:
        """Let objects that wait, failed or are left out be what amended rules make of them.

        Commit together with what tells of it.

        Raises:
            LedgerDamaged: a row was changed behind the journal's back.
        """

    def name_rule(self, number: int, rule: str) -> None:
        """Note by which rule an object that is left out is left out now."""

    def unfold(self, dataset: int) -> None:
        """Let the keys of a dataset collide with none."""

    def leave(self, ids: Iterable[int]) -> dict[int, bool]:
        """Leave objects behind that the source no longer has and that were not moved.

        Return which were left, and whether the target may hold something of them: an earlier
        version, or what was sent and not proven. Commit together with what tells of it.

        Raises:
            LedgerDamaged: a row was changed behind the journal's back.
        """


class TransferLedger(Protocol):
    """The transfer: intents, receipts, uploads and their parts."""

    def todo(self, kind: str, dataset: int, *more: int) -> list[Entry]:
        """Return entries of a to-do query: `small`, `big`, `verify`, `kept` or `sending`.

        With `ready_` before the first two, of versions only those that may be sent now.
        """

    def claim(self, entry: Entry) -> None:
        """Record the intent to send; commit before acting on it."""

    def reclaim(self, entry: Entry) -> None:
        """Go on with the last attempt at a waiting object: its upload was kept when it failed."""

    def unclaim(self, entry: Entry) -> None:
        """Withdraw an intent; the next attempt finds out whether it had an effect."""

    def sent(self, entry: Entry, receipt: Sent) -> bool:
        """Record one object's receipt; False when a later attempt fences it."""

    def drifted(self, entry: Entry, obj: ObjectInfo, parts: int) -> int:
        """Pin the source's new version; return how often this object drifted."""

    def failed(self, entry: Entry, old: State, code: str, verdict: str | None) -> None:
        """End an object in a finding."""

    def amend(self, entry: Entry, obj: ObjectInfo, parts: int) -> None:
        """Describe an object that is about to fail as the source does now, for its next attempt."""

    def retry_failed(
        self,
        dataset: int,
        which: Callable[[Mapping[int, str]], Collection[int]] | None = None,
    ) -> int:
        """Let every failed object that a retry may help wait again; return how many.

        With `which` only those that it chooses of each portion, given as ids with the codes that
        ended them: as many may have failed as there are.
        """

    def find(self, dataset: int, key: str) -> tuple[Entry, State] | None:
        """Return one object by its key."""

    def named(self, dataset: int, name: str) -> list[tuple[Entry, State]]:
        """Return the object of this key, or every version of this name, the oldest first."""

    def before(self, dataset: int, key: str) -> Entry | None:
        """Return the version of a name that comes right before this one; None: none is moved."""

    def surveyed(self, dataset: int) -> None:
        """Note that the target was looked at before the first write."""

    def occupied(self, dataset: int, key: str) -> bool:
        """Note that the target holds something under an object's key; False: no such object.

        The object's first attempt then counts as its second, so the worker asks before it writes.
        """

    def begun(self, upload: OpenUpload) -> None:
        """Record an upload on the very next line after it was begun."""

    def upload(self, entry: int) -> OpenUpload | None:
        """Return the upload that is recorded for an object."""

    def drop_upload(self, entry: int) -> None:
        """Forget an upload and its parts, and with its data key what was sealed under it."""

    def drop_kept(self, dataset: int, *states: State) -> None:
        """Forget the uploads of a dataset's objects that are in some states: none is under way."""

    def seals(self, entry: int, number: int, size: int, sha256: str) -> bool:
        """Record what is about to be sealed: the first `size` plaintext bytes of a part.

        Commit before any of it leaves. False: something else is recorded already.
        """

    def sealed(self, entry: int, number: int) -> list[tuple[int, str]]:
        """Return what was sealed of a part, or may have been, as (size, digest) from its start."""

    def add_part(self, entry: int, part: PartReceipt) -> None:
        """Record one part's receipt; of what was sealed the whole part's digest is kept."""

    def drop_part(self, entry: int, number: int) -> None:
        """Forget one part that the target does not hold."""

    def parts(self, entry: int) -> list[PartReceipt]:
        """Return an object's part receipts in order."""

    def note_foreign(self, upload_id: str) -> None:
        """Remember an upload that was there before us."""

    def is_foreign(self, upload_id: str) -> bool:
        """Return whether an upload was there before us."""


class AdoptionLedger(Protocol):
    """Adoption: objects that a lost ledger, or a newer copy of this one, has already moved."""

    def adoptable(self, dataset: int, after: str | None, limit: int) -> list[Entry]:
        """Return waiting objects that the target holds something of, in key order after a key."""

    def taken(self, entry: Entry, receipt: Sent, *, last: int, of: Origin) -> bool:
        """Take what the target holds of a waiting object for sent; False: it waits no more.

        `last` is the last attempt that is known to have been made at it.
        """

    def knows(self, number: int, attempt: int) -> None:
        """Note that attempts up to this one were made at a waiting object."""
