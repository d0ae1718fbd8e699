"""What all events of the journal are."""

from __future__ import annotations

from typing import ClassVar

from hdh_migrate.jsonform import JsonForm, json_form


@json_form
class Event(JsonForm):
    """One event, without its number, time and digest, which the ledger gives it."""

    kind: ClassVar[str]
    """What the journal calls it; the JSON form is its body."""
