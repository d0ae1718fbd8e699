"""What is shown of a run fits its screen, says the urgent first, and needs no colour."""

from __future__ import annotations

import pytest

from hdh_migrate.cli.board import report, verdict_lines
from hdh_migrate.cli.watch_screen import WIDE, screen
from hdh_migrate.results.looks import FindingGroup, StepState
from tests.support.standing import BUSY, IDLE, NOW, batch, standing

FOOT = "as of now"


def finding(code: str, severity: str = "finding", count: int = 1) -> FindingGroup:
    return {
        "code": code, "severity": severity, "dataset": "scans", "detail": f"what {code} means",
        "count": count,
    }  # fmt: skip


MANY = standing(
    *(batch(f"done-{number}", verified=10) for number in range(40)),
    batch("a-name-that-is-as-long-as-a-name-may-be1", "under way", verified=5, waiting=995),
    batch("held", "held back", "batch held needs batch bad, of which 3 objects are not verified",
          held_back=7),
    batch("bad", "failed", verified=1, failed=3, excluded=9),
    *(batch(f"later-{number}", "not begun") for number in range(9)),
    work=BUSY, findings=[finding("prefix-open", "note"), finding("denied", count=3)],
    eta={"low": 3600, "high": 9000},
    connections={"now": 8, "most": 16, "changes": [
        {"at": "2026-11-26T10:21:07.000Z", "now": 8, "why": "the store asks for less (SlowDown)"},
    ]},
    lately=[
        {"at": "2026-11-26T10:22:00.000Z", "event": "finding", "batch": None, "dataset": "scans",
         "step": None, "code": "denied", "count": 3},
    ],
)  # fmt: skip


@pytest.mark.parametrize("width", [40, 80, 132, 200])
@pytest.mark.parametrize("height", [10, 24, 50, 120])
def test_a_screen_is_never_larger_than_the_terminal(width: int, height: int) -> None:
    for told in (MANY, standing(batch("all", verified=3)), standing(batch("b", "not begun"))):
        lines = screen(told, width, height, FOOT)
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        assert lines[-1] == FOOT
        assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_what_is_urgent_stays_on_the_screen_when_there_is_much(width: int, height: int) -> None:
    shown = screen(MANY, width, height, FOOT)
    text = "\n".join(shown)
    told = " ".join(shown)
    assert "pid 4711 on host mover-1.example is at work since 2026-11-20T08:00:00Z" in told
    assert "1 h 00 min to 2 h 30 min left" in told
    for name, state in (("a-name-t", "under way"), ("held", "held back"), ("bad", "failed")):
        assert any(line.startswith(name) and state in line for line in shown), text
    assert any(line.startswith("in all") and "406/1411" in line for line in shown), text
    assert "verify 5/1000 objects" in text
    assert "batch held needs batch bad, of which 3 objects are not verified" in text
    assert "finding: 3 x denied (scans): what denied means" in text
    assert any(line.startswith("and ") and "more batches" in line for line in shown)
    assert ("9 excluded" in text) is (width >= WIDE)
    assert "requests at once: up to 8 of 16, since 10:21:07: the store asks for less" in told
    assert "finding  3 x denied  scans" in text


def test_a_small_plan_is_shown_whole_and_in_its_order() -> None:
    told = standing(
        batch("pilot", "done", verified=3), batch("scans", "under way", verified=1, waiting=2),
        work=BUSY,
    )  # fmt: skip
    shown = screen(told, 80, 24, FOOT)
    assert [line.split()[0] for line in shown if line.startswith(("pilot ", "scans "))] == [
        "pilot", "scans",
    ]  # fmt: skip
    assert not any("more" in line for line in shown)


def test_all_of_it_says_how_the_last_run_ended_and_every_finding() -> None:
    killed = {**IDLE, "ended": None, "exit": None}
    looked = {**IDLE, "last_word": "2026-11-27T08:00:00.000Z"}
    refused = {**IDLE, "exit": 9, "why": "source container x: the SAS has expired"}
    for work, words in (
        (killed, "no run is under way, the last one was killed"),
        (refused, "ended 2026-11-26T09:59:58Z with 9 (a credential is refused"),
        (IDLE, "with 0 (it left nothing open)"),
        (looked, "(it left nothing open); the ledger was written to since, 2026-11-27T08:00:00Z"),
        (BUSY, "is at work since 2026-11-20T08:00:00Z (inventory, transfer, verify), last word"),
    ):
        lines = report(standing(batch("all", verified=3), work=work))  # type: ignore[arg-type]
        assert words in lines[0]
    lines = report(standing(batch("all"), work=refused))  # type: ignore[arg-type]
    assert "the last run ended so: source container x: the SAS has expired" in lines
    text = report({**MANY, "plan_changed": True})
    assert "the plan differs from the one this run was started with" in text
    assert text.index("finding: 3 x denied (scans): what denied means") < text.index(
        "note: 1 x prefix-open (scans): what prefix-open means"
    )


@pytest.mark.parametrize("state", ["not begun", "begun", "under way", "held back", "failed"])
def test_a_step_that_is_not_done_is_not_called_so(state: StepState) -> None:
    lines = report(standing(batch("all", state, verified=1, waiting=1)))
    (line,) = [line for line in lines if line.split()[:2] == ["all", "verify"]]
    assert state in line
    assert "done" not in line


def test_a_bar_says_what_is_verified_what_is_sent_and_never_all_before_the_end() -> None:
    cases = [
        (batch("b", "not begun", waiting=4), "[", 0),
        (batch("b", "under way", verified=1, waiting=3), "#=", 25),
        (batch("b", "under way", verified=999_999, waiting=1), "#=", 99),
        (batch("b", verified=4), "#]", 100),
        (batch("b", "not begun"), "..", 0),
    ]
    for one, marks, share in cases:
        (line,) = [x for x in screen(standing(one), 80, 24, FOOT) if x.startswith("b  ")]
        assert marks in line
        assert f" {share}%" in line


def test_an_empty_object_that_is_left_keeps_a_bar_from_being_full() -> None:
    one = batch("b", "under way", verified=3, waiting=1)
    one["amounts"]["waiting"]["bytes"] = 0
    (line,) = [x for x in screen(standing(one), 80, 24, FOOT) if x.startswith("b  ")]
    assert " 99%" in line


def test_names_cannot_drive_the_terminal() -> None:
    told = standing(batch("b"), findings=[{**finding("denied"), "detail": "\x1b]0;owned\x07"}])
    assert "\x1b" not in "".join(screen(told, 80, 24, FOOT))


def test_a_monitor_gets_one_line_for_the_whole_and_one_for_each_reason() -> None:
    (line,) = verdict_lines(standing(batch("all")))
    assert line.startswith("emc2-exit: fine; no run is under way, the last run ended 2026-11-26T")
    lines = verdict_lines(standing(batch("b"), check={"exit": 7, "why": ["work is left in b"]}))
    assert lines[0].startswith("emc2-exit: not running; ")
    assert lines[1:] == ["work is left in b"]


def worker(name: str, **more: object) -> dict[str, object]:
    return {
        "worker": name, "address": "tls://10.0.0.7:1", "state": "works", "share": 0.5,
        "orders": 3, "orders_at_most": 32, "objects": 1200, "bytes": 5 << 30,
        "bytes_per_second": 80 << 20, "last_word": NOW, "why": None, **more,
    }  # fmt: skip


def test_each_worker_of_a_cluster_has_a_line() -> None:
    lines = report(standing(batch("all"), work=BUSY, workers=[worker("node-7-3fa2c1")]))
    (line,) = [line for line in lines if line.startswith("node-7-3fa2c1")]
    for told in ("works", "50 %", "3/32", "1200 objects, 5.0 GiB", "80.0 MiB/s", "0 s ago"):
        assert told in line


def test_a_cluster_of_which_nobody_works_says_why_and_what_to_do() -> None:
    gone = worker("node-7", state="gone", why="its copy of the plan is not the coordinator's")
    lines = report(standing(batch("all"), work=BUSY, workers=[gone]))
    assert "worker node-7 takes no orders: its copy of the plan is not the coordinator's" in lines
    assert "no worker of the cluster takes orders: start one (hdh-migrate worker PLAN)" in lines
    assert not [line for line in lines if line.startswith("worker  ")]


def test_one_machine_has_no_table_of_workers() -> None:
    assert not [line for line in report(standing(batch("all"), work=BUSY)) if "orders" in line]


def test_what_was_written_to_days_ago_says_so_and_that_nobody_else_was_asked() -> None:
    """An old copy of the ledger looked as one of today does, but for a date in a line."""
    done = batch("all", verified=3)
    old = {**IDLE, "last_word": "2026-11-23T09:00:00.000Z", "ended": "2026-11-23T09:00:00.000Z"}
    told = "\n".join(report(standing(done, work=old)))
    assert "as of 3 days ago, when the ledger here was written to last" in told
    assert "hdh-migrate fence PLAN" in told
    for work in (IDLE, BUSY, {**BUSY, "last_word": old["last_word"]}, {**IDLE, "last_word": None}):
        assert "as of" not in "\n".join(report(standing(done, work=work)))
