"""Checkpoints of a journal: signed notes that others kept, and a walk that compares them.

Used by verify.py (which see). It needs Python 3.9 and `cryptography` and nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.journal import Journal
from hdh_migrate.evidence.verifier.members import JournalSection, Predicate
from hdh_migrate.evidence.verifier.signatures import Key, accepts

LARGEST_NOTE = 1 << 16
KEY_HASH = 4


class SignedNote(NamedTuple):
    """A checkpoint of a journal: its first `size` lines have this root."""

    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: tuple[tuple[str, bytes], ...]
    signed: int = 0
    """How many of the trusted keys signed it."""


def read_note(data: bytes) -> SignedNote:
    """Return a checkpoint, a signed note of C2SP; raise Wrong for what is none."""
    text, gap, rest = data.partition(b"\n\n")
    try:
        forms.must(len(data) <= LARGEST_NOTE and bool(gap) and rest.endswith(b"\n"))
        origin, size, root, *more = text.decode().split("\n")
        forms.must(not more and re.fullmatch("0|[1-9][0-9]{0,18}", size) is not None)
        digest = forms.unbase64(root)
        made = []
        for line in rest.decode().split("\n")[:-1]:
            dash, name, signature = line.split(" ")
            raw = forms.unbase64(signature)
            forms.must(dash == "\u2014" and bool(name) and "+" not in name)
            forms.must(len(raw) == KEY_HASH + 64)
            made.append((name, raw))
        forms.must(len(digest) == 32 and bool(made))
    except ValueError:
        raise forms.Wrong("not a checkpoint of a journal (a signed note of three lines)") from None
    return SignedNote(origin, int(size), digest, text + b"\n", tuple(made))


def key_hash(name: str, public: bytes) -> bytes:
    """Return what a signature line begins with: which key, given as its 32 bytes, under a name."""
    return hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:KEY_HASH]


def signed_note(note: SignedNote, keys: Sequence[Key], moment: str) -> SignedNote:
    """Count the trusted keys that signed a checkpoint.

    It has no time of its own: a key whose last day is before the bundle's counts no more.
    """
    signed = set()
    for name, raw in note.signatures:
        for key in keys:
            hashed = key_hash(name, key.public.public_bytes(Encoding.Raw, PublicFormat.Raw))
            timely = key.until is None or moment[:10] <= key.until
            if raw[:KEY_HASH] == hashed and timely and accepts(key, raw[KEY_HASH:], note.text):
                signed.add(key.fingerprint)
    return note._replace(signed=len(signed))


def load_note(path: Path) -> SignedNote:
    """Open a checkpoint of a journal."""
    try:
        return read_note(forms.handed(path))
    except OSError as error:
        raise forms.Wrong(f"{path}: {error.strerror}") from None
    except forms.Wrong as wrong:
        raise forms.Wrong(f"{path}: {wrong}") from None


class Walk(Journal):
    """Walks the journal once, and remembers the roots that checkpoints ask for."""

    def __init__(self, predicate: Predicate, version: int, notes: Sequence[SignedNote]) -> None:
        batches = {dataset["name"]: dataset["batch"] for dataset in predicate["datasets"]}
        super().__init__(batches, version, keyed=predicate["names"] == "keyed")
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

    def end(self) -> JournalSection:
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
