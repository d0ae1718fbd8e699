"""The verifier, for an auditor who does not trust the one that came with the evidence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, NoSpace
from hdh_migrate.evidence.verifier.copies import write_verifier
from hdh_migrate.evidence.verifier.verify import CODE
from tests.support.command import command as started
from tests.support.narrow import files_of_at_most


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return started(*arguments, cwd=cwd)


def test_the_verifier_reaches_an_auditor_by_another_way_than_the_bundle(tmp_path: Path) -> None:
    done = command("audit", "verifier", "--out", "verifier", "--json", cwd=tmp_path)
    assert done.returncode == Exit.OK, done.stderr
    told = json.loads(done.stdout)
    folder = tmp_path / "verifier"
    assert told["files"] == sorted(path.name for path in folder.iterdir()) == sorted(CODE)

    # Whoever has the files alone comes to the same digest with the means at hand.
    sums = subprocess.run(
        ["sh", "-c", "LC_ALL=C; export LC_ALL; sha256sum *.py | sha256sum"],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert sums.stdout.split()[0] == told["sha256"]
    assert told["sha256"] in command("--version", cwd=tmp_path).stdout

    # They run alone, without the tool: -I leaves nothing but the standard library and cryptography.
    alone = subprocess.run(
        [sys.executable, "verify.py", "--help"],
        cwd=folder, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert alone.returncode == 0, alone.stderr

    again = command("audit", "verifier", "--out", "verifier", cwd=tmp_path)
    assert again.returncode == Exit.USAGE
    assert "exists" in again.stderr


def test_a_full_disk_leaves_no_part_of_a_verifier(tmp_path: Path) -> None:
    """Its folder stayed, with empty files: the same command said that it exists."""
    folder = tmp_path / "verifier"
    with files_of_at_most(3000), pytest.raises(NoSpace, match="no space left"):
        write_verifier(folder)
    assert not folder.exists()
    assert write_verifier(folder) == sorted(CODE)
