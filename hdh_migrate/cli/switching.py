"""Verbs of the riskiest hour: cutover start, rollback, finalize; hold; rehearse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from hdh_migrate.cli.app import (
    AsJson,
    NoProgress,
    Plan,
    ShowNames,
    StateDir,
    Task,
    Verbose,
)
from hdh_migrate.cli.output import visible
from hdh_migrate.errors import Exit

cutover = typer.Typer(
    help="Switch a batch's pointer to the target, go back, or give going back up.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Batch = Annotated[str, typer.Option("--batch", metavar="NAME", help="Which batch.")]


@cutover.command()
def start(
    plan: Plan,
    *,
    batch: Batch,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Gates, freeze proof, final delta, switch, smoke tests; start again and it goes on.

    Example: hdh-migrate cutover start plan.yaml --batch pilot
    """
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)

    def body() -> None:
        from hdh_migrate.session import cutover as session

        told = _with(task, plan, state_dir, lambda desk: session.start(desk, batch))
        final = told["times"].get("finalized")
        until = f"since {final}" if final else f"until {told['window_until']}"
        back = f"hdh-migrate cutover rollback {plan} --batch {batch}"
        task.out.result(
            told,
            f"batch {batch}: {told['stage']}, {until}\n"
            f"pointer ({told['pointer']['kind']}, guard {told['pointer']['guard']}) is switched; "
            f"way back: {'none' if final else back}",
        )

    task.run(body)


@cutover.command()
def rollback(
    plan: Plan,
    *,
    batch: Batch,
    show_names: ShowNames = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Give the pointer its old value back and list what consumers wrote to the target since.

    Example: hdh-migrate cutover rollback plan.yaml --batch pilot
    """
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)

    def body() -> Exit:
        from hdh_migrate.session import cutover as session

        told = _with(
            task, plan, state_dir,
            lambda desk: session.rollback(desk, batch, show_names=show_names),
        )  # fmt: skip
        lines = [f"batch {batch}: {told['stage']}; the pointer has its old value"]
        lines += [told["hint"]] if told["hint"] else []
        lines += [visible(line) for line in told["lines"]]
        task.out.result(told, "\n".join(lines))
        return Exit.FINDINGS if any(told["written"].values()) else Exit.OK

    task.run(body)


@cutover.command()
def finalize(
    plan: Plan,
    *,
    batch: Batch,
    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Why before the fallback window ends; journalled."),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """THE POINT OF NO RETURN: from then on there is no rollback. Needs approvals of its own.

    Example: hdh-migrate cutover finalize plan.yaml --batch pilot
    """
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)

    def body() -> None:
        from hdh_migrate.session import cutover as session

        told = _with(task, plan, state_dir, lambda desk: session.finalize(desk, batch, reason))
        task.out.say(f"*** batch {batch} IS FINAL: rollback is refused from now on ***")
        task.out.result(told, f"batch {batch}: {told['stage']} at {told['times']['finalized']}")

    task.run(body)


def hold(
    plan: Plan,
    *,
    release: Annotated[bool, typer.Option("--release", help="Let go instead.")] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Told to who starts.")] = "",
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Hold every switch of this plan, also of one that is under way; or let go.

    Example: hdh-migrate hold plan.yaml --reason "ward 3 still writes"
    """
    task = Task(as_json=as_json)

    def body() -> None:
        from hdh_migrate.session import holding

        desk = task.desk(plan, state_dir)
        if release:
            was = holding.release(desk)
            text = f"let go; it was held {was}" if was else "nobody held it"
            task.out.result({"held": None, "was": was}, text)
        else:
            held = holding.hold(desk, reason)
            task.out.result({"held": held}, f"held {held}")

    task.run(body)


def rehearse(
    plan: Plan,
    *,
    batch: Batch,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Play the whole cutover on the canary pointer and back; the source is only read.

    Example: hdh-migrate rehearse plan.yaml --batch pilot
    """
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)

    def body() -> Exit:
        from hdh_migrate.session import cutover as session

        told = _with(task, plan, state_dir, lambda desk: session.rehearse(desk, batch))
        task.out.result(told, "\n".join(_rehearsed(told)))
        return Exit.OK if told["ok"] else Exit.VERIFICATION_FAILED

    task.run(body)


def _rehearsed(told: dict[str, Any]) -> list[str]:
    lines = [f"batch {told['batch']}: {'rehearsed' if told['ok'] else 'THE REHEARSAL FAILED'}"]
    if told["failed"]:
        lines.append(told["failed"])
    for what, same in told["same"].items():
        lines.append(f"  {what}: {'the same' if same else 'DIFFERENT'} before and after")
    found = told["a_start_would_find"]
    moves = ", ".join(f"{count} {what}" for what, count in found["to_move"].items())
    lines.append(f"  a start would find: {moves} at the source")
    lines += [f"  a start would find: {line}" for line in found["approvals"]]
    return lines


def _with(
    task: Task, plan: Path, state_dir: Path | None, act: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """Act on the desk of a plan, showing progress."""
    progress = task.out.progress()
    desk = task.desk(plan, state_dir, progress)
    try:
        return act(desk)
    finally:
        progress.close()


def register(app: typer.Typer) -> None:
    """Add this module's verbs."""
    app.add_typer(cutover, name="cutover")
    for verb in (hold, rehearse):
        app.command()(verb)
