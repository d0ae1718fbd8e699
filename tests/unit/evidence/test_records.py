from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.lines.records import (
    exclusion_line,
    finding_line,
    manifest_line,
    order_of,
    read_line,
)
from hdh_migrate.model import key_text
from tests.unit.evidence.builders import exclusion, finding, pending, record


def test_a_manifest_line_is_exactly_the_canonical_json_of_the_contract() -> None:
    assert (
        manifest_line(record("2026/été 1.csv"))
        == (
            '{"bucket":"hds-emc2","dataset":"pmsi","key":"2026/été 1.csv","level":"full",'
            f'"sha256":"{"11" * 32}","size":1000,"source_md5":null,'
            '"source_modified":"2026-03-01T08:00:00Z","source_version":"0x8DC1",'
            f'"stored_sha256":"{"22" * 32}","stored_size":1260,"target_etag":"\\"etag\\"",'
            '"target_key":"pmsi/2026/été 1.csv.c4gh","verdict":"match",'
            '"verified_at":"2026-03-02T09:30:00Z"}\n'
        ).encode()
    )


def test_a_key_that_is_no_text_is_readable_and_carries_its_bytes() -> None:
    key = key_text(b"scan \xff\xe9.dcm")

    line = json.loads(manifest_line(record(key)))

    assert line["key"] == "scan \\xff\\xe9.dcm"
    assert line["key_b64"] == "c2NhbiD/6S5kY20="
    assert line["target_key_b64"] == "cG1zaS9zY2FuIP/pLmRjbS5jNGdo"
    assert "key_b64" not in json.loads(manifest_line(record("scan é.dcm")))


def test_two_keys_whose_text_looks_alike_have_different_lines() -> None:
    undecodable, spelled = key_text(b"\xff"), "\\xff"

    assert manifest_line(record(undecodable)) != manifest_line(record(spelled))


@given(st.binary(min_size=1, max_size=60))
def test_any_key_bytes_come_back_from_a_line(raw: bytes) -> None:
    line = manifest_line(record("x", key=key_text(raw), target_key=key_text(raw)))

    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert order_of(read_line(line, manifest_line)) == (b"pmsi", raw)


@pytest.mark.parametrize("name", sorted(record()))
def test_a_missing_field_is_refused_by_name(name: str) -> None:
    made = record()
    del made[name]

    with pytest.raises(EvidenceDamaged, match=name):
        manifest_line(made)


def test_an_unknown_field_is_refused_by_name() -> None:
    with pytest.raises(EvidenceDamaged, match="patient"):
        manifest_line({**record(), "patient": "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dataset", ""),
        ("dataset", "a\udcff"),
        ("key", ""),
        ("key", b"bytes"),
        ("key", "\ud800"),
        ("size", -1),
        ("size", True),
        ("size", 1.0),
        ("size", 1 << 63),
        ("source_version", None),
        ("source_modified", "1 March 2026"),
        ("source_modified", "2026-03-01T08:00:00+02:00"),
        ("source_md5", "00"),
        ("sha256", "AA" * 32),
        ("sha256", "11" * 32 + "\n"),
        ("stored_sha256", "11" * 31),
        ("target_etag", ""),
        ("level", "fulL"),
        ("level", []),
        ("verdict", "extra"),
        ("verdict", "verified"),
        ("verdict", ["match"]),
        ("verified_at", "now"),
    ],
)
def test_a_malformed_field_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(EvidenceDamaged, match=f"field {name}"):
        manifest_line(record(**{name: value}))


@pytest.mark.parametrize(
    ("level", "lacking"),
    [
        ("full", "sha256"),
        ("full", "stored_sha256"),
        ("full", "stored_size"),
        ("stored", "stored_sha256"),
        ("head", "verified_at"),
        (None, "level"),
    ],
)
def test_a_match_without_its_grounds_is_refused(level: str | None, lacking: str) -> None:
    with pytest.raises(EvidenceDamaged, match=lacking):
        manifest_line(record(**{"level": level, lacking: None}))


def test_an_object_that_was_not_compared_yet_may_lack_everything_that_comparing_gives() -> None:
    assert json.loads(manifest_line(pending("a")))["verdict"] is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"[]\n",
        b"{}\n",
        b"\xff\n",
        b'{"key_b64":7}\n',
        b'{"key_b64":"%%%"}\n',
        b"[" * 100_000 + b"\n",
        b"1" * 5_000 + b"\n",
        manifest_line(record())[:-1],
        manifest_line(record())[:-1] + b" \n",
        manifest_line(record()).replace(b'"size":1000', b'"size":1e3'),
        manifest_line(record()).replace(b'"size":1000', b'"size":1000,"size":1000'),
        manifest_line(record()).replace(b'"key":"a.csv"', b'"key":"a.csv","key_b64":"YS5jc3Y="'),
        manifest_line(record()).replace(b'"key":"a.csv"', b'"key":"\\u0061.csv"'),
        b'{"a":"' + b"x" * (1 << 20) + b'"}\n',
    ],
)
def test_a_line_that_is_not_the_one_spelling_of_its_record_is_refused(line: bytes) -> None:
    with pytest.raises(EvidenceDamaged):
        read_line(line, manifest_line)


def test_findings_and_exclusions_have_exactly_their_fields() -> None:
    about_the_run = finding(dataset=None, key=None, step=None, at=None)

    assert read_line(finding_line(about_the_run), finding_line) == about_the_run
    assert read_line(exclusion_line(exclusion("a")), exclusion_line) == exclusion("a")
    with pytest.raises(EvidenceDamaged, match="message"):
        finding_line(finding(message=None))
    with pytest.raises(EvidenceDamaged, match="reason"):
        exclusion_line(exclusion("a", reason=""))


def test_no_refusal_shows_the_name_of_an_object() -> None:
    with pytest.raises(EvidenceDamaged) as caught:
        manifest_line(record("DUPONT-Jean.dcm", size=-1))

    assert "DUPONT" not in str(caught.value)
