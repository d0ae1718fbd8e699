"""Check a time-stamp of RFC 3161.

Used by verify.py (which see) with --tsa-trust. It needs Python 3.9 and `cryptography` 42, and
opens no connection. DER is read strictly: definite and shortest lengths, nothing left over. MD5
and SHA-1 carry no weight. Revocation is not looked up: certificates are judged at the time that
the stamp states.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

LARGEST_STAMP = 1 << 16
OBJECTS = {  # what is meant by an object identifier, given as DER
    "2a864886f70d010702": "signed-data", "2a864886f70d0109100104": "tst-info",
    "2a864886f70d010903": "content-type", "2a864886f70d010904": "message-digest",
    "2a864886f70d010910020c": "signing-certificate",
    "2a864886f70d010910022f": "signing-certificate-v2",
    "608648016503040201": "sha256", "608648016503040202": "sha384", "608648016503040203": "sha512",
    "2a864886f70d010101": "rsa", "2a864886f70d01010a": "rsa-pss", "2b6570": "ed25519",
    "2a864886f70d01010b": "rsa-sha256", "2a864886f70d01010c": "rsa-sha384",
    "2a864886f70d01010d": "rsa-sha512", "2a8648ce3d040302": "ecdsa-sha256",
    "2a8648ce3d040303": "ecdsa-sha384", "2a8648ce3d040304": "ecdsa-sha512",
}  # fmt: skip
UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.CERTIFICATE_POLICIES,
}  # fmt: skip
SEQUENCE, SET, INTEGER, OCTETS, OBJECT, TIME, CONTEXT_0 = 0x30, 0x31, 0x02, 0x04, 0x06, 0x18, 0xA0
AFTER_THE_TIME = (SEQUENCE, 0x01, INTEGER, CONTEXT_0, 0xA1)
"""What may follow the time, in this order: accuracy, ordering, nonce, name, extensions."""
CLOSE = 60
"""Seconds: a stamp that is less accurate says so where it is shown."""


class NoStamp(ValueError):
    """These bytes are no time-stamp of those; the message says why, in one line."""


def judge(trusted: bytes) -> Callable[[bytes, bytes], tuple[str, str]]:
    """Return what checks a stamp over some bytes and gives its time (RFC 3339) and authority.

    `trusted` holds certificates in PEM, one of which must be in the authority's chain. Raises
    ValueError when it does not; what is returned raises NoStamp.
    """
    try:
        return judged_by(x509.load_pem_x509_certificates(trusted))
    except ValueError:
        raise ValueError("the trusted authorities are not certificates in PEM") from None


def judged_by(roots: Sequence[x509.Certificate]) -> Callable[[bytes, bytes], tuple[str, str]]:
    """As `judge`, with certificates that are read already."""

    def judged(token: bytes, signed_bytes: bytes) -> tuple[str, str]:
        moment, authority = check_token(token, signed_bytes, roots)
        return moment.isoformat().replace("+00:00", "Z"), authority

    return judged


def check_token(
    token: bytes,
    signed_bytes: bytes,
    roots: Sequence[x509.Certificate] | None,
    nonce: int | None = None,
) -> tuple[datetime, str]:
    """Return when the stamp was made (UTC) and the authority's name; else raise NoStamp.

    `token` is a TimeStampResp, or the token alone. `roots` are trusted certificates of the chain,
    whether self-signed or not; None: the authority is not judged, and may be anybody.
    """
    try:
        return _checked(token, signed_bytes, roots, nonce)
    except NoStamp:
        raise
    except (
        ValueError, TypeError, IndexError, UnsupportedAlgorithm, x509.InvalidVersion,
        x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
    ):  # fmt: skip
        raise NoStamp("it is not a well-formed time-stamp") from None


def _checked(
    token: bytes, signed: bytes, roots: Sequence[x509.Certificate] | None, nonce: int | None
) -> tuple[datetime, str]:
    _need(len(token) <= LARGEST_STAMP, "it is too large for a time-stamp")
    (outer,) = _items(token)
    if _inside(outer)[0].tag == SEQUENCE:  # a TimeStampResp: the status, then the token
        status, *granted = _inside(outer)
        number = _number(_inside(status)[0])
        _need(number in {0, 1}, f"the authority did not grant it (status {number})")
        (outer,) = granted
    kind, wrapped = _inside(outer)
    _need(_object(kind) == "signed-data", "it holds no signed data")
    (data,) = _inside(wrapped, CONTEXT_0)
    _, listed, content, *optional, signers = _inside(data)
    kind, wrapped = _inside(content)
    _need(_object(kind) == "tst-info", "what it signs is not a time-stamp")
    (info,) = _inside(wrapped, CONTEXT_0)
    moment, roughly = _moment(info, signed, nonce)
    given = {  # the certificates that came with it, by their bytes
        item.raw: x509.load_der_x509_certificate(item.raw)
        for field in optional if field.tag == CONTEXT_0 for item in _items(field.body)
    }  # fmt: skip
    _need(len(_inside(signers, SET)) == 1, "it does not have exactly one signer")
    digests = {_object(_inside(one)[0]) for one in _inside(listed, SET)}
    author = _author(_inside(signers, SET)[0], info.body, given, digests)
    uses = [(e.critical, *e.value) for e in author.extensions
            if isinstance(e.value, x509.ExtendedKeyUsage)]  # fmt: skip
    only = [(True, ExtendedKeyUsageOID.TIME_STAMPING)]
    _need(uses == only and _signs(author), "its signer's certificate is not for time-stamps only")
    _need(_good_at(author, moment), "its signer's certificate was not valid at that time")
    chained = roots is None or _chained(author, [*given.values()], roots, moment)
    _need(chained, "no valid chain leads from its signer to a trusted authority")
    name = author.subject.rfc4514_string()
    return moment, "".join(char if char.isprintable() else "?" for char in name) + roughly


def _moment(info: DerElement, signed: bytes, nonce: int | None) -> tuple[datetime, str]:
    """Return the time in a TSTInfo that is about these bytes, and how rough it is, in words."""
    (whole,) = _items(_body(info, OCTETS))
    version, _, imprint, _, moment, *rest = _inside(whole)
    _need(_number(version) == 1, "it is of an unknown version")
    algorithm, digest = _inside(imprint)
    _need(_body(digest, OCTETS) == _digest(_sha2(algorithm), signed), "it is about other bytes")
    tags = [item.tag for item in rest]
    _need(tags == [tag for tag in AFTER_THE_TIME if tag in tags], "it says more than a stamp does")
    nonces = [_number(item) for item in rest if item.tag == INTEGER]
    _need(nonce is None or nonces == [nonce], "its nonce is not that of the request")
    found = re.fullmatch(r"(\d{14})(\.\d+)?Z", _body(moment, TIME).decode("ascii"))
    if found is None:
        raise NoStamp("its time is not in UTC")
    time = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)  # noqa: UP017
    off = [_number(one) for item in rest if item.tag == SEQUENCE for one in _inside(item)
           if one.tag == INTEGER]  # fmt: skip
    roughly = f", give or take {off[0]} s" if off and off[0] > CLOSE else ""
    return time.replace(microsecond=int((found[2] or ".0")[1:7].ljust(6, "0"))), roughly


def _signs(author: x509.Certificate) -> bool:
    """Say whether a certificate's key is for signatures over data, and for nothing else."""
    usages = [one.value for one in author.extensions if isinstance(one.value, x509.KeyUsage)]
    return all(
        (one.digital_signature or one.content_commitment)
        and not (one.key_cert_sign or one.crl_sign or one.key_agreement)
        and not (one.key_encipherment or one.data_encipherment)
        for one in usages
    )


def _author(
    signer: DerElement, info: bytes, given: dict[bytes, x509.Certificate], digests: set[str]
) -> x509.Certificate:
    """Return the certificate that the signed attributes name, whose key signed them.

    `digests` are those that the token says it needs: others go by them when they read it.
    """
    fields = _inside(signer)
    _need(len(fields) >= 6 and fields[3].tag == CONTEXT_0, "it has no signed attributes")
    _, who, algorithm, signed, how, signature, *_ = fields
    values: dict[str, list[DerElement]] = {}
    for kind, found in map(_inside, _items(signed.body)):
        values.setdefault(_object(kind), []).extend(_inside(found, SET))
    sha2 = _sha2(algorithm)
    _need(sha2 in digests, "it does not list the digest that its signature is over")
    of, digest = values.get("content-type", []), values.get("message-digest", [])
    _need([_object(item) for item in of] == ["tst-info"], "its signature is for something else")
    _need([_body(item, OCTETS) for item in digest] == [_digest(sha2, info)],
          "its content is not what was signed")  # fmt: skip
    named = values.get("signing-certificate-v2") or values.get("signing-certificate", [])
    _need(len(named) == 1, "its signature does not name the signer's certificate")
    first, *more = _inside(_inside(_inside(named[0])[0])[0])
    sha = "sha256" if "signing-certificate-v2" in values else "sha1"
    if first.tag == SEQUENCE:
        sha, first = _sha2(first), more[0]
    authors = [one for raw, one in given.items() if _digest(sha, raw) == _body(first, OCTETS)]
    _need(len(authors) == 1, "the certificate that its signature names is not in it")
    if who.tag == SEQUENCE:
        issued = _number(_inside(who)[1])
        _need(issued == authors[0].serial_number, "it names two certificates as the signer's")
    message = bytes([SET]) + signed.raw[1:]
    _verify(authors[0], _object(_inside(how)[0]), sha2, _body(signature, OCTETS), message)
    return authors[0]


def _verify(author: x509.Certificate, how: str, sha2: str, signature: bytes, data: bytes) -> None:
    key, (family, _, own) = author.public_key(), how.partition("-")
    digest = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[
        own if own.startswith("sha") else sha2
    ]
    try:
        if isinstance(key, rsa.RSAPublicKey) and family == "rsa" and key.key_size >= 2048:
            pss = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO)
            key.verify(signature, data, pss if own == "pss" else padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and family == "ecdsa":
            key.verify(signature, data, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey) and family == "ed25519":
            key.verify(signature, data)
        else:
            raise NoStamp("its kind of signature is not accepted")
    except InvalidSignature:
        raise NoStamp("its signature does not verify") from None


def _chained(
    author: x509.Certificate, given: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate], moment: datetime,
) -> bool:  # fmt: skip
    """Say whether the author is trusted, or leads to who is; each certificate is tried once."""
    level, left = [author], [*roots, *given]
    for below in range(8):  # so many authorities stand between the author and the next level
        if any(one in roots for one in level):
            return True
        level = [one for one in left if _may_issue(one, below, moment)
                 and any(_issued(lower, one) for lower in level)]  # fmt: skip
        left = [one for one in left if one not in level]
    return False


def _may_issue(one: x509.Certificate, below: int, moment: datetime) -> bool:
    values = [extension.value for extension in one.extensions]
    basics = [value for value in values if isinstance(value, x509.BasicConstraints) and value.ca]
    deep = [value.path_length is None or value.path_length >= below for value in basics]
    usages = [value.key_cert_sign for value in values if isinstance(value, x509.KeyUsage)]
    return deep == [True] and all(usages) and _good_at(one, moment)


def _good_at(one: x509.Certificate, moment: datetime) -> bool:
    strange = [e for e in one.extensions if e.critical and e.oid not in UNDERSTOOD]
    return not strange and one.not_valid_before_utc <= moment <= one.not_valid_after_utc


def _issued(lower: x509.Certificate, one: x509.Certificate) -> bool:
    try:
        lower.verify_directly_issued_by(one)
        used = lower.signature_hash_algorithm
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return used is None or used.name not in {"md5", "sha1"}


class DerElement(NamedTuple):
    """One element of DER: its tag, its content, and all of its bytes."""

    tag: int
    body: bytes
    raw: bytes


def _items(data: bytes) -> list[DerElement]:
    """Read elements side by side, to the last byte."""
    items, at = [], 0
    while at < len(data):
        start, size = at + 2, data[at + 1]
        if size >= 0x80:  # the length has a length; the shortest spelling only
            count = size - 0x80
            start += count
            size = int.from_bytes(data[at + 2 : start], "big")
            _need(size >= max(0x80, 1 << 8 * count >> 8), "it is not DER")
        _need(data[at] & 0x1F != 0x1F and start + size <= len(data), "it is not DER")
        items.append(DerElement(data[at], data[start : start + size], data[at : start + size]))
        at = start + size
    return items


def _inside(item: DerElement, tag: int = SEQUENCE) -> list[DerElement]:
    return _items(_body(item, tag))


def _body(item: DerElement, tag: int) -> bytes:
    _need(item.tag == tag, "it is not a well-formed time-stamp")
    return item.body


def _number(item: DerElement) -> int:
    return int.from_bytes(_body(item, INTEGER), "big", signed=True)


def _object(item: DerElement) -> str:
    return OBJECTS.get(_body(item, OBJECT).hex(), "")


def _sha2(algorithm: DerElement) -> str:
    name = _object(_inside(algorithm)[0])
    _need(name in {"sha256", "sha384", "sha512"}, "it uses a digest that is not accepted")
    return name


def _digest(name: str, data: bytes) -> bytes:
    return hashlib.new(name, data).digest()


def _need(holds: bool, why: str) -> None:
    if not holds:
        raise NoStamp(why)
