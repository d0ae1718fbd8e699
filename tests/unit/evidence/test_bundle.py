from __future__ import annotations

import base64
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import EvidenceDamaged, NoSpace, Refused, UsageError
from hdh_migrate.evidence.bundle import check_bundle, published
from hdh_migrate.evidence.lines.facts import Endpoint, ObjectCounts
from hdh_migrate.evidence.signatures.envelopes import verify_envelope
from hdh_migrate.evidence.verifier.verify import CODES
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.model import key_text
from tests.unit.evidence.builders import (
    SOURCE,
    TARGET,
    at_level,
    bundle,
    dataset,
    exclusion,
    facts,
    failed,
    finding,
    lines,
    pending,
    record,
    signer,
    streamed,
)

REPOSITORY = Path(__file__).parents[3]


def predicate(folder: Path) -> Any:
    document = json.loads((folder / "statement.json").read_bytes())
    if "draft" in document:
        return document["statement"]["predicate"]
    return json.loads(base64.b64decode(document["payload"]))["predicate"]


@pytest.mark.slow
def test_a_bundle_has_its_files_and_nothing_else_and_checks(tmp_path: Path) -> None:
    key = signer(tmp_path / "keys")
    out = tmp_path / "reports" / "one"

    made = bundle(
        out,
        [record("a.csv"), record("b.csv")],
        about=facts(dataset(3, 2010)),
        signer=key,
        findings=[finding()],
        exclusions=[exclusion("c.tmp")],
        languages=("fr", "en"),
    )

    assert sorted(file.name for file in out.iterdir()) == sorted(
        [
            *CODES[2], "SHA256SUMS", "exclusions.jsonl", "findings.jsonl", "journal.jsonl",
            "manifest.jsonl", "report.en.html", "report.fr.html", "statement.json", "summary.json",
        ]
    )  # fmt: skip
    assert check_bundle(out, [key.verifier]) == []
    assert made.folder == out
    assert (made.count, made.signed, made.complete, made.proven) == (2, True, True, True)
    assert made.manifest_sha256 == sha256_hex((out / "manifest.jsonl").read_bytes())
    assert [entry.name for entry in out.parent.iterdir()] == ["one"]


def test_the_statement_is_in_toto_about_every_file_and_signed(tmp_path: Path) -> None:
    key = signer(tmp_path / "keys")
    made = bundle(
        tmp_path / "out", [record()], about=facts(dataset(1)), signer=key, languages=["fr"]
    )

    envelope = json.loads((made.folder / "statement.json").read_bytes())
    payload = verify_envelope(envelope, [key.verifier])
    said = json.loads(payload)

    assert made.statement_sha256 == sha256_hex(payload)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "urn:hdh-migrate:evidence:v2"
    assert said["subject"][0] == {
        "name": "manifest.jsonl",
        "digest": {"sha256": made.manifest_sha256},
    }
    assert {subject["name"] for subject in said["subject"]} == {
        file.name for file in made.folder.iterdir()
    } - {"statement.json", "SHA256SUMS"}
    assert said["predicate"]["manifest"] == {
        "merkle_root": made.root,
        "records": 1,
        "tree": "rfc9162-sha256",
        "digests": {"sha256": 1, "source_md5": 0, "stored_sha256": 1},
        "claimed": {"objects": 0, "bytes": 0},
        "sizes": [
            {"below": bound, "objects": int(bound == 4096), "bytes": 1000 * (bound == 4096)}
            for bound in (*(1 << power for power in range(12, 37, 4)), None)
        ],
        "largest": 1000,
    }


def test_the_sums_are_those_that_sha256sum_checks(tmp_path: Path) -> None:
    made = bundle(tmp_path / "out", [record()], about=facts(dataset(1)), languages=["en"])

    checked = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"],
        cwd=made.folder,
        check=True,
        capture_output=True,
        text=True,
    )

    assert checked.stdout.count(": OK") == len(list(made.folder.iterdir())) - 1


def test_equal_facts_make_equal_bytes(tmp_path: Path) -> None:
    key = signer(tmp_path / "keys")
    for name in ("one", "two"):
        bundle(
            tmp_path / name,
            [record()],
            about=facts(dataset(1)),
            signer=key,
            findings=[finding()],
            languages=["fr", "en"],
        )

    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_without_a_signer_it_is_a_draft_and_no_evidence(tmp_path: Path) -> None:
    made = bundle(tmp_path / "out", [record()], about=facts(dataset(1)))
    document = json.loads((made.folder / "statement.json").read_bytes())

    assert not made.signed
    assert document["draft"] is True
    assert "signatures" not in document
    assert json.loads((made.folder / "summary.json").read_bytes())["draft"] is True
    assert check_bundle(made.folder, []) == ["statement.json: an unsigned draft, not evidence"]
    with pytest.raises(EvidenceDamaged):
        verify_envelope(document, [signer(tmp_path / "keys").verifier])


def test_the_predicate_says_what_the_facts_and_the_lines_say(tmp_path: Path) -> None:
    about = facts(
        dataset(5, 3015),
        operator="claire@ops",
        sha256_in_transfer=1,
        sha256_in_verify=1,
        previous_statement="66" * 32,
    )
    made = bundle(
        tmp_path / "out",
        [record("a"), record("b"), failed("c")],
        about=about,
        findings=[finding("b-code"), finding("a-code"), finding("b-code")],
        exclusions=[exclusion("x"), exclusion("y", size=5)],
    )
    said = predicate(made.folder)

    assert said["plan"]["digest"]["sha256"] == sha256_hex(canonical_json(said["plan"]["canonical"]))
    assert said["times"]["written"] == "2026-03-02T10:15:30Z"
    assert (said["endpoints"][1]["region"], said["endpoints"][1]["bytes_written"]) == (
        "fr-par",
        TARGET.bytes_written,
    )
    assert said["exclusions"] == [
        {
            "dataset": "pmsi",
            "rule": "exclude **/_t/**",
            "reason": "scratch",
            "objects": 2,
            "bytes": 15,
        }
    ]
    assert said["findings"] == {"total": 3, "codes": {"a-code": 1, "b-code": 2}}
    assert said["outcome"]["verdicts"] == {
        "match": {"objects": 2, "bytes": 2000},
        "mismatch": {"objects": 1, "bytes": 1000},
    }
    assert said["outcome"]["levels"].keys() == {"full"}
    assert said["previous_statement"] == "66" * 32
    assert said["journal"]["events"] == len(lines(made.folder / "journal.jsonl"))
    assert said["journal"]["head"] == lines(made.folder / "journal.jsonl")[-1]["digest"]
    assert said["rehearsal"] is False
    assert [line["key"] for line in lines(made.folder / "exclusions.jsonl")] == ["_t/x", "_t/y"]


@pytest.mark.parametrize(
    ("records", "inventoried", "closed", "complete", "proven"),
    [
        ([record("a")], ObjectCounts(1, 1000), True, True, True),
        ([record("a", level="stored")], ObjectCounts(1, 1000), True, True, False),
        ([record("a")], ObjectCounts(1, 1000), False, False, False),
        ([record("a"), failed("b")], ObjectCounts(2, 2000), True, False, False),
        ([record("a"), pending("b")], ObjectCounts(2, 2000), True, False, False),
        ([], ObjectCounts(0, 0), True, False, False),
    ],
)
def test_only_counts_that_close_with_nothing_left_are_signed_as_complete(
    tmp_path: Path,
    records: list[dict[str, Any]],
    inventoried: ObjectCounts,
    closed: bool,
    complete: bool,
    proven: bool,
) -> None:
    key = signer(tmp_path / "keys")
    level = records[0]["level"] if records else "full"
    about = at_level(facts(dataset(0, inventoried=inventoried, closed=closed)), level)

    made = bundle(tmp_path / "out", records, about=about, signer=key)

    said = predicate(made.folder)["outcome"]
    assert (made.complete, made.proven) == (complete, proven)
    assert (said["complete"], said["proven"]) == (complete, proven)
    assert check_bundle(made.folder, [key.verifier]) == []


@pytest.mark.parametrize(
    "inventoried", [ObjectCounts(2, 2000), ObjectCounts(0, 0), ObjectCounts(1, 1001)]
)
def test_counts_that_do_not_close_are_never_complete_and_never_evidence(
    tmp_path: Path, inventoried: ObjectCounts
) -> None:
    key = signer(tmp_path / "keys")
    about = facts(dataset(0, inventoried=inventoried))

    made = bundle(tmp_path / "out", [record("a")], about=about, signer=key)

    assert (made.complete, made.proven) == (False, False)
    assert check_bundle(made.folder, [key.verifier]) == [
        "journal.jsonl: the lines of a dataset are not as many as the journal tells"
    ]


def test_a_report_of_nothing_is_never_complete(tmp_path: Path) -> None:
    """It said "Everything arrived", because the counts of nothing do close."""
    key = signer(tmp_path / "keys")
    made = bundle(
        tmp_path / "out",
        [],
        about=facts(dataset(1, 10)),
        exclusions=[exclusion("a")],
        signer=key,
        languages=["en"],
    )

    assert (made.complete, made.proven) == (False, False)
    assert check_bundle(made.folder, [key.verifier]) == []
    page = (made.folder / "report.en.html").read_text()
    assert "Nothing was moved" in page
    assert "Everything arrived" not in page


@pytest.mark.parametrize(
    ("urls", "rehearsal"),
    [
        (["http://127.0.0.1:10000/acc", "http://localhost:5000"], True),
        (["data/pmsi", "http://[::1]:5000"], True),
        (["file:data", "https://s3.fr-par.scw.cloud"], False),
        (["http://127.0.0.1:10000/acc", "http://127.0.0.1.example.org"], False),
        (["http://10.0.0.1", "http://localhost:1"], False),
    ],
)
def test_a_rehearsal_is_when_no_endpoint_is_off_this_machine(
    tmp_path: Path, urls: list[str], rehearsal: bool
) -> None:
    places = tuple(Endpoint(side="source", kind="generic", url=url) for url in urls)

    made = bundle(tmp_path / "out", [record()], about=facts(dataset(1), endpoints=places))

    assert predicate(made.folder)["rehearsal"] is rehearsal


@pytest.mark.parametrize(
    "changes",
    [
        {"plan_digest": "00" * 32},
        {"plan": {"version": 2}},
        {"previous_statement": "x" * 64},
        {"written_at": "yesterday"},
        {"started_at": "2026-03-01T22:00:00+01:00"},
        {"verify_level": "thorough"},
        {"datasets": (dataset(1), dataset(1))},
        {"endpoints": (replace(SOURCE, url="https://user:canary@host"),)},
        {"endpoints": (replace(SOURCE, url="https://host/c?sig=canary"),)},
        {"endpoints": (replace(SOURCE, url="https://host/c#canary"),)},
        {"endpoints": (replace(SOURCE, url="https://[canary"),)},
        {"endpoints": (replace(SOURCE, side="left"),)},
    ],
)
def test_facts_that_cannot_be_true_or_hold_a_credential_make_no_bundle(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(EvidenceDamaged) as caught:
        bundle(tmp_path / "out", [record()], about=facts(dataset(1), **changes))

    assert "canary" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("streams", "where"),
    [
        ({"records": [record("b"), record("a")]}, "manifest.jsonl line 2"),
        ({"records": [record("a", size=-1)]}, "manifest.jsonl line 1"),
        ({"records": [record("a", dataset="other")]}, "manifest.jsonl line 1"),
        (
            {"records": [record("a")], "exclusions": [exclusion("", key="a")]},
            "manifest.jsonl line 1",
        ),
        ({"records": [], "exclusions": [exclusion("a", size=None)]}, "exclusions.jsonl line 1"),
        ({"records": [], "findings": [finding(), finding(code="")]}, "findings.jsonl line 2"),
    ],
)
def test_a_refused_line_is_named_and_leaves_no_bundle(
    tmp_path: Path, streams: dict[str, Any], where: str
) -> None:
    with pytest.raises(EvidenceDamaged, match=where):
        bundle(tmp_path / "out", about=facts(dataset(1)), **streams)

    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_never_overwritten(tmp_path: Path) -> None:
    first = bundle(tmp_path / "out", [record()], about=facts(dataset(1)))
    before = {file.name: file.read_bytes() for file in first.folder.iterdir()}

    with pytest.raises(UsageError, match="never overwritten"):
        bundle(tmp_path / "out", [record("b")], about=facts(dataset(1)))

    assert {file.name: file.read_bytes() for file in first.folder.iterdir()} == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_filled_and_a_folder_of_others_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "empty")

    bundle(tmp_path / "empty", [record()], about=facts(dataset(1)))
    for name in ("file", "link"):
        with pytest.raises(UsageError):
            bundle(tmp_path / name, [record()], about=facts(dataset(1)))

    assert (tmp_path / "empty" / "SHA256SUMS").exists()
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_fills_up_meanwhile_is_left_alone(tmp_path: Path) -> None:
    def records() -> Iterator[dict[str, Any]]:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").write_text("mine")
        yield record()

    with pytest.raises(UsageError, match="never overwritten"):
        streamed(tmp_path / "out", records(), [record()], about=facts(dataset(1)))

    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["mine"]


def test_a_second_writer_of_the_same_folder_is_refused_while_the_first_writes(
    tmp_path: Path,
) -> None:
    refused: list[str] = []

    def records() -> Iterator[dict[str, Any]]:
        with pytest.raises(UsageError, match="another report"):
            bundle(tmp_path / "out", [record()], about=facts(dataset(1)))
        refused.append("yes")
        yield record()

    streamed(tmp_path / "out", records(), [record()], about=facts(dataset(1)))

    assert refused == ["yes"]
    assert check_bundle(tmp_path / "out", []) == ["statement.json: an unsigned draft, not evidence"]


def test_a_full_disk_is_a_clean_stop_and_leaves_nothing(tmp_path: Path) -> None:
    def records() -> Iterator[dict[str, Any]]:
        yield record()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(NoSpace, match="no room"):
        streamed(tmp_path / "out", records(), [record()], about=facts(dataset(1)))

    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.unit.evidence.builders import dataset, facts, record, streamed

def records():
    for number in range(5000):
        yield record(f"{number:06}")
    os.kill(os.getpid(), signal.SIGKILL)

streamed(Path(sys.argv[1]), records(), [], about=facts(dataset(5000)), languages=["fr"])
"""


@pytest.mark.slow
def test_a_kill_in_the_middle_leaves_no_half_bundle_and_the_next_writer_clears_up(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(out)], cwd=REPOSITORY, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    assert (tmp_path / ".out.partial" / "manifest.jsonl").stat().st_size > 0

    made = bundle(out, [record()], about=facts(dataset(1)))

    assert made.complete
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_bundles_are_closed_to_other_users(tmp_path: Path) -> None:
    made = bundle(tmp_path / "out", [record()], about=facts(dataset(1)), languages=["fr"])

    assert made.folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in made.folder.iterdir())


def test_an_unknown_language_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="de"):
        bundle(tmp_path / "out", [record()], about=facts(dataset(1)), languages=["fr", "de"])

    assert list(tmp_path.iterdir()) == []


def test_undecodable_and_hostile_keys_go_through_a_whole_bundle(tmp_path: Path) -> None:
    key = signer(tmp_path / "keys")
    keys = sorted([b"\xff\xfe", b"a\x00b", b"a\nb", "\u202egpj".encode(), b'"\\', b"\xc3\xa9"])
    names = [key_text(raw) for raw in keys]

    made = bundle(
        tmp_path / "out",
        [record(name) for name in names],
        about=facts(dataset(len(names) * 2, 1010 * len(names))),
        signer=key,
        findings=[finding(key=name) for name in names],
        exclusions=[exclusion(f"x{name}") for name in names],
        languages=["fr", "en"],
    )

    assert check_bundle(made.folder, [key.verifier]) == []
    assert len(lines(made.folder / "manifest.jsonl")) == len(keys)


MEASURED = """
import resource, sys
from pathlib import Path
from hdh_migrate.evidence.bundle import write_bundle
from tests.unit.evidence.builders import dataset, facts, record

def written(name, count):
    records = (record(f"{number:08}.dcm") for number in range(count))
    made = write_bundle(
        Path(sys.argv[1]) / name, records=records, facts=facts(dataset(count)), findings=(),
        exclusions=(), journal=(), signer=None, languages=(), checked=False,
    )
    assert made.count == count and made.complete
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

print(-written("small", 2_000) + written("large", 200_000))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_two_hundred_thousand_records(tmp_path: Path) -> None:
    measured = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )

    assert (tmp_path / "large" / "manifest.jsonl").stat().st_size > 80 << 20
    assert int(measured.stdout) < 4096  # KiB


def test_a_place_where_no_bundle_can_be_made_is_refused(tmp_path: Path) -> None:
    """A run of weeks ended with 1, as by a fault of ours, for a mistyped --out."""
    (tmp_path / "file").touch()
    refused = pytest.raises(Refused, match=r"file/out: cannot be made: (Not a dir|File exists)")
    with refused, published(tmp_path / "file" / "out"):
        pytest.fail("began")
