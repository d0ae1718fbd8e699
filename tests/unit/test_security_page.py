"""Every guard that SECURITY.md names has a test, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
ACTORS = (
    "Target host", "Source", "The network", "Other users", "Operator", "Approver", "Witness",
    "Supplier",
)  # fmt: skip


def test_every_actor_has_a_table() -> None:
    for actor in ACTORS:
        [section] = re.findall(rf"^### {actor}.*?(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL)
        assert "Has" in section or "Have" in section
        assert "ust not" in section
        assert section.count("`tests/") >= 3


def test_every_guard_names_a_test_that_exists() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    guards = [row for row in rows if not row.startswith(("| Guard", "| ---"))]
    assert len(guards) >= 30
    for row in guards:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 3, row
        found = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", cells[2])
        assert found is not None, row
        assert re.search(rf"^def {found[2]}\(", (ROOT / found[1]).read_text(), re.MULTILINE), row
