"""What a report tells of keys that were exchanged."""

from __future__ import annotations

from hdh_migrate.events.rotation import (
    DataKeysRotating,
    HeadersExchanged,
    HeadersRewrapped,
    KeysRotated,
    KeysRotating,
)
from hdh_migrate.evidence.verifier.members import StatedRotation
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.policy.binding import fingerprint_of


def rotation_facts(ledger: SqliteLedger) -> list[StatedRotation]:
    """Return every rotation, the first one first, as the statement tells it."""
    found: list[StatedRotation] = []
    for at, event in ledger.told(
        KeysRotating, DataKeysRotating, HeadersRewrapped, HeadersExchanged, KeysRotated
    ):
        match event:
            case KeysRotating():
                old, new = fingerprint_of(event.old), fingerprint_of(event.new)
                found.append(_begun(at, event.number, old, new))
            case DataKeysRotating():
                found.append(_begun(at, event.number, None, None))
            case HeadersRewrapped():
                found[-1]["headers"] = event.headers
            case HeadersExchanged():
                found[-1]["objects"] += len(event.ids)
                found[-1]["lost"] += len(event.lost)
            case KeysRotated():
                last = found[-1]
                last["ended"], last["left"] = at, event.left
                last["removed"], last["remaining"] = event.removed, dict(event.remaining)
            case _:
                raise AssertionError("only those were asked for")
    return found


def _begun(at: str, number: int, old: str | None, new: str | None) -> StatedRotation:
    """Return a rotation at its beginning; without keys it is of the data keys."""
    return {
        "number": number, "old": old, "new": new, "began": at, "ended": None,
        "objects": 0, "left": 0, "lost": 0, "removed": 0, "remaining": {},
    }  # fmt: skip
