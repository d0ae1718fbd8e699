"""Bundles in archives: the same verdict as the folder's, and nothing lands anywhere else."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hdh_migrate.errors import UsageError
from hdh_migrate.evidence import archives
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.signatures.signing import Signer
from tests.unit.evidence.builders import bundle, dataset, facts, record, signer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Signer]:
    folder = tmp_path_factory.mktemp("archives")
    key = signer(folder)
    whole = bundle(folder / "bundle", [record("a")], about=facts(dataset(1)), signer=key)
    return whole.folder, key


def zipped(folder: Path, out: Path, *, inside: str = "") -> Path:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{inside}{file.name}")
    return out


def tarred(folder: Path, out: Path, *, inside: str = "") -> Path:
    with tarfile.open(out, "w:gz") as archive:
        archive.add(folder, inside or ".")
    return out


@pytest.mark.parametrize(
    "pack",
    [
        lambda folder, out: zipped(folder, out / "a.zip"),
        lambda folder, out: zipped(folder, out / "a.zip", inside="evidence-2026/"),
        lambda folder, out: tarred(folder, out / "a.tar.gz"),
        lambda folder, out: tarred(folder, out / "a.tgz", inside="evidence-2026"),
    ],
    ids=["zip", "zip-in-a-folder", "tar", "tar-in-a-folder"],
)
def test_an_archive_has_the_verdict_of_its_folder(
    made: tuple[Path, Signer], tmp_path: Path, pack: Callable[[Path, Path], Path]
) -> None:
    folder, key = made
    assert check_bundle(pack(folder, tmp_path), [key.verifier]) == []

    spoiled = tmp_path / "spoiled"
    shutil.copytree(folder, spoiled)
    (spoiled / "findings.jsonl").write_bytes(b"{}\n")
    assert check_bundle(pack(spoiled, tmp_path), [key.verifier]) != []


def slipped(name: str) -> Callable[[Path, Path], Path]:
    def pack(folder: Path, out: Path) -> Path:
        path = zipped(folder, out / "slip.zip")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"outside")
        return path

    return pack


def tar_with(member: tarfile.TarInfo, body: bytes = b"") -> Callable[[Path, Path], Path]:
    def pack(folder: Path, out: Path) -> Path:
        path = out / "slip.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(folder, ".")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
        return path

    return pack


def link(kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo("report.fr.html")
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("pack", "why"),
    [
        (slipped("../manifest.jsonl"), "does not belong"),
        (slipped("../../verify.py"), "does not belong"),
        (slipped("/etc/cron.d/manifest.jsonl"), "does not belong"),
        (slipped("other/report.fr.html"), "does not belong"),
        (slipped("evil.sh"), "does not belong"),
        (slipped("manifest.jsonl"), "twice"),
        (tar_with(link(tarfile.SYMTYPE)), "does not belong"),
        (tar_with(link(tarfile.LNKTYPE)), "does not belong"),
        (tar_with(tarfile.TarInfo("../report.fr.html"), b"x"), "does not belong"),
    ],
    ids=[
        *("up", "up-up", "absolute", "second-folder", "unknown", "twice"),
        *("symlink", "hardlink", "tar-up"),
    ],
)
def test_an_entry_that_would_land_elsewhere_is_a_finding_and_lands_nowhere(
    made: tuple[Path, Signer],
    tmp_path: Path,
    pack: Callable[[Path, Path], Path],
    why: str,
) -> None:
    folder, key = made
    path = pack(folder, tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}

    problems = check_bundle(path, [key.verifier])

    assert len(problems) == 1
    assert why in problems[0]
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_every_truncation_of_an_archive_is_a_finding(
    made: tuple[Path, Signer], tmp_path: Path
) -> None:
    folder, key = made
    for path in (zipped(folder, tmp_path / "a.zip"), tarred(folder, tmp_path / "a.tgz")):
        whole = path.read_bytes()
        # The very end of a tar is padding: without it every file is still whole.
        for length in range(0, len(whole) * 9 // 10, len(whole) // 40):
            path.write_bytes(whole[:length])
            assert check_bundle(path, [key.verifier]) != [], (path.name, length)


def test_an_archive_larger_than_the_disk_is_refused_before_it_is_unpacked(
    made: tuple[Path, Signer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, key = made
    path = zipped(folder, tmp_path / "a.zip")
    room = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: room)

    assert "larger than the room" in check_bundle(path, [key.verifier])[0]


def test_no_archive_at_all_is_a_finding_and_nothing_there_is_wrong_usage(
    made: tuple[Path, Signer], tmp_path: Path
) -> None:
    _, key = made
    (tmp_path / "a.zip").write_bytes(b"PK no")

    assert "neither a folder nor a whole" in check_bundle(tmp_path / "a.zip", [key.verifier])[0]
    with pytest.raises(UsageError):
        check_bundle(tmp_path / "nothing.zip", [key.verifier])
