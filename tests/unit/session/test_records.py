"""The lines of a bundle that come from the ledger's findings say which step found them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.session.views.records import findings
from tests.support.world import World


def archived_when_listed(world: World) -> None:
    world.source.put("src", "a", b"1", kind="archived")


def archived_when_read(world: World) -> None:
    world.source.put("src", "a", b"1")
    world.source.touch("src", "a", kind="archived")
    world.source.tell("a", {"kind": "object"}, {"kind": "object"})


def gone_when_read(world: World) -> None:
    world.source.put("src", "a", b"1")
    world.script.at("read source", 1, "before", lambda: world.source.drop("src", "a"))


def gone_when_read_back(world: World) -> None:
    world.source.put("src", "a", b"1")
    world.script.at("read", 1, "before", lambda: world.target.drop("dst", "t/a.c4gh"))


@pytest.mark.parametrize(
    ("make", "code", "step"),
    [
        (archived_when_listed, Code.KIND_ARCHIVED, "inventory"),
        (archived_when_read, Code.KIND_ARCHIVED, "transfer"),
        (gone_when_read, Code.MISSING, "transfer"),
        (gone_when_read_back, Code.VERIFY_MISSING, "verify"),
    ],
)
def test_a_finding_says_which_step_found_it(
    tmp_path: Path, make: Callable[[World], None], code: Code, step: str
) -> None:
    world = World(tmp_path)
    make(world)
    world.run()
    ledger = world.open()
    try:
        assert [(one["code"], one["step"]) for one in findings(ledger)] == [(code, step)]
    finally:
        ledger.close()
