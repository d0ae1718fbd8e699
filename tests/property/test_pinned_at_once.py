"""Objects that are pinned anew together end as they would one after another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdh_migrate.codes import Code
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Listed, ObjectInfo, OpenUpload, State
from hdh_migrate.pipeline.inventory.inventory_findings import InventorySummary
from tests.support.examples import many
from tests.support.quiet import FakeClock

pytestmark = pytest.mark.slow

FATES = st.sampled_from(
    [
        (State.LISTED, None),
        (State.EXCLUDED, "exclude-0"),
        (State.REFUSED, Code.KEY_CONTROL),
        (State.FAILED, Code.of_kind("symlink")),
    ]
)
Fate = tuple[State, Any]


def listed(number: int, version: int, fate: Fate, parts: int = 0) -> Listed:
    obj = ObjectInfo(key=f"k{number:03d}", size=number + version, version=f"v{version}")
    return Listed(obj=obj, state=fate[0], reason=fate[1], parts=parts, fold=number)


def begun(fates: list[Fate], uploads: set[int]) -> SqliteLedger:
    ledger = SqliteLedger.temporary(FakeClock())
    ledger.start("d" * 64, b"{}", [("one", "pilot")], diff=lambda was, now: ())
    ledger.add_page(1, [listed(n, 1, fate) for n, fate in enumerate(fates)], None)
    for number, (state, reason) in enumerate(fates, start=1):
        if state in {State.REFUSED, State.FAILED}:
            ledger.finding(reason, "as it was found", dataset=1, entry=number)
    ledger.seal(1, InventorySummary(ledger.claims(1)).counts)
    for number in uploads:
        ledger.begun(
            OpenUpload(
                entry=number, attempt=1, upload_id=f"u{number}", header=b"h", segments=1,
                recorded=True,
            )
        )  # fmt: skip
        ledger.seals(number, 1, 9, "aa" * 32)
    ledger.commit()
    return ledger


def kept(ledger: SqliteLedger) -> dict[str, list[Any]]:
    """Return what the ledger holds, without its journal."""
    tables = {
        "object": "id", "finding": "id", "upload": "object", "sealed": "object, number, size",
        "counter": "dataset, state",
    }  # fmt: skip
    return {
        table: ledger._rows(f"SELECT * FROM {table} ORDER BY {order}")
        for table, order in tables.items()
    }


@settings(max_examples=many(60), deadline=None)
@given(
    st.lists(FATES, min_size=1, max_size=12),
    st.lists(FATES, min_size=12, max_size=12),
    st.sets(st.integers(1, 12)),
    st.sets(st.integers(1, 12)),
)
def test_together_is_as_one_after_another(
    fates: list[Fate], becomes: list[Fate], chosen: set[int], uploads: set[int]
) -> None:
    ids = range(1, len(fates) + 1)
    changed = [
        (number, listed(number - 1, 2, becomes[number - 1])) for number in ids if number in chosen
    ]
    together, alone = (begun(fates, uploads.intersection(ids)) for _ in range(2))
    try:
        together.settle(1, changed)
        for one in changed:
            alone.settle(1, [one])
        for ledger in (together, alone):
            ledger.commit()
            ledger.reconcile()
        assert kept(together) == kept(alone)
    finally:
        together.close()
        alone.close()
