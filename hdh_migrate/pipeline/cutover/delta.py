"""The final delta: list the frozen source against the ledger and move what differs, until it fits.

What is new or has another version is moved and verified by the ordinary steps. What is gone from
the source stays at the target and becomes a finding, or a note where the plan says so
(pipeline/inventory/refresh.py): nobody but people may decide about it.
"""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import SourceWritten
from hdh_migrate.events.cutover import (
    CutoverDelta,
    CutoverMoved,
    CutoverRelisting,
    CutoverSettled,
)
from hdh_migrate.model import DatasetRow, Listed, State
from hdh_migrate.pipeline.cutover.freeze import Listing
from hdh_migrate.pipeline.cutover.scene import Scene
from hdh_migrate.pipeline.inventory.refresh import Refresh
from hdh_migrate.pipeline.transfer.transfer import Transfer
from hdh_migrate.pipeline.verify.verify import Verification

PENDING = (State.LISTED, State.SENDING, State.SENT)


class Delta:
    """Brings ledger and target up to date with the frozen source; follows each listing."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._ctx = scene, scene.ctx
        self._frozen: Listing = {}
        self._stated: str | None = None
        """From when somebody has signed that nobody writes; None: nobody, or it was disproved."""

    def settle(self, frozen: Listing) -> int:
        """List and move until a listing equals the ledger; return how many listings it took.

        Raises:
            SourceWritten: a listing is not the one that stood still, or it never settles.
            Refused, ListingBroken: what a listing left out is not believed.
        """
        scene, self._frozen = self._scene, frozen
        if scene.probe is None:
            self._stated = scene.consent("freeze", "").begins
        for number in range(1, scene.terms.rounds + 1):
            scene.note(CutoverRelisting(**scene.about, round=number))
            listing = Refresh(self._ctx, scene.batch, user=scene.user, watcher=self)
            found = listing.run(scene.datasets()).found
            if found.any:
                scene.note(
                    CutoverDelta(
                        **scene.about, round=number, new=found.new.objects,
                        changed=found.changed.objects, vanished=found.vanished.objects,
                    )
                )  # fmt: skip
            if self._pending():
                Transfer(self._ctx, scene.batch).run()
                Verification(self._ctx, scene.batch).run()
                scene.note(CutoverMoved(**scene.about, round=number))
            elif not found.new.objects + found.changed.objects:
                scene.note(CutoverSettled(**scene.about, rounds=number))
                return number
        raise self._written(f"{scene.terms.rounds} listings in a row found something to move")

    # --- while the source is listed --------------------------------------------------------------

    def found(self, dataset: DatasetRow, listed: Sequence[Listed]) -> None:
        """Void a stated freeze when the source says that it was written since.

        It is moved all the same, and whoever stated it is asked again at the door.
        """
        if self._stated is None:
            return
        stated = seconds_of(self._stated)
        times = (one.obj.modified for one in listed)
        if any(at is not None and seconds_of(at) > stated for at in times):
            why = f"dataset {dataset.name} was written after somebody signed that nobody writes"
            self._scene.waits("source-written", [why])
            self._stated = None

    def listed(self, dataset: DatasetRow, digest: tuple[int, int]) -> None:
        """Demand that a listing is the one that stood still.

        Raises:
            SourceWritten: it is not.
        """
        if digest != self._frozen[dataset.id]:
            raise self._written(f"dataset {dataset.name} changed after two equal listings")

    def _pending(self) -> bool:
        ledger = self._ctx.ledger
        return any(ledger.tally(row.id, *PENDING).objects for row in self._scene.datasets())

    def _written(self, why: str) -> SourceWritten:
        self._scene.waits("source-written", [why])
        return SourceWritten(f"the source is still being written: {why}")
