"""What a run asks of header packs where they are kept; and where headers need none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Protocol

from hdh_migrate.model import DatasetRow, PackRow
from hdh_migrate.pipeline.packed import PackedKey

if TYPE_CHECKING:
    from hdh_migrate.pipeline.retrying import Retrying
    from hdh_migrate.pipeline.workers.work import Route
    from hdh_migrate.ports.ledger import Ledger
    from hdh_migrate.ports.sealing import Envelopes
    from hdh_migrate.ports.stores import TargetReader


class PackWork(Protocol):
    """What of a run is needed here; `Context` has it."""

    @property
    def ledger(self) -> Ledger:
        """The ledger."""

    @property
    def reader(self) -> TargetReader:
        """Reads the target."""

    @property
    def envelopes(self) -> Envelopes:
        """Opens packs, and wraps data keys anew."""

    @property
    def retry(self) -> Retrying:
        """Tries again what may work later."""

    def route(self, dataset: DatasetRow) -> Route:
        """Return where a dataset comes from and goes to."""


class PackKeeping(Protocol):
    """What is kept of headers beside the objects that they open."""

    def copy(self, ctx: PackWork, batch: str, only: Collection[int] | None = None) -> int:
        """Make the second copy of each verified pack of a batch that has none; return how many.

        With `only`, of the packs with these numbers, and nothing is recorded of it.
        """

    def opened(self, ctx: PackWork, dataset: DatasetRow, pack: PackRow) -> Iterator[PackedKey]:
        """Yield what a verified pack holds that is at both places, looked at just now.

        Raises:
            TargetDiffers: it is not as it was verified.
            UnsealFailed, PackDamaged: it is, and does not open.
        """

    def demand(self, ctx: PackWork, batch: str) -> None:
        """Demand that every verified object of a batch can be opened again, looked at just now.

        Raises:
            TargetDiffers: a pack or its copy is not as it was verified, or lacks an object.
        """

    def glance(self, ctx: PackWork, batch: str) -> int:
        """Demand that packs and copies are there still, without reading; return how many are.

        Raises:
            TargetDiffers: one is not, or is another one by its size, ETag or version.
        """

    def learn(self, ctx: PackWork, dataset: DatasetRow) -> int:
        """Take the headers of waiting objects from packs; return how many packs do not open."""

    def opens(self, ctx: PackWork, entry: int) -> bool:
        """Say whether an object at the target could be opened with what is known here."""


class NoPacks:
    """Headers stand in front of their objects."""

    def copy(self, ctx: PackWork, batch: str, only: Collection[int] | None = None) -> int:
        """Do nothing: there is nothing but the objects themselves."""
        del ctx, batch, only
        return 0

    def opened(self, ctx: PackWork, dataset: DatasetRow, pack: PackRow) -> Iterator[PackedKey]:
        """Yield nothing: there are no packs."""
        del ctx, dataset, pack
        return iter(())

    def demand(self, ctx: PackWork, batch: str) -> None:
        """Demand nothing: who has read the objects has read their headers."""
        del ctx, batch

    def glance(self, ctx: PackWork, batch: str) -> int:
        """Look at nothing: each object is asked for by itself."""
        del ctx, batch
        return 0

    def learn(self, ctx: PackWork, dataset: DatasetRow) -> int:
        """Take nothing: headers are read with their objects."""
        del ctx, dataset
        return 0

    def opens(self, ctx: PackWork, entry: int) -> bool:
        """Say yes, as far as anybody can tell without reading."""
        del ctx, entry
        return True
