from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hdh_migrate.errors import EvidenceDamaged, KeyUnavailable
from hdh_migrate.evidence.signatures.dsse import STATEMENT_TYPE, pre_authentication_encoding
from hdh_migrate.evidence.signatures.envelopes import verify_envelope
from hdh_migrate.evidence.signatures.signing import (
    Signer,
    import_public,
    load_signer,
    load_trusted_key,
    new_report_key,
    public_half,
    verifier_of,
)
from hdh_migrate.evidence.verifier.forms import Wrong
from hdh_migrate.evidence.verifier.signatures import load_key
from tests.unit.evidence.builders import signer

# The keys of RFC 8032 section 7.1, tests 1 and 2, which the DSSE test vectors use as A and B.
SEED_A = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
SEED_B = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
BODY = b'{"_type":"https://in-toto.io/Statement/v1"}'


def from_seed(seed: str) -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    return Signer(verifier_of(key.public_key()), key)


def envelope(payload: str, sig: str, kind: str = STATEMENT_TYPE) -> dict[str, Any]:
    return {"payload": payload, "payloadType": kind, "signatures": [{"sig": sig}]}


def test_the_encoding_is_that_of_the_dsse_protocol_document() -> None:
    """secure-systems-lab/dsse, protocol.md, "Test Vectors": signed there with ECDSA P-256."""
    said = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert said == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"

    raw = base64.b64decode(
        "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
    )
    key = ec.EllipticCurvePublicNumbers(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
        ec.SECP256R1(),
    ).public_key()
    pair = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    key.verify(encode_dss_signature(*pair), said, ec.ECDSA(SHA256()))


@pytest.mark.parametrize(
    ("kind", "payload", "sig"),
    [
        (
            STATEMENT_TYPE,
            BODY,
            "2WAfaHm5jluo0w+0rk8uVkluELJYWjSmU9x7EUzx+AyteDGJ4/nqyJXfmAUVFIAoQafWm7AxBZNw5M9ixNHiCA==",
        ),
        (
            STATEMENT_TYPE,
            b"",
            "gSggCAaTLTYyRH6FIDBem6meyIynsYy8RTHVzwx9tnTb7Bg/1jMWnuVgI/gffqmbsC2VX5/jHfkkDqsj7CDbDg==",
        ),
        (
            "application/vnd.exämple+json",
            BODY,
            "xmSk/ug66ysT7ayhkCIjhAq42zgZXSsEWuzUaNL7w2eGAdF/NU6/fRXPtmfN+5DNSAs5/i2lUnHjbbjPsu0tAw==",
        ),
    ],
)
def test_our_envelope_has_the_signature_of_the_dsse_test_vectors(
    kind: str, payload: bytes, sig: str
) -> None:
    """secure-systems-lab/dsse, testvectors/vectors.json: Ed25519 is deterministic."""
    made = from_seed(SEED_A).sign(kind, payload)

    assert made["signatures"][0]["sig"] == sig
    assert base64.b64decode(made["payload"]) == payload


def test_an_envelope_in_url_safe_base64_without_key_id_is_accepted() -> None:
    given = envelope(
        "-_-_Pj8=",
        "P-_KHICeR7tI6S_YyejJTRtrXhcQyQ2LYPaL8h90KjC9qN8HU_svOQ6TuDOT1HIrsGW886DbWNWcCmX5twLrAw==",
    )

    assert verify_envelope(given, [from_seed(SEED_A).verifier]) == b"\xfb\xff\xbf>?"


def test_an_envelope_of_another_payload_type_is_refused() -> None:
    for kind in ("application/vnd.example.other+json", ""):
        made = from_seed(SEED_A).sign(kind, BODY)
        with pytest.raises(EvidenceDamaged, match="in-toto"):
            verify_envelope(made, [from_seed(SEED_A).verifier])


def test_a_signature_over_another_payload_type_does_not_count() -> None:
    made = from_seed(SEED_A).sign("application/vnd.example.other+json", BODY)

    with pytest.raises(EvidenceDamaged, match="no trusted key"):
        verify_envelope({**made, "payloadType": STATEMENT_TYPE}, [from_seed(SEED_A).verifier])


def test_any_one_trusted_key_is_enough_and_no_other_is() -> None:
    made = from_seed(SEED_B).sign(STATEMENT_TYPE, BODY)
    ours, theirs = from_seed(SEED_A).verifier, from_seed(SEED_B).verifier

    assert verify_envelope(made, [ours, theirs]) == BODY
    for keys in ([], [ours]):
        with pytest.raises(EvidenceDamaged, match="no trusted key"):
            verify_envelope(made, keys)


def test_a_key_id_that_names_another_trusted_key_proves_nothing() -> None:
    made = from_seed(SEED_B).sign(STATEMENT_TYPE, BODY)
    made["signatures"][0]["keyid"] = from_seed(SEED_A).key_id

    with pytest.raises(EvidenceDamaged, match="no trusted key"):
        verify_envelope(made, [from_seed(SEED_A).verifier])


@pytest.mark.parametrize(
    "made",
    [
        {},
        {"payload": "", "payloadType": STATEMENT_TYPE, "signatures": 1},
        {"payload": "", "payloadType": STATEMENT_TYPE, "signatures": [1]},
        {"payload": "", "payloadType": STATEMENT_TYPE, "signatures": [{}]},
        envelope("%", ""),
        envelope("QQ", ""),
        envelope("QR==", ""),
        envelope("é", ""),
        envelope(7, ""),  # type: ignore[arg-type]
    ],
)
def test_a_malformed_envelope_is_refused_and_never_a_traceback(made: dict[str, Any]) -> None:
    with pytest.raises(EvidenceDamaged, match="malformed"):
        verify_envelope(made, [from_seed(SEED_A).verifier])


@pytest.mark.slow
def test_a_new_key_pair_signs_and_verifies(tmp_path: Path) -> None:
    private, public = new_report_key(tmp_path / "keys", "report", b"correct horse")
    made = load_signer(private, b"correct horse").sign(STATEMENT_TYPE, BODY)

    assert verify_envelope(made, [load_trusted_key(public)]) == BODY
    assert (private.name, public.name) == ("report.key", "report.pub")
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.parent.stat().st_mode & 0o777 == 0o700
    assert private.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")


def test_the_key_id_is_the_beginning_of_the_digest_of_the_raw_key() -> None:
    found = from_seed(SEED_A).verifier

    assert found.fingerprint == "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9"
    assert found.key_id == "ed25519:21fe31dfa154a261"


def test_a_key_is_never_overwritten_and_half_a_pair_is_never_left(tmp_path: Path) -> None:
    private, public = new_report_key(tmp_path, "report", None)
    before = private.read_bytes()
    with pytest.raises(KeyUnavailable, match="exists already"):
        new_report_key(tmp_path, "report", None)
    assert private.read_bytes() == before

    private.unlink()
    with pytest.raises(KeyUnavailable, match="exists already"):
        new_report_key(tmp_path, "report", None)
    assert [file.name for file in tmp_path.iterdir()] == [public.name]


def test_a_dangling_link_is_not_followed_when_a_key_is_made(tmp_path: Path) -> None:
    (tmp_path / "report.key").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(KeyUnavailable):
        new_report_key(tmp_path, "report", None)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a\nb"])
def test_a_key_name_is_a_plain_file_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyUnavailable, match="key name"):
        new_report_key(tmp_path, name, None)


def test_an_empty_passphrase_is_not_taken_for_none(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match="empty"):
        new_report_key(tmp_path, "report", b"")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_an_open_key_without_passphrase_is_refused(tmp_path: Path, mode: int) -> None:
    private, _ = new_report_key(tmp_path, "report", None)
    private.chmod(mode)

    with pytest.raises(KeyUnavailable, match="open to others"):
        load_signer(private, None)


@pytest.mark.slow
def test_a_key_with_a_passphrase_needs_it_and_the_right_one(tmp_path: Path) -> None:
    private, _ = new_report_key(tmp_path, "report", b"right")

    with pytest.raises(KeyUnavailable, match="needs its passphrase"):
        load_signer(private, None)
    with pytest.raises(KeyUnavailable, match="passphrase is wrong") as caught:
        load_signer(private, b"canary-passphrase")
    assert "canary" not in repr(caught.value)
    assert caught.value.__suppress_context__


def test_files_that_are_no_report_keys_are_refused(tmp_path: Path) -> None:
    private, public = new_report_key(tmp_path, "report", None)
    other = ec.generate_private_key(ec.SECP256R1())
    for name, data in {
        "other.key": other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "other.pub": other.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ),
        "noise": b"\xff\x00 noise",
        "huge": b"x" * 100_000,
    }.items():
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o600)

    for path in (public, tmp_path / "other.key", tmp_path / "noise", tmp_path / "huge"):
        with pytest.raises(KeyUnavailable):
            load_signer(path, None)
    for path in (private, tmp_path / "other.pub", tmp_path / "noise", tmp_path / "absent"):
        with pytest.raises(KeyUnavailable):
            load_trusted_key(path)


@pytest.mark.parametrize(
    "raw",
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # 1, spelled p + 1
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ],
)
def test_a_key_under_which_one_signature_holds_for_many_statements_is_refused(
    tmp_path: Path, raw: str
) -> None:
    """The points of small order, in usual and unusual spellings."""
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(raw))
    (tmp_path / "weak.pub").write_bytes(
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )

    with pytest.raises(KeyUnavailable, match="any statement"):
        load_trusted_key(tmp_path / "weak.pub")


def test_such_a_key_would_accept_one_signature_for_everything() -> None:
    """Why it is refused: an operator with such a key could back-date a statement."""
    one = bytes([1]) + bytes(31)
    for message in (b"what was stamped", b"what is shown later"):
        Ed25519PublicKey.from_public_bytes(one).verify(one + bytes(32), message)


def test_a_signer_shows_no_key_material(tmp_path: Path) -> None:
    made = signer(tmp_path)

    assert repr(made) == (
        f"Signer(verifier=TrustedKey(key_id={made.key_id!r}, "
        f"fingerprint={made.verifier.fingerprint!r}, until=None))"
    )


@pytest.mark.parametrize(
    "line",
    [
        "Valid-Until: 2026-1-1",
        "Valid-Until: soon",
        "valid-until: 2026-01-01",
        "Valid-Until: 2026-01-01\nValid-Until: 2027-01-01",
    ],
)
def test_a_last_day_that_cannot_be_read_is_no_endless_key(tmp_path: Path, line: str) -> None:
    _, public = new_report_key(tmp_path, "report", None)
    public.write_text(f"{line}\n{public.read_text()}")

    with pytest.raises(KeyUnavailable, match="Valid-Until"):
        load_trusted_key(public)
    with pytest.raises(Wrong, match="Valid-Until"):
        load_key(public)


def test_a_last_day_where_nobody_looks_for_it_is_no_endless_key(tmp_path: Path) -> None:
    """A key with a byte order mark before its last day, or with the day at its end, had none."""
    _, public = new_report_key(tmp_path, "report", None)
    pem, line = public.read_bytes(), b"Valid-Until: 2026-01-31"
    begin, rest = pem.split(b"\n", 1)
    for made in (
        b"\xef\xbb\xbf" + line + b"\n" + pem,
        pem + line + b"\n",
        begin + b"\n" + line + b"\n\n" + rest,
        b"# of the DPO\r" + line + b"\n" + pem,
    ):
        public.write_bytes(made)
        for load in (load_trusted_key, load_key):
            with pytest.raises((KeyUnavailable, Wrong), match="Valid-Until"):
                load(public)


@pytest.mark.slow
def test_whose_a_locked_key_is_is_found_out_once(tmp_path: Path) -> None:
    asked = []

    def phrase() -> bytes:
        asked.append(1)
        return b"right"

    private, public = new_report_key(tmp_path, "report", b"right")
    found = [public_half(private, phrase) for _ in range(3)]
    assert found == [load_trusted_key(public)] * 3
    assert len(asked) == 1
    other, _ = new_report_key(tmp_path, "other", b"right")
    other.replace(private)
    assert public_half(private, phrase) != found[0]
    assert len(asked) == 2


def test_of_a_file_with_two_ssh_keys_none_is_taken_over(tmp_path: Path) -> None:
    def line() -> bytes:
        public = Ed25519PrivateKey.generate().public_key()
        return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" somebody\n"

    (tmp_path / "one.pub").write_bytes(line())
    (tmp_path / "two.pub").write_bytes(line() + line())
    import_public(tmp_path / "one.pub", tmp_path / "keys", "dpo")
    with pytest.raises(KeyUnavailable, match="more than one line"):
        import_public(tmp_path / "two.pub", tmp_path / "keys", "ciso")
    assert not (tmp_path / "keys" / "ciso.pub").exists()
