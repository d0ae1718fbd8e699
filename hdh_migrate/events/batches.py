"""What each batch of a plan is bound to, and how that was changed (decisions/0043)."""

from __future__ import annotations

from typing import ClassVar, Literal

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import Absent, json_form


@json_form
class BatchBound(Event):
    """A batch's inventory began: from here on it is what this digest says."""

    kind: ClassVar[str] = "batch-bound"
    batch: str
    revision: int
    """1; each amendment adds one."""
    digest: str
    """SHA-256 of the canonical JSON of all that the plan says of what the batch is."""
    adopted: Literal[True] | Absent
    """It began under an earlier version, which bound the plan as a whole."""


BatchEvent = BatchBound
