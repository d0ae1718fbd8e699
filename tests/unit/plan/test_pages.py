"""The examples in docs/pointers.md are plans that load."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.plan.builders import as_yaml, loaded, value

PAGE = Path(__file__).parents[3] / "docs" / "pointers.md"
EXAMPLES = [
    yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
]


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
