"""Check a bundle of evidence, alone: this file needs Python 3.9 and the package `cryptography`.

    python3 verify.py BUNDLE --trust operator.pub [--trust witness.pub --threshold 2]

It believes nothing that the bundle says of itself. Every number in the signed statement is
computed again from the lines of the bundle; the only outside knowledge is the public keys, which
must have reached you by another way than the bundle. The steps are numbered as in
docs/verification.md. Exit status: 0 all of it holds, 10 something does not, 2 wrong usage.

Messages name files and line numbers, never objects: object names may identify people.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import ipaddress
import json
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

LINES = ("exclusions.jsonl", "findings.jsonl", "journal.jsonl", "manifest.jsonl")
FILES = ("SHA256SUMS", *LINES, "statement.json", "summary.json", "verify.py")
REPORT = re.compile(r"report\.[a-z]{2}\.html")
LONGEST_LINE = 1 << 20
LARGEST_DOCUMENT = 64 << 20
STATES = ("verified", "failed", "pending", "excluded")
UNITS = ("objects", "bytes")
CHECKED = (
    "1  every file is there, and no other",
    "2  SHA256SUMS lists the digests of exactly these files",
    "3  the statement is signed by enough trusted keys",
    "4  each file is the one that the statement is about",
    "5  every line is canonical, in order, unique, and well formed",
    "6  the Merkle root and all counts follow from the lines",
    '7  "complete", "proven" and "rehearsal" are said as these counts and addresses allow',
    "8  the journal's chain is unbroken and ends where the statement says",
    "9  the plan in the statement has the digest that names the run",
)
OPEN = (
    "that the target still holds these bytes: compare stored_sha256 with what the bucket gives",
    "that the source gave its true content: only the operator's machine read it",
    "when the bundle was made: its times are the operator's own",
)


class Wrong(Exception):
    """Something does not hold; the message says what, and where."""


def check(folder: Path, keys: Mapping[str, Ed25519PublicKey], threshold: int = 1) -> list[str]:
    """Return everything that is wrong with a bundle, a line each; nothing means that it holds.

    `keys` are the trusted public keys by fingerprint; `threshold` of them must have signed.
    """
    problems: list[str] = []
    try:
        digests = _files(folder)  # 1
        sums = digests.pop("SHA256SUMS")
        if sums != _sha256(sums_text(digests)):  # 2
            problems.append("SHA256SUMS: does not list the digests of exactly these files")
        statement, signer = _statement(folder, keys, threshold, problems)  # 3
        del digests["statement.json"]
        if statement is not None:
            problems.extend(_disagreements(folder, statement, digests, signer))  # 4 to 9
    except Wrong as wrong:
        problems.append(str(wrong))
    except OSError as error:
        problems.append(f"the bundle cannot be read: {error.strerror}")
    return problems


# --- 1, 2: the files -------------------------------------------------------------------------


def _files(folder: Path) -> dict[str, str]:
    """Return the digest of every file, if they are exactly those of a bundle."""
    if not folder.is_dir():
        raise Wrong("the bundle is not a folder (unpack an archive first)")
    found = {entry.name: entry.lstat().st_mode for entry in folder.iterdir()}
    for name in FILES:
        if name not in found:
            raise Wrong(f"{name}: missing")
    for name, mode in sorted(found.items()):
        if name not in FILES and not REPORT.fullmatch(name):
            raise Wrong("a file that does not belong to a bundle")
        if not stat.S_ISREG(mode):
            raise Wrong(f"{name}: not a plain file")
    return {name: _file_digest(folder / name) for name in sorted(found)}


def sums_text(digests: Mapping[str, str]) -> bytes:
    """Return the text of SHA256SUMS, as `sha256sum -c` reads it."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


# --- 3: the signatures -----------------------------------------------------------------------


def _statement(
    folder: Path, keys: Mapping[str, Ed25519PublicKey], threshold: int, problems: list[str]
) -> tuple[dict[str, Any] | None, str | None]:
    """Return the in-toto statement and its first signer's id, problems told apart."""
    try:
        raw = _document(folder / "statement.json")
        envelope = json.loads(raw)
        _must(_canonical(envelope) + b"\n" == raw)
        if envelope.get("draft") is True and envelope.keys() == {"draft", "statement"}:
            problems.append("statement.json: an unsigned draft, not evidence")
            return _shaped(envelope["statement"], problems), None
        payload, claims = _claims(envelope)
        said = json.loads(payload)
        _must(_canonical(said) == payload)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        problems.append("statement.json: neither an envelope nor a draft in canonical form")
        return None, None
    # DSSE signs the type and the length of the payload too (its pre-authentication encoding).
    kind = envelope["payloadType"].encode()
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    signed = {
        fingerprint
        for key_id, signature in claims
        for fingerprint, key in keys.items()
        if key_id == f"ed25519:{fingerprint[:16]}" and _signed(key, signature, message)
    }
    if len(signed) < max(threshold, 1):
        what = f"only {len(signed)} of {threshold} trusted keys" if signed else "no trusted key"
        problems.append(f"statement.json: {what} signed the statement")
    return _shaped(said, problems), claims[0][0]


def _claims(envelope: Mapping[str, Any]) -> tuple[bytes, list[tuple[str, bytes]]]:
    payload = base64.b64decode(envelope["payload"], validate=True)
    claims = [
        (str(claim["keyid"]), base64.b64decode(claim["sig"], validate=True))
        for claim in envelope["signatures"]
    ]
    spelled = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [
            {"keyid": key_id, "sig": base64.b64encode(signature).decode()}
            for key_id, signature in claims
        ],
    }
    _must(spelled == envelope and 0 < len(claims) == len(dict(claims)))
    return payload, claims


def _signed(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _shaped(said: Any, problems: list[str]) -> dict[str, Any] | None:  # noqa: ANN401
    if (
        isinstance(said, dict)
        and said.keys() == {"_type", "subject", "predicateType", "predicate"}
        and said["_type"] == "https://in-toto.io/Statement/v1"
        and said["predicateType"] == "urn:hdh-migrate:evidence:v1"
    ):
        return said
    problems.append("statement.json: not a statement of this version")
    return None


# --- 4 to 9: what the statement says, beside what the files are --------------------------------


def _disagreements(
    folder: Path, said: Mapping[str, Any], digests: Mapping[str, str], signer: str | None
) -> Iterator[str]:
    try:
        predicate = said["predicate"]
        subjects = {entry["name"]: entry["digest"] for entry in said["subject"]}
        if said["subject"][0]["name"] != "manifest.jsonl" or len(subjects) != len(said["subject"]):
            yield "statement.json: the subjects do not begin with the manifest, or repeat"
        for name in sorted(digests.keys() | subjects.keys()):
            if subjects.get(name) != {"sha256": digests.get(name)}:
                yield f"{name}: not the file that the statement is about"
        counted = Count(predicate)
        counted.read(folder)
        for part, value in counted.parts().items():
            if _canonical(predicate[part]) != _canonical(value):  # as bytes: to Python 1 == True
                yield f"statement.json: {part} is not what the bundle's files add up to"
        yield from _misstated(predicate)
        if _journal(folder / "journal.jsonl") != predicate["journal"]:
            yield "statement.json: the journal has another end or length"
        if _document(folder / "summary.json") != _canonical(summary(predicate, signer)) + b"\n":
            yield "summary.json: not the summary of the statement"
    except Wrong as wrong:
        yield str(wrong)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        yield "statement.json: the predicate is not of this version"


def _misstated(predicate: Mapping[str, Any]) -> Iterator[str]:
    local = [is_local(place["url"]) for place in predicate["endpoints"]]
    said_local = [place["local"] for place in predicate["endpoints"]]
    if predicate["rehearsal"] is not all(local) or local != said_local:
        yield "statement.json: rehearsal or local endpoints are misstated"
    plan = predicate["plan"]
    if _sha256(_canonical(plan["canonical"])) != plan["digest"]["sha256"]:
        yield "statement.json: the plan digest is not the digest of the plan"


def summary(predicate: Mapping[str, Any], signer: str | None) -> dict[str, Any]:
    """Return the short form for programs that stands in summary.json."""
    names = ("migration", "rehearsal", "tool", "times", "verification", "manifest", "datasets")
    return {
        "version": 1,
        "draft": signer is None,
        "signed_by": signer,
        "plan_digest": predicate["plan"]["digest"]["sha256"],
        **{name: predicate[name] for name in (*names, "outcome", "exclusions", "findings")},
    }


def is_local(url: str) -> bool:
    """Say whether an address is a folder or on this machine."""
    host = urlsplit(url).hostname
    if host is None or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- 5, 6, 7: lines, tree and counts -------------------------------------------------------------


class Count:
    """Adds up exclusions, manifest and findings in one pass each and in little memory."""

    def __init__(self, predicate: Mapping[str, Any]) -> None:
        self.said = predicate
        self.records = 0
        self.tree: list[tuple[int, bytes]] = []
        self.verdicts: dict[str, dict[str, int]] = {}
        self.levels: dict[str, dict[str, int]] = {}
        self.rules: dict[tuple[str, str, str], dict[str, int]] = {}
        self.codes: dict[str, int] = {}
        self.states = {
            dataset["name"]: {state: _zero() for state in STATES}
            for dataset in predicate["datasets"]
        }

    def read(self, folder: Path) -> None:
        """Read all lines; raise Wrong at the first that is not as it must be."""
        for where, _, line in lines(folder / "exclusions.jsonl", EXCLUSION, ordered=True):
            rule = (line["dataset"], line["rule"], line["reason"])
            _add(self.rules.setdefault(rule, _zero()), line["size"])
            _add(self._state(line, where)["excluded"], line["size"])
        excluded = lines(folder / "exclusions.jsonl", EXCLUSION, ordered=True)
        barred = _order(next(excluded, None))
        for where, raw, line in lines(folder / "manifest.jsonl", RECORD, ordered=True):
            order = (line["dataset"].encode(), _key(line))
            while barred is not None and barred < order:
                barred = _order(next(excluded, None))
            if barred == order:
                raise Wrong(f"{where}: the object is recorded and excluded at once")
            self._record(line, where)
            self._leaf(raw)
        for _, _, line in lines(folder / "findings.jsonl", FINDING, ordered=False):
            self.codes[line["code"]] = self.codes.get(line["code"], 0) + 1

    def _record(self, line: dict[str, Any], where: str) -> None:
        verdict, size = line["verdict"], line["size"]
        _add(self.verdicts.setdefault(verdict or "none", _zero()), size)
        state = "failed" if verdict else "pending"
        if verdict == "match":
            state = "verified"
            grounds = ["level", "verified_at"]
            grounds += ["stored_size", "stored_sha256"] if line["level"] != "head" else []
            grounds += ["sha256"] if line["level"] == "full" else []
            if any(line[name] is None for name in grounds):
                raise Wrong(f'{where}: verdict "match" without its grounds')
            _add(self.levels.setdefault(line["level"], _zero()), size)
        _add(self._state(line, where)[state], size)

    def _state(self, line: Mapping[str, Any], where: str) -> dict[str, dict[str, int]]:
        try:
            return self.states[line["dataset"]]
        except KeyError:
            raise Wrong(f"{where}: of a dataset that the plan does not name") from None

    def _leaf(self, line: bytes) -> None:
        """Add one leaf to the tree of RFC 9162 section 2.1."""
        level, digest = 0, hashlib.sha256(b"\x00" + line).digest()
        while self.tree and self.tree[-1][0] == level:
            digest = hashlib.sha256(b"\x01" + self.tree.pop()[1] + digest).digest()
            level += 1
        self.tree.append((level, digest))
        self.records += 1

    def root(self) -> str:
        """Return the Merkle root; of no lines it is the digest of nothing."""
        if not self.tree:
            return _sha256(b"")
        digest = self.tree[-1][1]
        for _, left in reversed(self.tree[:-1]):
            digest = hashlib.sha256(b"\x01" + left + digest).digest()
        return digest.hex()

    def parts(self) -> dict[str, Any]:
        """Return the predicate's parts that follow from the lines."""
        datasets, total, closes = [], {s: _zero() for s in ("inventoried", *STATES)}, True
        for said in self.said["datasets"]:
            tally = {"inventoried": said["tally"]["inventoried"], **self.states[said["name"]]}
            ended = {u: sum(tally[state][u] for state in STATES) for u in UNITS}
            closes = closes and ended == tally["inventoried"]
            for state, sums in tally.items():
                for unit in UNITS:
                    total[state][unit] += sums[unit]
            tally["closes"] = ended == tally["inventoried"]
            datasets.append({**said, "tally": tally})
        closed = self.said["outcome"]["inventory_closed"]
        unfinished = total["failed"]["objects"] + total["pending"]["objects"]
        complete = closed and closes and total["inventoried"]["objects"] > 0 and not unfinished
        return {
            "datasets": datasets,
            "manifest": {
                "records": self.records, "merkle_root": self.root(), "tree": "rfc9162-sha256",
            },
            "outcome": {
                "inventory_closed": closed, "counts_close": closes, "complete": complete,
                "proven": complete and self.levels.keys() == {"full"}, "states": total,
                "verdicts": self.verdicts, "levels": self.levels,
            },
            "exclusions": [
                {"dataset": dataset, "rule": rule, "reason": reason, **sums}
                for (dataset, rule, reason), sums in sorted(self.rules.items())
            ],
            "findings": {"total": sum(self.codes.values()), "codes": self.codes},
        }  # fmt: skip


def lines(
    path: Path, fields: Mapping[str, str], *, ordered: bool
) -> Iterator[tuple[str, bytes, Any]]:
    """Yield where, bytes and content of each line; raise Wrong at one that is not ours."""
    last: tuple[bytes, bytes] | None = None
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(LONGEST_LINE + 1):
            number += 1
            where = f"{path.name} line {number}"
            if len(raw) > LONGEST_LINE:
                raise Wrong(f"{where}: the line is too long")
            line = _line(raw, fields, where)
            if ordered:
                order = (line["dataset"].encode(), _key(line))
                if last is not None and order <= last:
                    what = "the same object twice" if order == last else "out of order"
                    raise Wrong(f"{where}: {what}")
                last = order
            yield where, raw[:-1], line


def _line(raw: bytes, fields: Mapping[str, str], where: str) -> dict[str, Any]:
    try:
        line = json.loads(raw)
        _must(_canonical(line) + b"\n" == raw)
        named = {name for name in ("key", "target_key") if f"{name}_b64" in line}
        _must(line.keys() == fields.keys() | {f"{name}_b64" for name in named})
        for name in named:  # the bytes are the truth, and only names that are no text have them
            data = base64.b64decode(line[f"{name}_b64"], validate=True)
            _must(base64.b64encode(data).decode() == line[f"{name}_b64"] and not _is_text(data))
            _must(data.decode("utf-8", "backslashreplace") == line[name])
        _must(all(_fits(rule, line[name]) for name, rule in fields.items()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Wrong(f"{where}: not a line of this kind in canonical form") from None
    return dict(line)


# "?" may be null; "text" is not empty, "size" a count, the others regular expressions.
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"
DIGEST = r"[0-9a-f]{64}"
RECORD = {
    "dataset": "text", "key": "text", "size": "size", "source_version": "text",
    "source_modified": "?" + MOMENT, "source_md5": "?[0-9a-f]{32}", "sha256": "?" + DIGEST,
    "bucket": "text", "target_key": "text", "stored_size": "?size", "stored_sha256": "?" + DIGEST,
    "target_etag": "?text", "level": "?full|stored|head",
    "verdict": "?match|mismatch|missing|drifted|unverifiable|waived", "verified_at": "?" + MOMENT,
}  # fmt: skip
EXCLUSION = {"dataset": "text", "key": "text", "reason": "text", "rule": "text", "size": "size"}
FINDING = {
    "at": "?" + MOMENT, "code": "text", "dataset": "?text", "key": "?text", "message": "text",
    "step": "?text",
}  # fmt: skip
EVENT = {"at": "text", "body": "text", "digest": DIGEST, "kind": "text", "seq": "size"}


def _fits(rule: str, value: Any) -> bool:  # noqa: ANN401 - any JSON value
    if rule.startswith("?"):
        return value is None or _fits(rule[1:], value)
    if rule == "size":
        return type(value) is int and 0 <= value < 1 << 63
    value.encode()  # a lone surrogate is no text: ValueError
    return value != "" and (rule == "text" or re.fullmatch(rule, value) is not None)


# --- 8: the journal ------------------------------------------------------------------------------


def _journal(path: Path) -> dict[str, Any]:
    """Walk the chain: each digest covers the one before it; return its length and its end."""
    head, events = bytes(32), 0
    for where, _, line in lines(path, EVENT, ordered=False):
        events += 1
        covered = _canonical([line["seq"], line["at"], line["kind"], line["body"]])
        head = hashlib.sha256(head + covered).digest()
        if line["seq"] != events or head.hex() != line["digest"]:
            raise Wrong(f"{where}: an event was edited, removed or moved")
    return {"events": events, "head": head.hex()}


# --- small tools ---------------------------------------------------------------------------------


def _canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the one spelling of a JSON value: sorted names, no spaces, UTF-8."""
    text = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _must(holds: bool) -> None:
    if not holds:
        raise ValueError


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _key(line: Mapping[str, Any]) -> bytes:
    if "key_b64" in line:
        return base64.b64decode(line["key_b64"])
    return str(line["key"]).encode()


def _order(found: tuple[str, bytes, Any] | None) -> tuple[bytes, bytes] | None:
    return None if found is None else (found[2]["dataset"].encode(), _key(found[2]))


def _zero() -> dict[str, int]:
    return {"objects": 0, "bytes": 0}


def _add(sums: dict[str, int], size: int) -> None:
    sums["objects"] += 1
    sums["bytes"] += size


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def _document(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST_DOCUMENT + 1)
    if len(data) > LARGEST_DOCUMENT:
        raise Wrong(f"{path.name}: too large")
    return data


def told(problems: list[str]) -> list[str]:
    """Return the outcome as lines for people: what was checked, and what was not."""
    if problems:
        return [*(f"WRONG   {problem}" for problem in problems), "this bundle is not evidence"]
    return [
        *(f"ok      {what}" for what in CHECKED),
        *(f"open    {what}" for what in OPEN),
        "the bundle checks",
    ]


def load_key(path: Path) -> tuple[str, Ed25519PublicKey]:
    """Return the fingerprint and key of a PEM file; raise Wrong when it is something else."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Wrong(f"{path}: not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise Wrong(f"{path}: not an Ed25519 key")
    return _sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)), key


def main() -> int:
    """Check the bundle that the command line names."""
    parser = argparse.ArgumentParser(description="Check a bundle of evidence of hdh-migrate.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--trust", type=Path, action="append", required=True, metavar="KEY")
    parser.add_argument("--threshold", type=int, default=1, metavar="N")
    wanted = parser.parse_args()
    try:
        keys = dict(load_key(path) for path in wanted.trust)
    except Wrong as wrong:
        parser.error(str(wrong))
    if not 1 <= wanted.threshold <= len(keys):
        parser.error("--threshold: from 1 to the number of different keys")
    problems = check(wanted.bundle, keys, wanted.threshold)
    sys.stdout.write("\n".join(told(problems)) + "\n")
    return 10 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
