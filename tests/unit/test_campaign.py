"""Each fault of the matrix names tests that exist; each planted fault can be planted."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.campaign.__main__ import Part, until
from tests.campaign.matrix import FAULTS, by_test
from tests.campaign.planted import PLANTED, ROOT, Planted


def test_each_fault_has_a_test_or_a_reason() -> None:
    assert [fault.number for fault in FAULTS] == list(range(1, 97))
    for fault in FAULTS:
        assert bool(fault.tests) is not bool(fault.not_ours), fault


@pytest.mark.parametrize("path", sorted({path for path, _ in by_test()}))
def test_each_test_that_is_named_is_there(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    there = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}

    assert {name for where, name in by_test() if where == path} <= there


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.name)
def test_each_planted_fault_can_be_planted(fault: Planted) -> None:
    text = (ROOT / "hdh_migrate" / fault.file).read_text("utf-8")

    assert text.count(fault.was) == 1
    ast.parse(text.replace(fault.was, fault.now))


def test_there_are_enough_of_them() -> None:
    assert len(PLANTED) >= 12
    assert len({fault.name for fault in PLANTED}) == len(PLANTED)


def test_the_page_shows_every_fault(request: pytest.FixtureRequest) -> None:
    page = Path(request.config.rootpath, "docs/reliability.md").read_text("utf-8")

    for fault in FAULTS:
        assert f"| {fault.number:02} | {fault.what} |" in page


def test_a_part_that_tried_nothing_has_not_survived() -> None:
    """Kills that were all skipped, on a machine without the servers, made a green campaign."""
    part = until(Part("process trees killed", "kills"), 0.0, 1, lambda _part, _seed: None)

    assert part.failed == ["process trees killed: nothing was tried"]
