"""`fetch`: one object, read back from the target."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import (
    AsJson,
    Dataset,
    Key,
    NewFile,
    Plan,
    StateDir,
    Task,
    Verbose,
    key_given,
    verb,
)
from hdh_migrate.errors import Exit
from hdh_migrate.results.looks import Fetched
from hdh_migrate.telemetry import size_text


@verb(
    examples=(
        'fetch plan.yaml pmsi mco.csv --out mco.csv --reason "ticket 4711"',
        "fetch plan.yaml scans 2024/0001.dcm --out 0001.dcm --reason audit --json",
    ),
    exits=(Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.AUTH),
    result=Fetched,
)
def fetch(
    plan: Plan,
    dataset: Dataset,
    key: Key,
    *,
    out: NewFile,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Why it is opened; for the journal and the report. Needed off rehearsals.",
        ),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    verbose: Verbose = 0,
) -> None:
    """Read one object back from the target, unsealed and checked.

    Who opens which object and why is written down first.
    """
    task = Task(as_json=as_json, verbose=verbose)

    def body() -> None:
        from hdh_migrate.session.verbs.fetch import fetch as bring

        desk = task.desk(plan, state_dir)
        result = bring(desk, dataset, key_given(key), out, reason=reason)
        task.out.result(result, f"{out}: {size_text(result['size'])}, sha256 {result['sha256']}")

    task.run(body)
