"""`make spent`: what tests spent is added up, also of what they started and still runs."""

from __future__ import annotations

import subprocess
import sys

from tests.support.spent import Account, Spent, _lines, _of_others

BURNS = """
import sys, time
while time.process_time() < 0.05:
    pass
print(flush=True)
sys.stdin.read()
"""


def test_what_processes_tell_is_added_up_and_the_costliest_come_first() -> None:
    one, all_of_them = Account(beginning=2.0), Account(beginning=1.0)
    one.by_test["tests/unit/plan/test_a.py::test_little"].add(Spent(1, 0.5, 0.0))
    one.by_test["tests/live/test_b.py::test_much"].add(Spent(1, 1.0, 2.0))

    all_of_them.hear(one.told())
    all_of_them.hear(one.told())

    told = list(_lines(all_of_them, 2, "tests"))
    assert "4 tests in 2 processes" in told[0]
    assert "took 12 s of CPU: 3 s in these" in told[0]
    rows = [line for line in told if line.startswith("| `")]
    assert rows == [
        "| `live` | 2 | 2.0 s | 4.0 s | 85.7% |",
        "| `unit/plan` | 2 | 1.0 s | 0.0 s | 14.3% |",
        "| `live/test_b.py` | 2 | 2.0 s | 4.0 s | 85.7% |",
        "| `unit/plan/test_a.py` | 2 | 1.0 s | 0.0 s | 14.3% |",
        "| `live/test_b.py::test_much` | 2 | 2.0 s | 4.0 s | 85.7% |",
        "| `unit/plan/test_a.py::test_little` | 2 | 1.0 s | 0.0 s | 14.3% |",
    ]


def test_what_was_started_counts_while_it_runs_and_when_it_has_ended() -> None:
    before = _of_others()
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", BURNS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        assert started.stdout.read(1) == b"\n"
        assert _of_others() - before > 0.03  # in hundredths, cut off

    assert _of_others() - before > 0.03
