"""Say what a key file is, whichever kind of key it holds."""

from __future__ import annotations

from pathlib import Path

from hdh_migrate.errors import KeyUnavailable

_HEAD_BYTES = 64


def describe(path: Path, passphrase: str | None) -> dict[str, str]:
    """Return kind, fingerprint and protection of a key file; never the key.

    Raises:
        KeyUnavailable: it is not a key file, or cannot be opened.
    """
    from hdh_migrate.evidence.signing import load_signer, load_verifier
    from hdh_migrate.plan.files import read_bounded
    from hdh_migrate.sealing.keys import PrivateKey, PublicKey

    try:
        head = read_bounded(path, _HEAD_BYTES)
    except OSError as error:
        raise KeyUnavailable(f"{path}: {error.strerror or error}") from error
    if b"CRYPT4GH PUBLIC" in head:
        return {"kind": "crypt4gh public key", "fingerprint": PublicKey.load(path).fingerprint}
    if b"CRYPT4GH" in head:
        private = PrivateKey.load(path, passphrase)
        return {
            "kind": "crypt4gh private key",
            "fingerprint": private.public.fingerprint,
            "passphrase": "yes" if private.protected else "no",
        }
    if b"PUBLIC KEY" in head:
        return {"kind": "ed25519 public key", "fingerprint": load_verifier(path).key_id}
    signer = load_signer(path, passphrase.encode() if passphrase else None)
    told = {"kind": "ed25519 private key", "fingerprint": signer.key_id}
    return told if signer.weakness is None else {**told, "warning": signer.weakness}


def relock(path: Path, old: str | None, new: str) -> None:
    """Lock a private key's file anew, whichever kind of key it holds.

    Raises:
        KeyUnavailable: it is none, cannot be opened, or not be replaced; it is as it was.
    """
    from hdh_migrate.evidence import signing
    from hdh_migrate.plan.files import read_bounded
    from hdh_migrate.sealing import keys

    try:
        head = read_bounded(path, _HEAD_BYTES)
    except OSError as error:
        raise KeyUnavailable(f"{path}: {error.strerror or error}") from error
    if b"CRYPT4GH" in head:
        keys.relock(path, old, new)
    else:
        signing.relock(path, old.encode() if old else None, new.encode())
