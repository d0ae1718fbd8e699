"""`forecast`: when a plan ends, and what ends before it does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AT_PLAN, Plan
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.forecasts import DossierFact, PlanForecast
from hdh_migrate.telemetry import counted


@verb(
    examples=(
        "forecast plan.yaml --at 400MiB/s --begins 2027-01-12",
        "forecast plan.yaml --dossier claim-2027-01",
    ),
    exits=(Exit.REFUSED, Exit.FINDINGS, Exit.DAMAGED, Exit.LOCKED),
    result=PlanForecast | DossierFact,
    options=AT_PLAN,
)
def forecast(
    task: Task,
    plan: Plan,
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Exit 4 when something ends too early, or no end can be given."
        ),
    ] = False,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="RATE", help="What if so much passed: 400MiB/s."),
    ] = None,
    begins: Annotated[
        str | None,
        typer.Option("--begins", metavar="DAY", help="What if nothing moved before this day?"),
    ] = None,
    dossier: Annotated[
        Path | None,
        typer.Option(
            "--dossier",
            metavar="DIR",
            help="Write the signed pages of a claim for egress there instead.",
        ),
    ] = None,
) -> Exit:
    """Estimate when each batch ends, as a range, and which credential or promise expires first.

    From the ledger and files alone; a dossier, which is signed, asks the target who wrote last.
    """
    if dossier is not None:
        if check or at is not None or begins is not None:
            raise UsageError("--dossier looks back, the others ahead: give it alone")
        _write(task, plan, dossier)
        return Exit.OK
    from hdh_migrate.cli.foretold import lines
    from hdh_migrate.session.views.forecast import Supposed
    from hdh_migrate.session.views.forecast import forecast as look

    desk = task.desk(plan, dry=True)
    result = look(desk, Supposed(rate=_rate(at), begins=_begins(begins, desk.loaded.plan.zone)))
    task.out.result(result, "\n".join(lines(result)))
    return Exit(result["check"]["exit"]) if check else Exit.OK


def _rate(text: str | None) -> int | None:
    from hdh_migrate.plan import fields

    if text is not None and not fields.is_rate(text):
        raise UsageError(f"--at {fields.BANDWIDTH_RULE}")
    return None if text is None else fields.bytes_per_second(text)


def _begins(text: str | None, zone: str | None) -> float | None:
    from hdh_migrate.plan.fields import is_day
    from hdh_migrate.plan.hours import moment_of

    if text is not None and not is_day(text):
        raise UsageError("--begins is a day such as 2027-01-12, which is included")
    return None if text is None else moment_of(text, zone)


def _write(task: Task, plan: Path, out: Path) -> None:
    from hdh_migrate.session.verbs.dossier import write_dossier

    made = write_dossier(task.desk(plan), out)
    days = f", {made['first_day']} to {made['last_day']}" if made["first_day"] else ""
    text = (
        f"dossier: {made['folder']}, signed by {made['signed_by']}\n"
        f"left the source: {counted(made['source_bytes'], 'byte')} in"
        f" {counted(made['source_requests'], 'request')}{days}"
    )
    task.out.result(made, text)
