"""`audit prove`: one object stands in the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AnyBundle, Key, key_given
from hdh_migrate.errors import EvidenceDamaged, Exit, UsageError
from hdh_migrate.results.proofs import LineProof


@verb(
    examples=(
        "audit prove evidence-2026-11.zip mco.csv --dataset pmsi",
        "audit prove evidence-2026-11 mco.csv --checkpoint objects.checkpoint",
    ),
    exits=(Exit.DAMAGED,),
    result=LineProof,
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


def proof_in(bundle: Path, key: str, dataset: str | None) -> LineProof:
    """Return the proof that an object stands in a bundle's manifest.

    Raises:
        UsageError: there is no manifest, no such object, or more than one of this key.
    """
    from hdh_migrate.evidence.exports.keyed import PREFIX
    from hdh_migrate.evidence.lines.proofs import prove as proof_of
    from hdh_migrate.evidence.lines.proofs import root_of
    from hdh_migrate.evidence.lines.records import MAX_LINE, manifest_line, read_line
    from hdh_migrate.model.naming import key_given

    found, seen = list[bytes](), ""
    keys = {key, key_given(key)}

    def lines(file: Any) -> Any:  # noqa: ANN401 - an open file
        nonlocal seen
        while raw := file.readline(MAX_LINE + 1):
            record = read_line(raw, manifest_line)
            seen = str(record["key"])
            wanted = record["key"] in keys and dataset in {None, record["dataset"]}
            if wanted:
                found.append(raw[:-1])
            yield raw[:-1], wanted

    try:
        with (bundle / "manifest.jsonl").open("rb") as file:
            proof = proof_of(lines(file))
    except OSError as error:
        raise UsageError(f"{bundle}: no manifest can be read here: {error.strerror}") from None
    except EvidenceDamaged as error:
        if len(found) > 1:
            raise UsageError("more than one dataset has this key: give --dataset") from error
        raise
    if proof is None:
        raise UsageError(
            "the manifest has no such object",
            hint="the bundle's names are keyed: who holds the ledger opens one object with"
            ' "hdh-migrate audit open"'
            if seen.startswith(PREFIX)
            else "give the key as the source has it; `-` reads it from stdin",
        )
    return {
        "line": found[0].decode(),
        "index": proof.index,
        "size": proof.size,
        "path": [digest.hex() for digest in proof.path],
        "root": root_of(found[0], proof).hex(),
    }
