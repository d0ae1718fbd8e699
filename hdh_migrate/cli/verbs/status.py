"""`status`: where a run stands."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import AsJson, Plan, ShowNames, StateDir, Task, verb
from hdh_migrate.cli.output import table, visible
from hdh_migrate.errors import Exit
from hdh_migrate.results.looks import (
    CutoverStatus,
    FindingGroup,
    Listed,
    Moved,
    NamedFinding,
    Status,
)
from hdh_migrate.telemetry import duration_text, size_text

WATCH_SECONDS = 2.0


@verb(
    examples=(
        "status plan.yaml --watch",
        "status plan.yaml --json",
    ),
    exits=(Exit.OK, Exit.USAGE, Exit.REFUSED, Exit.DAMAGED),
    result=Status,
)
def status(
    plan: Plan,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds.")] = False,
    show_names: ShowNames = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show per batch and step: objects, bytes, rate, time left, findings; also during a run."""
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.session.views.status import status as look

        desk = task.desk(plan, state_dir, dry=True)
        while True:
            told = look(desk, show_names=show_names)
            task.out.result(told, _status_text(told))
            if not watch or task.stop.wait(WATCH_SECONDS):
                return

    task.run(body)


def _status_text(told: Status) -> str:
    rows = []
    for batch in told["batches"]:
        name, steps = batch["batch"], batch["steps"]
        rows.append({"batch": name, "step": "inventory", **_listed(steps["inventory"])})
        rows.append({"batch": name, "step": "transfer", **_moved(steps["transfer"])})
        rows.append({"batch": name, "step": "verify", **_moved(steps["verify"])})
    columns = ("batch", "step", "done", "objects", "bytes", "rate", "left")
    lines = [table(rows, {name: name for name in columns})]
    for batch in told["batches"]:
        lines += _cutover_lines(batch["batch"], batch["cutover"])
    if told["plan_changed"]:
        lines.append("the plan differs from the one this run was started with")
    return "\n".join([*lines, *map(_finding_line, told["findings"])])


def _listed(seen: Listed) -> dict[str, str]:
    return {
        "done": "done" if seen["done"] else "",
        "objects": str(seen["objects"]),
        "bytes": size_text(seen["bytes"]),
    }


def _moved(seen: Moved) -> dict[str, str]:
    eta, rate = seen["eta_seconds"], seen["bytes_per_second"]
    return {
        **_listed(seen),
        "objects": f"{seen['objects']}/{seen['of_objects']}",
        "rate": f"{size_text(rate)}/s" if rate is not None else "",
        "left": duration_text(eta) if eta is not None and not seen["done"] else "",
    }


def _finding_line(found: FindingGroup | NamedFinding) -> str:
    count = key = ""
    if "count" in found:
        count = f"{found['count']} x "
    elif found["key"]:
        key = f" {visible(found['key'])}"
    where = found["dataset"] or "run"
    return f"{found['severity']}: {count}{found['code']} ({where}){key}: {found['detail']}"


def _cutover_lines(batch: str, told: CutoverStatus | None) -> list[str]:
    """Return where a batch's cutover stands and why it does not go on."""
    if told is None:
        return []
    until = f" until {told['window_until']}" if told["stage"] == "fallback window" else ""
    lines = [f"cutover of {batch}: {told['stage']}{until}"]
    waits, held = told["waits"], told["held"]
    if waits is not None:
        lines.append(f"  stopped at {waits['at']}: {waits['why']}")
        lines += [f"    {line}" for line in waits["told"]]
    if held is not None:
        lines.append(f"  the switch is held {held}")
    return lines
