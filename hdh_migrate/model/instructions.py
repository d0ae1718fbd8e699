"""What people tell a run from another terminal: pause, go on, no faster than that."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from hdh_migrate.frozen import frozen


class InstructionKind(StrEnum):
    """What somebody may tell a run from another terminal."""

    PAUSE = "pause"
    RESUME = "resume"
    LIMIT = "limit"
    RELEASE = "release"
    """Let the limit go."""


@frozen
class Instruction:
    """One thing that somebody said, at a moment."""

    id: str
    kind: InstructionKind
    user: str
    at: str
    """RFC 3339 in UTC."""
    rate: int | None = None
    """Of a limit: bytes a second."""
    until: str | None = None
    """Of a limit: when it ends by itself, RFC 3339 in UTC; None: when somebody lets it go."""
    reason: str | None = None

    @property
    def who(self) -> str:
        """Who said it when, in words."""
        said = f"by {self.user} since {self.at[:19]}Z"
        return said if self.reason is None else f"{said}: {self.reason}"


@frozen
class Standing:
    """What of all that was said still counts."""

    paused: Instruction | None = None
    limit: Instruction | None = None

    @classmethod
    def of(cls, said: Iterable[Instruction], now: str) -> Standing:
        """Return what counts at a moment, RFC 3339 in UTC, of what was said in this order."""
        paused: Instruction | None = None
        limit: Instruction | None = None
        for one in said:
            match one.kind:
                case InstructionKind.PAUSE:
                    paused = paused or one
                case InstructionKind.RESUME:
                    paused = None
                case InstructionKind.LIMIT:
                    limit = one
                case InstructionKind.RELEASE:
                    limit = None
        if limit is not None and limit.until is not None and limit.until <= now:
            limit = None
        return cls(paused=paused, limit=limit)
