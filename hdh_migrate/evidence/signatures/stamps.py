"""Time-stamps of RFC 3161 for a bundle: what is stamped, the request, and where the answer goes.

What is stamped is what the operator signed, and the signature: the DSSE pre-authentication encoding
followed by the first signature's bytes. Witnesses may sign later without spoiling it. The answer
stands in the bundle as `timestamp.tsr`. Why: docs/timestamps.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from cryptography import x509

from hdh_migrate.errors import EvidenceDamaged, KeyUnavailable, UsageError
from hdh_migrate.evidence.amend import STAMP, STATEMENT, amend, held, read_small
from hdh_migrate.evidence.signatures.dsse import stamped_bytes
from hdh_migrate.evidence.verifier.stamp import NoStamp, check_token
from hdh_migrate.frozen import frozen
from hdh_migrate.plan.files import CHECK_PATH, read_bounded

_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_MAX_ROOTS = 4 << 20

Roots = Sequence[x509.Certificate] | None
"""The certificates that are trusted to stamp; None: the authority is not judged."""


@frozen
class TimeStamp:
    """A stamp that was checked: RFC 3339 time in UTC, and who says so.

    `trusted` is False when the authority was not judged: then anybody may have made it.
    """

    at: str
    authority: str
    trusted: bool


def load_roots(path: Path) -> list[x509.Certificate]:
    """Read the certificates of trusted authorities, in PEM.

    Raises:
        KeyUnavailable: the file cannot be read, or holds something else.
    """
    try:
        data = read_bounded(path, _MAX_ROOTS)
    except OSError as error:
        why = error.strerror or error
        raise KeyUnavailable(f"{path}: cannot be read: {why}", hint=CHECK_PATH) from None
    try:
        if len(data) <= _MAX_ROOTS:
            return x509.load_pem_x509_certificates(data)
    except ValueError:
        pass
    raise KeyUnavailable(
        f"{path}: not certificates in PEM", hint="give those of the time-stamping authority, in PEM"
    )


def request(folder: Path, nonce: int) -> bytes:
    """Return the TimeStampReq for a bundle (SHA-256, with the nonce, certificates wanted).

    Raises:
        UsageError: there is no bundle.
        EvidenceDamaged: its statement is an unsigned draft or malformed.
    """
    with held(folder):
        digest = sha256(_stamped(folder)).digest()
    number = nonce.to_bytes(nonce.bit_length() // 8 + 1, "big")
    imprint = _der(0x30, _SHA256 + _der(0x04, digest))
    return _der(0x30, b"\x02\x01\x01" + imprint + _der(0x02, number) + b"\x01\x01\xff")


def stamp_of(folder: Path, roots: Roots) -> TimeStamp | None:
    """Check the stamp that a bundle has; None when it has none.

    Raises:
        UsageError: there is no bundle.
        EvidenceDamaged: the stamp does not check.
    """
    with held(folder):
        if not (folder / STAMP).exists():
            return None
        return _checked(folder, read_small(folder / STAMP), roots)


def add_stamp(folder: Path, token: bytes, roots: Roots, nonce: int | None = None) -> TimeStamp:
    """Check an authority's answer and put it into the bundle, never in place of a good one.

    The same call again, also after a crash in the middle, ends the same way.

    Raises:
        UsageError: there is no bundle, or it has another stamp already.
        EvidenceDamaged: the answer does not check; the bundle is as it was.
    """
    with held(folder):
        stamp = _checked(folder, token, roots, nonce)
        there = read_small(folder / STAMP) if (folder / STAMP).exists() else None
        if there not in {None, token} and _holds(folder, there):
            raise UsageError(
                f"{folder}: the bundle has another time-stamp already, which is kept",
                hint='see it with "hdh-migrate audit verify BUNDLE --trust KEY"',
            )
        amend(folder, STAMP, token)
    return stamp


def _holds(folder: Path, token: bytes) -> bool:
    try:
        _checked(folder, token, None)
    except EvidenceDamaged:
        return False
    return True


def _checked(folder: Path, token: bytes, roots: Roots, nonce: int | None = None) -> TimeStamp:
    try:
        moment, name = check_token(token, _stamped(folder), roots, nonce)
    except NoStamp as error:
        raise EvidenceDamaged(
            f"the time-stamp does not check: {error}", hint="the bundle itself is as it was"
        ) from None
    at = moment.isoformat().replace("+00:00", "Z")
    return TimeStamp(at=at, authority=name, trusted=roots is not None)


def _stamped(folder: Path) -> bytes:
    try:
        envelope = json.loads(read_small(folder / STATEMENT))
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict):
        raise EvidenceDamaged(f"{STATEMENT}: not an envelope")
    return stamped_bytes(envelope)


def _der(tag: int, body: bytes) -> bytes:
    assert len(body) < 0x80, "a request is short"
    return bytes([tag, len(body)]) + body
