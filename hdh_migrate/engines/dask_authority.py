"""A private certificate authority for one cluster: it signs one pair; its key is then discarded."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hdh_migrate.engines.dask_certificates import AUTHORITY, CERTIFICATE, KEY
from hdh_migrate.errors import Refused

DAYS_MAX: Final = 397
_EARLIER: Final = timedelta(minutes=5)
"""How far the clocks of a cluster may be apart when it is set up."""


def new_authority(folder: Path, now: datetime, days: int) -> datetime:
    """Make a folder with an authority's certificate and the one pair that it signs; return its end.

    The authority's own key is kept nowhere: whoever is to be let in needs this folder, and a new
    one shuts all others out.

    Raises:
        Refused: the folder is there already or cannot be made, or the days are not from 1 to
            `DAYS_MAX`.
    """
    if not 1 <= days <= DAYS_MAX:
        raise Refused(f"a cluster's certificates end after 1 to {DAYS_MAX} days, not {days}")
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise Refused(
            f"{folder} is there already",
            hint="name a folder that is not there yet; nothing was changed",
        ) from None
    except OSError as error:
        raise Refused(
            f"{folder}: cannot be made: {error.strerror}", hint="name another folder"
        ) from error
    end = now + timedelta(days=days)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = _name("hdh-migrate cluster authority")
    root = (
        _certificate(root_name, root_name, root_key, now, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        _certificate(_name("hdh-migrate cluster"), root_name, key, now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(folder / AUTHORITY, root.public_bytes(serialization.Encoding.PEM), 0o644)
    _write(folder / CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    _write(folder / KEY, private, 0o600)
    return end


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(end)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
