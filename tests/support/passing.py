"""What a process of the tests tells the one that shows them: of a test that passes, that once.

pytest tells of a test's beginning, of its preparation, of its clearing up and of its end as well,
which pytest-xdist packs, sends and shows for longer than most tests take.
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test and tell what came of it, and of what is around it only what did not pass."""
    wanted = (item.config.getoption(one) is not None for one in ("durations", "xmlpath"))
    if any(wanted) or not hasattr(
        item.config, "workerinput"
    ):  # a process that a test began is none
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    return True
