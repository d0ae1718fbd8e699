"""`audit verifier`: the verifier's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.errors import Exit
from hdh_migrate.results.proofs import VerifierFiles


@verb(
    examples=(
        "audit verifier --out verifier",
        "audit verifier --out verifier --json",
    ),
    exits=(Exit.STOPPED,),
    result=VerifierFiles,
)
def verifier(
    task: Task,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder for its files.")],
) -> None:
    """Write the verifier for somebody who does not trust the one inside a bundle.

    Its digest is published with every release; whoever gets the files compares it:
    sha256sum *.py | sha256sum
    """
    from hdh_migrate.evidence.verifier.copies import verifier_digest, write_verifier

    files, digest = write_verifier(out), verifier_digest()
    result: VerifierFiles = {"folder": str(out), "files": files, "sha256": digest}
    task.out.result(
        result,
        f"made {out}: {', '.join(files)}\nsha256 {digest} (sha256sum *.py | sha256sum)",
    )
