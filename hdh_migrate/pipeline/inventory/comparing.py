"""An independent third count: the source's own report beside what a dataset's inventory froze.

A report is hours old by design. So what the inventory has and the report has not, or has otherwise,
is no difference where it was changed after the report was begun; all else is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from hdh_migrate.clocks import seconds_of
from hdh_migrate.codes import Code
from hdh_migrate.frozen import mutable
from hdh_migrate.model import SIDECAR_VERSION, DatasetRow, ObjectInfo
from hdh_migrate.ports.ledger import Ledger
from hdh_migrate.telemetry import counted

DIRECTORY: Final = "directory"


@mutable
class ThirdCount:
    """What the comparison of one dataset came to; all but `reported` and `same` are objects."""

    reported: int = 0
    bytes: int = 0
    same: int = 0
    twice: int = 0
    """Told twice by the report."""
    beside: int = 0
    """In the report, and not in the inventory."""
    lacking: int = 0
    """In the inventory, older than the report, and not in it."""
    unlike: int = 0
    """Of another size or version, and older than the report."""
    newer: int = 0
    """Changed after the report was begun: nothing follows from these."""

    @property
    def differences(self) -> int:
        """How many objects the report has otherwise, with no reason for it."""
        return self.twice + self.beside + self.lacking + self.unlike

    def detail(self, taken_at: str) -> str:
        """Return what is to be said of the differences."""
        return (
            f"the source's own report of {taken_at} and the inventory differ:"
            f" {counted(self.beside, 'object is', 'objects are')} in the report only,"
            f" {self.lacking} in the inventory only, {counted(self.unlike, 'has', 'have')} another"
            f" size or version, {counted(self.twice, 'is', 'are')} told twice"
        )


def compared(
    ledger: Ledger, dataset: DatasetRow, report: Iterable[Sequence[ObjectInfo]], *,
    taken_at: str, versions: bool,
) -> ThirdCount:  # fmt: skip
    """Compare a report with what a sealed dataset's inventory has; takes a bit for each object."""
    found, began = ThirdCount(), seconds_of(taken_at)
    seen = bytearray(ledger.last_object() // 8 + 1)
    for portion in report:
        for obj in portion:
            if obj.kind != DIRECTORY:
                found.reported += 1
                found.bytes += obj.size
                known = ledger.find(dataset.id, obj.key)
                if known is None:
                    found.beside += 1
                elif _marked(seen, known[0].id):
                    found.twice += 1
                else:
                    _compare(found, known[0].obj, obj, began, versions=versions)
    for row in ledger.claims(dataset.id, labelled=True):
        ours = row.version.startswith(SIDECAR_VERSION)  # it comes from no source
        if ours or DIRECTORY in {row.kind, row.reason} or _marked(seen, row.number):
            continue
        if _since(row.modified, began):
            found.newer += 1
        else:
            found.lacking += 1
    return found


def _marked(seen: bytearray, number: int) -> bool:
    """Say whether a number was marked before, and mark it."""
    byte, bit = divmod(number, 8)
    was = bool(seen[byte] & (1 << bit))
    seen[byte] |= 1 << bit
    return was


def _compare(
    found: ThirdCount, ours: ObjectInfo, theirs: ObjectInfo, began: float, *, versions: bool
) -> None:
    if ours.size == theirs.size and not (versions and ours.version != theirs.version):
        found.same += 1
    elif _since(ours.modified, began):
        found.newer += 1
    else:
        found.unlike += 1


def record(ledger: Ledger, dataset: DatasetRow, found: ThirdCount, taken_at: str) -> None:
    """Record a finding of what differs, in the place of an earlier one's; who calls commits."""
    earlier = [
        one["id"] for one in ledger.findings()
        if one["dataset"] == dataset.name and one["code"] == Code.REPORT_DIFFERS
    ]  # fmt: skip
    for number in earlier:
        ledger.close_finding(number)
    if found.differences:
        ledger.finding(Code.REPORT_DIFFERS, found.detail(taken_at), dataset=dataset.id)


def _since(modified: str | None, began: float) -> bool:
    return modified is not None and seconds_of(modified) >= began
