"""What was exchanged, by day, endpoint and purpose, as the journal tells it.

Purposes are those that a price or a claim is about: what is exchanged to change the provider
(`switching`), what is read once more to prove or to look again (`re-read`), and what is exchanged
for a batch after its cutover, while both providers are in use (`parallel`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.cutover import CutoverRolledBack, CutoverSwitched, Track
from hdh_migrate.events.event import Event
from hdh_migrate.events.exchange import TrafficCounted
from hdh_migrate.events.run import RunEnded, RunStarted
from hdh_migrate.plan.pricing import PURPOSES, Purpose

KINDS: Final[tuple[type[Event], ...]] = (
    RunStarted, RunEnded, TrafficCounted, CutoverSwitched, CutoverRolledBack,
)  # fmt: skip
"""The events that an account is made from."""

READING_AGAIN: Final = ("verify", "recheck", "adopt", "look", "grant", "rotate", "reseal")
"""How the names of steps begin that read what was sent before."""

LATE_SECONDS: Final = 300.0
"""What is reported so soon after midnight is of the day before."""


class ExchangeRow(NamedTuple):
    """What was exchanged with one endpoint for one purpose, from a day to a day, both included."""

    first_day: str
    last_day: str
    side: str
    endpoint: str
    purpose: Purpose
    requests: int
    bytes_read: int
    bytes_written: int


class ExchangeAccount(NamedTuple):
    """All of it, and what it is without."""

    rows: tuple[ExchangeRow, ...]
    """By day, side, endpoint and purpose; each of these once."""
    runs: int
    cut_off: int
    """Runs without a last word: what they exchanged after it was last told is missing."""
    unended: bool
    """Whether the last run has not ended, or was cut off, too."""
    switched: frozenset[str]
    """The batches that are cut over."""


def purpose_of(side: str, step: str, *, switched: bool) -> Purpose:
    """Return what something was exchanged for; `switched`: its batch was cut over before."""
    again = step.startswith(READING_AGAIN)
    if switched and not (side == "target" and again):
        return "parallel"
    return "re-read" if again else "switching"


def account(events: Iterable[tuple[str, Event]], batches: Collection[str]) -> ExchangeAccount:
    """Return what the journal tells; `events` are those of `KINDS`, in their order, with times.

    Of runs of earlier versions only the end tells something, and that is of all their days.
    """
    found: list[ExchangeRow] = []
    switched: set[str] = set()
    runs = cut_off = 0
    begun: tuple[str, RunStarted] | None = None
    pieces = False
    for at, event in events:
        match event:
            case RunStarted():
                cut_off += begun is not None
                begun, pieces, runs = (at, event), False, runs + 1
            case TrafficCounted():
                pieces = True
                found += _counted(at, event, switched, batches)
            case RunEnded():
                if begun is not None and not pieces:
                    found += _of_a_run(*begun, at, event, switched, batches)
                begun = None
            case CutoverSwitched() if event.track is Track.CUTOVER:
                switched.add(event.batch)
            case CutoverRolledBack() if event.track is Track.CUTOVER:
                switched.discard(event.batch)
            case _:
                pass
    return ExchangeAccount(
        rows=tuple(_added(found)), runs=runs, cut_off=cut_off, unended=begun is not None,
        switched=frozenset(switched),
    )  # fmt: skip


def _counted(
    at: str, event: TrafficCounted, switched: Collection[str], batches: Collection[str]
) -> Iterator[ExchangeRow]:
    first, last = _days(event.since, at)
    after = _is_after(event.batch, switched, batches)
    for one in event.traffic:
        purpose = purpose_of(one.side, event.step, switched=after)
        yield ExchangeRow(
            first, last, one.side, one.endpoint, purpose, one.requests, one.bytes_read,
            one.bytes_written,
        )  # fmt: skip


def _of_a_run(
    since: str,
    started: RunStarted,
    at: str,
    event: RunEnded,
    switched: Collection[str],
    batches: Collection[str],
) -> Iterator[ExchangeRow]:
    """Yield what the end of a run tells: what was read from the target, it was for verifying."""
    first, last = since[:10], at[:10]
    chosen = started.batches or batches
    after = bool(switched) and all(one in switched for one in chosen)
    again = all(step.startswith(READING_AGAIN) for step in started.steps)
    step = "verify" if again else "transfer"
    for one in event.traffic:
        purpose = purpose_of(one.side, step, switched=after)
        read = one.bytes_read
        if one.side == "target" and not again and read:
            yield ExchangeRow(first, last, one.side, one.endpoint, "re-read", 0, read, 0)
            read = 0
        yield ExchangeRow(
            first, last, one.side, one.endpoint, purpose, one.requests, read, one.bytes_written
        )


def _is_after(batch: str | None, switched: Collection[str], batches: Collection[str]) -> bool:
    """Return whether something is exchanged after a cutover; for no batch: after all of them."""
    if batch is not None:
        return batch in switched
    return bool(switched) and all(one in switched for one in batches)


def _days(since: str, at: str) -> tuple[str, str]:
    """Return the first and the last day of a time; what is reported a little late is of its day."""
    first, last = since[:10], at[:10]
    if first < last and seconds_of(at) - seconds_of(f"{last}T00:00:00Z") < LATE_SECONDS:
        last = (date.fromisoformat(last) - timedelta(days=1)).isoformat()
    return first, last


def _added(rows: Sequence[ExchangeRow]) -> list[ExchangeRow]:
    sums: dict[tuple[str, str, str, str, Purpose], list[int]] = {}
    for row in rows:
        key = (row.first_day, row.last_day, row.side, row.endpoint, row.purpose)
        kept = sums.setdefault(key, [0, 0, 0])
        for place, more in enumerate((row.requests, row.bytes_read, row.bytes_written)):
            kept[place] += more
    order = sorted(sums, key=lambda key: (*key[:4], PURPOSES.index(key[4])))
    return [ExchangeRow(*key, *sums[key]) for key in order if any(sums[key])]
