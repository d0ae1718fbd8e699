"""The plan in the README, and the examples in docs/pointers.md, load."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.plan.builders import as_yaml, loaded, value

ROOT = Path(__file__).parents[3]


def blocks(page: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)


EXAMPLES = [yaml.safe_load(text) for text in blocks(ROOT / "docs" / "pointers.md")]


def test_the_plan_that_a_stranger_sees_first_is_whole(tmp_path: Path) -> None:
    (text,) = blocks(ROOT / "README.md")

    plan = loaded(tmp_path, text).plan

    assert (len(plan.datasets), len(plan.batches)) == (1, 1)


def test_every_kind_has_its_example() -> None:
    pointers = [one["batches"][0]["pointer"]["kind"] for one in EXAMPLES if "batches" in one]

    assert pointers == ["file", "s3-object", "command", "ssh-command"]
    assert [list(one) for one in EXAMPLES if "batches" not in one] == [["approvals"], ["freeze"]]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_is_a_plan(tmp_path: Path, example: dict[str, Any]) -> None:
    plan = value()
    if "batches" in example:
        example = {"batches": [*example["batches"], plan["batches"][1]]}

    assert loaded(tmp_path, as_yaml({**plan, **example}))
