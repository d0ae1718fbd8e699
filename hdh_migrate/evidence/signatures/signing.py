"""Ed25519 report keys: who stands behind a statement.

Keys are PEM files (PKCS8, with or without a passphrase), readable by every common tool. Private
keys appear in no repr, message or log.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from hdh_migrate.errors import KeyUnavailable, MigrateError
from hdh_migrate.evidence.signatures.agent import agent_key, public_of
from hdh_migrate.evidence.signatures.dsse import (
    SignedEnvelope,
    pre_authentication_encoding,
)
from hdh_migrate.evidence.signatures.lock import lock_of, locked
from hdh_migrate.evidence.verifier.signatures import is_weak, last_day
from hdh_migrate.folders import FULL, no_room, open_to_others, write_whole
from hdh_migrate.frozen import frozen_row
from hdh_migrate.plan.files import KeyFileUnreadable, read_bounded

VALID_UNTIL = "Valid-Until"
"""The line before a public key's PEM block that says on which day its use ends."""

_MADE_BY = (
    'give a report key: "hdh-migrate keys new NAME --purpose report" makes one, "hdh-migrate keys'
    ' import" one of a public SSH key'
)
_MAX_KEY_FILE = 64 * 1024
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")


@frozen_row
class TrustedKey:
    """A trusted public key. `fingerprint` is the SHA-256 of its 32 raw bytes.

    `until` is the last day on which it may sign, YYYY-MM-DD in UTC; None: no end is stated.
    """

    key_id: str
    fingerprint: str
    _key: Ed25519PublicKey = field(repr=False)
    until: str | None = None

    @property
    def public(self) -> Ed25519PublicKey:
        """The Ed25519 public key, for the cryptography package."""
        return self._key

    def accepts(self, signature: bytes, message: bytes) -> bool:
        """Return whether this key made the signature over the message."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class SigningKey(Protocol):
    """An Ed25519 private key, wherever it is."""

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature over a message."""


@frozen_row
class Signer:
    """A private key that is ready to sign; `verifier` is its public half."""

    verifier: TrustedKey
    _key: SigningKey = field(repr=False)
    weakness: str | None = field(default=None, repr=False)
    """What is too cheap about the lock of its file, in a line for people; None: nothing."""

    @property
    def key_id(self) -> str:
        """The short name of the key, as in every envelope that it signs."""
        return self.verifier.key_id

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the bare signature over a message that no envelope could be taken for."""
        if message.startswith(b"DSSE"):
            raise ValueError("what is signed in an envelope is not signed without one")
        return self._key.sign(message)

    def sign(self, payload_type: str, payload: bytes) -> SignedEnvelope:
        """Return a DSSE envelope with one signature; equal arguments give equal envelopes."""
        signature = self._key.sign(pre_authentication_encoding(payload_type, payload))
        return {
            "payload": base64.b64encode(payload).decode("ascii"),
            "payloadType": payload_type,
            "signatures": [
                {"keyid": self.key_id, "sig": base64.b64encode(signature).decode("ascii")}
            ],
        }


def new_report_key(
    folder: Path, name: str, passphrase: bytes | None, until: str | None = None
) -> tuple[Path, Path]:
    """Make a key pair and return the paths `<name>.key` (mode 0600) and `<name>.pub`.

    `until` (YYYY-MM-DD) is written into the public key's file as the last day of its use; every
    PEM reader skips that line, and verifiers of evidence obey it.
    Nothing is ever overwritten. When the second file cannot be made, the first is taken back.

    Raises:
        KeyUnavailable: the name is no plain file name, the passphrase is empty, or a file of
            that name exists or cannot be written.
        NoSpace: the disk is full.
    """
    if not _NAME.fullmatch(name):
        raise KeyUnavailable("a key name has letters, digits, dots, dashes and underscores only")
    if until is not None and not _DAY.fullmatch(until):
        raise KeyUnavailable("the last day of a key is written as YYYY-MM-DD")
    if passphrase == b"":
        raise KeyUnavailable("the passphrase is empty", hint="give one, or none at all")
    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(private, _pem(key, passphrase))
        try:
            write_whole(public, _public_pem(key.public_key(), until), mode=0o644)
        except BaseException:
            private.unlink()
            raise
    except FileExistsError as error:
        raise KeyUnavailable(
            f"{error.filename}: exists already and is not overwritten",
            hint="choose another name, or move the old key away",
        ) from None
    except OSError as error:
        raise _unwritten(folder, "key pair cannot be written", error) from None
    return private, public


def load_signer(path: Path, passphrase: bytes | None) -> Signer:
    """Open a private key; one without a passphrase must be closed to group and others.

    The file of a public key stands for its private half in the SSH agent.

    Raises:
        KeyUnavailable: missing, unreadable, too open, not an Ed25519 key in PEM, the passphrase is
            missing or wrong, or the agent does not hold it.
    """
    pem, mode, is_open = _read(path)
    if b"PRIVATE KEY" not in pem:
        try:
            verifier = _verifier(path, pem)
            return Signer(verifier, agent_key(verifier.public))
        except KeyUnavailable as error:
            raise KeyUnavailable(f"{path}: {_bare(error, path)}", hint=error.hint) from None
    is_protected = b"BEGIN ENCRYPTED PRIVATE KEY" in pem
    if not is_protected and is_open:
        raise KeyUnavailable(
            f"{path}: private key without a passphrase is open to others (mode {mode:04o})",
            hint="chmod 600 the file, and replace the key if others may have read it",
        )
    if is_protected and not passphrase:
        raise KeyUnavailable(
            f"{path}: the private key needs its passphrase",
            hint="say where it stands, env:NAME or file:PATH: with --passphrase-from, or in the"
            " plan beside the key",
        )
    lock = lock_of(pem) if is_protected else None
    if lock is not None and not lock.bearable:
        raise KeyUnavailable(
            f"{path}: opening it could take for ever: it is locked by {lock.description}",
            hint="have whoever locked it lock it anew, or make another key",
        )
    try:
        key = load_pem_private_key(pem, passphrase if is_protected else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        what = "the passphrase is wrong, or it" if is_protected else "the file"
        raise KeyUnavailable(
            f"{path}: {what} is not a private key in PEM (PKCS8)", hint=_MADE_BY
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnavailable(f"{path}: not an Ed25519 key", hint=_MADE_BY)
    weakness = None
    if lock is not None and not lock.strong:
        weakness = (
            f"private key {path} is locked too cheaply ({lock.description});"
            f' "hdh-migrate keys relock {path}" locks it anew'
        )
    return Signer(verifier_of(key.public_key()), key, weakness)


def relock(path: Path, old: bytes | None, new: bytes) -> None:
    """Lock a private key's file anew, by another passphrase or the same; all of it or nothing.

    Raises:
        KeyUnavailable: it cannot be opened, or not be replaced; it is as it was.
    """
    signer = load_signer(path, old)
    if not isinstance(signer._key, Ed25519PrivateKey):  # noqa: SLF001 - the module's own
        raise KeyUnavailable(f"{path}: a public key has no lock; its private half is in the agent")
    try:
        write_whole(path, _pem(signer._key, new), replace=True)  # noqa: SLF001 - the module's own
    except OSError as error:
        raise _unwritten(path, "cannot be replaced", error) from None


def import_public(ssh: Path, folder: Path, name: str, until: str | None = None) -> Path:
    """Write an OpenSSH public key as `<name>.pub` in PEM, which plans and verifiers read.

    Raises:
        KeyUnavailable: it is no ssh-ed25519 key, or the file exists or cannot be written.
    """
    if not _NAME.fullmatch(name) or (until is not None and not _DAY.fullmatch(until)):
        raise KeyUnavailable("a name has letters, digits, dots and dashes; a day is YYYY-MM-DD")
    content, _, _ = _read(ssh)
    key = public_of(content)
    if key is None:
        raise KeyUnavailable(f"{ssh}: no OpenSSH public key", hint="give the .pub file")
    verifier_of(key)
    public = folder / f"{name}.pub"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(public, _public_pem(key, until), mode=0o644)
    except OSError as error:
        raise _unwritten(public, "cannot be written", error) from None
    return public


def write_public(key: TrustedKey, path: Path) -> None:
    """Write a public key's file in PEM, without a last day; nothing is ever overwritten.

    Raises:
        KeyUnavailable: the file exists already, or cannot be written.
    """
    try:
        write_whole(path, _public_pem(key.public, None), mode=0o644)
    except OSError as error:
        raise _unwritten(path, "cannot be written", error) from None


def _unwritten(path: Path, what: str, error: OSError) -> MigrateError:
    if error.errno in FULL:
        return no_room(path)
    return KeyUnavailable(f"{path}: {what}: {error.strerror}")


def load_trusted_key(path: Path) -> TrustedKey:
    """Open a public key.

    Raises:
        KeyUnavailable: missing, unreadable, or not an Ed25519 public key in PEM.
    """
    pem, _, _ = _read(path)
    return _verifier(path, pem)


def public_half(path: Path, passphrase: Callable[[], bytes | None]) -> TrustedKey:
    """Return whose signatures a signer's file makes; only a private key needs its passphrase.

    Raises:
        KeyUnavailable: as `load_signer` and `load_trusted_key`.
    """
    pem, _, _ = _read(path)
    if b"PRIVATE KEY" not in pem:
        return _verifier(path, pem)
    # To open a locked key takes a second and 64 MiB; whose it is does not change with its bytes.
    locked = hashlib.sha256(pem).digest() if b"BEGIN ENCRYPTED PRIVATE KEY" in pem else None
    if locked in _HALVES:
        return _HALVES[locked]
    found = load_signer(path, passphrase()).verifier
    if locked is not None and _read(path)[0] == pem:
        _HALVES[locked] = found
    return found


_HALVES: dict[bytes | None, TrustedKey] = {}
"""The public halves of locked keys that were opened once, by the digest of their files."""


def signs_until(path: Path) -> str | None:
    """Return until which day signatures of a signer's file count, None if nothing says so.

    Of a private key it stands in the public key's file beside it, where that is.

    Raises:
        KeyUnavailable: as `load_trusted_key`.
    """
    pem, _, _ = _read(path)
    public = path.with_suffix(".pub") if b"PRIVATE KEY" in pem else path
    return load_trusted_key(public).until if public.is_file() else None


def _verifier(path: Path, pem: bytes) -> TrustedKey:
    if b"PRIVATE KEY" in pem:
        raise KeyUnavailable(
            f"{path}: this is a private key",
            hint="give the public one, the .pub beside it; and replace this one if others saw it",
        )
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnavailable(f"{path}: not a public key in PEM", hint=_MADE_BY) from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnavailable(f"{path}: not an Ed25519 key", hint=_MADE_BY)
    try:
        return verifier_of(key, last_day(pem))
    except ValueError as error:
        raise KeyUnavailable(f"{path}: {error}") from None


def verifier_of(key: Ed25519PublicKey, until: str | None = None) -> TrustedKey:
    """Name a public key: the id is "ed25519:" and 16 hexadecimal digits of its fingerprint.

    Raises:
        KeyUnavailable: under this key one signature could hold for any statement.
    """
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    if is_weak(raw):
        raise KeyUnavailable(
            "not an honest Ed25519 key: one signature of it could hold for any statement",
            hint="ask whoever gave it to you for another key, and for the reason",
        )
    fingerprint = hashlib.sha256(raw).hexdigest()
    return TrustedKey(f"ed25519:{fingerprint[:16]}", fingerprint, key, until)


def _pem(key: Ed25519PrivateKey, passphrase: bytes | None) -> bytes:
    if not passphrase:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return locked(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), passphrase)


def _public_pem(key: Ed25519PublicKey, until: str | None) -> bytes:
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem if until is None else f"{VALID_UNTIL}: {until}\n".encode() + pem


def _bare(error: KeyUnavailable, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")


def _read(path: Path) -> tuple[bytes, int, bool]:
    """Return a key file's bytes, permission bits, and whether others may read it.

    All of the one file that was opened.
    """
    seen: list[tuple[int, bool]] = []

    def look(handle: int) -> None:
        seen.append((stat.S_IMODE(os.fstat(handle).st_mode), open_to_others(handle)))

    try:
        data = read_bounded(path, _MAX_KEY_FILE, look)
    except OSError as error:
        raise KeyFileUnreadable(path, error) from None
    if len(data) > _MAX_KEY_FILE:
        raise KeyUnavailable(f"{path}: too large for a key file", hint=_MADE_BY)
    return data, *seen[0]
