"""stdout and stderr that fail: one line, a documented code, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hdh_migrate.cli.command import Task
from hdh_migrate.errors import Exit

ROOT = Path(__file__).parents[2]
PLAN = str(ROOT / "plans" / "demo.yaml")
MODULE = (sys.executable, "-m", "hdh_migrate")
VERBS = (("validate", PLAN, "--json"), ("validate", PLAN), ("providers", "list", "--json"))
HELP = (("--help",), ("--version",), ("run", "--help"), ("audit", "verify", "--help"))


def ran(*arguments: str, redirect: str) -> tuple[int, str, str]:
    """Run a command under a shell's redirections."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {redirect}', *MODULE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("verb", [*VERBS, *HELP], ids=" ".join)
def test_a_full_disk_under_stdout_is_one_clear_line(verb: tuple[str, ...]) -> None:
    """It was a traceback."""
    code, _, told = ran(*verb, redirect=">/dev/full")
    assert code == Exit.UNEXPECTED
    assert told.startswith("error: stdout cannot be written: No space left on device\n")
    assert "Traceback" not in told


def test_characters_that_a_terminal_lacks_are_spelled_out() -> None:
    """The page was read, and then "a fault of ours: UnicodeEncodeError"."""
    done = subprocess.run(
        [*MODULE, "docs", "evidence-format"],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
    )
    assert (done.returncode, done.stderr) == (Exit.OK, b"")
    told = done.stdout.decode("latin-1")
    assert "\\u2308`size`" in told, "a ceiling"


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_closed_stdout_is_no_fault_of_ours(verb: tuple[str, ...]) -> None:
    code, _, told = ran(*verb, redirect=">&-")
    assert code == Exit.UNEXPECTED
    assert told.startswith("error: stdout cannot be written: it is closed\n")
    assert "fault of ours" not in told


@pytest.mark.parametrize("verb", [*VERBS, *HELP], ids=" ".join)
@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full"])
def test_nothing_ends_because_stderr_does_not_take_it(verb: tuple[str, ...], redirect: str) -> None:
    code, out, told = ran(*verb, redirect=redirect)
    assert (code, told) == (Exit.OK, "")
    assert out


@pytest.mark.parametrize("redirect", [">/dev/full", ">&-", "2>&-", "2>/dev/full", ">&- 2>&- <&-"])
def test_what_a_command_came_to_outweighs_that_nobody_could_be_told(redirect: str) -> None:
    for as_json in ((), ("--json",)):
        assert ran("validate", "nowhere.yaml", *as_json, redirect=redirect)[0] == Exit.REFUSED
    assert ran("nonsense", redirect=redirect)[0] == Exit.USAGE


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_reader_that_is_gone_is_no_news(verb: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as stdout:
        done = subprocess.run(
            [*MODULE, *verb], stdout=stdout, stderr=subprocess.PIPE, check=False, cwd=ROOT
        )
    assert (done.returncode, done.stderr) == (Exit.OK, b"")


def test_what_a_command_does_goes_on_when_its_words_are_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = []
    task = Task(as_json=True)

    def body() -> None:
        task.out.data({"first": 1})
        done.append(1)
        task.out.data({"second": 2})
        done.append(2)

    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            task.run(body)
    assert (done, ended.value.code) == ([1, 2], Exit.UNEXPECTED)
    assert capsys.readouterr().err.count("stdout cannot be written") == 1


def test_a_closed_descriptor_does_not_become_a_file_that_is_written_to() -> None:
    """A worker's last words go to descriptor 2: a ledger or a connection must not stand there."""
    code = (
        "import os\n"
        "from hdh_migrate.cli.streams import hold_descriptors\n"
        "hold_descriptors()\n"
        "print(all(os.readlink(f'/proc/self/fd/{n}') == '/dev/null' for n in (0, 2)))\n"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" <&- 2>&-', sys.executable, code],
        stdout=subprocess.PIPE,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == b"True\n"
