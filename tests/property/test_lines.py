"""Lines of evidence are canonical JSON, whichever way they were written."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.evidence.verifier.forms import RECORD, misfit, plain_line
from hdh_migrate.fixity import LineForm, canonical_json

PLAIN = plain_line(RECORD)
SURROGATES = set(map(chr, range(0xD800, 0xE000)))

NAMES = ("size", "key", 'a"%s', "\u00e9", "b\\")
VALUES = st.none() | st.integers(-(1 << 63), 1 << 64) | st.text(st.characters(), max_size=12)


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES)))
def test_a_line_is_written_as_canonical_json_is(value: dict[str, str | int | None]) -> None:
    assert LineForm(value).written(value) == canonical_json(value)


@given(st.fixed_dictionaries({name: st.text(st.characters(categories=("Cs",))) for name in NAMES}))
def test_text_that_is_none_is_escaped_all_over(value: dict[str, str | int | None]) -> None:
    assert LineForm(NAMES).written(value) == canonical_json(value)


NULLABLE = st.none() | st.booleans() | st.integers(-(1 << 65), 1 << 65) | st.floats()
HOSTILE = st.text(st.sampled_from('a"\\\n\x00\x1f\x7fé\u2028\ud800\udcff0Z:'), max_size=6)
FITTING = {
    name: st.just("0" * 64) | st.just("0" * 32) | st.just("2026-11-01T08:00:00.5Z")
    | st.sampled_from(["full", "match", "head", "x", ""])
    for name in RECORD
}  # fmt: skip


@given(
    st.fixed_dictionaries(
        {
            name: st.integers(0, 1 << 63) | NULLABLE if name in {"size", "stored_size"}
            else FITTING[name] | NULLABLE | HOSTILE
            for name in RECORD
        }
    ),
    st.sampled_from([(",", ":"), (", ", ": ")]),
    st.booleans(),
    st.sampled_from(["\n", "", "\n\n", " \n"]),
)  # fmt: skip
def test_a_line_that_matches_as_a_whole_is_one_that_is_good_field_by_field(
    value: dict[str, Any], separators: tuple[str, str], ascii_only: bool, end: str
) -> None:
    text = json.dumps(value, separators=separators, ensure_ascii=ascii_only, sort_keys=True) + end

    if PLAIN.fullmatch(text) and not set(text) & SURROGATES:
        line = json.loads(text)
        assert canonical_json(line).decode() + "\n" == text
        assert line.keys() == RECORD.keys()
        assert misfit(line, RECORD) is None


def test_a_line_of_every_day_matches_as_a_whole() -> None:
    whole = {
        "bucket": "b", "dataset": "d", "key": "é/1.dcm", "level": "full", "sha256": "0" * 64,
        "size": 0, "source_md5": None, "source_modified": "2026-11-01T08:00:00Z",
        "source_version": "0x8", "stored_sha256": "0" * 64, "stored_size": 124,
        "target_etag": '"0"', "target_key": "o/é/1.dcm.c4gh", "verdict": "match",
        "verified_at": "2026-11-26T22:54:14.275+00:00",
    }  # fmt: skip

    assert PLAIN.fullmatch(canonical_json(whole).decode() + "\n")
    assert not PLAIN.fullmatch(canonical_json({**whole, "key": ""}).decode() + "\n")
    assert not PLAIN.fullmatch(canonical_json({**whole, "size": -1}).decode() + "\n")
