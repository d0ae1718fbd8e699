"""`ledger backup`: a copy of the ledger as it is now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AT_PLAN, Plan
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.ledgers import LedgerCopy
from hdh_migrate.telemetry import counted, size_text


@verb(
    examples=(
        "ledger backup plan.yaml --to /mnt/other-disk/ledgers",
        "ledger backup plan.yaml --keep 30 --json",
    ),
    exits=(Exit.UNEXPECTED, Exit.REFUSED, Exit.STOPPED, Exit.DAMAGED, Exit.INTERRUPTED),
    result=LedgerCopy,
    at_length=True,
    options=AT_PLAN,
)  # fmt: skip
def backup(
    task: Task,
    plan: Plan,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The same as --to.", show_default=False)
    ] = None,
    *,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Where copies go; default: as the plan says."),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="How many copies stay; default: as the plan says, or 7."
        ),
    ] = None,
) -> None:
    """Copy the ledger and what lies beside it, checked and durable, also beside a run.

    The copy is a folder of its own in DIR, readable by you only. Put in the place of the
    migration's state folder it is the state of then (hdh-migrate docs operations). A copy from
    before an erasure holds what was erased: destroy it then.
    """
    if folder is not None and to is not None:
        raise UsageError("copies go to one folder", hint="give DIR or --to, not both")
    from hdh_migrate.session.verbs.backup import backup as copied

    result = copied(task.desk(plan), to or folder, keep)
    lines = [
        f"copied to {result['folder']}",
        (
            f"{size_text(result['bytes'])}, {counted(result['events'], 'event')};"
            " it was read back and checks"
        ),
        *(f"removed: {folder}" for folder in result["removed"]),
    ]
    task.out.result(result, "\n".join(lines))
