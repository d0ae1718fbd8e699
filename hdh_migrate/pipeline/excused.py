"""Objects that failed for good: which of them a signed waiver lets go, and which are tried again.

A failed object that has a finding, and whose findings are all waived, holds nothing back: neither
the batches that need its batch, nor a cutover, nor the exit code. A run leaves it as it is, for a
new attempt would make a new finding that nobody has waived.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from hdh_migrate.codes import Code, Severity
from hdh_migrate.events.refreshes import RetryingFailed
from hdh_migrate.frozen import frozen
from hdh_migrate.jsonform import ABSENT, Absent
from hdh_migrate.model import DatasetRow, OpenFinding, State
from hdh_migrate.pipeline.working_set import working_set
from hdh_migrate.ports.ledger import Ledger

Waived = Callable[[OpenFinding], bool]
"""Says whether a finding has a signed waiver."""

Waivers = Callable[[], Waived]
"""Reads the signed waivers that count now."""


@frozen
class Excuses:
    """Says whether a finding has a signed waiver, of those alone that the journal has as signed."""

    waived: Waived
    counted: tuple[str, ...]
    """The waivers that count, as the journal names them; what rests on them names them, too."""

    def __call__(self, found: OpenFinding) -> bool:
        """Return whether a finding is waived."""
        return self.waived(found)


def rested_on(waived: Waived) -> tuple[str, ...] | Absent:
    """Return the signed waivers that something rests on; absent where no journal has them."""
    return waived.counted if isinstance(waived, Excuses) else ABSENT


def nothing_waived(found: OpenFinding) -> bool:
    """Return that a finding is not waived."""
    del found
    return False


def no_waivers() -> Waived:
    """Return what says that nothing is waived."""
    return nothing_waived


@frozen
class RetryRequest:
    """A request to retry failed objects: those with these codes, or all if there are none."""

    codes: tuple[str, ...]
    user: str


def excused(ledger: Ledger, rows: Iterable[DatasetRow], waivers: Waivers) -> set[int]:
    """Return the failed objects of datasets that waivers let go; reads findings only if any did."""
    failed = {row.name: row for row in rows if ledger.tally(row.id, State.FAILED).objects}
    if not failed:
        return set()
    waived, held, free = waivers(), set[int | None](), set[int | None]()
    for found in ledger.findings():
        if found["severity"] != Severity.NOTE and found["dataset"] in failed:
            (free if waived(found) else held).add(found["object"])
    free -= held
    return {n for row in failed.values() for n in ledger.failed_objects(row.id) if n in free}


def left(
    ledger: Ledger, rows: Sequence[DatasetRow], states: Collection[State], waivers: Waivers
) -> int:
    """Return how many objects of datasets are in some states; what waivers let go is in none."""
    count = sum(ledger.tally(row.id, *states).objects for row in rows)
    if count and State.FAILED in states:
        count -= len(excused(ledger, rows, waivers))
    return count


def retry(ledger: Ledger, row: DatasetRow, waivers: Waivers) -> None:
    """Let the failed objects of a dataset wait again that could end otherwise; commit that."""
    spared = excused(ledger, [row], waivers)
    if spared:
        ledger.retry_failed(row.id, lambda failed: failed.keys() - spared)
    else:
        ledger.retry_failed(row.id)


def retry_asked(ledger: Ledger, batch: str, again: RetryRequest) -> Counter[str]:
    """Let those failed objects of a batch wait again that somebody asked for; return the codes.

    Waivers do not matter: who asks for an object wants to know how it ends now.
    """
    reasons = Counter[str]()

    def which(failed: Mapping[int, str]) -> Collection[int]:
        """Choose of a portion; those that every inventory looks at by itself are in none."""
        open_ones, chosen = dict[int, set[str]](), dict[int, str]()
        for number, code in ledger.told_of(failed):
            known = Code.known(code)
            if known is None or known.severity is not Severity.NOTE:
                open_ones.setdefault(number, set()).add(code)
        for number, reason in failed.items():
            codes = open_ones.get(number) or {reason}
            if asked := codes.intersection(again.codes or codes):
                chosen[number] = min(asked)
        reasons.update(chosen.values())
        return chosen.keys()

    with ledger.whole():
        for row in working_set(ledger, batch):
            ledger.retry_failed(row.id, which)
        if reasons:
            ledger.event(
                RetryingFailed(batch=batch, asked=again.codes, reasons=reasons, user=again.user)
            )
        ledger.commit()
    return reasons
