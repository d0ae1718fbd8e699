"""`erase`: what opens a dataset is erased, at both places; a dry run unless --execute."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import amount_text
from hdh_migrate.cli.parameters import WORKING, Plan
from hdh_migrate.cli.typed import typed_names
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.erasure import DatasetErased, ErasureForecast
from hdh_migrate.telemetry import counted


@verb(
    examples=(
        "erase plan.yaml --dataset pmsi --headers",
        'erase plan.yaml --dataset pmsi --headers --reason "permit R-7 has ended" --execute',
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.APPROVAL_MISSING,
        Exit.AUTH, Exit.DAMAGED, Exit.LOCKED, Exit.INTERRUPTED,
    ),
    result=ErasureForecast | DatasetErased,
    options=WORKING,
)  # fmt: skip
def erase(
    task: Task,
    plan: Plan,
    *,
    dataset: Annotated[str, typer.Option("--dataset", metavar="NAME", help="Which dataset.")],
    headers: Annotated[
        bool, typer.Option("--headers", help="Its header packs, copies of them, and its headers.")
    ] = False,
    although: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="In spite of grants, or only-copy; repeatable."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; the journal keeps it.")
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Erase; without it nothing is changed.")
    ] = False,
    confirm: Annotated[
        str | None, typer.Option(metavar="NAME", help="The dataset again; else it is asked for.")
    ] = None,
) -> Exit:
    """Destroy what opens a dataset whose headers are detached, for good; a dry run at first.

    The bodies stay where they are, and nobody opens them again. Copies of the ledger from before
    hold what is erased here: destroy them. It takes somebody else's approval
    of exactly this. Stopped anywhere, the same command goes on.
    """
    from hdh_migrate.session.verbs import erase as session

    if not headers:
        raise UsageError(
            "--headers is needed: it says what is erased",
            hint="the bodies are never touched by this tool; delete them at the host",
        )
    spite = tuple(although or ())
    if not execute:
        would = task.at_desk(plan, lambda desk: session.forecast(desk, dataset, spite))
        task.out.result(would, "\n".join(_forecast_lines(would)))
        return Exit.REFUSED if would["blockers"] else Exit.OK
    (typed,) = [confirm] if confirm else typed_names(
        task, ["dataset"], asking="nobody will open this dataset again; type its name",
        nobody="nobody typed the name of the dataset, so nothing was erased",
        hint="type it, or give it by --confirm NAME",
    )  # fmt: skip
    code, done = task.at_desk(
        plan,
        lambda desk: session.execute(desk, dataset, spite, reason=reason, typed=typed),
    )
    task.out.result(done, "\n".join(_lines(done)))
    return code


def _forecast_lines(would: ErasureForecast) -> list[str]:
    said = ", ".join(would["although"]) or "nothing"
    if would["ended"]:
        went = ["  it was erased; the same command looks again whether anything of it is there"]
    else:
        went = ["  it goes on: the erasure was begun"] if would["begun"] else []
    return [
        f"dry run: dataset {would['dataset']} of batch {would['batch']}",
        *went,
        f"  nobody would open: {amount_text(would)}",
        f"  packs: {would['packs']}, and {counted(would['copies'], 'file')} of the second copy",
        f"  in spite of: {said}",
        *(f"  against it: {line}" for line in would["blockers"]),
        "the target, the copies and the source are looked at when it is executed",
        "nothing was changed",
    ]


def _lines(done: DatasetErased) -> list[str]:
    objects = counted(done["objects"], "object")
    return [
        f"dataset {done['dataset']}: nobody opens its {objects} any more",
        (
            f"  erased: {counted(done['versions'], 'version')} of packs at the target,"
            f" {counted(done['copies'], 'file')} of the second copy,"
            f" {counted(done['headers'], 'header')} of the ledger"
        ),
        *(f"  {line}" for line in done["remains"]),
    ]
