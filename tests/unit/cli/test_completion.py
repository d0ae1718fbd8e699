"""What a shell is told when somebody presses the tab key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("hdh-migrate pro", {"providers", "probe", "provision"}),
        ("hdh-migrate cutover ", {"start", "rollback", "finalize"}),
        ("hdh-migrate report s", {"sign"}),
        ("hdh-migrate report plan.yaml --na", {"--names"}),
    ],
)
def test_verbs_and_options_are_completed(typed: str, offered: set[str]) -> None:
    asked = {
        "_HDH_MIGRATE_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("hdh-migrate"))],
        env=os.environ | asked, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert set(done.stdout.split()) == offered, done.stderr
