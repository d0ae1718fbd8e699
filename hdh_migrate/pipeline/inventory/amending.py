"""What an amendment means for the objects of a bound batch, and making it so.

Nothing is asked of source or target: the rows of the ledger are judged by the rules of the plan as
it is now. What was moved stays moved, whatever the rules say of it now; what was not moved is what
they make of it. All of it is one transaction with the event that tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Final

from hdh_migrate.codes import Code
from hdh_migrate.frozen import mutable
from hdh_migrate.model import (
    VANISHED,
    DatasetRow,
    Listed,
    ObjectInfo,
    Ruled,
    State,
)
from hdh_migrate.pipeline.context import DatasetRules
from hdh_migrate.pipeline.inventory.inventory_findings import close_again
from hdh_migrate.pipeline.rules.ruling import DIRECTORY
from hdh_migrate.pipeline.rules.selecting import REFUSALS, left_out
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.ports.ledger import Ledger

MOVED: Final = (State.SENDING, State.SENT, State.VERIFIED)
"""What is at the target, or may be on its way."""

Decide = Callable[[ObjectInfo, Route, DatasetRules], Listed]
Note = Callable[[str, Ruled, str], None]
"""Is told dataset and object, and what becomes of it."""


@mutable
class Meaning:
    """What an amendment does to one dataset, in numbers of objects."""

    dataset: str
    added: bool = False
    """The batch gets it; the next run makes its inventory."""
    listed_anew: bool = False
    """Its inventory was not closed yet: the next run begins it anew."""
    judged: bool = False
    """Its objects were judged by other rules than before."""
    excluded: int = 0
    taken_back: int = 0
    moved_before: int = 0
    at_target: int = 0
    """Of those excluded: an attempt was made, so the target may hold something of them."""
    released: int = 0
    """Were refused for a name like another's, and are looked at again."""
    sealed_before: int = 0
    """Are sealed for the earlier recipients, and stay so."""
    begun_anew: int = 0
    """Were on their way for the earlier recipients, and are sent from their first byte."""


@mutable
class Amending:
    """The datasets of one batch under the rules of the plan as it is now."""

    ledger: Ledger
    routes: Mapping[str, Route]
    rules: Mapping[str, DatasetRules]
    decide: Decide
    touched: Sequence[str]
    """The datasets whose rules changed."""
    resealed: bool
    """Whether it is sealed for somebody more."""
    note: Note = field(default=lambda _dataset, _one, _becomes: None)

    def run(self, batch: str, planned: Sequence[str], *, apply: bool) -> list[Meaning]:
        """Return what it means for each dataset that the batch has or gets; `apply`: make it so.

        Commit together with what tells of it.

        Raises:
            Refused: the rules would leave nothing of a dataset.
            LedgerDamaged: a row was changed behind the journal's back.
        """
        rows = {row.name: row for row in self.ledger.datasets(batch)}
        found = []
        for name in sorted({*planned, *rows}):
            if name not in rows:
                found.append(Meaning(dataset=name, added=True))
            elif not rows[name].sealed:
                found.append(self._anew(rows[name], apply=apply))
            else:
                found.append(self._settled(rows[name], apply=apply))
        if apply and any(one.excluded or one.released for one in found):
            self._collide()
        return found

    def _anew(self, dataset: DatasetRow, *, apply: bool) -> Meaning:
        """Restart inventories that were not closed: no event counts their rows yet."""
        anew = dataset.name in self.touched and bool(dataset.pages)
        if anew and apply:
            self.ledger.restart_listing(dataset.id)
        return Meaning(dataset=dataset.name, listed_anew=anew)

    def _settled(self, dataset: DatasetRow, *, apply: bool) -> Meaning:
        found = Meaning(dataset=dataset.name)
        if dataset.name in self.touched:
            found.judged = True
            unfolded = not self.rules[dataset.name].rules.fold
            if unfolded and apply:
                self.ledger.unfold(dataset.id)
            self._judge(dataset, found, apply=apply)
            if found.excluded or unfolded:
                self._release(dataset, found, apply=apply)
            if apply:
                place = self.routes[dataset.name].source
                close_again(self.ledger, dataset, self.rules[dataset.name], place.prefix)
        if self.resealed:
            self._reseal(dataset, found, apply=apply)
        return found

    def _judge(self, dataset: DatasetRow, found: Meaning, *, apply: bool) -> None:
        for portion in self.ledger.ruled(dataset.id):
            changed, named = [], []
            for one in portion:
                listed = self._decided(dataset, one)
                if listed is None:
                    continue
                if one.state is State.EXCLUDED and listed.state is State.EXCLUDED:
                    named.append((one.entry.id, str(listed.reason)))
                    continue
                self._count(dataset, one, listed, found)
                if one.state not in MOVED:
                    changed.append((one.entry.id, listed))
            if apply:
                self.ledger.settle(dataset.id, changed)
                for number, rule in named:
                    self.ledger.name_rule(number, rule)

    def _decided(self, dataset: DatasetRow, one: Ruled) -> Listed | None:
        """Return what the rules make of an object now; None: what it was, or not theirs to say."""
        was = one.reason if one.state is State.EXCLUDED else None
        if was == VANISHED:
            return None
        route, rules = self.routes[dataset.name], self.rules[dataset.name]
        # Most objects are what they were: whether the target can hold them is asked of no more.
        if left_out(_whole(one), route, rules.rules) == was:
            return None
        return self._listed(dataset, one)

    def _listed(self, dataset: DatasetRow, one: Ruled) -> Listed:
        return self.decide(_whole(one), self.routes[dataset.name], self.rules[dataset.name])

    def _count(self, dataset: DatasetRow, one: Ruled, listed: Listed, found: Meaning) -> None:
        if one.state in MOVED:
            found.moved_before += 1
            self.note(dataset.name, one, "moved before the rule")
        elif listed.state is State.EXCLUDED:
            found.excluded += 1
            found.at_target += bool(one.entry.attempt)
            self.note(dataset.name, one, "excluded")
        else:
            found.taken_back += 1
            self.note(dataset.name, one, listed.state.name.lower())

    # --- names that were alike -------------------------------------------------------------------

    def _release(self, dataset: DatasetRow, found: Meaning, *, apply: bool) -> None:
        """Reset what was refused for a colliding name; what still collides is refused again."""
        if not self.ledger.tally(dataset.id, State.REFUSED).objects:
            return
        for portion in self.ledger.ruled(dataset.id):
            freed = [
                (one.entry.id, listed)
                for one in portion
                if one.state is State.REFUSED and one.reason == Code.COLLISION
                and (listed := self._listed(dataset, one)).state is State.LISTED
            ]  # fmt: skip
            found.released += len(freed)
            if apply:
                self.ledger.settle(dataset.id, freed)

    def _collide(self) -> None:
        for entry, dataset in self.ledger.collisions():
            if self.ledger.refuse(entry, dataset, Code.COLLISION):
                detail = REFUSALS[Code.COLLISION]
                self.ledger.finding(Code.COLLISION, detail, dataset=dataset, entry=entry)

    # --- for whom is sealed --------------------------------------------------------------------

    def _reseal(self, dataset: DatasetRow, found: Meaning, *, apply: bool) -> None:
        """Restart objects under way: their data keys are for the earlier recipients only."""
        done = self.ledger.tally(dataset.id, State.SENT, State.VERIFIED).objects
        found.sealed_before = done
        for entry in self.ledger.todo("sending", dataset.id):
            found.begun_anew += 1
            if apply:
                self.ledger.drop_upload(entry.id)  # the next run's sweep aborts it at the target
                self.ledger.unclaim(entry)
        if apply:
            self.ledger.drop_kept(dataset.id, State.LISTED, State.FAILED)
            self.ledger.settle(dataset.id, list(self._recut(dataset)))

    def _recut(self, dataset: DatasetRow) -> Iterator[tuple[int, Listed]]:
        """Update the part plan of waiting objects, which a longer header may change."""
        for portion in self.ledger.ruled(dataset.id):
            for one in portion:
                if one.state is State.LISTED:
                    listed = self._listed(dataset, one)
                    if (listed.state, listed.parts) != (State.LISTED, one.entry.parts):
                        yield one.entry.id, listed


def _whole(one: Ruled) -> ObjectInfo:
    """Return an object with its kind, of which an earlier version kept no more than why it went."""
    obj = one.entry.obj
    return replace(obj, kind=DIRECTORY) if one.reason == DIRECTORY else obj
