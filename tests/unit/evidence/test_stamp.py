"""Time-stamps made by OpenSSL on this machine, good and bad, and every way to spoil one."""

from __future__ import annotations

import subprocess
import warnings
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from hdh_migrate.evidence.verifier.stamp import LARGEST_STAMP, _inside, _items, check_token
from tests.support.authority import TIME_STAMPING, YEAR, Authority, Issuer, issue
from tests.support.examples import many

DATA = b"what was signed"
NONCE = 0x5A17_0BAD_CAFE_F00D


class World:
    """A root, an authority below it and one that stamps, all good."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = issue("Root", ca=True, kind="rsa")
        self.between = issue("Between", self.root, ca=True, path_length=0)
        self.roots = [self.root.certificate]
        self.good = self.authority(self.tsa())
        self.answer = self.good.answer(query(self.folder, DATA))
        self.token = self.good.token_in(self.answer)
        self.info = self.good.info_in(self.answer)

    def tsa(self, by: Issuer | None = None, **changes: Any) -> Issuer:
        return issue("Stamps & Sons", by or self.between, **{"uses": [TIME_STAMPING], **changes})

    def authority(self, signer: Issuer, *chain: Issuer, **changes: Any) -> Authority:
        number = len(list(self.folder.iterdir()))
        return Authority(self.folder / str(number), signer, chain or [self.between], **changes)

    def signed_by(self, signer: Issuer, *chain: Issuer, options: tuple[str, ...] = ()) -> bytes:
        """A token that OpenSSL signs without asking what the certificate is for."""
        return self.authority(signer, *chain).sign(self.info, "-cades", *options)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("authorities"))


def query(folder: Path, data: bytes, *options: str) -> bytes:
    (folder / "data").write_bytes(data)
    return subprocess.run(
        ["openssl", "ts", "-query", "-data", str(folder / "data"), "-cert", *options],
        capture_output=True, check=True,
    ).stdout  # fmt: skip


def refused(why: str) -> Any:
    return pytest.raises(ValueError, match=why)


# --- what is accepted ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rsa", "ec", "ec384"])
@pytest.mark.parametrize("ess", ["sha1", "sha256", "sha512"])  # sha1: signing-certificate, v1
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.slow
def test_a_stamp_of_openssl_is_accepted(world: World, kind: str, ess: str, digest: str) -> None:
    made = world.authority(world.tsa(kind=kind), ess=ess, digest=digest)

    answer = made.answer(query(world.folder, DATA, f"-{digest}"))

    moment, name = check_token(answer, DATA, world.roots)
    assert name == "CN=Stamps & Sons"
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
    assert check_token(made.token_in(answer), DATA, world.roots) == (moment, name)


@pytest.mark.slow
def test_rsa_with_pss_is_accepted(world: World) -> None:
    token = world.signed_by(world.tsa(kind="rsa"), options=("-keyopt", "rsa_padding_mode:pss"))

    check_token(token, DATA, world.roots)


def test_ed25519_is_accepted(world: World) -> None:
    check_token(token_by_hand(world), DATA, world.roots)


def test_any_certificate_of_the_chain_may_be_the_trusted_one(world: World) -> None:
    signer = world.tsa()
    token = world.signed_by(signer)

    for trusted in (world.root, world.between, signer):
        check_token(token, DATA, [trusted.certificate])
    with refused("no valid chain"):
        check_token(token, DATA, [])


def test_without_roots_everything_but_the_authority_is_judged(world: World) -> None:
    stranger = issue("Root", ca=True)
    token = world.signed_by(world.tsa(stranger), stranger)

    check_token(token, DATA, None)
    with refused("other bytes"):
        check_token(token, b"other", None)
    with refused("no valid chain"):
        check_token(token, DATA, world.roots)


def test_openssl_agrees_about_a_good_stamp(world: World) -> None:
    folder = world.good.folder
    (folder / "root.pem").write_bytes(world.root.certificate.public_bytes(Encoding.PEM))
    (folder / "good.tsr").write_bytes(world.answer)
    (folder / "signed").write_bytes(DATA)

    done = subprocess.run(
        ["openssl", "ts", "-verify", "-data", "signed", "-in", "good.tsr", "-CAfile", "root.pem"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "Verification: OK" in done.stdout, done.stderr


# --- what is refused: the stamp --------------------------------------------------------------


def test_a_stamp_of_other_bytes_is_refused(world: World) -> None:
    with refused("other bytes"):
        check_token(world.answer, DATA + b"\n", world.roots)


def test_a_nonce_is_compared_when_one_is_given(world: World) -> None:
    answer = world.good.answer(query(world.folder, DATA))
    silent = world.good.answer(query(world.folder, DATA, "-no_nonce"))

    check_token(answer, DATA, world.roots)
    for other in (answer, silent):
        with refused("nonce"):
            check_token(other, DATA, world.roots, NONCE)


def test_an_answer_that_grants_nothing_is_refused_with_its_status(world: World) -> None:
    answer = world.good.answer(query(world.folder, DATA, "-sha1"))

    with refused(r"did not grant it \(status 2\)"):
        check_token(answer, DATA, world.roots)


def test_a_weak_digest_is_refused(world: World) -> None:
    with refused("digest that is not accepted"):
        token = world.signed_by(world.tsa(kind="rsa"), options=("-md", "sha1"))
        check_token(token, DATA, world.roots)


def test_a_signature_without_the_signers_name_is_refused(world: World) -> None:
    made = world.authority(world.tsa())

    with refused("does not name the signer's certificate"):
        check_token(made.sign(world.info), DATA, world.roots)
    with refused("no signed attributes"):
        check_token(made.sign(world.info, "-noattr"), DATA, world.roots)
    with refused("is not in it"):
        check_token(made.sign(world.info, "-cades", "-nocerts"), DATA, world.roots)


def test_two_signers_are_refused(world: World) -> None:
    with refused("exactly one signer"):
        check_token(token_by_hand(world, signers=2), DATA, world.roots)


def test_two_certificates_as_the_signers_are_refused(world: World) -> None:
    with refused("two certificates"):
        check_token(token_by_hand(world, serial=b"\x07"), DATA, world.roots)


def test_an_attribute_that_stands_twice_is_refused(world: World) -> None:
    with refused("not what was signed"):
        check_token(token_by_hand(world, again=True), DATA, world.roots)


def test_a_token_that_does_not_list_its_digest_is_refused(world: World) -> None:
    """Nothing signs that list: OpenSSL, who goes by it, would refuse what was changed there."""
    answer = world.authority(world.tsa()).answer(query(world.folder, DATA))
    sha256 = bytes.fromhex("608648016503040201")
    other = answer.replace(sha256, sha256[:-1] + b"\2", 1)

    with refused("does not list the digest"):
        check_token(other, DATA, world.roots)


def test_signed_data_that_is_no_stamp_is_refused(world: World) -> None:
    made = world.authority(world.tsa())

    with refused("holds no signed data"):
        check_token(token_by_hand(world, outer="2a864886f70d010701"), DATA, world.roots)
    with refused("not a time-stamp"):
        check_token(token_by_hand(world, content="2a864886f70d010701"), DATA, world.roots)
    with refused("for something else"):
        check_token(token_by_hand(world, about="2a864886f70d010701"), DATA, world.roots)
    with refused("not DER"):
        check_token(made.sign(b"no TSTInfo", "-cades"), DATA, world.roots)


def test_a_stamp_signed_with_another_key_than_its_certificates_is_refused(world: World) -> None:
    signer, stranger = world.tsa(kind="ed25519"), world.tsa(kind="ed25519")

    with refused("signature does not verify"):
        forged = Issuer(certificate=signer.certificate, key=stranger.key)
        check_token(token_by_hand(world, forged), DATA, world.roots)


def test_a_kind_of_signature_that_is_not_the_keys_is_refused(world: World) -> None:
    with refused("kind of signature"):
        check_token(token_by_hand(world, how="2a864886f70d01010b"), DATA, world.roots)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"\x30\x80\x00\x00", b"\x30\x81\x00", b"<html>no</html>", b"0" * 40, b"\x30\x00",
     b"\x00" * (LARGEST_STAMP + 1), b"\x1f\x00", b"\x30\x84\xff\xff\xff\xff", b"\x30\xff" * 99],
)  # fmt: skip
def test_other_data_is_refused(world: World, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\Ait is "):
        check_token(data, DATA, world.roots)


def test_trailing_bytes_are_refused(world: World) -> None:
    for whole in (world.answer, world.token):
        with refused("well-formed"):
            check_token(whole + b"\x05\x00", DATA, world.roots)
        with pytest.raises(ValueError, match=r"\Ait is not"):
            check_token(whole + b"\x00", DATA, world.roots)


# --- what is refused: the certificates -------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{"uses": []}, {"critical": False}, {"uses": [TIME_STAMPING, TIME_STAMPING]}],
    ids=["no extended key usage", "not critical", "more than one use"],
)
def test_a_certificate_for_other_uses_is_refused(world: World, changes: dict[str, Any]) -> None:
    with refused("not for time-stamps only"):
        check_token(world.signed_by(world.tsa(**changes)), DATA, world.roots)


def by_openssl(world: World, token: bytes) -> bool:
    """Say whether OpenSSL takes a token for one over DATA."""
    folder = world.good.folder
    (folder / "root.pem").write_bytes(world.root.certificate.public_bytes(Encoding.PEM))
    (folder / "token").write_bytes(token)
    (folder / "signed").write_bytes(DATA)
    form = ["-in", "token", "-token_in", "-data", "signed", "-CAfile", "root.pem"]
    done = subprocess.run(
        ["openssl", "ts", "-verify", *form], cwd=folder, capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.mark.parametrize(
    ("usage", "good"),
    [
        (["digital_signature"], True),
        (["content_commitment"], True),
        (["key_cert_sign"], False),
        (["digital_signature", "key_cert_sign"], False),
        (["digital_signature", "crl_sign"], False),
        (["digital_signature", "key_encipherment"], False),
        (["data_encipherment"], False),
        (["digital_signature", "key_agreement"], False),
    ],
)
def test_a_signers_key_is_for_signatures_alone(world: World, usage: list[str], good: bool) -> None:
    """OpenSSL refused these, and a bundle's verifier took them: an authority of certificates."""
    token = world.signed_by(world.tsa(usage=usage))
    assert by_openssl(world, token) is good
    if good:
        assert check_token(token, DATA, world.roots)
        return
    with refused("not for time-stamps only"):
        check_token(token, DATA, world.roots)


def info_with(world: World, *after: bytes) -> bytes:
    """Return a token whose TSTInfo has this after its time."""
    (whole,) = _items(world.info)
    told = b"".join(item.raw for item in _inside(whole)[:5]) + b"".join(after)
    length = bytes([len(told)]) if len(told) < 128 else b"\x81" + bytes([len(told)])
    return world.authority(world.tsa()).sign(b"\x30" + length + told, "-cades")


NONCE_7, ACCURACY = b"\x02\x01\x07", b"\x30\x04\x02\x02\x01\x00"


@pytest.mark.parametrize("after", [(b"\x0c\x01x",), (NONCE_7, NONCE_7), (NONCE_7, ACCURACY)])
def test_what_is_no_part_of_a_stamp_is_refused(world: World, after: tuple[bytes, ...]) -> None:
    token = info_with(world, *after)
    assert not by_openssl(world, token)
    with refused("says more than a stamp does"):
        check_token(token, DATA, world.roots)


def test_a_rough_stamp_says_how_rough_it_is(world: World) -> None:
    assert check_token(info_with(world), DATA, world.roots)[1] == "CN=Stamps & Sons"
    rough = info_with(world, ACCURACY, NONCE_7)
    assert by_openssl(world, rough)
    assert check_token(rough, DATA, world.roots)[1] == "CN=Stamps & Sons, give or take 256 s"


@pytest.mark.parametrize("lasts", [(-2 * YEAR, -YEAR), (YEAR, 2 * YEAR)])
def test_a_certificate_out_of_date_is_refused(
    world: World, lasts: tuple[timedelta, timedelta]
) -> None:
    made = world.authority(world.tsa(lasts=lasts))

    with refused("not valid at that time"):
        check_token(made.answer(query(world.folder, DATA)), DATA, world.roots)


def test_a_certificate_that_demands_what_we_do_not_know_is_refused(world: World) -> None:
    with refused("not valid at that time"):
        check_token(world.signed_by(world.tsa(strange=True)), DATA, world.roots)


@pytest.mark.parametrize(
    "changes",
    [
        {"ca": False},
        {"ca": True, "may_issue": False},
        {"ca": True, "lasts": (-2 * YEAR, -YEAR)},
        {"ca": True, "strange": True},
    ],
    ids=["no authority", "may not issue", "expired", "unknown critical extension"],
)
def test_a_chain_through_a_certificate_that_may_not_issue_is_refused(
    world: World, changes: dict[str, Any]
) -> None:
    between = issue("Between", world.root, **changes)

    with refused("no valid chain"):
        check_token(world.signed_by(world.tsa(between), between), DATA, world.roots)


def test_a_chain_longer_than_an_authority_allows_is_refused(world: World) -> None:
    lower = issue("Lower", world.between, ca=True)  # `between` allows none below it

    with refused("no valid chain"):
        check_token(world.signed_by(world.tsa(lower), lower, world.between), DATA, world.roots)


def test_an_authority_of_the_same_name_with_another_key_is_refused(world: World) -> None:
    twin = issue("Root", ca=True)
    between = issue("Between", twin, ca=True)
    token = world.signed_by(world.tsa(between), between, twin)

    with refused("no valid chain"):
        check_token(token, DATA, world.roots)


def test_many_certificates_that_issue_each_other_take_no_time(world: World) -> None:
    ring = [issue("Root", ca=True) for _ in range(40)]
    token = world.signed_by(world.tsa(ring[0]), *ring)

    with refused("no valid chain"):
        check_token(token, DATA, world.roots)


# --- spoiled ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_flipped_byte_is_accepted_where_it_matters(world: World) -> None:
    """Elsewhere (status, unsigned wrapping) a flip may pass, but changes nothing that is said."""
    for kind in ("rsa", "ec"):
        made = world.authority(world.tsa(kind=kind))
        answer = made.answer(query(world.folder, DATA))
        good = check_token(answer, DATA, world.roots)
        tolerated = [at for at in range(len(answer)) if accepted(world, answer, at, good)]

        signature = answer[-(256 if kind == "rsa" else 60) :]
        for part in (made.info_in(answer), signed_attributes(answer), certificate(made), signature):
            begin = answer.index(part)
            assert not [at for at in tolerated if begin <= at < begin + len(part)]
        assert len(tolerated) < 80


def accepted(world: World, answer: bytes, at: int, good: tuple[datetime, str]) -> bool:
    taken = False
    for mask in (1 << at % 8, 0xFF):
        spoiled = bytearray(answer)
        spoiled[at] ^= mask
        try:
            with warnings.catch_warnings():  # `cryptography` warns of certificates it will refuse
                warnings.simplefilter("ignore")
                assert check_token(bytes(spoiled), DATA, world.roots) == good
            taken = True
        except ValueError as error:
            taken = taken or not str(error) or "\n" in str(error)
    return taken


def test_no_truncation_is_accepted(world: World) -> None:
    for whole in (world.answer, world.token):
        for length in range(len(whole)):
            with pytest.raises(ValueError, match=r"\A(it|its|the|what) "):
                check_token(whole[:length], DATA, world.roots)


@settings(max_examples=many(200), deadline=None)
@given(cuts=st.lists(st.tuples(st.integers(0, 1 << 11), st.binary(max_size=4)), max_size=6))
def test_whatever_is_written_into_a_stamp_only_a_value_error_comes_out(
    world: World, cuts: list[tuple[int, bytes]]
) -> None:
    spoiled = bytearray(world.answer)
    for at, piece in cuts:
        spoiled[at : at + len(piece)] = piece
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(ValueError):
            check_token(bytes(spoiled), DATA, world.roots)


# --- tools -----------------------------------------------------------------------------------


def certificate(made: Authority) -> bytes:
    pem = (made.folder / "signer.pem").read_bytes()
    return subprocess.run(
        ["openssl", "x509", "-outform", "DER"], input=pem, capture_output=True, check=True
    ).stdout


def signed_attributes(answer: bytes) -> bytes:
    """All of them, from the tag; OpenSSL puts the content type first."""
    at = answer.rindex(bytes.fromhex("301a06092a864886f70d010903")) - 3
    assert answer[at : at + 2] == b"\xa0\x81"
    return answer[at : at + 3 + answer[at + 2]]


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 + len(length)]) + length + body


def token_by_hand(
    world: World, signer: Issuer | None = None, *,
    outer: str = "2a864886f70d010702", content: str = "2a864886f70d0109100104",
    about: str = "2a864886f70d0109100104", how: str = "2b6570",
    signers: int = 1, serial: bytes | None = None, again: bool = False,
) -> bytes:  # fmt: skip
    """A token with Ed25519, which OpenSSL 3.0 does not sign CMS with; after RFC 8419."""
    signer = signer or world.tsa(kind="ed25519")
    raw = [one.certificate.public_bytes(Encoding.DER) for one in (signer, world.between)]
    sha2 = der(0x30, oid("608648016503040203"))
    digest = attribute("2a864886f70d010904", der(0x04, sha512(world.info).digest()))
    named = der(0x30, der(0x30, der(0x30, der(0x04, sha256(raw[0]).digest()))))
    attributes = b"".join(
        (
            attribute("2a864886f70d010903", oid(about)),
            digest,
            digest if again else b"",
            attribute("2a864886f70d010910022f", named),
        )
    )
    who = der(0x30, der(0x30), der(0x02, serial)) if serial else der(0x80, b"any")
    info = der(
        0x30, der(0x02, b"\1"), who, sha2, der(0xA0, attributes),
        der(0x30, oid(how)), der(0x04, signer.key.sign(der(0x31, attributes))),
    )  # fmt: skip
    data = der(
        0x30, der(0x02, b"\3"), der(0x31, sha2),
        der(0x30, oid(content), der(0xA0, der(0x04, world.info))),
        der(0xA0, *raw), der(0x31, *(info for _ in range(signers))),
    )  # fmt: skip
    return der(0x30, oid(outer), der(0xA0, data))


def oid(text: str) -> bytes:
    return der(0x06, bytes.fromhex(text))


def attribute(kind: str, value: bytes) -> bytes:
    return der(0x30, oid(kind), der(0x31, value))
