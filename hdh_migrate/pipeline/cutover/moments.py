"""Arithmetic with moments as the journal writes them: RFC 3339 in UTC, with milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def later(moment: str, seconds: float) -> str:
    """Return the moment so many seconds after another."""
    when = _parsed(moment) + timedelta(seconds=seconds)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def between(first: str, second: str) -> float:
    """Return the seconds from the first moment to the second, negative when it is earlier."""
    return (_parsed(second) - _parsed(first)).total_seconds()


def _parsed(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone(UTC)
