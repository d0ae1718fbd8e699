"""The engine that a caller gives is the one that works, at the desk and at the command line."""

from __future__ import annotations

import threading

import pytest

from hdh_migrate.cli import app as cli
from hdh_migrate.errors import Exit
from hdh_migrate.model import Step
from hdh_migrate.plan.model import Plan
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.run import perform
from hdh_migrate.wiring.worker_config import WorkerConfig
from tests.support.affair import Affair
from tests.support.here import HERE
from tests.support.quiet import Notes
from tests.support.serial import SerialEngine


class Watched:
    """Starts the engine of this process and notes for which role."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def __call__(self, config: WorkerConfig, plan: Plan) -> SerialEngine:
        self.started.append(config.role)
        engine = HERE["local"](config, plan)
        assert isinstance(engine, SerialEngine)
        return engine


def test_the_desk_works_with_the_engine_that_it_was_given(affair: Affair) -> None:
    mine = Watched()
    plan = affair.folder / "plan.yaml"
    desk = Desk.open(plan, None, Notes(), threading.Event(), {"local": mine})
    assert perform(desk, list(Step), ())[0] is Exit.OK
    assert mine.started == ["move", "prove"]


def test_the_command_line_works_with_the_engine_that_it_was_given(affair: Affair) -> None:
    mine = Watched()
    with pytest.raises(SystemExit) as end:
        cli.main(["transfer", str(affair.folder / "plan.yaml"), "--json"], engines={"local": mine})
    assert end.value.code == 0
    assert mine.started == ["move"]
