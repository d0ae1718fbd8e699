"""Make a kit that installs the tool where there is no internet: wheels, locks, digests, a script.

`python -m requirements.kit DIR [KEY]`. Everything comes from requirements/cluster.lock, which is
run.lock and what machines of a cluster need besides, with its digests; for each Python and machine
that `PYTHONS` and `MACHINES` name there is a wheel of every package, or no kit is made. The kit is
one archive; the same wheels give the same bytes. With the file of an SSH key it is signed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hdh_migrate import __version__
from requirements import sbom
from requirements.signing import signed

HERE = Path(__file__).parent
ROOT = HERE.parent
PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
LOCKS = ("run.lock", "cluster.lock", "audit.lock")
NAMESPACE = "hdh-migrate-kit"
"""What a signature says that it is of, so that none of something else is taken for it."""

NEWEST_GLIBC = 28
"""2.28: Debian 10, RHEL 8 and later."""

EPOCH = 1_577_836_800
"""The time of every file in the archive: it tells nothing, so it is always the same."""


def main(folder: Path, key: Path | None = None) -> None:
    """Write the kit's archive into a folder, and beside it, with a key, its signature.

    Raises:
        SystemExit: a package has no wheel for one of the machines, the wheel cannot be made, or
            the key does not sign.
    """
    with tempfile.TemporaryDirectory() as scratch:
        wheels = Path(scratch)
        _fetch(wheels)
        _build(wheels)
        kit = packed(contents(wheels))
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"hdh-migrate-kit-{__version__}.tar.gz"
    archive.write_bytes(kit)
    digest = hashlib.sha256(kit).hexdigest()
    sys.stdout.write(f"made {archive}, {len(kit) >> 20} MiB\nsha256 {digest}\n")
    if key is None:
        sys.stdout.write("not signed; next: hand over archive and digest by two ways\n")
        return
    sys.stdout.write(f"signed {signed(archive, key, NAMESPACE)}\n")
    sys.stdout.write("next: hand over both files, and the public key by another way\n")


def contents(wheels: Path) -> dict[str, bytes]:
    """Return what the kit holds, by its name in the kit, with the digests of all in SHA256SUMS."""
    found = {f"wheels/{one.name}": one.read_bytes() for one in sorted(wheels.glob("*.whl"))}
    found |= {name: (HERE / name).read_bytes() for name in LOCKS}
    found |= {name: (HERE / "offline" / name).read_bytes() for name in ("install.sh", "README.txt")}
    with tempfile.TemporaryDirectory() as scratch:
        whole = sbom.write_bom(Path(scratch), HERE / "cluster.lock", "cluster")
        for made in (*sbom.write(Path(scratch)), whole):
            found[made.name] = made.read_bytes()
    sums = (f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(found.items()))
    return {**found, "SHA256SUMS": "".join(sums).encode()}


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return the archive; what it holds decides every byte of it."""
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=EPOCH, compresslevel=1) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(f"hdh-migrate-kit-{__version__}/{name}")
            member.size, member.mtime = len(data), EPOCH
            member.mode = 0o755 if name.endswith(".sh") else 0o644
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def platforms(machine: str) -> list[str]:
    """Return the tags of wheels that run on every machine with so old a C library."""
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(NEWEST_GLIBC, 4, -1)]
    return [*tags, f"manylinux2014_{machine}"]


def _fetch(wheels: Path) -> None:
    for python in PYTHONS:
        for machine in MACHINES:
            tag = f"cp{python.replace('.', '')}"
            command = [
                sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                "--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", str(wheels),
                "--python-version", python, "--implementation", "cp",
                *(word for abi in (tag, "abi3", "none") for word in ("--abi", abi)),
                *(word for one in platforms(machine) for word in ("--platform", one)),
                "-r", str(HERE / "cluster.lock"),
            ]  # fmt: skip
            if subprocess.run(command, check=False).returncode:
                raise SystemExit(f"no kit: wheels for Python {python} on {machine} are not all had")


def _build(wheels: Path) -> None:
    command = [
        sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT),
    ]  # fmt: skip
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
    if subprocess.run(command, check=False, env=environment).returncode:
        raise SystemExit("no kit: the tool's own wheel could not be made")
    own = re.compile(rf"hdh_migrate-{re.escape(__version__)}-py3-none-any\.whl")
    if not any(own.fullmatch(one.name) for one in wheels.iterdir()):
        raise SystemExit("no kit: the wheel that was made is of another version")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
