"""What the sealing tests share: keys, whole objects, and the reference package as an oracle."""

import base64
import io
import os
from collections.abc import Iterable
from pathlib import Path

from crypt4gh import header as reference_header
from crypt4gh import lib as reference
from crypt4gh.keys import c4gh as reference_keys
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.model import SEGMENT
from hdh_migrate.sealing.crypt4gh import SEALED_SEGMENT, Crypt4ghEnvelopes, sealed_size
from hdh_migrate.sealing.keys import PrivateKey, PublicKey
from hdh_migrate.sealing.segment_envelope import Crypt4ghEnvelope


def identity() -> PrivateKey:
    return PrivateKey(os.urandom(32), protected=False)


STEWARD, ESCROW, THIRD, STRANGER = (identity() for _ in range(4))


def envelopes(
    *recipients: PrivateKey, opener: PrivateKey | None = None, reader: bool = True
) -> Crypt4ghEnvelopes:
    keys: list[PublicKey] = [key.public for key in recipients or (STEWARD,)]
    own = opener or (recipients or (STEWARD,))[0]
    return Crypt4ghEnvelopes(keys, own if reader else None)


def body(envelope: Crypt4ghEnvelope, plain: bytes, *, segments_per_part: int = 0) -> bytes:
    """Seal a whole object, at once or in parts of some segments each."""
    step = segments_per_part * SEGMENT or max(len(plain), 1)
    out = bytearray()
    for start in range(0, len(plain), step):
        part = plain[start : start + step]
        room = bytearray(sealed_size(len(part), 0))
        written = envelope.seal_into(
            memoryview(part),
            start // SEGMENT,
            final=start + step >= len(plain),
            out=memoryview(room),
        )
        assert written == len(room)
        out += room
    return bytes(out)


def stored(envelope: Crypt4ghEnvelope, plain: bytes) -> bytes:
    return envelope.header + body(envelope, plain)


def pieces(sealed: bytes) -> list[bytes]:
    """Cut a body into its segments."""
    return [
        sealed[start : start + SEALED_SEGMENT] for start in range(0, len(sealed), SEALED_SEGMENT)
    ]


def unseal(
    opener: Crypt4ghEnvelopes,
    chunks: bytes | Iterable[bytes],
    size: int,
    *,
    header: bytes | None = None,
) -> bytes:
    """Read strictly; what comes out was closed without a complaint."""
    out = bytearray()
    unsealer = opener.unsealer(size=size, write=out.extend, header=header)
    for chunk in (chunks,) if isinstance(chunks, bytes) else chunks:
        unsealer.write(chunk)
    unsealer.close()
    return bytes(out)


def reference_opens(sealed: bytes, key: PrivateKey) -> bytes:
    out = io.BytesIO()
    reference.decrypt([(0, key.raw, None)], io.BytesIO(sealed), out)
    return out.getvalue()


def reference_seals(plain: bytes, *recipients: PrivateKey) -> bytes:
    out = io.BytesIO()
    writer = os.urandom(32)
    reference.encrypt([(0, writer, key.public.raw) for key in recipients], io.BytesIO(plain), out)
    return out.getvalue()


def header_of(contents: Iterable[bytes], *recipients: PrivateKey) -> bytes:
    """Make a header with the reference from any packet contents."""
    keys = [(0, os.urandom(32), key.public.raw) for key in recipients]
    packets = [p for content in contents for p in reference_header.encrypt(content, keys)]
    return bytes(reference_header.serialize(packets))


def reference_pair(folder: Path, passphrase: str | None) -> tuple[Path, Path]:
    """Make a key pair with crypt4gh-keygen's own function; return (public, private)."""
    public, private = folder / "made.pub", folder / "made.sec"
    secret = None if passphrase is None else passphrase.encode()
    reference_keys.generate(private, public, secret, b"a comment")
    return public, private


def locked_blob(kdf: bytes, raw: bytes, passphrase: str) -> bytes:
    """Lock a key with the reference's functions under a function that it reads but never picks."""
    salt_size, rounds = reference_keys.get_kdf(kdf)
    salt, nonce = os.urandom(salt_size), os.urandom(12)
    key = reference_keys.derive_key(kdf, passphrase.encode(), salt, rounds)
    options = rounds.to_bytes(4, "big") + salt
    locked = nonce + ChaCha20Poly1305(key).encrypt(nonce, raw, None)
    return blob(kdf, options, b"chacha20_poly1305", locked)


def blob(*fields: bytes) -> bytes:
    return b"c4gh-v1" + b"".join(map(reference_keys.encode_string, fields))


def key_file(path: Path, content: bytes, *, label: str = "CRYPT4GH PRIVATE KEY") -> Path:
    text = base64.b64encode(content).decode()
    path.write_text(f"-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    path.chmod(0o600)
    return path
