"""Ports of the ledger for objects at the target: proofs, headers, deletions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hdh_migrate.model import (
        Entry,
        KeptHeader,
        PackedObject,
        PackRow,
        RenewedRow,
        Tally,
        Verified,
    )
    from hdh_migrate.receipts import Matched


class HeaderLedger(Protocol):
    """Detached headers: what wraps the data key of each object, kept apart from its bytes."""

    def keep_header(self, entry: int, header: bytes | None) -> None:
        """Keep what an object's attempt was sealed under; None: it stands in front of the bytes."""

    def header(self, entry: int) -> bytes | None:
        """Return the header that is kept of an object, None when none is."""

    def has_headers(self) -> bool:
        """Return whether a header of any object is kept."""

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
        """Replace the headers of objects; durable when it returns."""

    def headers_under(self, blocks: Collection[int]) -> int:
        """Count the headers under some blocks; scans them."""

    def erased(self) -> frozenset[int]:
        """Return the datasets whose headers were erased, or are being erased."""

    def erase_headers(self, dataset: int) -> None:
        """Forget every header of a dataset, and overwrite where it stood: durable on return."""

    def drop_blocks(self) -> None:
        """Forget the blocks that no header has; commit afterwards."""


class VerifyLedger(Protocol):
    """The results of reading back, as evidence reports them."""

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


class ExchangeLedger(Protocol):
    """Replaces headers during a rotation or reseal; each call is durable when it returns."""

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
        """Record what was read back as what the target holds now; nothing is under way any more.

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
