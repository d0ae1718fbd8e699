"""What the journal tells of the adoption of a batch: that it begins, and what it proved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hdh_migrate.codes import Code
from hdh_migrate.events.adoption import (
    Adopting,
    AdoptionEnded,
    JournalSeen,
    LedgerAdopted,
    ObjectsAdopted,
)
from hdh_migrate.events.rotation import DataKeysRotating, KeysRotating
from hdh_migrate.frozen import mutable_row
from hdh_migrate.pipeline.projections.portions import RotationSoFar, tally_of
from hdh_migrate.pipeline.transfer.known import adoption_of
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.telemetry import counted


@mutable_row
class AdoptionTally:
    """What came of the objects under whose keys the target holds something."""

    adopted: int = 0
    by_bundle: int = 0
    unproved: int = 0
    foreign: int = 0
    resized: int = 0
    """Those of ours that have another size than an object has which is sealed as the plan says."""
    joined: int = 0
    """Objects that only a bundle knows: the source does not list them any more."""
    unlisted: int = 0
    """Objects at the target under a dataset's prefix that neither source nor bundle tells of."""


class AdoptionJournal:
    """Writes down one adoption of a batch, however often it is stopped and gone on with."""

    def __init__(self, ledger: Ledger, batch: str, run_tag: str) -> None:
        """`run_tag` is what this ledger calls itself at the target."""
        self._ledger, self._batch, self._run_tag = ledger, batch, run_tag
        self.number = 1

    def begin(self, journals: Sequence[JournalSeen], user: str) -> bool:
        """Write down that it begins; say whether nothing of it was begun and not ended before."""
        ledger = self._ledger
        last = adoption_of(ledger, self._batch)
        self.number = last.number if last.under_way else last.number + 1
        ledger.event(
            Adopting(number=self.number, batch=self._batch, journals=tuple(journals), user=user)
        )
        known = {event.ledger for _, event in ledger.events(LedgerAdopted)}
        for one in journals:
            name = one.ledger
            if one.statement is None or name is None or name in {*known, self._run_tag}:
                continue
            known.add(name)
            ledger.event(LedgerAdopted(ledger=name, statement=one.statement, object=None))
        ledger.commit()
        return not last.under_way

    def end(self, tally: AdoptionTally) -> None:
        """Count what it has proved, and write down whose objects are ours; commit afterwards."""
        ledger = self._ledger
        self._count(tally)
        if tally.adopted:
            ledger.finding(
                Code.ADOPTED,
                f"batch {self._batch}: {counted(tally.adopted, 'object')}, {tally.by_bundle} of"
                " them compared with the digests of an earlier report and not with the source",
            )
        for name, number in self._proved():
            ledger.event(LedgerAdopted(ledger=name, statement=None, object=number))
        ledger.event(
            AdoptionEnded(
                number=self.number, batch=self._batch, adopted=tally.adopted,
                unproved=tally.unproved, foreign=tally.foreign,
            )
        )  # fmt: skip

    def tell_exchange(self) -> tuple[str, int] | None:
        """Write down that the last exchange of keys has not gone through what was adopted since.

        Returns the command that goes through them, and how many they are; None: no key was
        exchanged, or none of them is there.
        """
        ledger = self._ledger
        last: KeysRotating | DataKeysRotating | None = None
        for _, event in ledger.told(KeysRotating, DataKeysRotating):
            assert isinstance(event, KeysRotating | DataKeysRotating)
            last = event
        if last is None:
            return None
        so_far = RotationSoFar(ledger, last.number)
        left = tally_of(ledger, self._batch, so_far.untold.get(self._batch, ())).objects
        if so_far.told is None or not left:
            return None
        ledger.event(replace(so_far.told, left=so_far.told.left + left))
        verb = "keys rotate" if isinstance(last, KeysRotating) else "reseal"
        return f'"hdh-migrate {verb} PLAN ... --execute"', left

    def _count(self, tally: AdoptionTally) -> None:
        for _, event in self._ledger.events(ObjectsAdopted):
            if (event.batch, event.number) == (self._batch, self.number):
                good = len(self._ledger.erasable_of(self._batch, event.ids))
                tally.adopted += good
                tally.by_bundle += good if event.statement is not None else 0

    def _proved(self) -> Iterator[tuple[str, int]]:
        """Return ledgers that were not known to be ours, each with an object that proved good."""
        ledger = self._ledger
        known = {event.ledger for _, event in ledger.events(LedgerAdopted)} | {self._run_tag}
        for _, event in ledger.events(ObjectsAdopted):
            if event.ledger not in known:
                good = next(iter(ledger.erasable_of(self._batch, event.ids)), None)
                if good is not None:
                    known.add(event.ledger)
                    yield event.ledger, good.id
