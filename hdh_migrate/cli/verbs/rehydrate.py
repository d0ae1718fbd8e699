"""`rehydrate`: bring archived objects back, and move them."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import WORKING, Batches, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.archives import Rehydrated, RehydrationForecast
from hdh_migrate.telemetry import counted, size_text


@verb(
    examples=(
        "rehydrate plan.yaml",
        "rehydrate plan.yaml --batch imaging --execute",
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.DRIFTED, Exit.STOPPED,
        Exit.AUTH, Exit.LOCKED, Exit.INTERRUPTED,
    ),
    result=RehydrationForecast | Rehydrated,
    options=WORKING,
)  # fmt: skip
def rehydrate(
    task: Task,
    plan: Plan,
    *,
    batch: Batches = None,
    execute: Annotated[
        bool,
        typer.Option("--execute", help="Ask the source; without it they are only counted."),
    ] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Ask, and do not wait until they are readable.")
    ] = False,
) -> Exit | None:
    """Count what is archived, with hours and cost; with --execute bring it back and send it.

    Only the credential of the plan's `rehydrate` asks. After any stop the same command goes on.
    """
    from hdh_migrate.session.verbs.rehydrate import execute as bring
    from hdh_migrate.session.verbs.rehydrate import forecast

    if not execute:
        ahead = forecast(task.desk(plan, dry=True), batch or ())
        task.out.result(ahead, "\n".join(_ahead(ahead)))
        return None
    result = task.at_desk(plan, lambda desk: bring(desk, batch or (), wait=not no_wait))
    task.out.result(result, "\n".join(_text_lines(result)))
    return Exit(result["exit"])


def _ahead(ahead: RehydrationForecast) -> list[str]:
    if not ahead["objects"]:
        return ["nothing is archived"]
    cost, hours = ahead["cost"], ahead["hours_at_most"]
    price = "unknown" if cost["amount"] is None else f"{cost['amount']:.2f} {cost['currency']}"
    dated = "" if cost["as_of"] is None else f", as of {cost['as_of']}"
    return [
        "dry run: nothing was asked for; --execute does it",
        *(
            f"dataset {one['dataset']}: {counted(one['objects'], 'object')},"
            f" {size_text(one['bytes'])}"
            for one in ahead["datasets"]
        ),
        (
            f"in all {counted(ahead['objects'], 'archived object')}, {size_text(ahead['bytes'])},"
            f" to tier {ahead['tier']} with {ahead['priority']} priority"
        ),
        (
            f"time: {'unknown' if hours is None else f'up to {hours:.0f} hours'}"
            f" ({ahead['hours_from']})"
        ),
        f"cost: {price} ({cost['source']}{dated})",
        *(f"note: {note}" for note in ahead["notes"]),
    ]


def _text_lines(done: Rehydrated) -> list[str]:
    lines = [
        (
            f"asked for {counted(done['asked'], 'archived object')}; "
            f"{counted(done['readable'], 'was', 'were')} readable, and sent;"
            f" {counted(done['coming'], 'is', 'are')} coming"
        ),
        *(
            f"{counted(many, 'was', 'were')} refused: {why}"
            for why, many in sorted(done["refused"].items())
        ),
    ]
    if done["moot"]:
        lines.append(f"gone or changed since the inventory, for a run to look at: {done['moot']}")
    if done["archived_again"]:
        lines.append(
            f"archived again, and nobody brings them back: {done['archived_again']}; look at the"
            " account's lifecycle rules, then run the same command"
        )
    return lines
