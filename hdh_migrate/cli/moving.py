"""Verbs that carry a plan out: preflight, inventory, transfer, verify, run."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from hdh_migrate.cli.app import AsJson, Batches, NoProgress, Plan, StateDir, Task, Verbose
from hdh_migrate.errors import Exit
from hdh_migrate.telemetry import duration_text, size_text


class Until(StrEnum):
    """The last step of a run."""

    INVENTORY = "inventory"
    TRANSFER = "transfer"
    VERIFY = "verify"
    REPORT = "report"


def preflight(
    plan: Plan,
    *,
    batch: Batches = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    verbose: Verbose = 0,
) -> None:
    """Look online, read-only: credentials and rights on both sides, clock, keys, room.

    Example: hdh-migrate preflight plan.yaml --json
    """
    task = Task(as_json=as_json, verbose=verbose)

    def body() -> Exit:
        from hdh_migrate.session.preflight import report
        from hdh_migrate.session.timekeeping import judge_for

        desk = task.desk(plan, state_dir, task.out.progress())
        desk.batches(batch or ())
        services = desk.services(write=True)
        judge = judge_for(desk.clock, [services], desk.ledger_path)
        checks = report(services, desk.loaded.plan, desk.state_dir, batch or (), judge)
        bad = [check for check in checks if not check["ok"]]
        code = Exit.OK if not bad else Exit.REFUSED
        if any(check.get("auth") for check in bad):
            code = Exit.AUTH
        lines = []
        for check in checks:
            lines.append(f"{'ok  ' if check['ok'] else 'FAIL'} {check['check']}")
            lines += [f"     {problem}" for problem in check.get("problems", ())]
            lines += [f"     note: {note}" for note in check.get("notes", ())]
            lines += [f"     to mend: {check['mend']}"] if "mend" in check else []
            lines += [f"     warning: no passphrase: {ref}" for ref in check.get("warnings", ())]
        task.out.result({"checks": checks, "exit": int(code)}, "\n".join(lines))
        return code

    task.run(body)


def _steps(
    task: Task, plan: Path, state_dir: Path | None, steps: Sequence[str], batch: Sequence[str]
) -> Exit:
    from hdh_migrate.model import Step
    from hdh_migrate.session.run import perform

    progress = task.out.progress()
    desk = task.desk(plan, state_dir, progress)
    try:
        code, datasets = perform(desk, [Step(step) for step in steps], batch)
    finally:
        progress.close()
    task.out.result(
        {"exit": int(code), "datasets": datasets, "plan_digest": desk.loaded.digest},
        _told(datasets),
    )
    return code


def _told(datasets: Sequence[dict[str, Any]]) -> str:
    lines = []
    for row in datasets:
        states = ", ".join(
            f"{count['objects']} {name} ({size_text(count['bytes'])})"
            for name, count in row["states"].items()
        )
        lines.append(f"{row['batch']} / {row['dataset']}: {states or 'nothing yet'}")
    return "\n".join(lines)


def inventory(
    plan: Plan,
    *,
    batch: Batches = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """List what there is to move and freeze it; nothing is moved.

    Example: hdh-migrate inventory plan.yaml --batch pilot
    """
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)
    task.run(lambda: _steps(task, plan, state_dir, ("inventory",), batch or ()))


def transfer(
    plan: Plan,
    *,
    batch: Batches = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Seal and send what inventory froze (and make the inventory when there is none).

    Example: hdh-migrate transfer plan.yaml
    """
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)
    task.run(lambda: _steps(task, plan, state_dir, ("inventory", "transfer"), batch or ()))


def verify(
    plan: Plan,
    *,
    batch: Batches = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Read back what was sent and compare it with what was read from the source.

    Example: hdh-migrate verify plan.yaml --json
    """
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)
    task.run(lambda: _steps(task, plan, state_dir, ("verify",), batch or ()))


def run(
    plan: Plan,
    *,
    until: Annotated[Until, typer.Option(metavar="STEP", help="The last step.")] = Until.REPORT,
    batch: Batches = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; change nothing, keep nothing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the report goes.")
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Inventory, transfer, verify and report; run it again after any stop and it goes on.

    Example: hdh-migrate run plan.yaml --dry-run
    """
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)
    batches = batch or ()

    def body() -> Exit:
        if dry_run:
            return _dry_run(task, plan, state_dir, batches)
        order = ["inventory", "transfer", "verify", "report"]
        steps = order[: order.index(str(until)) + 1]
        if until is not Until.REPORT:
            return _steps(task, plan, state_dir, steps, batches)
        return _whole(task, plan, state_dir, batches, out)

    task.run(body)


def _whole(
    task: Task, plan: Path, state_dir: Path | None, batches: Sequence[str], out: Path | None
) -> Exit:
    from hdh_migrate.model import Step
    from hdh_migrate.session import shelf
    from hdh_migrate.session.run import perform
    from hdh_migrate.session.stamping import write_stamped_report

    progress = task.out.progress()
    desk = task.desk(plan, state_dir, progress)
    if out is not None:
        shelf.earlier_bundle(out, desk.loaded.digest)
    try:
        code, datasets = perform(desk, list(Step), batches)
    finally:
        progress.close()
    if out is not None and (aside := shelf.put_aside(out, desk.loaded.digest)) is not None:
        progress.note(f"the report of an earlier run is now {aside}")
    report = write_stamped_report(desk, out)
    task.out.result(
        {
            "exit": int(code),
            "datasets": datasets,
            "plan_digest": desk.loaded.digest,
            "report": report,
        },
        f"{_told(datasets)}\nreport: {report['folder']}"
        + ("" if report["signed"] else " (draft, not evidence: the plan names no report.signer)"),
    )
    return code


def _dry_run(task: Task, plan: Path, state_dir: Path | None, batches: Sequence[str]) -> Exit:
    from hdh_migrate.session.run import forecast

    progress = task.out.progress()
    desk = task.desk(plan, state_dir, progress)
    try:
        told = forecast(desk, batches)
    finally:
        progress.close()
    task.out.result(
        {"dry_run": True, "exit": 0, "plan_digest": desk.loaded.digest, "batches": told},
        "\n".join(_forecast_lines(told)),
    )
    return Exit.OK


def _forecast_lines(told: Sequence[dict[str, Any]]) -> list[str]:
    lines = ["dry run: nothing was written on either side, no state is kept"]
    for batch in told:
        source, target = batch["requests"]["source"], batch["requests"]["target"]
        pace = batch["assumed"]
        low, high = (duration_text(batch["seconds"][end]) for end in ("low", "high"))
        lines += [
            (
                f"batch {batch['batch']}: {batch['objects']} objects, {size_text(batch['bytes'])},"
                f" {batch['parts']} parts, stored as {size_text(batch['stored_bytes'])}"
            ),
            (
                f"  excluded {batch['excluded']}, cannot be moved {batch['refused']},"
                f" already at the target {batch['occupied']}"
            ),
            "  source requests: " + ", ".join(f"{n} {kind}" for kind, n in source.items()),
            "  target requests: " + ", ".join(f"{n} {kind}" for kind, n in target.items()),
            (
                f"  time: {low} to {high}, the low end at {size_text(pace['bytes_per_second'])}/s"
                f" and {pace['objects_per_second']} objects/s each way"
            ),
            *(f"  note: {note}" for note in batch["notes"]),
        ]
    return lines


def register(app: typer.Typer) -> None:
    """Add this module's verbs."""
    for verb in (run, preflight, inventory, transfer, verify):
        app.command()(verb)
