"""The CSV cell rule, for any name there can be."""

from __future__ import annotations

import csv
import io

from hypothesis import example, given
from hypothesis import strategies as st

from hdh_migrate.evidence.exports.cells import code, safe
from hdh_migrate.model import key_text
from tests.support.undone import restored

ANY_NAME = st.one_of(
    st.binary(min_size=1).map(key_text),
    st.text(st.sampled_from("=+-@'\";,\\ux{}4f1 \t\r\n\uff1d\u202e\udcff")),
    st.text(),
)


@given(ANY_NAME)
@example("\\u{;")
@example("\\\x00u{41}")
def test_a_cell_is_harmless_and_gives_the_name_back(name: str) -> None:
    cell = safe(name)

    assert restored(cell) == name
    assert not cell.lstrip(" ").startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"))
    assert not set(cell) & set(";\t\r\n")
    cell.encode()  # clean text


@given(st.lists(ANY_NAME, min_size=1))
def test_a_row_is_one_line_and_reads_back_as_it_was(names: list[str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\r\n").writerow([safe(name) for name in names])
    text = file.getvalue()

    assert text.count("\n") == text.count("\r") == 1
    (row,) = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert [restored(cell) for cell in row] == names


@given(ANY_NAME, ANY_NAME)
def test_different_names_are_shown_differently(one: str, other: str) -> None:
    assert (one == other) is (code(one) == code(other))
