"""Exports of a bundle that holds everything hostile, as the tools they are made for read them."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
import stat
import tracemalloc
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from string import Formatter
from types import SimpleNamespace

import pytest

from hdh_migrate.cli.verbs.audit.export import Format, What
from hdh_migrate.codes import Code
from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence.exports.exports import COLUMNS, FORMATS, SUMMED, ExportRequest, save
from hdh_migrate.evidence.exports.in_french import FRENCH, in_french, with_words
from hdh_migrate.evidence.exports.markdown_words import MARKDOWN
from hdh_migrate.evidence.exports.packages import PACKAGES
from hdh_migrate.evidence.lines.names import visible
from hdh_migrate.evidence.lines.records import order_of
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.reading import CheckedBundle, open_bundle, read_bundle
from hdh_migrate.evidence.signatures.envelopes import add_signature
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.selection import VANISHED
from hdh_migrate.fixity import canonical_json
from hdh_migrate.model import Place, Verdict
from hdh_migrate.pipeline.projections.facts import cutover_facts
from tests.support.events import typed
from tests.support.undone import restored
from tests.unit.evidence.builders import (
    SOURCE,
    TARGET,
    at_level,
    at_places,
    bundle,
    dataset,
    excluding,
    exclusion,
    facts,
    failed,
    finding,
    pending,
    record,
    replanned,
    reseal_sums,
    signer,
)
from tests.unit.evidence.hostile import HOSTILE
from tests.unit.evidence.passing import ENDED_AT, LATE, story
from tests.unit.evidence.test_messages import english_among

GLOB = "_t/**"
EVIL = '`|"<b>&amp;\u202e=1;\n@x'


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, key: Signer) -> Path:
    """A bundle in which every text that comes from outside attacks its reader."""
    records = sorted((failed(name) for name in HOSTILE), key=order_of)
    by_rule = {"rule": f"exclude {GLOB}", "reason": EVIL}
    left_out = sorted((exclusion(f"x{name}", **by_rule) for name in HOSTILE), key=order_of)
    about = facts(
        dataset(2 * len(HOSTILE), len(HOSTILE) * 1010, batch=EVIL),
        dataset(0, name=f"z{EVIL}", batch=f"z{EVIL}"),
        endpoints=(replace(SOURCE, kind=EVIL), replace(TARGET, kind=EVIL, region=EVIL)),
    )
    about = replanned(
        excluding(about, (GLOB, EVIL)),
        migration=EVIL,
        source={"kind": EVIL, "account_url": SOURCE.url},
        target={"provider": EVIL, "region": EVIL},
    )
    found = [finding(EVIL, key=name, message=EVIL) for name in HOSTILE]
    made = bundle(tmp_path_factory.mktemp("evil") / "out", records, about=about, signer=key,
                  findings=found, exclusions=left_out)  # fmt: skip
    return made.folder


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, key: Signer) -> Path:
    records = [
        record("a.csv", level="stored"),
        record("b.csv", level="stored"),
        record("s", dataset="scans", bucket="b", level="stored"),
    ]
    about = facts(
        dataset(3, 2010),
        dataset(1, name="scans", batch="imaging", target=Place(bucket="b", prefix="scans/")),
        dataset(0, name="void", batch="imaging"),
    )
    about = at_level(about, "stored")
    made = bundle(tmp_path_factory.mktemp("good") / "out", records, about=about, signer=key,
                  findings=[finding(), finding("batch-held-back", dataset=None, key=None),
                            finding("leased", severity="note")],
                  exclusions=[exclusion("c.tmp")])  # fmt: skip
    return made.folder


def made(folder: Path, form: str, **wanted: object) -> bytes:
    return b"".join(FORMATS[form](open_bundle(folder), ExportRequest(**wanted)))  # type: ignore[arg-type]


def rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def test_the_command_knows_every_format_and_every_csv_file() -> None:
    assert [str(form) for form in Format] == [*FORMATS, *PACKAGES]
    assert [str(what) for what in What] == list(COLUMNS)


@pytest.mark.parametrize("form", FORMATS)
def test_equal_bundles_give_equal_bytes(good: Path, form: str) -> None:
    assert made(good, form) == made(good, form)


# --- csv -----------------------------------------------------------------------------------------


OF_OBJECTS = [what for what in COLUMNS if what not in {"datasets", "cutovers"}]
"""What has a row for each object; `datasets` has sums, `cutovers` what was led elsewhere."""


@pytest.mark.parametrize("what", OF_OBJECTS)
def test_csv_has_a_header_and_a_row_for_every_line(hostile: Path, what: str) -> None:
    data = made(hostile, "csv", what=what)

    header, *lines = rows(data)
    assert tuple(header) == tuple(COLUMNS[what])
    assert len(lines) == len(HOSTILE)
    assert data.count(b"\n") == data.count(b"\r\n") == len(HOSTILE) + 1
    expected = {f"_t/x{name}" if what == "exclusions" else name for name in HOSTILE}
    assert {restored(line[1]) for line in lines} == expected


def split_anywhere(data: bytes) -> Iterator[str]:
    """Yield cells as a spreadsheet reads them that splits at semicolons and commas alike."""
    cell, quoted = "", False
    for char in data.decode("utf-8-sig").replace("\r\n", "\n"):
        if char == '"':
            quoted = not quoted
        elif char in ";,\n" and not quoted:
            yield cell
            cell = ""
            continue
        cell += char
    yield cell


@pytest.mark.parametrize("what", COLUMNS)
@pytest.mark.parametrize("name", ["a,=1", "a;=1", "a,=1;=2"])
@pytest.mark.parametrize("dialect", ["rfc4180", "excel-fr"])
def test_no_cell_begins_in_a_text_whatever_a_spreadsheet_splits_at(
    tmp_path: Path, key: Signer, what: str, dialect: str, name: str
) -> None:
    left_out = exclusion(f"x{name}", rule=f"exclude {GLOB}", reason=name)
    about = excluding(facts(dataset(2, 1010)), (GLOB, name))
    made_of = bundle(
        tmp_path / "out", [failed(name)], about=about, signer=key,
        findings=[finding(key=name)], exclusions=[left_out],
    )  # fmt: skip

    cells = list(split_anywhere(made(made_of.folder, "csv", what=what, dialect=dialect)))

    assert not [one for one in cells if one.strip('"').startswith("=")]


def test_a_french_reader_has_french_headers_and_findings(tmp_path: Path, key: Signer) -> None:
    message = "the object is larger than the target can hold"
    found = [
        finding("source-md5-differs", message=message),
        finding("leased", message="of another version; so", severity="note"),
    ]
    about = facts(dataset(1, 1000))
    made_of = bundle(tmp_path / "out", [record("a")], about=about, signer=key, findings=found)

    data = made(made_of.folder, "csv", what="findings", dialect="excel-fr")

    header, *lines = csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=";")
    assert header[:6] == ["jeu de données", "nom", "code", "sens du code", "gravité", "constat"]
    assert [line[3:7] for line in lines] == [
        [
            "le MD5 annoncé par la source n\u2019est pas celui de ses octets",
            "constat",
            "l\u2019objet est plus grand que ce que la cible peut contenir",
            "transfert",
        ],
        ["bail en cours à la source", "note", "of another version; so", "transfert"],
    ]


def test_every_column_has_a_french_name_and_every_code_its_words() -> None:
    columns = {one for columns in COLUMNS.values() for one in with_words(columns)}
    assert set(FRENCH) == columns
    for code in Code:
        step, severity = code.about.found, code.severity
        said = in_french({"code": code, "message": "", "severity": severity, "step": step})
        assert said["code.words"], code
        assert said["step"] != step
        assert said["severity"] in {"constat", "note", "refus"}
    for verdict in [*Verdict, None]:
        for level in ("head", "stored", "full"):
            said = in_french({"verdict": verdict, "level": level})
            assert {said["verdict.words"], said["level.words"]}.isdisjoint({verdict, level, None})


def test_a_french_reader_has_what_no_rule_left_behind_in_words() -> None:
    said = in_french({"rule": VANISHED[0], "reason": VANISHED[1]})
    assert said["rule"] == "disparu"
    assert english_among([str(said["reason"])]) == []
    mine = {"rule": "exclude **/_t/**", "reason": "not included"}
    assert in_french(mine) == mine


def test_the_sums_of_datasets_close(tmp_path: Path, key: Signer) -> None:
    records = [
        record("a"), failed("b", size=7), pending("c"),
        record("s", dataset="scans", bucket="b"),
    ]  # fmt: skip
    about = facts(
        dataset(4, 2017), dataset(1, name="scans", target=Place(bucket="b", prefix="scans/"))
    )
    made_of = bundle(
        tmp_path / "out", records, about=about, signer=key, exclusions=[exclusion("d", size=10)]
    )

    header, *lines = rows(made(made_of.folder, "csv", what="datasets"))

    told = [dict(zip(header, line, strict=True)) for line in lines]
    assert [(one["batch"], one["dataset"], one["verified"]) for one in told] == [
        ("pilot", "pmsi", "1"),
        ("pilot", "scans", "1"),
    ]
    for one in told:
        assert int(one["objects"]) == sum(int(one[state]) for state in SUMMED)
        assert int(one["bytes"]) == sum(int(one[f"{state}_bytes"]) for state in SUMMED)
    assert (told[0]["failed_bytes"], told[0]["excluded_bytes"]) == ("7", "10")


def test_each_cutover_has_a_row_that_says_who_agreed_and_in_spite_of_what(
    tmp_path: Path, key: Signer
) -> None:
    final = story(LATE, pointer={"kind": "file", "guard": "checked", "old_sha256": "aa" * 32,
                                 "new_sha256": "bb" * 32})  # fmt: skip
    final["approvals"] = {"finalize": ["cd" * 32]}
    other = story(None, track="rehearsal", stage="rolled back", times={})
    about = facts(dataset(1), cutovers=[final, other])
    made_of = bundle(tmp_path / "out", [record("a")], about=about, signer=key)

    def written(dialect: str) -> bytes:
        wanted = ExportRequest(what="cutovers", dialect=dialect)
        return b"".join(FORMATS["csv"](read_bundle(made_of.folder), wanted))

    header, first, second = rows(written("rfc4180"))
    told = dict(zip(header, first, strict=True))
    assert (told["batch"], told["stage"], told["why"]) == (
        "pilot", "finalized", "le service le sait",
    )  # fmt: skip
    assert (told["pointer_before"], told["pointer_after"]) == ("aa" * 32, "bb" * 32)
    assert (told["switched_at"], told["finalized_at"]) == ("2026-03-01T09:00:00Z", ENDED_AT)
    assert told["approvals"] == "end of rollback, ed25519:cdcdcdcdcdcdcdcd"
    assert told["in_spite_of"].startswith("in spite of 3 objects new or changed at the source")
    assert dict(zip(header, second, strict=True))["approvals"] == ""

    data = written("excel-fr").decode("utf-8-sig")
    header, first, second = csv.reader(io.StringIO(data), delimiter=";")
    told = dict(zip(header, first, strict=True))
    assert told["sens du stade"] == "définitive"
    assert told["accords (étape, clé, personne déclarée, signé le)"].startswith("fin du retour")
    assert told["définitif malgré"].startswith("malgré 3 objets nouveaux ou modifiés à la source")
    assert second[1:3] == ["rehearsal", "essai à blanc"]
    assert english_among(header) == []


def test_csv_gives_every_field_of_the_manifest(good: Path) -> None:
    (header, first, *_) = rows(made(good, "csv"))

    told = {name: restored(cell) or None for name, cell in zip(header, first, strict=True)}
    expected = record("a.csv", level="stored")
    assert told == {name: None if expected[name] is None else str(expected[name]) for name in told}
    assert told.keys() == expected.keys()


def test_csv_read_with_semicolons_begins_no_cell_with_a_formula(hostile: Path) -> None:
    for what in COLUMNS:
        text = made(hostile, "csv", what=what).decode()
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=";"):
            assert not [cell for cell in row if cell.lstrip(' "').startswith(tuple("=+-@"))]


@pytest.mark.slow
def test_csv_of_many_objects_needs_little_memory(tmp_path: Path, key: Signer) -> None:
    count = 4_000
    made_of = (record(f"{number:08}") for number in range(count))
    folder = bundle(tmp_path / "out", made_of, about=facts(dataset(count)), signer=key).folder
    reading = open_bundle(folder)

    tracemalloc.start()
    size = sum(map(len, FORMATS["csv"](reading, ExportRequest())))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size > count * 100
    assert peak < 512 << 10


# --- junit ---------------------------------------------------------------------------------------


def test_junit_has_a_suite_for_each_batch_and_a_case_for_each_dataset(good: Path) -> None:
    root = ET.fromstring(made(good, "junit"))

    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "3", "0")
    told = {
        suite.get("name"): [case.get("name") for case in suite.iter("testcase")] for suite in root
    }
    assert told == {"pilot": ["pmsi"], "imaging": ["scans", "void"]}
    assert [suite.get("skipped") for suite in root] == ["0", "1"]
    pilot = root.findtext("./testsuite[@name='pilot']/testcase/system-out")
    assert pilot is not None
    assert "2 objects not read back whole and unsealed: not proven" in pilot
    assert "finding md5-claim-differs: 1" in pilot


def test_junit_tells_plan_root_and_statement(good: Path) -> None:
    reading = open_bundle(good)
    root = ET.fromstring(made(good, "junit"))

    told = {entry.get("name"): entry.get("value") for entry in root[0].iter("property")}
    assert told["merkle_root"] == reading.predicate["manifest"]["merkle_root"]
    assert told["plan_digest"] == reading.predicate["plan"]["digest"]["sha256"]
    assert told["statement_sha256"] == reading.statement_sha256
    assert (told["draft"], told["rehearsal"], told["proven"]) == ("false", "false", "false")


def test_junit_fails_by_verdict_and_errs_when_unfinished(tmp_path: Path, key: Signer) -> None:
    records = [
        failed("a", dataset="bad"),
        failed("b", dataset="bad", verdict="missing"),
        failed("c", dataset="bad"),
        pending("d", dataset="idle"),
    ]
    about = facts(dataset(3, name="bad"), dataset(1, name="idle"))
    folder = bundle(tmp_path / "out", records, about=about, signer=key).folder

    root = ET.fromstring(made(folder, "junit"))

    suite = root[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["2", "1", "1"]
    failure, error = suite.find(".//failure"), suite.find(".//error")
    assert failure is not None
    assert error is not None
    assert (failure.get("type"), failure.get("message")) == ("mismatch", "2 mismatch, 1 missing")
    assert "manifest.jsonl line 2: missing" in (failure.text or "")
    assert error.get("message") == "1 object pending"


def test_junit_keeps_to_what_the_old_and_the_new_schema_of_jenkins_allow(hostile: Path) -> None:
    root = ET.fromstring(made(hostile, "junit", show_names=True))

    assert root.attrib.keys() == {"name", "tests", "failures", "errors", "time"}
    for suite in root:
        assert suite.attrib.keys() == {*root.attrib, "skipped", "timestamp"}
        assert [child.tag for child in suite] == ["properties"] + ["testcase"] * (len(suite) - 1)
        for case in suite.iter("testcase"):
            assert case.attrib.keys() == {"classname", "name", "time"}
            (outcome,) = case
            assert set(outcome.attrib) in ({"type", "message"}, set())


def test_junit_lists_a_hundred_failed_objects_and_counts_the_rest(
    tmp_path: Path, key: Signer
) -> None:
    records = [failed(f"{number:04}") for number in range(150)]
    folder = bundle(tmp_path / "out", records, about=facts(dataset(150)), signer=key).folder

    failure = ET.fromstring(made(folder, "junit")).find(".//failure")

    assert failure is not None
    assert failure.text is not None
    assert failure.text.count("manifest.jsonl line") == 100
    assert "and 50 more that failed" in failure.text


def test_junit_shows_names_only_when_asked(hostile: Path) -> None:
    quiet, loud = made(hostile, "junit"), made(hostile, "junit", show_names=True)

    text = "".join(ET.fromstring(loud).itertext())
    for name in HOSTILE:
        assert visible(name) in text
        assert len(name) < 5 or visible(name) not in "".join(ET.fromstring(quiet).itertext())


def test_hostile_text_leaves_junit_well_formed_and_inert(hostile: Path) -> None:
    root = ET.fromstring(made(hostile, "junit", show_names=True))

    assert {element.tag for element in root.iter()} <= {
        *("testsuites", "testsuite", "properties", "property", "testcase"),
        *("failure", "error", "skipped", "system-out"),
    }
    texts = [value for element in root.iter() for value in element.attrib.values()]
    assert not [text for text in [*texts, *root.itertext()] if set("\x00\x1b\u202e\r") & set(text)]


# --- markdown ------------------------------------------------------------------------------------


def test_markdown_says_what_it_came_to_on_its_first_line(good: Path) -> None:
    text = made(good, "markdown").decode()

    assert text.splitlines()[0] == "## complete, but not proven (`emc2-exit`)"
    assert "| `pilot` | `pmsi` | 3 | 2 | 0 | 0 | 1 |" in text
    assert f"| `leased` | {Code.LEASED.about.en} | 1 |" in text
    assert "| `md5-claim-differs` |  | 1 |" in text, "a code that this version does not know"
    assert "not checked for this summary" in text
    assert len(text.splitlines()) < 40


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("target-replaced", "## 1 object replaced at the target since verified"),
        ("target-accepted", "## complete when verified, 1 object replaced and accepted since"),
    ],
)
def test_markdown_says_that_the_target_holds_something_else_by_now(
    tmp_path: Path, key: Signer, code: str, said: str
) -> None:
    about, found = facts(dataset(1, 1000)), [finding(code, key="a")]
    bundle(tmp_path / "out", [record("a")], about=about, signer=key, findings=found)
    first, _, beside = made(tmp_path / "out", "markdown").decode().splitlines()[:3]
    assert first.startswith(said)
    assert beside == "Also: 1 finding in all."


def test_markdown_says_the_gravest_thing_first_and_the_rest_beside_it(
    tmp_path: Path, key: Signer
) -> None:
    records = [record("a"), failed("b"), pending("c")]
    about, found = facts(dataset(3, 3000)), [finding("target-replaced", key="a")]
    bundle(tmp_path / "out", records, about=about, signer=key, findings=found)
    first, _, beside = made(tmp_path / "out", "markdown").decode().splitlines()[:3]
    assert first.startswith("## 1 object replaced at the target since verified")
    assert beside == "Also: 1 object failed; 1 object to go; 1 finding in all."


@pytest.mark.parametrize(
    ("remaining", "said"),
    [
        ({}, "; erased since, as was decided: what opens 5 objects"),
        ({"locked": 1}, "; an erasure is under way"),
    ],
)
def test_markdown_says_in_its_heading_that_a_dataset_was_erased(
    good: Path, remaining: dict[str, int], said: str
) -> None:
    erased = {"dataset": "pmsi", "objects": 5, "began": "a", "ended": "b", "remaining": remaining}
    reading = open_bundle(good, [])
    told = replace(reading, predicate={**reading.predicate, "erasures": [erased]})

    first = b"".join(FORMATS["markdown"](told, ExportRequest())).decode().splitlines()[0]

    assert said in first


def said_in_french(code: Code) -> str:
    return Text(code.about.fr, code.about.en).said("fr")


SPAN = re.compile(r"`[^`]*`")


def test_a_french_summary_has_no_english_and_the_same_numbers(good: Path, hostile: Path) -> None:
    for folder in (good, hostile):
        said, other = (made(folder, "markdown", language=one).decode() for one in ("fr", "en"))
        assert english_among(SPAN.sub("", said).splitlines()) == []
        assert len(said.splitlines()) == len(other.splitlines())
    text = made(good, "markdown", language="fr").decode()
    assert text.splitlines()[0] == "## complet, mais pas prouvé (`emc2-exit`)"
    assert f"| `leased` | {said_in_french(Code.LEASED)} | 1 |" in text


def test_every_sentence_of_a_summary_is_french_in_french() -> None:
    assert english_among(re.sub(r"\{\w+\}", "", text.fr) for text in MARKDOWN.values()) == []
    for key, text in MARKDOWN.items():
        for one in (text.fr, text.en):
            first, _, several = one.partition("|")
            fields = {name for _, name, _, _ in Formatter().parse(several or first) if name}
            assert fields == {
                name for _, name, _, _ in Formatter().parse(text.fr.split("|")[-1]) if name
            }, key


def test_markdown_of_a_rehearsed_draft_says_so_first(tmp_path: Path) -> None:
    places = (replace(SOURCE, url="http://[::1]:1"), replace(TARGET, url="http://127.0.0.1:1"))
    about = at_places(facts(dataset(1)), *places)
    folder = bundle(tmp_path / "out", [record()], about=about).folder

    first = made(folder, "markdown").decode().splitlines()[0]

    assert first.startswith("## DRAFT, not evidence: REHEARSAL: complete and proven")


def test_markdown_says_that_signatures_were_checked(good: Path, key: Signer) -> None:
    reading = open_bundle(good, [key.verifier])
    text = b"".join(FORMATS["markdown"](reading, ExportRequest())).decode()

    assert f"by `{key.key_id}`; signatures checked with trusted keys" in text


def test_markdown_says_how_the_target_was_read_again_and_why_not_more_closely(
    tmp_path: Path,
) -> None:
    at, batches = "2026-03-02T10:15:00Z", ("b0", "b1")
    about = {batch: {"batch": batch, "track": "cutover"} for batch in batches}
    read = {"spans": [[1, 2, "head"]], "differing": [[1, "x"], [2, "y"]], "bytes": 0, "at": at,
            "objects": 1}  # fmt: skip
    events = [
        (at, "cutover-rechecking", {**about["b0"], "level": "head", "reason": "too | much"}),
        (at, "cutover-rechecked", {**about["b0"], **read}),
        (at, "cutover-moved", {**about["b1"], "round": 1}),
    ]
    types = [(at, kind, typed(kind, body)) for at, kind, body in events]
    cutovers = tuple(cutover_facts(SimpleNamespace(cutovers=lambda: types)))
    others = (dataset(0, name=f"d{batch}", batch=batch) for batch in batches)
    folder = bundle(
        tmp_path / "out", [record()], about=facts(dataset(1), *others, cutovers=cutovers),
        telling=lambda told: [*told[:-1], *events, told[-1]],
    ).folder  # fmt: skip

    text = made(folder, "markdown").decode()

    assert text.count("Read again before deleting") == 1
    assert "level `head`, because `too \\u{7c} much`, 1 reading, 2 differing" in text


def test_hostile_text_stays_in_its_code_span(hostile: Path) -> None:
    text = made(hostile, "markdown").decode()

    for line in text.splitlines():
        outside = line.split("`")[::2]
        assert len(line.split("`")) % 2 == 1
        assert not set("<@&;") & set("".join(outside).replace("; ", ""))
    assert not any(visible(name) in text for name in HOSTILE if len(name) > 10)
    table = [line for line in text.splitlines() if line.startswith("| `\\u{60}")]
    assert {line.count("|") for line in table} == {8, 4}


# --- where it comes from and where it goes -----------------------------------------------------


@pytest.mark.parametrize("name", ["manifest.jsonl", "journal.jsonl", "statement.json"])
def test_nothing_is_taken_from_a_damaged_bundle(
    good: Path, tmp_path: Path, name: str, key: Signer
) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in good.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    spoiled = bytearray((folder / name).read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    (folder / name).write_bytes(spoiled)
    reseal_sums(folder)

    with pytest.raises(EvidenceDamaged, match="does not check"):
        open_bundle(folder, [key.verifier])


def test_a_key_that_did_not_sign_is_damage_and_no_key_is_none(good: Path, tmp_path: Path) -> None:
    with pytest.raises(EvidenceDamaged, match="no trusted key"):
        open_bundle(good, [signer(tmp_path).verifier])
    assert not open_bundle(good).trusted


def test_only_those_are_said_to_have_signed_whose_signature_was_checked(
    good: Path, tmp_path: Path, key: Signer
) -> None:
    folder, witness = tmp_path / "seen", signer(tmp_path, "witness")
    shutil.copytree(good, folder)
    statement = folder / "statement.json"
    envelope = add_signature(json.loads(statement.read_bytes()), witness)
    broken = bytearray(base64.b64decode(envelope["signatures"][1]["sig"]))
    broken[0] ^= 1
    envelope["signatures"][1]["sig"] = base64.b64encode(broken).decode()
    statement.write_bytes(canonical_json(envelope) + b"\n")
    reseal_sums(folder)

    reading = open_bundle(folder, [key.verifier])
    text = b"".join(FORMATS["markdown"](reading, ExportRequest())).decode()
    junit = b"".join(FORMATS["junit"](reading, ExportRequest())).decode()

    assert (reading.signed_by, reading.unchecked) == ((key.key_id,), 1)
    assert f"by `{key.key_id}`; signatures checked with trusted keys (1 more not checked)" in text
    assert witness.key_id not in text + junit
    assert open_bundle(folder).claimed_by == (key.key_id, witness.key_id)
    with pytest.raises(EvidenceDamaged, match="names a trusted key, and is not by it"):
        open_bundle(folder, [key.verifier, witness.verifier])


def test_a_draft_is_read_as_one(tmp_path: Path, key: Signer) -> None:
    folder = bundle(tmp_path / "out", [record()], about=facts(dataset(1))).folder

    assert open_bundle(folder).draft
    with pytest.raises(EvidenceDamaged, match="draft"):
        open_bundle(folder, [key.verifier])


def test_what_is_no_bundle_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no bundle"):
        open_bundle(tmp_path)


def test_a_line_that_changes_after_the_check_is_noticed(good: Path, tmp_path: Path) -> None:
    reading = replace(open_bundle(good), folder=tmp_path)
    (tmp_path / "manifest.jsonl").write_bytes(b'{"a":1}\n')

    with pytest.raises(EvidenceDamaged, match=r"manifest.jsonl line 1"):
        list(reading.manifest())


def test_an_export_is_private_new_and_whole_or_absent(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"

    assert save([b"a", b"b"], out) == 2
    assert (out.read_bytes(), stat.S_IMODE(out.stat().st_mode)) == (b"ab", 0o600)
    with pytest.raises(UsageError, match="exists"):
        save([b"c"], out)

    def ends_early() -> Iterator[bytes]:
        yield b"begun"
        raise EvidenceDamaged("line 2")

    with pytest.raises(EvidenceDamaged):
        save(ends_early(), tmp_path / "other")
    with pytest.raises(UsageError, match="cannot be written"):
        save([b""], tmp_path / "nowhere" / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


def test_a_reading_shows_no_predicate(good: Path) -> None:
    reading: CheckedBundle = open_bundle(good)
    assert "emc2" not in repr(replace(reading, folder=Path("x")))
