"""Prove that a recipient's private key opens what is sealed: the escrow, before it is needed."""

from __future__ import annotations

from pathlib import Path

from hdh_migrate.errors import UsageError
from hdh_migrate.events.run import KeyDrilled
from hdh_migrate.results.keys import Drilled
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.binding import bound_recipients
from hdh_migrate.session.policy.bound_ledger import held_ledger
from hdh_migrate.session.policy.dating import dated
from hdh_migrate.wiring import Vault
from hdh_migrate.wiring.envelopes import drilled


def drill(desk: Desk, key: Path, phrase_from: str | None) -> Drilled:
    """Open a test envelope for the bound recipients with a private key, and write it down.

    Returns whose key it is and when it was proved before. No object is read; endpoints are asked
    for the time alone.

    Raises:
        UsageError: no run of this version has begun here, so nothing is bound.
        KeyUnavailable: the key cannot be read, or does not open it.
    """
    desk.read_ledger().close()  # a ledger is never made by a drill
    phrase = Vault.open(Path()).reveal(phrase_from) if phrase_from else None
    with held_ledger(desk, dated(desk)) as ledger:
        bound = bound_recipients(ledger)
        if bound is None:
            raise UsageError(
                "no recipients are bound yet, so there is nothing that the key must open",
                hint="run the plan with this version first",
            )
        opened = drilled(desk.loaded.plan, bound, key, phrase)
        opened.self_test()
        name = opened.identity
        assert name is not None, "it was loaded"
        before = [at for at, event in ledger.events(KeyDrilled) if event.fingerprint == name]
        ledger.event(KeyDrilled(fingerprint=name, user=operator()))
        ledger.commit()
        at = ledger.last_at()
    return {"fingerprint": name, "proved": at, "proved_before": before[-1] if before else None}
