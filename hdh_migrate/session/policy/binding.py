"""For whom a ledger's objects are sealed: fixed by the content of the keys when a run begins.

The plan names files, and files change. What was sealed stays sealed for the keys of that time, so
the journal tells these (`bound`), other ones are refused, and the statement names what it tells.
"""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.errors import Refused
from hdh_migrate.events.run import RecipientsBound, RunStarted
from hdh_migrate.ledger import Ledger
from hdh_migrate.plan.model import Plan
from hdh_migrate.sealing.keys import PublicKey


def bind_recipients(ledger: Ledger, plan: Plan, recipients: Sequence[str]) -> None:
    """Write down for whom is sealed when the first run begins; later demand that nobody changed.

    `recipients` are the public keys in hexadecimal, in the plan's order.

    Raises:
        Refused: a key file has another key now; nothing was sent.
    """
    if not plan.seal.encrypts:
        return
    told = bound_recipients(ledger)
    if told is None:
        # An earlier version ran without binding: what was sealed then nobody can tell any more.
        first = next(ledger.events(RunStarted), None) is None
        ledger.event(RecipientsBound(recipients=tuple(recipients), first=first))
        ledger.commit()
        return
    lines = [
        f"seal.recipients[{number}] ({path}): was {fingerprint_of(was)}, is {fingerprint_of(now)}"
        for number, (path, was, now) in enumerate(
            zip(plan.seal.recipients, told, recipients, strict=True)
        )
        if was != now
    ]
    if lines:
        raise Refused(
            "recipients are not those for whom this migration began to seal",
            blockers=lines,
            hint="nothing was sent; put the key files back: recipients never change under a run",
        )


def bound_recipients(ledger: Ledger) -> list[str] | None:
    """Return the recipients that the journal binds to, None when it binds to none."""
    found = next(ledger.events(RecipientsBound), None)
    return None if found is None else list(found[1].recipients)


def fingerprint_of(raw: str) -> str:
    """Return the short name of a public key in hexadecimal."""
    return PublicKey(bytes.fromhex(raw)).fingerprint
