"""Each fault of the matrix names tests that exist; each planted fault can be planted."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.campaign import page, troubles
from tests.campaign.matrix import FAULTS, by_test
from tests.campaign.parts import Once, Part, Tally, repeat
from tests.campaign.planted import PLANTED, ROOT, Planted
from tests.support.every import every


def test_each_fault_has_a_test_or_a_reason() -> None:
    assert [fault.number for fault in FAULTS] == list(range(1, 99))
    for fault in FAULTS:
        assert bool(fault.tests) is not bool(fault.not_ours), fault


@pytest.mark.slow
@every("path", sorted({path for path, _ in by_test()}))
def test_each_test_that_is_named_is_there(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    there = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}

    assert {name for where, name in by_test() if where == path} <= there


@pytest.mark.slow
@every("fault", PLANTED, ids=lambda fault: fault.name)
def test_each_planted_fault_can_be_planted(fault: Planted) -> None:
    for one in fault.edits():
        text = (ROOT / "hdh_migrate" / one.file).read_text("utf-8")
        assert text.count(one.was) == 1
        ast.parse(text.replace(one.was, one.now))


def test_there_are_enough_of_them() -> None:
    assert len(PLANTED) >= 12
    assert len({fault.name for fault in PLANTED}) == len(PLANTED)


def test_the_page_shows_every_fault(request: pytest.FixtureRequest) -> None:
    page = Path(request.config.rootpath, "docs/reliability.md").read_text("utf-8")

    for fault in FAULTS:
        assert f"| {fault.number:02} | {fault.what} |" in page


def test_a_part_that_tried_nothing_has_not_survived() -> None:
    """Kills that were all skipped, on a machine without the servers, made a green campaign."""
    tally = Tally(Part("kills", "process trees killed", "kills", 1, 9, lambda _: Once(0, 0)))

    repeat(tally, 0.0, 1, 2, lambda: None)

    assert tally.failed == ["process trees killed: nothing was tried"]


def test_a_part_ends_when_its_number_is_reached_and_each_seed_is_another_one() -> None:
    tally, seen = Tally(Part("x", "xs", "x", 1, 10, lambda _: Once(3, 2, ("one",)))), list[int]()

    repeat(tally, 3600.0, 5, 2, lambda: seen.append(tally.count))

    assert (tally.count >= 10, tally.survived, len(tally.failed)) == (
        True, 2 * len(tally.seeds), len(tally.seeds),
    )  # fmt: skip
    assert sorted(tally.seeds) == list(range(5, 5 + len(tally.seeds)))
    assert seen[-1] == tally.count


def test_figures_of_parts_that_did_not_run_stay_on_the_page() -> None:
    one = Tally(Part("x", "a part of a test", "xs", 1, 9, lambda _: Once(1, 1)))
    one.take(4, Once(7, 7))
    rows = list(page.lines([one], [], 4, page.kept(["a part of a test"])))

    assert "| a part of a test | 7 xs | 7 | 4 to 4 | 0 s |" in rows
    text = page.PAGE.read_text("utf-8")
    assert {row for row in rows if " `pipeline/" in row} <= set(text.splitlines())
    assert sum(row.startswith("| faults with a test |") for row in rows) == 1


def test_the_page_says_of_each_row_of_the_world_what_the_simulator_draws_of_it() -> None:
    told = {*troubles.ROWS, *troubles.ELSEWHERE}

    assert not troubles.ROWS.keys() & troubles.ELSEWHERE.keys()
    wanted = {*range(12, 39), *range(52, 62), *range(71, 83), *range(90, 93)}
    assert wanted <= told
