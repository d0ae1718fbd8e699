"""Small JSON objects of our own are read as a `TypedDict` or not at all."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import NotRequired, TypedDict

import pytest

from hdh_migrate.folders import keep, kept
from hdh_migrate.jsonform import OtherForm, typed_dict


class Colour(StrEnum):
    RED = "red"


class Inner(TypedDict):
    colour: Colour
    why: str | None


class Outer(TypedDict):
    number: int
    inner: list[Inner]
    more: NotRequired[float]


GOOD: Outer = {"number": 1, "inner": [{"colour": Colour.RED, "why": None}]}


def test_a_record_is_taken_with_the_types_that_it_says() -> None:
    found = typed_dict(Outer, {"number": 1, "inner": [{"colour": "red", "why": None}]})
    assert found == GOOD
    assert type(found["inner"]) is list
    assert found["inner"][0]["colour"] is Colour.RED
    assert typed_dict(Outer, {"number": 1, "inner": [], "more": 1})["more"] == 1


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([], "no object"),
        ({"number": 1}, "inner: missing"),
        ({**GOOD, "number": True}, "no int"),
        ({**GOOD, "number": None}, "no int"),
        ({**GOOD, "inner": {}}, "no list"),
        ({**GOOD, "inner": [{"colour": "blue", "why": None}]}, "none of the words"),
        ({**GOOD, "inner": [{"colour": "red"}]}, "why: missing"),
        ({**GOOD, "other": 1}, "other: not known"),
    ],
)
def test_whatever_is_of_another_form_is_refused(value: object, why: str) -> None:
    with pytest.raises(OtherForm, match=why):
        typed_dict(Outer, value)


def test_a_file_on_which_nothing_depends_is_read_whole_or_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert kept(path, Outer, 100) is None
    keep(path, GOOD)
    assert kept(path, Outer, 100) == GOOD
    assert kept(path, Outer, 10) is None
    path.write_text('{"number": 1')
    assert kept(path, Outer, 100) is None
    path.write_bytes(b"\xff")
    assert kept(path, Outer, 100) is None
    keep(tmp_path / "missing" / "file", GOOD)  # nobody's trouble
