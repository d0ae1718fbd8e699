"""When each recipient's private key was last seen to open something, and what (`keys drill`)."""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.events.run import KeyDrilled
from hdh_migrate.evidence.verifier.members import ProvedKey
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.results.looks import KeyTrial
from hdh_migrate.session.policy.binding import bound_recipients, fingerprint_of


def proved_keys(ledger: SqliteLedger) -> Iterator[ProvedKey]:
    """Yield the bound recipients whose key opened something, in their order, as reports say it."""
    found = dict[str, ProvedKey]()
    for at, event in ledger.events(KeyDrilled):
        name = event.fingerprint
        proof = found.setdefault(name, {"recipient": name, "at": at})
        proof["at"] = at
        if event.stored:
            proof["stored"] = {
                "at": at, "objects": event.stored.objects, "opened": event.stored.opened,
                "whole": event.stored.whole, "bytes": event.stored.bytes,
            }  # fmt: skip
    names = map(fingerprint_of, bound_recipients(ledger) or ())
    return (found[name] for name in names if name in found)


def key_trials(ledger: SqliteLedger) -> list[KeyTrial]:
    """Return every bound recipient, with the last trials of its private key, as `status` does."""
    proved = {one["recipient"]: one for one in proved_keys(ledger)}
    found = list[KeyTrial]()
    for name in map(fingerprint_of, bound_recipients(ledger) or ()):
        proof = proved.get(name)
        stored = None if proof is None else proof.get("stored")
        found.append({
            "recipient": name,
            "proved": None if proof is None else proof["at"],
            "stored": None if stored is None else {
                "at": stored["at"], "objects": stored["objects"], "opened": stored["opened"],
            },
        })  # fmt: skip
    return found
