"""Make a release: wheel, source archive, bill of materials and their digests, twice alike.

`python -m requirements.release DIR [KEY]`. Everything is made from what is committed, in a folder
of its own, with the time of the commit for a time; and made a second time, which must give the same
bytes. So whoever has the commit can make it again and compare. With the file of an SSH key the
digests are signed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from hdh_migrate import __version__
from requirements import sbom
from requirements.signing import signed

ROOT = Path(__file__).parents[1]
_BUILD = "from setuptools import build_meta as b; b.build_wheel('made'); b.build_sdist('made')"


NAMESPACE = "hdh-migrate-release"


def main(folder: Path, key: Path | None = None) -> None:
    """Write the release into a folder that is empty or not there yet.

    Raises:
        SystemExit: something is not committed or not told in CHANGELOG.md, the folder holds
            something, two builds differ, or the key does not sign.
    """
    _demand_ready(folder)
    first, second = _built(), _built()
    if first != second:
        names = sorted(name for name in first if first[name] != second.get(name))
        raise SystemExit(f"two builds of the same commit differ: {', '.join(names)}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in first.items():
        (folder / name).write_bytes(data)
    sbom.main(folder)
    sums = folder / "SHA256SUMS"
    made = sorted(path for path in folder.iterdir() if path != sums)
    sums.write_text(
        "".join(f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in made)
    )
    sys.stdout.write("".join(f"made {one}\n" for one in (*made, sums)))
    if key is None:
        sys.stdout.write(f"next: git tag -s v{__version__}, sign {sums}, publish both\n")
        return
    sys.stdout.write(f"signed {signed(sums, key, NAMESPACE)}\n")
    sys.stdout.write(f"next: git tag -s v{__version__}, publish both\n")


def _demand_ready(folder: Path) -> None:
    changed = _git("status", "--porcelain").decode().splitlines()
    if changed:
        raise SystemExit(f"{len(changed)} files are not committed; commit them, then release")
    heading = re.compile(rf"^## .*{re.escape(__version__)}\b", re.MULTILINE)
    if not heading.search((ROOT / "CHANGELOG.md").read_text()):
        raise SystemExit(f"CHANGELOG.md has no heading for {__version__}")
    if folder.is_dir() and any(folder.iterdir()):
        raise SystemExit(f"{folder} holds something; name an empty folder (make clean)")


def _built() -> dict[str, bytes]:
    """Return wheel and source archive of the commit, by name."""
    moment = int(_git("log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        tree.mkdir()
        # tar, not tarfile: the filter that makes this safe there is younger than Python 3.11.2
        subprocess.run(["tar", "-xf", "-", "-C", tree], input=_git("archive", "HEAD"), check=True)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(moment)}
        subprocess.run(
            [sys.executable, "-c", _BUILD], cwd=tree, env=environment, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        made = {path.name: path.read_bytes() for path in (tree / "made").iterdir()}
    return {
        name: _levelled(data, moment) if name.endswith(".tar.gz") else data
        for name, data in made.items()
    }


def _levelled(data: bytes, moment: int) -> bytes:
    """Return a source archive without what tells of the machine that made it."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as archive,
        gzip.GzipFile(fileobj=out, mode="wb", mtime=moment) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as levelled,
    ):
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            member.mtime, member.uid, member.gid = moment, 0, 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            content = archive.extractfile(member) if member.isfile() else None
            levelled.addfile(member, content)
    return out.getvalue()


def _git(*arguments: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise SystemExit("a release is made from a git checkout")
    done = subprocess.run([git, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return done.stdout


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
