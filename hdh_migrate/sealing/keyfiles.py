"""Files of private and public keys: read with suspicion, written once, never overwritten.

Two forms share one layout: that of Crypt4GH, which `crypt4gh-keygen` reads too, and that of hybrid
keys (docs/header-packs.md). Messages name the file and the cause, never a byte of content.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shlex
import stat
from pathlib import Path
from typing import Final

import bcrypt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.errors import KeyUnavailable, MigrateError, UsageError
from hdh_migrate.folders import FULL, no_room, open_to_others, write_whole
from hdh_migrate.frozen import frozen_row
from hdh_migrate.plan.files import KeyFileUnreadable

KEY_FILE_MAX: Final = 64 << 10
"""Bytes; a key file has some two hundred, a hybrid public one less than two thousand."""

SECRET: Final = 32
"""Bytes of the secret in a private key's file, whatever its form."""

_NONCE: Final = 12
_SALT: Final = 16
_SALT_MAX: Final = 1024
_LOCKED_KEY: Final = _NONCE + SECRET + 16

# The rounds stand in the file, and the file may be hostile: these caps end within some seconds.
# (scrypt has no rounds field that anybody reads; its cost is fixed by the format.)
_BCRYPT_MAX: Final = 1_000
_PBKDF2_MAX: Final = 10_000_000

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@frozen_row
class KeyFileForm:
    """How the files of one kind of keys begin, and what people call it."""

    name: str
    magic: bytes
    """How a private key's file begins under its armour."""
    public: str
    """The label of a public key's armour."""
    private: tuple[str, ...]
    """Labels of a private key's; the first one is written."""
    public_size: int
    """Bytes of a public key."""
    made_by: str
    """How people get such a pair."""
    wanted_by: str
    """What asks for keys of this form."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label of this form."""
        return (self.public, *self.private)


CRYPT4GH: Final = KeyFileForm(
    name="Crypt4GH",
    magic=b"c4gh-v1",
    public="CRYPT4GH PUBLIC KEY",
    # The last is what some other tools write.
    private=("CRYPT4GH PRIVATE KEY", "CRYPT4GH ENCRYPTED PRIVATE KEY"),
    public_size=32,
    made_by='make a pair with "hdh-migrate keys new NAME" or crypt4gh-keygen',
    wanted_by="headers that stand in front of their objects are sealed for Crypt4GH keys",
)
HYBRID: Final = KeyFileForm(
    name="hybrid",
    magic=b"hdhx-v1",
    public="HDH HYBRID PUBLIC KEY",
    private=("HDH HYBRID PRIVATE KEY",),
    public_size=1216,
    made_by='make a pair with "hdh-migrate keys new NAME --purpose seal-hybrid"',
    wanted_by="detached headers are sealed for hybrid keys",
)
FORMS: Final = (CRYPT4GH, HYBRID)


def read_public(form: KeyFileForm, path: Path) -> bytes:
    """Return the bytes of a public key; whether they are an honest one is the caller's to ask.

    Raises:
        KeyUnavailable: there is no such file, or it is no public key of this form.
    """
    content, _, _ = _read(form, path)
    label, raw = _unarmoured(form, path, content)
    if label != form.public:
        raise KeyUnavailable(
            f"{path}: this is a private key where a public one is expected",
            hint="name the .pub file here; senders need no private key",
        )
    if len(raw) != form.public_size:
        raise _not_a_key(form, path)
    return raw


def read_private(form: KeyFileForm, path: Path, passphrase: str | None) -> tuple[bytes, bool]:
    """Return the secret of a private key's file, and whether a passphrase locks it.

    `passphrase` is used only when one does.

    Raises:
        KeyUnavailable: there is no such file, it is no private key of this form, its passphrase
            is missing or wrong, or it has no passphrase and others may read it.
    """
    content, mode, is_open = _read(form, path)
    label, blob = _unarmoured(form, path, content)
    if label == form.public:
        raise KeyUnavailable(
            f"{path}: this is a public key where a private one is expected",
            hint="name the .sec file here",
        )
    locked = _LockedKey.parse(form, path, blob)
    if locked.cipher == b"none":
        if is_open:
            raise _open_key(path, mode)
        return locked.body, False
    return locked.unlock(path, passphrase), True


def demand_names(folder: Path, name: str, passphrase: str | None) -> tuple[Path, Path]:
    """Return the paths of a new pair, public and private, if it may be written there.

    Raises:
        UsageError: the name is not usable for a file, or the passphrase is empty.
        KeyUnavailable: one of the files exists already.
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
    return public, private


def write_pair(
    form: KeyFileForm, paths: tuple[Path, Path], pair: tuple[bytes, bytes], passphrase: str | None
) -> None:
    """Write a new pair, public and secret half, under its paths (0644 and 0600).

    Nothing is ever overwritten. Without a passphrase the file mode is all that guards the key.

    Raises:
        KeyUnavailable: one of the files exists already, or cannot be written.
    """
    (public, private), (raw, secret) = paths, pair
    blob = _locked_blob(form, secret, passphrase)
    _create(private, _armoured(form.private[0], blob), mode=0o600)
    try:
        _create(public, _armoured(form.public, raw), mode=0o644)
    except BaseException:
        private.unlink(missing_ok=True)  # nobody can have sealed anything for it yet
        raise


def write_public(form: KeyFileForm, path: Path, raw: bytes) -> None:
    """Write a public key's file (0644); nothing is ever overwritten.

    Raises:
        KeyUnavailable: the file exists already, or cannot be written.
    """
    _create(path, _armoured(form.public, raw), mode=0o644)


def relock_file(form: KeyFileForm, path: Path, old: str | None, new: str) -> None:
    """Lock a private key's file anew, by another passphrase or the same; all of it or nothing.

    Raises:
        KeyUnavailable: it cannot be opened, or not be replaced; it is as it was.
    """
    secret, _ = read_private(form, path, old)
    try:
        write_whole(path, _armoured(form.private[0], _locked_blob(form, secret, new)), replace=True)
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
    def parse(cls, form: KeyFileForm, path: Path, blob: bytes) -> _LockedKey:
        """Cut the blob into its fields and hold them against the caps."""
        if not blob.startswith(form.magic):
            raise _not_a_key(form, path)
        rest = blob[len(form.magic) :]
        options = b""
        kdf, rest = _field(form, path, rest)
        if kdf != b"none":
            options, rest = _field(form, path, rest)
        cipher, rest = _field(form, path, rest)
        body, _comment = _field(form, path, rest)
        parsed = cls(kdf, int.from_bytes(options[:4], "big"), options[4:], cipher, body)
        if not parsed._plausible():
            raise KeyUnavailable(
                f"{path}: this private key is damaged, or locked in a way that is not supported",
                hint='make the file anew with "crypt4gh-keygen --relock", or restore a copy of it',
            )
        return parsed

    def _plausible(self) -> bool:
        if self.cipher == b"none":
            return len(self.body) == SECRET
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
        return hashlib.scrypt(secret, salt=salt, n=1 << 14, r=8, p=1, dklen=SECRET)
    if kdf == b"bcrypt":
        # The rounds are the file's choice: a warning about few of them helps nobody here.
        return bcrypt.kdf(secret, salt, SECRET, rounds, ignore_few_rounds=True)
    return hashlib.pbkdf2_hmac("sha256", secret, salt, rounds, dklen=SECRET)


def _locked_blob(form: KeyFileForm, raw: bytes, passphrase: str | None) -> bytes:
    if passphrase is None:
        return form.magic + _string(b"none") + _string(b"none") + _string(raw)
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    locked = ChaCha20Poly1305(_derive(b"scrypt", passphrase, salt, 0)).encrypt(nonce, raw, None)
    return (
        form.magic
        + _string(b"scrypt")
        + _string(bytes(4) + salt)  # four zero bytes where other functions have their rounds
        + _string(b"chacha20_poly1305")
        + _string(nonce + locked)
    )


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def _field(form: KeyFileForm, path: Path, rest: bytes) -> tuple[bytes, bytes]:
    end = 2 + int.from_bytes(rest[:2], "big")
    if len(rest) < max(2, end):
        raise _not_a_key(form, path)
    return rest[2:end], rest[end:]


def _armoured(label: str, blob: bytes) -> bytes:
    body = base64.b64encode(blob).decode()
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode()


def _unarmoured(form: KeyFileForm, path: Path, content: bytes) -> tuple[str, bytes]:
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    for label in form.labels:
        if len(lines) > 2 and [lines[0], lines[-1]] == _frame(label):
            try:
                return label, base64.b64decode(b"".join(lines[1:-1]), validate=True)
            except ValueError:
                break
    for other in FORMS:
        if other != form and lines and lines[0] in [_frame(label)[0] for label in other.labels]:
            raise KeyUnavailable(
                f"{path}: this is a {other.name} key where a {form.name} key is expected",
                hint=f"{form.wanted_by}; {form.made_by}",
            )
    raise _not_a_key(form, path)


def _frame(label: str) -> list[bytes]:
    return [f"-----BEGIN {label}-----".encode(), f"-----END {label}-----".encode()]


# --- files ---------------------------------------------------------------------------------


def _read(form: KeyFileForm, path: Path) -> tuple[bytes, int, bool]:
    """Return content and mode of a small regular file, and whether others may read it.

    All of the same open file.
    """
    try:
        # Non-blocking, so that a pipe in a key's place is refused instead of waited for.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(fd).st_mode
            if not stat.S_ISREG(mode):
                raise KeyFileUnreadable(path, "it is not a regular file")
            is_open, content = open_to_others(fd), b""
            while len(content) <= KEY_FILE_MAX and (more := os.read(fd, KEY_FILE_MAX + 1)):
                content += more
        finally:
            os.close(fd)
    except OSError as error:
        raise KeyFileUnreadable(path, error) from None
    except ValueError:
        raise KeyFileUnreadable(path, "the path holds a null byte") from None
    if len(content) > KEY_FILE_MAX:
        raise _not_a_key(form, path)
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
        write_whole(path, content, mode=mode)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise _unwritable(path, error) from None


def _not_a_key(form: KeyFileForm, path: Path) -> KeyUnavailable:
    return KeyUnavailable(f"{path}: this is not a {form.name} key file", hint=form.made_by)


def _exists(path: Path) -> KeyUnavailable:
    return KeyUnavailable(
        f"{path}: there is a file already, and keys are never overwritten",
        hint="choose another name; what was sealed for a lost key cannot be opened again",
    )


def _unwritable(path: Path, error: OSError) -> MigrateError:
    if error.errno in FULL:
        return no_room(path)
    reason = (error.strerror or "unknown reason").lower()
    return KeyUnavailable(
        f"{path}: the key file cannot be written: {reason}",
        hint="check that the folder exists, has room and may be written to",
    )
