"""`cutover rollback`: the pointer gets its old value back."""

from __future__ import annotations

from hdh_migrate.cli.command import (
    AsJson,
    Batch,
    NoProgress,
    Plan,
    ShowNames,
    StateDir,
    Task,
    Verbose,
    verb,
)
from hdh_migrate.cli.output import visible
from hdh_migrate.errors import Exit
from hdh_migrate.results.switches import RolledBack


@verb(
    examples=(
        "cutover rollback plan.yaml --batch pilot",
        "cutover rollback plan.yaml --batch pilot --show-names",
    ),
    exits=(
        Exit.OK,
        Exit.USAGE,
        Exit.REFUSED,
        Exit.FINDINGS,
        Exit.STOPPED,
        Exit.AUTH,
        Exit.DAMAGED,
        Exit.LOCKED,
    ),
    result=RolledBack,
)
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
    """Give the pointer its old value back and list what consumers wrote to the target since."""
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)

    def body() -> Exit:
        from hdh_migrate.session.verbs import cutover as session

        result = task.at_desk(
            plan, state_dir,
            lambda desk: session.rollback(desk, batch, show_names=show_names),
        )  # fmt: skip
        lines = [f"batch {batch}: {result['stage']}; the pointer has its old value"]
        lines += [result["hint"]] if result["hint"] else []
        lines += [visible(line) for line in result["lines"]]
        task.out.result(result, "\n".join(lines))
        return Exit.FINDINGS if any(result["written"].values()) else Exit.OK

    task.run(body)
