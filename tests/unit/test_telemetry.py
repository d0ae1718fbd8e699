"""What the log shows: never a signature or a key, wherever in a record it stands."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hdh_migrate.telemetry import set_up_logging

SECRET = "https://x.example/a?sig=s3cr3t%2Fs1gnature"


@contextmanager
def told(capsys: pytest.CaptureFixture[str], *, verbosity: int = 2) -> Iterator[list[str]]:
    """Send the log where the tool sends it, and give what was written there."""
    root, ours = logging.getLogger(), logging.getLogger("hdh_migrate")
    kept = (root.handlers[:], root.level, ours.level, logging.raiseExceptions)
    written: list[str] = []
    set_up_logging(verbosity)
    try:
        yield written
        written.append(capsys.readouterr().err)
    finally:
        root.handlers[:], *levels, logging.raiseExceptions = kept
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


def test_a_message_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    with told(capsys) as written:
        logging.getLogger("hdh_migrate").warning("asked %s", SECRET)
    (line,) = written
    when, process, text = line.split(" ", 2)
    assert text == "WARNING hdh_migrate: asked https://x.example/a?sig=***\n"
    assert when.endswith("Z")
    assert process == str(os.getpid())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("hdh_migrate.pipeline.retrying", "warning: still waiting, sig=***\n"),
        ("urllib3", "warning: urllib3: still waiting, sig=***\n"),
    ],
)
def test_people_who_asked_for_no_log_are_told_a_line_like_others(
    capsys: pytest.CaptureFixture[str], name: str, line: str
) -> None:
    with told(capsys, verbosity=0) as written:
        logging.getLogger(name).warning("still waiting, %s", "sig=s3cr3t")
    assert written == [line]


def test_a_traceback_and_its_causes_are_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    with told(capsys) as written:
        try:
            try:
                raise ValueError(SECRET)
            except ValueError as error:
                raise RuntimeError(f"Bearer abc.def of {SECRET}") from error
        except RuntimeError:
            logging.getLogger("hdh_migrate").exception("it went wrong")
    assert "RuntimeError: Bearer *** of https://x.example/a?sig=***" in written[0]
    assert "ValueError: https://x.example/a?sig=***" in written[0]
    assert "s3cr3t" not in written[0]


def test_a_stack_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    with told(capsys) as written:
        logging.getLogger("urllib3").warning("here", stack_info=True)  # sig=s3cr3t
    assert "sig=***" in written[0]
    assert "s3cr3t" not in written[0]


def test_a_record_that_cannot_be_put_into_words_shows_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with told(capsys) as written:
        logging.getLogger("hdh_migrate").warning("%d objects", SECRET)
    assert written == [""]
