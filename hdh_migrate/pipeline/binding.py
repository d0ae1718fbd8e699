"""What a batch is, bound when its inventory begins, and not before.

All that the plan says of *what* a batch is (plan/classes.py) is kept beside the journal, which
tells its digest. A batch that was not begun may become another one, get another name, or go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final

from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.batches import AgesCounted, BatchBound
from hdh_migrate.events.run import RecipientsBound
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen, frozen_row
from hdh_migrate.jsonform import ABSENT, CanonicalPlan
from hdh_migrate.plan.classes import what_of
from hdh_migrate.ports.ledger import Ledger

BOUND: Final = "bound/"
"""How the ledger's memory begins the name under which it keeps what a batch is."""

MOMENTS: Final = "ages/"
"""How it begins the name under which it keeps from when a batch's relative ages count."""

BATCHWISE: Final = "bound-by-batch"
"""What its memory has once batches are bound one by one; an earlier version bound the plan."""


@frozen_row
class Binding:
    """What one batch is bound to."""

    batch: str
    revision: int
    text: str
    """Canonical JSON of all that the plan says of what the batch is."""

    @property
    def what(self) -> CanonicalPlan:
        """The same as a value."""
        return dict(json.loads(self.text))

    @property
    def digest(self) -> str:
        """The digest by which the journal tells what a batch is bound to."""
        return sha256_hex(self.text.encode())


def bindings(ledger: Ledger) -> dict[str, Binding]:
    """Return what each batch that was begun is bound to; of the others there is none.

    Of a ledger that bound the whole plan: by what it has begun, as `adopt` will write it down.
    """
    if ledger.meta(BATCHWISE) is not None:
        kept = ledger.metas(BOUND).items()
        return {name: Binding(name, *_numbered(text)) for name, text in kept}
    plan = json.loads(ledger.meta("plan") or "{}")
    begun = dict.fromkeys(row.batch for row in ledger.datasets() if row.sealed or row.pages)
    found = {name: what_of(plan, name) for name in begun} if plan else {}
    bound = {name: what for name, what in found.items() if what is not None}
    return {name: Binding(name, 1, canonical_json(what).decode()) for name, what in bound.items()}


def adopt(ledger: Ledger) -> None:
    """Let batches be bound one by one from here on: those that were begun are what they are."""
    if ledger.meta(BATCHWISE) is not None:
        return
    with ledger.whole():
        for binding in bindings(ledger).values():
            _bind(ledger, binding, adopted=True)
        ledger.set_meta(BATCHWISE, "yes")


def _bind(ledger: Ledger, binding: Binding, *, adopted: bool) -> None:
    keep_binding(ledger, binding)
    ledger.event(
        BatchBound(
            batch=binding.batch,
            revision=binding.revision,
            digest=binding.digest,
            adopted=True if adopted else ABSENT,
        )
    )


def keep_binding(ledger: Ledger, binding: Binding) -> None:
    """Keep what a batch is bound to, in place of what was kept; the journal's event is separate."""
    ledger.set_meta(BOUND + binding.batch, f"{binding.revision} {binding.text}")


def moments(ledger: Ledger) -> Mapping[str, str]:
    """Return from which instant the relative ages of each batch count that has been told one."""
    return ledger.metas(MOMENTS)


def fix_moment(ledger: Ledger, batch: str, moment: str) -> None:
    """Let a batch's relative ages count from an instant, for good; again changes nothing."""
    if ledger.meta(MOMENTS + batch) is None:
        ledger.set_meta(MOMENTS + batch, moment)
        ledger.event(AgesCounted(batch=batch, moment=moment))


def _numbered(kept: str) -> tuple[int, str]:
    number, _, text = kept.partition(" ")
    if not number.isdecimal():
        raise LedgerDamaged("what a batch is bound to cannot be read")
    return int(number), text


@frozen
class Binder:
    """Binds each batch of one plan to what the plan says of it, when its inventory begins."""

    plan: CanonicalPlan = field(repr=False)
    """Canonical."""
    recipients: Sequence[str] = ()
    """The public keys for which is sealed, in hexadecimal; none where nothing is."""
    moments: Mapping[str, str] = field(default_factory=dict)
    """From when relative ages count, of the batches whose rules ask for some."""

    def begin(self, ledger: Ledger, batch: str) -> None:
        """Bind a batch, unless it is bound; what it is and its first objects are one transaction.

        With the first batch of all it is also bound for whom is sealed.
        """
        if ledger.meta(BOUND + batch) is not None:
            return
        what = what_of(self.plan, batch)
        assert what is not None, f"the plan has no batch {batch}"
        if self.recipients and next(ledger.events(RecipientsBound), None) is None:
            ledger.event(RecipientsBound(recipients=tuple(self.recipients), first=True))
        _bind(ledger, Binding(batch, 1, canonical_json(what).decode()), adopted=False)
        if batch in self.moments:
            fix_moment(ledger, batch, self.moments[batch])
