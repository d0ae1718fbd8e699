"""What all events of the journal are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hdh_migrate.jsonform import JsonForm, json_form

SignedEnvelopes = tuple[Mapping[str, Any], ...]
"""What people signed, as they signed it: DSSE envelopes. Of approvals in the order of the keys that
are named beside them, and absent in events of earlier versions and where nobody signs."""


@json_form
class Event(JsonForm):
    """One event, without its number, time and digest, which the ledger gives it."""

    kind: ClassVar[str]
    """What the journal calls it; the JSON form is its body."""
