"""`keys show`: what a key file is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import head_of, passphrase_of
from hdh_migrate.cli.parameters import PassphraseFrom
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.keys import KeyFile

if TYPE_CHECKING:
    from hdh_migrate.sealing.hybrid import HybridPublicKey
    from hdh_migrate.sealing.keyfiles import KeyFileForm
    from hdh_migrate.sealing.keys import PublicKey


@verb(
    examples=(
        "keys show keys/report.key --passphrase-from file:secrets/report",
        "keys show keys/steward.sec --public keys/steward-again.pub",
    ),
    exits=(Exit.REFUSED, Exit.STOPPED),
    result=KeyFile,
)
def show(
    task: Task,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A public or private key file.")],
    *,
    passphrase_from: PassphraseFrom = None,
    public: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Of a private key: write its public key, which was lost, anew."
        ),
    ] = None,
) -> None:
    """Say what a key file is, and its fingerprint."""
    phrase = passphrase_of(asked=False, reference=passphrase_from)
    result = _described(path, phrase, public)
    if public is not None:
        result["made"] = str(public)
        if "ed25519" in result["kind"]:
            task.out.say("note: the last day of its use, if it had one, stood in the lost file")
    task.out.result(result, "\n".join(f"{name}: {value}" for name, value in result.items()))


def _described(path: Path, passphrase: str | None, public: Path | None) -> KeyFile:
    """Return kind, fingerprint and protection of a key file; never the key.

    The public key of a private one is written to `public`, if that is given.

    Raises:
        KeyUnavailable: it is not a key file, or cannot be opened; or there is a file already.
        UsageError: it is a public key, of which none can be made.
    """
    head = head_of(path)
    if public is not None and b"PUBLIC" in head:
        raise UsageError(
            f"{path}: this is a public key already",
            hint="give the private one, the .sec or .key that belongs to it",
        )
    if b"CRYPT4GH" in head:
        return _crypt4gh(path, passphrase, public, head)
    if b"HDH HYBRID" in head:
        return _hybrid(path, passphrase, public, head)
    return _of_reports(path, passphrase, public, head)


def _crypt4gh(path: Path, passphrase: str | None, public: Path | None, head: bytes) -> KeyFile:
    from hdh_migrate.sealing.keyfiles import CRYPT4GH
    from hdh_migrate.sealing.keys import PrivateKey, PublicKey

    if b"PUBLIC" in head:
        return {"kind": "crypt4gh public key", "fingerprint": PublicKey.load(path).fingerprint}
    private = PrivateKey.load(path, passphrase)
    return _of_private("crypt4gh", CRYPT4GH, private.public, public, protected=private.protected)


def _hybrid(path: Path, passphrase: str | None, public: Path | None, head: bytes) -> KeyFile:
    from hdh_migrate.sealing.hybrid import HybridPrivateKey, HybridPublicKey
    from hdh_migrate.sealing.keyfiles import HYBRID

    if b"PUBLIC" in head:
        return {"kind": "hybrid public key", "fingerprint": HybridPublicKey.load(path).fingerprint}
    private = HybridPrivateKey.load(path, passphrase)
    return _of_private("hybrid", HYBRID, private.public, public, protected=private.protected)


def _of_private(
    name: str,
    form: KeyFileForm,
    key: PublicKey | HybridPublicKey,
    public: Path | None,
    *,
    protected: bool,
) -> KeyFile:
    from hdh_migrate.sealing.keyfiles import write_public

    if public is not None:
        write_public(form, public, key.raw)
    return {
        "kind": f"{name} private key",
        "fingerprint": key.fingerprint,
        "passphrase": "yes" if protected else "no",
    }


def _of_reports(path: Path, passphrase: str | None, public: Path | None, head: bytes) -> KeyFile:
    from hdh_migrate.evidence.signatures.signing import load_signer, load_trusted_key, write_public

    if b"PUBLIC KEY" in head:
        return {"kind": "ed25519 public key", "fingerprint": load_trusted_key(path).key_id}
    signer = load_signer(path, passphrase.encode() if passphrase else None)
    described: KeyFile = {"kind": "ed25519 private key", "fingerprint": signer.key_id}
    if signer.weakness is not None:
        described["warning"] = signer.weakness
    if public is not None:
        write_public(signer.verifier, public)
    return described
