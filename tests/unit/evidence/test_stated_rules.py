"""What the verifier makes of a plan's rules: surely, surely not, or not shown by the line."""

from __future__ import annotations

from typing import Any

import pytest

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.planned import StatedPlan
from hdh_migrate.evidence.verifier.selection import StatedDataset
from tests.unit.evidence.builders import dataset, facts

LIST = {"keys_from": "list", "keys_sha256": "a" * 64}


def planned(include: list[Any], exclude: list[Any]) -> StatedDataset:
    """Return the first dataset of a plan with these rules; its source prefix is `in/`."""
    about = facts(dataset(1))
    plan: Any = about.plan
    plan["datasets"][0] |= {"include": include, "exclude": exclude}
    predicate = {
        "plan": {"canonical": plan},
        "names": "plain",
        "times": {"started": about.started_at, "written": about.written_at},
    }
    return next(iter(StatedPlan(predicate, 2).datasets.values()))


def line(size: int = 5, modified: str | None = None, **more: Any) -> dict[str, Any]:
    return {"size": size, "source_modified": modified, **more}


@pytest.mark.parametrize(
    ("include", "exclude", "stays"),
    [
        ([{"larger_than": "1KiB"}], [], True),
        ([{"larger_than": "4B"}], [], False),
        ([{"larger_than": "1KiB"}, LIST], [], False),  # the list may hold it
        ([{"larger_than": "1KiB", **LIST}], [], True),
        ([], [{"smaller_than": "6B", "reason": "r"}], True),
        ([], [{"smaller_than": "0.005KB", "reason": "r"}], False),
        ([], [{"smaller_than": "6B", "tier": ["hot"], "reason": "r"}], False),
        ([], [{"modified_before": "2026-01-01", "reason": "r"}], True),
        ([], [{"modified_since": "2026-01-01", "reason": "r"}], False),
        ([], [{"prefix": "a", "reason": "r"}], True),
        ([{"prefix": "b"}], [], True),
    ],
)
def test_a_line_of_the_manifest_is_refused_where_a_rule_surely_leaves_it(
    include: list[Any], exclude: list[Any], *, stays: bool
) -> None:
    told = line(modified="2025-12-31T23:59:59Z")
    assert planned(include, exclude).stays("a.csv", told) is stays


RULES = [
    {"smaller_than": "6B", "reason": "small"},
    {"tags": {"a": "b"}, "reason": "tagged"},
    {"glob": "a*", "reason": "named"},
]
SMALL = ('exclude {"smaller_than":"6B"}', "small")
TAGGED = ('exclude {"tags":{"a":"b"}}', "tagged")
NAMED = ("exclude a*", "named")
NOT_INCLUDED = ("not included", "it matches none of the dataset's `include` rules")


@pytest.mark.parametrize(
    ("size", "may"),
    [(5, {SMALL}), (6, {TAGGED, NAMED})],  # a tag is not shown, and a name surely matches
)
def test_an_exclusion_is_by_the_first_rule_that_may_take_it(
    size: int, may: set[tuple[str, str]]
) -> None:
    told = planned([], RULES)
    assert {
        one for one in (SMALL, TAGGED, NAMED, NOT_INCLUDED) if told.leaves(one, "ab", line(size))
    } == may
    assert told.reasons() >= {SMALL, TAGGED, NAMED}


def test_not_included_is_what_no_rule_of_include_surely_takes() -> None:
    told = planned([LIST, {"larger_than": "9B"}], [])
    assert told.leaves(NOT_INCLUDED, "a", line(5))
    assert not told.leaves(NOT_INCLUDED, "a", line(10))
    assert not told.leaves(("not included", "another reason"), "a", line(5))


@pytest.mark.parametrize(
    "rule",
    [{}, {"glub": "a"}, {"larger_than": "5"}, {"larger_than": 5}, {"tier": "hot"},
     {"modified_before": "tomorrow"}, {"glob": "[a]"}],
)  # fmt: skip
def test_a_plan_with_a_rule_that_no_plan_has_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(forms.Wrong):
        planned([rule], [])
