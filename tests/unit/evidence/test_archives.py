"""Bundles in archives: the same verdict as the folder's, and nothing lands anywhere else."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
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
        (slipped("/report.fr.html"), "does not belong"),
        (slipped("manifest.jsonl"), "twice"),
        (tar_with(link(tarfile.SYMTYPE)), "does not belong"),
        (tar_with(link(tarfile.LNKTYPE)), "does not belong"),
        (tar_with(tarfile.TarInfo("../report.fr.html"), b"x"), "does not belong"),
    ],
    ids=[
        *("up", "up-up", "absolute", "second-folder", "unknown", "from-the-root", "twice"),
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


@pytest.mark.slow
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


# --- archives that are another one to another program ---------------------------------------------


Pack = Callable[[Path, Path, Path], bytes]
"""Makes an archive of a good folder and of a forged one, in a folder for its pieces."""


def plain_tar(folder: Path, *, ends: bool = True) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for file in sorted(folder.iterdir()):
            archive.add(file, file.name)
        size = archive.offset
    return out.getvalue() if ends else out.getvalue()[:size]


def plain_zip(folder: Path, out: Path, *, hidden: Path | None = None, stamp: bytes = b"") -> bytes:
    """Zip a folder; before its files a `hidden` one, which the directory does not list."""
    with zipfile.ZipFile(out, "w") as archive:
        if stamp:
            archive.writestr("timestamp.tsr", stamp)
        if hidden is not None:
            archive.write(hidden, hidden.name)
            archive.filelist.clear()
            archive.NameToInfo.clear()
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return out.read_bytes()


def streamed_zip(folder: Path, behind: bytes = b"") -> bytes:
    """Zip a folder as to a pipe: sizes follow each file; `behind` the first, inside its size.

    What is empty is stored, as some programs do.
    """

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    out = Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            packing = zipfile.ZIP_DEFLATED if file.stat().st_size else zipfile.ZIP_STORED
            archive.write(file, file.name, packing)
        first = archive.filelist[0]
    made = out.getvalue()
    if not behind:
        return made
    cut = 30 + len(first.filename) + first.compress_size
    packed = (first.compress_size).to_bytes(4, "little")
    more = (first.compress_size + len(behind)).to_bytes(4, "little")
    head, rest = made[:cut], made[cut:]
    at = rest.rindex(b"PK\1\2", 0, rest.index(b"PK\1\2") + 4)
    listing = bytearray(rest[at:])
    assert bytes(listing[20:24]) == packed
    listing[20:24] = more
    places = []
    where = 0
    while listing[where : where + 4] == b"PK\1\2":
        places.append(where)
        lengths = [
            int.from_bytes(listing[where + n : where + n + 2], "little") for n in (28, 30, 32)
        ]
        where += 46 + sum(lengths)
    for place in places[1:]:
        moved = int.from_bytes(listing[place + 42 : place + 46], "little") + len(behind)
        listing[place + 42 : place + 46] = moved.to_bytes(4, "little")
    start = int.from_bytes(listing[where + 16 : where + 20], "little") + len(behind)
    listing[where + 16 : where + 20] = start.to_bytes(4, "little")
    return head + behind + rest[:at] + bytes(listing)


def told_otherwise(folder: Path, out: Path, magic: bytes, at: int, value: int) -> bytes:
    """Zip a folder; the first header that begins so says something else of its entry."""
    whole = bytearray(plain_zip(folder, out / "a.zip"))
    whole[whole.index(magic) + at] ^= value
    return bytes(whole)


def renamed_zip(folder: Path, out: Path, kind: int = 0x7075, behind: str = "") -> bytes:
    """Zip a folder; an extra field, or what is `behind` its name, gives the summary another one."""
    said = b"\1" + zlib.crc32(b"summary.json").to_bytes(4, "little") + b"findings.jsonl"
    with zipfile.ZipFile(out, "w") as archive:
        for file in sorted(folder.iterdir()):
            info = zipfile.ZipInfo(file.name)
            if file.name == "summary.json":
                info.extra = b"" if behind else struct.pack("<HH", kind, len(said)) + said
                info.filename += behind
            archive.writestr(info, file.read_bytes())
    return out.read_bytes()


def headed_tar(
    folder: Path, heads: Callable[[str, int], Sequence[bytes]], behind: bytes = b""
) -> bytes:
    """Tar a folder; headers go before its last file, behind whose end in its block something is."""
    out = io.BytesIO()
    *files, last = sorted(folder.iterdir(), key=lambda one: -one.stat().st_size % 512)
    for file in (*files, last):
        entry, content = tarfile.TarInfo(file.name), file.read_bytes()
        entry.size = len(content)
        room = bytes(-len(content) % 512)
        if file == last:
            assert len(behind) < len(room)
            out.writelines(heads(file.name, entry.size))
            room = behind + room[len(behind) :]
        out.write(entry.tobuf(tarfile.USTAR_FORMAT) + content + room)
    return out.getvalue() + bytes(1024)


def head(kind: bytes, content: bytes) -> bytes:
    """Return a header that goes before an entry."""
    entry = tarfile.TarInfo("head")
    entry.type, entry.size = kind, len(content)
    return entry.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)


def said(word: str, value: object) -> bytes:
    """Return a record of a pax header."""
    text = f" {word}={value}\n"
    return next(
        record
        for record in (f"{length}{text}" for length in range(1000))
        if record.startswith(f"{len(record)} ")
    ).encode()


SCRIPT = b"<script>"
LOCAL, LISTED, ENDS = b"PK\3\4", b"PK\1\2", b"PK\5\6"
AMBIGUOUS: dict[str, Pack] = {
    "a zip with an entry that some programs leave out": lambda good, _, out: told_otherwise(
        good, out, LISTED, 6, 0x20
    ),
    "a zip with an entry that some who read on leave out": lambda good, _, out: told_otherwise(
        good, out, LOCAL, 4, 0x20
    ),
    "a zip with an entry of another checksum in front": lambda good, _, out: told_otherwise(
        good, out, LOCAL, 14, 1
    ),
    "a zip with an entry that is locked in front": lambda good, _, out: told_otherwise(
        good, out, LOCAL, 6, 1
    ),
    "a zip behind a tar": lambda good, forged, out: (
        plain_tar(forged) + plain_zip(good, out / "a.zip")
    ),
    "a zip behind a packed tar": lambda good, forged, out: (
        gzip.compress(plain_tar(forged)) + plain_zip(good, out / "a.zip")
    ),
    "a zip behind a program": lambda good, _, out: (
        b"#!/bin/sh\nexit\n" + plain_zip(good, out / "a.zip")
    ),
    "a zip with a file that its directory hides": lambda good, forged, out: plain_zip(
        good, out / "a.zip", hidden=forged / "report.fr.html"
    ),
    "a zip with a file behind the end of another one": lambda good, forged, out: streamed_zip(
        good, plain_zip(forged, out / "b.zip")
    ),
    "a zip with something behind its end": lambda good, _, out: (
        plain_zip(good, out / "a.zip") + b"x"
    ),
    "a zip whose comment is shorter than it says": lambda good, _, out: told_otherwise(
        good, out, ENDS, 20, 1
    ),
    "a zip of which some read one file less": lambda good, _, out: told_otherwise(
        good, out, ENDS, 10, 1
    ),
    "a zip on another disk": lambda good, _, out: told_otherwise(good, out, ENDS, 4, 1),
    "a zip with a name that only some read to its end": lambda good, _, out: renamed_zip(
        good, out / "a.zip", behind="\0/../x"
    ),
    "a tar behind the end of a tar": lambda good, forged, _: plain_tar(good) + plain_tar(forged),
    "a zip with another name beside an entry's": lambda good, _, out: renamed_zip(
        good, out / "a.zip"
    ),
    "a zip with a link beside an entry": lambda good, _, out: renamed_zip(
        good, out / "a.zip", 0x756E
    ),
    "a tar with one size for all that follows": lambda good, _, __: headed_tar(
        good, lambda _name, size: [head(b"g", said("size", size + len(SCRIPT)))], SCRIPT
    ),
    "a tar with one name for all that follows": lambda good, _, __: headed_tar(
        good, lambda name, _size: [head(b"g", said("path", name))]
    ),
    "a tar with two names for an entry": lambda good, _, __: headed_tar(
        good, lambda name, _size: [head(b"x", said("path", "verify.py")), head(b"L", name.encode())]
    ),
    "a tar with a size that only some can read": lambda good, _, __: headed_tar(
        good, lambda _name, size: [head(b"x", said("size", f"0_{size}"))]
    ),
    "a tar with names in a set of characters": lambda good, _, __: headed_tar(
        good, lambda _name, _size: [head(b"g", said("hdrcharset", "BINARY"))]
    ),
    "two packed streams": lambda good, forged, _: (
        lzma.compress(plain_tar(good, ends=False)) + lzma.compress(plain_tar(forged))
    ),
    "a second stream behind the end": lambda good, forged, _: (
        lzma.compress(plain_tar(good)) + lzma.compress(plain_tar(forged))
    ),
}


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_an_archive_that_others_unpack_otherwise_is_refused(
    made: tuple[Path, Signer], tmp_path: Path, what: str
) -> None:
    """Without the key: what is checked is good, and what a reader then unpacks is forged."""
    good, key = made
    forged = tmp_path / "forged"
    shutil.copytree(good, forged)
    (forged / "report.fr.html").write_text("forged")
    path = tmp_path / "bundle"
    path.write_bytes(AMBIGUOUS[what](good, forged, tmp_path))

    (problem,) = check_bundle(path, [key.verifier])
    assert any(why in problem for why in ("neither a folder nor a whole", "twice", "not belong"))


@pytest.mark.slow
def test_archives_of_other_makers_are_taken(
    made: tuple[Path, Signer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, key = made
    path = tmp_path / "bundle"
    with zipfile.ZipFile(zipped(folder, tmp_path / "told.zip"), "a") as archive:
        archive.comment = b"told"
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)  # so that it has a long end
    long = plain_zip(folder, tmp_path / "long.zip")
    assert b"PK\6\6" in long
    for content in (
        streamed_zip(folder), long, (tmp_path / "told.zip").read_bytes(), plain_tar(folder),
        plain_tar(folder, ends=False), plain_tar(folder) + bytes(20 * 512),
        lzma.compress(plain_tar(folder)), bz2.compress(plain_tar(folder)),
        gzip.compress(plain_tar(folder)[:5000]) + gzip.compress(plain_tar(folder)[5000:]),
        headed_tar(folder, lambda _name, _size: [head(b"g", said("comment", "by git"))]),
        headed_tar(folder, lambda _name, size: [head(b"x", said("size", size))]),
    ):  # fmt: skip
        path.write_bytes(content)
        assert check_bundle(path, [key.verifier]) == []
