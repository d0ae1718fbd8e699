"""The one judge of time: whatever is allowed from, until or after a moment is asked here.

One clock can be wrong, and nothing on its own machine shows it. So the local clock is compared with
the Date headers of the endpoints and with the journal's last event. Where they differ by more than
a minute no permission is given; within it, the side that allows less counts. An endpoint's Date is
kept beside the monotonic clock, so that a local clock that jumps later is noticed, too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

from hdh_migrate.errors import ClocksDiffer, StorageError
from hdh_migrate.frozen import frozen
from hdh_migrate.model import Problem
from hdh_migrate.ports.run import Clock

TOLERANCE_SECONDS = 60.0
"""How far clocks may be apart."""

FRESH_SECONDS = 30.0
"""A Date that is older, or came with a reply that took longer, is asked for again."""

JOURNAL = "the journal"
ALONE = "no endpoint told the time: judged by this machine's clock and the journal alone"
_MEND = "set this machine's clock, or find out why the endpoint's is wrong; then run it again"
MONTHS: Mapping[str, int] = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
"""As HTTP dates have them."""

_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) (" + "|".join(MONTHS) + r") (\d{4})"
    r" (\d\d):(\d\d):(\d\d) (?:GMT|UTC|\+0000)",
    re.ASCII,
)
_DAY_SECONDS = 86_400
_LAST_SECOND = 253_402_300_799.0
"""9999-12-31T23:59:59Z: there is no later time to write, and that day stands for no end."""
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)


@lru_cache(maxsize=64)  # of the many replies of one second each has the same
def http_date(text: str) -> float | None:
    """Return the seconds since 1970 of a Date header, None for what is none; never raises."""
    found = _DATE.fullmatch(text.strip()) if len(text) <= 40 else None
    if found is None:
        return None
    day, month, year, hour, minute, second = found.groups()
    try:
        moment = datetime(
            int(year), MONTHS[month], int(day), int(hour), int(minute),
            min(int(second), 59), tzinfo=UTC,  # a leap second is the one before it
        )  # fmt: skip
    except ValueError:
        return None
    return moment.timestamp()


def text_of(moment: datetime, timespec: str = "seconds") -> str:
    """Return a moment as RFC 3339 in UTC; one without a zone is of UTC. See `isoformat`."""
    zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return zoned.isoformat(timespec=timespec).removesuffix("+00:00") + "Z"


@frozen
class Sighting:
    """One Date header: its time, and when by the monotonic clock it can have been written."""

    server_time: float
    """Seconds since 1970; the header cuts the fraction."""
    asked: float
    heard: float

    def ahead(self, local: float, monotonic: float) -> float:
        """Return by how many seconds a local clock is ahead, negative: behind.

        It is the least that the header shows: 0.0 when it can be right.
        """
        middle = self.server_time + 0.5
        least = local - (middle + monotonic - self.asked)
        most = local - (middle + monotonic - self.heard)
        return max(least, 0.0) + min(most, 0.0)

    def earliest(self, monotonic: float) -> float:
        """Return what the endpoint's clock shows at least."""
        return self.server_time + monotonic - self.heard

    def latest(self, monotonic: float) -> float:
        """Return what the endpoint's clock shows at most."""
        return self.server_time + 1.0 + monotonic - self.asked

    def fresh(self, monotonic: float) -> bool:
        """Return whether it tells of this moment."""
        return monotonic - self.heard <= FRESH_SECONDS and self.heard - self.asked <= FRESH_SECONDS


class Witness(Protocol):
    """An endpoint whose replies have a Date."""

    @property
    def endpoint(self) -> str:
        """The endpoint's address, for messages."""

    @property
    def may_ask(self) -> bool:
        """Whether the endpoint may be contacted now: its door is open."""

    def seen(self) -> Sighting | None:
        """Return the newest Date, None when there was none."""

    def ask(self) -> None:
        """Make one request without a credential, for its Date alone.

        Raises:
            StorageError: no reply came.
        """


@frozen
class Moment:
    """The present, as all clocks allow it: between two times, RFC 3339 in UTC."""

    earliest: str
    latest: str
    ahead: Mapping[str, float] = field(default_factory=dict)
    """By how many seconds the local clock is ahead of each endpoint that told the time."""

    @classmethod
    def at(cls, now: str) -> Moment:
        """Return the moment of one clock that nothing is compared with."""
        return cls(earliest=now, latest=now)

    def passed(self, until: str) -> bool:
        """Return whether a time is over by every clock: for what is allowed after it."""
        return seconds_of(self.earliest) >= seconds_of(until)

    def before(self, end: str) -> bool:
        """Return whether a time is still to come by every clock: for what is allowed until it."""
        return seconds_of(self.latest) < seconds_of(end)

    def not_yet(self, made_at: str) -> bool:
        """Return whether what was written elsewhere is dated in the future."""
        return seconds_of(made_at) > seconds_of(self.earliest) + TOLERANCE_SECONDS

    @property
    def first_day(self) -> str:
        """The day by the clock that is furthest behind."""
        return self.earliest[:10]

    @property
    def last_day(self) -> str:
        """The day by the clock that is furthest ahead."""
        return self.latest[:10]

    @property
    def alone(self) -> bool:
        """Whether no endpoint has given a Date."""
        return not self.ahead


class Judge:
    """Says which moment it is, or refuses to."""

    def __init__(
        self,
        clock: Clock,
        *,
        witnesses: Callable[[], Sequence[Witness]] = tuple,
        journal: Callable[[], str | None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`journal` returns the time of the journal's last event, None when there is none.

        `monotonic` is the clock of the witnesses' sightings.
        """
        self._clock = clock
        self._witnesses = witnesses
        self.journal = journal
        self._monotonic = monotonic
        self._away: set[str] = set()

    def now(self) -> Moment:
        """Return the present; asks each endpoint that may be asked and gave no Date lately.

        Raises:
            ClocksDiffer: the local clock, an endpoint or the journal must be wrong.
        """
        self.look()
        if self.objections():
            self.look(again=True)  # one reply may be anything; two that agree are not
        found = self.objections()
        # They agree by themselves where only the journal is ahead.
        _demand(found, until=self.journal() if {one.where for one in found} == {JOURNAL} else None)
        return self._moment()

    def glance(self) -> Moment:
        """Return the present as `now` does, from what was told so far: for who looks all the time.

        Endpoints are asked only when what they told does not agree any more.

        Raises:
            ClocksDiffer: as `now`.
        """
        return self.now() if self.objections() else self._moment()

    def unchecked(self) -> Moment:
        """Return the present by this machine's clock, for what no permission depends on."""
        return Moment.at(self._clock.now())

    def firm(self) -> Moment:
        """Return the present for what cannot be taken back: an endpoint has just given its Date.

        Where all of them answer and none has a Date, or there is none, the moment is `alone`.

        Raises:
            ClocksDiffer: as `now`, or no endpoint can be asked.
        """
        found = self.now()
        witnesses, monotonic = self._witnesses(), self._monotonic()
        seen = [one.seen() for one in witnesses]
        if any(one is not None and one.fresh(monotonic) for one in seen):
            return found
        unheard = [one for one in witnesses if one.endpoint in self._away or not one.may_ask]
        _demand(
            [
                Problem(
                    where=one.endpoint,
                    what="did not answer, so nothing shows that this machine's clock is right"
                    if one.may_ask
                    else "may not be asked for the time: the target is not attested",
                )
                for one in unheard
            ]
        )
        return found

    def look(self, *, again: bool = False) -> None:
        """Ask each endpoint that gave no Date lately, or all of them; errors are kept."""
        for one in self._witnesses():
            seen = one.seen()
            if not one.may_ask:
                continue
            if not again and seen is not None and seen.fresh(self._monotonic()):
                self._away.discard(one.endpoint)
                continue
            try:
                one.ask()
                self._away.discard(one.endpoint)
            except StorageError:
                self._away.add(one.endpoint)

    def objections(self) -> list[Problem]:
        """Return which clocks are too far apart by the Dates seen so far; asks nobody."""
        local, monotonic = seconds_of(self._clock.now()), self._monotonic()
        found = []
        for endpoint, sighting in self._seen().items():
            ahead = sighting.ahead(local, monotonic)
            if abs(ahead) > TOLERANCE_SECONDS:
                side = "ahead of" if ahead > 0 else "behind"
                what = f"this machine's clock is {length(abs(ahead))} {side} the endpoint's Date"
                found.append(Problem(where=endpoint, what=what, hint=_MEND))
        last = self.journal()
        if last is not None and seconds_of(last) - local > TOLERANCE_SECONDS:
            behind = length(seconds_of(last) - local)
            what = f"this machine's clock is {behind} behind its last event ({last})"
            hint = (
                "set this machine's clock; when it is right, the journal was written with a clock"
                " that was ahead: wait until that time has passed, or go back to a copy of the"
                " state from before"
            )
            found.append(Problem(where=JOURNAL, what=what, hint=hint))
        return found

    def ahead(self) -> dict[str, float]:
        """Return by how many seconds the local clock is ahead of each endpoint's last Date."""
        local, monotonic = seconds_of(self._clock.now()), self._monotonic()
        return {
            endpoint: round(sighting.ahead(local, monotonic), 1)
            for endpoint, sighting in self._seen().items()
        }

    def _seen(self) -> dict[str, Sighting]:
        found = {one.endpoint: one.seen() for one in self._witnesses()}
        return {endpoint: seen for endpoint, seen in found.items() if seen is not None}

    def _moment(self) -> Moment:
        local, monotonic = seconds_of(self._clock.now()), self._monotonic()
        seen = self._seen()
        last = self.journal()
        earliest = min([local, *(one.latest(monotonic) for one in seen.values())])
        latest = max([local, *(one.earliest(monotonic) for one in seen.values())])
        if last is not None:
            latest = max(latest, seconds_of(last))
        ahead = {endpoint: round(one.ahead(local, monotonic), 1) for endpoint, one in seen.items()}
        return Moment(
            earliest=text_of_seconds(earliest), latest=text_of_seconds(latest), ahead=ahead
        )

    # --- what dates the journal ------------------------------------------------------------------

    def dating(self) -> Clock:
        """Return the clock that dates the journal.

        It is the local one. Once an endpoint has shown that one to be wrong it is the earliest of
        all: a date that is ahead would stand in the way of everything until it has passed.
        """
        return _Dating(self._clock, self._earliest)

    def _earliest(self) -> str:
        now = self._clock.now()
        local, monotonic = seconds_of(now), self._monotonic()
        seen = self._seen().values()
        if all(abs(one.ahead(local, monotonic)) <= TOLERANCE_SECONDS for one in seen):
            return now
        return text_of_seconds(min(local, *(one.latest(monotonic) for one in seen)))


class _Dating:
    def __init__(self, clock: Clock, now: Callable[[], str]) -> None:
        self._clock, self.now = clock, now

    def monotonic(self) -> float:
        return self._clock.monotonic()


def seconds_of(moment: str) -> float:
    """Return the seconds since 1970 of an RFC 3339 time.

    Raises:
        ValueError: it is none, or has no zone.
    """
    found = datetime.fromisoformat(moment)
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found.timestamp()


def utc_seconds_of(moment: str) -> float:
    """Return the seconds since 1970 of a time that is written as the journal writes it, with Z.

    Raises:
        ValueError: it is none, or is written otherwise.
    """
    if _UTC.fullmatch(moment) is None:
        raise ValueError("no time in UTC with its Z")
    return seconds_of(moment)


def later(moment: str, seconds: float) -> str:
    """Return the moment so many seconds after another, as the journal writes it."""
    when = datetime.fromisoformat(moment).astimezone(UTC) + timedelta(seconds=seconds)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def between(first: str, second: str) -> float:
    """Return the seconds from the first moment to the second, negative when it is earlier."""
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()


def length(seconds: float) -> str:
    """Return a length of time as people say it, in one unit: `61 s`, `9 min`, `26 h`, `45 days`."""
    for unit, size, least in (("days", 86_400, 2), ("h", 3600, 2), ("min", 60, 5)):
        if seconds >= least * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def day_over(day: str) -> float:
    """Return when a day is over, in seconds since 1970: what counts through it, in UTC, ends then.

    That moment is the first at which it does not count any more.
    """
    return min(seconds_of(f"{day}T00:00:00Z") + _DAY_SECONDS, _LAST_SECOND)


def text_of_seconds(seconds: float) -> str:
    """Return seconds since 1970 as the journal writes a time."""
    return text_of(datetime.fromtimestamp(seconds, UTC), "milliseconds")


def _demand(problems: Sequence[Problem], *, until: str | None = None) -> None:
    if problems:
        raise ClocksDiffer(
            "it is not known what time it is, so nothing is permitted that depends on it",
            problems=problems,
            until=until,
            hint="nothing more was done; the same command goes on when the clocks agree",
        )
