"""Differences between plans read well, and none is missed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.fixity import canonical_json
from hdh_migrate.plan.diff import changes, differences
from tests.unit.plan.builders import GOOD, as_yaml, loaded


def _canonical(folder: Path, text: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(loaded(folder, text).canonical)
    return plan


def test_equal_plans_have_no_difference(tmp_path: Path) -> None:
    plan = _canonical(tmp_path, GOOD)

    assert changes(plan, _canonical(tmp_path, "# the same\n" + GOOD)) == []


def test_each_difference_is_one_readable_line(tmp_path: Path) -> None:
    old = _canonical(tmp_path, GOOD)
    new = _canonical(tmp_path, GOOD)
    new["migration"] = "emc2-again"
    new["limits"]["bandwidth"] = None
    new["seal"]["recipients"] = ["keys/steward.pub", "keys/new.pub"]
    new["datasets"][0]["target"]["bucket"] = "hds-other"
    new["datasets"][0]["exclude"] = [{"glob": "**/_SUCCESS", "reason": "markers"}]
    new["datasets"].insert(0, {"name": "dcir"})
    new["batches"] = [{**old["batches"][0], "datasets": ["dcir", "pmsi"]}]

    assert changes(old, new) == [
        'batches[pilot].datasets["dcir"]: added',
        "batches[imaging]: removed",
        "datasets[pmsi].exclude[**/_temporary/**]: removed",
        "datasets[pmsi].exclude[**/_SUCCESS]: added",
        'datasets[pmsi].target.bucket: "hds-emc2" -> "hds-other"',
        "datasets[dcir]: added",
        'limits.bandwidth: "800MiB/s" -> null',
        'migration: "emc2-exit" -> "emc2-again"',
        'seal.recipients["keys/escrow.pub"]: removed',
        'seal.recipients["keys/new.pub"]: added',
    ]


def test_no_rule_of_a_plan_drives_a_terminal(tmp_path: Path) -> None:
    old, new = _canonical(tmp_path, GOOD), _canonical(tmp_path, GOOD)
    new["datasets"][0]["exclude"] = [{"glob": "a\nb", "reason": "\x1b[31m"}]
    new["datasets"][0]["target"]["prefix"] = "\u202egnp.exe/"

    lines = changes(old, new)

    assert all(line.isprintable() for line in lines)
    assert r'datasets[pmsi].exclude["a\nb"]: added' in lines


def test_another_kind_of_source_is_told_by_its_fields(tmp_path: Path) -> None:
    old = _canonical(tmp_path, GOOD)
    new = json.loads(as_yaml(old))
    new["source"] = {"kind": "folder"}

    assert [line.split(" (")[0] for line in changes(old, new)] == [
        "source.account_url: removed",
        "source.credential: removed",
        'source.kind: "azure-blob" -> "folder"',
    ]


def test_another_order_is_a_difference() -> None:
    old = {"datasets": [{"name": "a"}, {"name": "b"}]}
    new = {"datasets": [{"name": "b"}, {"name": "a"}]}

    assert changes(old, new) == ["datasets: order is now b, a"]


def test_true_is_not_one() -> None:
    assert changes({"a": 1}, {"a": True}) == ["a: 1 -> true"]


_SCALARS = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "b", '"a"'])
_FIELDS = st.sampled_from(["name", "glob", "a", "b"])
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS, inner),
    max_leaves=12,
)


@pytest.mark.slow
@given(old=st.dictionaries(_FIELDS, _JSON), new=st.dictionaries(_FIELDS, _JSON))
def test_there_is_a_line_exactly_when_there_is_a_difference(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert (changes(old, new) == []) == (canonical_json(old) == canonical_json(new))
    assert changes(old, old) == []


def test_each_difference_says_what_it_is_about() -> None:
    old = {"batches": [{"name": "b", "datasets": ["d"]}], "limits": {"bandwidth": "1MiB/s"}}
    new = {
        "batches": [{"name": "b", "datasets": ["d"], "pointer": {"kind": "file"}}, {"name": "c"}],
        "limits": {"bandwidth": "2MiB/s"}, "approvals": {"keys": ["k"]},
        "cutovers": [{"batch": "b"}],
    }  # fmt: skip
    assert [(one.place, one.path, one.kind.value) for one in differences(old, new)] == [
        ("batches[b].pointer", "batches[].pointer", "who"),
        ("batches[c]", "batches[]", "what"),
        ("limits.bandwidth", "limits.bandwidth", "how"),
        ("approvals", "approvals", "who"),
        ("cutovers", "cutovers", "who"),
    ]
