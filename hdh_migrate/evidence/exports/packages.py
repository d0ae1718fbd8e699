"""A bundle inside a package that archives and research data stewards take: BagIt, RO-Crate.

A package is a folder that holds the bundle's files, unchanged, in a folder of their own, and beside
it what the package's standard asks for. So the bundle inside goes on to verify with the verifier
that travels in it: `python3 data/verify.py data --trust KEY`. Everything is made from the bundle
alone: equal bundles give equal packages. Files and folders are readable by their owner only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.bundle import published
from hdh_migrate.evidence.exports.crate import crate_metadata
from hdh_migrate.evidence.reading import CheckedBundle, demand_showable
from hdh_migrate.folders import sync, write_whole, writing

SUMS: Final = "SHA256SUMS"
PIECE: Final = 1 << 20
PROFILE: Final = "urn:hdh-migrate:bagit-profile:v1"
"""What such a bag keeps to: docs/schemas/bagit-profile.json, in the form of BagIt Profiles 1.3."""


class PackedFile(NamedTuple):
    """One file of the bundle: its size in bytes and its SHA-256, as it was copied."""

    name: str
    size: int
    sha256: str


def package(reading: CheckedBundle, form: str, out: Path) -> int:
    """Write a bundle's package into a new folder, whole or not at all; return its bytes.

    Raises:
        UsageError: `out` exists and is not empty.
        EvidenceDamaged: a file of the bundle changed since it was checked.
        NoSpace: the disk is full.
    """
    with published(out) as folder:
        return PACKAGES[form](reading, folder)


def _bag(reading: CheckedBundle, folder: Path) -> int:
    """Write a bag (RFC 8493): payload, its manifest, and tag files with theirs."""
    files = _copied(reading, folder / "data")
    payload = sum(one.size for one in files)
    tags = {
        "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": _fields(_bag_info(reading, files, payload)),
        "manifest-sha256.txt": "".join(f"{one.sha256}  data/{one.name}\n" for one in files),
    }
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in tags.items()}
    lines = sorted((name, digest) for name, digest in digests.items())
    tags["tagmanifest-sha256.txt"] = "".join(f"{digest}  {name}\n" for name, digest in lines)
    return payload + _written(folder, tags)


def _bag_info(reading: CheckedBundle, files: list[PackedFile], payload: int) -> Mapping[str, str]:
    said, tool = reading.predicate, reading.predicate["tool"]
    draft = " (draft, not evidence)" if reading.draft else ""
    return {
        "BagIt-Profile-Identifier": PROFILE,
        "Bag-Software-Agent": f"{tool['name']} {tool['version']}",
        "Bagging-Date": said["times"]["written"][:10],
        "External-Description": f"Evidence of the migration {said['migration']}{draft}",
        "External-Identifier": f"urn:sha256:{reading.statement_sha256}",
        "Internal-Sender-Identifier": said["migration"],
        "Payload-Oxum": f"{payload}.{len(files)}",
    }


def _fields(fields: Mapping[str, str]) -> str:
    """Return the lines of bag-info.txt; a value has no line feed, for that would begin a field."""
    return "".join(f"{name}: {' '.join(value.split())}\n" for name, value in fields.items())


def _crate(reading: CheckedBundle, folder: Path) -> int:
    """Write an RO-Crate 1.1: the bundle's files and what they are, as linked data."""
    files = _copied(reading, folder / "evidence")
    with demand_showable():
        text = crate_metadata(reading, [(one.name, one.size, one.sha256) for one in files])
    payload = sum(one.size for one in files)
    return payload + _written(folder, {"ro-crate-metadata.json": text})


PACKAGES: Final[Mapping[str, Callable[[CheckedBundle, Path], int]]] = {
    "bagit": _bag,
    "ro-crate": _crate,
}
"""Every package; each fills an empty folder and returns how many bytes it holds."""


def _copied(reading: CheckedBundle, into: Path) -> list[PackedFile]:
    """Copy every file of the bundle, in the order of their names, and compare each digest."""
    into.mkdir(mode=0o700)
    known = dict(_sums(reading.folder))
    files = [_copy(reading.folder / name, into / name) for name in sorted([*known, SUMS])]
    for one in files:
        if known.get(one.name, one.sha256) != one.sha256:
            raise EvidenceDamaged(f"{one.name}: changed since the bundle was checked")
    sync(into)
    return files


def _copy(path: Path, to: Path) -> PackedFile:
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as source, writing(to) as file:
            while piece := source.read(PIECE):
                file.write(piece)
                digest.update(piece)
                size += len(piece)
    except FileNotFoundError:
        raise EvidenceDamaged(f"{path.name}: gone since the bundle was checked") from None
    return PackedFile(path.name, size, digest.hexdigest())


def _sums(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and digest of every file of a bundle that was checked."""
    for line in (folder / SUMS).read_text().splitlines():
        digest, _, name = line.partition("  ")
        yield name, digest


def _written(folder: Path, texts: Mapping[str, str]) -> int:
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    return sum(len(text.encode()) for text in texts.values())
