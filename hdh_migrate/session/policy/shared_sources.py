"""Source objects that a batch would delete, and that another batch of the plan still has to move.

Datasets may lie over each other at the source: a table goes to one host's bucket for research, and
with other keys to another one. What one batch has proved says nothing for the other.
"""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import DatasetRow, Place, State, Verified
from hdh_migrate.session.desk import Desk
from hdh_migrate.telemetry import counted

_ASKED_AT_ONCE = 1_000
_SETTLED = frozenset({State.VERIFIED, State.EXCLUDED})


@frozen
class _Other:
    """A dataset of another batch that lies at the same place of the source, in part."""

    name: str
    batch: str
    prefix: str
    """How the keys begin that both have."""
    row: DatasetRow | None
    """None: it was not begun."""

    def wants(self, ledger: SqliteLedger, key: str) -> bool:
        """Say whether it has an object still to move, or does not know it yet."""
        if not key.startswith(self.prefix):
            return False
        found = [] if self.row is None else ledger.named(self.row.id, key)
        return not found or any(state not in _SETTLED for _, state in found)


def wanted_elsewhere(desk: Desk, ledger: SqliteLedger, batch: str) -> list[str]:
    """Say how many of a batch's objects at the source other datasets still have to move.

    Reads the batch's rows only where another dataset lies at the same place.
    """
    rows = {row.id: row.name for row in ledger.datasets(batch)}
    others = {number: list(_over(desk, ledger, name, batch)) for number, name in rows.items()}
    if not any(others.values()):
        return []
    found = dict[tuple[str, str], int]()
    for row in _verified(ledger, batch):
        for other in others[row.dataset]:
            if other.wants(ledger, row.key):
                where = (other.name, other.batch)
                found[where] = found.get(where, 0) + 1
    return [
        f"{counted(count, 'object is', 'objects are')} still to be moved by dataset {name} of batch"
        f" {of}, which has the same source: verify that batch first, or exclude them there (amend)"
        for (name, of), count in sorted(found.items())
    ]


def _over(desk: Desk, ledger: SqliteLedger, name: str, batch: str) -> Iterator[_Other]:
    plan = desk.loaded.plan
    batch_of = {one: each.name for each in plan.batches for one in each.datasets}
    begun = {row.name: row for row in ledger.datasets()}
    own = plan.dataset(name).source.place
    for other in plan.datasets:
        place = other.source.place
        if batch_of.get(other.name, batch) != batch and _is_over(own, place):
            prefix = max(own.prefix, place.prefix, key=len)
            yield _Other(
                name=other.name, batch=batch_of[other.name], prefix=prefix,
                row=begun.get(other.name),
            )  # fmt: skip


def _is_over(one: Place, other: Place) -> bool:
    shorter, longer = sorted((one.prefix, other.prefix), key=len)
    return one.bucket == other.bucket and longer.startswith(shorter)


def _verified(ledger: SqliteLedger, batch: str) -> Iterator[Verified]:
    after = 0
    while rows := ledger.erasable(batch, after, _ASKED_AT_ONCE):
        yield from rows
        after = rows[-1].id
