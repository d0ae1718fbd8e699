"""What looks at the target found gone or damaged, and what of it is verified there again."""

from __future__ import annotations

from hdh_migrate.events.looks import LookedAgain
from hdh_migrate.events.objects import ObjectsVerified
from hdh_migrate.evidence.verifier.members import StatedAbsent
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import State


def absent_facts(ledger: SqliteLedger) -> dict[str, StatedAbsent]:
    """Return by batch what its looks found so, as a statement tells it; of no others anything.

    Reads the journal's `verified` events only where an object of these is not verified now.
    """
    found: dict[str, set[int]] = {}
    first = 0
    for seq, event in ledger.missed():
        first = first or seq
        found.setdefault(event.batch, set()).update(event.gone, event.damaged)
    standing = ledger.not_verified(set[int]().union(*found.values())) if found else {}
    away = _not_back(ledger, first) & standing.keys() if standing else set[int]()
    missing = {one for one in away if standing[one] is not State.EXCLUDED}
    return {
        batch: {"objects": len(ids), "back": len(ids - away), "missing": len(ids & missing)}
        for batch, ids in found.items()
    }


def _not_back(ledger: SqliteLedger, first: int) -> set[int]:
    """Return what looks found gone or damaged, and no later event says to be verified.

    `first` is the number of the event that tells of the first of it.

    Not what is verified no more for another reason: who sees a new version of an object that was
    sent again does not miss it at the target.
    """
    away = set[int]()
    for _, event in ledger.told(LookedAgain, ObjectsVerified, since=first):
        match event:
            case LookedAgain():
                away.update(event.gone, event.damaged)
            case ObjectsVerified() if away:
                away.difference_update(event.ids)
            case _:
                pass
    return away
