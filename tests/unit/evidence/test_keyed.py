"""Keyed names: what a bundle for outsiders hides, and how one name of it is opened."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence.bundle import write_bundle
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.exports import keyed
from hdh_migrate.evidence.exports.keyed import KeyedNames
from hdh_migrate.evidence.exports.opening import check_opening, opening
from hdh_migrate.evidence.lines.records import exclusion_line, finding_line, manifest_line, order_of
from hdh_migrate.fixity import canonical_json
from tests.unit.evidence.builders import (
    consistent,
    dataset,
    exclusion,
    facts,
    finding,
    journal,
    lines,
    numbered,
    pending,
    record,
    signer,
)
from tests.unit.evidence.hostile import HOSTILE

SECRET = bytes(range(32))
NAMES = KeyedNames(SECRET)
OWN = ".hdh-migrate-sidecar/pmsi/0123456789abcdef.jsonl"


def framed(*items: bytes) -> bytes:
    """The frame as docs/exports.md gives it, written a second time."""
    text = b""
    for item in (b"hdh-migrate keyed names v1", *items):
        text += len(item).to_bytes(8, "big") + item
    return text


def test_names_are_made_as_documented() -> None:
    own = hmac.new(SECRET, framed(b"object", b"pmsi", b"a\xff.csv"), hashlib.sha256).digest()
    name = hmac.new(own, framed(b"key", b"pmsi", b"a\xff.csv"), hashlib.sha256).hexdigest()
    target = hmac.new(own, framed(b"target_key", b"hds-emc2", b"t/a"), hashlib.sha256).hexdigest()
    content = hmac.new(own, framed(b"sha256", b"\x11" * 32), hashlib.sha256).hexdigest()

    made = NAMES.record(record("a\udcff.csv", target_key="t/a", source_md5="ab" * 16))

    assert made["key"] == f"k:{name}"
    assert made["target_key"] == f"k:{target}"
    assert made["sha256"] == content
    assert made["source_md5"] is None


def test_everything_else_of_a_record_stays() -> None:
    plain, made = record("a"), NAMES.record(record("a"))
    changed = {name for name in plain if plain[name] != made[name]}
    assert changed == {"key", "target_key", "sha256"}
    assert NAMES.record(pending("a"))["sha256"] is None


def test_an_object_has_one_name_in_every_file_and_another_in_another_dataset() -> None:
    names = {
        NAMES.record(record("a"))["key"],
        NAMES.exclusion(exclusion("", key="a"))["key"],
        NAMES.finding(finding(key="a"))["key"],
    }
    assert len(names) == 1
    assert NAMES.record(record("a", dataset="scans"))["key"] not in names
    assert KeyedNames(bytes(32)).record(record("a"))["key"] not in names
    assert NAMES.finding(finding(key=None))["key"] is None


def test_equal_contents_of_two_objects_are_not_seen_to_be_equal() -> None:
    assert NAMES.record(record("a"))["sha256"] != NAMES.record(record("b"))["sha256"]


def test_who_guesses_a_small_sidecar_cannot_confirm_it() -> None:
    """Its version is the digest of its bytes, which stood in keyed bundles as it was."""
    guess = hashlib.sha256(b"a guessed sidecar").hexdigest()
    about = {"key": OWN, "source_version": f"sidecar:{guess}"}

    made = NAMES.record(record("a", **{**about, "sha256": guess}))
    gone = NAMES.exclusion({**exclusion("a"), **about})

    assert guess not in canonical_json([made, gone]).decode()
    assert made["source_version"] == gone["source_version"] == f"sidecar:k:{made['sha256']}"
    other = NAMES.record(record("b", **{**about, "key": f"{OWN}2", "sha256": guess}))
    assert other["source_version"] != made["source_version"]


@pytest.mark.parametrize("version", ["sidecar:", "sidecar:" + "AB" * 32, "x-sidecar:" + "ab" * 32])
def test_versions_of_other_forms_stay(version: str) -> None:
    assert NAMES.record(record("a", source_version=version))["source_version"] == version


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_becomes_a_clean_one(name: str) -> None:
    made = (
        manifest_line(NAMES.record(record(name))),
        exclusion_line(NAMES.exclusion(exclusion(name))),
        finding_line(NAMES.finding(finding(key=name))),
    )
    for line in made:
        assert b"_b64" not in line
        assert json.loads(line)["key"].startswith("k:")


def test_no_frame_can_be_read_as_another() -> None:
    one = NAMES.object_key("ab", "c").name("ab", "c")
    other = NAMES.object_key("a", "bc").name("a", "bc")
    assert one != other


def test_the_secret_has_one_length_and_no_repr() -> None:
    with pytest.raises(ValueError, match="length"):
        KeyedNames(b"short")
    assert SECRET.hex() not in repr(NAMES)
    assert NAMES.object_key("a", "b").raw.hex() not in repr(NAMES.object_key("a", "b"))


# --- the journal ---------------------------------------------------------------------------------


def chained(*bodies: Mapping[str, Any]) -> list[keyed.Event]:
    head, made = bytes(32), []
    for seq, body in enumerate(bodies, start=1):
        text = canonical_json(body).decode()
        head = hashlib.sha256(head + canonical_json([seq, "t", "kind", text])).digest()
        made.append((seq, "t", "kind", text, head))
    return made


def test_the_journal_keeps_what_names_nothing_and_says_what_it_left_out() -> None:
    events = chained(
        {"user": "ana@host", "steps": ["verify"], "pid": 7},
        {"ids": [3, 4], "rows_sha256": "ab" * 32},
        {"dataset": "pmsi", "objects": 2, "root": "cd" * 32, "unheard_of": "DUPONT.csv"},
    )
    told = list(keyed.journal(events))

    bodies = [json.loads(event[3]) for event in told]
    assert bodies == [
        {"user": "ana@host", "steps": ["verify"], "pid": 7},
        {"objects": 2, "left_out": ["ids", "rows_sha256"]},
        {"dataset": "pmsi", "objects": 2, "left_out": ["root", "unheard_of"]},
    ]
    assert told == chained(*bodies)
    assert list(keyed.journal(events[:2])) == told[:2]


# --- a bundle ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain_records() -> list[dict[str, Any]]:
    own = record(OWN, source_version="sidecar:" + "11" * 32)
    return sorted((*(record(name) for name in HOSTILE), own), key=order_of)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, plain_records: list[dict[str, Any]]) -> Path:
    base = tmp_path_factory.mktemp("keyed")
    left_out = sorted((exclusion(f"x{name}") for name in HOSTILE), key=order_of)
    found = numbered(*(finding(key=name) for name in HOSTILE))
    about = facts(dataset(2 * len(HOSTILE) + 1, len(HOSTILE) * 1010 + 1000))
    key = signer(base)
    made = write_bundle(
        base / "out",
        records=sorted(map(NAMES.record, plain_records), key=order_of),
        facts=consistent(replace(about, names="keyed"), plain_records),
        findings=map(NAMES.finding, found),
        exclusions=sorted(map(NAMES.exclusion, left_out), key=order_of),
        journal=keyed.journal(journal(about, plain_records, left_out, found)),
        signer=key,
        languages=("fr", "en"),
    )
    assert check_bundle(made.folder, [key.verifier]) == []
    return made.folder


def test_no_name_and_no_plaintext_digest_is_in_any_file(folder: Path) -> None:
    for file in folder.iterdir():
        data = file.read_bytes()
        assert b"11" * 32 not in data
        for name in HOSTILE:
            raw = name.encode("utf-8", "surrogateescape")
            assert len(raw) < 8 or raw not in data, (file.name, name)
            assert len(raw) < 8 or json.dumps(name)[1:-1].encode() not in data


def opened(folder: Path, plain: Mapping[str, Any], out: Path, **changes: Any) -> Path:
    told = opening(folder, plain, NAMES.object_key(plain["dataset"], plain["key"]))
    out.write_bytes(canonical_json({**told, **changes}))
    return out


def root_of(folder: Path) -> str:
    return str(json.loads((folder / "summary.json").read_bytes())["manifest"]["merkle_root"])


def test_every_name_can_be_opened_alone(
    folder: Path, plain_records: list[dict[str, Any]], tmp_path: Path
) -> None:
    for plain in plain_records:
        assert check_opening(opened(folder, plain, tmp_path / "o"), root_of(folder)) == plain


def test_the_opening_of_a_sidecar_holds_its_version_to_its_digest(
    folder: Path, plain_records: list[dict[str, Any]], tmp_path: Path
) -> None:
    plain = next(one for one in plain_records if one["key"] == OWN)
    key, told = NAMES.object_key("pmsi", OWN), opened(folder, plain, tmp_path / "o")
    line = json.loads(json.loads(told.read_bytes())["line"])
    assert line["source_version"] == key.version(plain["source_version"])
    for version, holds in {
        plain["source_version"]: True,  # of a bundle that an earlier version wrote
        key.version("sidecar:" + "12" * 32): False,
        "sidecar:" + "12" * 32: False,
    }.items():
        alone = manifest_line({**line, "source_version": version})[:-1]
        root = hashlib.sha256(b"\0" + alone).hexdigest()
        only = {"index": 0, "size": 1, "path": [], "root": root, "line": alone.decode()}
        opened(folder, plain, tmp_path / "o", **only)
        if holds:
            assert check_opening(tmp_path / "o", root) == plain
        else:
            with pytest.raises(EvidenceDamaged, match="source_version"):
                check_opening(tmp_path / "o", root)


def test_an_opening_says_nothing_of_another_object(
    folder: Path, plain_records: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Neither its secret nor its lines lead to a neighbour, whose name one knows already."""
    one, other = plain_records[0], plain_records[1]
    data = opened(folder, one, tmp_path / "o").read_bytes()
    told = json.loads(data)

    assert SECRET.hex().encode() not in data
    neighbour = NAMES.record(other)["key"]
    assert neighbour.encode() not in data
    revealed = keyed.ObjectKey(bytes.fromhex(told["opening"]))
    assert revealed.name(other["dataset"], other["key"]) not in {
        line["key"] for line in lines(folder / "manifest.jsonl")
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "other"),
        ("key_b64", "Ynl0ZXM="),
        ("target_key", "other"),
        ("dataset", "scans"),
        ("dataset", "\udcff"),
        ("sha256", "12" * 32),
        ("sha256", None),
        ("sha256", "x"),
        ("sha256", 7),
        ("opening", "00" * 32),
        ("opening", "00"),
        ("opening", 1),
        ("index", 1),
        ("size", 3),
        ("path", []),
        ("path", ["zz"]),
        ("line", "{}"),
        ("line", 1),
        ("key", "\ud800"),
        ("version", 2),
    ],
)
def test_a_changed_opening_is_refused(
    folder: Path, plain_records: list[dict[str, Any]], tmp_path: Path, field: str, value: object
) -> None:
    plain = next(one for one in plain_records if one["key"] == "+1+1")
    path = tmp_path / "o"
    told = opening(folder, plain, NAMES.object_key("pmsi", "+1+1"))
    path.write_text(json.dumps({**told, field: value}))

    with pytest.raises(EvidenceDamaged):
        check_opening(path, root_of(folder))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b"\xff", b"[" * 10_000, b"{" + b" " * (2 << 20)]
)
def test_what_is_no_opening_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "o").write_bytes(text)
    with pytest.raises(EvidenceDamaged, match="not an opening"):
        check_opening(tmp_path / "o", "00" * 32)
    with pytest.raises(UsageError):
        check_opening(tmp_path / "nothing", "00" * 32)


def test_an_opening_belongs_to_one_root(
    folder: Path, plain_records: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = opened(folder, plain_records[0], tmp_path / "o")
    with pytest.raises(EvidenceDamaged, match="does not lead to this root"):
        check_opening(path, "00" * 32)


def test_no_opening_is_made_for_what_is_not_there_or_was_otherwise(
    folder: Path, plain_records: list[dict[str, Any]]
) -> None:
    plain = plain_records[0]
    key = NAMES.object_key(plain["dataset"], plain["key"])
    with pytest.raises(UsageError, match="no line for this object"):
        opening(folder, plain, KeyedNames(bytes(32)).object_key(plain["dataset"], plain["key"]))
    with pytest.raises(UsageError, match="not what it was"):
        opening(folder, {**plain, "sha256": "99" * 32}, key)
