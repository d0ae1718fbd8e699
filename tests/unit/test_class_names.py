"""A class name means one thing in all of the package (docs/glossary.md)."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "hdh_migrate"
CLASS = re.compile(r"^ *class (\w+)", re.MULTILINE)
"""A statement as the formatter writes it; in a text it would be one too many, not too few."""


def test_no_two_classes_have_the_same_name() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text("utf-8")
        for one in CLASS.finditer(text):
            line = text.count("\n", 0, one.start()) + 1
            found[one[1]].append(f"{path.relative_to(PACKAGE)}:{line}")
    assert len(found) > 500
    twice = {name: places for name, places in found.items() if len(places) > 1}
    assert twice == {}, "a class name means one thing: call the newer one otherwise"
