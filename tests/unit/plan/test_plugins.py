"""Plug-ins of pydantic are not let in, whatever the environment says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import LONG

SCRIPT = """
import sys
from hdh_migrate.plan.plugins import let_none_in
let_none_in()
from pydantic import BaseModel
class Noun(BaseModel):
    size: int
Noun.model_validate({"size": 1})
sys.exit("meddler" in sys.modules)
"""


@pytest.mark.slow
def test_a_plug_in_that_is_installed_is_not_let_in(tmp_path: Path) -> None:
    (tmp_path / "meddler.py").write_text("raise SystemExit(7)\n")
    told = tmp_path / "meddler-1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: meddler\nVersion: 1\n")
    (told / "entry_points.txt").write_text("[pydantic]\nmeddler = meddler:plugin\n")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "PYDANTIC_DISABLE_PLUGINS": "other"}

    def ended(script: str) -> int:
        command = [sys.executable, "-c", script]
        return subprocess.run(command, env=environ, check=False, timeout=LONG).returncode

    assert ended(SCRIPT.replace("\nlet_none_in()", "")) == 7  # it would get in
    assert ended(SCRIPT) == 0
