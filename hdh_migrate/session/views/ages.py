"""How old what a ledger tells is, by this machine's clock: for who looks, and asks nobody."""

from __future__ import annotations

from typing import Final

from hdh_migrate.clocks import TOLERANCE_SECONDS, length, seconds_of
from hdh_migrate.results.looks import Work

OLD_SECONDS: Final = 86_400.0
"""What a ledger tells that nobody wrote to for so long is told with its age."""


def as_of(work: Work, now: str) -> str | None:
    """Say how old all that a ledger tells is, where that is days; None: it is not.

    Where the target could not be asked at its end, an older copy looks as any other.
    """
    last = work["last_word"]
    ago = 0.0 if last is None or work["alive"] else seconds_of(now) - seconds_of(last)
    if ago < OLD_SECONDS:
        return None
    return (
        f"as of {length(ago)} ago, when the ledger here was written to last; whether a newer copy"
        ' of it works elsewhere says "hdh-migrate fence PLAN"'
    )


def clock_behind(work: Work, now: str) -> str | None:
    """Say that this machine's clock is behind what the ledger tells already; None: it is not."""
    last = work["last_word"]
    if last is None or seconds_of(last) - seconds_of(now) <= TOLERANCE_SECONDS:
        return None
    return (
        f"this machine's clock is behind the ledger's last word, {last}: runs are refused, and"
        " what is said here of times is wrong"
    )
