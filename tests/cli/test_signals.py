"""A command that is asked to stop ends soon, whatever it is at."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import product

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


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CAUGHT = {
    "what looks at no flag": "ZeroDivisionError",
    "what nothing interrupts": "KeyboardInterrupt",
}
Asked = dict[tuple[signal.Signals, str], subprocess.Popen[str]]


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    """Commands of both kinds, each asked to stop by each signal: they are waited for at once."""
    every = {
        (number, caught): subprocess.Popen(
            [sys.executable, "-c", STUBBORN.format(caught=CAUGHT[caught])],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number, caught in product(SIGNALS, CAUGHT)
    }  # fmt: skip
    try:
        for (number, _), process in every.items():
            assert process.stderr is not None
            assert process.stderr.readline() == "at it\n"
            process.send_signal(number)
        yield every
    finally:
        for process in every.values():
            process.kill()
            process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("caught", CAUGHT)
def test_a_command_that_does_not_look_up_is_ended(
    asked: Asked, number: signal.Signals, caught: str
) -> None:
    """A verb that asked nobody whether to go on went on to its end."""
    process = asked[number, caught]
    out, err = process.communicate(timeout=LONG)  # 5 s, on a machine that has time for us
    assert process.returncode == Exit.INTERRUPTED
    assert json.loads(out)["error"]["exit"] == Exit.INTERRUPTED
    assert err.splitlines()[0].startswith(f"{number.name}: ")
    assert "Traceback" not in err


AT_ONCE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever starts the tests may ignore it,
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as `nohup` does

class Telling:
    \"\"\"Asks this process to stop when the command's own modules are looked for.\"\"\"

    def find_spec(self, name, path=None, target=None):
        if name == "hdh_migrate.cli.app":
            os.kill(os.getpid(), {number})
        return None

sys.meta_path.insert(0, Telling())
from hdh_migrate.cli.start import main
main()
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_who_is_asked_to_stop_before_anything_is_begun_leaves_without_a_word(
    number: signal.Signals,
) -> None:
    """It was a traceback of Python's, and no exit code of ours."""
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE.format(number=int(number)), "--help"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (Exit.INTERRUPTED, "", "")
