"""What every run has: time, and somebody who watches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hdh_migrate.model import Instruction


class Clock(Protocol):
    """The time; an argument everywhere, so that tests decide it."""

    def now(self) -> str:
        """Return the wall clock as RFC 3339 UTC with milliseconds."""

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes back."""


class Instructions(Protocol):
    """What people tell a run from other terminals."""

    def read(self) -> Sequence[Instruction]:
        """Return what was said, in its order; cheap enough to be asked all the time.

        Raises:
            LedgerDamaged: it cannot be learned.
        """

    def forget(self, ids: Collection[str]) -> None:
        """Take out what is journalled and counts no more."""

    def redate(self, heard: Instruction) -> None:
        """Keep an instruction as it was heard, in the place of what was said: its times alone."""


class Progress(Protocol):
    """Where people (or machines) follow a run."""

    def step(self, batch: str, step: str, *, objects: int, size: int) -> None:
        """A step of a batch begins, with this much left to do."""

    def advance(self, objects: int, size: int) -> None:
        """Count so many more objects and bytes as done; fewer after a retry."""

    def note(self, text: str) -> None:
        """Show a line to people; it is free of names and secrets."""
