"""What covers rows is written from columns, and is what canonical JSON of the same row would be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.fixity import canonical_json
from hdh_migrate.ledger.coverage import RowForm
from hdh_migrate.ledger.rows import FAILED, VERIFIED

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)  # as SQLite can hold it
VALUES = st.none() | TEXTS | st.binary(max_size=40) | st.integers(-(1 << 63), (1 << 63) - 1)


@given(
    st.sampled_from([VERIFIED, FAILED]),
    st.data(),
    st.integers(1, 1 << 62),
    st.none() | TEXTS,
)
def test_a_row_is_written_as_canonical_json_would_write_it(
    names: tuple[str, ...], data: st.DataObject, number: int, extra: str | None
) -> None:
    values = data.draw(st.tuples(*[VALUES] * (len(names) - 1)))
    row, form = (number, *values, extra), RowForm(names)

    plain = [one.hex() if isinstance(one, bytes) else one for one in row[:-1]]
    told = dict(zip(names, plain, strict=True))
    assert form.line(row).encode() == canonical_json(told) + b"\n"
    assert form.extra_line(row).encode() == canonical_json({"id": number, "extra": extra}) + b"\n"
