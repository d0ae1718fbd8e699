"""A checkpoint: length and root of a journal in a signed note, for others to keep or to sign.

Whoever holds ledger and report key can leave things out before signing. A checkpoint that somebody
else keeps, or a witness has signed, limits that: a later journal must begin with the one it is
about. The form is the C2SP's: a tlog-checkpoint in a signed note (docs/exports.md). The tree is
RFC 9162's; its leaves are the lines of `journal.jsonl` without their line feed.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hdh_migrate.errors import EvidenceDamaged, LedgerDamaged, NoSpace, UsageError
from hdh_migrate.evidence.lines.records import journal_line
from hdh_migrate.evidence.signatures.signing import Signer, TrustedKey
from hdh_migrate.evidence.verifier.forms import Wrong
from hdh_migrate.evidence.verifier.notes import (
    LARGEST_NOTE,
    SignedNote,
    key_hash,
    read_note,
    signed_note,
)
from hdh_migrate.evidence.verifier.signatures import Key
from hdh_migrate.fixity import MerkleTree, leaf_digest
from hdh_migrate.folders import FULL, write_whole
from hdh_migrate.frozen import frozen_row
from hdh_migrate.plan.files import read_named
from hdh_migrate.telemetry import counted

SUFFIX = ".checkpoint"
_ORIGIN = re.compile("hdh-migrate/[a-z0-9-]{1,40}/journal")

Event = tuple[int, str, str, str, bytes]


@frozen_row
class Checkpoint:
    """What is signed: `root` over the first `size` events of the journal that `origin` names."""

    origin: str
    size: int
    root: str

    @property
    def text(self) -> str:
        """The note without its signatures."""
        root = base64.b64encode(bytes.fromhex(self.root)).decode()
        return f"{self.origin}\n{self.size}\n{root}\n"


def origin_of(migration: str) -> str:
    """Return the name of a migration's journal."""
    return f"hdh-migrate/{migration}/journal"


def sidecar(bundle: Path) -> Path:
    """Return where the checkpoint of a bundle lies: beside it, for the bundle cannot hold it."""
    whole = Path(os.path.abspath(bundle))  # noqa: PTH100 - resolve() would follow links
    return whole.with_name(whole.name + SUFFIX)


def signed(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return a checkpoint as a note that the operator signs, under the journal's own name."""
    text = checkpoint.text
    return f"{text}\n{signature_line(text, checkpoint.origin, signer)}".encode()


def parse(note: bytes) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    """Return a checkpoint and (name, key hash and signature) of its signatures, none checked.

    Raises:
        EvidenceDamaged: it is no checkpoint of a journal.
    """
    found = _read(note)
    return Checkpoint(found.origin, found.size, found.root.hex()), list(found.signatures)


def signers(note: bytes, keys: Sequence[TrustedKey]) -> list[TrustedKey]:
    """Return which of the keys have signed a checkpoint.

    Raises:
        EvidenceDamaged: it is no checkpoint of a journal.
    """
    found = _read(note)
    return [
        key for key in keys if signed_note(found, [Key(key.fingerprint, key.public)], "").signed
    ]


def _read(note: bytes) -> SignedNote:
    try:
        found = read_note(note)
    except Wrong:
        found = None
    if found is None or _ORIGIN.fullmatch(found.origin) is None:
        raise EvidenceDamaged(
            "this is not a checkpoint of a journal",
            hint="give a report's folder, or the .checkpoint file that was written beside it",
        )
    return found


def add_witness(path: Path, signer: Signer, trusted: Sequence[TrustedKey]) -> int:
    """Add a witness's signature to a checkpoint's file; return how many have signed it.

    The file is replaced at once: a crash leaves the old one or the new.

    Raises:
        UsageError: the file cannot be read or changed.
        EvidenceDamaged: it is no checkpoint, no trusted key signed it, or this one did already.
    """
    note = read_named(path, LARGEST_NOTE)
    if not signers(note, trusted):
        raise EvidenceDamaged("no trusted key signed the checkpoint, so it is not signed")
    if signers(note, [signer.verifier]):
        raise EvidenceDamaged(f"the checkpoint has a signature of {signer.key_id} already")
    checkpoint, claims = parse(note)
    more = signature_line(checkpoint.text, signer.key_id, signer).encode()
    _replace(path, note + more)
    return len(claims) + 1


def signature_line(text: str, name: str, signer: Signer) -> str:
    """Return the line of one signature over a note's text, under a name."""
    hashed = key_hash(name, signer.verifier.public.public_bytes_raw())
    return _line(name, hashed + signer.sign_bytes(text.encode()))


def _line(name: str, claim: bytes) -> str:
    return f"\u2014 {name} {base64.b64encode(claim).decode()}\n"


def _replace(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data, mode=path.stat().st_mode & 0o777, replace=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be changed: {error.strerror}") from None


class Watched:
    """A journal that is measured while it is read, and compared with earlier checkpoints of it.

    `kept` gives the root of each length that was seen before. Iterate once, to the end.
    """

    def __init__(self, journal: Iterable[Event], kept: Mapping[int, str]) -> None:
        self._journal, self._kept = journal, kept
        self._tree = MerkleTree()

    def __iter__(self) -> Iterator[Event]:
        """Yield the events.

        Raises:
            LedgerDamaged: this is not the journal that an earlier checkpoint is about.
        """
        for event in self._journal:
            self._tree.append(leaf_digest(journal_line(*event)[:-1]))
            expected = self._kept.get(self._tree.count)
            if expected is not None and expected != self._tree.root():
                raise self._differs(self._tree.count)
            yield event
        if self._kept and max(self._kept) > self._tree.count:
            raise self._differs(max(self._kept))

    def checkpoint(self, migration: str) -> Checkpoint:
        """Return what the whole journal came to."""
        return Checkpoint(origin_of(migration), self._tree.count, self._tree.root())

    def _differs(self, size: int) -> LedgerDamaged:
        return LedgerDamaged(
            "the journal does not begin with what an earlier report was about"
            f" ({counted(size, 'event')})",
            hint="no report was written; this ledger is another one than that of the earlier"
            " report, or was put back to an earlier state",
        )


def write(path: Path, note: bytes) -> None:
    """Write a checkpoint into a new file.

    Raises:
        UsageError: there is one already, or it cannot be written.
        NoSpace: the disk is full.
    """
    try:
        write_whole(path, note, mode=0o644)
    except FileExistsError:
        raise taken(path) from None
    except OSError as error:
        if error.errno in FULL:
            raise NoSpace(f"{path}: no room for the checkpoint; the report is whole") from None
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def taken(path: Path) -> UsageError:
    """Return what is said of a checkpoint that is there already."""
    return UsageError(
        f"{path}: exists already; a checkpoint is never overwritten",
        hint="name another folder with --out, or move that file away",
    )
