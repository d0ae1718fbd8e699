"""A test that hangs is ended, and what it was at is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import LONG

ROOT = Path(__file__).parents[2]

AT_ONCE = """
import threading

def test_hangs():
    threading.Event().wait()
"""
AFTER_IT_FAILED = """
import threading
import pytest

@pytest.fixture
def hangs():
    yield
    threading.Event().wait()

def test_fails(hangs):
    assert False
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("test", "at"), [(AT_ONCE, "in test_hangs"), (AFTER_IT_FAILED, "in hangs")]
)
def test_what_hangs_is_ended_and_where_it_did_is_said(tmp_path: Path, test: str, at: str) -> None:
    (tmp_path / "test_hanging.py").write_text(test)
    (tmp_path / "pytest.ini").touch()

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.support.hanging", "--longest", "0.5"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False, capture_output=True, text=True, timeout=LONG,
    )  # fmt: skip

    assert ended.returncode == 1
    assert at in ended.stderr
    assert " in " not in ended.stdout, "it ended at once, without a summary"
