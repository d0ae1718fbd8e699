"""A log of JSON Lines: small, reopened, of what happened and nothing else, and never in the way."""

from __future__ import annotations

import json
import logging
import os
import resource
import threading
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.cli.command import Task
from hdh_migrate.cli.log_file import LoggedProgress
from hdh_migrate.cli.output import LineProgress, Output
from hdh_migrate.codes import Code
from hdh_migrate.errors import Refused
from hdh_migrate.events.run import BatchDone
from hdh_migrate.log_lines import KEPT, LogFile, LogFileHandler, log_to, share_log
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import bound_ledger
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.following import followed
from hdh_migrate.session.views.happened import Happened
from hdh_migrate.session.views.last_run import last_run, recording
from tests.support.quiet import Notes
from tests.unit.cli.test_watch import plan

__all__ = ["plan"]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Leave the log of this process as it was."""
    root = logging.getLogger()
    before = [*root.handlers]
    try:
        yield
    finally:
        root.handlers[:] = before


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def opened(path: Path, **more: Any) -> LogFile:
    return LogFile(path, run="2026-11-26T10:00:00Z-7", **more)


def test_a_line_is_an_event_with_its_time_run_batch_step_and_code(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    opened(path).write("finding", at="2026-11-26T10:00:01.000Z", batch="pilot", code="denied")
    assert lines(path) == [
        {
            "at": "2026-11-26T10:00:01.000Z", "run": "2026-11-26T10:00:00Z-7", "event": "finding",
            "batch": "pilot", "step": None, "code": "denied",
        }
    ]  # fmt: skip
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("where", ["nowhere/run.log", "folder"])
def test_a_path_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path, where: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(Refused, match=r"log file .*: cannot be written: ") as refused:
        opened(tmp_path / where)
    assert "\n" not in str(refused.value)


def test_a_device_is_no_log_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no regular file"):
        opened(Path("/dev/null"))


def test_a_full_file_is_moved_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    log = opened(path, bytes_max=300)
    for number in range(20):
        log.write("note", text=f"{number:0100d}")
    kept = sorted(one.name for one in tmp_path.iterdir())
    assert kept == ["run.log", *(f"run.log.{number}" for number in range(1, KEPT + 1))]
    assert all(one.stat().st_size <= 300 for one in tmp_path.iterdir())
    told = [int(line["text"]) for name in reversed(kept) for line in lines(tmp_path / name)]
    assert told == list(range(20 - len(told), 20))


def test_a_full_file_that_cannot_be_moved_aside_is_written_on(tmp_path: Path) -> None:
    """Every line was lost from then on, and each time a line said that one was."""
    for number in (KEPT - 1, KEPT):  # as in a folder where we may not move anything
        (tmp_path / f"run.log.{number}" / "full").mkdir(parents=True)
    log = opened(tmp_path / "run.log", bytes_max=300)
    for number in range(9):
        log.write("note", text=f"{number:0100d}")
    kept = lines(tmp_path / "run.log")
    assert [int(line["text"]) for line in kept] == list(range(9))


def test_a_file_that_logrotate_moved_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    log = opened(path)
    log.write("first")
    path.rename(tmp_path / "run.log-20261126")
    log.write("second")
    path.unlink()
    path.touch()  # as `create` does
    log.write("third")
    assert [line["event"] for line in lines(path)] == ["third"]
    assert [line["event"] for line in lines(tmp_path / "run.log-20261126")] == ["first"]


def test_lines_that_could_not_be_written_are_counted_and_stop_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = opened(folder / "run.log")
    (folder / "run.log").unlink()
    folder.rmdir()
    log.write("lost")
    log.write("lost, too")
    folder.mkdir()
    log.write("kept")
    told = lines(folder / "run.log")
    assert [(line["event"], line.get("count")) for line in told] == [
        ("lines-lost", 2), ("kept", None),
    ]  # fmt: skip


def test_a_line_of_which_a_full_disk_took_a_part_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    log = opened(path)
    log.write("first")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
    try:
        log.write("torn")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.write("kept")
    first, torn, *after = path.read_text().splitlines()
    assert (json.loads(first)["event"], len(torn)) == ("first", 20)
    assert [(line["event"], line.get("count")) for line in map(json.loads, after)] == [
        ("lines-lost", 1), ("kept", None),
    ]  # fmt: skip


def test_what_sdks_print_is_redacted_and_no_traceback_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    logger = logging.getLogger("hdh_migrate.of_a_test")
    logger.propagate = False
    logger.addHandler(LogFileHandler(opened(path)))
    try:
        raise ValueError("patient-42")
    except ValueError:
        logger.warning("asked for ?sig=%s&x", "canary", exc_info=True)
    (line,) = lines(path)
    assert line["text"] == "asked for ?sig=***&x"
    assert "patient-42" not in path.read_text()


def test_steps_and_notes_are_told_and_shown_as_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.log"
    out = Output(as_json=False, progress=True)
    progress = LoggedProgress(out, LineProgress(out), opened(path))
    progress.step("pilot", "transfer", objects=3, size=1000)
    progress.advance(2, 700)
    progress.advance(-1, -100)
    progress.note("a credential was renewed; going on")
    progress.close()
    told = [(line["event"], line["step"], line.get("objects")) for line in lines(path)]
    assert told == [
        ("step-begun", "transfer", 3), ("note", None, None), ("step-ended", "transfer", 1),
    ]  # fmt: skip
    assert "note: a credential was renewed" in capsys.readouterr().err


def test_the_journal_is_followed_from_where_it_was_to_its_end(plan: Path) -> None:
    desk, told = Desk.open(plan, None, Notes(), threading.Event(), dry=True), list[Happened]()
    with (
        followed(desk, told.append),
        bound_ledger(desk, offline(desk.clock, desk.ledger_path)) as ledger,
    ):
        ledger.event(BatchDone(batch="pilot", steps=("transfer", "verify")))
        ledger.finding(Code.DENIED, "the reason")
        ledger.commit()
    assert [(one.kind, one.batch, one.step, one.code) for one in told] == [
        ("batch-done", "pilot", "transfer+verify", None), ("finding", None, None, "denied"),
    ]  # fmt: skip
    assert told[-1].count == 1


KEYS = [
    "sig=CANARY%3D", "AccountKey=CANARY==", "X-Amz-Signature=CANARY", "Bearer CANARY",
    "X-Amz-Security-Token=CANARY",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_no_way_out_of_a_command_shows_a_key(
    plan: Path, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error's words stood in the log file as they were; so did those that others are told."""
    path = plan.parent / "run.log"
    task = Task(as_json=True, log_file=path)

    def fails() -> None:
        desk = task.desk(plan, task.progress())
        desk.progress.note(f"asked for {key}")
        with recording(desk, ("transfer",), ()):
            raise Refused(f"refused {key}", blockers=[f"for {key}"], hint=f"mend {key}")

    with pytest.raises(SystemExit) as ended:
        task.run(fails)
    assert ended.value.code == 3
    shown = capsys.readouterr()
    kept = last_run(Desk.open(plan, None, Notes(), threading.Event(), dry=True))
    assert kept is not None
    for text in (shown.out, shown.err, path.read_text(), str(kept.why)):
        assert "***" in text
        assert "CANARY" not in text


def writer(path: str, run: str, many: int) -> None:
    log = LogFile(Path(path), run=run, bytes_max=20_000)
    for number in range(many):
        log.write("kept", count=number)
    log.close()


@pytest.mark.slow
def test_several_processes_share_a_file_and_its_moving_aside(tmp_path: Path) -> None:
    """No line is torn, none is lost, and no file is moved aside before it is full."""
    path, many = tmp_path / "run.log", 150
    context = get_context("fork")
    writers = [
        context.Process(target=writer, args=(str(path), f"run-{number}", many))
        for number in range(4)
    ]
    for one in writers:
        one.start()
    for one in writers:
        one.join(120)
        assert one.exitcode == 0
    files = [path, *tmp_path.glob("run.log.*")]
    seen = [(line["run"], line["count"]) for file in files for line in lines(file)]
    assert sorted(seen) == [(f"run-{run}", number) for run in range(4) for number in range(many)]
    assert 2 <= len(files) <= KEPT
    assert all(file.stat().st_size > 15_000 for file in files if file != path)


def test_a_worker_keeps_its_log_where_the_command_does(tmp_path: Path) -> None:
    """With -v its lines went to stderr alone, so of weeks of retries no log was left."""
    assert share_log() is None
    handler = LogFileHandler(opened(tmp_path / "run.log"))
    logging.getLogger().addHandler(handler)
    place = share_log()
    assert place is not None
    logging.getLogger().removeHandler(handler)  # as in another process
    log_to(place, step="verify")
    logging.getLogger("hdh_migrate.of_a_worker").warning("a try failed: sig=%s", "canary")
    log_to({**place, "path": str(tmp_path / "none" / "run.log")})  # stops nothing
    (line,) = lines(tmp_path / "run.log")
    assert (line["run"], line["step"], line["batch"]) == ("2026-11-26T10:00:00Z-7", "verify", None)
    assert (line["text"], line["process"]) == ("a try failed: sig=***", os.getpid())
