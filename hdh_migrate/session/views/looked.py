"""When source and target of finished batches were last looked at."""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.errors import UsageError
from hdh_migrate.events.inventory import InventorySealed
from hdh_migrate.events.objects import ObjectsVerified
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import State
from hdh_migrate.pipeline.excused import Waivers, no_waivers
from hdh_migrate.pipeline.needs import lack
from hdh_migrate.pipeline.projections.looks import look_facts
from hdh_migrate.pipeline.projections.passes import passes
from hdh_migrate.pipeline.projections.standing import FINAL, standing
from hdh_migrate.pipeline.runner import BatchOrder
from hdh_migrate.session.desk import Desk
from hdh_migrate.telemetry import counted


def finished(
    ledger: SqliteLedger, batches: Sequence[BatchOrder], selected: Sequence[str], waivers: Waivers
) -> list[str]:
    """Return the names of the chosen batches in which nothing is left to do."""
    return [
        batch.name
        for batch in batches
        if (not selected or batch.name in selected) and _is_finished(ledger, batch.name, waivers)
    ]


def unread_of(
    ledger: SqliteLedger, batches: Sequence[BatchOrder], selected: Sequence[str], *,
    refresh: bool = False,
) -> list[str]:  # fmt: skip
    """Return the names of the chosen batches of whose source a run asks nothing.

    Nothing is left to do of them, and a `refresh` lists none that is final: their source may have
    been emptied, or closed with its account, long ago.
    """
    cutovers = ledger.cutovers()
    done = set(() if refresh else finished(ledger, batches, selected, no_waivers))
    return [
        batch.name
        for batch in batches
        if (not selected or batch.name in selected)
        and (batch.name in done or standing(cutovers, batch.name).stage in FINAL)
    ]


def unread_here(desk: Desk, selected: Sequence[str]) -> list[str]:
    """Return them by the ledger that is here; none where no run has begun."""
    try:
        ledger = desk.read_ledger()
    except UsageError:
        return []
    try:
        return unread_of(ledger, desk.batches(selected), selected)
    finally:
        ledger.close()


def _is_finished(ledger: SqliteLedger, batch: str, waivers: Waivers) -> bool:
    rows = ledger.datasets(batch)
    done = sum(ledger.tally(row.id, State.VERIFIED).objects for row in rows)
    return done > 0 and lack(ledger, batch, waivers) is None


def since_when(ledger: SqliteLedger, batches: Sequence[str]) -> list[str]:
    """Return a line for each finished batch: a run of it looks at neither side again."""
    if not batches:
        return []
    listed = {event.dataset: at for at, event in ledger.events(InventorySealed)}
    verified = ledger.last_time_of(ObjectsVerified)
    known = passes(ledger)
    looks = {look["batch"]: look for look in look_facts(ledger)}
    lines = []
    for batch in batches:
        rows = ledger.datasets(batch)
        source = min((listed[row.name] for row in rows if row.name in listed), default=None)
        source = max((one.ended for one in known.get(batch, ()) if one.ended), default=source)
        look = looks.get(batch)
        if look is None:
            target = f"the target not looked at since it was verified, {verified} at the latest"
        else:
            of = sum(ledger.tally(row.id, State.VERIFIED).objects for row in rows)
            target = (
                f"the target last looked at {look['at']}"
                f" ({look['objects']} of {counted(of, 'object')}, level {look['level']})"
            )
        lines.append(
            f"batch {batch}: nothing was left to do; the source was last listed {source}, {target};"
            ' "run PLAN --refresh" lists the source anew, "verify PLAN --again" reads the target'
        )
    return lines
