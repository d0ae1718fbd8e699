"""A command that writes evidence is killed at each step: nothing half-written looks whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.evidence.exports.exports import FORMATS
from hdh_migrate.evidence.exports.packages import PACKAGES

REPOSITORY = Path(__file__).parents[3]
STEPS = {"report": 20, "bagit": 60, "ro-crate": 60}
"""At least so many of each; a form that is one file has fewer."""


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_the_whole_or_nothing_and_the_next_one_is_whole(
    tmp_path: Path,
) -> None:
    kinds = ("report", *PACKAGES, *FORMATS)
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.evidence.killed", str(tmp_path), *kinds],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {what: hunt["wrong"] for what, hunt in found.items()} == {what: [] for what in kinds}
    assert [what for what in kinds if found[what]["steps"] < STEPS.get(what, 3)] == []
