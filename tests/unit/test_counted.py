"""`1 versions` is no word of anybody: `telemetry.counted` alone says how many there are of what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hdh_migrate

ROOT = Path(hdh_migrate.__file__).parent
OTHERWISE = ("evidence/page/", "evidence/dossier/", "evidence/verifier/", "evidence/exports/")
"""They choose between two forms by means of their own."""
SEVERAL = re.compile(
    r"(?P<before>[\w'\"]*) ?\{(?P<what>[^{}]+)\} (?:(?!of |for )[a-z]+ )?"
    r"(?:objects|versions|files|packs|headers|events|requests|datasets|batches|buckets|keys|uploads|grants|findings|approvals|tags"
    r"|differences|copies)\b(?!/)"
)
ALWAYS_SEVERAL = frozenset(("of", "than", "most", "all", "last"))
"""What stands before a number after which the plural is right whatever it is."""
PARTS_OF_A_WHOLE = frozenset(("cells['objects']", "task.fields[objects]"))
"""What reads `1 of 3`, or is one cell of a column."""
DEMO = "demo/play.py"
"""It always moves as many."""


@pytest.mark.slow
def test_what_is_counted_agrees_with_its_number() -> None:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(OTHERWISE) or name == DEMO:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for one in SEVERAL.finditer(line):
                agrees = re.fullmatch(r"[A-Z_]+(:,)?|.*(counted\(| if ).*", one["what"])
                agrees = agrees or one["what"] in PARTS_OF_A_WHOLE
                if one["before"] not in ALWAYS_SEVERAL and not agrees:
                    found.append(f"{name}:{number}: {line.strip()}")
    assert found == []
