from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence.bundle import check_bundle
from hdh_migrate.evidence.check import examine, sums_text
from hdh_migrate.evidence.lines.records import manifest_line
from hdh_migrate.evidence.signatures.countersign import countersign
from hdh_migrate.evidence.signatures.dsse import STATEMENT_TYPE
from hdh_migrate.evidence.signatures.signing import Signer, TrustedKey, load_signer, new_report_key
from hdh_migrate.evidence.verifier.outcome import Outcome
from hdh_migrate.evidence.verifier.sample import SampleCheck
from hdh_migrate.fixity import canonical_json, sha256_hex
from tests.unit.evidence.builders import (
    bundle,
    dataset,
    digests_of,
    exclusion,
    facts,
    finding,
    record,
    reseal_sums,
    signer,
)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Signer]:
    """A small good bundle that no test changes, and who signed it."""
    folder = tmp_path_factory.mktemp("pristine")
    key = signer(folder / "keys")
    made = bundle(
        folder / "out",
        [record("a.csv"), record("b\udcff.csv")],
        about=facts(dataset(3, 2010)),
        signer=key,
        findings=[finding()],
        exclusions=[exclusion("c.tmp")],
        languages=["fr"],
    )
    return made.folder, key


@pytest.fixture
def copied(pristine: tuple[Path, Signer], tmp_path: Path) -> tuple[Path, Signer]:
    """A copy of it that a test may spoil."""
    folder, key = pristine
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy", key


def test_the_pristine_bundle_checks(pristine: tuple[Path, Signer]) -> None:
    folder, key = pristine

    assert check_bundle(folder, [key.verifier]) == []


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("exclusions.jsonl", 1),
        ("findings.jsonl", 1),
        # Long, and flipped whole by test_second_opinion where HDH_TEST_DRAWS asks for it.
        ("manifest.jsonl", 3),
        ("SHA256SUMS", 17),
        ("statement.json", 17),
        ("summary.json", 11),
    ],
)
@pytest.mark.slow
def test_every_flipped_byte_is_caught_even_when_the_sums_are_made_to_fit(
    copied: tuple[Path, Signer], name: str, step: int
) -> None:
    folder, key = copied
    good, digests = (folder / name).read_bytes(), digests_of(folder)
    unnoticed = []
    for offset in range(0, len(good), step):
        spoiled = bytearray(good)
        spoiled[offset] ^= 1 << offset % 7  # each byte in another bit
        (folder / name).write_bytes(spoiled)
        if name != "SHA256SUMS":  # as `reseal_sums`: the other files stay as they are
            digests[name] = sha256_hex(bytes(spoiled))
            (folder / "SHA256SUMS").write_bytes(sums_text(digests))
        if not check_bundle(folder, [key.verifier]):
            unnoticed.append(offset)

    assert unnoticed == []


@pytest.mark.parametrize(
    "name", ["exclusions.jsonl", "findings.jsonl", "manifest.jsonl", "statement.json"]
)
@pytest.mark.slow
def test_every_truncation_is_caught(copied: tuple[Path, Signer], name: str) -> None:
    folder, key = copied
    good = (folder / name).read_bytes()

    for length in range(0, len(good), 31):
        (folder / name).write_bytes(good[:length])
        reseal_sums(folder)
        assert check_bundle(folder, [key.verifier]) != []


def test_a_changed_report_page_is_caught(copied: tuple[Path, Signer]) -> None:
    folder, key = copied
    page = folder / "report.fr.html"
    page.write_text(page.read_text("utf-8").replace("emc2-exit", "emc2-done"), "utf-8")
    reseal_sums(folder)

    assert check_bundle(folder, [key.verifier]) == [
        "report.fr.html: not the file that the statement is about"
    ]


def test_a_missing_strange_or_irregular_file_is_caught(
    pristine: tuple[Path, Signer], tmp_path: Path
) -> None:
    folder, key = pristine

    def spoiled(change: Callable[[Path], object]) -> list[str]:
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(folder, tmp_path / "copy")
        change(tmp_path / "copy")
        return check_bundle(tmp_path / "copy", [key.verifier])

    def link(copy: Path) -> None:
        (copy / "manifest.jsonl").unlink()
        (copy / "manifest.jsonl").symlink_to(folder / "manifest.jsonl")

    assert spoiled(lambda copy: (copy / "summary.json").unlink()) == ["summary.json: missing"]
    assert spoiled(lambda copy: (copy / "DUPONT.txt").touch()) == [
        "a file that does not belong to a bundle"
    ]
    assert spoiled(link) == ["manifest.jsonl: not a plain file"]
    assert spoiled(lambda copy: (copy / "report.fr.html").unlink()) != []
    with pytest.raises(UsageError, match="no bundle here"):
        check_bundle(tmp_path / "absent", [key.verifier])


def test_without_the_right_key_nothing_is_signed(
    pristine: tuple[Path, Signer], tmp_path: Path
) -> None:
    folder, _ = pristine
    stranger = signer(tmp_path).verifier

    for keys in ([], [stranger]):
        assert check_bundle(folder, keys) == ["statement.json: no trusted key signed the statement"]


def test_parts_of_two_good_bundles_do_not_mix(copied: tuple[Path, Signer], tmp_path: Path) -> None:
    folder, key = copied
    other = bundle(
        tmp_path / "other", [record("z.csv")], about=facts(dataset(1)), signer=key, languages=["fr"]
    )

    for name in ("manifest.jsonl", "statement.json"):
        (folder / name).write_bytes((other.folder / name).read_bytes())
        reseal_sums(folder)
        assert check_bundle(folder, [key.verifier]) != []


def resigned(folder: Path, key: Signer, change: Callable[[dict[str, Any]], object]) -> None:
    """Let the trusted signer sign another statement: a liar with a good key."""
    envelope = json.loads((folder / "statement.json").read_bytes())
    said = json.loads(base64.b64decode(envelope["payload"]))
    change(said)
    made = key.sign(STATEMENT_TYPE, canonical_json(said))
    (folder / "statement.json").write_bytes(canonical_json(made) + b"\n")
    reseal_sums(folder)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda said: said["predicate"]["outcome"].update(proven=False), "outcome"),
        (
            lambda said: said["predicate"]["outcome"]["states"]["verified"].update(objects=9),
            "outcome",
        ),
        (
            lambda said: said["predicate"]["outcome"]["states"]["failed"].update(objects=False),
            "outcome",
        ),
        (lambda said: said["predicate"]["manifest"].update(merkle_root="00" * 32), "manifest"),
        (lambda said: said["predicate"]["findings"].update(total=0), "findings"),
        (lambda said: said["predicate"]["journal"].update(events=3.0), "journal"),
        (lambda said: said["predicate"]["exclusions"].clear(), "exclusions"),
        (lambda said: said["predicate"]["datasets"][0]["tally"].update(closes=1), "datasets"),
        (
            lambda said: said["predicate"]["datasets"][0]["tally"]["inventoried"].update(objects=2),
            "datasets",
        ),
        (lambda said: said["predicate"].update(rehearsal=True), "rehearsal"),
        (lambda said: said["predicate"]["endpoints"][0].update(local=True), "local endpoints"),
        (lambda said: said["predicate"]["plan"]["canonical"].update(version=2), "plan digest"),
        (lambda said: said["predicate"]["datasets"].clear(), "not those of the plan"),
        (lambda said: said["predicate"].pop("outcome"), "not a statement of this version"),
        (
            lambda said: said["predicate"].update(datasets=7),
            "of this version: statement.predicate.datasets",
        ),
        (lambda said: said.update(predicateType="urn:other"), "not a statement of this version"),
        (lambda said: said.update(extra=1), "not a statement of this version"),
        (lambda said: said["subject"].reverse(), "begin with the manifest"),
        (lambda said: said["subject"].pop(), "not the file that the statement is about"),
    ],
)
def test_a_signed_statement_that_says_other_than_its_files_is_caught(
    copied: tuple[Path, Signer], change: Callable[[dict[str, Any]], object], problem: str
) -> None:
    folder, key = copied

    resigned(folder, key, change)

    assert any(problem in line for line in check_bundle(folder, [key.verifier]))


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("predicate", "names"), "open"),
        (("predicate", "operator"), ""),
        (("predicate", "previous_statement"), "0" * 63),
        (("predicate", "times", "started"), "yesterday"),
        (("predicate", "times", "clock_offsets", "source"), "0.3"),
        (("predicate", "tool", "vendor"), "x"),
        (("predicate", "endpoints", 0, "local"), 0),
        (("predicate", "endpoints", 0, "requests"), 1.0),
        (("predicate", "endpoints", 0, "requests"), True),
        (("predicate", "seal", "recipients"), "none"),
        (("predicate", "verification", "sha256_taken_in_verify"), -1),
        (("predicate", "capabilities"), []),
        (("predicate", "datasets", 0, "closed"), "yes"),
        (("predicate", "datasets", 0, "source", "bucket"), None),
        (("predicate", "datasets", 0, "tally", "inventoried", "bytes"), 3010.0),
        (("subject", 1, "uri"), "https://host.example"),
        (("subject", 1, "digest", "sha512"), "0" * 128),
    ],
)
def test_what_no_line_decides_must_still_have_the_form_of_the_schema(
    copied: tuple[Path, Signer], at: tuple[Any, ...], value: object
) -> None:
    folder, key = copied

    def change(said: dict[str, Any]) -> None:
        holder: Any = said
        for name in at[:-1]:
            holder = holder[name]
        holder[at[-1]] = value

    resigned(folder, key, change)

    (problem,) = check_bundle(folder, [key.verifier])
    assert problem.startswith("statement.json: not a statement of this version: statement.")


def test_a_dataset_that_is_told_twice_is_refused_for_its_sums_would_double(
    copied: tuple[Path, Signer],
) -> None:
    folder, key = copied

    def change(said: dict[str, Any]) -> None:
        told = said["predicate"]
        plan = told["plan"]
        for holder in (told, plan["canonical"]):
            holder["datasets"] += holder["datasets"][:1]
        plan["digest"]["sha256"] = sha256_hex(canonical_json(plan["canonical"]))
        for state, sums in told["outcome"]["states"].items():
            for unit in sums:
                sums[unit] += told["datasets"][0]["tally"][state][unit]

    resigned(folder, key, change)

    assert "statement.json: the datasets are not those of the plan" in check_bundle(
        folder, [key.verifier]
    )


def test_a_summary_that_says_other_than_the_statement_is_caught_though_signed(
    copied: tuple[Path, Signer],
) -> None:
    folder, key = copied
    summary = json.loads((folder / "summary.json").read_bytes())
    summary["signed_by"] = "the ministry"
    (folder / "summary.json").write_bytes(canonical_json(summary) + b"\n")

    assert "summary.json: not the summary of the statement" in check_bundle(folder, [key.verifier])


def test_swapped_lines_are_named(copied: tuple[Path, Signer]) -> None:
    folder, key = copied
    path = folder / "manifest.jsonl"
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))))
    reseal_sums(folder)

    problems = check_bundle(folder, [key.verifier])

    assert "manifest.jsonl line 2: out of order" in problems


def test_an_endless_line_is_refused_in_bounded_memory(copied: tuple[Path, Signer]) -> None:
    folder, key = copied
    (folder / "manifest.jsonl").write_bytes(manifest_line(record())[:-2] + b" " * (8 << 20))
    reseal_sums(folder)

    assert "manifest.jsonl line 1: the line is too long" in check_bundle(folder, [key.verifier])


def test_a_strangers_signature_does_not_count(copied: tuple[Path, Signer], tmp_path: Path) -> None:
    folder, key = copied
    private, _ = new_report_key(tmp_path / "keys", "stranger", None)

    assert countersign(folder, load_signer(private, None), [key.verifier]) == 2

    assert check_bundle(folder, [key.verifier]) == []
    assert check_bundle(folder, [key.verifier], 2) != []


class Swapping:
    """A trusted key whose owner changes a file as soon as its signature was looked at."""

    def __init__(self, key: TrustedKey, swap: Callable[[], object]) -> None:
        self._key, self._swap = key.public, swap

    def verify(self, signature: bytes, data: bytes) -> None:
        self._key.verify(signature, data)
        self._swap()


def test_a_witness_signs_what_was_checked_and_not_what_took_its_place(
    copied: tuple[Path, Signer], tmp_path: Path
) -> None:
    """The check of a large bundle takes minutes; its folder may lie where others write."""
    folder, key = copied
    private, _ = new_report_key(tmp_path / "keys", "witness", None)
    path = folder / "statement.json"
    good = path.read_bytes()
    said = json.loads(base64.b64decode(json.loads(good)["payload"]))
    said["predicate"]["migration"] = "another"
    other = canonical_json(key.sign(STATEMENT_TYPE, canonical_json(said))) + b"\n"

    def swap() -> None:
        path.write_bytes(other)
        reseal_sums(folder)

    trusted = replace(key.verifier, _key=Swapping(key.verifier, swap))  # type: ignore[arg-type]
    with pytest.raises(EvidenceDamaged, match="changed while the bundle was checked"):
        countersign(folder, load_signer(private, None), [trusted])
    assert path.read_bytes() == other

    path.write_bytes(good)
    reseal_sums(folder)
    trusted = replace(key.verifier, _key=Swapping(key.verifier, swap))  # type: ignore[arg-type]
    outcome = examine(folder, [trusted])  # whoever goes on with it has what was checked
    assert outcome.problems == []
    assert outcome.predicate["migration"] != "another"


def test_a_file_that_changes_between_its_digest_and_its_lines_is_found(
    copied: tuple[Path, Signer],
) -> None:
    """Which step found something is in no other file: lines that nobody signed were taken."""
    folder, key = copied
    path = folder / "findings.jsonl"
    good = path.read_bytes()
    other = good.replace(b'"step":"transfer"', b'"step":"verify"')
    assert other != good

    swapping = Swapping(key.verifier, lambda: path.write_bytes(other))
    trusted = replace(key.verifier, _key=swapping)  # type: ignore[arg-type]
    assert check_bundle(folder, [trusted]) == ["findings.jsonl: changed while it was read"]

    assert check_bundle(folder, [key.verifier]) != []
    path.write_bytes(good)
    assert check_bundle(folder, [key.verifier]) == []


def test_nothing_is_drawn_of_a_manifest_that_changed_since_it_was_checked(
    copied: tuple[Path, Signer], tmp_path: Path
) -> None:
    folder, key = copied
    (tmp_path / "access").write_text("id\nsecret\n")
    path = folder / "manifest.jsonl"

    def swap(_: Path, __: Outcome) -> None:
        path.write_bytes(path.read_bytes().split(b"\n", 1)[1])

    sample = SampleCheck(1, tmp_path / "access")
    outcome = examine(folder, [key.verifier], sample=sample, also=swap)
    assert outcome.problems == ["manifest.jsonl: changed since it was checked"]


@pytest.mark.parametrize(
    "option", ["--trust", "--checkpoint", "--tsa-trust", "--target-credentials"]
)
@pytest.mark.slow
def test_a_pipe_that_nobody_writes_into_is_wrong_usage(
    copied: tuple[Path, Signer], tmp_path: Path, option: str
) -> None:
    """The verifier of a bundle waited for ever."""
    folder, key = copied
    os.mkfifo(tmp_path / "pipe")
    spki = PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "one.pub").write_bytes(key.verifier.public.public_bytes(Encoding.PEM, spki))
    given = [option, str(tmp_path / "pipe"), "--trust", str(tmp_path / "one.pub")]
    draw = ["--sample", "1"] if option == "--target-credentials" else []

    done = subprocess.run(
        [sys.executable, str(folder / "verify.py"), str(folder), *given, *draw],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, "not a regular file" in done.stderr) == (2, True)


def test_a_witness_signs_a_bundle_that_checks(copied: tuple[Path, Signer], tmp_path: Path) -> None:
    folder, key = copied
    private, _ = new_report_key(tmp_path / "keys", "witness", None)
    witness = load_signer(private, None)

    countersign(folder, witness, [key.verifier])

    assert check_bundle(folder, [key.verifier, witness.verifier], 2) == []
    with pytest.raises(EvidenceDamaged, match="already"):
        countersign(folder, witness, [key.verifier])


def test_a_witness_does_not_sign_a_bundle_that_was_changed(
    copied: tuple[Path, Signer], tmp_path: Path
) -> None:
    folder, key = copied
    private, _ = new_report_key(tmp_path / "keys", "witness", None)
    before = (folder / "statement.json").read_bytes()
    (folder / "summary.json").write_bytes(b"{}\n")

    with pytest.raises(EvidenceDamaged, match="does not check"):
        countersign(folder, load_signer(private, None), [key.verifier])

    assert (folder / "statement.json").read_bytes() == before


@pytest.mark.parametrize("point", [0, 1, 2])
def test_a_witness_who_is_interrupted_signs_again(
    copied: tuple[Path, Signer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: int
) -> None:
    folder, key = copied
    private, _ = new_report_key(tmp_path / "keys", "witness", None)
    witness, renames = load_signer(private, None), 0
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        nonlocal renames
        renames += 1
        if renames > point:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupted)
        with suppress(KeyboardInterrupt):
            countersign(folder, witness, [key.verifier])

    with suppress(EvidenceDamaged):  # it had signed already
        countersign(folder, witness, [key.verifier])
    assert check_bundle(folder, [key.verifier, witness.verifier], 2) == []
