from __future__ import annotations

import unicodedata

import pytest

from hdh_migrate.evidence.exports.cells import code, safe
from tests.support.every import every
from tests.support.undone import restored
from tests.unit.evidence.hostile import HOSTILE

TRIGGERS = "=+-@\t\r\uff1d\uff0b\uff0d\uff20\u2212\u207a\ufe62"


@every("name", HOSTILE, ids=ascii)
def test_a_cell_starts_no_formula_breaks_no_line_and_can_be_undone(name: str) -> None:
    cell = safe(name)

    assert cell.lstrip(" ")[:1] not in set(TRIGGERS)
    assert ";" not in cell
    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in cell)
    assert restored(cell) == name


@pytest.mark.parametrize(
    "name",
    [
        "pmsi/2024/mco.csv",
        "2026-03-01T08:00:00Z",
        "2024-q1",
        "0x8DC1",
        "12a",
        "été 1.csv",
        "a=b+c",
        "O'Neil",
        "x-y@z",
        "marseille 2026",
        "mars 2026.csv",
        "séance 12",
    ],
)
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    assert safe(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "007",
            "2024",
            "12,5",
            "1e5",
            "1E+05",
            "3-4",
            "1/2",
            "2024-01-05",
            "12:30",
            " 7 ",
            "50 %",
        ),
        *("VRAI", "faux", "True", "1 000", "0" * 32, "1" * 64),
        *("12 mars 2026", "janv. 26", "12 févr. 26", "mars 2026", "26 mars", "décembre 2025"),
        *("lundi 12 mars 2026", "1er août 2026", "Sept 5", "Wednesday 3 June", "12h30"),
        *("(5)", ",5", "12 €", "€12", "$5", "10 AM", "5 pm", "12 EUR", "\uff11\uff12"),
    ],
)
def test_a_name_that_a_spreadsheet_would_turn_into_something_else_stays_text(name: str) -> None:
    """LibreOffice with a French locale made 7 of 007 and 100000 of 1e5.

    Asked to look for dates, it made the first of March of `mars 2026`, and -5 of (5).
    """
    assert safe(name) == f"'{name}"
    assert restored(safe(name)) == name


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_every_trigger_gets_an_apostrophe_or_an_escape(trigger: str) -> None:
    assert safe(f"{trigger}1")[0] in ("'", "\\")


def test_different_names_never_share_a_cell() -> None:
    cells = [safe(name) for name in HOSTILE]
    assert len(set(cells)) == len(HOSTILE)


@every("name", HOSTILE, ids=ascii)
def test_a_code_span_cannot_be_left(name: str) -> None:
    span = code(name)

    assert span[0] == span[-1] == "`"
    inside = span[1:-1]
    assert not set("`|\n\r") & set(inside)


def test_nothing_has_no_code_span() -> None:
    assert code("") == ""
