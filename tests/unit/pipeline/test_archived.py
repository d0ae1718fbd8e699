"""What somebody archives between inventory and transfer is asked for, as what was before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import Exit
from hdh_migrate.model import State, Step
from tests.support.world import BIG, World


@pytest.mark.parametrize("size", [900, BIG], ids=["at once", "in parts"])
def test_what_is_archived_after_its_inventory_waits_for_rehydrate(
    tmp_path: Path, size: int
) -> None:
    """It was called refused, and `rehydrate` asked for nothing."""
    world = World(tmp_path)
    world.source.put("src", "a", b"a" * size)
    world.source.put("src", "b", b"b")
    assert world.run((Step.INVENTORY,)) is Exit.OK
    world.source.touch("src", "a", kind="archived")

    assert world.run() is Exit.FINDINGS

    assert world.findings() == [(Code.KIND_ARCHIVED, "a")]
    ledger = world.open()
    try:
        (dataset,) = ledger.datasets()
        (portion,) = ledger.archived(dataset.id, 9)
    finally:
        ledger.close()
    assert [one.key for one in portion] == ["a"]

    world.source.touch("src", "a", kind="object")
    assert world.run() is Exit.OK
    assert {*world.states().values()} == {State.VERIFIED}
    assert world.findings() == []
