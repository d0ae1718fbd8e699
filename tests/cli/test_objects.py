"""`ls` and `errors`: single objects and causes, told without names, beside and after a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import Exit
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import State
from hdh_migrate.telemetry import SystemClock
from tests.support.filled import CANARY, PLAN, listed, with_ledger
from tests.support.inside import inside as command


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan whose ledger knows two datasets; nobody has it open."""
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    with_ledger(path).close()
    return path


def lines(*arguments: str, expect: int = 0) -> list[dict[str, Any]]:
    done = command(*arguments, "--json")
    assert done.returncode == expect, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_objects_are_listed_by_dataset_and_key_without_a_name(plan: Path) -> None:
    told = lines("ls", str(plan))
    assert [(one["dataset"], one["id"]) for one in told] == [
        ("scans", 5), ("tables", 2), ("tables", 3), ("tables", 4), ("tables", 1),
    ]  # fmt: skip
    assert told[3] == {
        "dataset": "tables", "id": 4, "state": "failed", "size": 3, "codes": ["kind-symlink"],
    }  # fmt: skip
    text = command("ls", str(plan)).stdout
    assert "tables        4  failed               3  kind-symlink\n" in text
    assert "DUPONT" not in text + json.dumps(told)


def test_names_are_shown_to_who_asks_and_drive_no_terminal(plan: Path) -> None:
    text = command("ls", str(plan), "--show-names").stdout
    assert "tables        2  listed               7  -  DUPONT-Jeanne-1961\\u{1b}[31m\n" in text
    assert lines("ls", str(plan), "--show-names")[1]["key"] == CANARY


@pytest.mark.parametrize(
    ("more", "ids"),
    [
        (("--state", "listed"), [5, 2, 1]),
        (("--state", "listed", "--state", "excluded", "--dataset", "tables"), [2, 3, 1]),
        (("--code", "kind-symlink"), [4]),
        (("--code", "conflict"), []),
        (("--batch", "imaging"), [5]),
        (("--batch", "imaging", "--dataset", "tables"), []),
    ],
)
def test_only_what_is_asked_for_is_listed(
    plan: Path, more: tuple[str, ...], ids: list[int]
) -> None:
    assert [one["id"] for one in lines("ls", str(plan), *more)] == ids


@pytest.mark.parametrize("option", ["--state", "--code", "--dataset", "--batch"])
def test_what_there_is_not_is_wrong_usage_and_no_empty_list(plan: Path, option: str) -> None:
    (told,) = lines("ls", str(plan), option, "frob", expect=Exit.USAGE)
    assert "frob" in told["error"]["message"]


def test_a_code_of_another_version_is_listed_and_grouped_too(plan: Path) -> None:
    ledger = with_ledger(plan)
    row = (1, 2, "of-another-version", "finding", "as it was found", "2026-11-26T00:00:00.000Z")
    ledger._do(
        "INSERT INTO finding (dataset, object, code, severity, detail, at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        row,
    )
    ledger.commit()
    ledger.close()
    assert [one["id"] for one in lines("ls", str(plan), "--code", "of-another-version")] == [2]
    (told,) = lines("errors", str(plan), expect=Exit.FINDINGS)
    assert "another version" in told["causes"][1]["next"]


def test_every_object_is_listed_once_across_portions(plan: Path) -> None:
    ledger = with_ledger(plan)
    ledger.add_page(2, [listed(f"t{n:05}", n) for n in range(2_500)], None)
    ledger.commit()
    told = lines("ls", str(plan), "--dataset", "scans")  # while it is open: a run goes on
    ledger.close()
    assert [one["size"] for one in told] == [9, *range(2_500)]


def test_a_long_list_keeps_no_snapshot_of_a_ledger_that_is_written(plan: Path) -> None:
    ledger = with_ledger(plan)
    ledger.add_page(2, [listed(f"t{n:05}", n) for n in range(2_500)], None)
    ledger.commit()
    path = plan.parent / ".hdh-migrate" / "essai" / "ledger.db"
    reader = SqliteLedger.read_only(path, SystemClock())
    portions = reader.look(2)
    assert len(next(portions)) == 1_000
    for entry in ledger.todo("small", 2, 3_000):
        ledger.claim(entry)
    ledger.commit()
    assert {one.state for one in next(portions)} == {State.SENDING}
    reader.close()
    ledger.close()


def test_a_reader_that_goes_away_ends_the_list_quietly(plan: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "hdh_migrate", "ls", str(plan)],
            stdout=stdout, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (Exit.OK, b"")


def found(plan: Path, *codes: Code) -> None:
    ledger = with_ledger(plan)
    for code in codes:
        ledger.finding(code, "as it was found", dataset=1, entry=2)
    ledger.commit()
    ledger.close()


def test_findings_are_grouped_by_cause_with_the_first_and_what_mends_it(plan: Path) -> None:
    found(plan, Code.CONFLICT, Code.CONFLICT, Code.LEASED)
    (told,) = lines("errors", str(plan), expect=Exit.FINDINGS)
    assert [(one["code"], one["count"]) for one in told["causes"]] == [
        ("kind-symlink", 1), ("conflict", 2), ("leased", 1),
    ]  # fmt: skip
    conflict = told["causes"][1]
    assert conflict["example"]["object"] == 2
    assert "key" not in conflict["example"]
    assert (conflict["batch"], conflict["dataset"], conflict["exit"]) == ("pilot", "tables", 4)
    assert conflict["safe"] == Code.CONFLICT.about.remedy.safe
    text = command("errors", str(plan)).stdout
    assert "finding: 2 x conflict (tables)\n  first: object 2: as it was found\n  safe:  " in text
    assert "DUPONT" not in text + json.dumps(told)
    named = command("errors", str(plan), "--show-names").stdout
    assert "object 2, DUPONT-Jeanne-1961\\u{1b}[31m: " in named


@pytest.mark.parametrize(
    ("codes", "ends"),
    [
        ((Code.DRIFTED,), Exit.DRIFTED),
        ((Code.DRIFTED, Code.VERIFY_MISMATCH, Code.DENIED), Exit.VERIFICATION_FAILED),
        ((Code.VERIFY_MISMATCH, Code.COLLISION), Exit.REFUSED),
    ],
)
def test_it_ends_as_a_run_would(plan: Path, codes: tuple[Code, ...], ends: Exit) -> None:
    found(plan, *codes)
    assert lines("errors", str(plan), expect=ends)[0]["exit"] == ends


def test_without_a_finding_or_with_notes_alone_all_is_well(plan: Path) -> None:
    ledger = with_ledger(plan)
    ledger.close_finding(1)
    ledger.commit()
    ledger.close()
    assert command("errors", str(plan)).stdout == "no finding is open\n"
    found(plan, Code.LEASED)
    (told,) = lines("errors", str(plan))
    assert [one["exit"] for one in told["causes"]] == [0]


@pytest.mark.parametrize("verb", ["ls", "errors"])
def test_before_a_run_there_is_nothing_to_look_at(tmp_path: Path, verb: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    (told,) = lines(verb, str(path), expect=Exit.USAGE)
    assert "no run of this plan has begun" in told["error"]["message"]
    assert not (tmp_path / ".hdh-migrate").exists()
