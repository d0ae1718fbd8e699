"""For whom a ledger's objects are sealed: fixed by the content of the keys when a run begins.

The plan names files, and files change. What was sealed stays sealed for the keys of that time, so
the journal tells these (`bound`), other ones are refused, and the statement names what it tells.
"""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.errors import Refused
from hdh_migrate.events.batches import BatchAmended
from hdh_migrate.events.rotation import KeysRotating
from hdh_migrate.events.run import KeyDrilled, RecipientsBound, RunStarted
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.binding import bindings
from hdh_migrate.plan.model import Plan
from hdh_migrate.wiring.envelopes import recipient_name


def bind_recipients(ledger: SqliteLedger, plan: Plan, recipients: Sequence[str]) -> None:
    """Demand that everybody for whom is sealed is who it was when the first batch began.

    `recipients` are the public keys in hexadecimal, in the plan's order. With the first batch they
    are written down (`pipeline.binding`); of a ledger that an earlier version began, now.

    Raises:
        Refused: a key file has another key now; nothing was sent.
    """
    if not plan.seal.encrypts:
        return
    bound = bound_recipients(ledger)
    if bound is None:
        if bindings(ledger):
            # An earlier version sealed without binding: for whom nobody can tell any more.
            first = next(ledger.events(RunStarted), None) is None
            ledger.event(RecipientsBound(recipients=tuple(recipients), first=first))
            ledger.commit()
        return
    if set(bound) == set(recipients):
        return
    was, now = map(fingerprints, (bound, recipients))
    lines = [
        f"seal.recipients[{number}] ({path}): was {old}, is {new}"
        for number, (path, old, new) in enumerate(zip(plan.seal.recipients, was, now, strict=False))
        if old != new
    ]
    lines += [f"seal.recipients: {name} was there" for name in was[len(now) :]]
    lines += [f"seal.recipients: {name} is new" for name in now[len(was) :]]
    raise Refused(
        "recipients are not those for whom this migration began to seal",
        blockers=lines,
        hint="nothing was sent; put the key files back: what is sealed stays sealed for those keys."
        ' To seal for one more, add its file to the plan: "hdh-migrate plan diff PLAN" shows how;'
        ' to replace a key for good: "hdh-migrate keys rotate PLAN --from OLD.pub --to NEW.pub"',
    )


def fingerprints(recipients: Sequence[str]) -> list[str]:
    """Return the short names of public keys in hexadecimal."""
    return [fingerprint_of(raw) for raw in recipients]


def bound_recipients(ledger: SqliteLedger) -> list[str] | None:
    """Return the recipients that the journal binds to, None when it binds to none.

    Amendments may have added some; what was sealed before stays sealed for the earlier ones.
    """
    bound = recipients_over_time(ledger)
    return list(bound[-1]) if bound else None


def untried_recipients(ledger: SqliteLedger) -> list[str]:
    """Return the bound recipients of whose private key the journal has no trial (`keys drill`)."""
    tried = {event.fingerprint for _, event in ledger.events(KeyDrilled)}
    names = map(fingerprint_of, bound_recipients(ledger) or ())
    return [name for name in names if name not in tried]


def recipients_over_time(ledger: SqliteLedger) -> list[tuple[str, ...]]:
    """Return for whom was sealed at one time or another, the latest last."""
    found = []
    for _, event in ledger.told(RecipientsBound, BatchAmended, KeysRotating):
        assert isinstance(event, RecipientsBound | BatchAmended | KeysRotating), "those were asked"
        if event.recipients:
            found.append(event.recipients)
    return found


def fingerprint_of(raw: str) -> str:
    """Return the short name of a public key in hexadecimal."""
    return recipient_name(bytes.fromhex(raw))
