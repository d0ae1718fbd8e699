"""`ledger check`: the whole ledger, beside a run, changing nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from tests.support.filled import CANARY, PLAN, with_ledger
from tests.support.inside import inside as command
from tests.unit.ledger.test_ledger import edited


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


def test_a_whole_ledger_is_told_beside_who_writes_it(plan: Path) -> None:
    ledger = with_ledger(plan)
    try:
        done = command("ledger", "check", str(plan), "--json")
        told = json.loads(done.stdout)
        assert done.returncode == Exit.OK
        assert (told["objects"], told["events"]) == (5, ledger.length())
        assert told["head"] == ledger.head()
        assert told["bytes"] == ledger.size()
    finally:
        ledger.close()
    said = command("ledger", "check", str(plan))
    assert "5 objects, each as the journal tells it" in said.stdout
    assert CANARY not in said.stdout + said.stderr


def test_what_was_changed_behind_the_journal_is_exit_10(plan: Path) -> None:
    ledger = with_ledger(plan)
    ledger.close()
    path = plan.parent / ".hdh-migrate" / "essai" / "ledger.db"
    edited(path, "DELETE FROM object")
    before = path.read_bytes()

    done = command("ledger", "check", str(plan), "--json")

    assert done.returncode == Exit.DAMAGED
    assert "the counters are not those of the rows" in json.loads(done.stdout)["error"]["message"]
    assert path.read_bytes() == before


def test_without_a_ledger_nothing_is_checked_and_none_is_made(plan: Path) -> None:
    assert command("ledger", "check", str(plan)).returncode == Exit.USAGE
    assert not (plan.parent / ".hdh-migrate").exists()
