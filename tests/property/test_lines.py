"""Lines of evidence are canonical JSON, whichever way they were written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.fixity import LineForm, canonical_json

NAMES = ("size", "key", 'a"%s', "\u00e9", "b\\")
VALUES = st.none() | st.integers(-(1 << 63), 1 << 64) | st.text(st.characters(), max_size=12)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)))
def test_a_line_is_written_as_canonical_json_is(value: dict[str, str | int | None]) -> None:
    assert LineForm(value).written(value) == canonical_json(value)


@given(st.fixed_dictionaries({name: st.text(st.characters(categories=("Cs",))) for name in NAMES}))
def test_text_that_is_none_is_escaped_all_over(value: dict[str, str | int | None]) -> None:
    assert LineForm(NAMES).written(value) == canonical_json(value)
