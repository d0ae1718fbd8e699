"""What `init` keeps out of version control, as git itself sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hdh_migrate.errors import Exit
from tests.support.inside import inside as command

NEVER = (
    ".env", ".hdh-migrate/emc2/ledger.db", "evidence/manifest.jsonl", "evidence.checkpoint",
    "evidence-2026-11/report.fr.html", "evidence.zip", "fetched/mco.csv", "keys/steward.sec",
    "keys/report.key", "secrets/sas",
)  # fmt: skip
KEPT = (".gitignore", "plan.yaml", "keys/steward.pub", "attestations/scaleway.yaml",
        "waivers/one.json")  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    bare = ("-c", "core.excludesFile=/dev/null")
    return subprocess.run(
        ["git", *bare, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def untracked(folder: Path, *names: str) -> set[str]:
    """Return which of some files git would take."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    told = git(folder, "status", "--porcelain", "-uall", "--", ".")
    return {line[3:] for line in told.splitlines()} & set(names)


def test_evidence_and_fetched_files_are_kept_out_of_version_control(tmp_path: Path) -> None:
    """`.gitignore` knew keys and ledgers only: evidence names objects, a fetched file is one."""
    new = tmp_path / "new"
    assert command("init", str(new)).returncode == Exit.OK
    git(new, "init", "-q")
    assert untracked(new, *NEVER, *KEPT, "mco.csv", "for-outsiders/report.html") == set(KEPT)


def test_rules_of_others_stay_and_ours_are_added(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.tmp")  # no line's end
    assert command("init", str(tmp_path)).returncode == Exit.OK
    git(tmp_path, "init", "-q")
    assert untracked(tmp_path, *NEVER, *KEPT, "theirs.py", "a.tmp") == {*KEPT, "theirs.py"}


def on_a_full_disk(blocks: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that may write files of so many blocks at most."""
    limit = f'ulimit -f {blocks}; exec "$@"'
    return subprocess.run(
        ["sh", "-c", limit, "sh", sys.executable, "-m", "hdh_migrate", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_full_disk_leaves_nothing_that_the_next_try_would_refuse(tmp_path: Path) -> None:
    """It ended with 3 or 1, and the keys that were there already refused the same command."""
    new = tmp_path / "new"
    said = on_a_full_disk(2, "init", str(new))  # room for keys, and not for the plan
    assert (said.returncode, "no space left" in said.stderr) == (Exit.STOPPED, True), said.stderr
    assert list((new / "keys").iterdir()) == []
    assert command("init", str(new)).returncode == Exit.OK
    for purpose in ("seal", "seal-hybrid", "report"):
        made = ("keys", "new", "one", "--purpose", purpose, "--dir", str(tmp_path / purpose))
        said = on_a_full_disk(0, *made)
        assert (said.returncode, "no space left" in said.stderr) == (Exit.STOPPED, True)
        assert list((tmp_path / purpose).iterdir()) == []


def test_a_log_that_the_disk_does_not_take_is_said(tmp_path: Path) -> None:
    """An empty file was all there was, and nobody said so."""
    assert command("init", str(tmp_path / "new")).returncode == Exit.OK
    log = tmp_path / "run.log"
    words = ("run", str(tmp_path / "new" / "plan.yaml"), "--log-file", str(log))
    said = on_a_full_disk(0, *words)
    assert log.read_bytes() == b""
    assert f"log file {log}: " in said.stderr
    assert "lines could not be written: file too large" in said.stderr
    assert "could not be written" not in command(*words).stderr
