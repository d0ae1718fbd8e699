"""Check a bundle of evidence, alone: this file needs Python 3.9 and the package `cryptography`.

    python3 verify.py BUNDLE --trust operator.pub [--trust witness.pub --threshold 2]
        [--checkpoint kept.checkpoint] [--tsa-trust authority.pem]
        [--sample 50 --target-credentials FILE]

Nothing that the bundle says of itself is believed: every number in the signed statement is
computed again from the bundle's lines. The only outside knowledge is the public keys, which must
have reached you by another way than the bundle, and a checkpoint of the journal if you kept one.
Beside this file stand its companions: forms.py says how everything is written, journal.py counts
what the journal tells, story.py holds the statement against it, rules.py lines and statement
against the plan; stamp.py reads a
time-stamp, and sample.py alone opens a connection, to read objects back from the target. The
steps are numbered as in docs/verification.md.

Exit status: 0 all of it holds, 10 something does not, 2 wrong usage. Messages name files and line
numbers, never objects: object names may identify people.
"""

from __future__ import annotations

import argparse
import base64
import bisect
import hashlib
import importlib
import json
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

if __package__:
    from hdh_migrate.evidence import forms, rules, story
    from hdh_migrate.evidence.journal import Inventory, Journal, findings_digest
else:
    sys.dont_write_bytecode = True  # or the bundle's folder would have one more entry
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import forms  # type: ignore[import-not-found,no-redef]
    import rules  # type: ignore[import-not-found,no-redef]
    import story  # type: ignore[import-not-found,no-redef]
    from journal import (  # type: ignore[import-not-found,no-redef]
        Inventory,
        Journal,
        findings_digest,
    )

    del sys.path[0]

LINES = ("exclusions.jsonl", "findings.jsonl", "journal.jsonl", "manifest.jsonl")
CODES = {
    1: ("sample.py", "stamp.py", "verify.py"),
    2: ("forms.py", "journal.py", "rules.py", "sample.py", "stamp.py", "story.py", "verify.py"),
}
"""By the format's number: the files of its verifier."""
CODE = CODES[2]
FILES = ("SHA256SUMS", *LINES, "statement.json", "summary.json", *CODES[1])
OPTIONAL = re.compile(r"report\.[a-z]{2}\.html|timestamp\.tsr|(forms|journal|rules|story)\.py")
LATER = ("statement.json", "timestamp.tsr")  # made after the statement, so it cannot name them
LARGEST_NOTE = 1 << 16
MARK = b'<meta name="statement-predicate-sha256"'
STATES = ("verified", "failed", "pending", "excluded")
UNITS = ("objects", "bytes")
SIZES = tuple(1 << power for power in (12, 16, 20, 24, 28, 32, 36))
SUMMED = (
    *("migration", "rehearsal", "names", "tool", "times", "verification"),
    *("manifest", "datasets", "batches", "outcome", "exclusions", "findings"),
)
KEY_ID = re.compile("ed25519:[0-9a-f]{16}")
CHECKED = (
    "1  every file is there, and no other",
    "2  SHA256SUMS lists the digests of exactly these files",
    "3  the statement is signed by enough trusted keys",
    "4  each file is the one that the statement is about",
    "5  every line is canonical, in order, unique, and well formed",
    "6  the Merkle roots and all counts follow from the lines",
    '7  "complete", "proven" and "rehearsal" are said as these counts and addresses allow',
    "8  the journal's chain is unbroken, and what it tells is what the lines and the statement say",
    "9  the plan has the digest that names the run, and lines and statement are as it leads to",
)
ALONE = (
    "that nothing was left out or made up before it was signed: who holds ledger and report key"
    " can do that. What limits it: a checkpoint of the journal that a witness signed or that you"
    " kept (--checkpoint), an earlier bundle (audit compare), a time-stamp"
)
SINCE = "that nothing was left out or made up of what came after the first {} events"
OPEN = (
    ALONE,
    "that the source gave its true content: only the operator's machine read it",
    "that those who are named as approving did: their signatures are not in the bundle",
    "what no line shows: the addresses that were contacted, how fast it went, losses, who ran it",
)
FIRST_FORMAT = (
    "what the journal tells, and the pages: the bundle is of the first format, of which neither is"
    " compared with the statement"
)
UPGRADED = (
    "what the journal tells before its event {}, at which its ledger began to tell what it counts"
)
PAGES = 'that a page shows what the statement says: "hdh-migrate audit verify" makes each one again'
UNSAMPLED = "that the target still holds these bytes: --sample reads some of them"
UNSTAMPED = "when the bundle was made: its times are the operator's own"
NOT_OF_THIS_VERSION = (
    *(KeyError, TypeError, ValueError, AttributeError, IndexError),
    *(ArithmeticError, RecursionError),
)
"""What Python raises where a value is of another form than the format's."""

Stamped = Callable[[bytes, bytes], tuple[str, str]]
"""Checks a stamp over some bytes: returns the time that it proves and who gave it."""


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
    folder: Path,
    keys: Iterable[Key],
    threshold: int = 1,
    stamped: Stamped | None = None,
    notes: Sequence[Note] = (),
) -> Outcome:
    """Check a bundle; `threshold` of the trusted `keys` must have signed it and each note.

    `stamped` judges a time-stamp; without it one that is there stays open.
    """
    keys = list(keys)
    outcome = Outcome()
    problems = outcome.problems
    try:
        digests = _files(folder)  # 1
        sums = digests.pop("SHA256SUMS")
        if sums != forms.sha256(sums_text(digests)):  # 2
            problems.append("SHA256SUMS: does not list the digests of exactly these files")
        said, claims, message = _envelope(folder, problems)
        if said is None:
            return outcome
        predicate = _predicate(said)
        written = predicate["times"]["written"]
        moment = _time(folder, claims, message, stamped, outcome) or written
        problems.extend(_before(moment, written))
        if message is not None:
            problems.extend(_unsigned(claims, message, keys, threshold, moment))  # 3
        signed = [signed_note(note, keys, moment) for note in notes]
        if any(note.signed < threshold for note in signed):
            problems.append("checkpoint: not signed by enough trusted keys")
        for name in LATER:
            digests.pop(name, None)
        for problem in _disagreements(folder, said, digests, claims, signed, outcome):  # 4 to 9
            problems.append(problem)
    except forms.Wrong as wrong:
        problems.append(str(wrong))
    except NOT_OF_THIS_VERSION:
        problems.append("statement.json: the predicate is not of this version")
    except OSError as error:
        problems.append(f"the bundle cannot be read: {error.strerror}")
    return outcome


# --- 1, 2: the files -------------------------------------------------------------------------


def _files(folder: Path) -> dict[str, str]:
    """Return the digest of every file, if they are exactly those of a bundle."""
    if not folder.is_dir():
        raise forms.Wrong("the bundle is not a folder (unpack an archive first)")
    found = {entry.name: entry.lstat().st_mode for entry in folder.iterdir()}
    for name in FILES:
        if name not in found:
            raise forms.Wrong(f"{name}: missing")
    for name, mode in sorted(found.items()):
        if name not in FILES and not OPTIONAL.fullmatch(name):
            raise forms.Wrong("a file that does not belong to a bundle")
        if not stat.S_ISREG(mode):
            raise forms.Wrong(f"{name}: not a plain file")
    return {name: forms.file_digest(folder / name) for name in sorted(found)}


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
        raw = forms.document(folder / "statement.json")
        envelope = json.loads(raw)
        forms.must(forms.canonical(envelope) + b"\n" == raw)
        if envelope.get("draft") is True and envelope.keys() == {"draft", "statement"}:
            problems.append("statement.json: an unsigned draft, not evidence")
            return envelope["statement"], [], None
        payload, claims = _claims(envelope)
        said = json.loads(payload)
        forms.must(forms.canonical(said) == payload)
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
    forms.must(spelled == envelope and 0 < len(claims) == len(dict(claims)))
    forms.must(
        all(KEY_ID.fullmatch(key_id) and len(signature) == 64 for key_id, signature in claims)
    )
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
    wrong = forms.ill_formed(said, forms.STATEMENT, "statement")
    if wrong is not None:
        raise forms.Wrong(f"statement.json: not a statement of this version: {wrong}")
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
            moment, authority = stamped(forms.document(path), message + claims[0][1])
        except ValueError as error:
            raise forms.Wrong(f"timestamp.tsr: {error}") from None
        outcome.checked.append(f"10 the signed statement existed on {moment}, says {authority}")
        return moment
    return None


def _before(moment: str, written: str) -> Iterator[str]:
    if forms.seconds(written) > forms.seconds(moment) + rules.AHEAD:
        yield "timestamp.tsr: from before the statement was written"


# --- 4 to 9: what the statement says, beside what the files are --------------------------------


def _disagreements(
    folder: Path,
    said: Mapping[str, Any],
    digests: Mapping[str, str],
    claims: Claims,
    notes: Sequence[Note],
    outcome: Outcome,
) -> Iterator[str]:
    predicate, signer, version = (
        said["predicate"],
        claims[0][0] if claims else None,
        format_of(said),
    )
    subjects = {entry["name"]: entry["digest"] for entry in said["subject"]}
    if said["subject"][0]["name"] != "manifest.jsonl" or len(subjects) != len(said["subject"]):
        yield "statement.json: the subjects do not begin with the manifest, or repeat"
    for name in sorted(digests.keys() | subjects.keys()):
        if subjects.get(name) != {"sha256": digests.get(name)}:
            yield f"{name}: not the file that the statement is about"
    if {name for name in digests if name.endswith(".py")} != set(CODES[version]):
        yield "not the verifier's files of this format"
    yield from rules.misstated(predicate, version)
    told = Walk(predicate, version, notes)
    told.read(folder / "journal.jsonl")
    if forms.canonical(told.end()) != forms.canonical(predicate["journal"]):
        yield "statement.json: the journal has another end or length"
    counted = Count(predicate, version, told)
    counted.read(folder)
    for part, value in counted.parts().items():
        if forms.canonical(predicate[part]) != forms.canonical(value):  # to Python 1 == True
            yield f"statement.json: {part} is not what the bundle's files add up to"
    yield from counted.problems(folder)
    if version > 1:
        yield from story.untold(predicate, told)
        yield from unlike_pages(folder, predicate)
    yield from told.unextended()
    if (
        forms.document(folder / "summary.json")
        != forms.canonical(summary(predicate, signer)) + b"\n"
    ):
        yield "summary.json: not the summary of the statement"
    _say_what_is_open(outcome, version, told, digests)


def _say_what_is_open(
    outcome: Outcome, version: int, told: Walk, digests: Mapping[str, str]
) -> None:
    if version == 1:
        outcome.open.append(FIRST_FORMAT)
    elif told.upgraded:
        outcome.open.append(UPGRADED.format(told.upgraded))
    if version > 1 and any(name.startswith("report.") for name in digests):
        outcome.open.append(PAGES)
    if told.notes:
        outcome.open[outcome.open.index(ALONE)] = SINCE.format(max(n.size for n in told.notes))
    for note in told.notes:
        outcome.checked.append(
            f"12 the journal goes on from the checkpoint of {note.size} events, which"
            f" {note.signed} trusted keys signed"
        )


def unlike_pages(folder: Path, predicate: Mapping[str, Any]) -> Iterator[str]:
    """Say which pages do not name the digest of this predicate, at the one place for it."""
    mark = page_mark(predicate)
    for path in sorted(folder.glob("report.*.html")):
        page = forms.document(path)
        begin = page.partition(b"<title>")[0]
        if mark not in begin or page.count(MARK) != 1:
            yield f"{path.name}: the page of another statement"


def page_mark(predicate: Mapping[str, Any]) -> bytes:
    """Return the line of a page that names the digest of the predicate that it shows."""
    return b'%s content="%s">' % (MARK, forms.sha256(forms.canonical(predicate)).encode())


def format_of(said: Mapping[str, Any]) -> int:
    """Return the number of the format that a statement is in."""
    return int(said["predicateType"].rpartition(":v")[2])


def summary(predicate: Mapping[str, Any], signer: str | None) -> dict[str, Any]:
    """Return the short form for programs that stands in summary.json."""
    return {
        "version": 1,
        "draft": signer is None,
        "signed_by": signer,
        "plan_digest": predicate["plan"]["digest"]["sha256"],
        **{name: predicate[name] for name in SUMMED},
    }


# --- 8: the journal, and checkpoints of it -------------------------------------------------------


class Note(NamedTuple):
    """A checkpoint of a journal: its first `size` lines have this root."""

    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: tuple[tuple[str, bytes], ...]
    signed: int = 0
    """How many of the trusted keys signed it."""


def read_note(data: bytes) -> Note:
    """Return a checkpoint, a signed note of C2SP; raise Wrong for what is none."""
    text, gap, rest = data.partition(b"\n\n")
    try:
        forms.must(len(data) <= LARGEST_NOTE and bool(gap) and rest.endswith(b"\n"))
        origin, size, root, *more = text.decode().split("\n")
        forms.must(not more and re.fullmatch("0|[1-9][0-9]{0,18}", size) is not None)
        digest = base64.b64decode(root, validate=True)
        forms.must(base64.b64encode(digest).decode() == root and len(digest) == 32)
        made = []
        for line in rest.decode().split("\n")[:-1]:
            dash, name, signature = line.split(" ")
            raw = base64.b64decode(signature, validate=True)
            forms.must(dash == "\u2014" and bool(name) and "+" not in name and len(raw) > 4)
            made.append((name, raw))
    except ValueError:
        raise forms.Wrong("not a checkpoint of a journal (a signed note of three lines)") from None
    return Note(origin, int(size), digest, text + b"\n", tuple(made))


def signed_note(note: Note, keys: Sequence[Key], moment: str) -> Note:
    """Count the trusted keys that signed a checkpoint.

    It has no time of its own: a key whose last day is before the bundle's counts no more.
    """
    signed = set()
    for name, raw in note.signatures:
        for key in keys:
            public = key.public.public_bytes(Encoding.Raw, PublicFormat.Raw)
            named = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
            timely = key.until is None or moment[:10] <= key.until
            if raw[:4] == named and timely and _accepts(key, raw[4:], note.text):
                signed.add(key.fingerprint)
    return note._replace(signed=len(signed))


class Walk(Journal):
    """Walks the journal once, and remembers the roots that checkpoints ask for."""

    def __init__(self, predicate: Mapping[str, Any], version: int, notes: Sequence[Note]) -> None:
        names = [dataset["name"] for dataset in predicate["datasets"]]
        super().__init__(names, version, keyed=predicate["names"] == "keyed")
        self.notes = notes
        self._origin = f"hdh-migrate/{predicate['migration']}/journal"
        self._tree = forms.Tree()
        self._roots = {0: self._tree.root()}
        self._sizes = {note.size for note in notes}

    def passed(self, raw: bytes) -> None:
        """Add an event's line to the tree."""
        if self._sizes:
            self._tree.add(hashlib.sha256(b"\0" + raw).digest())
            if self._tree.count in self._sizes:
                self._roots[self._tree.count] = self._tree.root()

    def end(self) -> dict[str, Any]:
        """Return what the statement says of the journal."""
        return {"events": self.events, "head": self.head.hex()}

    def unextended(self) -> Iterator[str]:
        """Say which checkpoints this journal does not go on from."""
        for note in self.notes:
            if self.keyed:
                yield "checkpoint: of a ledger's journal; a keyed bundle has another one"
            elif note.origin != self._origin:
                yield "checkpoint: of another journal"
            elif note.size not in self._roots:
                yield "checkpoint: the journal is shorter: something was left out"
            elif self._roots[note.size] != note.root.hex():
                yield "checkpoint: the journal does not begin with what was checkpointed"


# --- 5, 6, 7: lines, trees and counts ------------------------------------------------------------


Order = tuple[bytes, bytes]


class Count:
    """Adds up exclusions, manifest and findings in one pass each and in little memory."""

    def __init__(self, predicate: Mapping[str, Any], version: int, told: Walk) -> None:
        self.said, self.version, self.told = predicate["datasets"], version, told
        self.plan = rules.Plan(predicate, version)
        self.exclusion, self.finding = forms.LINE_FIELDS[version]
        self.batch_of = {dataset["name"]: dataset["batch"] for dataset in self.said}
        self.tree, self.trees = (
            forms.Tree(),
            {batch: forms.Tree() for batch in self.batch_of.values()},
        )
        if len(self.trees) == 1:  # its lines are all lines
            self.trees = dict.fromkeys(self.trees, self.tree)
        self.batch_levels: dict[str, set[str]] = {batch: set() for batch in self.trees}
        self.digests = dict.fromkeys(("sha256", "source_md5", "stored_sha256"), 0)
        self.claimed = None if self.version == 1 else forms.zero()
        planned = predicate["plan"]["canonical"].get("datasets")
        self.unclaimed = [
            one.get("name") for one in (planned if type(planned) is list else ())
            if type(one) is dict and one.get("ignore_md5") is not None
        ]  # fmt: skip
        self.sizes = [forms.zero() for _ in range(len(SIZES) + 1)]
        self.verdicts: dict[str, dict[str, int]] = {}
        self.levels: dict[str, dict[str, int]] = {}
        self.rules: dict[tuple[str, str, str], dict[str, int]] = {}
        self.codes: dict[str, int] = {}
        self.states = {name: {state: forms.zero() for state in STATES} for name in self.batch_of}
        self.read_whole = 0
        self.taken = sum(
            predicate["verification"][f"sha256_taken_in_{step}"] for step in ("transfer", "verify")
        )
        self.begins: dict[str, rules.Begin] = {}
        self.offset = 0
        looks = version > 1 and predicate["names"] == "plain"
        self.inventories = {
            dataset["name"]: Inventory(told.datasets[dataset["name"]])
            for dataset in self.said
            if looks and dataset["closed"]
        }
        self.barred: tuple[Order, str, Any] | None = None
        self.named: dict[Order, str] = {}
        self.written = forms.instant(predicate["times"]["written"])

    def read(self, folder: Path) -> None:
        """Read all lines; raise Wrong at the first that is not as it must be."""
        self._findings(folder)
        for where, _, line in self._exclusions(folder):
            rule = (line["dataset"], line["rule"], line["reason"])
            forms.add(self.rules.setdefault(rule, forms.zero()), line["size"])
            forms.add(self._state(line, where)["excluded"], line["size"])
            self.plan.exclusion(line, where)
        excluded = self._exclusions(folder)
        self._next(excluded)
        for where, raw, line in forms.lines(folder / "manifest.jsonl", forms.RECORD, ordered=True):
            order = (line["dataset"].encode(), forms.key_of(line))
            self._left_before(order, excluded)
            self.named.pop(order, None)
            if self.barred is not None and self.barred[0] == order:
                raise forms.Wrong(f"{where}: the object is recorded and excluded at once")
            self._record(line, raw, where)
            self.offset += len(raw) + 1
        self._left_before(None, excluded)
        for where in self.named.values():
            raise forms.Wrong(f"{where}: about an object that has no line")

    def _exclusions(self, folder: Path) -> Iterator[tuple[str, bytes, Any]]:
        return forms.lines(folder / "exclusions.jsonl", self.exclusion, ordered=True)

    def _next(self, excluded: Iterator[tuple[str, bytes, Any]]) -> None:
        found = next(excluded, None)
        self.barred = None
        if found is not None:
            where, _, line = found
            self.barred = (line["dataset"].encode(), forms.key_of(line)), where, line

    def _left_before(self, order: Order | None, excluded: Iterator[tuple[str, bytes, Any]]) -> None:
        """Take the exclusions that stand before some place in the order of all lines."""
        while self.barred is not None and (order is None or self.barred[0] < order):
            left, where, line = self.barred
            self.named.pop(left, None)
            if (inventory := self.inventories.get(line["dataset"])) is not None:
                inventory.add(line, where, excluded=True)
            self._next(excluded)

    def _record(self, line: dict[str, Any], raw: bytes, where: str) -> None:
        states, dataset = self._state(line, where), line["dataset"]
        batch, verdict, size = self.batch_of[dataset], line["verdict"], line["size"]
        self.plan.record(line, where)
        if dataset not in self.begins:
            self.begins[dataset] = (dataset, self.offset, self.tree.count)
        if (inventory := self.inventories.get(dataset)) is not None:
            inventory.add(line, where, excluded=False)
        forms.add(self.verdicts.setdefault(verdict or "none", forms.zero()), size)
        state = "failed" if verdict else "pending"
        if verdict == "match":
            state = "verified"
            if any(line[name] is None for name in grounds(line["level"])):
                raise forms.Wrong(f'{where}: verdict "match" without its grounds')
            forms.add(self.levels.setdefault(line["level"], forms.zero()), size)
            self.batch_levels[batch].add(line["level"])
            self.read_whole += line["sha256"] is not None or self.version == 1
            claim = line["source_md5"] is not None and line["dataset"] not in self.unclaimed
            if self.claimed is not None and claim and line["level"] == "full":
                forms.add(self.claimed, size)
        forms.add(states[state], size)
        forms.add(self.sizes[bisect.bisect_right(SIZES, size)], size)
        for name in self.digests:
            self.digests[name] += line[name] is not None
        leaf = hashlib.sha256(b"\x00" + raw).digest()
        self.tree.add(leaf)
        if (own := self.trees[batch]) is not self.tree:
            own.add(leaf)

    def _findings(self, folder: Path) -> None:
        last = -1
        orders: dict[int, Order] = {}
        numbers: dict[Order, int] = {}
        for where, _, line in forms.lines(folder / "findings.jsonl", self.finding, ordered=False):
            self.codes[line["code"]] = self.codes.get(line["code"], 0) + 1
            if self.version == 1:
                continue
            named = {} if self.told.keyed else {"of_object": line["key"] is not None}
            opened = self.told.findings.pop(line["number"], None)
            if line["number"] <= last or opened != findings_digest(line, **named):
                raise forms.Wrong(f"{where}: not a finding that is open by the journal")
            last = line["number"]
            if line["at"] is not None and forms.instant(line["at"]) > self.written:
                raise forms.Wrong(f"{where}: from after the statement")
            if line["dataset"] not in (None, *self.batch_of):
                raise forms.Wrong(f"{where}: of a dataset that the plan does not name")
            if line["key"] is not None:
                if line["dataset"] is None:
                    raise forms.Wrong(f"{where}: about an object that has no line")
                order = (line["dataset"].encode(), forms.key_of(line))
                self.named[order] = where
                number = self.told.objects[line["number"]]
                if number is not None and (
                    orders.setdefault(number, order) != order
                    or numbers.setdefault(order, number) != number
                ):
                    raise forms.Wrong(f"{where}: about another object than the journal tells")

    def _state(self, line: Mapping[str, Any], where: str) -> dict[str, dict[str, int]]:
        try:
            return self.states[line["dataset"]]
        except KeyError:
            raise forms.Wrong(f"{where}: of a dataset that the plan does not name") from None

    def problems(self, folder: Path) -> Iterator[str]:
        """Say what the lines contradict besides the statement's counts."""
        if self.taken != self.read_whole:
            yield "statement.json: more or fewer digests were taken than there are"
        for crowd in self.plan.crowds() if not self.plan.keyed else ():
            begins = [self.begins[name] for name in crowd if name in self.begins]
            suffix = len(self.plan.suffix.encode())
            yield from rules.meeting(folder / "manifest.jsonl", begins, suffix)
        if self.version == 1:
            return
        if self.told.findings:
            yield "findings.jsonl: findings are missing that are open by the journal"
        for dataset in self.said:
            yield from self._uncounted(dataset)
        for inventory in self.inventories.values():
            yield from inventory.problems()

    def _uncounted(self, dataset: Mapping[str, Any]) -> Iterator[str]:
        """Compare the counts of a dataset with what the journal tells of it."""
        told, tally = self.told.datasets[dataset["name"]], self.states[dataset["name"]]
        inventoried = dataset["tally"]["inventoried"]
        if dataset["closed"] is not bool(told.seals):
            yield "statement.json: closed is not what the journal tells of a dataset"
        counts = [tally["verified"]["objects"]]
        known = [told.verified]
        if told.seals:
            counts += [inventoried["objects"], tally["excluded"]["objects"]]
            known += [told.objects, told.excluded]
            if not told.changed:
                last = told.seals[-1].body
                counts += [inventoried["bytes"], tally["excluded"]["bytes"]]
                known += [last["bytes"], last["excluded"]["bytes"]]
            counts += [
                sum(tally[state][unit] for state in STATES) for unit in UNITS
            ]  # not only closes
            known += [inventoried[unit] for unit in UNITS]
        counts.append(tally["failed"]["objects"] if told.seals else 0)
        known.append(told.failed)
        if counts != known:
            yield "journal.jsonl: the lines of a dataset are not as many as the journal tells"

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
                **({} if self.claimed is None else {"claimed": self.claimed}),
                "sizes": [
                    {"below": bound, **sums} for bound, sums in zip((*SIZES, None), self.sizes)  # noqa: B905 - Python 3.9
                ],
            },
            "batches": [
                {
                    "name": name, "records": tree.count, "merkle_root": tree.root(),
                    **judged(
                        [each for each in datasets if each["batch"] == name],
                        self.batch_levels[name], self.version,
                    ),
                }
                for name, tree in self.trees.items()
            ],
            "outcome": {
                **judged(datasets, set(self.levels), self.version), "states": totals(datasets),
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


def judged(
    datasets: Sequence[Mapping[str, Any]], levels: set[str], version: int
) -> dict[str, bool]:
    """Return which strong words these datasets allow, verified at these levels."""
    total = totals(datasets)
    closed = all(dataset["closed"] is True for dataset in datasets)
    closes = all(dataset["tally"]["closes"] for dataset in datasets)
    unfinished = total["failed"]["objects"] + total["pending"]["objects"]
    some = total["inventoried" if version == 1 else "verified"]["objects"] > 0
    complete = closed and closes and some and not unfinished
    return {
        "inventory_closed": closed,
        "counts_close": closes,
        "complete": complete,
        "proven": complete and levels == {"full"},
    }


# --- the command line ----------------------------------------------------------------------------


def load_key(path: Path) -> Key:
    """Open a public key in PEM; a line "Valid-Until: YYYY-MM-DD" before it limits its use."""
    try:
        pem = path.read_bytes()
        key = load_pem_public_key(pem)
    except OSError as error:
        raise forms.Wrong(f"{path}: {error.strerror}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise forms.Wrong(f"{path}: not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise forms.Wrong(f"{path}: not an Ed25519 key")
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    if is_weak(raw):
        raise forms.Wrong(
            f"{path}: not an honest key: one signature of it could hold for any statement"
        )
    try:
        return Key(forms.sha256(raw), key, last_day(pem))
    except ValueError as error:
        raise forms.Wrong(f"{path}: {error}") from None


def load_note(path: Path) -> Note:
    """Open a checkpoint of a journal."""
    try:
        with path.open("rb") as file:
            return read_note(file.read(LARGEST_NOTE + 1))
    except OSError as error:
        raise forms.Wrong(f"{path}: {error.strerror}") from None
    except forms.Wrong as wrong:
        raise forms.Wrong(f"{path}: {wrong}") from None


def beside(name: str) -> Any:  # noqa: ANN401 - a module
    """Load a companion of this file that is not always needed."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    try:
        return importlib.import_module(name)
    finally:
        del sys.path[0]


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
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--tsa-trust", type=Path, metavar="PEM")
    parser.add_argument("--sample", type=int, metavar="N")
    parser.add_argument("--target-credentials", type=Path, metavar="FILE")
    parser.add_argument("--nonce", help="repeat the draw of an earlier sample")
    wanted = parser.parse_args()
    try:
        keys = [load_key(path) for path in wanted.trust]
        notes = [load_note(path) for path in wanted.checkpoint]
        stamped = reader = None
        if wanted.tsa_trust is not None:
            stamp = beside("stamp")
            stamped = stamp.judge(wanted.tsa_trust.read_bytes())
        if wanted.sample is not None:
            sample = beside("sample")
            reader = sample.Sample(wanted.sample, wanted.target_credentials, wanted.nonce)
    except (forms.Wrong, ValueError, OSError, ImportError) as wrong:
        parser.error(str(wrong))
    if not wanted.bundle.exists():
        parser.error(f"{wanted.bundle}: there is no bundle here")
    if not 1 <= wanted.threshold <= len({key.fingerprint for key in keys}):
        parser.error("--threshold: from 1 to the number of different keys")
    outcome = check(wanted.bundle, keys, wanted.threshold, stamped, notes)
    if reader is not None and not outcome.problems:
        reader.draw(wanted.bundle, outcome)
    sys.stdout.write("\n".join(outcome.told()) + "\n")
    return 10 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
