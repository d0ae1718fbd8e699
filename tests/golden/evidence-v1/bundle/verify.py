"""Check a bundle of evidence, alone: this file needs Python 3.9 and the package `cryptography`.

    python3 verify.py BUNDLE --trust operator.pub [--trust witness.pub --threshold 2]
        [--tsa-trust authority.pem] [--sample 50 --target-credentials FILE]

Nothing that the bundle says of itself is believed: every number in the signed statement is
computed again from the bundle's lines. The only outside knowledge is the public keys, which must
have reached you by another way than the bundle. Two questions have files of their own beside this
one: stamp.py reads a time-stamp, and sample.py alone opens a connection, to read objects back
from the target. The steps are numbered as in docs/verification.md.

Exit status: 0 all of it holds, 10 something does not, 2 wrong usage. Messages name files and line
numbers, never objects: object names may identify people.
"""

from __future__ import annotations

import argparse
import base64
import bisect
import hashlib
import ipaddress
import json
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

LINES = ("exclusions.jsonl", "findings.jsonl", "journal.jsonl", "manifest.jsonl")
CODE = ("sample.py", "stamp.py", "verify.py")
FILES = ("SHA256SUMS", *LINES, "statement.json", "summary.json", *CODE)
OPTIONAL = re.compile(r"report\.[a-z]{2}\.html|timestamp\.tsr")
LATER = ("statement.json", "timestamp.tsr")  # made after the statement, so it cannot name them
LONGEST_LINE = 1 << 20
LARGEST_DOCUMENT = 64 << 20
STATES = ("verified", "failed", "pending", "excluded")
UNITS = ("objects", "bytes")
SIZES = tuple(1 << power for power in (12, 16, 20, 24, 28, 32, 36))
SUMMED = (
    *("migration", "rehearsal", "names", "tool", "times", "verification"),
    *("manifest", "datasets", "batches", "outcome", "exclusions", "findings"),
)
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
KEY_ID = re.compile("ed25519:[0-9a-f]{16}")
CHECKED = (
    "1  every file is there, and no other",
    "2  SHA256SUMS lists the digests of exactly these files",
    "3  the statement is signed by enough trusted keys",
    "4  each file is the one that the statement is about",
    "5  every line is canonical, in order, unique, and well formed",
    "6  the Merkle roots and all counts follow from the lines",
    '7  "complete", "proven" and "rehearsal" are said as these counts and addresses allow',
    "8  the journal's chain is unbroken and ends where the statement says",
    "9  the plan has the digest that names the run, and the statement speaks of its datasets",
)
OPEN = (
    "that the source gave its true content: only the operator's machine read it",
    "what no line shows: the addresses that were contacted, paces, losses, who ran it",
)
UNSAMPLED = "that the target still holds these bytes: --sample reads some of them"
UNSTAMPED = "when the bundle was made: its times are the operator's own"

Stamped = Callable[[bytes, bytes], tuple[str, str]]
"""Checks a stamp over some bytes: returns the time that it proves and who gave it."""


class Wrong(Exception):
    """Something does not hold; the message says what, and where."""


class Key(NamedTuple):
    """A trusted public key, and the last day on which it may sign (None: no end)."""

    fingerprint: str
    public: Ed25519PublicKey
    until: Optional[str] = None  # noqa: UP045 - Python 3.9 reads this


class Outcome:
    """What a check came to: all of `checked` holds if there are no `problems`."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.checked = list(CHECKED)
        self.open = [*OPEN, UNSAMPLED]

    def told(self) -> list[str]:
        """Return the outcome as lines for people: what was checked, and what was not."""
        if self.problems:
            wrong = [f"WRONG   {problem}" for problem in self.problems]
            return [*wrong, "this bundle is not evidence"]
        checked = [f"ok      {what}" for what in self.checked]
        return [*checked, *(f"open    {what}" for what in self.open), "the bundle checks"]


def check(
    folder: Path, keys: Iterable[Key], threshold: int = 1, stamped: Stamped | None = None
) -> Outcome:
    """Check a bundle; `threshold` of the trusted `keys` must have signed it.

    `stamped` judges a time-stamp; without it one that is there stays open.
    """
    outcome = Outcome()
    problems = outcome.problems
    try:
        digests = _files(folder)  # 1
        sums = digests.pop("SHA256SUMS")
        if sums != _sha256(sums_text(digests)):  # 2
            problems.append("SHA256SUMS: does not list the digests of exactly these files")
        said, claims, message = _envelope(folder, problems)
        if said is None:
            return outcome
        predicate = _predicate(said)
        moment = _time(folder, claims, message, stamped, outcome) or predicate["times"]["written"]
        if message is not None:
            problems.extend(_unsigned(claims, message, list(keys), threshold, moment))  # 3
        for name in LATER:
            digests.pop(name, None)
        problems.extend(_disagreements(folder, said, digests, claims))  # 4 to 9
    except Wrong as wrong:
        problems.append(str(wrong))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        problems.append("statement.json: the predicate is not of this version")
    except OSError as error:
        problems.append(f"the bundle cannot be read: {error.strerror}")
    return outcome


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
        if name not in FILES and not OPTIONAL.fullmatch(name):
            raise Wrong("a file that does not belong to a bundle")
        if not stat.S_ISREG(mode):
            raise Wrong(f"{name}: not a plain file")
    return {name: _file_digest(folder / name) for name in sorted(found)}


def sums_text(digests: Mapping[str, str]) -> bytes:
    """Return the text of SHA256SUMS, as `sha256sum -c` reads it."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


# --- 3: the signatures -----------------------------------------------------------------------

Claims = list[tuple[str, bytes]]


def _envelope(folder: Path, problems: list[str]) -> tuple[Any, Claims, bytes | None]:
    """Return the in-toto statement, its signatures as claimed, and the bytes that they are over.

    DSSE signs type and length of the payload too (its pre-authentication encoding).
    """
    try:
        raw = _document(folder / "statement.json")
        envelope = json.loads(raw)
        _must(_canonical(envelope) + b"\n" == raw)
        if envelope.get("draft") is True and envelope.keys() == {"draft", "statement"}:
            problems.append("statement.json: an unsigned draft, not evidence")
            return envelope["statement"], [], None
        payload, claims = _claims(envelope)
        said = json.loads(payload)
        _must(_canonical(said) == payload)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        problems.append("statement.json: neither an envelope nor a draft in canonical form")
        return None, [], None
    kind = envelope["payloadType"].encode()
    return said, claims, b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _claims(envelope: Mapping[str, Any]) -> tuple[bytes, Claims]:
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
    _must(all(KEY_ID.fullmatch(key_id) and len(signature) == 64 for key_id, signature in claims))
    return payload, claims


def _unsigned(
    claims: Claims, message: bytes, keys: list[Key], threshold: int, written: str
) -> Iterator[str]:
    """Yield what the signatures lack; a key id only says which key to try, it proves nothing."""
    signed: set[str] = set()
    ended: set[str] = set()
    for key_id, signature in claims:
        for key in keys:
            if key_id == f"ed25519:{key.fingerprint[:16]}" and _accepts(key, signature, message):
                past = key.until is not None and written[:10] > key.until
                (ended if past else signed).add(key.fingerprint)
    if ended:
        yield f"statement.json: signed by {len(ended)} keys after the last day of their validity"
    if len(signed) < max(threshold, 1):
        few = f"only {len(signed)} of {threshold} trusted keys" if signed else "no trusted key"
        yield f"statement.json: {few} signed the statement"


def _accepts(key: Key, signature: bytes, message: bytes) -> bool:
    try:
        key.public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _predicate(said: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    wrong = ill_formed(said, STATEMENT, "statement")
    if wrong is not None:
        raise Wrong(f"statement.json: not a statement of this version: {wrong}")
    return dict(said["predicate"])


def _time(
    folder: Path, claims: Claims, message: bytes | None, stamped: Stamped | None, outcome: Outcome
) -> str | None:
    """Return the time that a time-stamp over what was first signed proves, if there is one.

    It covers the message and the first signature: a signature alone may hold for two messages,
    if its maker chose a key of small order.
    """
    path = folder / "timestamp.tsr"
    if not path.exists() or not claims or message is None:
        outcome.open.append(UNSTAMPED)
    elif stamped is None:
        outcome.open.append("the time-stamp: --tsa-trust names who is trusted to give one")
    else:
        try:
            moment, authority = stamped(_document(path), message + claims[0][1])
        except ValueError as error:
            raise Wrong(f"timestamp.tsr: {error}") from None
        outcome.checked.append(f"10 the signed statement existed on {moment}, says {authority}")
        return moment
    return None


# --- 4 to 9: what the statement says, beside what the files are --------------------------------


def _disagreements(
    folder: Path, said: Mapping[str, Any], digests: Mapping[str, str], claims: Claims
) -> Iterator[str]:
    predicate, signer = said["predicate"], claims[0][0] if claims else None
    subjects = {entry["name"]: entry["digest"] for entry in said["subject"]}
    if said["subject"][0]["name"] != "manifest.jsonl" or len(subjects) != len(said["subject"]):
        yield "statement.json: the subjects do not begin with the manifest, or repeat"
    for name in sorted(digests.keys() | subjects.keys()):
        if subjects.get(name) != {"sha256": digests.get(name)}:
            yield f"{name}: not the file that the statement is about"
    yield from _misstated(predicate)
    try:
        counted = Count(predicate)
        counted.read(folder)
        for part, value in counted.parts().items():
            if _canonical(predicate[part]) != _canonical(value):  # as bytes: to Python 1 == True
                yield f"statement.json: {part} is not what the bundle's files add up to"
        if _canonical(_journal(folder / "journal.jsonl")) != _canonical(predicate["journal"]):
            yield "statement.json: the journal has another end or length"
    except Wrong as wrong:
        yield str(wrong)
    if _document(folder / "summary.json") != _canonical(summary(predicate, signer)) + b"\n":
        yield "summary.json: not the summary of the statement"


def _misstated(predicate: Mapping[str, Any]) -> Iterator[str]:
    """Compare what is said of the plan and of the addresses with the plan and the addresses."""
    local = [is_local(place["url"]) for place in predicate["endpoints"]]
    said_local = [place["local"] for place in predicate["endpoints"]]
    if predicate["rehearsal"] is not all(local) or local != said_local:
        yield "statement.json: rehearsal or local endpoints are misstated"
    plan = predicate["plan"]["canonical"]
    if _sha256(_canonical(plan)) != predicate["plan"]["digest"]["sha256"]:
        yield "statement.json: the plan digest is not the digest of the plan"
    batches = [(name, batch["name"]) for batch in plan["batches"] for name in batch["datasets"]]
    planned = {
        dataset["name"]: {name: dataset["target"][name] for name in ("bucket", "prefix")}
        for dataset in plan["datasets"]
    }
    told = {dataset["name"]: dataset["target"] for dataset in predicate["datasets"]}
    once = len(told) == len(predicate["datasets"]) == len(plan["datasets"])  # or sums would double
    batched = sorted(batches) == sorted(
        (each["name"], each["batch"]) for each in predicate["datasets"]
    )
    if told != planned or not once or not batched or plan["migration"] != predicate["migration"]:
        yield "statement.json: the datasets are not those of the plan"


def summary(predicate: Mapping[str, Any], signer: str | None) -> dict[str, Any]:
    """Return the short form for programs that stands in summary.json."""
    return {
        "version": 1,
        "draft": signer is None,
        "signed_by": signer,
        "plan_digest": predicate["plan"]["digest"]["sha256"],
        **{name: predicate[name] for name in SUMMED},
    }


def is_local(url: str) -> bool:
    """Say whether an address is a folder or on this machine."""
    host = urlsplit(url).hostname
    if host is None or host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in net for net in LOOPBACK)  # is_loopback differs between Pythons


# --- 5, 6, 7: lines, trees and counts ------------------------------------------------------------


class Tree:
    """The Merkle tree of RFC 9162 section 2.1; keeps one digest for each level."""

    def __init__(self) -> None:
        self.count = 0
        self.stack: list[tuple[int, bytes]] = []

    def add(self, digest: bytes) -> None:
        """Add one leaf, given as its digest."""
        level = 0
        while self.stack and self.stack[-1][0] == level:
            digest = hashlib.sha256(b"\x01" + self.stack.pop()[1] + digest).digest()
            level += 1
        self.stack.append((level, digest))
        self.count += 1

    def root(self) -> str:
        """Return the root; of no leaves it is the digest of nothing."""
        if not self.stack:
            return _sha256(b"")
        digest = self.stack[-1][1]
        for _, left in reversed(self.stack[:-1]):
            digest = hashlib.sha256(b"\x01" + left + digest).digest()
        return digest.hex()


class Count:
    """Adds up exclusions, manifest and findings in one pass each and in little memory."""

    def __init__(self, predicate: Mapping[str, Any]) -> None:
        self.said = predicate["datasets"]
        self.batch_of = {dataset["name"]: dataset["batch"] for dataset in self.said}
        self.tree, self.trees = Tree(), {batch: Tree() for batch in self.batch_of.values()}
        if len(self.trees) == 1:  # its lines are all lines
            self.trees = dict.fromkeys(self.trees, self.tree)
        self.batch_levels: dict[str, set[str]] = {batch: set() for batch in self.trees}
        self.digests = dict.fromkeys(("sha256", "source_md5", "stored_sha256"), 0)
        self.sizes = [_zero() for _ in range(len(SIZES) + 1)]
        self.verdicts: dict[str, dict[str, int]] = {}
        self.levels: dict[str, dict[str, int]] = {}
        self.rules: dict[tuple[str, str, str], dict[str, int]] = {}
        self.codes: dict[str, int] = {}
        self.states = {name: {state: _zero() for state in STATES} for name in self.batch_of}

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
            self._record(line, raw, where)
        for _, _, line in lines(folder / "findings.jsonl", FINDING, ordered=False):
            self.codes[line["code"]] = self.codes.get(line["code"], 0) + 1

    def _record(self, line: dict[str, Any], raw: bytes, where: str) -> None:
        states, batch = self._state(line, where), self.batch_of[line["dataset"]]
        verdict, size = line["verdict"], line["size"]
        _add(self.verdicts.setdefault(verdict or "none", _zero()), size)
        state = "failed" if verdict else "pending"
        if verdict == "match":
            state = "verified"
            if any(line[name] is None for name in grounds(line["level"])):
                raise Wrong(f'{where}: verdict "match" without its grounds')
            _add(self.levels.setdefault(line["level"], _zero()), size)
            self.batch_levels[batch].add(line["level"])
        _add(states[state], size)
        _add(self.sizes[bisect.bisect_right(SIZES, size)], size)
        for name in self.digests:
            self.digests[name] += line[name] is not None
        leaf = hashlib.sha256(b"\x00" + raw).digest()
        self.tree.add(leaf)
        if (own := self.trees[batch]) is not self.tree:
            own.add(leaf)

    def _state(self, line: Mapping[str, Any], where: str) -> dict[str, dict[str, int]]:
        try:
            return self.states[line["dataset"]]
        except KeyError:
            raise Wrong(f"{where}: of a dataset that the plan does not name") from None

    def parts(self) -> dict[str, Any]:
        """Return the predicate's parts that follow from the lines."""
        datasets = []
        for said in self.said:
            tally = {"inventoried": said["tally"]["inventoried"], **self.states[said["name"]]}
            ended = {unit: sum(tally[state][unit] for state in STATES) for unit in UNITS}
            datasets.append({**said, "tally": {**tally, "closes": ended == tally["inventoried"]}})
        return {
            "datasets": datasets,
            "manifest": {
                "records": self.tree.count, "merkle_root": self.tree.root(),
                "tree": "rfc9162-sha256", "digests": self.digests,
                "sizes": [
                    {"below": bound, **sums} for bound, sums in zip((*SIZES, None), self.sizes)  # noqa: B905 - Python 3.9
                ],
            },
            "batches": [
                {
                    "name": name, "records": tree.count, "merkle_root": tree.root(),
                    **judged([d for d in datasets if d["batch"] == name], self.batch_levels[name]),
                }
                for name, tree in self.trees.items()
            ],
            "outcome": {
                **judged(datasets, set(self.levels)), "states": totals(datasets),
                "verdicts": self.verdicts, "levels": self.levels,
            },
            "exclusions": [
                {"dataset": dataset, "rule": rule, "reason": reason, **sums}
                for (dataset, rule, reason), sums in sorted(self.rules.items())
            ],
            "findings": {"total": sum(self.codes.values()), "codes": self.codes},
        }  # fmt: skip


def grounds(level: str | None) -> tuple[str, ...]:
    """Return the fields that verdict "match" at this level rests on."""
    read = ("stored_size", "stored_sha256") if level != "head" else ()
    return ("level", "verified_at", *read, *(("sha256",) if level == "full" else ()))


def totals(datasets: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Add up the tallies of some datasets."""
    return {
        state: {unit: sum(dataset["tally"][state][unit] for dataset in datasets) for unit in UNITS}
        for state in ("inventoried", *STATES)
    }


def judged(datasets: Sequence[Mapping[str, Any]], levels: set[str]) -> dict[str, bool]:
    """Return which strong words these datasets allow, verified at these levels."""
    total = totals(datasets)
    closed = all(dataset["closed"] is True for dataset in datasets)
    closes = all(dataset["tally"]["closes"] for dataset in datasets)
    unfinished = total["failed"]["objects"] + total["pending"]["objects"]
    complete = closed and closes and total["inventoried"]["objects"] > 0 and not unfinished
    return {
        "inventory_closed": closed,
        "counts_close": closes,
        "complete": complete,
        "proven": complete and levels == {"full"},
    }


def lines(
    path: Path, fields: Mapping[str, Field], *, ordered: bool
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


def _line(raw: bytes, fields: Mapping[str, Field], where: str) -> dict[str, Any]:
    try:
        line = json.loads(raw)
        _must(_canonical(line) + b"\n" == raw)
        named = {name for name in ("key", "target_key") if f"{name}_b64" in line}
        _must(line.keys() == fields.keys() | {f"{name}_b64" for name in named})
        for name in named:  # the bytes are the truth, and only names that are no text have them
            data = base64.b64decode(line[f"{name}_b64"], validate=True)
            _must(base64.b64encode(data).decode() == line[f"{name}_b64"] and not _is_text(data))
            _must(data.decode("utf-8", "backslashreplace") == line[name])
        _must(misfit(line, fields) is None)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Wrong(f"{where}: not a line of this kind in canonical form") from None
    return dict(line)


class Field(NamedTuple):
    """What one field of a line may hold: a count of bytes, or a text that fits whole; or null."""

    pattern: Optional[re.Pattern[str]]  # noqa: UP045 - Python 3.9 reads this
    nullable: bool = False

    def holds(self, value: Any) -> bool:  # noqa: ANN401 - any JSON value
        """Say whether it may hold this value."""
        if value is None:
            return self.nullable
        if self.pattern is None:
            return type(value) is int and 0 <= value < 1 << 63
        return isinstance(value, str) and self.pattern.fullmatch(value) is not None


def _text(pattern: str, *, nullable: bool = False) -> Field:
    return Field(re.compile(pattern, re.ASCII), nullable)


MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"
SIZE, SIZE_OR_NULL = Field(None), Field(None, nullable=True)
TEXT = _text("[^\ud800-\udfff]+")  # not empty, and no surrogate, which is no character
TEXT_OR_NULL = TEXT._replace(nullable=True)
TIME_OR_NULL = _text(MOMENT, nullable=True)
DIGEST = _text("[0-9a-f]{64}")
DIGEST_OR_NULL = DIGEST._replace(nullable=True)
RECORD = {
    "dataset": TEXT, "key": TEXT, "size": SIZE, "source_version": TEXT,
    "source_modified": TIME_OR_NULL, "source_md5": _text("[0-9a-f]{32}", nullable=True),
    "sha256": DIGEST_OR_NULL, "bucket": TEXT, "target_key": TEXT, "stored_size": SIZE_OR_NULL,
    "stored_sha256": DIGEST_OR_NULL, "target_etag": TEXT_OR_NULL,
    "level": _text("full|stored|head", nullable=True),
    "verdict": _text("match|mismatch|missing|drifted|unverifiable|waived", nullable=True),
    "verified_at": TIME_OR_NULL,
}  # fmt: skip
EXCLUSION = {"dataset": TEXT, "key": TEXT, "reason": TEXT, "rule": TEXT, "size": SIZE}
FINDING = {
    "at": TIME_OR_NULL, "code": TEXT, "dataset": TEXT_OR_NULL, "key": TEXT_OR_NULL,
    "message": TEXT, "step": TEXT_OR_NULL,
}  # fmt: skip
EVENT = {"at": TEXT, "body": TEXT, "digest": DIGEST, "kind": TEXT, "seq": SIZE}


def misfit(line: Mapping[str, Any], fields: Mapping[str, Field]) -> str | None:
    """Return the name of a field whose value is not what it may hold, None if all are."""
    return next((name for name, field in fields.items() if not field.holds(line[name])), None)


# --- 3 to 9: what a statement consists of --------------------------------------------------------


def _count(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return type(value) is int and value >= 0


def _number(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return type(value) in (int, float)


def _given(kind: type) -> Callable[[Any], bool]:
    return lambda value: type(value) is kind


def _or_null(kind: type) -> Callable[[Any], bool]:
    return lambda value: value is None or type(value) is kind


NAMED = _text(r"[\s\S]+")  # not empty; unlike a line's text it may hold a lone surrogate
NAMED_OR_NULL = NAMED._replace(nullable=True)
SUM = {"objects": _count, "bytes": _count}
PLACE = {"bucket": NAMED, "prefix": _given(str)}
COUNTED = _given(dict)  # compared with what the lines give
PREDICATE: dict[str, Any] = {
    "migration": NAMED,
    "rehearsal": _given(bool),
    "names": _text("plain|keyed"),
    "plan": {"digest": {"sha256": DIGEST}, "canonical": _given(dict)},
    "tool": {"name": _text("hdh-migrate"), "version": NAMED, "code": {"sha256": DIGEST}},
    "operator": NAMED_OR_NULL,
    "times": {
        "started": TIME_OR_NULL, "ended": TIME_OR_NULL, "written": _text(MOMENT),
        "clock_offsets": {str: _number},
    },
    "endpoints": [{
        "side": _text("source|target"), "kind": NAMED, "url": NAMED, "region": NAMED_OR_NULL,
        "local": _given(bool), "bytes_read": _count, "bytes_written": _count, "requests": _count,
        "addresses": [NAMED],
    }],
    "attestation": _or_null(dict), "profile": _or_null(dict), "capabilities": _or_null(dict),
    "waivers": [_given(dict)], "cutovers": [_given(dict)],
    "seal": {"format": NAMED, "recipients": [NAMED]},
    "verification": {
        "level": _text("full|stored|head"),
        "sha256_taken_in_transfer": _count, "sha256_taken_in_verify": _count,
    },
    "losses": [
        {"dataset": NAMED, "what": NAMED, "objects": _count, "kept": _text("manifest|ledger")}
    ],
    "paces": [{
        "step": _text("transfer|verify"), "started": _text(MOMENT), "ended": _text(MOMENT),
        "seconds": lambda value: _number(value) and value > 0, "bins": [SUM],
    }],
    "previous_statement": DIGEST_OR_NULL,
    "datasets": [{
        "name": NAMED, "batch": NAMED, "closed": _given(bool), "source": PLACE, "target": PLACE,
        "tally": {
            "inventoried": SUM, "verified": SUM, "failed": SUM, "pending": SUM, "excluded": SUM,
            "closes": _given(bool),
        },
    }],
    "journal": COUNTED, "manifest": COUNTED, "outcome": COUNTED, "findings": COUNTED,
    "batches": _given(list), "exclusions": _given(list),
}  # fmt: skip
"""What docs/schemas/evidence-v1.json says, so far as the lines do not decide it."""
STATEMENT = {
    "_type": _text(re.escape("https://in-toto.io/Statement/v1")),
    "subject": [{"name": NAMED, "digest": {"sha256": DIGEST}}],
    "predicateType": _text("urn:hdh-migrate:evidence:v1"),
    "predicate": PREDICATE,
}


def ill_formed(value: Any, shape: Any, where: str) -> str | None:  # noqa: ANN401 - any JSON value
    """Return where a value is not of this shape, None if all of it is.

    A shape is a test, a list of one shape, or an object of exactly these members (with `str` as
    the only name: of any members). What is returned has no names but those of the format.
    """
    if isinstance(shape, list):
        if not isinstance(value, list):
            return where
        inner = [(each, shape[0], where) for each in value]
    elif isinstance(shape, dict) and isinstance(value, dict):
        if str in shape:
            inner = [(each, shape[str], where) for each in value.values()]
        elif value.keys() != shape.keys():
            return where
        else:
            inner = [(value[name], shape[name], f"{where}.{name}") for name in shape]
    else:
        test = shape.holds if isinstance(shape, Field) else shape
        return None if callable(test) and test(value) else where
    return next((bad for each in inner if (bad := ill_formed(*each)) is not None), None)


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


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)
_ASCII_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def _canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the one spelling of a JSON value: sorted names, no spaces, UTF-8."""
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:  # it has a lone surrogate
        return _ASCII_ENCODER.encode(value).encode()


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


# --- the command line ----------------------------------------------------------------------------


def load_key(path: Path) -> Key:
    """Open a public key in PEM; a line "Valid-Until: YYYY-MM-DD" before it limits its use."""
    try:
        pem = path.read_bytes()
        key = load_pem_public_key(pem)
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Wrong(f"{path}: not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise Wrong(f"{path}: not an Ed25519 key")
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    if is_weak(raw):
        raise Wrong(f"{path}: not an honest key: one signature of it could hold for any statement")
    try:
        return Key(_sha256(raw), key, last_day(pem))
    except ValueError as error:
        raise Wrong(f"{path}: {error}") from None


def last_day(pem: bytes) -> str | None:
    """Return the last day of a key's use, from the line before its PEM block; None: no end."""
    before = pem.partition(b"-----BEGIN")[0]
    days = re.findall(rb"(?m)^Valid-Until: *(\d{4}-\d\d-\d\d)\s*$", before)
    if len(days) > 1 or len(days) != len(re.findall(rb"(?im)^\s*valid-until", before)):
        raise ValueError("its Valid-Until is not one line with a day, YYYY-MM-DD")
    return days[0].decode() if days else None


def is_weak(raw: bytes) -> bool:
    """Say whether a key is a point of small order, under which one signature fits any message."""
    prime = 2**255 - 19
    eighth = 2707385501144840649318225287225658788936804267575313519463743609750303402022
    y = int.from_bytes(raw, "little") % (1 << 255) % prime
    return y in (0, 1, prime - 1, eighth, prime - eighth)


def main() -> int:
    """Check the bundle that the command line names."""
    parser = argparse.ArgumentParser(description="Check a bundle of evidence of hdh-migrate.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--trust", type=Path, action="append", required=True, metavar="KEY")
    parser.add_argument("--threshold", type=int, default=1, metavar="N")
    parser.add_argument("--tsa-trust", type=Path, metavar="PEM")
    parser.add_argument("--sample", type=int, metavar="N")
    parser.add_argument("--target-credentials", type=Path, metavar="FILE")
    parser.add_argument("--nonce", help="repeat the draw of an earlier sample")
    wanted = parser.parse_args()
    try:
        keys = [load_key(path) for path in wanted.trust]
        stamped = reader = None
        if wanted.tsa_trust is not None:
            import stamp  # type: ignore[import-not-found] # the file beside this one

            stamped = stamp.judge(wanted.tsa_trust.read_bytes())
        if wanted.sample is not None:
            import sample  # type: ignore[import-not-found]

            reader = sample.Sample(wanted.sample, wanted.target_credentials, wanted.nonce)
    except (Wrong, ValueError, OSError, ImportError) as wrong:
        parser.error(str(wrong))
    if not wanted.bundle.exists():
        parser.error(f"{wanted.bundle}: there is no bundle here")
    if not 1 <= wanted.threshold <= len({key.fingerprint for key in keys}):
        parser.error("--threshold: from 1 to the number of different keys")
    outcome = check(wanted.bundle, keys, wanted.threshold, stamped)
    if reader is not None and not outcome.problems:
        reader.draw(wanted.bundle, outcome)
    sys.stdout.write("\n".join(outcome.told()) + "\n")
    return 10 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
