"""`cutover rollback`: the pointer gets its old value back."""

from __future__ import annotations

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import WORKING, Batch, Plan, ShowNames
from hdh_migrate.errors import Exit
from hdh_migrate.results.switches import RolledBack, SourceSince


@verb(
    examples=(
        "cutover rollback plan.yaml --batch pilot",
        "cutover rollback plan.yaml --batch pilot --show-names",
    ),
    exits=(Exit.REFUSED, Exit.FINDINGS, Exit.STOPPED, Exit.AUTH, Exit.DAMAGED, Exit.LOCKED),
    result=RolledBack,
    options=WORKING,
)  # fmt: skip
def rollback(
    task: Task,
    plan: Plan,
    *,
    batch: Batch,
    show_names: ShowNames = False,
) -> Exit:
    """Give the pointer its old value back and list what consumers wrote to the target since."""
    from hdh_migrate.session.verbs import cutover as session

    result = task.at_desk(
        plan,
        lambda desk: session.rollback(desk, batch, show_names=show_names),
    )  # fmt: skip
    pointer = result["pointer_now"]
    back = pointer["has"] == "old"
    lines = [f"batch {batch}: {result['stage']}; {visible(pointer['told'])}"]
    lines += [result["hint"]] if result["hint"] else []
    lines += [visible(line) for line in result["lines"]]
    source = result["source"]
    lines += _source(source) if back and source is not None else []
    task.out.result(result, "\n".join(lines))
    lacks = source is not None and (source["gone"] or source["unread"] is not None)
    open_ = not back or lacks or any(result["written"].values())
    return Exit.FINDINGS if open_ else Exit.OK


def _source(source: SourceSince) -> list[str]:
    """Return what people must know of the place to which consumers are led again."""
    if source["unread"] is not None:
        return [
            f"the source that consumers are led to again could not be listed: {source['unread']}",
            "see that it answers them: the pointer is where it was, and nothing more is undone",
        ]
    counts = ", ".join(f"{source[what]} {what}" for what in ("new", "changed", "gone")
                       if source[what])  # fmt: skip
    if not counts:
        return ["the source lists what was moved of it"]
    return [f"the source is not as it was moved: {counts}; consumers are led to it as it is"]
