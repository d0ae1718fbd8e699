"""The end of tests that hang, with all that their process was at.

It is not asked for at each test: a thread that is begun and ended takes as long as most tests do.
A child that is forked from here while it is asked for must end by `os._exit`, as those of
`multiprocessing` do: `sys.exit` would wait for faulthandler's thread, which no child has.
"""

from __future__ import annotations

import faulthandler
import os
import time

import pytest

LONGEST = 900.0
"""Seconds: what hangs is ended; what is slow on a busy machine is not."""

_STDERR = pytest.StashKey[int]()
_ASKED_AT = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--longest", type=float, default=LONGEST,
        help="seconds that a test may take before its process is ended, or a tenth more; 0: any",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Keep where errors go before they are captured."""
    config.stash[_STDERR] = os.dup(2)
    config.add_cleanup(faulthandler.cancel_dump_traceback_later)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Ask for the end of this process, unless a test before has done so a moment ago."""
    longest = item.config.getoption("longest")
    if time.monotonic() >= item.config.stash.get(_ASKED_AT, 0.0) + longest / 10:
        _ask(item.config)


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Ask again: pytest takes it back when a test fails, and what fails may hang as well."""
    _ask(node.config)


def _ask(config: pytest.Config) -> None:
    if longest := config.getoption("longest"):
        faulthandler.dump_traceback_later(longest * 1.1, exit=True, file=config.stash[_STDERR])
        config.stash[_ASKED_AT] = time.monotonic()
