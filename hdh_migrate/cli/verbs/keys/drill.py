"""`keys drill`: does a private key open what the plan seals?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AT_PLAN, PassphraseFrom, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.keys import Drilled


@verb(
    examples=(
        "keys drill plan.yaml --key /media/escrow/escrow.sec",
        "keys drill plan.yaml --key escrow.sec --passphrase-from env:ESCROW --json",
    ),
    exits=(Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.LOCKED),
    result=Drilled,
    options=AT_PLAN,
)
def drill(
    task: Task,
    plan: Plan,
    *,
    key: Annotated[
        Path, typer.Option("--key", metavar="FILE", help="A recipient's private key: the escrow's.")
    ],
    passphrase_from: PassphraseFrom = None,
) -> None:
    """Prove that a private key opens what the plan seals, and write in the journal when."""
    from hdh_migrate.session.verbs.drill import drill as prove

    desk = task.desk(plan)
    result = prove(desk, key, passphrase_from)
    task.out.result(
        result,
        f"{result['fingerprint']} opens what is sealed (last proved before:"
        f" {result['proved_before'] or 'never'})",
    )
