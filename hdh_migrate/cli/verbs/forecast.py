"""`forecast`: when a plan ends, and what ends before it does."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import AsJson, Plan, StateDir, Task, verb
from hdh_migrate.errors import Exit
from hdh_migrate.results.forecasts import PlanForecast


@verb(
    examples=(
        "forecast plan.yaml",
        "forecast plan.yaml --check --json",
    ),
    exits=(Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.FINDINGS, Exit.DAMAGED),
    result=PlanForecast,
)
def forecast(
    plan: Plan,
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Exit 4 when something ends too early, or no end can be told."
        ),
    ] = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Say when each batch ends, as a range, and which credential or promise ends before.

    From the ledger and files alone; nobody is contacted.
    """
    task = Task(as_json=as_json)

    def body() -> Exit:
        from hdh_migrate.cli.foretold import lines
        from hdh_migrate.session.views.forecast import forecast as look

        told = look(task.desk(plan, state_dir, dry=True))
        task.out.result(told, "\n".join(lines(told)))
        return Exit(told["check"]["exit"]) if check else Exit.OK

    task.run(body)
