"""How many requests are under way at once, and why that changed, for whoever looks."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hdh_migrate.model import Role
from hdh_migrate.receipts import Paced
from hdh_migrate.session.views.pace_file import FILE, KEPT, PaceFile, connections_of
from tests.support.quiet import WallClock

CLOCK = WallClock("2026-11-26T10:00:00.000Z")
SLOWER = "the store asks for less (SlowDown)"


def told(worker: str, now: int, why: str = SLOWER) -> Paced:
    return Paced(worker=worker, now=now, most=8, why=why)


def test_what_each_worker_works_on_less_is_taken_off_all(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    file = PaceFile(ledger, CLOCK, 16)
    file.begin(Role.MOVE)
    assert connections_of(ledger, os.getpid(), 16) == {"now": 16, "most": 16, "changes": []}
    file.take(told("h:1", 4))
    file.take(told("h:2", 2))
    file.take(told("h:1", 8, "all goes well"))
    found = connections_of(ledger, os.getpid(), 16)
    assert (found["now"], found["most"]) == (10, 16)
    assert [(one["now"], one["why"]) for one in found["changes"]] == [
        (12, SLOWER), (6, SLOWER), (10, "all goes well"),
    ]  # fmt: skip


def test_workers_of_another_role_begin_with_all(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    file = PaceFile(ledger, CLOCK, 16)
    for role in (Role.MOVE, Role.MOVE, Role.PROVE):
        file.begin(role)
        if role is Role.MOVE:
            file.take(told("h:1", 4))
    found = connections_of(ledger, os.getpid(), 16)
    assert (found["now"], found["changes"][-1]["why"]) == (16, "other workers begin")


def test_what_another_run_left_and_what_cannot_be_read_say_nothing(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    file = PaceFile(ledger, CLOCK, 16)
    file.take(told("h:1", 4))
    whole = {"now": 16, "most": 16, "changes": []}
    assert connections_of(ledger, os.getpid() + 1, 16) == whole
    for text in ("{", "[]", json.dumps({"pid": os.getpid(), "now": "x"})):
        (tmp_path / FILE).write_text(text)
        assert connections_of(ledger, os.getpid(), 16) == whole


def test_few_changes_are_kept_and_a_disk_that_does_not_obey_stops_nothing(tmp_path: Path) -> None:
    file = PaceFile(tmp_path / "ledger.db", CLOCK, 16)
    for number in range(3 * KEPT):
        file.take(told("h:1", 1 + number % 8))
    assert len(connections_of(tmp_path / "ledger.db", os.getpid(), 16)["changes"]) == KEPT
    PaceFile(tmp_path / "nowhere" / "ledger.db", CLOCK, 16).take(told("h:1", 4))
