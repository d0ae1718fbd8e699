"""The hold in the journal: a file beside the ledger goes back with it, and nobody would notice."""

from __future__ import annotations

import os
from pathlib import Path

from hdh_migrate.events.hold import HoldNoticed
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.operator import operator


def note_hold(ledger: SqliteLedger, ledger_path: Path) -> None:
    """Let the journal tell that the hold is there, or gone, since it was looked at; commits."""
    held = os.path.lexists(ledger_path.with_name("hold"))
    told = [event.held for _, event in ledger.events(HoldNoticed)]
    if held != (told[-1] if told else False):
        ledger.event(HoldNoticed(held=held, user=operator()))
        ledger.commit()
