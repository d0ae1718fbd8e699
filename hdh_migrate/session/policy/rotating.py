"""How far the newest exchange of keys has come; other verbs wait until it is through."""

from __future__ import annotations

from hdh_migrate.errors import Refused
from hdh_migrate.events.rotation import KeysRotated, KeysRotating
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.policy.binding import fingerprints


def last_rotation(ledger: SqliteLedger) -> tuple[KeysRotating, bool] | None:
    """Return the newest rotation, and whether it went through all objects; None: there is none."""
    newest, ended = None, False
    for _, event in ledger.told(KeysRotating, KeysRotated):
        if isinstance(event, KeysRotating):
            newest, ended = event, False
        else:
            ended = True
    return None if newest is None else (newest, ended)


def demand_no_rotation(ledger: SqliteLedger) -> None:
    """Demand that no rotation was stopped halfway: some headers open for one key, some for another.

    Raises:
        Refused: one was.
    """
    found = last_rotation(ledger)
    if found is None or found[1]:
        return
    old, new = fingerprints([found[0].old, found[0].new])
    raise Refused(
        f"keys are being exchanged ({old} to {new}): some objects open for one, some for the other",
        hint='let it come to its end first: the same "hdh-migrate keys rotate PLAN ... --execute";'
        " nothing was touched",
    )
