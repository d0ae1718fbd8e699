"""What the journal tells of looks at a batch: what was read when, and what the last one found."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NotRequired

from typing_extensions import TypedDict

from hdh_migrate.clocks import between, seconds_of
from hdh_migrate.events.looks import LookedAgain, LookEnded, LookingAgain
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.model import Verified
from hdh_migrate.pipeline.projections.readings import Reading, Readings, covers
from hdh_migrate.ports.ledger import Ledger


class Looks:
    """What the journal tells of earlier looks at a batch."""

    def __init__(self, ledger: Ledger, batch: str) -> None:
        self.begun: list[LookingAgain] = []
        self.last_word = ""
        """When the last look began, or ended a portion."""
        for at, began in ledger.events(LookingAgain):
            if began.batch == batch:
                self.begun.append(began)
                self.last_word = at
        ended = {event.number for _, event in ledger.events(LookEnded) if event.batch == batch}
        last = self.begun[-1] if self.begun else None
        self.unfinished = None if last is None or last.number in ended else last
        self._by_level: dict[str, Readings] = {}
        self._of_last = Readings()
        self.of_last: list[LookedAgain] = []
        for at, one in ledger.events(LookedAgain):
            if one.batch == batch:
                self.last_word = max(self.last_word, at, key=seconds_of)
                self._take(one, of_last=last is not None and one.number == last.number)

    def _take(self, looked: LookedAgain, *, of_last: bool) -> None:
        if of_last:
            self.of_last.append(looked)
        for first, end in looked.spans:
            reading = Reading(first, end, looked.at, looked.level)
            self._by_level.setdefault(looked.level, Readings()).add(reading)
            if of_last:
                self._of_last.add(reading)

    def last(self, row: Verified, level: str) -> str | None:
        """Return when an object was last read so closely; None: never."""
        times = [
            reading.at
            for known, readings in self._by_level.items()
            if covers(known, level) and (reading := readings.of(row.id)) is not None
        ]
        if row.verified_at is not None and covers(row.level or "head", level):
            times.append(row.verified_at)
        return max(times, key=seconds_of, default=None)

    def read_by_last(self, row: Verified) -> bool:
        """Return whether the last look has read an object since it was verified."""
        reading = self._of_last.of(row.id)
        return reading is not None and (
            row.verified_at is None or between(row.verified_at, reading.at) >= 0
        )


class LookFact(TypedDict):
    """The last look at a batch that has read something, as the statement tells it."""

    batch: str
    number: int
    level: str
    at: str
    objects: int
    gone: int
    damaged: int
    replaced: int
    unread: int
    lost: NotRequired[int]
    """Only of a batch that was deleted at the source, as far as that has come."""
    beside: NotRequired[int]
    """Only where there is some."""
    ended: bool


def look_facts(ledger: Ledger) -> list[LookFact]:
    """Return the last look at each batch, in the order of their names."""
    ended = {(event.batch, event.number) for _, event in ledger.events(LookEnded)}
    began = ledger.looks_began()
    last = {batch: max(one for of, one in began if of == batch) for batch, _ in began}
    found = _summed(ledger, ended, last, min((began[one] for one in last.items()), default=0))
    if found.keys() != last.keys():  # a look has begun, and has read nothing yet
        found = _summed(ledger, ended, {}, 0)
    return [found[batch] for batch in sorted(found)]


def _summed(
    ledger: Ledger, ended: Collection[tuple[str, int]], only: Mapping[str, int], since: int
) -> dict[str, LookFact]:
    """Return the last look at each batch that events from a number on tell of; `only` of some."""
    found: dict[str, LookFact] = {}
    for _, event in ledger.told(LookedAgain, since=since):
        if not isinstance(event, LookedAgain) or only.get(event.batch) not in {None, event.number}:
            continue
        known = found.get(event.batch)
        if known is None or known["number"] != event.number:
            known = found[event.batch] = {
                "batch": event.batch, "number": event.number, "level": event.level, "at": event.at,
                "objects": 0, "gone": 0, "damaged": 0, "replaced": 0, "unread": 0,
                "ended": (event.batch, event.number) in ended,
            }  # fmt: skip
        known["at"] = min(known["at"], event.at, key=seconds_of)
        known["objects"] += event.objects
        known["gone"] += len(event.gone)
        known["damaged"] += len(event.damaged)
        known["replaced"] += len(event.replaced)
        known["unread"] += len(event.unread)
        if event.lost is not ABSENT:
            known["lost"] = known.get("lost", 0) + len(event.lost)
        if event.beside is not ABSENT:
            known["beside"] = known.get("beside", 0) + len(event.beside)
    return found
