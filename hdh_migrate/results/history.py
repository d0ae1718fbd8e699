"""Results of `history`: the runs so far."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

RunState = Literal["under way", "ended", "killed", "refused"]
"""`killed`: it ended without a word; `refused`: before it had the ledger."""


class RunFact(TypedDict):
    """One run, or another command that exchanged something; times are RFC 3339 in UTC.

    `exit` None: it was not kept, as of commands that are no runs, or there is none. Bytes are as
    they passed: what was read from the source, written to the target, and read from there.
    """

    state: RunState
    began: str | None
    ended: str | None
    """Of one that was killed: when it was last heard of."""
    exit: int | None
    why: str | None
    """What ended it early."""
    steps: list[str]
    batches: list[str]
    """Those that were asked for; none: all of them."""
    user: str | None
    sent: int
    """Objects."""
    verified: int
    source_read: int
    target_written: int
    target_read: int


class RunHistory(TypedDict):
    """The last runs of a plan, the newest last."""

    migration: str
    at: str
    runs: list[RunFact]
    earlier: int
    """Runs before these, which are not shown."""
