"""`audit check-proof`: does a proof lead to a root, or to one that trusted keys signed?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.keyfiles import trusted_keys
from hdh_migrate.cli.parameters import Threshold
from hdh_migrate.errors import EvidenceDamaged, Exit, UsageError
from hdh_migrate.results.proofs import Proved, Record
from hdh_migrate.telemetry import counted


@verb(
    examples=(
        "audit check-proof proof.json --root $ROOT",
        "audit check-proof mco.tlog-proof --trust operator.pub --trust witness.pub --threshold 2",
    ),
    exits=(Exit.DAMAGED,),
    result=Proved,
)
def check_proof(
    task: Task,
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="What `audit prove` printed.")],
    *,
    root: Annotated[
        str | None,
        typer.Option("--root", metavar="HEX", help="The root in a statement you trust."),
    ] = None,
    trust: Annotated[
        list[Path] | None,
        typer.Option("--trust", metavar="KEY", help="Who signs a .tlog-proof; repeatable."),
    ] = None,
    threshold: Threshold = 1,
) -> None:
    """Check a proof against a root, or a .tlog-proof against keys; exit 0, or 10 if it fails.

    Of a .tlog-proof it also says in which log the object stands: the migration, and the SHA-256 of
    the statement, which is that of one report. Compare it with the one that you mean.
    """
    from hdh_migrate.evidence.lines.records import manifest_line, read_line

    if root is not None and trust:
        raise UsageError("--root and --trust are two ways to check", hint="leave one out")
    log = None
    if root is None:
        line, log = _by_keys(proof, trust, threshold)
    else:
        line = _by_root(proof, root)
    record = read_line(line + b"\n", manifest_line)
    result: Proved = {"ok": True, "record": cast("Record", record)}
    said = f"ok      {line.decode()}"
    if log is not None:  # the same keys may have signed a rehearsal, or an earlier report
        result["log"] = log
        said += f"\nin      {log}"
    task.out.result(result, said)


def _by_root(proof: Path, root: str) -> bytes:
    """Return the line that a proof in JSON leads from to a root."""
    from hdh_migrate.evidence.lines.facts import DIGEST
    from hdh_migrate.evidence.lines.proofs import inclusion_of, read_proof, root_of

    if not DIGEST.fullmatch(root.lower()):
        raise UsageError("--root: not the 64 hexadecimal digits of a root")
    otherwise = f"{proof}: not a proof"
    line, inclusion = inclusion_of(read_proof(proof, otherwise), otherwise)
    if root_of(line, inclusion).hex() != root.lower():
        raise EvidenceDamaged("the proof does not lead to this root")
    return line


def _by_keys(proof: Path, trust: list[Path] | None, threshold: int) -> tuple[bytes, str]:
    """Return the line that a .tlog-proof leads from to a root that enough keys signed; its log."""
    from hdh_migrate.evidence.lines.proofs import LARGEST
    from hdh_migrate.evidence.signatures.objects import check_tlog_proof
    from hdh_migrate.plan.files import read_named

    if not trust:
        raise UsageError("nothing to check the proof against", hint="give --root or --trust")
    keys = trusted_keys(trust, threshold)
    found = check_tlog_proof(read_named(proof, LARGEST), keys)
    if found.signed < threshold:
        raise EvidenceDamaged(
            f"{counted(found.signed, 'trusted key')} signed the proof's checkpoint, not {threshold}"
        )
    return found.line, found.origin
