"""What the steps ask of the ledger, by who asks it; `hdh_migrate.ledger` keeps it.

Whatever is recorded may wait for `commit` before it is durable. Every call may raise LedgerDamaged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from hdh_migrate.events.event import Event
from hdh_migrate.model import ObjectRecord, OpenFinding
from hdh_migrate.model.paces import HourlyPaces

if TYPE_CHECKING:
    from hdh_migrate.codes import Code
    from hdh_migrate.events.inventory import InventoryCounts
    from hdh_migrate.events.registry import CutoverEvent, UnknownOfCutover
    from hdh_migrate.model import (
        ArchivedObject,
        Arrived,
        Claimed,
        DatasetRow,
        Entry,
        KeptHeader,
        Listed,
        ObjectInfo,
        OpenUpload,
        Origin,
        PackedObject,
        PackRow,
        PartReceipt,
        Pinned,
        RenewedRow,
        Ruled,
        Sample,
        State,
        Tally,
        Verified,
        Waiting,
    )
    from hdh_migrate.receipts import Matched, Sent

E = TypeVar("E", bound=Event)


class Transactions(Protocol):
    """Changes are durable together, or not at all."""

    pending: int
    """Rows that were changed since the last commit."""

    def whole(self) -> AbstractContextManager[None]:
        """Take the changes inside together: whatever is raised there, none of them stays.

        What was not committed before goes too, and the ledger takes nothing more: every later
        call raises the same error again, so that no `finally` can commit one half of a change.
        """

    def commit(self) -> None:
        """Make everything since the last commit durable.

        Raises:
            NoSpace: the disk is full; everything since the last commit is rolled back.
        """


class JournalPort(Protocol):
    """The past: what happened, in the order in which it did."""

    def event(self, event: Event) -> None:
        """Append one event to the journal; its time is never before that of the last one."""

    def events(self, of: type[E]) -> Iterator[tuple[str, E]]:
        """Return (time, event) of every event of one kind, oldest first; scans the journal.

        Raises:
            LedgerDamaged: one is not of its kind's form.
        """

    def cutovers(self) -> Iterator[tuple[str, str, CutoverEvent | UnknownOfCutover]]:
        """Return (time, kind, event) of every event of a cutover, oldest first; never scans.

        Raises:
            LedgerDamaged: one is not of its kind's form.
        """

    def meta(self, name: str) -> str | None:
        """Return the value of a name in the table `meta`, None when there is none."""

    def metas(self, prefix: str) -> dict[str, str]:
        """Return every value of the table `meta` whose name begins so, by the rest of its name."""

    def set_meta(self, name: str, value: str) -> None:
        """Store a value under a name in the table `meta`, in place of what was there."""

    def reconcile(self) -> None:
        """Check the whole ledger, and compute again from its rows what its journal tells.

        Raises:
            LedgerDamaged: they differ, or it is damaged; one line says in what.
        """


class CountsLedger(Protocol):
    """What every step reads and tells: datasets, how far they are, findings, and the pace."""

    def datasets(self, batch: str | None = None) -> list[DatasetRow]:
        """Return the datasets, of one batch or all."""

    def tally(self, dataset: int, *states: State) -> Tally:
        """Return objects and bytes of a dataset in some states; does not scan."""

    def findings(self, *, severity: str | None = None) -> Iterator[OpenFinding]:
        """Return open findings with the object's key, oldest first."""

    def finding(
        self,
        code: Code,
        detail: str,
        *,
        dataset: int | None = None,
        entry: int | None = None,
    ) -> None:
        """Record a finding; the detail names no object and holds no secret."""

    def close_finding(self, number: int) -> None:
        """Note that a finding is over."""

    def sample(self, batch: str, step: str, objects: int, size: int) -> None:
        """Remember how far a step has come, for rates and ETA."""

    def set_reading(self, batch: str, reading: Tally) -> None:
        """Remember how much of a batch's objects that are being read back is read."""

    def samples(self, batch: str | None = None, step: str | None = None) -> list[Sample]:
        """Return the samples that are kept, oldest first; of one batch or step, or of all."""

    def paces(self) -> Mapping[str, HourlyPaces]:
        """Return what was measured of each step, in sums by hour of the day."""

    def arrived(self) -> dict[int, Arrived]:
        """Return by dataset what has arrived of large objects that are under way."""

    def waiting(self, dataset: int) -> Iterator[Waiting]:
        """Yield the objects of a dataset that are neither verified nor excluded."""


class InventoryLedger(Protocol):
    """What is to be moved: listed, sealed, and brought up to date."""

    def add_page(self, dataset: int, page: Iterable[Listed], marker: str | None) -> None:
        """Store one page of a listing and where the next one starts, and commit.

        Raises:
            LedgerDamaged: a key is listed twice (the caller has checked the order).
        """

    def restart_listing(self, dataset: int) -> None:
        """Forget an unfinished listing; no event of the journal counts its rows."""

    def seal(self, dataset: int, counts: InventoryCounts) -> None:
        """Close a dataset's inventory, or close it again; `told` is of `fixity.Inventoried`."""

    def claims(self, dataset: int, *, labelled: bool = False) -> Iterator[Claimed]:
        """Return what every object was listed as, in key order; with `labelled` all of it."""

    def doubted(self, dataset: int) -> list[str]:
        """Return the keys of objects that are left out for what a listing alone said of them."""

    def listing(self, dataset: int) -> Iterator[tuple[int, bytes, int, str, int, str | None]]:
        """Return (id, key bytes, size, version, state, reason) of every object in key order."""

    def archived(self, dataset: int, portion: int) -> Iterator[list[ArchivedObject]]:
        """Give the objects that are set aside because they are archived, portion by portion."""

    def adorned(self, dataset: int) -> Iterator[dict[str, Any]]:
        """Return metadata and tags of every object to move that has some."""

    def compared(self) -> bool:
        """Return whether `note_compared` was called, and no object got an address since."""

    def note_compared(self) -> None:
        """Remember that what `collisions` gives was dealt with."""

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
        """Return what every object to move has beside its bytes; nothing else of it is told."""

    def last_event(self) -> int:
        """Return the number of the journal's last event, 0 when there is none."""

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
    """What is on its way: intents, receipts, uploads and their parts."""

    def todo(self, kind: str, dataset: int, *more: int) -> list[Entry]:
        """Return entries of a to-do query: `small`, `big`, `verify` or `sending`.

        With `ready_` before the first two, of versions only those that may be sent now.
        """

    def claim(self, entry: Entry) -> None:
        """Record the intent to send; commit before acting on it."""

    def unclaim(self, entry: Entry) -> None:
        """Take an intent back; whatever effect it had, the next attempt asks for."""

    def sent(self, entry: Entry, receipt: Sent) -> bool:
        """Record one object's receipt; False when a later attempt fences it."""

    def drifted(self, entry: Entry, obj: ObjectInfo, parts: int) -> int:
        """Pin the source's new version; return how often this object drifted."""

    def failed(self, entry: Entry, old: State, code: str, verdict: str | None) -> None:
        """End an object in a finding."""

    def amend(self, entry: Entry, obj: ObjectInfo, parts: int) -> None:
        """Describe an object that is about to fail as the source does now, for its next attempt."""

    def failures(self, dataset: int) -> list[tuple[int, str]]:
        """Return the id of each object that failed, with the code that ended it."""

    def retry_failed(self, dataset: int, ids: Collection[int] | None = None) -> int:
        """Let every failed object that could end otherwise wait again; return how many.

        With `ids` only those of them.
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

    def seals(self, entry: int, number: int, size: int, sha256: str) -> bool:
        """Record what is about to be sealed: the first `size` plaintext bytes of a part.

        Commit before any of it leaves. False: something else is recorded already.
        """

    def sealed(self, entry: int, number: int) -> list[tuple[int, str]]:
        """Take in one `inventoried` event."""

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


class HeaderLedger(Protocol):
    """What wraps the data key of each object, where that does not stand in front of its bytes."""

    def keep_header(self, entry: int, header: bytes | None) -> None:
        """Keep what an object's attempt was sealed under; None: it stands in front of the bytes."""

    def header(self, entry: int) -> bytes | None:
        """Return the header that is kept of an object, None when none is."""

    def has_unpacked(self, dataset: int) -> bool:
        """Say whether an object of a dataset is at the target whose header no pack was made of."""

    def packable(self, dataset: int, start: bytes = b"") -> Iterator[list[PackedObject]]:
        """Yield what packs hold of a dataset's objects in key order, portion by portion."""

    def note_packed(self, dataset: int) -> None:
        """Note that packs were made of everything that `packable` gives of a dataset."""

    def without_header(self, batch: str) -> int:
        """Count the verified objects of a batch of which no header is kept; scans them."""

    def packs(self, dataset: int, prefix: str) -> Iterator[PackRow]:
        """Yield the files of a dataset whose keys begin so, in key order, as they are now."""

    def blocks(self) -> dict[int, bytes]:
        """Return what headers share, by the number of each block."""

    def kept_headers(self, after: int, limit: int) -> list[KeptHeader]:
        """Return up to `limit` headers of objects after a number, in their order."""

    def rewrap(self, headers: Mapping[int, bytes]) -> None:
        """Put other headers in the place of objects' own: durable when it returns."""

    def headers_under(self, blocks: Collection[int]) -> int:
        """Count the headers under some blocks; scans them."""

    def erased(self) -> frozenset[int]:
        """Return the datasets whose headers were erased, or are being erased."""

    def erase_headers(self, dataset: int) -> None:
        """Forget every header of a dataset, and overwrite where it stood: durable on return."""

    def drop_blocks(self) -> None:
        """Forget the blocks that no header has; commit afterwards."""


class AdoptionLedger(Protocol):
    """What was moved already, by a ledger that is lost or by a newer copy of this one."""

    def adoptable(self, dataset: int, after: str | None, limit: int) -> list[Entry]:
        """Return waiting objects that the target holds something of, in key order after a key."""

    def taken(self, entry: Entry, receipt: Sent, *, last: int, of: Origin) -> bool:
        """Take what the target holds of a waiting object for sent; False: it waits no more.

        `last` is the last attempt that is known to have been made at it.
        """

    def knows(self, number: int, attempt: int) -> None:
        """Note that attempts up to this one were made at a waiting object."""


class VerifyLedger(Protocol):
    """What was read back, and what evidence says of it."""

    def relist(self, ids: Iterable[int]) -> int:
        """Let verified objects that the target does not hold any more wait again; return how many.

        The next attempt asks before it writes. Commit together with what tells why.

        Raises:
            LedgerDamaged: a row was changed behind the journal's back.
        """

    def forget_etag(self, number: int) -> None:
        """Note that what is under a waiting object's key is not what we put there; see `pins`."""

    def pins(self) -> dict[int, str]:
        """Return what waiting objects may replace though it is not ours: ETags, by id."""

    def verified(self, entry: Entry, receipt: Matched) -> bool:
        """Record that what was read back is what was read from the source."""

    def records(self, dataset: int) -> Iterator[ObjectRecord]:
        """Return every object of a dataset in key order, as the manifest needs it."""


class ExchangeLedger(Protocol):
    """Headers that are exchanged, each call durable when it returns."""

    def has_versions(self, dataset: int) -> bool:
        """Return whether the target gave a version to any verified object of a dataset; scans."""

    def unproven(self, dataset: int, after: int, limit: int) -> list[tuple[int, str]]:
        """Return up to `limit` ids and keys after an id, of what the target may hold unverified.

        That is what an attempt began, or may have, and is neither verified nor failed; scans.
        """

    def exchanging(self) -> dict[int, bytes]:
        """Return the new headers of the objects that are under way, by their numbers."""

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
        """Take what was read back for what the target holds now; nothing is under way any more.

        `lost` wait to be sent again.

        Raises:
            LedgerDamaged: a row was changed behind the journal's back.
        """


class DecommissionLedger(Protocol):
    """What may be deleted at the source."""

    def erasable(
        self, batch: str, after: int, limit: int, *, whole: bool = False
    ) -> list[Verified]:
        """Return up to `limit` verified objects of a batch after an id, in its order.

        `whole`: with the files of sidecars, which no source has, and with datasets whose headers
        were erased: nobody can prove what the target holds of those, so their source keeps them.
        """

    def own_verified(self, batch: str, after: int, limit: int) -> list[Verified]:
        """Return up to `limit` verified files of the tool's own of a batch after an id."""

    def own_left(self, batch: str, after: int) -> Tally:
        """Return objects and bytes of those after an id; scans them."""

    def erasable_of(self, batch: str, ids: Iterable[int], *, whole: bool = False) -> list[Verified]:
        """Return the verified objects of a batch that have one of these ids, in their order."""

    def erasable_left(self, batch: str, after: int, *, whole: bool = False) -> Tally:
        """Return objects and bytes of the verified objects of a batch after an id; scans them."""

    def failed_objects(self, dataset: int) -> list[int]:
        """Return the ids of the objects that ended in a finding."""


class Ledger(
    Transactions,
    JournalPort,
    CountsLedger,
    InventoryLedger,
    TransferLedger,
    HeaderLedger,
    AdoptionLedger,
    VerifyLedger,
    ExchangeLedger,
    DecommissionLedger,
    Protocol,
):
    """All of it: the one writable ledger of a run, which only the coordinator has."""
