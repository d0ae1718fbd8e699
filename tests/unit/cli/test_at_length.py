"""Verbs that read for minutes say now and then that they are at work."""

from __future__ import annotations

import re
import threading

import pytest

from hdh_migrate.cli.at_length import telling
from hdh_migrate.cli.output import Output
from tests.support.processes import LONG


class Heard(Output):
    """Keeps what is said to people."""

    def __init__(self, *, as_json: bool = False, progress: bool = True) -> None:
        super().__init__(as_json=as_json, progress=progress)
        self.lines: list[str] = []
        self.twice = threading.Event()

    def say(self, text: str) -> None:
        self.lines.append(text)
        if len(self.lines) == 2:
            self.twice.set()


def test_how_long_it_takes_and_how_much_was_read_is_said_until_it_is_done() -> None:
    out = Heard()
    with telling(out, every=0.001):
        assert out.twice.wait(LONG)
    said = len(out.lines)
    line = re.compile(r"still at work: .+, [0-9.,]+ .?i?B read")
    assert all(line.fullmatch(one) for one in out.lines), out.lines
    with telling(out, every=LONG):
        pass
    assert len(out.lines) == said


@pytest.mark.parametrize("wanted", [{"as_json": True}, {"progress": False}])
def test_who_wants_no_progress_hears_nothing(wanted: dict[str, bool]) -> None:
    out, before = Heard(**wanted), threading.active_count()
    with telling(out, every=0.001):
        assert threading.active_count() == before
    assert out.lines == []
