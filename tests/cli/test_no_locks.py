"""A state folder on a file system without locks: every verb says so in a line, and does nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hdh_migrate.evidence.signatures.signing import new_report_key
from tests.support.days import compiler
from tests.support.filled import PLAN, with_ledger

LIBRARY = Path(__file__).parents[1] / "support" / "no_locks.c"
STATE = ".hdh-migrate/essai"
VERBS = [
    ("status",), ("pause",), ("resume",), ("run",), ("report", "--offline"),
    ("ledger", "backup", "--to", "copies"),
    ("amend", "--batch", "pilot", "--reason", "a trial", "--execute"),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan, its ledger, and the library."""
    folder = tmp_path_factory.mktemp("no-locks").resolve()
    made = ["-shared", "-fPIC", "-O2", "-o", str(folder / "no_locks.so"), str(LIBRARY)]
    subprocess.run([compiler() or "cc", *made], check=True)
    (folder / "keys").mkdir()
    new_report_key(folder / "keys", "report", None)
    for name in ("a", "b"):
        (folder / "data" / name).mkdir(parents=True)
    signed = 'report: {signer: "file:keys/report.key"}\n'
    (folder / "plan.yaml").write_text(PLAN + signed)
    with_ledger(folder / "plan.yaml").close()
    return folder


def called(
    place: Path, words: Sequence[str], why: int, below: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {
        "LD_PRELOAD": str(place / "no_locks.so"), "NO_LOCKS_WHY": str(why),
        "NO_LOCKS_BELOW": str(below or place / STATE), "T_ID": "id", "T_SECRET": "secret",
    }  # fmt: skip
    groups = 2 if words[0] in {"ledger", "audit"} else 1
    verb, more = words[:groups], words[groups:]
    return subprocess.run(
        [sys.executable, "-m", "hdh_migrate", *verb, "plan.yaml", *more], cwd=place, env=environ,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def content(place: Path) -> dict[str, bytes]:
    """Return what lies in the state folder, without what SQLite and locks make to look."""
    return {
        one.name: one.read_bytes()
        for one in (place / STATE).iterdir()
        if one.is_file() and not one.name.endswith(("-shm", "-wal", "lock"))
    }


@pytest.mark.parametrize("why", [errno.ENOLCK, errno.EOPNOTSUPP], ids=["ENOLCK", "EOPNOTSUPP"])
@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_what_cannot_be_locked_is_said_in_a_line(
    place: Path, words: Sequence[str], why: int
) -> None:
    before = content(place)
    said = called(place, words, why)
    assert said.returncode == 1, said.stderr
    (line,) = [one for one in said.stderr.splitlines() if one.startswith("error: ")]
    assert os.strerror(why) in line or "cannot be locked" in line
    assert "its file system keeps no locks" in said.stderr
    assert content(place) == before
    assert not (place / "copies").exists() or not any((place / "copies").iterdir())


def test_a_hold_counts_there_all_the_same(place: Path) -> None:
    said = called(place, ("hold", "--reason", "a doubt"), errno.ENOLCK)
    assert (said.returncode, said.stdout[:7]) == (0, "held by")
    assert "the journal cannot tell of it now" in said.stderr
    (place / STATE / "hold").unlink()


@pytest.mark.parametrize("why", [errno.ENOLCK, errno.EOPNOTSUPP], ids=["ENOLCK", "EOPNOTSUPP"])
def test_a_report_is_not_begun_where_it_cannot_be_locked(place: Path, why: int) -> None:
    out = place / "disk" / f"bundle-{why}"
    out.parent.mkdir(exist_ok=True)
    said = called(place, ("report", "--offline", "--out", str(out)), why, below=out.parent)
    assert said.returncode == 2, said.stderr
    assert f"cannot be locked: {os.strerror(why)}" in said.stderr
    assert list(out.parent.iterdir()) == []
