"""Write what a machine that runs the tool holds: a CycloneDX 1.6 document, and digests to publish.

`python -m requirements.sbom DIR`. It is made from requirements/run.lock and from what is installed,
which must agree; the same sources give the same bytes, so anybody can make it again and compare.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from hdh_migrate import __version__
from hdh_migrate.evidence.verifier.copies import verifier_digest
from hdh_migrate.software import code_digest

LOCK = Path(__file__).with_name("run.lock")
NAME = "hdh-migrate"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)(?: ; ([^\\]+?))? \\$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NEED = re.compile(r"^([A-Za-z0-9._-]+)")


def pins(lock: Path) -> Iterator[tuple[str, str, str | None, list[str]]]:
    """Give name, version, marker and SHA-256 digests of every entry of a lock."""
    entry: tuple[str, str, str | None, list[str]] | None = None
    for line in lock.read_text().splitlines():
        if found := _PIN.match(line):
            if entry is not None:
                yield entry
            entry = (found[1], found[2], found[3], [])
        elif entry is not None:
            entry[3].extend(_HASH.findall(line))
    if entry is not None:
        yield entry


def document(lock: Path = LOCK) -> dict[str, Any]:
    """Return the document.

    Raises:
        SystemExit: what is installed is not what the lock says.
    """
    components, edges = [], []
    entries = list(pins(lock))
    known = {_plain(name): f"pkg:pypi/{_plain(name)}@{version}" for name, version, _, _ in entries}
    for name, version, marker, digests in entries:
        found = _installed(name)
        if found is not None and found.version != version:
            raise SystemExit(f"{name}: {found.version} is installed, the lock says {version}")
        components.append(_component(name, version, marker, digests, found))
        needs = sorted(known[need] for need in _needs(found) if need in known)
        edges.append({"ref": known[_plain(name)], "dependsOn": needs})
    own = f"pkg:pypi/{NAME}@{__version__}"
    roots = sorted(known[need] for need in _needs(_installed(NAME)) if need in known)
    told = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": own, "name": NAME, "version": __version__,
                "purl": own, "licenses": [{"license": {"id": "Apache-2.0"}}],
                "properties": [
                    {"name": "hdh-migrate:code-sha256", "value": code_digest()},
                    {"name": "hdh-migrate:verifier-sha256", "value": verifier_digest()},
                ],
            }
        },
        "components": [*components, *_inside()],
        "dependencies": [{"ref": own, "dependsOn": roots}, *edges],
    }  # fmt: skip
    content = json.dumps(told, sort_keys=True)
    return {**told, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}"}


def _component(
    name: str, version: str, marker: str | None, digests: list[str], found: Distribution | None
) -> dict[str, Any]:
    ref = f"pkg:pypi/{_plain(name)}@{version}"
    # A component has one digest in CycloneDX, an entry of a lock one for each platform's wheel.
    properties = [{"name": "hdh-migrate:wheel-sha256", "value": one} for one in sorted(digests)]
    if marker is not None:
        properties.append({"name": "hdh-migrate:only-where", "value": marker.strip()})
    told: dict[str, Any] = {
        "type": "library", "bom-ref": ref, "name": name, "version": version, "purl": ref,
        "properties": properties,
    }  # fmt: skip
    if licence := _licence(found):
        told["licenses"] = [licence]
    return told


def _inside() -> Iterator[dict[str, Any]]:
    """Give the libraries that wheels carry inside, as they say themselves."""
    import apsw
    import pycurl
    from cryptography.hazmat.backends.openssl import backend

    linked = pycurl.version.split()
    carried = [("openssl", backend.openssl_version_text().split()[1], "cryptography")]
    carried += [(*one.split("/", 1), "pycurl") for one in linked if "/" in one]
    carried.append(("sqlite", apsw.sqlite_lib_version(), "apsw"))
    for name, version, carrier in carried:
        if name.lower() == "pycurl":
            continue
        yield {
            "type": "library", "bom-ref": f"{carrier}#{name}", "name": name, "version": version,
            "properties": [{"name": "hdh-migrate:inside", "value": carrier}],
        }  # fmt: skip


def _licence(found: Distribution | None) -> Mapping[str, Any] | None:
    if found is None:
        return None
    expression = found.metadata.get("License-Expression")
    if expression:
        return {"expression": expression}
    names = [
        line.rpartition(" :: ")[2]
        for line in found.metadata.get_all("Classifier") or ()
        if line.startswith("License :: ")
    ]
    return {"license": {"name": names[0]}} if names else None


def _needs(found: Distribution | None) -> set[str]:
    wanted = (found.requires or []) if found is not None else []
    names = (_NEED.match(need) for need in wanted if "extra ==" not in need)
    return {_plain(name[1]) for name in names if name is not None}


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None  # of another platform


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def write_bom(folder: Path, lock: Path = LOCK, what: str = "") -> Path:
    """Write the document of a lock into a folder; `what` tells it from that of run.lock."""
    folder.mkdir(parents=True, exist_ok=True)
    bom = folder / f"{'-'.join(filter(None, (NAME, __version__, what)))}.cdx.json"
    bom.write_text(json.dumps(document(lock), indent=1, sort_keys=True) + "\n")
    return bom


def write(folder: Path) -> tuple[Path, Path]:
    """Write the document and the digests into a folder; return where they are."""
    bom = write_bom(folder)
    digests = folder / f"{NAME}-{__version__}.digests.txt"
    digests.write_text(f"verifier sha256 {verifier_digest()}\ncode sha256 {code_digest()}\n")
    return bom, digests


def main(folder: Path) -> None:
    """Write them, and say so."""
    sys.stdout.write("".join(f"made {one}\n" for one in write(folder)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
