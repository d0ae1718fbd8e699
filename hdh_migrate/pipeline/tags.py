"""Attempt tags: what stands beside an object's bytes at the target and says whose it is."""

from __future__ import annotations

from typing import NamedTuple

from hdh_migrate.bounded import count_of
from hdh_migrate.errors import Fenced
from hdh_migrate.fixity import sha256_hex
from hdh_migrate.model import Stored

ATTEMPT = "hdh-attempt"
"""The name of the user metadata that holds it."""

UNKNOWN = (
    "the target holds an object of this ledger that it does not know: the ledger is an old copy,"
    " and a newer one was at work"
)
"""Why a run ends that meets an attempt of its own ledger that this one lacks."""

MARK = 16
"""Hexadecimal digits at the beginning of a ledger's name that say of which migration it is."""


class Tag(NamedTuple):
    """Which ledger put an object there, as its object of which number, at which attempt."""

    ledger: str
    entry: int
    epoch: int
    """In which it wrote; 0 before anything was taken over."""
    attempt: int

    @classmethod
    def of(cls, stored: Stored) -> Tag | None:
        """Return an object's tag, None when it has none of ours."""
        ledger, *numbers = stored.metadata.get(ATTEMPT, "").split(".")
        values = [count_of(number) for number in numbers]
        if not ledger or len(values) not in {2, 3}:  # a third number is the epoch
            return None
        entry, attempt, epoch = (*values, 0)[:3]
        if entry is None or attempt is None or epoch is None:
            return None
        return cls(ledger, entry, epoch, attempt)


def attempt_tag(ledger: str, entry: int, attempt: int, epoch: int) -> str:
    """Return the tag that `Tag.of` reads."""
    # Before anything was taken over, tags are those of the versions that knew no epoch.
    return f"{ledger}.{entry}.{attempt}" + (f".{epoch}" if epoch else "")


def later_epoch(epoch: int, own: int) -> Fenced:
    """Return the refusal of who meets an object of a later epoch than its own."""
    return Fenced(
        "the target holds an object of a later epoch: another copy of this ledger took over"
        f" (epoch {epoch}, this one writes in {own})"
    )


def migration_mark(migration: str) -> str:
    """Return how the names of a migration's ledgers begin, whatever becomes of its plan."""
    return sha256_hex(f"hdh-migrate migration {migration}".encode())[:MARK]


def marks(migration: str, plan_digest: str) -> frozenset[str]:
    """Return how the names of a migration's ledgers may begin; earlier versions took the plan's."""
    return frozenset({migration_mark(migration), plan_digest[:MARK]})


def mark_of(ledger: str) -> str:
    """Return the beginning of a ledger's name that says of which migration it is."""
    return ledger.partition("-")[0]


def hyphenated(name: str) -> str:
    """Return a name of metadata with `-` for `_`, as some hosts write it."""
    return name.replace("_", "-")
