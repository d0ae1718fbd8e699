"""`report PLAN`: the evidence, written."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import ASKING, Plan
from hdh_migrate.cli.verbs.report.timestamp import stamp_text
from hdh_migrate.errors import Exit
from hdh_migrate.results.proofs import ReportFact
from hdh_migrate.telemetry import counted


class Names(StrEnum):
    """How a report gives object names (`session.names.FORMS`)."""

    PLAIN = "plain"
    KEYED = "keyed"


@verb(
    examples=(
        "report plan.yaml --out evidence-2026-11",
        "report plan.yaml --names keyed --out for-outsiders",
    ),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.DAMAGED, Exit.LOCKED),
    result=ReportFact,
    at_length=True,
    options=ASKING,
)
def write(
    task: Task,
    plan: Plan,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where it goes; must be new.")
    ] = None,
    names: Annotated[
        Names, typer.Option("--names", help="Object names as they are, or keyed for outsiders.")
    ] = Names.PLAIN,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Do not ask the target who wrote last; the report says so."),
    ] = False,
) -> None:
    """Write the evidence: manifest, summary, signed statement, and a page to read.

    With --names keyed every object name is replaced by a digest under a secret that stays in the
    state directory (names.key); `audit open` opens a single name with proof
    (hdh-migrate docs exports).

    The target is asked who wrote there last: from an older copy of the ledger no report is written
    (exit 11). Without a network the report says that this is not known.
    """
    from hdh_migrate.session.verbs.timestamp import write_stamped_report

    task.asks_nobody = offline
    desk = task.desk(plan)
    result = write_stamped_report(desk, out, names=names, asks=not offline)
    signed = "signed" if result["signed"] else "draft, not evidence: no report.signer in the plan"
    lines = [
        f"report: {result['folder']} ({signed})",
        f"{counted(result['objects'], 'object')}, root {result['root']}",
    ]
    if (stamp := result["stamp"]) is not None and "error" not in stamp:
        lines.append(stamp_text(stamp))
    lines.append(_checkpoint_text(result, names))
    task.out.result(result, "\n".join(lines))


def _checkpoint_text(report: ReportFact, names: Names) -> str:
    """Return the checkpoint for people to keep, or why there is none."""
    if (made := report["checkpoint"]) is not None:
        return f"checkpoint of the journal, to keep or have signed: {made['file']}\n{made['note']}"
    if names is Names.KEYED:
        return "no checkpoint: a keyed bundle's journal has a chain of its own"
    return "no checkpoint: nobody signs this report"
