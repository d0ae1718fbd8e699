"""What others wrote, to judge what this tool writes: installed apart from it (`make oracles`).

Each runs as a process of its own, of an interpreter with their packages first on its path, so that
it can neither change nor be changed by what this tool uses.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
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
    with tempfile.TemporaryDirectory(prefix="judged-") as kept:
        out, err = Path(kept, "out"), Path(kept, "err")
        asked = [str(one) for one in (PROGRAMS / program, out, err, *args)]
        assert _judging().ask(asked) == 0, err.read_text()
        return json.loads(out.read_text().splitlines()[-1])


class _Judging:
    """The interpreter that has their packages."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(PROGRAMS.parent / "judging.py"), str(installed())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PATH": os.defpath},
        )  # fmt: skip

    def ask(self, request: list[str]) -> int:
        """Return the exit code of a program."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@cache
def _judging() -> _Judging:
    made = _Judging()
    atexit.register(made.close)
    return made
