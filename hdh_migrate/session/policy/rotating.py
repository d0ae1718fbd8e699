"""How far the newest exchange of keys has come; other verbs wait until it is through."""

from __future__ import annotations

from hdh_migrate.errors import Refused
from hdh_migrate.events.rotation import DataKeysRotating, KeysRotated, KeysRotating
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.rotation.earlier_versions import GIVE_UP
from hdh_migrate.session.policy.binding import fingerprints

RotationBegun = KeysRotating | DataKeysRotating
"""How a rotation begins: of a recipient's key, or of the data keys."""


def last_rotation(ledger: SqliteLedger) -> tuple[RotationBegun, bool] | None:
    """Return the newest rotation, and whether it is through; None: there is none.

    One that went through all objects and was gone through once more, for what it left, is not, if
    that was killed with objects under way.
    """
    newest: RotationBegun | None = None
    ended = False
    for _, event in ledger.told(KeysRotating, DataKeysRotating, KeysRotated):
        if isinstance(event, KeysRotating | DataKeysRotating):
            newest, ended = event, False
        else:
            ended = True
    return None if newest is None else (newest, ended and not _has_under_way(ledger))


def _has_under_way(ledger: SqliteLedger) -> bool:
    headers = ledger.exchanging()
    batches = dict.fromkeys(row.batch for row in ledger.datasets()) if headers else ()
    return any(ledger.erasable_of(batch, headers, whole=True) for batch in batches)


def demand_no_rotation(ledger: SqliteLedger) -> None:
    """Demand that no rotation was stopped halfway: some headers open for one key, some for another.

    Raises:
        Refused: one was.
    """
    begun = open_rotation(ledger)
    if begun is not None:
        what, command = _words_of(begun)
        raise Refused(what, hint=f"finish it first: {command}; nothing was touched")


def open_rotation(ledger: SqliteLedger) -> RotationBegun | None:
    """Return the rotation that was begun and not gone through, None where there is none."""
    found = last_rotation(ledger)
    return None if found is None or found[1] else found[0]


def said_of_rotation(begun: RotationBegun, done: int) -> str:
    """Return in one line that a rotation is open, how far it is, and what ends it."""
    what, command = _words_of(begun)
    return f"{what}; {done} of {begun.objects} are through, and {command} goes on"


def _words_of(begun: RotationBegun) -> tuple[str, str]:
    if isinstance(begun, DataKeysRotating):
        return (
            "objects are being sealed anew: some have their new data key, some what they had",
            f'"hdh-migrate reseal PLAN --execute" (where it cannot: {GIVE_UP})',
        )
    old, new = fingerprints([begun.old, begun.new])
    return (
        f"keys are being exchanged ({old} to {new}): some objects open for one, some for the other",
        'the same "hdh-migrate keys rotate PLAN ... --execute"',
    )
