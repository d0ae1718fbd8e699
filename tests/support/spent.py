"""Where the processors' time goes: seconds of CPU of each test, and of all that it started.

`make spent` asks for it (`--spent PAGE`): what was measured replaces all that the page says below
its heading `HEADING`. CPU and not the clock: how busy the machine is does not change it much.
What is made once for a process of the tests, as a server, counts for the test that asked first.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shlex
import time
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HEADING = "## Where the time goes\n"
FILES, TESTS = 30, 30
"""So many of the costliest are named."""

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Spent:
    """How many tests, and their seconds of CPU."""

    tests: int = 0
    here: float = 0.0
    """In the process that runs the tests, threads and servers of its own included."""
    started: float = 0.0
    """In processes that it started, and in theirs."""

    @property
    def all(self) -> float:
        return self.here + self.started

    def add(self, other: Spent) -> None:
        self.tests += other.tests
        self.here += other.here
        self.started += other.started


@dataclass(slots=True)
class Account:
    """What one process of the tests, or all of them, spent on what."""

    by_test: dict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))
    """By a test's address, without its parameters."""
    beginning: float = 0.0
    """Seconds until the first test: importing, collecting."""

    def told(self) -> str:
        spent = {name: [one.tests, one.here, one.started] for name, one in self.by_test.items()}
        return json.dumps([self.beginning, spent])

    def hear(self, told: str) -> None:
        beginning, by_test = json.loads(told)
        self.beginning += beginning
        for name, (tests, here, started) in by_test.items():
            self.by_test[name].add(Spent(tests, here, started))


class Meter:
    """Asks before and after each test, and at the end puts a table on a page."""

    def __init__(self, root: Path, asked: Path) -> None:
        self._asked, self._page = asked, root / asked
        self._account = Account()
        self._others: list[str] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        here, started = time.process_time(), _of_others()
        if not self._account.by_test:
            self._account.beginning = here
        try:
            return (yield)
        finally:
            # Who is killed with children of its own takes what they spent with it: not below zero.
            once = Spent(1, time.process_time() - here, max(0.0, _of_others() - started))
            self._account.by_test[item.nodeid.partition("[")[0]].add(once)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._others.append(node.workeroutput["spent"])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["spent"] = self._account.told()
            return
        for told in self._others:
            self._account.hear(told)
        self._account.beginning += time.process_time() if self._others else 0.0
        if exitstatus == 0:
            text = self._page.read_text(encoding="utf-8") if self._page.exists() else ""
            asked = session.config.invocation_params.args
            what = shlex.join(one for one in asked if one not in {"--spent", str(self._asked)})
            table = "\n".join(_lines(self._account, len(self._others) or 1, what))
            self._page.parent.mkdir(parents=True, exist_ok=True)
            kept = text.partition(HEADING)[0]
            self._page.write_text(f"{kept}{HEADING}\n{table}\n", encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--spent", type=Path, metavar="PAGE", help="measure CPU; put it on this page")


def pytest_configure(config: pytest.Config) -> None:
    page = config.getoption("spent")
    if page is not None:
        config.pluginmanager.register(Meter(config.rootpath, page), "spent-meter")


def _of_others() -> float:
    """Return the seconds of all that this process started, and what that started, and so on."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime + sum(_alive(os.getpid()))


def _alive(process: int) -> Iterator[float]:
    """Yield what each living child spent, with its own that ended; then what theirs did."""
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # a thread that has ended
            continue
        for child in map(int, found):
            try:
                counted = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:15]
            except OSError:
                continue
            yield sum(map(int, counted)) / _TICKS
            yield from _alive(child)


def _lines(account: Account, processes: int, what: str) -> Iterator[str]:
    by_file, by_folder = defaultdict[str, Spent](Spent), defaultdict[str, Spent](Spent)
    total = Spent()
    for name, one in account.by_test.items():
        file = name.partition("::")[0].removeprefix("tests/")
        depth = 2 if file.startswith("unit/") and file.count("/") > 1 else 1
        by_file[file].add(one)
        by_folder["/".join(file.split("/")[:depth])].add(one)
        total.add(one)
    yield (
        f"`pytest {what}`: {total.tests:,} tests in {processes} processes, on Python"
        f" {platform.python_version()}, took {total.all + account.beginning:,.0f} s of CPU:"
        f" {total.here:,.0f} s in these processes (*here*), {total.started:,.0f} s in what they"
        f" started, servers included (*started*), and {account.beginning:,.0f} s until the first"
        " test of each. No figure was typed."
    )
    yield from _table("folder", by_folder, len(by_folder), total)
    yield from _table(f"the {FILES} costliest files", by_file, FILES, total)
    short = {name.removeprefix("tests/"): one for name, one in account.by_test.items()}
    yield from _table(f"the {TESTS} costliest tests, all parameters", short, TESTS, total)


def _table(what: str, spent: Mapping[str, Spent], most: int, total: Spent) -> Iterator[str]:
    yield from ("", f"| {what} | tests | here | started | share |", "|---|--:|--:|--:|--:|")
    for name in sorted(spent, key=lambda name: -spent[name].all)[:most]:
        one = spent[name]
        yield (
            f"| `{name}` | {one.tests:,} | {one.here:.1f} s | {one.started:.1f} s"
            f" | {one.all / (total.all or 1):.1%} |"
        )
