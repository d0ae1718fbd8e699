"""What `init` keeps out of version control, as git itself sees it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hdh_migrate.errors import Exit
from tests.support.command import command

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
