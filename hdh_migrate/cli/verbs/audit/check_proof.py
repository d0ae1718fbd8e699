"""`audit check-proof`: does a proof lead to a root?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from hdh_migrate.cli.command import AsJson, Root, Task, verb
from hdh_migrate.errors import EvidenceDamaged, Exit, UsageError
from hdh_migrate.results.proofs import Proved, Record


@verb(
    examples=(
        "audit check-proof proof.json --root $ROOT",
        "audit check-proof proof.json --root $ROOT --json",
    ),
    exits=(Exit.OK, Exit.USAGE, Exit.DAMAGED),
    result=Proved,
)
def check_proof(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="What `audit prove` printed.")],
    *,
    root: Root,
    as_json: AsJson = False,
) -> None:
    """Check a proof against a manifest root; exit 0, or 10 when it does not lead there."""
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.evidence.lines.facts import DIGEST
        from hdh_migrate.evidence.lines.proofs import inclusion_of, read_proof, root_of
        from hdh_migrate.evidence.lines.records import manifest_line, read_line

        if not DIGEST.fullmatch(root.lower()):
            raise UsageError("--root: not the 64 hexadecimal digits of a root")
        otherwise = f"{proof}: not a proof"
        line, inclusion = inclusion_of(read_proof(proof, otherwise), otherwise)
        record = read_line(line + b"\n", manifest_line)
        if root_of(line, inclusion).hex() != root.lower():
            raise EvidenceDamaged("the proof does not lead to this root")
        result: Proved = {"ok": True, "record": cast("Record", record)}
        task.out.result(result, f"ok      {line.decode()}")

    task.run(body)
