"""Which signed waivers count, as they were signed, and who may sign some."""

from __future__ import annotations

from typing import ClassVar

from hdh_migrate.events.consent import TermsKey
from hdh_migrate.events.event import Event, SignedEnvelopes
from hdh_migrate.jsonform import json_form


@json_form
class WaiversCounted(Event):
    """The waivers that count from here on are others than before, or those who may waive are.

    What comes to count for the first time stands here as it was signed, once for each ledger.
    """

    kind: ClassVar[str] = "waivers-counted"
    keys: tuple[TermsKey, ...]
    """Who may waive: none of them ever signed reports."""
    counted: tuple[str, ...]
    """By the SHA-256 of what was signed, ascending; whatever is not among them counts no more."""
    signed: SignedEnvelopes
    """Those of them that no event before this one has."""


WaiverEvent = WaiversCounted
