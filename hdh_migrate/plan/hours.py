"""When runs may move, and how fast at which hour: windows, timetables, dates of batches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from hdh_migrate.hours.timetable import Timetable
from hdh_migrate.hours.weekly import (
    DAYS,
    HOURS,
    WEEKDAYS,
    NoHours,
    Stretch,
    day_number,
    first_gap,
    hours_of_a_day,
    hours_of_a_week,
    merged,
    shared,
    time_text,
    together,
)
from hdh_migrate.hours.windows import Windows
from hdh_migrate.hours.zones import DAY_SECONDS, UnknownZone, zone_of
from hdh_migrate.plan import fields
from hdh_migrate.plan.fields import Day, is_day, refusal, schema_of_text
from hdh_migrate.plan.origins import Section

ZONE = "UTC"
"""Whose hours are meant where a plan names no zone."""

DATES_MAX = 1000
"""Days that one exception may last."""

_ZONE = r"[A-Za-z0-9_+/-]{1,64}"
_ZONE_RULE = (
    "this machine knows no such time zone: give an IANA name such as Europe/Paris (or install the"
    " system's tzdata)"
)
_MOMENT = r"\d{4}-\d\d-\d\d(T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d))?"
_MOMENT_RULE = "must be a day such as 2026-12-31, or a time with its zone: 2026-12-31T18:00+01:00"
_TABLE_RULE = (
    "must be a rate such as 800MiB/s, or a timetable: `default` with a rate, days and hours with"
    " theirs, `zone` with a time zone"
)
_TABLE_MAX = 100
_WEEK = rf"({DAYS}) {HOURS}"


def _zone(value: str) -> str:
    try:
        zone_of(value)
    except UnknownZone:
        raise refusal(_ZONE_RULE) from None
    return value


def _week_hours(value: str) -> str:
    try:
        hours_of_a_week(value)
    except NoHours as error:
        raise refusal(str(error)) from None
    return value


def _day_hours(value: str) -> str:
    try:
        hours_of_a_day(value)
    except NoHours as error:
        raise refusal(str(error)) from None
    return value


def _moment(value: str) -> str:
    if is_day(value):
        return value
    try:
        fine = datetime.fromisoformat(value).tzinfo is not None and "T" in value
    except ValueError:
        fine = False
    if not fine:
        raise refusal(_MOMENT_RULE)
    return value


TimeZone = Annotated[str, AfterValidator(_zone), schema_of_text("time zone", _ZONE)]
WeekHours = Annotated[str, AfterValidator(_week_hours), schema_of_text("days and hours", _WEEK)]
DayHours = Annotated[str, AfterValidator(_day_hours), schema_of_text("hours", HOURS)]
DayOrTime = Annotated[str, AfterValidator(_moment), schema_of_text("day or time", _MOMENT)]


def _rate_or_table(value: object) -> str | dict[str, str]:
    if isinstance(value, str):
        return _rate(value)
    if not isinstance(value, Mapping) or not all(
        isinstance(key, str) and isinstance(text, str) for key, text in value.items()
    ):
        raise refusal(_TABLE_RULE)
    if len(value) > _TABLE_MAX:
        raise refusal(f"a timetable has at most {_TABLE_MAX} entries")
    for key, text in value.items():
        if key == "zone":
            _zone(text)
            continue
        _rate(text)
        if key != "default":
            _week_hours(key)
    if (why := _objection(value)) is not None:
        raise refusal(why)
    return dict(value)


def _rate(text: str) -> str:
    if not fields.is_rate(text):
        raise refusal(fields.BANDWIDTH_RULE)
    return text


def _objection(table: Mapping[str, str]) -> str | None:
    """Return why a timetable does not give each hour one rate, None when it does."""
    weeks = [hours_of_a_week(key) for key in table if key not in {"zone", "default"}]
    for number, week in enumerate(weeks):
        for other in weeks[:number]:
            if (both := shared(week, other)) is not None:
                return f"two entries overlap: on {_at(*both)} each has a rate of its own"
    if "default" not in table and (gap := first_gap(together(weeks))) is not None:
        return f"leaves a gap: on {_at(*gap)} no entry has a rate; give a `default`"
    return None


def _at(day: int, minute: int) -> str:
    return f"{WEEKDAYS[day]} {time_text(minute)}"


RateOrTable = Annotated[
    str | dict[str, str],
    PlainValidator(_rate_or_table),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "title": "rate", "pattern": f"^(?:{fields.RATE})$"},
                {
                    "type": "object",
                    "title": "timetable",
                    "properties": {"zone": {"type": "string", "pattern": f"^(?:{_ZONE})$"}},
                    "patternProperties": {
                        f"^(?:default|{_WEEK})$": {
                            "type": "string", "pattern": f"^(?:{fields.RATE})$",
                        },
                    },
                    "additionalProperties": False,
                    "minProperties": 1,
                    "maxProperties": _TABLE_MAX,
                },
            ]
        }
    ),
]  # fmt: skip
"""A rate, or a timetable of rates."""

Said: TypeAlias = "str | Mapping[str, str]"


def timetable_of(said: Said, zone: str | None) -> Timetable:
    """Return the timetable of a checked rate or table; `zone` is of those who name none."""
    if isinstance(said, str):
        return Timetable(default=fields.bytes_per_second(said))
    rates = {key: fields.bytes_per_second(text) for key, text in said.items() if key != "zone"}
    default = rates.pop("default", None)
    return Timetable(
        default=default,
        zone=said.get("zone", zone or ZONE),
        hours=tuple((hours_of_a_week(key), rate) for key, rate in rates.items()),
    )


class ExceptionalDates(Section):
    """Dates on which other hours count than those of the week."""

    date: Day = Field(description="The date, or the first of several.", examples=["2026-12-25"])
    last_date: Day | None = Field(
        default=None,
        description="The last of several dates, included; default: it is one.",
        examples=["2027-01-01"],
    )
    open: tuple[DayHours, ...] = Field(
        default=(),
        description="The hours of each of these dates, by the zone's clocks; none: closed all day.",
        examples=[["00:00-06:00", "20:00-24:00"]],
    )

    @property
    def days(self) -> range:
        """The dates, as days counted from 1970-01-01."""
        first = day_number(self.date)
        last = first if self.last_date is None else day_number(self.last_date)
        return range(first, last + 1)

    @property
    def hours(self) -> tuple[Stretch, ...]:
        """The hours of each date."""
        return merged(map(hours_of_a_day, self.open))


class RunWindows(Section):
    """When runs may move and read back."""

    zone: TimeZone = Field(
        description="By whose clocks the hours are meant, daylight saving included.",
        examples=["Europe/Paris"],
    )
    open: tuple[WeekHours, ...] = Field(
        default=(),
        description="Days and hours; hours that end no later than they begin go on into the next"
        " day.",
        examples=[["mon-fri 19:00-07:00", "sat,sun 00:00-24:00"]],
    )
    exceptions: tuple[ExceptionalDates, ...] = Field(
        default=(),
        description="Dates on which other hours count, from 00:00 to 24:00 of the date.",
        examples=[[{"date": "2026-12-24", "last_date": "2026-12-26"}]],
    )

    @property
    def windows(self) -> Windows:
        """What says when runs may move."""
        return Windows(
            zone=self.zone,
            week=together([hours_of_a_week(one) for one in self.open]),
            exceptions={day: one.hours for one in self.exceptions for day in one.days},
        )


LAST_DAY: Final = "9999-12-31"
"""No calendar has a day after it."""


def moment_of(said: str, zone: str | None, *, end: bool = False) -> float:
    """Return the seconds since 1970 of a checked day or time; of a day its begin, or its `end`."""
    if not is_day(said):
        return datetime.fromisoformat(said).timestamp()
    day = day_number(said) + (1 if end and said < LAST_DAY else 0)
    midnight = datetime.fromtimestamp(day * DAY_SECONDS, UTC)
    return midnight.replace(tzinfo=zone_of(zone or ZONE)).timestamp()
