"""Seal objects anew whose headers are kept apart: packs first, and only then what was may go.

The new header of an object takes the old one's place in the ledger, in the transaction of its
receipt; the packs of a portion are made anew at both places before an earlier version of one of its
objects is removed. So each place opens every object at every moment: an earlier version that is
there still, or the new one. docs/decisions/0080-sealed-anew-with-packs.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from hdh_migrate.model import SIDECAR_VERSION, Verified
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.rotation.packs_anew import PacksAnew
from hdh_migrate.pipeline.rotation.renewing import body_of
from hdh_migrate.pipeline.rotation.sealing_anew import SealingAnew
from hdh_migrate.pipeline.rotation.staying import UNOPENED, UNPROVEN, Stays
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.sealing import Envelope, Unsealer


class SealingApart(SealingAnew):
    """Writes bodies sealed under new data keys, and makes the packs that hold these."""

    def __init__(self, ctx: Context, memory: int) -> None:
        """Prepare; see `SealingAnew`."""
        super().__init__(ctx, memory)
        self._datasets = {row.id: row for row in ctx.ledger.datasets()}
        self._erased = ctx.ledger.erased()
        self._kept: dict[int, bytes] = {}
        """Headers of before of the portion's objects; of files of the tool's own there is none."""

    def takes(self, row: Verified) -> bool:
        """Say whether it is written anew: packs are made of the ledger instead."""
        dataset = self._datasets[row.dataset]
        return is_sealed_anew(row, self._ctx.route(dataset), dataset.name, self._erased)

    def look_up(self, rows: Sequence[Verified]) -> None:
        """Take the headers of these objects from the ledger: threads cannot ask it."""
        found = ((row.id, self._ctx.ledger.header(row.id)) for row in rows)
        self._kept = {number: header for number, header in found if header is not None}

    def header_of(self, route: Route, row: Verified) -> bytes:
        """Return the header of an object as it was verified: the ledger's, or that before its body.

        Raises:
            Stays: there is none.
            StorageError: the target does not answer, or refuses.
        """
        if row.version.startswith(SIDECAR_VERSION):
            return super().header_of(route, row)
        if not row.proven or body_of(row):
            raise Stays(UNPROVEN)
        if row.id not in self._kept:
            raise Stays(UNOPENED)
        return self._kept[row.id]

    def keep(self, entry: int, header: bytes) -> None:
        """Put the new header in the old one's place, unless it stands in front of its body."""
        if entry in self._kept:
            self._ctx.ledger.keep_header(entry, header)

    def shelter(self, batch: str, rows: Sequence[Verified] | None = None) -> None:
        """Have packs at both places open these objects, or all of a batch, before what was goes.

        Raises:
            TargetDiffers, Refused, StorageError: see `PacksAnew.renew`; nothing was removed.
        """
        packs = PacksAnew(self._ctx, batch)
        if rows is None:
            packs.renew_all()
            with self._ctx.ledger.whole():
                self._ctx.ledger.drop_blocks()
                self._ctx.ledger.commit()
        elif rows:
            packs.renew(rows)

    def _front(self, row: Verified, header: bytes) -> bytes:
        return b"" if row.id in self._kept else header

    def _unsealer(self, row: Verified, write: Callable[[memoryview], object]) -> Unsealer:
        header = self._kept.get(row.id)
        return self._ctx.envelopes.unsealer(size=row.size, write=write, header=header)

    def _envelope(self, row: Verified, header: bytes) -> Envelope:
        envelopes = self._ctx.envelopes
        return (envelopes if row.id in self._kept else envelopes.own).open(header)


def is_sealed_anew(row: Verified, route: Route, dataset: str, erased: Collection[int]) -> bool:
    """Say whether a verified object of a dataset is sealed anew itself, where headers are apart.

    Packs are made of the ledger instead. What was erased opens for nobody, and needs nothing.
    """
    return row.dataset not in erased and not row.key.startswith(route.header_packs(dataset))
