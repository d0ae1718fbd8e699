"""A hold counts from the moment at which it is said to, whatever lies in its place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.filled import PLAN, with_ledger
from tests.support.inside import inside as command


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan whose ledger is there; nobody has it open."""
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    with_ledger(path).close()
    return path


def place_of(plan: Path) -> Path:
    return plan.parent / ".hdh-migrate" / "essai" / "hold"


def test_a_link_that_leads_nowhere_holds_as_a_file_does(plan: Path) -> None:
    """`hold` said "held", for a name was there; and every switch went on, for no file was."""
    place_of(plan).symlink_to(plan.parent / "not-mounted" / "hold")
    held = command("hold", str(plan), "--json").stdout
    assert "which cannot be read" in held
    let_go = command("hold", str(plan), "--release").stdout
    assert "let go; it was held by" in let_go
    assert command("hold", str(plan), "--release").stdout == "nobody held it\n"


def test_a_full_disk_takes_a_hold_and_not_its_reason(plan: Path) -> None:
    """It ended with 7, "nothing is lost": and an empty file held everything, unsaid."""
    full = 'ulimit -f 0; exec "$@"', "sh", sys.executable, "-m", "hdh_migrate"
    said = subprocess.run(
        ["sh", "-c", *full, "hold", str(plan), "--reason", "ward 3"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (said.returncode, said.stdout) == (0, f"held by the file {place_of(plan)}\n")
    assert "it holds all the same" in said.stderr
    assert "it was held by the file" in command("hold", str(plan), "--release").stdout


def test_a_hold_is_told_to_who_watches_where_no_cutover_is_planned(plan: Path) -> None:
    """Erasures and exchanges of keys obey it; `status --check` said that all was fine."""
    assert json.loads(command("status", str(plan), "--json").stdout)["held"] is None
    command("hold", str(plan), "--reason", "ward 3 still reads")
    seen = command("status", str(plan), "--check", "--json")
    assert "ward 3 still reads" in json.loads(seen.stdout)["held"]
    assert any("ward 3 still reads" in why for why in json.loads(seen.stdout)["check"]["why"])
    assert "ward 3 still reads" in command("status", str(plan)).stdout


@pytest.mark.parametrize("said_as", [("hold",), ("pause",), ("limit", "1MiB/s")])
def test_what_stops_nobody_where_no_run_began_says_so(
    plan: Path, tmp_path: Path, said_as: tuple[str, ...]
) -> None:
    """A wrong --state-dir: somebody believed for days that nobody could switch."""
    elsewhere, (verb, *more) = tmp_path / "elsewhere", said_as
    said = command(verb, str(plan), *more, "--state-dir", str(elsewhere))
    assert said.returncode == 0
    assert "no run of this plan has begun" in said.stderr
    assert str(elsewhere / "essai") in said.stderr
    assert "no run of this plan" not in command(verb, str(plan), *more).stderr
