"""What docs/architecture.md says of where things are added is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hdh_migrate.plan.sides import SOURCES, kind_of
from hdh_migrate.wiring import SOURCES as ROWS
from tests import support

ROOT = Path(__file__).parents[2]
_, _, REST = (ROOT / "docs" / "architecture.md").read_text().partition("## Where do I add ...\n")
SECTION, _, _ = REST.partition("\n## ")
RECIPES = {
    cells[1].strip(): re.findall(r"`((?:hdh_migrate|docs|tests)/[^`]+)`", cells[2])
    for line in SECTION.splitlines()
    if line.startswith(("| a ", "| an "))
    for cells in [line.split("|")]
}


@pytest.mark.parametrize("what", RECIPES)
def test_every_file_of_a_recipe_is_there(what: str) -> None:
    assert RECIPES[what]
    for path in RECIPES[what]:
        where = ROOT / path
        assert (where.parent if "NAME" in path else where).exists(), path


def test_files_that_are_named_besides_are_there() -> None:
    for path in re.findall(r"`(tests/[^`:]+)`", SECTION):
        assert (ROOT / path).exists(), path


def test_what_a_test_can_begin_with_is_there() -> None:
    names = re.findall(r"`([a-z_0-9]+)`", support.__doc__ or "")
    assert len(names) > 20
    for name in names:
        where = ROOT / "tests" / "support" / name
        assert where.is_dir() or where.with_suffix(".py").exists(), name


def test_a_source_kind_takes_at_most_four_files_of_code() -> None:
    code = [path for path in RECIPES["a source kind"] if path.startswith("hdh_migrate/")]
    assert len(code) <= 4


def test_every_kind_that_a_plan_may_name_has_its_files() -> None:
    assert list(ROWS) == [kind_of(section) for section in SOURCES]
    for section in SOURCES:
        kind = str(kind_of(section))
        name = kind.replace("-", "_")
        assert section.__module__ == f"hdh_migrate.plan.{name}"
        for folder in ("plan", "sources", "wiring/sources"):
            path = Path("hdh_migrate", folder, f"{name}.py")
            assert (ROOT / path).exists(), f"the kind {kind} has no {path}"
        row = ROWS[kind]
        assert row.section() is section
        assert (row.trial is None) is (section.traits.no_trial is not None)
        assert (row.eraser is None) is (section.traits.no_eraser is not None)
