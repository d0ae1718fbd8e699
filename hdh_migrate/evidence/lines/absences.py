"""What looks at the target found gone or damaged, look by look: the last one does not undo it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.event import Event
from hdh_migrate.events.looks import LookedAgain, LookEnded, LookingAgain
from hdh_migrate.events.objects import ObjectsVerified
from hdh_migrate.events.run import RunStarted
from hdh_migrate.evidence.verifier.members import StatedLook
from hdh_migrate.frozen import frozen_row, mutable_row
from hdh_migrate.jsonform import ABSENT

NUMBERED: Final = 20
"""Of more objects that one look missed, the numbers are not shown."""

READ: Final = ("full", "stored")
"""Levels of a look that read bytes; another one asks for sizes alone."""

LOOK_EVENTS: Final[tuple[type[Event], ...]] = (LookingAgain, LookedAgain, LookEnded)


@frozen_row
class MendedBy:
    """When the last object that a look missed was verified again, and in which run."""

    at: str
    run: str
    """When that began."""
    user: str


@mutable_row
class LookLine:
    """One look at a batch's target: when it began to read, how much, what it missed."""

    batch: str
    number: int
    at: str
    level: str
    objects: int = 0
    gone: int = 0
    damaged: int = 0
    replaced: int = 0
    unread: int = 0
    lost: int = 0
    ended: bool = False
    drawn: bool = False
    """Whether what was read was drawn by chance."""
    missed: tuple[tuple[int, str], ...] = ()
    """Numbers of the first that were gone or damaged, each with which of both."""
    away: int = 0
    """So many of them were not verified again yet."""
    mended: MendedBy | None = None
    """None: not all of them were, or the journal does not tell which."""

    @property
    def absent(self) -> int:
        """How many objects were not there as they were verified, and were listed again."""
        return self.gone + self.damaged

    @property
    def ids(self) -> tuple[tuple[int, str], ...]:
        """The numbers of all of them, where the journal has these and they are not too many."""
        return self.missed if len(self.missed) == self.absent <= NUMBERED else ()


class LooksInTurn:
    """Every look that a journal tells of, in its order."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, int], LookLine] = {}
        self._drawn: set[tuple[str, int]] = set()
        self._of_all: set[tuple[str, int]] = set()
        self._run = "", ""
        self.away: dict[int, list[LookLine]] = {}
        """What looks missed that was not verified again yet."""

    @classmethod
    def of(cls, events: Iterable[tuple[str, Event]]) -> LooksInTurn:
        """Return what events tell."""
        made = cls()
        for at, event in events:
            made.take(at, event)
        return made

    def take(self, at: str, event: Event) -> None:
        """Take one event."""
        match event:
            case RunStarted():
                self._run = at, event.user
            case ObjectsVerified() if self.away:
                for one in (line for number in event.ids for line in self.away.pop(number, ())):
                    one.away -= 1
                    one.mended = None if one.away else MendedBy(at, *self._run)
            case LookingAgain(sampled=True):
                self._drawn.add((event.batch, event.number))
            case LookingAgain(older_than=None):
                self._of_all.add((event.batch, event.number))
            case LookedAgain():
                key = (event.batch, event.number)
                one = self._lines.setdefault(key, LookLine(*key, event.at, event.level))
                one.drawn = key in self._drawn
                one.at = min(one.at, event.at, key=seconds_of)
                one.objects += event.objects
                one.gone += len(event.gone)
                one.damaged += len(event.damaged)
                gone = ((number, "gone") for number in event.gone)
                damaged = ((number, "damaged") for number in event.damaged)
                one.missed = (*one.missed, *gone, *damaged)[: NUMBERED + 1]
                for number in (*event.gone, *event.damaged):
                    self.away.setdefault(number, []).append(one)
                    one.away, one.mended = one.away + 1, None
                one.replaced += len(event.replaced)
                one.unread += len(event.unread)
                one.lost += 0 if event.lost is ABSENT else len(event.lost)
            case LookEnded():
                if (known := self._lines.get((event.batch, event.number))) is not None:
                    known.ended = True
            case _:
                pass

    def beside(self, stated: Iterable[StatedLook]) -> LooksInTurn:
        """Return them with what a statement alone tells of: a keyed bundle's journal does not."""
        made = LooksInTurn()
        made._lines = dict(self._lines)
        for look in stated:
            key = (look["batch"], look["number"])
            if key not in made._lines:
                made._lines[key] = LookLine(
                    *key, look["at"], look["level"], look["objects"], look["gone"],
                    look["damaged"], look["replaced"], look["unread"], look.get("lost", 0),
                    look["ended"],
                )  # fmt: skip
        return made

    @property
    def lines(self) -> list[LookLine]:
        """All of them, the first one first."""
        return list(self._lines.values())

    def drawn(self, batch: str, number: int) -> bool:
        """Return whether what a look read was drawn by chance."""
        return (batch, number) in self._drawn

    def whole(self, batch: str) -> str | None:
        """Return when the last look that read all that was verified of a batch began.

        None: no such look is known to have ended. One that asks for sizes alone reads nothing.
        """
        ended = [
            one.at
            for one in self.lines
            if one.batch == batch
            and one.ended
            and one.level in READ
            and not one.unread
            and (batch, one.number) in self._of_all
        ]
        return ended[-1] if ended else None

    def absent(self, batch: str) -> list[LookLine]:
        """Return the looks at a batch that found objects gone or damaged."""
        return [one for one in self.lines if one.batch == batch and one.absent]
