"""A bundle as a bag and as an RO-Crate, as the standards' own validators see them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.exports import packages
from hdh_migrate.evidence.exports.packages import PACKAGES, package
from hdh_migrate.evidence.reading import open_bundle
from hdh_migrate.evidence.signatures.signing import Signer
from tests.support.oracles import PROGRAMS, judged
from tests.unit.evidence.builders import (
    bundle,
    dataset,
    facts,
    finding,
    record,
    replanned,
    signer,
)

BAG_PROFILE = Path(__file__).parents[3] / "docs" / "schemas" / "bagit-profile.json"
INSIDE = {"bagit": "data", "ro-crate": "evidence"}
KEPT = {"declared": {"kept": {"by": "Université de Rennes", "until": "2036-12-31"}}}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def key(keys: Path) -> Signer:
    return signer(keys)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, key: Signer) -> Path:
    about = facts(dataset(2, 2000), operator="claire@ops")
    about = replanned(about, report=KEPT)
    return bundle(
        tmp_path_factory.mktemp("made") / "bundle", [record("a.csv"), record("é.csv")],
        about=about, signer=key, findings=[finding(message="m")], languages=("fr", "en"),
    ).folder  # fmt: skip


def crate_of(folder: Path) -> dict[str, Mapping[str, Any]]:
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    return {one["@id"]: one for one in graph}


def faults_of(folder: Path) -> list[Any]:
    found: list[Any] = judged("crate.py", folder, PROGRAMS / "ro-crate-1.1-terms.json")
    return found


@pytest.mark.parametrize("form", PACKAGES)
def test_the_bundle_inside_is_the_same_and_checks_by_itself(
    signed: Path, key: Signer, tmp_path: Path, form: str
) -> None:
    out = tmp_path / "out"
    size = package(open_bundle(signed), form, out)
    inside = out / INSIDE[form]

    assert {path.name: path.read_bytes() for path in inside.iterdir()} == {
        path.name: path.read_bytes() for path in signed.iterdir()
    }
    assert check_bundle(inside, [key.verifier]) == []
    assert size == sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert all(path.stat().st_mode & 0o077 == 0 for path in out.rglob("*"))


@pytest.mark.parametrize("form", PACKAGES)
def test_equal_bundles_give_equal_packages(signed: Path, tmp_path: Path, form: str) -> None:
    for name in ("one", "two"):
        package(open_bundle(signed), form, tmp_path / name)
    one, two = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "two")
    )
    assert one == two


@pytest.mark.slow
def test_the_bag_is_one_by_the_judgement_of_bagit(signed: Path, tmp_path: Path) -> None:
    out = tmp_path / "bag"
    package(open_bundle(signed), "bagit", out)

    said = judged("bag.py", out)

    assert said["valid"], said
    assert said["info"]["External-Description"] == "Evidence of the migration emc2-exit"
    assert len(said["files"]) == len(list(signed.iterdir()))


@pytest.mark.slow
def test_the_bag_keeps_to_its_published_profile_by_the_judgement_of_its_validator(
    signed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bag"
    package(open_bundle(signed), "bagit", out)
    told = judged("bag_profile.py", out, BAG_PROFILE)
    assert told["valid"], told
    assert (
        json.loads(BAG_PROFILE.read_text())["BagIt-Profile-Info"]["BagIt-Profile-Identifier"]
        == packages.PROFILE
    )

    info = out / "bag-info.txt"
    for line in info.read_text().splitlines(keepends=True):
        if line.startswith("Payload-Oxum"):
            continue  # bagit itself asks for it
        info.write_text(info.read_text().replace(line, ""))
        assert not judged("bag_profile.py", out, BAG_PROFILE)["valid"], line
        info.write_text(info.read_text() + line)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["data/manifest.jsonl", "bag-info.txt", "manifest-sha256.txt"])
def test_bagit_sees_a_changed_file_of_the_bag(signed: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "bag"
    package(open_bundle(signed), "bagit", out)
    changed = out / name
    changed.write_bytes(changed.read_bytes().replace(b"a", b"b", 1))

    assert not judged("bag.py", out)["valid"]


@pytest.mark.slow
def test_the_crate_keeps_to_what_is_demanded_and_to_all_recommended_that_is_known(
    signed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "crate"
    package(open_bundle(signed), "ro-crate", out)

    left = faults_of(out)
    assert [one for one in left if one["severity"] != "RECOMMENDED"] == []
    # Nobody declares where the operator works, or a page of who keeps the evidence.
    unknown = ("affiliation", "URL")
    assert [one for one in left if not any(word in one["why"] for word in unknown)] == []


@pytest.mark.slow
def test_the_crate_of_a_draft_keeps_to_all_that_is_demanded(tmp_path: Path) -> None:
    made = bundle(tmp_path / "draft", [record("a.csv")], about=facts(dataset(1), operator=None))
    package(open_bundle(made.folder), "ro-crate", tmp_path / "crate")

    assert [one for one in faults_of(tmp_path / "crate") if one["severity"] == "REQUIRED"] == []
    assert "draft, not evidence" in crate_of(tmp_path / "crate")["./"]["name"]


@pytest.mark.slow
def test_its_validator_sees_a_crate_that_lacks_what_is_demanded(
    signed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "crate"
    package(open_bundle(signed), "ro-crate", out)
    text = (out / "ro-crate-metadata.json").read_text()
    (out / "ro-crate-metadata.json").write_text(text.replace("datePublished", "dateCreated"))

    assert any(one["severity"] == "REQUIRED" for one in faults_of(out))


def test_the_crate_tells_what_the_statement_says(signed: Path, tmp_path: Path) -> None:
    package(open_bundle(signed), "ro-crate", tmp_path / "crate")
    crate = crate_of(tmp_path / "crate")

    assert crate["#operator"]["name"] == "claire@ops"
    assert crate["#keeper"]["name"] == "Université de Rennes"
    assert crate["#migration"]["endTime"] >= crate["#migration"]["startTime"]
    assert "é.csv" not in (tmp_path / "crate" / "ro-crate-metadata.json").read_text()
    for line in (signed / "SHA256SUMS").read_text().splitlines():
        digest, _, name = line.partition("  ")
        assert crate[f"evidence/{name}"]["identifier"] == f"urn:sha256:{digest}"


def test_a_value_of_a_plan_begins_no_line_of_bag_info(tmp_path: Path) -> None:
    about = replanned(facts(dataset(1)), migration="x\nPayload-Oxum: 0.0")
    made = bundle(tmp_path / "made", [record("a.csv")], about=about)
    package(open_bundle(made.folder), "bagit", tmp_path / "bag")

    lines = (tmp_path / "bag" / "bag-info.txt").read_text().splitlines()
    assert sum(line.startswith("Payload-Oxum:") for line in lines) == 1


@pytest.mark.parametrize("form", PACKAGES)
def test_a_bundle_that_changes_after_its_check_becomes_no_package(
    signed: Path, tmp_path: Path, form: str
) -> None:
    made = bundle(tmp_path / "made", [record("a.csv")], about=facts(dataset(1)))
    reading = open_bundle(made.folder)
    with (made.folder / "manifest.jsonl").open("ab") as file:
        file.write(b"\n")

    with pytest.raises(EvidenceDamaged, match="changed since"):
        package(reading, form, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_what_a_crash_left_is_cleared_and_what_stands_is_never_overwritten(
    signed: Path, tmp_path: Path
) -> None:
    left = tmp_path / ".out.partial"
    (left / "data").mkdir(parents=True, mode=0o700)
    left.chmod(0o700)
    (left / "data" / "half").write_text("x")
    package(open_bundle(signed), "bagit", tmp_path / "out")

    assert not (tmp_path / "out" / "data" / "half").exists()
    with pytest.raises(UsageError, match="never overwritten"):
        package(open_bundle(signed), "bagit", tmp_path / "out")


@pytest.mark.slow
def test_the_verifier_in_the_bag_runs_alone(
    signed: Path, key: Signer, keys: Path, tmp_path: Path
) -> None:
    del key  # made before
    package(open_bundle(signed), "bagit", tmp_path / "bag")
    public = keys / "report.pub"
    data = tmp_path / "bag" / "data"

    done = subprocess.run(
        [sys.executable, "-B", str(data / "verify.py"), str(data), "--trust", str(public)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
