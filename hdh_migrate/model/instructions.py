"""Instructions that people give a run from another terminal: pause, resume, limit the rate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from hdh_migrate.frozen import frozen

AHEAD_MAX: Final = timedelta(minutes=1)
"""How far the clock of who said something may be ahead of that of who hears it."""


class InstructionKind(StrEnum):
    """The kinds of instruction that a run accepts from another terminal."""

    PAUSE = "pause"
    RESUME = "resume"
    LIMIT = "limit"
    RELEASE = "release"
    """Let the limit go."""


@frozen
class Instruction:
    """One instruction: what was asked, by whom and when."""

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

    def heard(self, now: str) -> Instruction:
        """Return it as it counts for who hears it at a moment, RFC 3339 in UTC.

        What ends by itself and was said by a clock that was ahead ends as long after now as it was
        to last: when it was said is not known, and that clock's end may be years away.
        """
        if self.until is None:
            return self
        moment, at, until = map(datetime.fromisoformat, (now, self.at, self.until))
        if at - moment <= AHEAD_MAX:
            return self
        return replace(self, at=now, until=_text(moment + max(until - at, timedelta())))


@frozen
class Standing:
    """Which of all given instructions are in force."""

    paused: Instruction | None = None
    limit: Instruction | None = None

    @classmethod
    def of(cls, said: Iterable[Instruction], now: str) -> Standing:
        """Return what is in force at a time (RFC 3339, UTC), given instructions in their order."""
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
        limit = None if limit is None else limit.heard(now)
        if limit is not None and limit.until is not None and limit.until <= now:
            limit = None
        return cls(paused=paused, limit=limit)


def _text(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
