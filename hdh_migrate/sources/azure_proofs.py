"""How an application proves itself to Microsoft's login: a secret, a certificate, a federation.

Each is made for the one request that carries it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from hdh_migrate.errors import AuthFailed, KeyUnavailable
from hdh_migrate.plan.files import read_bounded

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS: Final = 300
FEDERATED_MAX: Final = 16_384

_KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_ASSERTION = re.compile(rf"[A-Za-z0-9._=-]{{1,{FEDERATED_MAX}}}", re.ASCII)

Proof = Callable[[str], Mapping[str, str]]
"""Gives the fields of the form, for the token endpoint's address."""


def by_secret(secret: str) -> Proof:
    """Prove it by a secret that login and application share."""
    return lambda _: {"client_secret": secret}


def by_federation(path: Path) -> Proof:
    """Prove it by a token of a federated issuer, read again each time: it is renewed in place."""

    def proof(audience: str) -> Mapping[str, str]:
        del audience  # the issuer has written it already
        try:
            data = read_bounded(path, FEDERATED_MAX + 1)
        except OSError as error:
            why = error.strerror or error
            raise AuthFailed(f"the federated token cannot be read: {why}") from None
        text = data.decode("ascii", "replace").strip()
        if not _ASSERTION.fullmatch(text):
            raise AuthFailed("the federated token's file holds no token")
        return _asserted(text)

    return proof


def by_certificate(
    pem: str, passphrase: str | None, client_id: str, *, now: Callable[[], str]
) -> Proof:
    """Prove it by a signature with the key of a certificate (RSA), both in one PEM text.

    `now` gives RFC 3339 in UTC.

    Raises:
        KeyUnavailable: there is no such key, its passphrase is wrong, or no certificate fits it.
    """
    key = _key(pem, passphrase)
    certificate = _fitting(pem, key)
    thumbprint = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
    header = {"alg": "PS256", "typ": "JWT", "x5t#S256": _url64(thumbprint)}

    def proof(audience: str) -> Mapping[str, str]:
        moment = int(datetime.fromisoformat(now()).timestamp())
        claims = {
            "aud": audience, "iss": client_id, "sub": client_id, "jti": str(uuid.uuid4()),
            "nbf": moment, "iat": moment, "exp": moment + ASSERTION_SECONDS,
        }  # fmt: skip
        signed = f"{_part(header)}.{_part(claims)}"
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        signature = key.sign(signed.encode(), scheme, hashes.SHA256())
        return _asserted(f"{signed}.{_url64(signature)}")

    return proof


def _key(pem: str, passphrase: str | None) -> rsa.RSAPrivateKey:
    found = _KEY.search(pem)
    if found is None:
        raise KeyUnavailable("the client certificate's file holds no private key in PEM")
    try:
        phrase = None if passphrase is None else passphrase.encode()
        key = serialization.load_pem_private_key(found[0].encode(), phrase)
    except TypeError:
        raise KeyUnavailable(
            "the client certificate's key needs a passphrase, or has one that was not wanted"
        ) from None
    except Exception:  # noqa: BLE001 - whatever the library says could hold the key
        raise KeyUnavailable("the client certificate's key cannot be opened") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < 2048:
        raise KeyUnavailable("the client certificate's key is no RSA key of 2,048 bits or more")
    return key


def _fitting(pem: str, key: rsa.RSAPrivateKey) -> x509.Certificate:
    try:
        found = x509.load_pem_x509_certificates(_KEY.sub("", pem).encode())
    except ValueError:
        found = []
    for certificate in found:
        if certificate.public_key() == key.public_key():
            return certificate
    raise KeyUnavailable("the client certificate's file holds no certificate of its key")


def _asserted(assertion: str) -> Mapping[str, str]:
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def _part(value: Mapping[str, object]) -> str:
    return _url64(json.dumps(value, separators=(",", ":")).encode())


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
