"""One screen that is drawn again: as large as the terminal, of the plan as it is, to the end."""

from __future__ import annotations

import errno
import io
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hdh_migrate.cli.command import Task
from hdh_migrate.cli.live import Screen
from hdh_migrate.cli.verbs.status import StatusView, watch_on
from hdh_migrate.errors import Refused
from hdh_migrate.folders import STATE_DIR
from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import bound_ledger
from hdh_migrate.session.policy.timekeeping import offline
from tests.support.quiet import Notes

PLAN = """\
version: 1
migration: watched
source: {kind: folder}
target:
  provider: generic
  endpoint: http://127.0.0.1:9
  region: us-east-1
  credential: {kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}
seal: {format: crypt4gh, recipients: [keys/steward.pub, keys/escrow.pub]}
datasets:
  - {name: d, source: {path: data}, target: {bucket: landing, prefix: in/}}
batches:
  - {name: pilot, datasets: [d]}
"""


class Steps(threading.Event):
    """Waits that end at once: in each, one thing happens, and after the last somebody says stop."""

    def __init__(self, *happens: Callable[[], None]) -> None:
        super().__init__()
        self.left = list(happens)
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout == 2.0
        self.waits += 1
        if not self.left:
            return True
        self.left.pop(0)()
        return False


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "keys").mkdir()
    for name in ("steward", "escrow"):
        new_pair(tmp_path / "keys", name, passphrase=None)
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    desk = Desk.open(path, None, Notes(), threading.Event(), dry=True)
    with bound_ledger(desk, offline(desk.clock, desk.ledger_path)):
        pass
    return path


def watched(
    plan: Path, *happens: Callable[[], None], as_json: bool = False, screen: Screen | None = None
) -> Steps:
    task = Task(as_json=as_json)
    task.stop = steps = Steps(*happens)
    watch_on(task, StatusView(task, plan, (), show_names=False), screen)
    return steps


def drawing(width: int, height: int, **more: Any) -> tuple[Screen, io.StringIO]:
    drawn = io.StringIO()
    console = Console(
        file=drawn, force_terminal=True, width=width, height=height, highlight=False, **more
    )
    return Screen(console), drawn


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_it_is_drawn_in_place_and_what_was_there_before_comes_back(
    plan: Path, capsys: pytest.CaptureFixture[str], width: int, height: int
) -> None:
    screen, drawn = drawing(width, height, no_color=True, color_system=None)
    watched(plan, lambda: None, lambda: None, screen=screen)
    text = drawn.getvalue()
    assert text.startswith("\x1b[?1049h")
    assert text.rstrip().endswith("\x1b[?1049l")
    frames = text.split("\x1b[H")[1:]
    assert len(frames) >= 3
    for frame in frames:
        lines = frame.split("\x1b[?")[0].split("\n")
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
    assert "pilot" in frames[-1]
    assert "not begun" in frames[-1]
    assert "\x1b[3" not in text
    # What is left on the ordinary screen are the headlines.
    assert capsys.readouterr().out.startswith("watched: no run is under way")


def test_a_ledger_that_is_taken_away_is_said_to_be_away(plan: Path) -> None:
    """It was said that no run had begun."""
    state = plan.parent / STATE_DIR

    with pytest.raises(Refused, match="the ledger that was watched is not there any more"):
        watched(plan, lambda: None, lambda: shutil.rmtree(state))


def test_a_plan_that_is_changed_is_read_again_and_one_that_is_refused_is_said_so(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rename() -> None:
        plan.write_text(PLAN.replace("name: pilot", "name: first-of-all"))

    def spoil() -> None:
        plan.write_text("version: 2\n")

    def take_away() -> None:
        plan.unlink()

    def mend() -> None:
        plan.write_text(PLAN)

    watched(plan, rename, spoil, take_away, mend)
    looks = capsys.readouterr().out.split("watched: ")[1:]
    assert [("pilot" in look, "first-of-all" in look) for look in looks] == [
        (True, False), (False, True), (False, True), (False, True), (True, False),
    ]  # fmt: skip
    refused = "the plan's file was changed and is refused; this is the one before"
    assert [refused in look for look in looks] == [False, False, True, True, False]


def test_as_json_it_is_one_document_a_line(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched(plan, lambda: None, as_json=True)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["migration"] for line in lines] == ["watched"] * 2


def test_when_the_reader_goes_away_it_ends(plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`status --watch | head` went on for ever."""

    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        def fileno(self) -> int:
            return spare.fileno()

    with open("/dev/null", "w") as spare:
        monkeypatch.setattr("sys.stdout", Gone())
        steps = watched(plan, *[lambda: None] * 50)
    assert steps.waits == 0


def test_when_the_terminal_goes_away_it_ends(plan: Path) -> None:
    class Hung(io.StringIO):
        hung = False

        def flush(self) -> None:
            if self.hung:
                raise OSError(errno.EIO, "Input/output error")

    drawn = Hung()
    screen = Screen(Console(file=drawn, force_terminal=True, width=80, height=24))

    def hang_up() -> None:
        drawn.hung = True

    steps = watched(plan, lambda: None, hang_up, *[lambda: None] * 50, screen=screen)
    assert steps.waits == 2
