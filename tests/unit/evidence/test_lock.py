"""Private keys are locked dearly, cheap locks are named, and any tool opens what we write."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from hdh_migrate.errors import KeyUnavailable, NoSpace
from hdh_migrate.evidence.signatures import lock
from hdh_migrate.evidence.signatures.signing import (
    load_signer,
    load_trusted_key,
    new_report_key,
    relock,
    write_public,
)
from tests.support.narrow import files_of_at_most

PHRASE = b"gloire vernis puma"


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


@pytest.mark.slow
def test_a_new_key_is_locked_by_scrypt_and_opens_everywhere(tmp_path: Path) -> None:
    private, public = new_report_key(tmp_path, "k", PHRASE)
    pem = private.read_bytes()

    told = lock.lock_of(pem)
    assert told.strong
    assert told.description == "scrypt, N=16384, r=8, p=5"
    key = load_pem_private_key(pem, PHRASE)
    assert isinstance(key, Ed25519PrivateKey)
    assert openssl(
        "pkey", "-in", str(private), "-passin", f"pass:{PHRASE.decode()}", "-pubout"
    ) == (public.read_bytes())
    assert load_signer(private, PHRASE).weakness is None
    with pytest.raises(KeyUnavailable, match="passphrase is wrong"):
        load_signer(private, b"another")


@pytest.mark.slow
def test_two_keys_share_neither_salt_nor_start(tmp_path: Path) -> None:
    bodies = {new_report_key(tmp_path, name, PHRASE)[0].read_bytes() for name in "abc"}
    assert len(bodies) == 3
    assert b"".join(sorted(bodies)).count(b"BEGIN") == 3


@pytest.mark.slow
def test_a_key_of_2048_rounds_is_named_and_relock_mends_it(tmp_path: Path) -> None:
    """What the library writes, and what earlier versions of ours wrote."""
    key = Ed25519PrivateKey.generate()
    path = tmp_path / "old.key"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    )
    path.chmod(0o600)
    weak = load_signer(path, b"x")
    assert weak.weakness is not None
    assert "2,048 rounds" in weak.weakness
    assert f"keys relock {path}" in weak.weakness

    relock(path, b"x", PHRASE)

    strong = load_signer(path, PHRASE)
    assert strong.weakness is None
    assert strong.key_id == weak.key_id
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["old.key"]


@pytest.mark.slow
def test_a_relock_with_a_wrong_passphrase_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    private, _ = new_report_key(tmp_path, "k", PHRASE)
    before = private.read_bytes()
    with pytest.raises(KeyUnavailable):
        relock(private, b"another", b"new passphrase")
    assert private.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "told", "strong"),
    [
        (["-v2", "aes256", "-iter", "600000"], "PBKDF2, 600,000 rounds of SHA-256", True),
        (["-v2", "aes256", "-iter", "599999"], "PBKDF2, 599,999 rounds of SHA-256", False),
        (["-v2", "aes256", "-iter", "900000", "-v2prf", "hmacWithSHA1"], "of SHA-1", False),
        (["-scrypt"], "scrypt, N=16384, r=8, p=1", False),
        (["-v1", "PBE-SHA1-3DES"], "PBES1", False),
    ],
)
@pytest.mark.slow
def test_the_lock_of_another_tool_is_judged(
    arguments: list[str], told: str, strong: bool, tmp_path: Path
) -> None:
    plain, path = tmp_path / "plain", tmp_path / "locked"
    plain.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )
    openssl(
        "pkcs8", "-topk8", "-in", str(plain), "-out", str(path), "-passout", "pass:abc", *arguments
    )
    found = lock.lock_of(path.read_bytes())
    assert told in found.description
    assert found.strong is strong
    assert found.bearable


@pytest.mark.parametrize(
    "pem",
    [
        b"", b"\xff", b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----END ENCRYPTED PRIVATE KEY-----",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIAA\n-----END ENCRYPTED PRIVATE KEY-----",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMP////8=\n-----END ENCRYPTED PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_a_lock_that_is_not_understood_is_weak_and_is_not_opened(pem: bytes) -> None:
    """Whatever library opens it might understand more, and work for ever."""
    found = lock.lock_of(pem)
    assert (found.strong, found.bearable) == (False, False)


@pytest.mark.slow
def test_what_stands_before_a_key_hides_no_lock(tmp_path: Path) -> None:
    private, _ = new_report_key(tmp_path, "k", PHRASE)
    whole = private.read_bytes()
    assert lock.lock_of("cl\u00e9\n".encode() + whole) == lock.lock_of(whole)
    assert lock.lock_of(b"\xff\n-----END ENCRYPTED PRIVATE KEY-----\n" + whole).bearable


def test_an_old_scheme_may_not_ask_for_years_of_work_either() -> None:
    def scheme(kind: str, rounds: int) -> lock.KeyLock:
        numbers = lock._sequence(lock._der(4, bytes(8)), lock._integer(rounds))
        told = lock._sequence(lock._der(6, bytes.fromhex(kind)), numbers)
        body = base64.b64encode(lock._sequence(told, lock._der(4, bytes(16)))).decode()
        return lock.lock_of(f"{lock._BEGIN}\n{body}\n{lock._END}\n".encode())

    for kind in ("2a864886f70d010503", "2a864886f70d010c0103"):
        assert scheme(kind, 2_048).bearable
        assert not scheme(kind, lock.WORK_MAX + 1).bearable
    assert not scheme("2a864886f70d01090f", 2_048).bearable


@pytest.mark.slow
def test_a_file_that_asks_for_years_of_work_is_not_opened(tmp_path: Path) -> None:
    private, _ = new_report_key(tmp_path, "k", PHRASE)
    lines = private.read_text().splitlines()
    data = base64.b64decode("".join(lines[1:-1]))
    cost = lock._integer(lock.SCRYPT_P)
    at = data.index(cost, data.index(lock._integer(lock.SCRYPT_N)))
    data = data[:at] + b"\x02\x01\x7f" + data[at + 3 :]
    n = lock._integer(lock.SCRYPT_N)
    data = data.replace(n, n[:2] + b"\x40\x00")  # the same, to keep lengths
    data = data.replace(n + lock._integer(lock.SCRYPT_R), n + b"\x02\x01\x7f")
    path = tmp_path / "slow.key"
    body = base64.b64encode(data).decode()
    path.write_text(f"{lines[0]}\n{body}\n{lines[-1]}\n")
    assert not lock.lock_of(path.read_bytes()).bearable
    with pytest.raises(KeyUnavailable, match="for ever"):
        load_signer(path, PHRASE)


def test_a_full_disk_is_no_key_that_cannot_be_had(tmp_path: Path) -> None:
    """It ended with 3, as a refusal does."""
    private, public = new_report_key(tmp_path, "k", None)
    before, key = private.read_bytes(), load_trusted_key(public)
    for writes in (
        lambda: relock(private, None, PHRASE),
        lambda: write_public(key, tmp_path / "more.pub"),
        lambda: new_report_key(tmp_path, "more", None),
    ):
        with files_of_at_most(16), pytest.raises(NoSpace, match="no space left"):
            writes()
    assert private.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [private, public]
