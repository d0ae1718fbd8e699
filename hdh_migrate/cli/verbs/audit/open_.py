"""`audit open`: one keyed name, opened for one auditor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AT_PLAN, Dataset, Key, NewFile, Plan, key_given
from hdh_migrate.errors import Exit
from hdh_migrate.results.proofs import NameOpened


@verb(
    examples=(
        "audit open plan.yaml pmsi pmsi/2024/mco.csv --bundle keyed --out mco.json",
        "audit open plan.yaml pmsi mco.csv --bundle keyed --out mco.json --json",
    ),
    exits=(Exit.REFUSED, Exit.DAMAGED),
    result=NameOpened,
    at_length=True,
    options=AT_PLAN,
)
def open_name(
    task: Task,
    plan: Plan,
    dataset: Dataset,
    key: Key,
    *,
    bundle: Annotated[
        Path, typer.Option("--bundle", metavar="BUNDLE", help="A report with keyed names.")
    ],
    out: NewFile,
) -> None:
    """Write what one auditor needs to recognise one object in a report with keyed names.

    The file names the object and proves that a line of the report stands for it; it helps with
    no other object. Whoever has it and the report's root checks it with `audit check-opening`.
    """
    from hdh_migrate.session.policy.names import open_one

    task.asks_nobody = True
    desk = task.desk(plan)
    result = open_one(desk, dataset, key_given(key), bundle, out)
    task.out.result(result, f"{out}: one object of {dataset}, under the root {result['root']}")
