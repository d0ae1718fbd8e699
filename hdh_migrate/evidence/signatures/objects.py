"""A checkpoint of a bundle's manifest, and proofs under it that one object stands there.

The manifest is a tree already, whose root the statement has. A note over its length and root makes
a log of it, of one bundle and finished: `tlog-checkpoint` of the C2SP. With that, a proof of one
object is a `.tlog-proof` (c2sp.org/tlog-proof): one text that needs no bundle beside it, no name of
another object and no tool of ours, only the keys that the reader trusts.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence.lines.proofs import LARGEST, InclusionProof, root_of
from hdh_migrate.evidence.reading import CheckedBundle
from hdh_migrate.evidence.signatures.checkpoint import Checkpoint, signature_line, write
from hdh_migrate.evidence.signatures.signing import Signer, TrustedKey
from hdh_migrate.evidence.verifier.forms import Wrong
from hdh_migrate.evidence.verifier.notes import LARGEST_NOTE, SignedNote, read_note, signed_note
from hdh_migrate.evidence.verifier.signatures import Key
from hdh_migrate.folders import write_whole
from hdh_migrate.frozen import frozen
from hdh_migrate.plan.files import read_named

TLOG_PROOF: Final = b"c2sp.org/tlog-proof@v1\n"
"""How every `.tlog-proof` begins."""

_ORIGIN: Final = "hdh-migrate/{migration}/manifest/{statement}"
_PATH_MAX: Final = 64
"""Digests beside the way up of a tree: no tree is higher."""


_MADE_BY = 'give what "hdh-migrate audit prove --checkpoint FILE" printed'


def objects_checkpoint(reading: CheckedBundle) -> Checkpoint:
    """Return what is signed of a bundle's manifest; its origin names the bundle's statement."""
    manifest = reading.predicate["manifest"]
    origin = _ORIGIN.format(
        migration=reading.predicate["migration"], statement=reading.statement_sha256
    )
    return Checkpoint(origin, manifest["records"], manifest["merkle_root"])


def sign_objects(reading: CheckedBundle, path: Path, signer: Signer) -> int:
    """Sign the manifest's checkpoint, in a new file or beside others; return how many did.

    Whose signature is the statement's first signs as the log, under its origin; every other is a
    witness, under its key id. The file is replaced at once: a crash leaves the old or the new one.

    Raises:
        UsageError: the file cannot be read or changed.
        EvidenceDamaged: it is no checkpoint of this manifest, or this key signed it already.
    """
    made = objects_checkpoint(reading)
    is_log = reading.claimed_by[:1] == (signer.key_id,)
    line = signature_line(made.text, made.origin if is_log else signer.key_id, signer).encode()
    if not path.exists():
        write(path, f"{made.text}\n".encode() + line)
        return 1
    note = _of_manifest(read_named(path, LARGEST_NOTE), made)
    if _signers(note, [signer.verifier]):
        raise EvidenceDamaged(f"the checkpoint has a signature of {signer.key_id} already")
    try:
        signatures = path.read_bytes() + line
        write_whole(path, signatures, mode=path.stat().st_mode & 0o777, replace=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be changed: {error.strerror}") from None
    return len(note.signatures) + 1


def tlog_proof(reading: CheckedBundle, checkpoint: Path, line: bytes, proof: InclusionProof) -> str:
    """Return the `.tlog-proof` of one line of a manifest, which stands in its `extra`.

    Raises:
        UsageError: there is no such file.
        EvidenceDamaged: it is no checkpoint of this manifest.
    """
    data = read_named(checkpoint, LARGEST_NOTE)
    _of_manifest(data, objects_checkpoint(reading))
    path = "".join(f"{base64.b64encode(digest).decode()}\n" for digest in proof.path)
    head = f"extra {base64.b64encode(line).decode()}\nindex {proof.index}\n"
    return f"{TLOG_PROOF.decode()}{head}{path}\n{data.decode()}"


@frozen
class ProvenLine:
    """A line that a proof leads from to a signed root; `signed`: by how many trusted keys."""

    line: bytes
    origin: str
    root: str
    signed: int


def check_tlog_proof(data: bytes, keys: list[TrustedKey]) -> ProvenLine:
    """Return the line that a `.tlog-proof` proves, and how many of these keys stand for it.

    Raises:
        EvidenceDamaged: it is no such proof, does not lead to its own root, or is of another kind
            of log than a manifest's.
    """
    line, proof, note = _taken_apart(data)
    if root_of(line, proof) != note.root:
        raise EvidenceDamaged("the proof does not lead to the root that is signed in it")
    return ProvenLine(
        line=line, origin=note.origin, root=note.root.hex(), signed=len(_signers(note, keys))
    )


def _taken_apart(data: bytes) -> tuple[bytes, InclusionProof, SignedNote]:
    try:
        head, gap, rest = data.removeprefix(TLOG_PROOF).partition(b"\n\n")
        extra, index, *path = head.decode("ascii").split("\n")
        said, line = extra.split(" ")
        word, number = index.split(" ")
        note = read_note(rest)
        whole_form = (
            data.startswith(TLOG_PROOF) and len(data) <= LARGEST and bool(gap)
            and (said, word) == ("extra", "index") and len(path) <= _PATH_MAX
            and number.isascii() and number.isdigit() and str(int(number[:20])) == number
            and note.origin.split("/")[:3:2] == ["hdh-migrate", "manifest"]
        )  # fmt: skip
        proof = InclusionProof(
            index=int(number[:20]), size=note.size, path=tuple(map(_digest, path))
        )
        content = base64.b64decode(line, validate=True)
    except (ValueError, Wrong):
        raise EvidenceDamaged("not a .tlog-proof of an object", hint=_MADE_BY) from None
    if not whole_form or base64.b64encode(content).decode() != line:
        raise EvidenceDamaged("not a .tlog-proof of an object", hint=_MADE_BY)
    return content, proof, note


def _digest(text: str) -> bytes:
    digest = base64.b64decode(text, validate=True)
    if len(digest) != 32 or base64.b64encode(digest).decode() != text:
        raise ValueError(text)
    return digest


def _of_manifest(data: bytes, made: Checkpoint) -> SignedNote:
    try:
        note = read_note(data)
    except Wrong:
        note = None
    if note is None or note.text != made.text.encode():
        raise EvidenceDamaged(
            "the checkpoint is not of this bundle's manifest",
            hint='"hdh-migrate report sign BUNDLE --key FILE --trust KEY --checkpoint FILE" makes'
            " one",
        )
    return note


def _signers(note: SignedNote, keys: list[TrustedKey]) -> list[TrustedKey]:
    """Return which of the keys signed a note, each once."""
    return [key for key in keys if signed_note(note, [Key(key.fingerprint, key.public)], "").signed]
