"""What is approved of a rotation: from which key to which, or that every object is sealed anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hdh_migrate.errors import UsageError
from hdh_migrate.evidence.signatures.approval_forms import Subject
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.projections.standing import standing
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.approval_subjects import subject_of
from hdh_migrate.session.policy.resealing import resealing_of
from hdh_migrate.session.policy.rotation import DataKeyRotation, KeyExchange, planned_exchange

Asked = TypeVar("Asked", KeyExchange, DataKeyRotation)


def rotation_here(desk: Desk, batch: str, bundle: Path | None) -> tuple[Subject, list[str]]:
    """Return what an approval of an exchange of keys is about, and in lines what it changes.

    Raises:
        UsageError: a bundle is given, or the plan exchanges no key.
        LedgerDamaged: the rows are not as the journal tells them.
        KeyUnavailable: a key file cannot be read.
    """
    exchange, subject = _asked(desk, batch, bundle, lambda ledger: planned_exchange(desk, ledger))
    was, now = exchange.old.fingerprint, exchange.new.fingerprint
    return subject, [f"keys: {was} is replaced by {now}, for every object of the migration"]


def resealing_here(desk: Desk, batch: str, bundle: Path | None) -> tuple[Subject, list[str]]:
    """Return what an approval to seal every object anew is about, and in lines what it changes.

    Raises:
        UsageError: a bundle is given, or nothing is sealed yet.
        Refused: a recipient's key is being exchanged, or objects are not sealed in that way.
        LedgerDamaged: the rows are not as the journal tells them.
    """
    asked, subject = _asked(
        desk, batch, bundle, lambda ledger: resealing_of(desk, ledger, again=True)
    )
    return subject, [
        (
            f"data keys: every object of the migration is sealed anew (rotation {asked.number}),"
            " and its earlier version removed; those who open stay the same"
        )
    ]


def _asked(
    desk: Desk, batch: str, bundle: Path | None, asked: Callable[[SqliteLedger], Asked]
) -> tuple[Asked, Subject]:
    if bundle is not None:
        raise UsageError(
            "an exchange of keys is approved beside the ledger, not from a bundle",
            hint="no bundle can name keys that will be used later",
        )
    desk.batches([batch])
    ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            ledger.reconcile()
            found = asked(ledger)
            story = standing(ledger.cutovers(), batch)
            return found, subject_of(desk, ledger, story, found.stage, found.request)
    finally:
        ledger.close()
