"""Verbs that look: status, fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hdh_migrate.cli.app import AsJson, Plan, ShowNames, StateDir, Task, Verbose
from hdh_migrate.cli.output import table, visible
from hdh_migrate.telemetry import duration_text, size_text

WATCH_SECONDS = 2.0


def status(
    plan: Plan,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds.")] = False,
    show_names: ShowNames = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show per batch and step: objects, bytes, rate, time left, findings; also during a run.

    Example: hdh-migrate status plan.yaml --watch
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.session.status import status as look

        desk = task.desk(plan, state_dir)
        while True:
            told = look(desk, show_names=show_names)
            task.out.result(told, _status_text(told))
            if not watch or task.stop.wait(WATCH_SECONDS):
                return

    task.run(body)


def _status_text(told: dict[str, Any]) -> str:
    rows = []
    for batch in told["batches"]:
        for step, seen in batch["steps"].items():
            eta, rate = seen.get("eta_seconds"), seen.get("bytes_per_second")
            of = f"/{seen['of_objects']}" if "of_objects" in seen else ""
            rows.append(
                {
                    "batch": batch["batch"],
                    "step": step,
                    "done": "done" if seen["done"] else "",
                    "objects": f"{seen['objects']}{of}",
                    "bytes": size_text(seen["bytes"]),
                    "rate": f"{size_text(rate)}/s" if rate is not None else "",
                    "left": duration_text(eta) if eta is not None and not seen["done"] else "",
                }
            )
    columns = ("batch", "step", "done", "objects", "bytes", "rate", "left")
    lines = [table(rows, {name: name for name in columns})]
    for batch in told["batches"]:
        lines += _cutover_lines(batch["batch"], batch["cutover"])
    if told["plan_changed"]:
        lines.append("the plan differs from the one this run was started with")
    for found in told["findings"]:
        count = f"{found['count']} x " if "count" in found else ""
        key = f" {visible(found['key'])}" if found.get("key") else ""
        where = found["dataset"] or "run"
        lines.append(
            f"{found['severity']}: {count}{found['code']} ({where}){key}: {found['detail']}"
        )
    return "\n".join(lines)


def _cutover_lines(batch: str, told: dict[str, Any] | None) -> list[str]:
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


def fetch(
    plan: Plan,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="A dataset of the plan.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key, as at the source.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A new file.")],
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Why it is opened; for the journal and the report. Needed off rehearsals.",
        ),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    verbose: Verbose = 0,
) -> None:
    """Read one object back from the target, unsealed and checked.

    Who opens which object and why is written down first.

    Example: hdh-migrate fetch plan.yaml pmsi mco.csv --out mco.csv --reason "ticket 4711"
    """
    task = Task(as_json=as_json, verbose=verbose)

    def body() -> None:
        from hdh_migrate.session.fetch import fetch as bring

        desk = task.desk(plan, state_dir)
        told = bring(desk, dataset, key, out, reason=reason)
        task.out.result(told, f"{out}: {size_text(told['size'])}, sha256 {told['sha256']}")

    task.run(body)


def register(app: typer.Typer) -> None:
    """Add this module's verbs."""
    for verb in (status, fetch):
        app.command()(verb)
