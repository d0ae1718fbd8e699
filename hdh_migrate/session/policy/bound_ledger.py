"""The ledger of a plan, opened for a verb: held by this process alone, and bound to the plan."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hdh_migrate.clocks import Judge
from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.run import LedgerNamed
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.binding import adopt
from hdh_migrate.pipeline.tags import migration_mark
from hdh_migrate.plan.diff import changes
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.changing import demand_allowed, demand_datasets, judged
from hdh_migrate.session.policy.held import note_hold
from hdh_migrate.session.policy.newest import demand_newest
from hdh_migrate.session.policy.openings import take_in
from hdh_migrate.wiring.context import RUN_TAG

NAMED = "ledger-named"
"""The journal's kind of event that tells this name, once: approvals are for one ledger."""


@contextmanager
def held_ledger(
    desk: Desk, judge: Judge, *, newest: bool = True, known: Sequence[Path] = ()
) -> Iterator[SqliteLedger]:
    """Open the ledger for a verb: bound to the plan, with openings taken in that it lacked.

    Raises:
        Refused: as `bound_ledger`.
    """
    with bound_ledger(desk, judge, newest=newest, known=known) as ledger:
        take_in(ledger, desk.ledger_path)
        yield ledger


@contextmanager
def bound_ledger(
    desk: Desk, judge: Judge, *, newest: bool = True, known: Sequence[Path] = ()
) -> Iterator[SqliteLedger]:
    """Open the ledger, bound to the plan; openings are left for whoever comes next.

    Raises:
        Refused: something knows more than it does (`demand_newest`), and `newest` is asked for.
    """
    with _writable(desk, judge) as ledger:
        if newest:
            demand_newest(desk, ledger, known)
        bind(desk, ledger)
        _note_beside(desk, ledger)
        yield ledger


@contextmanager
def journal_of(desk: Desk, judge: Judge) -> Iterator[SqliteLedger]:
    """Open the ledger for journalling, with the openings; that binds it to no plan."""
    with _writable(desk, judge) as ledger:
        take_in(ledger, desk.ledger_path)
        _note_beside(desk, ledger)
        yield ledger


def _note_beside(desk: Desk, ledger: SqliteLedger) -> None:
    """Let the journal tell of the hold, and of approvals that were taken back; commits."""
    note_hold(ledger, desk.ledger_path)
    if any(desk.ledger_path.with_name("approvals").glob("withdrawn-*.json")):
        from hdh_migrate.session.policy.taken_back import note_withdrawals  # brings signatures

        note_withdrawals(desk, ledger)


@contextmanager
def _writable(desk: Desk, judge: Judge) -> Iterator[SqliteLedger]:
    """Open the ledger and let go of it in the end; nobody else opens one for writing.

    From then on the judge follows its journal, and dates it.
    """
    ledger = SqliteLedger.open(desk.ledger_path, judge.dating())
    judge.journal = ledger.last_at
    try:
        yield ledger
    finally:
        ledger.close()


def bind(desk: Desk, ledger: SqliteLedger) -> None:
    """Bind a ledger to the plan, or to the plan as it was changed since.

    Raises:
        PlanChanged: what the plan changes is bound, or its pointer is one that was switched.
        LedgerDamaged: it does not have the plan's datasets, or another name than it had.
    """
    plan = desk.loaded.plan
    name_of(ledger)
    if ledger.meta("plan_digest") is not None:
        adopt(ledger)
    demand_allowed(judged(ledger, json.loads(desk.loaded.canonical)))
    batch_of = {name: batch.name for batch in plan.ordered_batches() for name in batch.datasets}
    ledger.start(
        desk.loaded.digest,
        desk.loaded.canonical,
        [(dataset.name, batch_of[dataset.name]) for dataset in plan.datasets],
        diff=changes,
        may_change=lambda _was, _now: True,  # as was demanded
    )
    adopt(ledger)
    demand_datasets(ledger, desk.loaded)
    if ledger.meta(RUN_TAG) is None:
        desk.note_others()
        # What names the migration alone would take another ledger's objects for ours.
        ledger.set_meta(RUN_TAG, f"{migration_mark(plan.migration)}-{secrets.token_hex(6)}")
    if ledger.meta(NAMED) is None:
        name = ledger.meta(RUN_TAG) or ""
        ledger.event(LedgerNamed(ledger=name, approvals="signed", waivers="signed"))
        ledger.set_meta(NAMED, "told")
    ledger.commit()


def name_of(ledger: SqliteLedger) -> str | None:
    """Return the ledger's name, None before it has one.

    Raises:
        LedgerDamaged: it is not the one that the journal tells: approvals are for one ledger.
    """
    name = ledger.meta(RUN_TAG)
    if any(event.ledger != name for _, event in ledger.events(LedgerNamed)):
        raise LedgerDamaged("the ledger's name differs from the one in its journal")
    return name
