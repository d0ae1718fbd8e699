"""Every event of the journal: its JSON form becomes its type, and its type that JSON form again."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hdh_migrate import events
from hdh_migrate.errors import LedgerDamaged
from hdh_migrate.events.cutover import CutoverRelisting, Track
from hdh_migrate.events.event import Event
from hdh_migrate.events.inventory import InventorySealed
from hdh_migrate.events.registry import KINDS, JournalEvent, UnknownOfCutover, read_body
from hdh_migrate.evidence.exports import keyed
from hdh_migrate.evidence.verifier import cutovers, journal
from hdh_migrate.evidence.verifier.events import EventAccount
from hdh_migrate.fixity import canonical_json
from hdh_migrate.jsonform import ABSENT, Absent, JsonForm, OtherForm
from hdh_migrate.ledger.store import read_event
from hdh_migrate.pipeline.projections.standing import CutoverStanding
from tests.support.events import demand_round_trip
from tests.support.examples import many

GOLDEN = Path(__file__).parents[1] / "golden"

PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    NoneType: st.none(),
    Absent: st.just(ABSENT),
    Any: st.none() | st.integers() | st.text() | st.lists(st.text(), max_size=2),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return the values of a type."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in PLAIN:
        return PLAIN[hint]
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple and args[-1] is Ellipsis:
        return st.lists(values(args[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, args))
    if origin is Mapping:
        return st.dictionaries(st.text(), values(args[1]), max_size=2)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    if isinstance(hint, type) and issubclass(hint, JsonForm):
        return forms(hint)
    return st.one_of(*map(values, args))


@cache
def forms(of: type[JsonForm]) -> st.SearchStrategy[JsonForm]:
    hints = get_type_hints(of)
    names = [one.name for one in fields(of) if one.name != "more"]
    return st.builds(of, **{name: values(hints[name]) for name in names})


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=many(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_an_event_is_read_as_it_was_written(kind: str, data: st.DataObject) -> None:
    event = data.draw(forms(KINDS[kind]))
    text = canonical_json(event.as_json()).decode()
    again = read_body(KINDS[kind], text)
    assert again == event
    assert canonical_json(again.as_json()).decode() == text


def every_event() -> Iterator[type[Event]]:
    for module in pkgutil.iter_modules(events.__path__, "hdh_migrate.events."):
        for one in vars(importlib.import_module(module.name)).values():
            if isinstance(one, type) and issubclass(one, Event) and "kind" in vars(one):
                yield one


def test_every_event_has_a_kind_of_its_own_and_is_registered() -> None:
    assert set(every_event()) == set(KINDS.values())
    assert len(KINDS) == len(get_args(JournalEvent))


def golden() -> Iterator[tuple[str, str]]:
    for path in sorted(GOLDEN.rglob("journal.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            yield line["kind"], line["body"]
    for path in sorted(GOLDEN.rglob("ledger.db")):
        con = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        yield from con.execute("SELECT kind, body FROM event ORDER BY seq")
        con.close()


def test_what_earlier_versions_wrote_is_read_as_it_stands() -> None:
    told = list(golden())
    assert len(told) > 50
    for kind, body in told:
        demand_round_trip(kind, body)


# --- what other versions wrote --------------------------------------------------------------------


def test_what_a_newer_version_says_besides_is_kept() -> None:
    body = '{"batch":"b","newer":{"a":[1]},"round":2,"track":"cutover"}'
    event = read_body(CutoverRelisting, body)
    assert event.round == 2
    assert event != CutoverRelisting(batch="b", track=Track.CUTOVER, round=2)
    assert canonical_json(event.as_json()).decode() == body


def test_of_a_cutovers_event_that_only_a_newer_version_knows_it_is_taken_that_it_came() -> None:
    event = read_body(UnknownOfCutover, '{"batch":"b","track":"cutover","what":1}')
    now, before = CutoverStanding("b"), CutoverStanding("b")
    now.take("2026-01-01T00:00:00Z", "cutover-new", event)
    assert now.times == {"new": "2026-01-01T00:00:00Z"}
    now.times.clear()
    now.recheck, now.erasure = before.recheck, before.erasure
    assert now == before


def test_an_earlier_form_lacks_what_was_not_told_then() -> None:
    event = read_body(InventorySealed, '{"dataset":"d","objects":1,"root":"r"}')
    assert event.excluded is ABSENT
    assert not event.bytes
    assert event.as_json() == {"dataset": "d", "objects": 1, "root": "r"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"batch":"b","track":"cutover"}', "round: missing"),
        ('{"batch":"b","round":"1","track":"cutover"}', "round: no int"),
        ('{"batch":"b","round":true,"track":"cutover"}', "round: no int"),
        ('{"batch":"b","round":1.0,"track":"cutover"}', "round: no int"),
        ('{"batch":null,"round":1,"track":"cutover"}', "batch: no str"),
        ('{"batch":"b","round":1,"track":"other"}', "track: none of the words"),
        ("[]", "no object"),
        ("{", "Expecting"),
        ("[" * 100_000, "too deep"),
    ],
)
def test_another_form_is_refused(body: str, told: str) -> None:
    with pytest.raises(OtherForm, match=told):
        read_body(CutoverRelisting, body)
    with pytest.raises(LedgerDamaged, match="event 7 of the journal is not of this version"):
        read_event(7, CutoverRelisting, body)


def test_what_a_journal_tells_cannot_be_changed_in_memory() -> None:
    event = CutoverRelisting(batch="b", track=Track.CUTOVER, round=2)
    with pytest.raises(AttributeError):
        event.round = 3  # type: ignore[misc]
    with pytest.raises(TypeError, match="round is missing"):
        CutoverRelisting(batch="b", track=Track.CUTOVER)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="no field rounds"):
        CutoverRelisting(batch="b", track=Track.CUTOVER, round=2, rounds=2)  # type: ignore[call-arg]


# --- what reads the journal without the types -----------------------------------------------------


def members(kind: str) -> set[str]:
    return {one.name for one in fields(KINDS[kind])}


def test_what_the_evidence_reads_is_what_the_types_say() -> None:
    for kind, names in keyed._COUNTED.items():
        assert names.keys() <= members(kind), kind
    for kind in (*EventAccount.HANDLERS, *journal.LATER):
        assert kind in KINDS
    for name in (*cutovers.EVENTS, *cutovers.STAGES, *cutovers.APPROVED, *cutovers.DEMANDED):
        assert f"{cutovers.KIND}{name}" in KINDS
