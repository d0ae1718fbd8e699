"""Check a bundle of evidence, alone: this file needs Python 3.9 and the package `cryptography`.

    python3 verify.py BUNDLE --trust operator.pub [--trust witness.pub --threshold 2]
        [--checkpoint kept.checkpoint] [--tsa-trust authority.pem]
        [--sample 50 --target-credentials FILE]

Nothing that the bundle says of itself is believed: every number in the signed statement is
computed again from the bundle's lines. The only outside knowledge is the public keys, which must
have reached you by another way than the bundle, and a checkpoint of the journal if you kept one.

Beside this file stand its companions, each of which builds on those before it: forms.py says how
everything is written, shapes.py what a statement consists of, members.py the types of both;
addresses.py, signatures.py; selection.py, which objects the plan's rules take; planned.py, what the
plan leads to; counts.py adds up what lines say. Of the journal, accounts.py, bindings.py, looks.py,
cutovers.py, headers.py and grants.py add up a subject each, approvals.py, waivers.py and
judgements.py hold signatures against what they are of, events.py hands every event to its own, and
journal.py reads the chain. rules.py holds the statement against the plan, story.py against the
journal, notes.py checkpoints; lines.py reads the lines; outcome.py says what all came to. stamp.py
reads a time-stamp, and sample.py alone opens a connection, to read objects back from the target.
The steps are numbered as in docs/verification.md.

Exit status: 0 all of it holds, 10 something does not, 2 wrong usage. Messages name files and line
numbers, never objects: object names may identify people.
"""

# ruff: noqa: E402 - alone, this file makes a place for its companions before it imports them

from __future__ import annotations

import argparse
import importlib
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
OURS = re.compile(r"hdh_migrate(\..*)?")
if not __package__:
    # In a bundle the companions are found beside this file, under the names that they have in the
    # tool, whatever of the tool is installed or loaded here.
    sys.dont_write_bytecode = True  # or the bundle's folder would have one more entry
    _LOADED = {name: sys.modules.pop(name) for name in [*sys.modules] if OURS.fullmatch(name)}
    for _name in ("hdh_migrate", "hdh_migrate.evidence", "hdh_migrate.evidence.verifier"):
        sys.modules[_name] = ModuleType(_name)
        sys.modules[_name].__path__ = [str(HERE)]

from hdh_migrate.evidence.verifier import forms, rules, shapes, story
from hdh_migrate.evidence.verifier.counts import SUMMARIES, summary, unlike_pages
from hdh_migrate.evidence.verifier.lines import Lines
from hdh_migrate.evidence.verifier.members import EvidenceStatement
from hdh_migrate.evidence.verifier.notes import SignedNote, Walk, load_note, signed_note
from hdh_migrate.evidence.verifier.outcome import (
    STAMPED,
    UNJUDGED_STAMP,
    UNSTAMPED,
    Outcome,
    say_what_is_open,
)
from hdh_migrate.evidence.verifier.planned import StatedPlan
from hdh_migrate.evidence.verifier.signatures import (
    Claims,
    Key,
    envelope,
    load_key,
    unjudged,
    unsigned,
)

if not __package__:
    for _name in [name for name in sys.modules if OURS.fullmatch(name)]:
        del sys.modules[_name]
    sys.modules.update(_LOADED)

LINES = ("exclusions.jsonl", "findings.jsonl", "journal.jsonl", "manifest.jsonl")
CODES = {
    1: ("sample.py", "stamp.py", "verify.py"),
    2: (
        "accounts.py", "addresses.py", "approvals.py", "bindings.py", "counts.py", "cutovers.py",
        "events.py", "forms.py", "grants.py", "headers.py", "journal.py", "judgements.py",
        "lines.py", "looks.py", "members.py", "notes.py", "outcome.py", "planned.py", "rules.py",
        "sample.py", "selection.py", "shapes.py", "signatures.py", "stamp.py", "story.py",
        "verify.py", "waivers.py",
    ),
}  # fmt: skip
"""By the format's number: the files of its verifier."""
DIVIDED = {
    "accounts.py", "bindings.py", "events.py", "grants.py", "headers.py", "looks.py",
    "members.py", "selection.py", "shapes.py",
}  # fmt: skip
"""What stood in the other files at first: bundles of the second format have all of it, or none."""
LATEST = ("judgements.py", "waivers.py", "approvals.py")
"""What bundles that an earlier version wrote do not have, the newest first: one, two, or all."""
CODE = CODES[2]
FILES = ("SHA256SUMS", *LINES, "statement.json", "summary.json", *CODES[1])
OPTIONAL = re.compile(
    r"report\.[a-z]{2}\.html|timestamp\.tsr|" + "|".join(map(re.escape, {*CODES[2]} - {*CODES[1]}))
)
LATER = ("statement.json", "timestamp.tsr")  # made after the statement, so it cannot name them
NOT_OF_THIS_VERSION = (
    *(KeyError, TypeError, ValueError, AttributeError, IndexError),
    *(ArithmeticError, RecursionError),
)
"""What Python raises where a value is of another form than the format's."""

Stamped = Callable[[bytes, bytes], tuple[str, str]]
"""Checks a stamp over some bytes: returns the time that it proves and who gave it."""


def check(
    folder: Path,
    keys: Iterable[Key],
    threshold: int = 1,
    stamped: Stamped | None = None,
    notes: Sequence[SignedNote] = (),
) -> Outcome:
    """Check a bundle; `threshold` of the trusted `keys` must have signed it and each note.

    `stamped` judges a time-stamp; without it one that is there stays open.
    """
    keys, threshold = list(keys), max(threshold, 1)
    outcome = Outcome()
    problems = outcome.problems
    try:
        digests = _files(folder)  # 1
        sums = digests.pop("SHA256SUMS")
        if sums != forms.sha256(sums_text(digests)):  # 2
            problems.append("SHA256SUMS: does not list the digests of exactly these files")
        found, claims, message = envelope(folder, problems)
        said = _statement(found)
        outcome.statement = said
        written = said["predicate"]["times"]["written"]
        moment = _time(folder, claims, message, stamped, outcome) or written
        problems.extend(_before(moment, written))
        if message is not None:
            problems.extend(unsigned(claims, message, keys, threshold, moment))  # 3
            outcome.open.extend(unjudged(claims, keys))
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
    if outcome.statement is None and not problems:  # whatever comes to pass above, it is no proof
        problems.append("statement.json: nothing was judged")
    return outcome


# --- 1, 2: the files -------------------------------------------------------------------------


def _files(folder: Path) -> dict[str, str]:
    """Return the digest of every file, if they are exactly those of a bundle."""
    if not folder.is_dir():
        raise forms.Wrong("the bundle is not a folder (unpack an archive first)")
    with os.scandir(folder) as entries:
        found = {entry.name: entry.stat(follow_symlinks=False).st_mode for entry in entries}
    for name in FILES:
        if name not in found:
            raise forms.Wrong(f"{name}: missing")
    for name, mode in sorted(found.items()):
        if name not in FILES and not OPTIONAL.fullmatch(name):
            raise forms.Wrong("a file that does not belong to a bundle")
        if not stat.S_ISREG(mode):
            raise forms.Wrong(f"{name}: not a plain file")
    return {
        name: forms.file_digest(folder / name, None if name in LINES else forms.LARGEST_DOCUMENT)
        for name in sorted(found)
    }


def sums_text(digests: Mapping[str, str]) -> bytes:
    """Return the text of SHA256SUMS, as `sha256sum -c` reads it."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


# --- 3, 10: the signed statement, and its time ------------------------------------------------


def _statement(said: object) -> EvidenceStatement:
    if not shapes.is_statement(said):
        wrong = shapes.ill_formed(said, shapes.STATEMENT, "statement")
        raise forms.Wrong(f"statement.json: not a statement of this version: {wrong}")
    places, seal = said["predicate"]["endpoints"], said["predicate"]["seal"]
    if format_of(said) == 1 and ("proved" in seal or any("tls" in place for place in places)):
        raise forms.Wrong("statement.json: not a statement of this version: endpoints or seal")
    return said


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
        outcome.open.append(UNJUDGED_STAMP)
    else:
        try:
            moment, authority = stamped(forms.document(path), message + claims[0][1])
        except ValueError as error:
            raise forms.Wrong(f"timestamp.tsr: {error}") from None
        outcome.checked.append(STAMPED.format(moment, authority))
        return moment
    return None


def _before(moment: str, written: str) -> Iterator[str]:
    if forms.seconds(written) > forms.seconds(moment) + forms.AHEAD:
        yield "timestamp.tsr: from before the statement was written"


# --- 4 to 9: what the statement says, beside what the files are --------------------------------


def _disagreements(
    folder: Path,
    said: EvidenceStatement,
    digests: Mapping[str, str],
    claims: Claims,
    notes: Sequence[SignedNote],
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
    if not _is_verifier({name for name in digests if name.endswith(".py")}, version):
        yield "not the verifier's files of this format"
    planned = StatedPlan(predicate, version)
    yield from rules.misstated(predicate, planned)
    walk = Walk(predicate, version, notes)
    walk.read(folder / "journal.jsonl")
    if forms.canonical(walk.end()) != forms.canonical(predicate["journal"]):
        yield "statement.json: the journal has another end or length"
    known = {name for name, one in walk.datasets.items() if one.contracted}
    contracted = known if version > 1 else None
    planned.amended(walk.bindings.moved_before, walk.bindings.sealed_for, contracted)
    counted = Lines(predicate, planned, walk)
    counted.read(folder)
    members: Mapping[str, object] = predicate
    largest = "largest" in predicate["manifest"]
    for part, value in counted.sums.parts(largest=largest).items():
        if forms.canonical(members[part]) != forms.canonical(value):  # to Python 1 == True
            yield f"statement.json: {part} is not what the bundle's files add up to"
    yield from planned.mispacked(predicate["seal"])
    yield from planned.missealed()
    yield from planned.miserased(walk.erasures.of_lines)
    yield from counted.problems(folder)
    yield from story.unsaid(predicate, walk, version)
    if version > 1:
        yield from unlike_pages(folder, predicate)
    yield from walk.unextended()
    short = forms.document(folder / "summary.json")
    yield from _changed({**walk.seen, **counted.seen, "summary.json": forms.sha256(short)}, digests)
    if short not in [
        forms.canonical(summary(predicate, signer, form)) + b"\n"
        for form in (SUMMARIES if version > 1 else SUMMARIES[:1])
    ]:
        yield "summary.json: not the summary of the statement"
    say_what_is_open(outcome, version, walk, digests)


def _changed(read: Mapping[str, str], digests: Mapping[str, str]) -> Iterator[str]:
    """Say which files were others when they were read than when their digests were taken."""
    for name in sorted(read):
        if read[name] != digests.get(name):
            yield f"{name}: changed while it was read"


def format_of(said: Mapping[str, Any]) -> int:
    """Return the number of the format that a statement is in."""
    return int(said["predicateType"].rpartition(":v")[2])


def _is_verifier(names: set[str], version: int) -> bool:
    """Say whether these are the files of a verifier of this format, whole."""
    whole = {*CODES[version]}
    earlier = [whole - {*LATEST[:many]} for many in range(1, len(LATEST) + 1)]
    known = (*earlier, earlier[-1] - DIVIDED)
    return names == whole or (version > 1 and names in known)


# --- the command line ----------------------------------------------------------------------------


def beside(name: str) -> Any:  # noqa: ANN401 - a module
    """Load a companion of this file that is not always needed."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    try:
        return importlib.import_module(name)
    finally:
        del sys.path[0]


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
            stamped = stamp.judge(forms.handed(wanted.tsa_trust))
        if wanted.sample is not None:
            sample = beside("sample")
            reader = sample.SampleCheck(wanted.sample, wanted.target_credentials, wanted.nonce)
        if not wanted.bundle.exists():
            parser.error(f"{wanted.bundle}: there is no bundle here")
    except (forms.Wrong, ValueError, OSError, ImportError) as wrong:
        parser.error(str(wrong))
    if not 1 <= wanted.threshold <= len({key.fingerprint for key in keys}):
        parser.error("--threshold: from 1 to the number of different keys")
    outcome = check(wanted.bundle, keys, wanted.threshold, stamped, notes)
    if reader is not None and not outcome.problems:
        reader.draw(wanted.bundle, outcome)
    sys.stdout.write("\n".join(outcome.text_lines()) + "\n")
    return 10 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
