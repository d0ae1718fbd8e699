"""Programs that carry a pointer: ended in time, heard with a bound, trusted with nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from hdh_migrate.errors import CommandFailed, Exit, Permanent, PointerMoved, Transient
from hdh_migrate.pointers.alone import Alone
from hdh_migrate.pointers.command import PointerByCommand
from hdh_migrate.programs import LocalRun
from tests.support.processes import LONG, alive, awaited, forked, gone

OLD, NEW = "https://old.example.org/pmsi/", "s3://hds-emc2/pmsi/"


def pointer(
    folder: Path,
    *,
    check: str = "cat at",
    apply: str = 'printf %s "$HDH_NEW" > at',
    revert: str | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float = LONG,
    alone: bool = False,
) -> PointerByCommand:
    (folder / "at").write_text(OLD)
    given = environment or {}
    return PointerByCommand(
        LocalRun(folder, given, seconds=seconds),
        check=["/bin/sh", "-c", check],
        apply=["/bin/sh", "-c", apply],
        revert=["/bin/sh", "-c", revert or apply],
        value=NEW,
        where="pointer command",
        secrets=tuple(given.values()),
        alone=Alone(folder / "pointer.lock" if alone else None),
    )


def test_apply_and_revert_get_what_is_expected_and_what_is_new(tmp_path: Path) -> None:
    tell = 'echo "%s $HDH_EXPECTED $HDH_NEW" >> log; printf %%s "$HDH_NEW" > at'
    made = pointer(tmp_path, apply=tell % "apply", revert=tell % "revert")

    made.swap(expected=OLD, new=NEW)
    made.swap(expected=NEW, new=OLD)

    assert (tmp_path / "log").read_text() == f"apply {OLD} {NEW}\nrevert {NEW} {OLD}\n"


@pytest.mark.slow
def test_a_program_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    slow = "echo JEANNE-DUPONT; sleep 900 & echo $! > child; sleep 900"
    for seconds in (0.5, 5, 50):  # a busy machine may not have come to the program before
        with pytest.raises(Transient, match="took too long") as ended:
            pointer(tmp_path, apply=slow, seconds=seconds).swap(expected=OLD, new=NEW)
        assert "JEANNE" not in (ended.value.journalled or str(ended.value))
        if (tmp_path / "child").exists() and (tmp_path / "child").read_text():
            break

    assert gone(int((tmp_path / "child").read_text()))
    assert (tmp_path / "at").read_text() == OLD


@pytest.mark.slow
def test_a_program_that_leaves_something_running_is_not_waited_for(tmp_path: Path) -> None:
    made = pointer(tmp_path, apply='sleep 900 & echo $! > child; printf %s "$HDH_NEW" > at')
    made.swap(expected=OLD, new=NEW)

    child = int((tmp_path / "child").read_text())
    assert alive(child)
    os.kill(child, 9)


def test_while_what_a_killed_command_started_goes_on_nothing_is_read_or_set(tmp_path: Path) -> None:
    waits = 'touch began; until [ -e go ]; do sleep 0.01; done; printf %s "$HDH_NEW" > at'
    made = pointer(tmp_path, apply=waits, alone=True)
    with forked(lambda: made.swap(expected=OLD, new=NEW)):
        assert awaited((tmp_path / "began").exists)

    for asked in (made.read, lambda: made.swap(expected=OLD, new=OLD)):
        with pytest.raises(Transient, match="is still running"):
            asked()
    assert "is still running" in next(one.what for one in made.check())
    (tmp_path / "go").touch()
    assert awaited(lambda: not made.check())

    assert made.read() == NEW


@pytest.mark.slow
def test_what_escaped_its_end_is_waited_for_and_what_a_program_left_is_not(tmp_path: Path) -> None:
    escapes = "setsid sh -c 'touch began; until [ -e go ]; do sleep 0.01; done'"
    made = pointer(tmp_path, apply=f"{escapes} & until [ -e began ]; do sleep 0.01; done",
                   alone=True)  # fmt: skip
    with pytest.raises(CommandFailed, match="the pointer is what it was"):
        made.swap(expected=OLD, new=NEW)
    assert made.read() == OLD  # it came to its end: what it left there is meant to stay
    (tmp_path / "go").touch()

    again = pointer(tmp_path, apply="setsid sleep 900 & echo $! > child; wait", alone=True,
                    seconds=0.5)  # fmt: skip
    while not (tmp_path / "child").exists():  # a busy machine may not have come to it before
        with pytest.raises(Transient, match="took too long"):
            again.swap(expected=OLD, new=NEW)
    with pytest.raises(Transient, match="is still running"):
        again.read()
    os.kill(int((tmp_path / "child").read_text()), 9)
    assert awaited(lambda: not again.check())


@pytest.mark.slow
def test_an_endless_output_is_heard_to_a_bound_only(tmp_path: Path) -> None:
    with pytest.raises(Permanent):
        pointer(tmp_path, check="head -c 50000000 /dev/zero").read()
    with pytest.raises(Transient):
        pointer(tmp_path, check="yes", seconds=0.5).read()


def test_only_the_named_variables_are_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "from the operator's shell")
    made = pointer(
        tmp_path, apply='env > seen; printf %s "$HDH_NEW" > at', environment={"TOKEN": "t0ken-x"}
    )

    made.swap(expected=OLD, new=NEW)

    names = {line.partition("=")[0] for line in (tmp_path / "seen").read_text().splitlines()}
    assert names - {"PWD", "_", "SHLVL", "OLDPWD"} == {"TOKEN", "HDH_EXPECTED", "HDH_NEW"}


def test_what_a_failing_program_says_is_told_without_secrets(tmp_path: Path) -> None:
    said = (
        'echo "login with $TOKEN at https://u:p4ssw0rd@x.org/?sig=abcdefghijklmnop1234 failed" >&2;'
        ' printf "\\033[2J" >&2; exit 4'
    )
    made = pointer(tmp_path, apply=said, environment={"TOKEN": "hunter2-hunter2"})

    with pytest.raises(CommandFailed) as failed:
        made.swap(expected=OLD, new=NEW)

    told = str(failed.value)
    assert "`apply` ended with status 4" in told
    assert "login with ***" in told
    assert not any(secret in told for secret in ("hunter2", "p4ssw0rd", "abcdefghijklmnop"))
    assert failed.value.exit_code is Exit.STOPPED


def test_check_has_the_last_word_over_the_exit_status(tmp_path: Path) -> None:
    done_badly = pointer(tmp_path, apply='printf %s "$HDH_NEW" > at; exit 1')
    done_badly.swap(expected=OLD, new=NEW)
    assert (tmp_path / "at").read_text() == NEW

    nothing_done = pointer(tmp_path, apply="exit 0")
    with pytest.raises(CommandFailed, match="the pointer is what it was"):
        nothing_done.swap(expected=OLD, new=NEW)

    something_else = pointer(tmp_path, apply="printf elsewhere > at")
    with pytest.raises(PointerMoved):
        something_else.swap(expected=OLD, new=NEW)


@pytest.mark.parametrize("check", ["exit 1", "true", "echo one; echo two", "printf '\\377'"])
def test_a_check_that_does_not_say_one_line_stops_everything(tmp_path: Path, check: str) -> None:
    made = pointer(tmp_path, check=check, apply="touch ran")

    with pytest.raises((CommandFailed, Permanent)):
        made.swap(expected=OLD, new=NEW)

    assert made.check()
    assert not (tmp_path / "ran").exists()


def test_arguments_are_never_read_by_a_shell(tmp_path: Path) -> None:
    (tmp_path / "at").write_text("x")
    made = PointerByCommand(
        LocalRun(tmp_path, {}, seconds=LONG),
        check=["/bin/echo", "$(touch ran)`touch ran`;touch ran"],
        apply=["/bin/true"],
        revert=["/bin/true"],
        value=NEW,
        where="pointer command",
    )

    assert made.read() == "$(touch ran)`touch ran`;touch ran"
    assert not (tmp_path / "ran").exists()


def test_a_program_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    made = PointerByCommand(
        LocalRun(tmp_path, {}, seconds=LONG),
        check=["./flip"], apply=["./flip"], revert=["./flip"], value=NEW, where="pointer command",
    )  # fmt: skip

    assert ["./flip: cannot be started" in problem.what for problem in made.check()] == [True]
