"""Check a bundle by doing all of it again: digests, lines, tree, counts, words, signature.

Nothing in the bundle is believed because another part of it says so. The only outside knowledge
is the trusted public keys. Every problem found is one line of text, without object names.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.facts import Endpoint
from hdh_migrate.evidence.records import (
    MAX_LINE,
    exclusion_line,
    finding_line,
    manifest_line,
    order_of,
    read_line,
)
from hdh_migrate.evidence.recount import Order, Recount
from hdh_migrate.evidence.signing import STATEMENT_TYPE, Verifier, verify_envelope
from hdh_migrate.evidence.statement import PREDICATE, STATEMENT, counted, summary_of
from hdh_migrate.fixity import canonical_json, sha256_hex

Build = Callable[[Mapping[str, Any]], bytes]

_FILES = (
    "SHA256SUMS",
    "exclusions.jsonl",
    "findings.jsonl",
    "manifest.jsonl",
    "statement.json",
    "summary.json",
)
_REPORT = re.compile(r"report\.[a-z]{2}\.html")
_MAX_DOCUMENT = 64 << 20


def check_bundle(folder: Path, verifiers: Sequence[Verifier], threshold: int = 1) -> list[str]:
    """Return everything that is wrong with a bundle; nothing means that all of it checks.

    `threshold` is how many different keys of `verifiers` must have signed. A draft is reported
    as such: it is not evidence. Reads every file twice, in bounded memory.
    Whether the statement says "complete" is not judged here, only whether it may say so.
    """
    problems: list[str] = []
    try:
        names = _names(folder, problems)
        if problems:
            return problems
        digests = {name: _digest(folder / name) for name in names}
        sums = digests.pop("SHA256SUMS")
        if sums != sha256_hex(sums_text(digests)):
            problems.append("SHA256SUMS: does not list the digests of exactly these files")
        digests.pop("statement.json")
        said, key_id = _statement(folder / "statement.json", verifiers, threshold, problems)
        if said is not None:
            problems.extend(_disagreements(folder, said, digests, key_id))
    except EvidenceDamaged as error:
        problems.append(str(error))
    except OSError as error:
        problems.append(f"the bundle cannot be read: {error.strerror}")
    return problems


def sums_text(digests: Mapping[str, str]) -> bytes:
    """Return the text of SHA256SUMS, as `sha256sum -c` reads it."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


def _names(folder: Path, problems: list[str]) -> list[str]:
    """Return the names in the folder, if they are exactly the files of a bundle."""
    if not folder.is_dir():
        problems.append("the bundle is not a folder")
        return []
    found = {entry.name: entry.lstat().st_mode for entry in folder.iterdir()}
    problems.extend(f"{name}: missing" for name in _FILES if name not in found)
    for name, mode in sorted(found.items()):
        if name not in _FILES and not _REPORT.fullmatch(name):
            problems.append("a file that does not belong to a bundle")
        elif not stat.S_ISREG(mode):
            problems.append(f"{name}: not a plain file")
    return sorted(found)


def _statement(
    path: Path, verifiers: Sequence[Verifier], threshold: int, problems: list[str]
) -> tuple[dict[str, Any] | None, str | None]:
    """Return the statement and the id of the key that signed it, or what can be read of them."""
    try:
        document = _document(path)
        if document.keys() == {"draft", "statement"} and document["draft"] is True:
            problems.append("statement.json: an unsigned draft, not evidence")
            return _as_statement(document["statement"], problems), None
        key_id = _first_key_id(document)
        said = _canonical(base64.b64decode(document["payload"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        problems.append("statement.json: neither an envelope nor a draft in canonical form")
        return None, None
    try:
        verify_envelope(document, verifiers, threshold)
    except EvidenceDamaged as error:
        problems.append(f"statement.json: {error}")
    return _as_statement(said, problems), key_id


def _document(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """Return the content of a file that is one canonical JSON document and a line feed."""
    raw = _read(path)
    if raw[-1:] != b"\n":
        raise ValueError
    return _canonical(raw[:-1])


def _canonical(raw: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return what canonical JSON says, refusing every other spelling of it."""
    value = json.loads(raw)
    if canonical_json(value) != raw:
        raise ValueError
    return value


def _first_key_id(envelope: Mapping[str, Any]) -> str:
    """Return the operator's id from an envelope that is spelled in the one way that we write."""
    claims = envelope["signatures"]
    spelled = {
        "payload": base64.b64encode(base64.b64decode(envelope["payload"])).decode("ascii"),
        "payloadType": STATEMENT_TYPE,
        "signatures": [
            {
                "keyid": str(claim["keyid"]),
                "sig": base64.b64encode(base64.b64decode(claim["sig"])).decode("ascii"),
            }
            for claim in claims
        ],
    }
    if spelled != envelope or len({claim["keyid"] for claim in claims}) != len(claims):
        raise ValueError
    return str(claims[0]["keyid"])


def _as_statement(said: object, problems: list[str]) -> dict[str, Any] | None:
    if (
        isinstance(said, dict)
        and said.keys() == {"_type", "subject", "predicateType", "predicate"}
        and said["_type"] == STATEMENT
        and said["predicateType"] == PREDICATE
    ):
        return said
    problems.append("statement.json: not a statement of this version")
    return None


def _disagreements(
    folder: Path, said: Mapping[str, Any], digests: Mapping[str, str], key_id: str | None
) -> Iterator[str]:
    """Yield where the statement says other than what the files are and add up to."""
    try:
        predicate = said["predicate"]
        subjects = {entry["name"]: entry["digest"] for entry in said["subject"]}
        if said["subject"][0]["name"] != "manifest.jsonl" or len(subjects) != len(said["subject"]):
            yield "statement.json: the subjects do not begin with the manifest, or repeat"
        for name in sorted(digests.keys() | subjects.keys()):
            if subjects.get(name) != {"sha256": digests.get(name)}:
                yield f"{name}: not the file that the statement is about"
        if (
            sha256_hex(canonical_json(predicate["plan"]["canonical"]))
            != (predicate["plan"]["digest"]["sha256"])
        ):
            yield "statement.json: the plan digest is not the digest of the plan"
        if not _is_honest_about_places(predicate):
            yield "statement.json: rehearsal or local endpoints are misstated"
        if _read(folder / "summary.json") != canonical_json(summary_of(predicate, key_id)) + b"\n":
            yield "summary.json: not the summary of the statement"
        recount = _recounted(folder, [dataset["name"] for dataset in predicate["datasets"]])
        for part in _miscounted(predicate, recount):
            yield f"statement.json: {part} is not what the bundle's files add up to"
    except EvidenceDamaged as error:
        yield str(error)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        yield "statement.json: the predicate is not of this version"


def _is_honest_about_places(predicate: Mapping[str, Any]) -> bool:
    places = predicate["endpoints"]
    local = [
        Endpoint(side=place["side"], kind=place["kind"], url=place["url"]).is_local
        for place in places
    ]
    return predicate["rehearsal"] is all(local) and local == [place["local"] for place in places]


def _miscounted(predicate: Mapping[str, Any], recount: Recount) -> Iterator[str]:
    datasets = [
        {**claim, "tally": recount.tally(claim["name"], claim["tally"]["inventoried"])}
        for claim in predicate["datasets"]
    ]
    closed = predicate["outcome"]["inventory_closed"]
    parts = {"datasets": datasets, **counted(recount, datasets, inventory_closed=closed)}
    for part, value in parts.items():
        # Compared as bytes: to Python, true and 1.0 equal 1.
        if canonical_json(predicate[part]) != canonical_json(value):
            yield part


def _recounted(folder: Path, datasets: Sequence[str]) -> Recount:
    recount = Recount(datasets, _orders(folder / "exclusions.jsonl"))
    for number, _, exclusion in _lines(folder / "exclusions.jsonl", exclusion_line):
        with _named("exclusions.jsonl", number):
            recount.add_exclusion(exclusion)
    for number, line, record in _lines(folder / "manifest.jsonl", manifest_line):
        with _named("manifest.jsonl", number):
            recount.add_record(record, line)
    for _, _, finding in _lines(folder / "findings.jsonl", finding_line):
        recount.add_finding(finding)
    return recount


def _orders(path: Path) -> Iterator[Order]:
    return (order_of(exclusion) for _, _, exclusion in _lines(path, exclusion_line))


def _lines(path: Path, build: Build) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """Yield number, bytes and content of each line, refusing the first one that is not ours."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            with _named(path.name, number):
                record = read_line(line, build)
            yield number, line, record


@contextmanager
def _named(name: str, number: int) -> Iterator[None]:
    try:
        yield
    except EvidenceDamaged as error:
        raise EvidenceDamaged(f"{name} line {number}: {error}") from None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_MAX_DOCUMENT + 1)
    if len(data) > _MAX_DOCUMENT:
        raise EvidenceDamaged(f"{path.name}: too large")
    return data
