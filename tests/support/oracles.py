"""What others wrote, to judge what this tool writes: installed apart from it (`make oracles`).

Each runs as a program of its own with its own packages first on its path, so that it can neither
change nor be changed by what this tool uses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cryptography

PROGRAMS = Path(__file__).parent / "judges"


def installed() -> Path:
    """Return where they are; beside the environment that holds this tool's packages."""
    found = Path(cryptography.__file__).parents[4] / "oracles"
    assert found.is_dir(), "the second judges are not installed: make oracles"
    return found


def judged(program: str, *args: Path | str) -> Any:
    """Run a program of `judges` and return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", _STARTED, str(installed()), str(PROGRAMS / program), *args],
        capture_output=True, text=True, timeout=300, check=False, env={"PATH": os.defpath},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


_STARTED = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
