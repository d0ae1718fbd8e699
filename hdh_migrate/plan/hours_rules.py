"""The rules across a plan's hours: each moment has one answer, and windows open sometimes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from hdh_migrate.hours.weekly import (
    NoHours,
    day_number,
    hours_of_a_day,
    hours_of_a_week,
    unclear,
)
from hdh_migrate.hours.zones import UnknownZone, zone_of
from hdh_migrate.plan.fields import is_day
from hdh_migrate.plan.hours import DATES_MAX, ZONE, moment_of
from hdh_migrate.plan.shapes import Broken, Loc, mapping, mappings, place_text, texts

_LIMITS = ("bandwidth", "to_target", "from_target")


def _windows_open_sometimes(plan: Mapping[str, object]) -> Iterator[Broken]:
    """`windows` have hours that open: some of the week, or of a date."""
    windows = plan.get("windows")
    if isinstance(windows, dict) and not windows.get("open"):
        dated = (one.get("open") for _, one in mappings(windows, "exceptions"))
        if not any(dated):
            yield Broken(("windows", "open"), "no window ever opens: give days and hours")


def _dates_are_in_order(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Each date is in one exception of `windows`, which ends no earlier than it begins."""
    taken: dict[int, int] = {}
    for index, one in mappings(mapping(plan, "windows"), "exceptions"):
        loc: Loc = ("windows", "exceptions", index)
        dates = _dates(one)
        if not dates:
            if _is_date(one.get("date")) and _is_date(one.get("last_date")):
                yield Broken((*loc, "last_date"), "before the date")
        elif len(dates) > DATES_MAX:
            yield Broken((*loc, "last_date"), f"more than {DATES_MAX} dates")
        else:
            again = next((taken[day] for day in dates if day in taken), None)
            if again is not None:
                where = place_text(("windows", "exceptions", again))
                yield Broken((*loc, "date"), f"a date of {where}, too: its hours would be unclear")
            taken.update(dict.fromkeys(dates, index))


def _hours_are_there_on_each_day(plan: Mapping[str, object]) -> Iterator[Broken]:
    """No hours begin or end within an hour that daylight saving takes or doubles."""
    windows = mapping(plan, "windows")
    own = _zone(windows.get("zone"))
    if own is not None:
        for index, text in texts(windows.get("open")):
            yield from _weekly(("windows", "open", index), own, text)
        for index, one in mappings(windows, "exceptions"):
            for at, text in texts(one.get("open")):
                yield from _dated(("windows", "exceptions", index, "open", at), own, one, text)
    limits = mapping(plan, "limits")
    for name in _LIMITS:
        table = mapping(limits, name)
        zone = _zone(table.get("zone", own or ZONE))
        for text in table if zone is not None else ():
            yield from _weekly(("limits", name), zone or ZONE, text)


def _batches_may_end_in_time(plan: Mapping[str, object]) -> Iterator[Broken]:
    """`not_before` of a batch is before its `done_by`."""
    zone = _zone(mapping(plan, "windows").get("zone"))
    for index, batch in mappings(plan, "batches"):
        not_before, done_by = batch.get("not_before"), batch.get("done_by")
        if not isinstance(not_before, str) or not isinstance(done_by, str):
            continue
        try:
            begin, end = moment_of(not_before, zone), moment_of(done_by, zone, end=True)
        except (ValueError, TypeError, AttributeError):
            continue
        if begin >= end:
            yield Broken(("batches", index, "done_by"), "not after `not_before`")


def _weekly(loc: Loc, zone: str, text: str) -> Iterator[Broken]:
    try:
        why = unclear(zone, hours_of_a_week(text))
    except NoHours:
        return  # `zone`, `default`, or what its own field's rule refuses
    if why is not None:
        yield Broken(loc, why)


def _dated(loc: Loc, zone: str, one: Mapping[str, object], text: str) -> Iterator[Broken]:
    try:
        hours = hours_of_a_day(text)
    except NoHours:
        return
    dates = _dates(one)[:DATES_MAX]
    if (why := unclear(zone, dates=[(day, hours) for day in dates])) is not None:
        yield Broken(loc, why)


def _dates(one: Mapping[str, object]) -> range:
    """Return the dates of an exception, none when they are not of the right form."""
    first, last = one.get("date"), one.get("last_date")
    last = first if last is None else last
    if not (_is_date(first) and _is_date(last)):
        return range(0)
    return range(day_number(str(first)), day_number(str(last)) + 1)


def _is_date(value: object) -> bool:
    return isinstance(value, str) and is_day(value)


def _zone(value: object) -> str | None:
    """Return a zone that is known, None for anything else."""
    try:
        return zone_of(value).key if isinstance(value, str) else None
    except UnknownZone:
        return None


RULES: tuple[Callable[[Mapping[str, object]], Iterator[Broken]], ...] = (
    _windows_open_sometimes,
    _dates_are_in_order,
    _hours_are_there_on_each_day,
    _batches_may_end_in_time,
)
