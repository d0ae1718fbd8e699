"""What all events of the journal are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hdh_migrate.jsonform import JsonForm, json_form

SignedApprovals = tuple[Mapping[str, Any], ...]
"""Approvals as they were signed: DSSE envelopes, in the order of the keys that are named beside
them. Absent in events of earlier versions, and where nobody signs."""


@json_form
class Event(JsonForm):
    """One event, without its number, time and digest, which the ledger gives it."""

    kind: ClassVar[str]
    """What the journal calls it; the JSON form is its body."""
