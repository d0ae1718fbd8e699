"""`history`: the runs so far."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import table, visible
from hdh_migrate.cli.parameters import AT_PLAN, Plan
from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import Exit
from hdh_migrate.results.history import RunFact, RunHistory
from hdh_migrate.telemetry import counted, duration_text, size_text

COLUMNS = {
    "began": "began", "took": "took", "exit": "exit", "sent": "sent", "verified": "verified",
    "written": "written", "what": "what",
}  # fmt: skip

WHOLE = ("inventory", "transfer", "verify")


@verb(
    examples=(
        "history plan.yaml",
        "history plan.yaml --last 100 --json",
    ),
    exits=(Exit.REFUSED, Exit.DAMAGED),
    result=RunHistory,
    options=AT_PLAN,
)
def history(
    task: Task,
    plan: Plan,
    *,
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, help="So many runs.")] = 20,
) -> None:
    """List the runs so far, the newest last: when, how each ended, what it moved; also during one.

    Other commands that read or wrote objects are listed, too. Exit codes are kept of runs alone.
    """
    from hdh_migrate.session.views.history import history as look

    result = look(task.desk(plan, dry=True), last)
    task.out.result(result, text_of(result))


def text_of(result: RunHistory) -> str:
    """Return it as lines for people."""
    lines = table([_row(one) for one in result["runs"]], COLUMNS).splitlines()
    told = lines[:1]
    for line, one in zip(lines[1:], result["runs"], strict=True):
        told.append(line)
        if one["why"] is not None:
            told.append(visible(f"  {one['why']}"))
    if result["earlier"]:
        more = counted(result["earlier"], "earlier run")
        told.append(f"{more}: --last {result['earlier'] + len(result['runs'])} shows all of them")
    return "\n".join(told)


def _row(one: RunFact) -> dict[str, object]:
    began, ended = one["began"], one["ended"]
    at = began or ended or ""
    took = ""
    if began is not None and ended is not None:
        took = duration_text(seconds_of(ended) - seconds_of(began))
    code, killed = "" if one["exit"] is None else one["exit"], one["state"] == "killed"
    what = "run" if one["steps"] == [*WHOLE] else "+".join(one["steps"])
    if one["batches"]:
        what += f" of {', '.join(one['batches'])}"
    return {
        "began": f"{at[:10]} {at[11:16]}Z",
        "took": took,
        "exit": one["state"] if one["state"] in {"under way", "killed"} else code,
        "sent": one["sent"],
        "verified": one["verified"],
        # The journal counts from time to time, and a kill leaves out what came after that.
        "written": size_text(one["target_written"]) + (" or more" if killed else ""),
        "what": visible(what),
    }
