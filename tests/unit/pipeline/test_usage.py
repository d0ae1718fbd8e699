"""A rule that did nothing is told, and rules that leave nothing are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, Refused
from hdh_migrate.model import Claimed, Place, State, Step
from hdh_migrate.pipeline.rules.ruling import compile_rules
from hdh_migrate.pipeline.rules.usage import Usage
from tests.support.world import ONE, World

INVENTORY = (Step.INVENTORY,)


def world(folder: Path, *keys: str, **rules: object) -> World:
    made = World(folder, (replace(ONE[0], **rules),))  # type: ignore[arg-type]
    for key in keys:
        made.source.put("src", key, b"x")
    return made


def details(made: World, code: str) -> list[str]:
    ledger = made.open()
    try:
        return [found["detail"] for found in ledger.findings() if found["code"] == code]
    finally:
        ledger.close()


def test_a_rule_that_matched_no_object_is_a_finding(tmp_path: Path) -> None:
    """It used to be silent: a slip in `exclude` moved what was to stay, and said nothing."""
    made = world(tmp_path, "a.csv", "b.txt", include=("*", "*.parquet"), exclude=("*.cvs", "*.txt"))
    assert made.run(INVENTORY) is Exit.FINDINGS
    assert details(made, "rule-unused") == [
        "include[1] matches none of the dataset's objects",
        "exclude[0] matches none of the dataset's objects",
    ]


def test_a_rule_that_another_one_came_before_did_match(tmp_path: Path) -> None:
    made = world(
        tmp_path, "a.csv", "b.txt", include=("*.csv", "a*"), exclude=("b*", "*.txt", "a.pdf*")
    )
    made.run(INVENTORY)
    assert details(made, "rule-unused") == ["exclude[2] matches none of the dataset's objects"]


def test_rules_that_leave_nothing_are_refused_as_an_empty_source_is(tmp_path: Path) -> None:
    """`*.[ct]s[vx]` moved nothing, ended with 0, and the report said that everything arrived."""
    made = world(tmp_path, "a.csv", "b.txt", include=("*.parquet",))
    with pytest.raises(Refused, match="its rules leave none of its 2 objects") as refused:
        made.run(INVENTORY)
    assert "allow_empty" in str(refused.value.hint)
    with pytest.raises(Refused, match="its rules leave none of its 2 objects"):
        made.run()  # and again, until the plan says otherwise


def test_rules_that_may_leave_nothing_are_a_finding_only(tmp_path: Path) -> None:
    made = world(tmp_path, "a.csv", include=("*.parquet",), allow_empty=True)
    assert made.run() is Exit.FINDINGS


def test_of_an_empty_source_no_rule_is_told() -> None:
    usage = Usage(compile_rules(("*",), ("*.tmp",), fold=True), "")
    assert list(usage.watched([])) == usage.unused() == []


def test_an_exclusion_that_may_be_unused_is_not_told() -> None:
    rules = compile_rules((), ("*.tmp", "*.bak"), fold=True, allowed_unused=("exclude[0]",))
    usage = Usage(rules, "")
    list(usage.watched([Claimed(1, b"a", 1, "v", State.LISTED, None, None, "object")]))
    assert usage.unused() == ["exclude[1] matches none of the dataset's objects"]


def test_a_directory_is_no_object_that_a_rule_could_match() -> None:
    usage = Usage(compile_rules((), ("**",), fold=True), "p/")
    list(usage.watched([Claimed(1, b"p/d", 0, "v", State.EXCLUDED, "directory", None, "object")]))
    assert (usage.objects, usage.kept, usage.unused()) == (0, 0, [])


def test_a_prefix_without_a_slash_that_took_more_than_its_folder_is_noted(tmp_path: Path) -> None:
    place = Place(bucket="src", prefix="pmsi")
    made = world(tmp_path, "pmsi/a", "pmsi2/b", "pmsi", source=place)
    assert made.run(INVENTORY) is Exit.OK
    (detail,) = details(made, "prefix-open")
    assert detail.startswith("1 object is beside the folder")


@pytest.mark.parametrize("prefix", ["pmsi", "pmsi/", ""])
def test_a_prefix_that_took_its_folder_only_is_not_noted(tmp_path: Path, prefix: str) -> None:
    made = world(tmp_path, "pmsi/a", "pmsi/b", source=Place(bucket="src", prefix=prefix))
    made.run(INVENTORY)
    assert details(made, "prefix-open") == []


def test_the_rows_pass_by_unchanged() -> None:
    rows = [
        Claimed(1, b"a", 1, "v", State.LISTED, None, None, "object"),
        Claimed(2, b"\xff", 1, "w", State.EXCLUDED, "x", None, "object"),
    ]
    usage = Usage(compile_rules(("a",), ("b",), fold=True), "")
    assert list(usage.watched(iter(rows))) == rows
