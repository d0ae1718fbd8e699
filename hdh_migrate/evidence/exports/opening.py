"""Open one name of a keyed bundle to one auditor, with proof.

An opening holds the object's own key, so that anybody can compute again which line of the
manifest stands for the object, and the proof that this line is under the signed root. It helps
nobody to find any other object.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NotRequired

from typing_extensions import TypedDict

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence.exports.keyed import SECRET_BYTES, ObjectKey
from hdh_migrate.evidence.lines.facts import DIGEST
from hdh_migrate.evidence.lines.names import readable
from hdh_migrate.evidence.lines.proofs import inclusion_of, prove, read_proof, root_of
from hdh_migrate.evidence.lines.records import manifest_line, read_line
from hdh_migrate.evidence.reading import numbered
from hdh_migrate.evidence.verifier.forms import TEXT
from hdh_migrate.evidence.verifier.members import ManifestRecord
from hdh_migrate.model import SIDECAR_VERSION, SIDECARS, key_bytes, key_text

VERSION = 1


class ClaimedObject(TypedDict):
    """What an opening says of its object: its plain names, and its digest where it has one."""

    dataset: str
    key: str
    target_key: str
    sha256: str | None


class OpeningProof(ClaimedObject):
    """One name of a bundle with keyed names, and what proves that it stands in the manifest.

    `line` is the keyed line, `opening` the secret of this one name; names that are not clean UTF-8
    are readable, and their bytes are beside them.
    """

    version: int
    opening: str
    line: str
    index: int
    size: int
    path: list[str]
    root: str
    key_b64: NotRequired[str]
    target_key_b64: NotRequired[str]


def opening(bundle: Path, record: ClaimedObject, key: ObjectKey) -> OpeningProof:
    """Return the opening of an object in a keyed bundle; `record` is its plain manifest record.

    Raises:
        UsageError: the bundle's manifest has no line for the object, or one that says something
            else of it: the bundle was made with another secret, or before the object changed.
        EvidenceDamaged: the manifest is damaged.
    """
    name = key.name(record["dataset"], record["key"])
    found: list[bytes] = []

    def marked() -> Iterator[tuple[bytes, bool]]:
        for _, line in numbered(bundle / "manifest.jsonl", manifest_line):
            raw, is_it = manifest_line(line)[:-1], line["key"] == name
            if is_it:
                found.append(raw)
            yield raw, is_it

    proof = prove(marked())
    if proof is None:
        raise UsageError(
            "the bundle has no line for this object",
            hint="it was made with another names.key, or before the object was inventoried",
        )
    made: OpeningProof = {
        "version": VERSION,
        "dataset": record["dataset"],
        "key": record["key"],
        "target_key": record["target_key"],
        "sha256": record["sha256"],
        "opening": key.raw.hex(),
        "line": found[0].decode(),
        "index": proof.index,
        "size": proof.size,
        "path": [digest.hex() for digest in proof.path],
        "root": root_of(found[0], proof).hex(),
    }
    if _differing(made, read_line(found[0] + b"\n", manifest_line), key):
        raise UsageError(
            "the object is not what it was when the bundle was made",
            hint='make a new one with "hdh-migrate report PLAN --names keyed"',
        )
    made["key"], raw = readable(made["key"])
    if raw is not None:
        made["key_b64"] = raw
    made["target_key"], raw = readable(made["target_key"])
    if raw is not None:
        made["target_key_b64"] = raw
    return made


def check_opening(path: Path, root: str) -> ManifestRecord:
    """Return the plain record that an opening proves to stand under a manifest's root.

    The record is the line of the manifest with the true key, target key, digest and version in
    place.

    Raises:
        UsageError: there is no such file.
        EvidenceDamaged: it is no opening, does not lead to the root, or its line is another
            object's.
    """
    otherwise = f"{path}: not an opening"
    proof = read_proof(path, otherwise)
    line, inclusion = inclusion_of(proof, otherwise)
    try:
        key = ObjectKey(bytes.fromhex(TEXT.text(proof["opening"])))
        claim = _claim(proof)
        version_is_known = proof["version"] == VERSION and len(key.raw) == SECRET_BYTES
    except (ValueError, KeyError, TypeError):
        raise EvidenceDamaged(otherwise) from None
    if not version_is_known:
        raise EvidenceDamaged(f"{path}: not an opening of this version")
    record = read_line(line + b"\n", manifest_line)
    if root_of(line, inclusion).hex() != root.lower():
        raise EvidenceDamaged("the opening does not lead to this root")
    if wrong := _differing(claim, record, key):
        raise EvidenceDamaged(f"the line is not this object's: {', '.join(wrong)}")
    version = record["source_version"]
    if (plain := _own_version(claim, key)) is not None and plain[1] == version:
        version = plain[0]
    return {
        **record,
        "key": claim["key"],
        "target_key": claim["target_key"],
        "sha256": claim["sha256"],
        "source_version": version,
    }


def _claim(proof: Mapping[str, Any]) -> ClaimedObject:
    """Return what an opening says of its object; ValueError and the like if it is malformed."""
    claim: ClaimedObject = {
        "dataset": str(proof["dataset"]),
        "key": _name(proof, "key"),
        "target_key": _name(proof, "target_key"),
        "sha256": proof["sha256"],
    }
    claim["dataset"].encode()
    if claim["sha256"] is not None and not DIGEST.fullmatch(claim["sha256"]):
        raise ValueError
    return claim


def _name(proof: Mapping[str, Any], field: str) -> str:
    raw = proof.get(f"{field}_b64")
    name = str(proof[field]) if raw is None else key_text(base64.b64decode(raw))
    key_bytes(name)  # raises for what no key can be
    return name


def _differing(claim: ClaimedObject, record: ManifestRecord, key: ObjectKey) -> list[str]:
    """Return which fields of a keyed record do not stand for what is claimed."""
    sha256 = claim["sha256"]
    stands = {
        "key": key.name(claim["dataset"], claim["key"]),
        "target_key": key.target_name(record["bucket"], claim["target_key"]),
        "sha256": None if sha256 is None else key.content(sha256),
    }
    plain = _own_version(claim, key)
    if plain is not None and record["source_version"] != plain[0]:  # an earlier version's
        stands["source_version"] = plain[1]
    wrong = [] if record["dataset"] == claim["dataset"] else ["dataset"]
    said: Mapping[str, object] = record
    for name, value in stands.items():
        if not hmac.compare_digest(str(value), str(said[name])):
            wrong.append(name)
    return wrong


def _own_version(claim: ClaimedObject, key: ObjectKey) -> tuple[str, str] | None:
    """Return the version of a sidecar's file, and what stands for it; None: it is no such file."""
    if claim["sha256"] is None or SIDECARS not in claim["key"]:
        return None
    plain = SIDECAR_VERSION + claim["sha256"]
    return plain, key.version(plain)
