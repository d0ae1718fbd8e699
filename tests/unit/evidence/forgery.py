"""Bundles changed as someone would change them who holds the key: all that can follow, follows."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.signatures.signing import Signer, TrustedKey
from hdh_migrate.fixity import canonical_json, sha256_hex
from tests.support import second_counts as counts
from tests.support import second_verifier as second

Files = dict[str, bytes]
Edit = Callable[[Any], None]
Case = tuple[str, Files]

JSONL = ("manifest.jsonl", "exclusions.jsonl", "findings.jsonl", "journal.jsonl")


@dataclass
class Desk:
    """One good bundle, the keys that sign, and a folder to lay changed copies in."""

    folder: Path
    files: Files
    keys: tuple[Signer, ...]
    laid: Files = field(default_factory=dict)

    def judge(
        self, files: Files, threshold: int = 1, trusted: Iterable[TrustedKey] | None = None
    ) -> tuple[list[str], list[str]]:
        """Return the problems that each verifier sees."""
        self.lay(files)
        return self.opinions(self.folder, threshold, trusted)

    def lay(self, files: Files) -> None:
        """Have these files in the folder, and no others."""
        self.folder.mkdir(exist_ok=True)
        for name in self.laid.keys() - files.keys():
            (self.folder / name).unlink()
        for name, content in files.items():
            if self.laid.get(name) != content:
                (self.folder / name).write_bytes(content)
        self.laid = dict(files)

    def opinions(
        self, folder: Path, threshold: int = 1, trusted: Iterable[TrustedKey] | None = None
    ) -> tuple[list[str], list[str]]:
        keys = [key.verifier for key in self.keys[:1]] if trusted is None else list(trusted)
        known = {key.fingerprint: (key.public, key.until) for key in keys}
        return check_bundle(folder, keys, threshold), second.verify(folder, known, threshold)

    def agree(self, cases: Iterable[Case], **options: Any) -> dict[str, bool]:
        """Say of each case whether both take it; they must not differ."""
        taken, apart = {}, []
        for label, files in cases:
            first, other = self.judge(files, **options)
            taken[label] = not first
            if bool(first) != bool(other):
                apart.append(f"{label}: {first} / {other}")
        if apart:
            pytest.fail("the two do not agree:\n" + "\n".join(apart), pytrace=False)
        return taken

    def statement(self) -> Any:
        """Return a copy of what the good bundle's signature covers."""
        return json.loads(base64.b64decode(json.loads(self.files["statement.json"])["payload"]))

    def forged(self, changes: Files, edit: Edit | None = None, *, last: bool = True) -> Files:
        """Change files and statement; an edit that is not the `last` has its consequences drawn."""
        files, statement = {**self.files, **changes}, self.statement()
        if edit is not None and not last:
            edit(statement)
            with suppress(ValueError, TypeError, KeyError, AttributeError, IndexError):
                carry(self.statement()["predicate"], statement["predicate"], files)
        with suppress(ValueError, TypeError, KeyError, AttributeError, IndexError):
            counted(statement["predicate"], files)  # otherwise they cannot be counted at all
        with suppress(TypeError, KeyError):
            plan = statement["predicate"]["plan"]
            plan["digest"]["sha256"] = sha256_hex(canonical_json(plan["canonical"]))
        if edit is not None and last:
            edit(statement)
        return self.signed(files, statement)

    def signed(self, files: Files, statement: Any, *keys: Signer) -> Files:
        """Seal a folder whose statement says this: summary, subjects, signatures and sums."""
        keyids = [key.key_id for key in keys or self.keys[:1]]
        if "summary.json" in files and files["summary.json"] == self.files["summary.json"]:
            files = {**files, "summary.json": summary(statement, keyids[0])}
        refresh(statement, files, [digested(content) for content in self.files.values()])
        return resummed({**files, "statement.json": self.envelope(statement, *keys)})

    def envelope(self, statement: Any, *keys: Signer) -> bytes:
        return self.wrapped(canonical_json(statement), *keys)

    def wrapped(self, payload: bytes, *keys: Signer) -> bytes:
        kind = "application/vnd.in-toto+json"
        made = [key.sign(kind, payload) for key in keys or self.keys[:1]]
        signatures = [one["signatures"][0] for one in made]
        return canonical_json({**made[0], "signatures": signatures}) + b"\n"


def counted(predicate: Any, files: Files) -> None:
    """Put what the lines give into a predicate, chain included, whatever the lines are."""
    lines = {name: [json.loads(line) for line in files[name].splitlines()] for name in JSONL}
    head, rechained = bytes(32), []
    for event in lines["journal.jsonl"]:
        covered = [event["seq"], event["at"], event["kind"], event["body"]]
        head = sha256(head + canonical_json(covered)).digest()
        if len(event["digest"]) == 64:
            event["digest"] = head.hex()
        rechained.append(canonical_json(event) + b"\n")
    written = [canonical_json(json.loads(line)) for line in files["journal.jsonl"].splitlines()]
    if b"\n".join([*written, b""]) == files["journal.jsonl"]:
        files["journal.jsonl"] = b"".join(rechained)
    first = "openings" not in predicate  # the first format has none
    made = counts.counted(predicate, lines, files["manifest.jsonl"], head.hex(), first=first)
    canonical_json(made)  # a line may have a number where a name of an object comes from
    predicate.update(made)


def carry(before: Any, after: Any, files: Files) -> None:
    """Let the journal tell of another plan, address or probe where the statement now does."""
    was, now = (digest_of(one["plan"]["canonical"]) for one in (before, after))
    saw, sees = (digest_of(one["capabilities"]) for one in (before, after))
    places = {
        old["url"]: new
        for old, new in zip(before["endpoints"], after["endpoints"], strict=True)
        if old != new
    }
    offsets = after["times"]["clock_offsets"]
    for url in places.keys() & offsets.keys():
        offsets[authority(places[url]["url"])] = offsets.pop(url)
    lines = []
    for line in files["journal.jsonl"].splitlines():
        event = json.loads(line)
        body = json.loads(event["body"])
        for name in {"plan_digest", "was", "now"} & body.keys():
            body[name] = now if body[name] == was else body[name]
        if body.get("record_sha256") == saw:
            body["record_sha256"] = sees
        for entry in body.get("traffic", ()):
            if entry["endpoint"] in places:
                place = places[entry["endpoint"]]
                entry.update(endpoint=authority(place["url"]), addresses=place["addresses"])
        text = canonical_json(body).decode()
        lines.append(canonical_json({**event, "body": text}) + b"\n")
    files["journal.jsonl"] = b"".join(lines)


def digest_of(value: Any) -> str:
    return sha256_hex(canonical_json(value))


def authority(url: str) -> str:
    """Return what a URL begins with, to the end of its host and port."""
    found = re.match(r"(?:[^:/?#]+:)?//[^/?#]*", url)
    return found[0] if found else url


def summary(statement: Any, keyid: str | None) -> bytes:
    """Build summary.json as the document says, or what comes nearest."""
    predicate = statement.get("predicate") if isinstance(statement, dict) else None
    try:
        made = {"version": 1, "draft": keyid is None, "signed_by": keyid}
        if not str(statement["predicateType"]).endswith(":v1"):
            made |= {"version": 2, "counts": counts.told_apart(predicate)}
        made["plan_digest"] = predicate["plan"]["digest"]["sha256"]
        return canonical_json(made | {name: predicate[name] for name in counts.COPIED}) + b"\n"
    except (KeyError, TypeError):
        return b"{}\n"


def refresh(statement: Any, files: Files, known: Collection[str]) -> None:
    """Give each subject whose digest was a good one the digest of its file."""
    with suppress(KeyError, TypeError, AttributeError):
        for subject in statement["subject"]:
            if subject["name"] in files and subject["digest"].get("sha256") in known:
                subject["digest"]["sha256"] = digested(files[subject["name"]])


def resummed(files: Files) -> Files:
    listed = "".join(
        f"{digested(files[name])}  {name}\n" for name in sorted(files) if name != "SHA256SUMS"
    )
    return {**files, "SHA256SUMS": listed.encode()}


digested = lru_cache(maxsize=512)(sha256_hex)
"""The digest of a file's bytes, most of which are in a thousand bundles."""


def load(folder: Path) -> Files:
    return {file.name: file.read_bytes() for file in folder.iterdir()}
