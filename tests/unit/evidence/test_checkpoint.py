"""A checkpoint of the journal is a signed note of the C2SP's form; a later journal extends it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hdh_migrate.errors import EvidenceDamaged, LedgerDamaged, UsageError
from hdh_migrate.evidence.signatures import checkpoint as made
from hdh_migrate.evidence.signatures.checkpoint import Checkpoint, Event, Watched
from hdh_migrate.evidence.signatures.signing import Signer, TrustedKey, load_signer, new_report_key

ORIGIN = "hdh-migrate/essai/journal"


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Signer]:
    found = {}
    for name in ("operator", "witness", "stranger"):
        private, _ = new_report_key(tmp_path / "keys", name, None)
        found[name] = load_signer(private, None)
    return found


def events(count: int, kind: str = "counted") -> list[Event]:
    return [(n, "2026-01-01T00:00:00.000Z", kind, "{}", bytes(32)) for n in range(1, count + 1)]


def watched(journal: Iterable[Event], kept: dict[int, str] | None = None) -> Checkpoint:
    one = Watched(journal, kept or {})
    for _ in one:
        pass
    return one.checkpoint("essai")


def raw(key: TrustedKey) -> bytes:
    return key.public.public_bytes_raw()


def test_the_note_is_read_by_who_knows_only_the_specification(keys: dict[str, Signer]) -> None:
    note = made.signed(watched(events(3)), keys["operator"]).decode()

    text, signature = note.split("\n\n")
    origin, size, root = text.split("\n")
    assert (origin, size) == (ORIGIN, "3")
    dash, name, blob = signature.rstrip("\n").split(" ")
    assert (dash, name) == ("\u2014", ORIGIN)
    claim, public = base64.b64decode(blob), raw(keys["operator"].verifier)
    assert claim[:4] == hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    Ed25519PublicKey.from_public_bytes(public).verify(claim[4:], f"{text}\n".encode())
    lines = [
        b'{"at":"2026-01-01T00:00:00.000Z","body":"{}","digest":"%b","kind":"counted","seq":%d}'
        % (b"0" * 64, number)
        for number in (1, 2, 3)
    ]
    leaves = [hashlib.sha256(b"\0" + line).digest() for line in lines]
    left = hashlib.sha256(b"\1" + leaves[0] + leaves[1]).digest()
    assert base64.b64decode(root) == hashlib.sha256(b"\1" + left + leaves[2]).digest()


def test_a_witness_adds_a_line_and_the_text_stays(tmp_path: Path, keys: dict[str, Signer]) -> None:
    path = tmp_path / "bundle.checkpoint"
    note = made.signed(watched(events(3)), keys["operator"])
    made.write(path, note)
    trusted = [keys["operator"].verifier]

    assert made.add_witness(path, keys["witness"], trusted) == 2

    assert path.read_bytes().startswith(note)
    both = [keys[name].verifier for name in ("operator", "witness")]
    assert made.signers(path.read_bytes(), [*both, keys["stranger"].verifier]) == both
    with pytest.raises(EvidenceDamaged, match="already"):
        made.add_witness(path, keys["witness"], trusted)
    with pytest.raises(EvidenceDamaged, match="no trusted key"):
        made.add_witness(path, keys["stranger"], [keys["stranger"].verifier])
    with pytest.raises(UsageError, match="never overwritten"):
        made.write(path, note)
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == [path.name]


@pytest.mark.parametrize(
    ("was", "now", "reads"),
    [
        ("essai", "autre", True),
        ("\n3\n", "\n4\n", True),
        (" hdh-migrate/essai", " hdh-migrate/autre", True),
        ("\n3\n", "\n03\n", False),
        ("\n3\n", "\n3\nmore\n", False),
        ("\n\n", "\n", False),
        ("\u2014 ", "- ", False),
        ("=\n\n", "\n\n", False),
        ("journal\n", "journal \n", False),
    ],
)
def test_another_note_is_refused(keys: dict[str, Signer], was: str, now: str, reads: bool) -> None:
    note = made.signed(watched(events(3)), keys["operator"]).decode()
    assert was in note
    changed = note.replace(was, now, 1).encode()
    if reads:
        assert made.signers(changed, [keys["operator"].verifier]) == []
    else:
        with pytest.raises(EvidenceDamaged, match="not a checkpoint"):
            made.signers(changed, [keys["operator"].verifier])
    for cut in (b"", note.encode()[:-1], note.encode() * 2, b"\xff" * 80, b"x" * (1 << 20)):
        with pytest.raises(EvidenceDamaged):
            made.parse(cut)


def test_no_flipped_bit_leaves_a_note_signed(keys: dict[str, Signer]) -> None:
    note = made.signed(watched(events(3)), keys["operator"])
    for at in range(len(note)):
        changed = bytearray(note)
        changed[at] ^= 1
        try:
            assert made.signers(bytes(changed), [keys["operator"].verifier]) == [], at
        except EvidenceDamaged:
            continue


def test_a_later_journal_begins_with_the_earlier_one() -> None:
    first, second = watched(events(3)), watched(events(5))
    kept = {first.size: first.root, second.size: second.root}
    assert watched(events(9), kept).size == 9
    for other in (events(4), events(2), events(9, "edited"), [*events(3), *events(3, "edited")]):
        with pytest.raises(LedgerDamaged, match="does not begin with what"):
            watched(other, kept)
