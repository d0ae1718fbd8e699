"""Hybrid keys and headers: what X-Wing says, what key files hold, and what nobody may change."""

from __future__ import annotations

import base64
import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from hdh_migrate.errors import KeyUnavailable, UnsealFailed, UsageError
from hdh_migrate.model import WRAPPED
from hdh_migrate.sealing.detached import DetachedEnvelopes, HybridEnvelopes
from hdh_migrate.sealing.hybrid import (
    PREFIX,
    STANZA,
    HybridPrivateKey,
    HybridPublicKey,
    HybridReader,
    HybridWriter,
    hybrid_header_size,
    new_hybrid_pair,
    relock_hybrid,
)
from hdh_migrate.sealing.keys import PrivateKey, PublicKey, new_pair
from tests.unit.sealing.helpers import body

VECTOR_SEED = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
VECTOR_PUBLIC = "e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5"
"""The first 32 bytes of the public key of the first vector of draft-connolly-cfrg-xwing-kem."""

PLAIN = os.urandom(70_000)


def key() -> HybridPrivateKey:
    return HybridPrivateKey(os.urandom(32), protected=False)


STEWARD, ESCROW, STRANGER = key(), key(), key()


def envelopes(opener: HybridPrivateKey | None = STEWARD) -> DetachedEnvelopes:
    return DetachedEnvelopes([STEWARD.public, ESCROW.public], opener)


def test_a_pair_is_derived_as_x_wing_does() -> None:
    assert HybridPrivateKey(VECTOR_SEED, protected=False).public.raw[:32].hex() == VECTOR_PUBLIC


# --- key files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("phrase", [None, "a phrase of some words"])
def test_a_pair_is_written_and_read(tmp_path: Path, phrase: str | None) -> None:
    public, private = new_hybrid_pair(tmp_path, "steward", passphrase=phrase)
    opened = HybridPrivateKey.load(private, phrase)
    assert opened.public == HybridPublicKey.load(public)
    assert opened.protected is (phrase is not None)
    assert private.stat().st_mode & 0o777 == 0o600
    assert opened.raw not in private.read_bytes()
    assert opened.public.fingerprint.startswith("hybrid:")
    with pytest.raises(KeyUnavailable, match="never overwritten"):
        new_hybrid_pair(tmp_path, "steward", passphrase=phrase)


@pytest.mark.slow
def test_a_passphrase_is_changed_and_the_old_one_opens_no_more(tmp_path: Path) -> None:
    public, private = new_hybrid_pair(tmp_path, "steward", passphrase="old")
    relock_hybrid(private, "old", "new")
    assert HybridPrivateKey.load(private, "new").public == HybridPublicKey.load(public)
    with pytest.raises(KeyUnavailable, match="passphrase does not open"):
        HybridPrivateKey.load(private, "old")
    with pytest.raises(KeyUnavailable, match="no passphrase is given"):
        HybridPrivateKey.load(private, None)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    _, private = new_hybrid_pair(tmp_path, "steward", passphrase=None)
    private.chmod(0o644)
    with pytest.raises(KeyUnavailable, match="open to others"):
        HybridPrivateKey.load(private, None)


def test_keys_of_one_form_are_none_of_the_other(tmp_path: Path) -> None:
    hybrid = new_hybrid_pair(tmp_path, "hybrid", passphrase=None)
    plain = new_pair(tmp_path, "plain", passphrase=None)
    for load in (
        lambda: HybridPublicKey.load(plain[0]), lambda: HybridPrivateKey.load(plain[1], None),
    ):  # fmt: skip
        with pytest.raises(KeyUnavailable, match="this is a Crypt4GH key where a hybrid key"):
            load()
    for load in (lambda: PublicKey.load(hybrid[0]), lambda: PrivateKey.load(hybrid[1], None)):
        with pytest.raises(KeyUnavailable, match="this is a hybrid key where a Crypt4GH key"):
            load()
    with pytest.raises(KeyUnavailable, match="private key where a public one"):
        HybridPublicKey.load(hybrid[1])
    with pytest.raises(KeyUnavailable, match="public key where a private one"):
        HybridPrivateKey.load(hybrid[0], None)


def armoured(path: Path, raw: bytes) -> Path:
    text = base64.b64encode(raw).decode()
    path.write_text(
        f"-----BEGIN HDH HYBRID PUBLIC KEY-----\n{text}\n-----END HDH HYBRID PUBLIC KEY-----\n"
    )
    return path


GOOD = STEWARD.public.raw
DISHONEST = {
    "small order": GOOD[:1184] + bytes(32),
    "another spelling": GOOD[:1184] + GOOD[1184:1215] + bytes([GOOD[1215] | 0x80]),
    "no number of the lattice": b"\xff" * 1184 + GOOD[1184:],
}


@pytest.mark.parametrize("how", DISHONEST)
def test_a_dishonest_key_is_refused(tmp_path: Path, how: str) -> None:
    with pytest.raises(KeyUnavailable, match="no honest public key"):
        HybridPublicKey.load(armoured(tmp_path / "k.pub", DISHONEST[how]))
    with pytest.raises(KeyUnavailable, match="not a hybrid key file"):
        HybridPublicKey.load(armoured(tmp_path / "cut.pub", GOOD[:-1]))


def test_twins_are_refused_and_so_is_half_of_one() -> None:
    half = HybridPublicKey(STEWARD.public.raw[:1184] + ESCROW.public.raw[1184:])
    for other in (STEWARD.public, half):
        with pytest.raises(KeyUnavailable, match="named twice, or shares half"):
            HybridWriter([STEWARD.public, other])
    with pytest.raises(KeyUnavailable, match="1 to 64"):
        HybridWriter([])


def test_nothing_shows_or_carries_the_secret() -> None:
    own = HybridPrivateKey(b"zeisig-hybrid-seed-0123456789abc", protected=True)
    made = DetachedEnvelopes([own.public, ESCROW.public], own)
    for thing in (own, made, made.own, made.new()):
        assert "zeisig" not in repr(thing)
        with pytest.raises(TypeError):
            pickle.dumps(thing)


def test_a_name_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        new_hybrid_pair(tmp_path, "../x", passphrase=None)
    with pytest.raises(UsageError, match="empty"):
        new_hybrid_pair(tmp_path, "x", passphrase="")


# --- headers --------------------------------------------------------------------------------------


def test_every_recipient_opens_a_header_and_nobody_else() -> None:
    made = envelopes().new()
    assert made.front == b""
    assert len(made.header) == hybrid_header_size(2)
    keys = [HybridReader(one).data_key(made.header) for one in (STEWARD, ESCROW)]
    assert keys[0] == keys[1]
    with pytest.raises(UnsealFailed):
        HybridReader(STRANGER).data_key(made.header)
    with pytest.raises(KeyUnavailable):
        envelopes(None).open(made.header)


def test_headers_of_one_writer_differ_in_their_last_bytes_alone() -> None:
    made = envelopes()
    one, two = made.new().header, made.new().header
    assert one[:-WRAPPED] == two[:-WRAPPED]
    assert one[-WRAPPED:] != two[-WRAPPED:]
    assert envelopes().new().header[:-WRAPPED] != one[:-WRAPPED]


def changed(header: bytes, at: int) -> bytes:
    return header[:at] + bytes([header[at] ^ 1]) + header[at + 1 :]


def test_a_changed_byte_anywhere_is_noticed_by_everybody() -> None:
    header = envelopes().new().header
    places = [*range(PREFIX + 40), *range(PREFIX + STANZA, PREFIX + STANZA + 40)]
    places += range(PREFIX, len(header), 97)
    places += range(len(header) - WRAPPED, len(header))
    for reader in (HybridReader(STEWARD), HybridReader(ESCROW)):
        reader.data_key(header)  # what is remembered of it helps nobody
        for at in places:
            with pytest.raises(UnsealFailed):
                reader.data_key(changed(header, at))


def without_another(header: bytes) -> bytes:
    """Take the second recipient out, as somebody might who wants nobody else to open it."""
    return header[: PREFIX - 2] + b"\0\1" + header[PREFIX : PREFIX + STANZA] + header[-WRAPPED:]


MANGLED: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda header: b"",
    "cut": lambda header: header[:-1],
    "longer": lambda header: header + b"\0",
    "no recipients": lambda header: header[: PREFIX - 2] + b"\0\0" + header[-WRAPPED:],
    "too many": lambda header: header[: PREFIX - 2] + b"\xff\xff" + header[PREFIX:],
    "one recipient less": without_another,
    "recipients in another order": lambda header: (
        header[:PREFIX] + header[PREFIX + STANZA : PREFIX + 2 * STANZA]
        + header[PREFIX : PREFIX + STANZA] + header[-WRAPPED:]
    ),
    "a recipient twice": lambda header: (
        header[:PREFIX] + 2 * header[PREFIX : PREFIX + STANZA] + header[-WRAPPED:]
    ),
    "another block": lambda header: envelopes().new().header[:-WRAPPED] + header[-WRAPPED:],
}  # fmt: skip


@pytest.mark.parametrize("how", MANGLED)
def test_a_mangled_header_does_not_open(how: str) -> None:
    with pytest.raises(UnsealFailed):
        HybridReader(STEWARD).data_key(MANGLED[how](envelopes().new().header))


def test_a_self_test_names_an_identity_that_is_no_recipient() -> None:
    envelopes().self_test()
    with pytest.raises(KeyUnavailable, match="not among the recipients"):
        DetachedEnvelopes([ESCROW.public], STRANGER).self_test()


# --- bodies and files of the tool's own -----------------------------------------------------------


def unsealed(made: DetachedEnvelopes | HybridEnvelopes, data: bytes, header: bytes | None) -> bytes:
    out = bytearray()
    unsealer = made.unsealer(size=len(PLAIN), write=out.extend, header=header)
    for start in range(0, len(data), 4096):
        unsealer.write(data[start : start + 4096])
    unsealer.close()
    return bytes(out)


def test_a_body_opens_with_its_header_and_with_no_other() -> None:
    made = envelopes()
    envelope, other = made.new(), made.new()
    sealed = body(envelope, PLAIN)
    assert len(sealed) == made.sealed_size(len(PLAIN))
    assert unsealed(envelopes(ESCROW), sealed, envelope.header) == PLAIN
    for header in (other.header, None):
        with pytest.raises(UnsealFailed):
            unsealed(made, sealed, header)


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda sealed: sealed[:65_564],
    "reordered": lambda sealed: sealed[65_564:] + sealed[:65_564],
    "repeated": lambda sealed: sealed[:65_564] + sealed,
    "changed": lambda sealed: changed(sealed, 40),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_body_that_is_not_whole_does_not_open(how: str) -> None:
    made = envelopes()
    envelope = made.new()
    with pytest.raises(UnsealFailed):
        unsealed(made, SPOILT[how](body(envelope, PLAIN)), envelope.header)


def test_a_file_of_the_tools_own_stands_alone() -> None:
    own = envelopes().own
    envelope = own.new()
    file = envelope.front + body(envelope, PLAIN)
    assert envelope.front == envelope.header
    assert own.whole(file) == PLAIN
    assert envelopes(ESCROW).own.whole(file) == PLAIN
    for how in SPOILT.values():
        with pytest.raises(UnsealFailed):
            own.whole(envelope.front + how(body(envelope, PLAIN)))
    for at in (3, 20, PREFIX + 50, len(envelope.front) - 5):
        with pytest.raises(UnsealFailed):
            own.whole(changed(file, at))
    for cut in (b"", file[:10], envelope.front[:-1]):
        with pytest.raises(UnsealFailed):
            own.whole(cut)


def test_fingerprints_are_of_the_whole_key() -> None:
    raw = STEWARD.public.raw
    assert STEWARD.public.fingerprint == "hybrid:" + hashlib.sha256(raw).hexdigest()[:16]
