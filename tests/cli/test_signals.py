"""A command that is asked to stop ends soon, whatever it is at."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from hdh_migrate.errors import Exit
from tests.support.processes import LONG

STUBBORN = """
import sys, time
from hdh_migrate.cli.command import Task

def body():
    sys.stderr.write("at it\\n")
    sys.stderr.flush()
    until = time.monotonic() + 900
    while time.monotonic() < until:
        try:
            time.sleep(1)
        except {caught}:
            pass

Task(as_json=True).run(body)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "caught",
    [
        pytest.param("ZeroDivisionError", id="what looks at no flag"),
        pytest.param("KeyboardInterrupt", id="what nothing interrupts"),
    ],
)
def test_a_command_that_does_not_look_up_is_ended(number: signal.Signals, caught: str) -> None:
    """A verb that asked nobody whether to go on went on to its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN.format(caught=caught)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline() == "at it\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=LONG)  # 5 s, on a machine that has time for us
    assert process.returncode == Exit.INTERRUPTED
    assert json.loads(out)["error"]["exit"] == Exit.INTERRUPTED
    assert err.splitlines()[0].startswith(f"{number.name}: ")
    assert "Traceback" not in err
