"""`fetch`: one object, read back from the target."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import ASKING, Dataset, Key, NewFile, Plan, key_given
from hdh_migrate.errors import Exit
from hdh_migrate.results.objects import Fetched
from hdh_migrate.telemetry import size_text


@verb(
    examples=(
        'fetch plan.yaml pmsi mco.csv --out mco.csv --reason "ticket 4711"',
        "fetch plan.yaml scans 2024/0001.dcm --out 0001.dcm --reason audit --json",
    ),
    exits=(Exit.REFUSED, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.AUTH),
    result=Fetched,
    options=ASKING,
)
def fetch(
    task: Task,
    plan: Plan,
    dataset: Dataset,
    key: Key,
    *,
    out: NewFile,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Why; the report prints it. Needed off rehearsals.",
        ),
    ] = None,
) -> None:
    """Read one object back from the target, unsealed and checked.

    Who opens which object and why is written down first.
    """
    from hdh_migrate.session.verbs.fetch import fetch as bring

    desk = task.desk(plan)
    result = bring(desk, dataset, key_given(key), out, reason=reason)
    task.out.result(result, f"{out}: {size_text(result['size'])}, sha256 {result['sha256']}")
