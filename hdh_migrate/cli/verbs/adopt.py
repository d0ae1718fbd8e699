"""`adopt`: a ledger made anew, or completed, from what the target holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import WORKING, Batches, Plan
from hdh_migrate.cli.steps import states_text
from hdh_migrate.errors import Exit
from hdh_migrate.results.ledgers import Adopted, AdoptedBatch, AdoptForecast, AdoptionAhead
from hdh_migrate.telemetry import counted, size_text


@verb(
    examples=(
        "adopt plan.yaml",
        "adopt plan.yaml --bundle evidence-2026-11 --batch pilot --json",
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.DRIFTED, Exit.STOPPED,
        Exit.AUTH, Exit.DAMAGED, Exit.LOCKED, Exit.INTERRUPTED,
    ),
    result=AdoptForecast | Adopted,
    options=WORKING,
)  # fmt: skip
def adopt(
    task: Task,
    plan: Plan,
    *,
    bundle: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A report of this migration; repeatable."),
    ] = None,
    batch: Batches = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what would be read, from one listing of the target; no more."
        ),
    ] = False,
) -> Exit:
    """Take over what was moved already, when its ledger is lost or only an old copy is left.

    Objects of this migration at the target are read back, opened and compared with the source, or
    with the digests of a bundle that a key of the plan has signed. What proves good is verified;
    nothing else is, and nothing is written at the target: that is for the next run.
    """
    from hdh_migrate.session.verbs import adopt as session

    if dry_run:
        would = task.at_desk(plan, lambda desk: session.forecast(desk, batch or (), bundle or ()))
        task.out.result(would, "\n".join(_ahead(one) for one in would["batches"]))
        return Exit.OK
    result = task.at_desk(plan, lambda desk: session.adopt(desk, batch or (), bundle or ()))
    lines = [line for one in result["batches"] for line in _lines(one)]
    lines += [states_text(result["datasets"]), *(f"next: {one}" for one in result["next"])]
    task.out.result(result, "\n".join(lines))
    return Exit(result["exit"])


def _ahead(one: AdoptionAhead) -> str:
    source = one["objects"] - one["by_bundle"]
    also = f"; {counted(source, 'object')} would be read at the source, too" if source else ""
    return (
        f"{one['batch']}: dry run: at most {counted(one['objects'], 'object')},"
        f" {size_text(one['bytes'])}, would be read back from the target{also}; nothing was changed"
    )


def _lines(one: AdoptedBatch) -> list[str]:
    source = one["adopted"] - one["by_bundle"]
    whole = counted(one["adopted"], "object")
    lines = [
        f"{one['batch']}: {whole} read back, opened, compared and adopted",
        f"  {source} compared with the source, {one['by_bundle']} with a bundle",
    ]
    if one["joined"]:
        lines.append(f"  not at the source any more, known to a bundle: {one['joined']}")
    if one["unproved"]:
        lines.append(f"  ours, not proved good, sent by the next run: {one['unproved']}")
    if one["foreign"]:
        lines.append(f"  somebody else's, left alone by the next run: {one['foreign']}")
    return lines
