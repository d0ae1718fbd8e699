"""What may be a breach of personal data, what of it somebody judged, and what waits for that.

Looks tell of objects that were gone or damaged, findings of objects that were lost or replaced. A
judgement covers what its signer knew: what a look goes on to find waits for another one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.event import Event
from hdh_migrate.events.judgements import BreachJudged
from hdh_migrate.events.objects import FindingsChanged
from hdh_migrate.evidence.lines.absences import LookLine, LooksInTurn
from hdh_migrate.evidence.verifier.forms import mapping, string
from hdh_migrate.evidence.verifier.judgements import LOSSES, read_judgement
from hdh_migrate.frozen import frozen_row, mutable_row

HARM_EVENTS: Final[tuple[type[Event], ...]] = (FindingsChanged, BreachJudged)


@frozen_row
class FoundLoss:
    """A finding of an object that is lost, or was replaced at the target."""

    number: int
    at: str
    code: str
    dataset: str | None


@frozen_row
class SignedJudgement:
    """What somebody signed, and with which key."""

    made_at: str
    by: str
    key_id: str
    reason: str
    on: str | None
    """The day on which an authority was notified; None: none was."""
    reference: str | None


@frozen_row
class JudgementLine:
    """One judgement: of which looks (batch, number, objects) and findings, and what came of it."""

    at: str
    looks: tuple[tuple[str, int, int], ...]
    findings: tuple[tuple[int, int], ...]
    notified: bool
    signed: SignedJudgement | None
    """None: names are keyed, and the bundle does not say it."""


@mutable_row
class HarmInTurn:
    """Everything of this that a journal tells, in its order; looks are told of apart."""

    found: dict[int, FoundLoss] = field(default_factory=dict)
    judgements: list[JudgementLine] = field(default_factory=list)
    judged_findings: set[int] = field(default_factory=set)
    _looks: dict[tuple[str, int], int] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[tuple[str, Event]]) -> HarmInTurn:
        """Return what events tell."""
        made = cls()
        for at, event in events:
            made.take(at, event)
        return made

    def take(self, at: str, event: Event) -> None:
        """Take one event."""
        match event:
            case FindingsChanged():
                for one in event.opened or ():
                    if one.code in LOSSES:
                        self.found[one.number] = FoundLoss(
                            one.number, one.at, one.code, one.dataset
                        )
            case BreachJudged():
                self._judged(at, event)
            case _:
                pass

    def losses(self) -> list[FoundLoss]:
        """Return the findings that nobody judged, closed since or not."""
        return [one for number, one in self.found.items() if number not in self.judged_findings]

    def looks(self, seen: LooksInTurn) -> Iterator[tuple[LookLine, int]]:
        """Yield each look that found objects gone or damaged, and how many nobody judged."""
        for one in seen.lines:
            left = one.absent - self._looks.get((one.batch, one.number), 0)
            if left > 0:
                yield one, left

    def absences(self, seen: LooksInTurn, batch: str) -> tuple[tuple[str, int], ...]:
        """Return when looks at a batch found objects gone or damaged that nobody judged."""
        return tuple((one.at, left) for one, left in self.looks(seen) if one.batch == batch)

    def broken(self, unresolved: Mapping[str, int]) -> int:
        """Return of how many findings nobody judged whether they are a breach.

        `unresolved` are those that are open, by code: of an early journal they are all that is
        known, and of what it does not number nobody can have judged anything.
        """
        if self.found:
            return len(self.losses())
        return sum(unresolved.get(code, 0) for code in LOSSES)

    def first_loss(self) -> str | None:
        """Return when the first of the findings that nobody judged was opened."""
        return min((one.at for one in self.losses()), key=seconds_of, default=None)

    def _judged(self, at: str, event: BreachJudged) -> None:
        looks = tuple((one.batch, one.number, one.objects) for one in event.looks)
        for batch, number, objects in looks:
            known = self._looks.get((batch, number), 0)
            self._looks[batch, number] = max(known, objects)
        for first, last in event.findings:
            self.judged_findings.update(one for one in self.found if first <= one <= last)
        signed = None
        with suppress(KeyError, IndexError, TypeError, ValueError):  # then it is no evidence
            signed = _signed(event)
        self.judgements.append(JudgementLine(at, looks, event.findings, event.notified, signed))


def _signed(event: BreachJudged) -> SignedJudgement | None:
    for envelope in event.signed or ():
        said = read_judgement(base64.b64decode(envelope["payload"]))
        told = None if said["notified"] is None else mapping(said["notified"])
        return SignedJudgement(
            made_at=string(said["made_at"]),
            by=string(said["by"]),
            key_id=str(envelope["signatures"][0]["keyid"]),
            reason=string(said["reason"]),
            on=None if told is None else string(told["on"]),
            reference=None if told is None else string(told["reference"]),
        )
    return None


def rows_of(numbers: Iterable[int]) -> list[list[int]]:
    """Return numbers as first and last of each row without a gap, ascending."""
    rows: list[list[int]] = []
    for one in sorted(numbers):
        if rows and rows[-1][1] + 1 == one:
            rows[-1][1] = one
        else:
            rows.append([one, one])
    return rows
