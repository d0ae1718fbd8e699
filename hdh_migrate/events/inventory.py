"""What was inventoried of a dataset, and what changed in it since (decisions/0021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from hdh_migrate.events.event import Event
from hdh_migrate.jsonform import Absent, JsonForm, json_form


@json_form
class Covered(JsonForm):
    """So many objects and bytes, and the root over their leaves."""

    objects: int
    bytes: int
    root: str


@json_form
class InventoryCounts(Covered):
    """All objects of a dataset, those that the plan leaves behind among them."""

    excluded: Covered


@json_form
class InventorySealed(Event):
    """A dataset's inventory was closed, or closed again after it had changed."""

    kind: ClassVar[str] = "inventoried"
    dataset: str
    objects: int
    bytes: int | Absent
    """Absent before version 3 of the ledger."""
    root: str
    excluded: Covered | Absent
    """Absent before version 3 of the ledger."""

    @classmethod
    def of(cls, dataset: str, counts: InventoryCounts) -> InventorySealed:
        """Return what tells of these counts."""
        return cls(
            dataset=dataset, objects=counts.objects, bytes=counts.bytes, root=counts.root,
            excluded=counts.excluded,
        )  # fmt: skip


@json_form
class InventoryChanged(Event):
    """Objects joined a closed inventory or were pinned anew; leaves are in hexadecimal."""

    kind: ClassVar[str] = "inventory-changed"
    dataset: str
    joined: tuple[str, ...] | Absent
    joined_excluded: tuple[str, ...] | Absent
    changed: tuple[tuple[str, str], ...] | Absent
    """What a leaf was, and what it is now."""
    changed_excluded: tuple[tuple[str, str], ...] | Absent
    """Likewise, of rows that are left behind from here on; such a leaf may stay as it is."""
    changed_included: tuple[tuple[str, str], ...] | Absent
    """Likewise, of rows that were left behind until here, and are to be moved from here on."""


@json_form
class CountedByReport(Event):
    """A dataset's inventory was compared with a report that the source itself had written."""

    kind: ClassVar[str] = "counted-by-report"
    dataset: str
    report_sha256: str
    """Of what the report says of itself."""
    taken_at: str
    """When the source began to write it."""
    reported: int
    same: int
    newer: int
    """Changed since, so that nothing follows from them."""
    differences: int


@json_form
class FidelityChosen(Event):
    """A dataset's inventory was sealed with a fidelity contract, which counts from here on."""

    kind: ClassVar[str] = "fidelity-chosen"
    dataset: str
    ways: Mapping[str, str]
    """What becomes of each feature; see `fidelity.Contract`."""


InventoryEvent = InventorySealed | InventoryChanged | CountedByReport | FidelityChosen
