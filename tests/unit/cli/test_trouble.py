"""What the command line says when something happens that nobody foresaw."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable

import pytest

from hdh_migrate.cli.command import Task
from hdh_migrate.cli.output import Output, visible
from hdh_migrate.errors import Exit, Permanent
from hdh_migrate.folders import FULL


def ended(error: Exception, *, as_json: bool = False, verbose: int = 0) -> int:
    with pytest.raises(SystemExit) as end:
        Task(as_json=as_json, verbose=verbose).run(raising(error))
    return int(end.value.code or 0)


def raising(error: Exception) -> Callable[[], Exit]:
    def body() -> Exit:
        raise error

    return body


def test_a_read_only_disk_is_told_in_a_line_with_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended(OSError(errno.EROFS, "Read-only file system", "/state/lock")) == Exit.UNEXPECTED
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: /state/lock: Read-only file system\nhint: mend")


@pytest.mark.parametrize("where", [(), ("/state/drawer",)])
@pytest.mark.parametrize("full", sorted(FULL))
def test_a_full_disk_is_a_clean_stop_wherever_it_is_noticed(
    full: int, where: tuple[str, ...]
) -> None:
    assert ended(OSError(full, os.strerror(full), *where)) == Exit.STOPPED


def test_a_disk_that_fails_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(OSError(errno.EIO, "Input/output error")) == Exit.UNEXPECTED
    told = capsys.readouterr().err
    assert told.startswith("error: the disk fails: Input/output error\nhint: what was acknowledged")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        OSError(errno.EMFILE, "Too many open files"),
    ],
)
def test_a_machine_that_gives_no_more_is_a_clean_stop(error: Exception) -> None:
    assert ended(error) == Exit.STOPPED


def test_a_fault_of_ours_names_its_place_and_no_library_s_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended(KeyError("DUPONT Jeanne 1961.dcm"), as_json=True) == Exit.UNEXPECTED
    told = capsys.readouterr()
    message = json.loads(told.out)["error"]["message"]
    assert message.startswith("a fault of ours: KeyError at cli/command.py:")
    assert "DUPONT" not in told.out + told.err
    assert "-vv" in told.err


def test_a_store_that_answers_what_no_store_may_is_refused_and_not_unexpected() -> None:
    assert ended(Permanent("the target redirects elsewhere; not followed")) == Exit.REFUSED


def test_who_asks_for_everything_gets_the_trace_and_the_same_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/state/lock")
    assert ended(full, verbose=2) == Exit.STOPPED
    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last):\n")
    assert "\nerror: /state/lock: no space left on the disk\nhint: make room" in told


def test_no_result_can_drive_a_terminal_or_begin_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output(as_json=False, progress=False).result({}, "held by \x1b[31mme\n  \u202enext")
    assert capsys.readouterr().out == "held by \\u{1b}[31mme\n  \\u{202e}next\n"
    assert visible("a\nb\r") == "a\\u{a}b\\u{d}"
