"""Whether somebody holds what cannot be taken back, as who opened the ledger found it."""

from __future__ import annotations

from typing import ClassVar

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import json_form


@json_form
class HoldNoticed(Event):
    """The file that holds switches and deletions is there by now, or gone by now.

    It decides; that it stands here, too, lets a copy of the ledger from before be noticed.
    """

    kind: ClassVar[str] = "hold-noticed"
    held: bool
    user: str
    """Who found it so: nobody says who else may have put it there, or taken it away."""
