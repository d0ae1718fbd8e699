"""`forecast`: when a plan ends, and what ends before it does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import AsJson, Plan, StateDir, Task, verb
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.forecasts import DossierFact, PlanForecast
from hdh_migrate.telemetry import counted


@verb(
    examples=(
        "forecast plan.yaml --check",
        "forecast plan.yaml --dossier claim-2027-01",
    ),
    exits=(Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.FINDINGS, Exit.DAMAGED, Exit.LOCKED),
    result=PlanForecast | DossierFact,
)
def forecast(
    plan: Plan,
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Exit 4 when something ends too early, or no end can be given."
        ),
    ] = False,
    dossier: Annotated[
        Path | None,
        typer.Option(
            "--dossier",
            metavar="DIR",
            help="Write the signed pages of a claim for egress there instead.",
        ),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Estimate when each batch ends, as a range, and which credential or promise expires first.

    From the ledger and files alone; nobody is contacted.
    """
    task = Task(as_json=as_json)

    def body() -> Exit:
        if dossier is not None:
            if check:
                raise UsageError("--check looks ahead, --dossier back: give one of them")
            _write(task, plan, state_dir, dossier)
            return Exit.OK
        from hdh_migrate.cli.foretold import lines
        from hdh_migrate.session.views.forecast import forecast as look

        result = look(task.desk(plan, state_dir, dry=True))
        task.out.result(result, "\n".join(lines(result)))
        return Exit(result["check"]["exit"]) if check else Exit.OK

    task.run(body)


def _write(task: Task, plan: Path, state_dir: Path | None, out: Path) -> None:
    from hdh_migrate.session.verbs.dossier import write_dossier

    made = write_dossier(task.desk(plan, state_dir), out)
    days = f", {made['first_day']} to {made['last_day']}" if made["first_day"] else ""
    text = (
        f"dossier: {made['folder']}, signed by {made['signed_by']}\n"
        f"left the source: {counted(made['source_bytes'], 'byte')} in"
        f" {counted(made['source_requests'], 'request')}{days}"
    )
    task.out.result(made, text)
