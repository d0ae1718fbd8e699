"""`report sign`: a witness's signature on a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import load_each
from hdh_migrate.cli.parameters import PassphraseFrom, Trust, key_option
from hdh_migrate.errors import Exit, Refused, UsageError
from hdh_migrate.results.proofs import Signed


@verb(
    examples=(
        "report sign evidence-2026-11 --key witness.key --trust operator.pub",
        "report sign evidence-2026-11 --key k.key --trust k.pub --checkpoint objects.checkpoint",
    ),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.DAMAGED),
    result=Signed,
)
def sign(
    task: Task,
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="A report's folder, or its .checkpoint file.")
    ],
    *,
    key: Annotated[Path, key_option("The witness's key.")],
    trust: Trust,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="Sign a checkpoint of the manifest instead: in a new file, or beside others.",
        ),
    ] = None,
    passphrase_from: PassphraseFrom = None,
) -> None:
    """Check a bundle and add a witness's signature to it, on a machine of the witness's.

    Given the .checkpoint file of a journal, the witness signs that instead: its length and root.
    With --checkpoint it is the manifest's, under which "audit prove" gives a .tlog-proof of an
    object (hdh-migrate docs exports); the operator signs it first.
    """
    from hdh_migrate.evidence.reading import open_bundle
    from hdh_migrate.evidence.signatures.checkpoint import add_witness
    from hdh_migrate.evidence.signatures.countersign import countersign
    from hdh_migrate.evidence.signatures.objects import sign_objects
    from hdh_migrate.evidence.signatures.signing import load_signer, load_trusted_key, signs_until
    from hdh_migrate.telemetry import SystemClock
    from hdh_migrate.wiring import Vault

    phrase = Vault.open(Path()).reveal(passphrase_from).encode() if passphrase_from else None
    signer, trusted = load_signer(key, phrase), load_each(load_trusted_key, trust)
    task.out.warn(signer.weakness)
    until = signs_until(key)
    if until is not None and SystemClock().now()[:10] > until:
        raise Refused(
            f"{key}: the key was to sign until {until}, so nothing counts that it signs now",
            hint="sign with a key that is in force; nothing was written",
        )
    what = "statement" if checkpoint is None and not bundle.is_file() else "checkpoint"
    if checkpoint is not None:
        if bundle.is_file():
            raise UsageError(
                f"{bundle}: not a report's folder",
                hint="--checkpoint is of a bundle's manifest: name the bundle",
            )
        count = sign_objects(open_bundle(bundle, trusted), checkpoint, signer)
    else:
        count = (add_witness if bundle.is_file() else countersign)(bundle, signer, trusted)
    result: Signed = {"signed_by": signer.key_id, "signatures": count}
    task.out.result(
        result,
        f"signed by {signer.key_id}; the {what} has {count} signature{'s'[: count > 1]} now",
    )
