"""`keys show`: what a key file is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import head_of, passphrase_of
from hdh_migrate.cli.parameters import PassphraseFrom
from hdh_migrate.errors import Exit
from hdh_migrate.results.keys import KeyFile


@verb(
    examples=(
        "keys show keys/steward.pub",
        "keys show keys/report.key --passphrase-from file:secrets/report",
    ),
    exits=(Exit.REFUSED,),
    result=KeyFile,
)
def show(
    task: Task,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A public or private key file.")],
    *,
    passphrase_from: PassphraseFrom = None,
) -> None:
    """Say what a key file is, and its fingerprint."""
    phrase = passphrase_of(asked=False, reference=passphrase_from)
    result = _described(path, phrase)
    task.out.result(result, "\n".join(f"{name}: {value}" for name, value in result.items()))


def _described(path: Path, passphrase: str | None) -> KeyFile:
    """Return kind, fingerprint and protection of a key file; never the key.

    Raises:
        KeyUnavailable: it is not a key file, or cannot be opened.
    """
    from hdh_migrate.evidence.signatures.signing import load_signer, load_trusted_key
    from hdh_migrate.sealing.keys import PrivateKey, PublicKey

    head = head_of(path)
    if b"CRYPT4GH PUBLIC" in head:
        return {"kind": "crypt4gh public key", "fingerprint": PublicKey.load(path).fingerprint}
    if b"CRYPT4GH" in head:
        private = PrivateKey.load(path, passphrase)
        return {
            "kind": "crypt4gh private key",
            "fingerprint": private.public.fingerprint,
            "passphrase": "yes" if private.protected else "no",
        }
    if b"HDH HYBRID" in head:
        return _hybrid(path, passphrase, public=b"PUBLIC" in head)
    if b"PUBLIC KEY" in head:
        return {"kind": "ed25519 public key", "fingerprint": load_trusted_key(path).key_id}
    signer = load_signer(path, passphrase.encode() if passphrase else None)
    described: KeyFile = {"kind": "ed25519 private key", "fingerprint": signer.key_id}
    if signer.weakness is not None:
        described["warning"] = signer.weakness
    return described


def _hybrid(path: Path, passphrase: str | None, *, public: bool) -> KeyFile:
    from hdh_migrate.sealing.hybrid import HybridPrivateKey, HybridPublicKey

    if public:
        return {"kind": "hybrid public key", "fingerprint": HybridPublicKey.load(path).fingerprint}
    private = HybridPrivateKey.load(path, passphrase)
    return {
        "kind": "hybrid private key",
        "fingerprint": private.public.fingerprint,
        "passphrase": "yes" if private.protected else "no",
    }
