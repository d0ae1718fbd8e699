"""What a wheel brings: the package as it is, its pages, its manual, and the files of deploy/."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hdh_migrate import __version__

ROOT = Path(__file__).parents[2]
NEEDED = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "MANIFEST.in")
FOLDERS = ("hdh_migrate", "docs", "plans", "deploy")


@pytest.mark.slow
def test_a_wheel_holds_what_is_there_and_nothing_of_an_earlier_build(tmp_path: Path) -> None:
    tree, made = tmp_path / "tree", tmp_path / "made"
    tree.mkdir()
    for name in NEEDED:
        shutil.copy(ROOT / name, tree)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    stale = tree / "build" / "lib" / "hdh_migrate" / "removed_long_ago.py"
    stale.parent.mkdir(parents=True)
    stale.write_text("")

    command = [
        sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--no-build-isolation", "--wheel-dir", str(made), str(tree),
    ]  # fmt: skip
    subprocess.run(command, check=True, env=os.environ | {"SOURCE_DATE_EPOCH": "1577836800"})

    (wheel,) = made.iterdir()
    held = set(zipfile.ZipFile(wheel).namelist())
    modules = {one for one in held if one.startswith("hdh_migrate/") and one.endswith(".py")}
    assert modules == {str(one.relative_to(tree)) for one in (tree / "hdh_migrate").rglob("*.py")}
    share = f"hdh_migrate-{__version__}.data/data/share"
    for path in (path for path in (ROOT / "deploy").rglob("*") if path.is_file()):
        assert f"{share}/hdh-migrate/{path.relative_to(ROOT)}" in held
    assert f"{share}/man/man1/hdh-migrate-run.1" in held
    assert f"{share}/bash-completion/completions/hdh-migrate" in held
    assert "hdh_migrate_docs/deploy.md" in held
