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
def test_rows_are_written_as_canonical_json_would_write_them(
    names: tuple[str, ...], data: st.DataObject, number: int, extra: str | None
) -> None:
    drawn = data.draw(st.lists(st.tuples(*[VALUES] * (len(names) - 1)), min_size=1, max_size=3))
    rows = [(number + place, *values, extra) for place, values in enumerate(drawn)]

    named, beyond = RowForm(names).lines(list(zip(*rows, strict=True)))

    plain = [[one.hex() if isinstance(one, bytes) else one for one in row] for row in rows]
    lines = [dict(zip(names, row[:-1], strict=True)) for row in plain]
    others = [{"id": row[0], "extra": row[-1]} for row in plain]
    assert named.encode() == b"".join(canonical_json(line) + b"\n" for line in lines)
    assert beyond.encode() == b"".join(canonical_json(line) + b"\n" for line in others)
