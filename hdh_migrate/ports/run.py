"""What every run is given: a clock, instructions from people, and progress output."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hdh_migrate.model import Instruction


class Clock(Protocol):
    """The time. Passed as an argument everywhere, so that tests can set it."""

    def now(self) -> str:
        """Return the wall clock as RFC 3339 UTC with milliseconds."""

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes back."""


class Instructions(Protocol):
    """The instructions that people give a run from other terminals."""

    def read(self) -> Sequence[Instruction]:
        """Return all instructions in their order; cheap enough to be called continuously.

        Raises:
            LedgerDamaged: it cannot be learned.
        """

    def forget(self, ids: Collection[str]) -> None:
        """Remove instructions that are journalled and no longer in force."""

    def redate(self, heard: Instruction) -> None:
        """Keep an instruction as it was heard, in the place of what was said: its times alone."""


class Progress(Protocol):
    """Receives the progress of a run, for people or programs."""

    def step(self, batch: str, step: str, *, objects: int, size: int) -> None:
        """A step of a batch begins, with this many objects and bytes left to do."""

    def advance(self, objects: int, size: int) -> None:
        """Count this many more objects and bytes as done; negative after a retry."""

    def note(self, text: str) -> None:
        """Show a line to people; it must not contain object names or secrets."""
