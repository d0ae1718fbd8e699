"""What a run leaves of its cluster's workers for `status`: for itself, and whole or nothing."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from hdh_migrate.session.views.crew_file import FILE, KEEP_SECONDS, CrewFile, workers_of
from tests.unit.pipeline.test_crew import seen


class Still:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.passed = 100.0

    def now(self) -> str:
        return "2026-11-26T10:00:05.000Z"

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture
def clock() -> Still:
    return Still()


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def test_what_a_run_keeps_is_read_back_with_the_time_of_each_last_word(
    ledger: Path, clock: Still
) -> None:
    CrewFile(ledger, clock).keep([seen("a"), seen("b", "gone", "it has left")])
    told = workers_of(ledger, os.getpid())
    assert told[0] == {
        "worker": "a", "address": "tls://a", "state": "works", "share": 0.5, "orders": 1,
        "orders_at_most": 4, "objects": 2, "bytes": 3, "bytes_per_second": 4,
        "last_word": "2026-11-26T10:00:00.000Z", "why": None,
    }  # fmt: skip
    assert (told[1]["state"], told[1]["why"]) == ("gone", "it has left")


def test_only_its_owner_may_read_it(ledger: Path, clock: Still) -> None:
    CrewFile(ledger, clock).keep([seen("a")])
    assert stat.S_IMODE(ledger.with_name(FILE).stat().st_mode) == 0o600


def test_what_another_process_left_is_not_this_runs(ledger: Path, clock: Still) -> None:
    CrewFile(ledger, clock).keep([seen("a")])
    assert workers_of(ledger, os.getpid() + 1) == []


def test_it_is_not_written_at_each_look_while_the_same_are_there(
    ledger: Path, clock: Still
) -> None:
    file = CrewFile(ledger, clock)
    file.keep([seen("a")])
    ledger.with_name(FILE).unlink()
    file.keep([seen("a")])
    assert workers_of(ledger, os.getpid()) == []
    clock.passed += KEEP_SECONDS
    file.keep([seen("a")])
    assert len(workers_of(ledger, os.getpid())) == 1
    file.keep([seen("a", "gone", "x")])
    assert workers_of(ledger, os.getpid())[0]["state"] == "gone"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"pid": 1}', '{"pid": 1, "workers": [{}]}', '{"pid": 1, "workers": 7}'],
)
def test_what_cannot_be_read_tells_of_nobody(ledger: Path, text: str) -> None:
    ledger.with_name(FILE).write_text(text)
    assert workers_of(ledger, 1) == []


def test_a_state_that_nobody_knows_tells_of_nobody(ledger: Path, clock: Still) -> None:
    CrewFile(ledger, clock).keep([seen("a")])
    told = json.loads(ledger.with_name(FILE).read_text())
    told["workers"][0]["state"] = "dancing"
    ledger.with_name(FILE).write_text(json.dumps(told))
    assert workers_of(ledger, os.getpid()) == []


def test_a_disk_that_takes_no_file_stops_no_run(clock: Still) -> None:
    CrewFile(Path("/proc/no-such-folder/ledger.db"), clock).keep([seen("a")])
