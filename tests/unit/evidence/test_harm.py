"""What of losses waits for a judgement, as a journal tells it: none covers what came later."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from hdh_migrate.events.event import Event
from hdh_migrate.events.registry import KINDS, read_body
from hdh_migrate.evidence.exports import keyed
from hdh_migrate.evidence.lines.absences import LooksInTurn
from hdh_migrate.evidence.lines.harm import HarmInTurn
from hdh_migrate.evidence.lines.left import LeftTask, left_to_do
from tests.unit.evidence.test_left import DONE, batches
from tests.unit.evidence.worlds import hour, told

Body = dict[str, Any]


def read(*journal: tuple[str, Body], names: str = "plain") -> list[tuple[str, Event]]:
    """Return the events that a bundle has, one each hour; with keyed names, as outsiders do."""
    texts: Iterable[tuple[int, str, str, str, bytes]] = [
        (seq, hour(seq), kind, json.dumps(body), b"") for seq, (kind, body) in enumerate(journal, 1)
    ]
    if names == "keyed":
        texts = keyed.journal(texts)
    return [(at, read_body(KINDS[kind], text)) for _, at, kind, text, _ in texts]


def lost(number: int, **more: Any) -> tuple[str, Body]:
    one = told(number, at=hour(number), code="vanished-lost", dataset="scans", object=8, **more)
    return "findings", {"opened": [one]}


def mended(number: int) -> tuple[str, Body]:
    return "findings", {"closed": [number]}


def judged(first: int, last: int, looks: Iterable[Body] = ()) -> tuple[str, Body]:
    return "breach-judged", {
        "looks": [*looks], "findings": [[first, last]], "notified": False,
        "key": {"fingerprint": "ab" * 32, "public": "", "until": None}, "signed": [],
    }  # fmt: skip


@pytest.mark.parametrize("names", ["plain", "keyed"])
def test_a_loss_that_no_judgement_names_waits_whatever_else_was_judged(names: str) -> None:
    """With keyed names, judgements of what was mended were once taken off what is open."""
    harm = HarmInTurn.of(read(lost(1), judged(1, 1), mended(1), lost(2), names=names))

    assert harm.broken({"vanished-lost": 1}) == 1
    assert harm.first_loss() == hour(2), "the same object is lost anew, and known since then"


@pytest.mark.parametrize("names", ["plain", "keyed"])
def test_what_was_judged_stays_judged_when_it_is_mended_and_waits_until_then(names: str) -> None:
    events = [lost(1), mended(1)]

    assert HarmInTurn.of(read(*events, names=names)).broken({}) == 1, "mended is not judged"
    assert HarmInTurn.of(read(*events, judged(1, 1), names=names)).broken({}) == 0
    assert HarmInTurn.of(read(lost(1), judged(1, 1), mended(1), names=names)).broken({}) == 0


def test_a_judgement_covers_no_finding_that_is_opened_after_it() -> None:
    harm = HarmInTurn.of(read(lost(1), judged(1, 9), lost(2)))

    assert [one.number for one in harm.losses()] == [2]


def test_what_a_look_goes_on_to_find_waits_for_another_judgement() -> None:
    look = {"batch": "imaging", "number": 1, "level": "full", "at": hour(1), "objects": 1,
            "spans": [[1, 5]], "bytes": 0}  # fmt: skip
    kept = {"gone": [], "damaged": [], "replaced": [], "unread": []}
    first = "looked-again", {**look, **kept, "gone": [3]}
    then = "looked-again", {**look, **kept, "damaged": [4, 5]}
    named = {"batch": "imaging", "number": 1, "objects": 1}
    other = {"batch": "imaging", "number": 2, "objects": 3}

    def left(*journal: tuple[str, Body]) -> list[int]:
        events = read(*journal)
        seen = LooksInTurn.of(events)
        return [many for _, many in HarmInTurn.of(events).absences(seen, "imaging")]

    assert left(first, judged(1, 1, [named])) == []
    assert left(first, judged(1, 1, [named]), then) == [2]
    assert left(first, then, judged(1, 1, [other])) == [3], "another look was judged"
    assert left(first, then, judged(1, 1, [{**named, "objects": 3}])) == []


def test_a_loss_is_told_from_when_it_was_known_and_not_from_an_earlier_or_later_look() -> None:
    """72 hours of what nobody judged do not begin with what somebody did judge."""
    for looked in (hour(1), hour(9)):
        one = replace(DONE, missed=True, read_back=looked)
        harm = HarmInTurn.of(read(lost(1), judged(1, 1), mended(1), lost(2)))
        found = left_to_do(replace(batches(one), harm=harm, findings={"vanished-lost": 1}))
        assert [each.at for each in found if each.task is LeftTask.BREACH] == [hour(2)]
