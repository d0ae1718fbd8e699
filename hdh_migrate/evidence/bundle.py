"""Write a bundle: the folder that an auditor gets. Check one: `check_bundle`.

A bundle is there whole or not at all, and it is never overwritten: `out` must not exist or be
empty. Everything is written into the hidden sibling `.<name>.partial`, synced, and renamed into
place last. A crash leaves only that sibling, which the next writer of the same `out` clears.

Files, in the order in which they are made: `exclusions.jsonl`, `manifest.jsonl`,
`findings.jsonl`, `journal.jsonl`, the verifier for auditors (`verify.py` and its companions, of
which `stamp.py` reads a time-stamp and `sample.py` reads back from the target), `summary.json`, one
`report.<language>.html` per language, `statement.json` (a DSSE envelope over the digests of all
these; without a signer `{"draft": true, "statement": ...}`, which is no evidence), and
`SHA256SUMS` over everything. They are readable by their owner only, since object names may
identify people.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from hdh_migrate.errors import EvidenceDamaged, NoSpace, Refused, UsageError
from hdh_migrate.evidence.check import check_bundle, sums_text
from hdh_migrate.evidence.lines.contradictions import Grounds
from hdh_migrate.evidence.lines.facts import Facts, check_facts
from hdh_migrate.evidence.lines.records import (
    exclusion_line,
    finding_line,
    journal_line,
    manifest_line,
    order_of,
    read_line,
)
from hdh_migrate.evidence.lines.recount import Order, Recount, unclaimed
from hdh_migrate.evidence.lines.statement import predicate_of, statement
from hdh_migrate.evidence.lines.unresolved import Unresolved
from hdh_migrate.evidence.page.catalogue import LANGUAGES
from hdh_migrate.evidence.page.chronicle import chronicle_of
from hdh_migrate.evidence.page.findings import GravestFindings
from hdh_migrate.evidence.page.html import render_report
from hdh_migrate.evidence.signatures.dsse import STATEMENT_TYPE
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier.counts import summary as summary_of
from hdh_migrate.evidence.verifier.members import ExclusionRecord, FindingRecord, ManifestRecord
from hdh_migrate.evidence.verifier.verify import CODE
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.folders import FULL, NO_LOCKS, demand_no_evidence, sync
from hdh_migrate.frozen import frozen

__all__ = ["Bundle", "check_bundle", "write_bundle"]

T = TypeVar("T")
Event = tuple[int, str, str, str, bytes]


LineStreams = tuple[Iterable[ExclusionRecord], Iterable[ManifestRecord], Iterable[FindingRecord]]


@frozen
class Bundle:
    """A bundle that was written. `root` is the manifest's Merkle root, `count` its records.

    `statement_sha256` is the digest of the statement itself (the envelope's payload): what the
    next bundle names as its `previous_statement`, whatever signatures are added to this one.
    """

    folder: Path
    root: str
    count: int
    manifest_sha256: str
    statement_sha256: str
    complete: bool
    proven: bool
    signed: bool


def write_bundle(
    out: Path,
    *,
    records: Iterable[ManifestRecord],
    facts: Facts,
    findings: Iterable[FindingRecord],
    exclusions: Iterable[ExclusionRecord],
    journal: Iterable[Event],
    signer: Signer | None,
    languages: Sequence[str],
    checked: bool = True,
) -> Bundle:
    """Write the bundle of one run and return what it came to.

    The streams are consumed once each, in the order exclusions, records, findings, in bounded
    memory; exclusions and records must be sorted by the bytes of dataset and key. Counts that do
    not close are written down as such: the statement then says that it is not complete. All is held
    against plan and journal by the rules of the bundle's own verifier; tests that forge a bundle
    say that it is not `checked`.

    Raises:
        EvidenceDamaged: a line or the facts are refused (which line, which field); no bundle.
        UsageError: `out` is in use, or a language is unknown.
        NoSpace: the disk is full; no bundle.
    """
    check_facts(facts)
    unknown = set(languages) - set(LANGUAGES)
    if unknown:
        raise UsageError(f"no report in these languages: {', '.join(sorted(unknown))}")
    with published(out) as folder:
        return _fill(
            folder, out, facts, (exclusions, records, findings), journal, signer, languages,
            Grounds(facts) if checked else None,
        )  # fmt: skip


def _fill(
    folder: Path,
    out: Path,
    facts: Facts,
    streams: LineStreams,
    journal: Iterable[Event],
    signer: Signer | None,
    languages: Sequence[str],
    held: Grounds | None,
) -> Bundle:
    recount = Recount(
        {dataset.name: dataset.batch for dataset in facts.datasets},
        _excluded(folder / "exclusions.jsonl"),
        unclaimed=unclaimed(facts.plan),
    )
    unresolved = Unresolved.beside((one["what"], one["made_at"]) for one in facts.waivers)
    digests, shown = _write_lines(folder, streams, recount, held, unresolved)
    digests["journal.jsonl"], end = _write_journal(folder, journal)
    verifier = files("hdh_migrate.evidence.verifier")
    for name in CODE:
        digests[name] = _write(folder / name, (verifier / name).read_bytes())
    predicate = predicate_of(facts, recount, end)
    # As whoever makes the pages again will read it: members in the order of their names.
    signed = json.loads(canonical_json(predicate))
    if held is not None:
        held.statement(signed, folder / "journal.jsonl")
    summary = summary_of(predicate, signer.key_id if signer else None)
    digests["summary.json"] = _write(folder / "summary.json", canonical_json(summary) + b"\n")
    months = chronicle_of(folder / "journal.jsonl")
    for language in dict.fromkeys(languages):
        page = render_report(
            signed, shown, signer.verifier if signer else None, language, months, unresolved.counts
        )
        digests[f"report.{language}.html"] = _write(folder / f"report.{language}.html", page)
    said = statement(digests, predicate)
    payload = canonical_json(said)
    envelope = (
        signer.sign(STATEMENT_TYPE, payload) if signer else {"draft": True, "statement": said}
    )
    digests["statement.json"] = _write(folder / "statement.json", canonical_json(envelope) + b"\n")
    _write(folder / "SHA256SUMS", sums_text(digests))
    return Bundle(
        folder=out,
        root=recount.tree.root(),
        count=recount.tree.count,
        manifest_sha256=digests["manifest.jsonl"],
        statement_sha256=sha256_hex(payload),
        complete=predicate["outcome"]["complete"],
        proven=predicate["outcome"]["proven"],
        signed=signer is not None,
    )


def _write_lines(
    folder: Path,
    streams: LineStreams,
    recount: Recount,
    held: Grounds | None,
    unresolved: Unresolved,
) -> tuple[dict[str, str], list[FindingRecord]]:
    """Write and count the three line files; return their digests and the findings to show."""
    exclusions, records, findings = streams
    shown = GravestFindings()
    with _File(folder / "exclusions.jsonl") as left_out:
        for exclusion in left_out.each(exclusions):
            line = exclusion_line(exclusion)
            if held is not None:
                held.exclusion(exclusion, line)
            left_out.write(line)
            recount.add_exclusion(exclusion)
    with _File(folder / "manifest.jsonl") as manifest:
        for record in manifest.each(records):
            line = manifest_line(record)
            if held is not None:
                held.record(record, line)
            manifest.write(line)
            recount.add_record(record, line)
    with _File(folder / "findings.jsonl") as found:
        for finding in found.each(findings):
            line = finding_line(finding)
            found.write(line)
            recount.add_finding(finding)
            unresolved.take(finding)
            if shown.wants(finding):
                shown.take(read_line(line, finding_line))
    digests = {file.path.name: file.digest.hexdigest() for file in (manifest, left_out, found)}
    return digests, shown.shown


def _write_journal(folder: Path, journal: Iterable[Event]) -> tuple[str, tuple[int, str]]:
    """Write the ledger's journal; return the file's digest, and the chain's length and head."""
    events, head = 0, bytes(32)
    with _File(folder / "journal.jsonl") as file:
        for event in journal:
            file.write(journal_line(*event))
            events, head = events + 1, event[-1]
    return file.digest.hexdigest(), (events, head.hex())


def _excluded(path: Path) -> Iterator[Order]:
    """Yield the orders of the exclusions that were just written, from their file."""
    with path.open("rb") as file:
        for line in file:
            yield order_of(read_line(line, exclusion_line))


class _File:
    """A file that is being written: private, digested on the way, synced when closed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = hashlib.sha256()
        self._lines = 0
        self._is_in_line = False
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._file = os.fdopen(os.open(path, flags, 0o600), "wb", buffering=1 << 20)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
        if isinstance(value, EvidenceDamaged) and self._is_in_line:
            raise EvidenceDamaged(
                f"{self.path.name} line {self._lines}: {value}",
                hint="this is a contradiction in the ledger or a bug; no report was written",
            ) from None

    def write(self, data: bytes) -> None:
        self.digest.update(data)
        self._file.write(data)

    def each(self, lines: Iterable[T]) -> Iterator[T]:
        """Give what makes one line each; what is refused of one names file and line."""
        for line in lines:
            self._lines += 1
            self._is_in_line = True
            yield line
            self._is_in_line = False


def _write(path: Path, data: bytes) -> str:
    with _File(path) as file:
        file.write(data)
    return file.digest.hexdigest()


@contextmanager
def published(out: Path) -> Iterator[Path]:
    """Give an empty hidden sibling of `out`, and move it there if all goes well.

    A crash leaves the sibling without a lock, and the next writer takes it over; while a writer
    lives, it holds the lock and a second one is refused.

    Raises:
        UsageError: something is there already.
        Refused: it cannot be made, or another writer is at it.
        NoSpace: there is no room; nothing is left of it.
    """
    _refuse_used(out)
    partial = out.parent / f".{out.name}.partial"
    lock = -1
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        lock = _locked(partial)
        yield partial
        sync(partial)
        partial.rename(out)  # onto nothing or an empty folder, or it fails
        sync(out.parent)
    except BaseException as error:
        if lock >= 0 and partial.exists():
            shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in FULL:
            raise NoSpace(
                f"{out}: no room for the bundle; it was not written",
                hint="make room and write the report again; nothing is lost",
            ) from None
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            _refuse_used(out)
        if isinstance(error, OSError) and lock < 0:
            raise Refused(
                f"{out}: cannot be made: {error.strerror}",
                hint="nothing was written there; name another folder",
            ) from error
        raise
    finally:
        if lock >= 0:
            os.close(lock)


def _refuse_used(out: Path) -> None:
    demand_no_evidence(out.parent)
    if out.is_symlink() or (out.exists() and not (out.is_dir() and not any(out.iterdir()))):
        raise UsageError(
            f"{out}: exists and is not an empty folder; a bundle is never overwritten",
            hint="name a folder that does not exist",
        )


def _locked(partial: Path) -> int:
    """Make the folder, or take over and empty one that a crash left; return its lock."""
    partial.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _refuse_moved(lock, partial)
        _refuse_of_others(lock, partial)
        for left in list(partial.iterdir()):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
    except (BlockingIOError, FileNotFoundError):
        os.close(lock)
        raise UsageError(
            f"{partial}: another report is being written there",
            hint="wait for it, or name another folder",
        ) from None
    except BaseException as error:
        os.close(lock)
        if isinstance(error, OSError) and error.errno in NO_LOCKS:
            with suppress(OSError):
                partial.rmdir()
            raise UsageError(
                f"{partial}: cannot be locked: {error.strerror}",
                hint="nothing was written; let reports go to a disk that keeps locks (--out)",
            ) from None
        raise
    return lock


def _refuse_moved(lock: int, partial: Path) -> None:
    """Refuse a folder that its owner renamed into place between our open and our lock."""
    if os.fstat(lock).st_ino != partial.stat().st_ino:
        raise BlockingIOError


def _refuse_of_others(lock: int, partial: Path) -> None:
    """Refuse a folder that somebody else made, or may write to: it would become the bundle's."""
    seen = os.fstat(lock)
    if seen.st_uid != os.geteuid() or seen.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(
            f"{partial}: this folder is open to others, and the bundle would be written there",
            hint="remove it, or name a place for the bundle that is yours alone",
        )
