"""How far the newest exchange of keys has come; other verbs wait until it is through."""

from __future__ import annotations

from hdh_migrate.errors import Refused
from hdh_migrate.events.rotation import DataKeysRotating, KeysRotated, KeysRotating
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.policy.binding import fingerprints

RotationBegun = KeysRotating | DataKeysRotating
"""How a rotation begins: of a recipient's key, or of the data keys."""


def last_rotation(ledger: SqliteLedger) -> tuple[RotationBegun, bool] | None:
    """Return the newest rotation, and whether it went through all objects; None: there is none."""
    newest: RotationBegun | None = None
    ended = False
    for _, event in ledger.told(KeysRotating, DataKeysRotating, KeysRotated):
        if isinstance(event, KeysRotating | DataKeysRotating):
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
    if isinstance(found[0], DataKeysRotating):
        raise Refused(
            "objects are being sealed anew: some have their new data key, some what they had",
            hint='let it come to its end first: "hdh-migrate reseal PLAN --execute"; nothing was'
            " touched",
        )
    old, new = fingerprints([found[0].old, found[0].new])
    raise Refused(
        f"keys are being exchanged ({old} to {new}): some objects open for one, some for the other",
        hint='let it come to its end first: the same "hdh-migrate keys rotate PLAN ... --execute";'
        " nothing was touched",
    )
