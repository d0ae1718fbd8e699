"""Crypt4GH key files: read with suspicion, written once, interchangeable with `crypt4gh-keygen`.

A private key leaves this module only inside `PrivateKey`, whose text forms show its public
fingerprint and never the key. Messages name the file and the cause, never a byte of content.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shlex
import stat
from pathlib import Path
from typing import Final, NoReturn, Self

import bcrypt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.errors import KeyUnavailable, UsageError
from hdh_migrate.folders import open_to_others, whole
from hdh_migrate.frozen import frozen_row

KEY_FILE_MAX: Final = 64 << 10
"""Bytes; a key file has some two hundred."""

_KEY: Final = 32
_PRIME: Final = 2**255 - 19
_NONCE: Final = 12
_SALT: Final = 16
_SALT_MAX: Final = 1024
_LOCKED_KEY: Final = _NONCE + _KEY + 16

# The rounds stand in the file, and the file may be hostile: these caps end within some seconds.
# (scrypt has no rounds field that anybody reads; its cost is fixed by the format.)
_BCRYPT_MAX: Final = 1_000
_PBKDF2_MAX: Final = 10_000_000

_MAGIC: Final = b"c4gh-v1"
_PUBLIC: Final = "CRYPT4GH PUBLIC KEY"
_PRIVATE: Final = "CRYPT4GH PRIVATE KEY"
_PRIVATE_TOO: Final = "CRYPT4GH ENCRYPTED PRIVATE KEY"  # what some other tools write
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@frozen_row
class PublicKey:
    """One recipient's X25519 public key."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != _KEY:
            raise ValueError("a public key has 32 bytes")

    @property
    def fingerprint(self) -> str:
        """Short text that names the key in logs, reports and messages; stable for ever."""
        return "c4gh:" + hashlib.sha256(self.raw).hexdigest()[:16]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a public key file.

        Raises:
            KeyUnavailable: there is no such file, or it is no Crypt4GH public key.
        """
        content, _, _ = _read(path)
        label, raw = _unarmoured(path, content)
        if label != _PUBLIC:
            raise KeyUnavailable(
                f"{path}: this is a private key where a public one is expected",
                hint="name the .pub file here; senders need no private key",
            )
        if len(raw) != _KEY:
            raise _not_a_key(path)
        if not is_honest(raw):
            raise KeyUnavailable(
                f"{path}: this is no honest public key: others could open what is sealed for it,"
                " or it is another key written differently",
                hint="ask its owner for the file that the key pair was made with",
            )
        return cls(raw)


def is_honest(raw: bytes) -> bool:
    """Return whether 32 bytes are the one spelling (RFC 7748) of a point of large order.

    With a point of small order every sender shares the same secret, which anybody can compute;
    a number beyond the prime, or with its top bit set, is another recipient's point in disguise.
    """
    if int.from_bytes(raw, "little") >= _PRIME:
        return False
    try:
        X25519PrivateKey.from_private_bytes(b"\1" * _KEY).exchange(
            X25519PublicKey.from_public_bytes(raw)
        )
    except ValueError:  # the shared secret would be zero
        return False
    return True


class PrivateKey:
    """The identity that opens envelopes. `raw` is the secret; nothing else shows it."""

    __slots__ = ("protected", "raw")

    def __init__(self, raw: bytes, *, protected: bool) -> None:
        if len(raw) != _KEY:
            raise ValueError("a private key has 32 bytes")
        self.raw = raw
        self.protected = protected
        """The file that it came from is locked by a passphrase."""

    def __repr__(self) -> str:
        return f"PrivateKey(of {self.public.fingerprint}, protected={self.protected})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key does not travel: pass the reference to its file")

    @property
    def public(self) -> PublicKey:
        """The public key that belongs to it."""
        return PublicKey(
            X25519PrivateKey.from_private_bytes(self.raw).public_key().public_bytes_raw()
        )

    @classmethod
    def load(cls, path: Path, passphrase: str | None) -> Self:
        """Read a private key file; `passphrase` is used only when the file is locked by one.

        Raises:
            KeyUnavailable: there is no such file, it is no Crypt4GH private key, its passphrase
                is missing or wrong, or it has no passphrase and others may read it.
        """
        content, mode, is_open = _read(path)
        label, blob = _unarmoured(path, content)
        if label == _PUBLIC:
            raise KeyUnavailable(
                f"{path}: this is a public key where a private one is expected",
                hint="name the .sec file here",
            )
        locked = _LockedKey.parse(path, blob)
        if locked.cipher == b"none":
            if is_open:
                raise _open_key(path, mode)
            return cls(locked.body, protected=False)
        return cls(locked.unlock(path, passphrase), protected=True)


def new_pair(folder: Path, name: str, *, passphrase: str | None) -> tuple[Path, Path]:
    """Make a key pair and write NAME.pub (0644) and NAME.sec (0600); return the two paths.

    Nothing is ever overwritten. Without a passphrase the file mode is all that guards the key.

    Raises:
        UsageError: the name is not usable for a file, or the passphrase is empty.
        KeyUnavailable: one of the files exists already, or cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            "a key name has letters, digits, dots, dashes and underscores, and begins with "
            "a letter or digit"
        )
    if passphrase is not None and not passphrase:
        raise UsageError("the passphrase is empty", hint="give one, or ask for none explicitly")
    public, private = folder / f"{name}.pub", folder / f"{name}.sec"
    for path in (public, private):
        if os.path.lexists(path):
            raise _exists(path)
    key = PrivateKey(os.urandom(_KEY), protected=passphrase is not None)
    _create(private, _armoured(_PRIVATE, _locked_blob(key.raw, passphrase)), mode=0o600)
    try:
        _create(public, _armoured(_PUBLIC, key.public.raw), mode=0o644)
    except BaseException:
        private.unlink(missing_ok=True)  # nobody can have sealed anything for it yet
        raise
    return public, private


def relock(path: Path, old: str | None, new: str) -> None:
    """Lock a private key's file anew, by another passphrase or the same; all of it or nothing.

    Raises:
        KeyUnavailable: it cannot be opened, or not be replaced; it is as it was.
    """
    key = PrivateKey.load(path, old)
    try:
        whole(path, _armoured(_PRIVATE, _locked_blob(key.raw, new)), replace=True)
    except OSError as error:
        raise _unwritable(path, error) from None


# --- the format ----------------------------------------------------------------------------


@frozen_row
class _LockedKey:
    """A private key file's fields, before any of them is believed."""

    kdf: bytes
    rounds: int
    salt: bytes
    cipher: bytes
    body: bytes

    @classmethod
    def parse(cls, path: Path, blob: bytes) -> _LockedKey:
        """Cut the blob into its fields and hold them against the caps."""
        if not blob.startswith(_MAGIC):
            raise _not_a_key(path)
        rest = blob[len(_MAGIC) :]
        options = b""
        kdf, rest = _field(path, rest)
        if kdf != b"none":
            options, rest = _field(path, rest)
        cipher, rest = _field(path, rest)
        body, _comment = _field(path, rest)
        parsed = cls(kdf, int.from_bytes(options[:4], "big"), options[4:], cipher, body)
        if not parsed._plausible():
            raise KeyUnavailable(
                f"{path}: this private key is damaged, or locked in a way that is not supported",
                hint='make the file anew with "crypt4gh-keygen --relock", or restore a copy of it',
            )
        return parsed

    def _plausible(self) -> bool:
        if self.cipher == b"none":
            return len(self.body) == _KEY
        if self.cipher != b"chacha20_poly1305" or len(self.body) != _LOCKED_KEY:
            return False
        if not 0 < len(self.salt) <= _SALT_MAX:
            return False
        caps = {b"scrypt": None, b"bcrypt": _BCRYPT_MAX, b"pbkdf2_hmac_sha256": _PBKDF2_MAX}
        if self.kdf not in caps:
            return False
        cap = caps[self.kdf]
        return cap is None or 1 <= self.rounds <= cap

    def unlock(self, path: Path, passphrase: str | None) -> bytes:
        if not passphrase:
            raise KeyUnavailable(
                f"{path}: this private key is locked and no passphrase is given",
                hint="name the passphrase in the plan as env:NAME or file:PATH",
            )
        key = _derive(self.kdf, passphrase, self.salt, self.rounds)
        try:
            return ChaCha20Poly1305(key).decrypt(self.body[:_NONCE], self.body[_NONCE:], None)
        except InvalidTag:
            raise KeyUnavailable(
                f"{path}: the passphrase does not open this private key",
                hint="check the passphrase's reference in the plan; a trailing space counts",
            ) from None


def _derive(kdf: bytes, passphrase: str, salt: bytes, rounds: int) -> bytes:
    secret = passphrase.encode("utf-8", "surrogateescape")  # an environment variable is any bytes
    if kdf == b"scrypt":
        return hashlib.scrypt(secret, salt=salt, n=1 << 14, r=8, p=1, dklen=_KEY)
    if kdf == b"bcrypt":
        # The rounds are the file's choice: a warning about few of them helps nobody here.
        return bcrypt.kdf(secret, salt, _KEY, rounds, ignore_few_rounds=True)
    return hashlib.pbkdf2_hmac("sha256", secret, salt, rounds, dklen=_KEY)


def _locked_blob(raw: bytes, passphrase: str | None) -> bytes:
    if passphrase is None:
        return _MAGIC + _string(b"none") + _string(b"none") + _string(raw)
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    locked = ChaCha20Poly1305(_derive(b"scrypt", passphrase, salt, 0)).encrypt(nonce, raw, None)
    return (
        _MAGIC
        + _string(b"scrypt")
        + _string(bytes(4) + salt)  # four zero bytes where other functions have their rounds
        + _string(b"chacha20_poly1305")
        + _string(nonce + locked)
    )


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def _field(path: Path, rest: bytes) -> tuple[bytes, bytes]:
    end = 2 + int.from_bytes(rest[:2], "big")
    if len(rest) < max(2, end):
        raise _not_a_key(path)
    return rest[2:end], rest[end:]


def _armoured(label: str, blob: bytes) -> bytes:
    body = base64.b64encode(blob).decode()
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode()


def _unarmoured(path: Path, content: bytes) -> tuple[str, bytes]:
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    for label in (_PUBLIC, _PRIVATE, _PRIVATE_TOO):
        frame = [f"-----BEGIN {label}-----".encode(), f"-----END {label}-----".encode()]
        if len(lines) > 2 and [lines[0], lines[-1]] == frame:
            try:
                return label, base64.b64decode(b"".join(lines[1:-1]), validate=True)
            except ValueError:
                break
    raise _not_a_key(path)


# --- files ---------------------------------------------------------------------------------


def _read(path: Path) -> tuple[bytes, int, bool]:
    """Return content and mode of a small regular file, and whether others may read it.

    All of the same open file.
    """
    try:
        # Non-blocking, so that a pipe in a key's place is refused instead of waited for.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(fd).st_mode
            if not stat.S_ISREG(mode):
                raise _unreadable(path, "it is not a regular file")
            is_open, content = open_to_others(fd), b""
            while len(content) <= KEY_FILE_MAX and (more := os.read(fd, KEY_FILE_MAX + 1)):
                content += more
        finally:
            os.close(fd)
    except OSError as error:
        raise _unreadable(path, (error.strerror or "unknown reason").lower()) from None
    except ValueError:
        raise _unreadable(path, "the path holds a null byte") from None
    if len(content) > KEY_FILE_MAX:
        raise _not_a_key(path)
    return content, mode, is_open


def _open_key(path: Path, mode: int) -> KeyUnavailable:
    return KeyUnavailable(
        f"{path}: this private key has no passphrase and its file is open to others "
        f"(mode {stat.S_IMODE(mode):04o})",
        hint=f"run: chmod 600 {shlex.quote(str(path))}",
    )


def _create(path: Path, content: bytes, *, mode: int) -> None:
    """Write a new file that survives a power cut, or nothing."""
    try:
        whole(path, content, mode=mode)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise _unwritable(path, error) from None


def _unreadable(path: Path, reason: str) -> KeyUnavailable:
    return KeyUnavailable(
        f"{path}: the key file cannot be read: {reason}",
        hint="check the path, which is relative to the plan, and who may read it",
    )


def _not_a_key(path: Path) -> KeyUnavailable:
    return KeyUnavailable(
        f"{path}: this is not a Crypt4GH key file",
        hint='make a pair with "hdh-migrate keys new" or crypt4gh-keygen',
    )


def _exists(path: Path) -> KeyUnavailable:
    return KeyUnavailable(
        f"{path}: there is a file already, and keys are never overwritten",
        hint="choose another name; what was sealed for a lost key cannot be opened again",
    )


def _unwritable(path: Path, error: OSError) -> KeyUnavailable:
    reason = (error.strerror or "unknown reason").lower()
    return KeyUnavailable(
        f"{path}: the key file cannot be written: {reason}",
        hint="check that the folder exists, has room and may be written to",
    )
