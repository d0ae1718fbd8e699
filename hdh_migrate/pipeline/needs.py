"""What a batch lacks before another one, or a step, may build on it."""

from __future__ import annotations

from collections.abc import Iterator

from hdh_migrate.model import State, Step
from hdh_migrate.pipeline.excused import Waivers, left, no_waivers
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.telemetry import counted

UNFINISHED = (State.LISTED, State.REFUSED, State.SENDING, State.SENT, State.FAILED)
"""States of what is not verified, though it is to be moved."""

_AHEAD = {
    Step.TRANSFER: (State.LISTED, State.SENDING),
    Step.VERIFY: (State.LISTED, State.SENDING, State.SENT),
}
"""States that a step leaves nothing in, when it could do all of its work."""


def lack(ledger: Ledger, batch: str, waivers: Waivers = no_waivers) -> str | None:
    """Return what a needed batch still lacks, None when it is verified.

    Objects that failed, and that waivers let go, hold nothing back.
    """
    lacks = [*_unlisted(ledger, batch), *_left(ledger, batch, UNFINISHED, "verified", waivers)]
    return f"of which {' and '.join(lacks)}" if lacks else None


def unlisted(ledger: Ledger, batch: str) -> bool:
    """Return whether a dataset of a batch has no finished inventory."""
    return any(not row.sealed for row in working_set(ledger, batch))


def left_after(ledger: Ledger, batch: str, step: Step) -> str | None:
    """Return what a batch has left that a step was to do, None when there is nothing."""
    if step not in _AHEAD:
        return None
    done = "sent" if step is Step.TRANSFER else "verified"
    lacks = [*_unlisted(ledger, batch), *_left(ledger, batch, _AHEAD[step], done)]
    return f"batch {batch}: {' and '.join(lacks)}" if lacks else None


def _unlisted(ledger: Ledger, batch: str) -> Iterator[str]:
    count = sum(not row.sealed for row in working_set(ledger, batch))
    if count:
        yield f"{_many(count, 'dataset')} not inventoried"


def _left(
    ledger: Ledger,
    batch: str,
    states: tuple[State, ...],
    done: str,
    waivers: Waivers = no_waivers,
) -> Iterator[str]:
    rows = [row for row in working_set(ledger, batch) if row.sealed]
    count = left(ledger, rows, states, waivers)
    if count:
        yield f"{_many(count, 'object')} not {done}"


def _many(count: int, noun: str) -> str:
    return counted(count, f"{noun} is", f"{noun}s are")
