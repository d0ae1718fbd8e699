"""Openings are written down before they happen, and reach the journal whole or are missed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from hdh_migrate.errors import Exit, LedgerDamaged, LedgerWithheld, NoSpace, UsageError
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.policy import openings
from tests.support.narrow import files_of_at_most
from tests.support.quiet import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "m" / "ledger.db"


def told(number: int) -> dict[str, Any]:
    return {
        "at": f"2026-03-03T08:00:0{number}Z", "who": "ops@host", "dataset": "pmsi",
        "object": number, "reason": "ticket 4711",
    }  # fmt: skip


def noted(path: Path, *numbers: int) -> None:
    ledger = SqliteLedger.open(path, FakeClock())
    taken = openings.remembered(ledger)
    ledger.close()
    for number in numbers:
        openings.note(path, taken, openings.Opening.of_json(told(number)))


def taken_in(path: Path) -> list[dict[str, Any]]:
    ledger = SqliteLedger.open(path, FakeClock())
    try:
        openings.take_in(ledger, path)
        assert not openings.is_behind(ledger, path)
        return list(openings.opening_facts(ledger))
    finally:
        ledger.close()


def lines(path: Path) -> Path:
    return path.with_name(openings.FILE)


def test_what_is_written_down_is_taken_into_the_journal_once(path: Path) -> None:
    noted(path, 1, 2)
    assert taken_in(path) == [told(1), told(2)]
    assert taken_in(path) == [told(1), told(2)]
    noted(path, 3)
    assert taken_in(path) == [told(1), told(2), told(3)]
    assert lines(path).stat().st_mode & 0o777 == 0o600


def test_it_is_written_down_while_another_command_holds_the_ledger(path: Path) -> None:
    holder = SqliteLedger.open(path, FakeClock())
    openings.note(path, openings.remembered(holder), openings.Opening.of_json(told(1)))
    assert openings.is_behind(holder, path)
    holder.close()
    assert taken_in(path) == [told(1)]


def test_who_notes_many_goes_on_behind_the_last_one_whoever_writes_between(path: Path) -> None:
    holder = SqliteLedger.open(path, FakeClock())
    taken = openings.remembered(holder)
    holder.close()
    place = None
    for number in (1, 2):
        place = openings.note(path, taken, openings.Opening.of_json(told(number)), after=place)
    noted(path, 3)  # somebody else
    with lines(path).open("ab") as file:
        file.write(b'{"at": "half')  # and somebody who was killed
    place = openings.note(path, taken, openings.Opening.of_json(told(4)), after=place)
    openings.note(path, taken, openings.Opening.of_json(told(5)), after=place)
    assert taken_in(path) == [told(number) for number in range(1, 6)]


def test_what_one_more_of_many_costs_does_not_grow(path: Path) -> None:
    """A view of a large dataset opens a file for each 2,000 objects."""
    holder = SqliteLedger.open(path, FakeClock())
    holder.close()
    place = openings.note(path, None, openings.Opening.of_json(told(1)))
    for _ in range(100):
        place = openings.note(path, None, openings.Opening.of_json(told(2)), after=place)
    calls = Counter[str]()

    def seen(frame: FrameType, event: str, argument: object) -> None:
        del argument
        if event == "call":
            calls[frame.f_code.co_name] += 1

    sys.setprofile(seen)
    openings.note(path, None, openings.Opening.of_json(told(3)), after=place)
    sys.setprofile(None)
    assert calls["_digest"] == 1


def test_lines_that_were_taken_in_may_be_put_away(path: Path) -> None:
    noted(path, 1, 2)
    taken_in(path)
    lines(path).unlink()
    assert taken_in(path) == [told(1), told(2)]
    noted(path, 3)
    assert taken_in(path) == [told(1), told(2), told(3)]
    noted(path, 4)
    edited(lambda found: found[1:])(path)
    assert taken_in(path) == [told(1), told(2), told(3), told(4)]


def edited(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        found = lines(path).read_bytes().splitlines()
        lines(path).write_bytes(b"".join(line + b"\n" for line in change(found)))

    return edit


def other_words(found: list[bytes]) -> list[bytes]:
    return [found[0].replace(b"4711", b"4712"), *found[1:]]


TAMPERED = {
    "changed": edited(other_words),
    "first gone": edited(lambda found: found[1:]),
    "middle gone": edited(lambda found: [found[0], found[2]]),
    "order": edited(lambda found: [found[1], found[0], found[2]]),
    "twice": edited(lambda found: [*found, found[2]]),
    "no line": edited(lambda found: [*found, b"{}"]),
    "no JSON": edited(lambda found: [*found, b"x"]),
    "deep": edited(lambda found: [*found, b"[" * 50_000]),
    "long number": edited(lambda found: [*found, b'{"number":' + b"1" * 6000 + b"}"]),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_line_that_was_changed_or_is_missing_in_between_is_seen(path: Path, how: str) -> None:
    noted(path, 1, 2, 3)
    TAMPERED[how](path)
    with pytest.raises(LedgerDamaged, match="changed or is missing"):
        taken_in(path)
    with pytest.raises(LedgerDamaged):
        noted(path, 4)


@pytest.mark.parametrize("how", ["changed", "middle gone", "order", "twice"])
def test_so_it_is_when_they_were_taken_in_before(path: Path, how: str) -> None:
    noted(path, 1, 2, 3)
    taken_in(path)
    TAMPERED[how](path)
    with pytest.raises(LedgerDamaged):
        noted(path, 4)


def test_lines_that_were_taken_in_and_are_fewer_now_are_seen(path: Path) -> None:
    noted(path, 1, 2, 3)
    taken_in(path)
    edited(lambda found: found[:2])(path)
    with pytest.raises(LedgerDamaged):
        taken_in(path)


def test_a_line_that_was_not_written_whole_did_not_happen(path: Path) -> None:
    noted(path, 1)
    whole = lines(path).read_bytes()
    lines(path).write_bytes(whole + whole[:40])
    assert taken_in(path) == [told(1)]
    noted(path, 2)
    assert taken_in(path) == [told(1), told(2)]
    assert len([json.loads(line) for line in lines(path).read_bytes().splitlines()]) == 2


def test_nothing_is_opened_where_it_cannot_be_written_down(path: Path) -> None:
    noted(path)
    lines(path).symlink_to(path.with_name("elsewhere"))
    with pytest.raises(LedgerWithheld, match="cannot be written down") as caught:
        openings.note(path, None, openings.Opening.of_json(told(1)))
    assert str(caught.value.hint).startswith("nothing was opened; ")
    assert caught.value.exit_code == Exit.UNEXPECTED  # what lies there; nothing is damaged
    assert not path.with_name("elsewhere").exists()


def test_a_full_disk_is_no_damage_of_what_was_written_down(path: Path) -> None:
    """A fetch ended with 10, which says to put a copy of the ledger in its place."""
    noted(path)
    with files_of_at_most(0), pytest.raises(NoSpace, match="cannot be written down") as caught:
        openings.note(path, None, openings.Opening.of_json(told(1)))
    assert str(caught.value.hint).startswith("nothing was opened; make room")


@pytest.mark.parametrize("reason", [None, "", "  \n ", "x" * 301, "a\x1b[2Jb"])
def test_off_rehearsals_a_reason_is_needed(reason: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        openings.reason_of(reason, rehearsal=False)
    assert "--reason" in str(caught.value.hint)


def test_a_reason_is_one_line() -> None:
    assert openings.reason_of(" ticket\n 4711 ", rehearsal=False) == "ticket 4711"
    assert openings.reason_of(None, rehearsal=True) == "rehearsal"
