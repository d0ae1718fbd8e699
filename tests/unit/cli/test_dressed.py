"""On a terminal lines are broken between words and never in a command; elsewhere they are whole."""

from __future__ import annotations

import fcntl
import io
import os
import re
import struct
import termios
from collections.abc import Iterator
from typing import IO

import pytest

from hdh_migrate.cli.dressed import dressed

HINT = (
    'hint: begin with "hdh-migrate run plan.yaml --until verify", or give the right --state-dir'
    " (this is /srv/state/my-migration)"
)
TASK = "- Try the 2 private keys that nobody tried. hdh-migrate keys drill plan.yaml --key FILE"
POLICY = '    "Resource": "arn:aws:s3:::a-bucket-of-the-host/with spaces in a prefix/*"'
TABLE = f"batch  state  {'verified':>60}  waiting  failed"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[IO[str]]:
    """Return what writes to a terminal of 60 columns without colours."""
    monkeypatch.setenv("NO_COLOR", "1")
    controls, typed_at = os.openpty()
    fcntl.ioctl(typed_at, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    with os.fdopen(controls, "rb"), os.fdopen(typed_at, "w") as stream:
        yield stream


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (HINT, [
            'hint: begin with "hdh-migrate run plan.yaml --until verify",',
            "      or give the right --state-dir (this is",
            "      /srv/state/my-migration)",
        ]),
        (TASK, [
            "- Try the 2 private keys that nobody tried.",
            "  hdh-migrate keys drill plan.yaml --key FILE",
        ]),
        ("    hdh-migrate report sign a-bundle-of-last-year --key witness.key --trust k.pub", [
            "    hdh-migrate report sign a-bundle-of-last-year --key witness.key --trust k.pub",
        ]),
        ("  safe:  nothing was deleted, and what is at the target stays as it is", [
            "  safe:  nothing was deleted, and what is at the target",
            "         stays as it is",
        ]),
        ("400 of 400 listed objects verified, 42.9 MiB of 42.9 MiB (100 %)", [
            "400 of 400 listed objects verified, 42.9 MiB of 42.9 MiB",
            "  (100 %)",
        ]),
        ("next: hdh-migrate errors plan.yaml (findings are open: what is safe)", [
            "next: hdh-migrate errors plan.yaml (findings are open: what",
            "      is safe)",
        ]),
        ("add it to the plan (see hdh-migrate docs cutover); what is under way goes on", [
            "add it to the plan (see hdh-migrate docs cutover); what is",
            "  under way goes on",
        ]),
        ("Written on 29 November 2026, by hdh-migrate 0.1.0 for those who may", [
            "Written on 29 November 2026, by hdh-migrate 0.1.0 for those",
            "  who may",
        ]),
        (f"a-claim  {'x' * 40}  what a page said of it", [
            f"a-claim  {'x' * 40}", "    what a page said of it",
        ]),
        (POLICY, [POLICY]), (TABLE, [TABLE]), ("", [""]), ("x" * 70, ["x" * 70]),
        ("a\n\nb", ["a", "", "b"]),
    ],
)  # fmt: skip
def test_a_terminal_gets_lines_that_fit(terminal: IO[str], text: str, lines: list[str]) -> None:
    assert dressed(text, terminal).split("\n") == lines


def test_a_pipe_and_what_is_no_stream_of_a_system_get_lines_as_they_are() -> None:
    reads, writes = os.pipe()
    with os.fdopen(reads, "rb"), os.fdopen(writes, "w") as pipe:
        assert dressed(HINT, pipe) == HINT
    assert dressed(HINT, io.StringIO()) == HINT
    assert dressed(HINT, None) == HINT


@pytest.mark.parametrize(
    "line",
    [
        "error: no such plan", "hint: look", "FAIL rights", "ok   keys", "next: hdh-migrate run p",
        "all    done        400", "all    inventory  done   401", "blocker: 1 x denied (d)",
    ],
)  # fmt: skip
def test_what_is_coloured_says_it_all_without(
    terminal: IO[str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    assert dressed(line, terminal) == line
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")

    told = dressed(line, terminal)

    assert told != line
    assert re.sub(r"\x1b\[[0-9;]*m", "", told) == line
    monkeypatch.setenv("TERM", "dumb")
    assert dressed(line, terminal) == line


@pytest.mark.parametrize("line", ["errors: none", "all done", "the note: x", "notes: y", "failed"])
def test_nothing_else_is_coloured(
    terminal: IO[str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    assert dressed(line, terminal) == line
