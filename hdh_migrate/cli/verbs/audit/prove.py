"""`audit prove`: one object stands in the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AnyBundle, Key, key_given
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.proofs import LineProof


@verb(
    examples=(
        "audit prove evidence-2026-11.zip mco.csv --dataset pmsi",
        "audit prove evidence-2026-11 mco.csv --checkpoint objects.checkpoint",
    ),
    exits=(Exit.DAMAGED,),
    result=LineProof,
    at_length=True,
)
def prove(
    task: Task,
    bundle: AnyBundle,
    key: Key,
    *,
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME", help="Its dataset.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="Give a .tlog-proof under this checkpoint (report sign --checkpoint).",
        ),
    ] = None,
) -> None:
    """Print the proof that one object stands in the manifest, without showing any other.

    The bundle is checked first. The proof is JSON, for "audit check-proof --root"; under a
    checkpoint of the manifest it is a .tlog-proof of the C2SP, which needs only the signers' keys.
    """
    from hdh_migrate.evidence.archives import unpacked
    from hdh_migrate.evidence.exports.proving import proof_in
    from hdh_migrate.evidence.lines.proofs import inclusion_of
    from hdh_migrate.evidence.reading import open_bundle
    from hdh_migrate.evidence.signatures.objects import tlog_proof

    if task.out.as_json and checkpoint is not None:
        raise UsageError("a .tlog-proof is no JSON", hint="leave --json or --checkpoint out")
    wanted = key_given(key)
    with unpacked(bundle) as folder:
        reading = open_bundle(folder)
        proof = proof_in(folder, wanted, dataset)
        if checkpoint is None:
            task.out.data(proof)
            return
        line, inclusion = inclusion_of(proof, "not a proof")
        task.out.stream([tlog_proof(reading, checkpoint, line, inclusion).encode()])
