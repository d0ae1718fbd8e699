"""What a run is asked to do: which steps, for which batches, and with which options."""

from __future__ import annotations

from hdh_migrate.frozen import frozen
from hdh_migrate.model import Step


@frozen
class AskedRun:
    """Steps for batches, and what else of a run is asked for."""

    steps: tuple[Step, ...]
    batches: tuple[str, ...] = ()
    """Their names; none: all of the plan's."""
    refresh: bool = False
    """Whether sources whose inventory is sealed are listed again."""
    again: tuple[str, ...] | None = None
    """Codes whose failed objects are tried again, and no others; none in it: all of them."""
    taking_over: str | None = None
    """The reason for which fences of somebody else are taken over; None: none is."""
