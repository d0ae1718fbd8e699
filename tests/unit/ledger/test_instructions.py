"""What people tell a run lies in a file that is whole, private, and believed only in its form."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from hdh_migrate.errors import LedgerDamaged, Refused
from hdh_migrate.ledger.instructions import FILE, WAITING_MAX, InstructionFile
from hdh_migrate.model import Instruction, InstructionKind, Standing

NOW = "2026-11-26T10:00:00.000Z"
KIND = InstructionKind
ONE = '{"version": 1, "instructions": [{"id": "a", "user": "u", "at": "' + NOW + '", %s}]}'


def said(number: int, kind: InstructionKind = KIND.PAUSE, **more: object) -> Instruction:
    fields = {"id": f"{number:04}", "kind": kind, "user": "ops@here", "at": NOW} | more
    return Instruction(**fields)  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "state" / "emc2" / "ledger.db"


def test_where_nobody_said_anything_nothing_counts(ledger: Path) -> None:
    assert InstructionFile(ledger).read() == ()
    assert Standing.of((), NOW) == Standing()


def test_what_was_said_is_read_by_everybody_in_its_order_and_privately(ledger: Path) -> None:
    mine = InstructionFile(ledger)
    assert mine.read() == ()
    given = [
        said(1, reason="backup"),
        said(2, KIND.LIMIT, rate=5, until="2026-11-26T12:00:00.000Z"),
        said(3, KIND.RESUME),
        said(4, KIND.RELEASE),
    ]
    for one in given:
        InstructionFile(ledger).add(one)
    assert list(mine.read()) == given
    mine.redate(given[1])
    assert list(mine.read()) == given
    path = ledger.with_name(FILE)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    mine.forget({"0001", "0003"})
    assert [one.id for one in InstructionFile(ledger).read()] == ["0002", "0004"]


def _say(ledger: Path, first: int) -> None:
    for number in range(first, first + 20):
        InstructionFile(ledger).add(said(number))


@pytest.mark.slow
def test_nothing_is_lost_when_several_speak_at_once(ledger: Path) -> None:
    context = multiprocessing.get_context("fork")
    speakers = [context.Process(target=_say, args=(ledger, 100 * one)) for one in range(4)]
    for one in speakers:
        one.start()
    for one in speakers:
        one.join(60)
        assert one.exitcode == 0
    assert len({one.id for one in InstructionFile(ledger).read()}) == 80


def test_more_than_anybody_says_is_refused(ledger: Path) -> None:
    file = InstructionFile(ledger)
    file.add(said(0))
    told = [said(number) for number in range(WAITING_MAX)]
    file._write(told)
    with pytest.raises(Refused, match="wait for a run"):
        file.add(said(WAITING_MAX))


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[1]", '{"version": 2, "instructions": []}',
        '{"version": 1, "instructions": [{"id": "a"}]}',
        ONE % '"kind": "stop"',
        (ONE % '"kind": "pause"').replace(NOW, "now"),
        ONE % '"kind": "limit"',
        ONE % '"kind": "limit", "rate": true',
        ONE % '"kind": "pause", "rate": 5',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_a_file_that_is_not_of_its_form_is_not_taken_for_an_empty_one(
    ledger: Path, text: str
) -> None:
    """Somebody may have paused: what cannot be read lets nothing begin."""
    ledger.parent.mkdir(parents=True)
    ledger.with_name(FILE).write_text(text)
    with pytest.raises(LedgerDamaged):
        InstructionFile(ledger).read()


def test_what_counts_is_the_last_that_was_said_and_has_not_ended() -> None:
    late = "2026-11-26T12:00:00.000Z"
    pause, again = said(1), said(2, reason="again")
    limit, other = said(3, KIND.LIMIT, rate=5, until=late), said(4, KIND.LIMIT, rate=9)
    assert Standing.of((pause, again), NOW) == Standing(paused=pause)
    assert Standing.of((pause, said(9, KIND.RESUME)), NOW) == Standing()
    assert Standing.of((limit,), NOW) == Standing(limit=limit)
    assert Standing.of((limit,), late) == Standing()
    assert Standing.of((limit, other), late) == Standing(limit=other)
    assert Standing.of((other, said(9, KIND.RELEASE)), NOW) == Standing()
    ahead = said(5, KIND.LIMIT, rate=7, at="2027-11-26T10:00:00.000Z",
                 until="2027-11-26T12:00:00.000Z")  # fmt: skip
    heard = said(5, KIND.LIMIT, rate=7, until=late)  # it stood for a year and two hours
    assert Standing.of((ahead,), NOW) == Standing(limit=heard)
    both = Standing(paused=pause, limit=other)
    assert Standing.of((said(9, KIND.RESUME), pause, other), NOW) == both


def test_the_file_is_read_again_only_when_it_was_written(ledger: Path) -> None:
    file = InstructionFile(ledger)
    file.add(said(1))
    assert file.read() is file.read()
    told = json.loads(ledger.with_name(FILE).read_text())
    assert told["instructions"][0]["kind"] == "pause"
