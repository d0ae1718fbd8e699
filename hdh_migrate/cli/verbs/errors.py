"""`errors`: the open findings by cause, and what to do about each."""

from __future__ import annotations

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import AT_PLAN, Plan, ShowNames
from hdh_migrate.cli.pasted import named
from hdh_migrate.errors import Exit
from hdh_migrate.results.looks import Cause, Causes


@verb(
    examples=(
        "errors plan.yaml",
        "errors plan.yaml --show-names --json",
    ),
    exits=(Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.DRIFTED, Exit.DAMAGED),
    result=Causes,
    options=AT_PLAN,
)  # fmt: skip
def errors(
    task: Task,
    plan: Plan,
    *,
    show_names: ShowNames = False,
) -> Exit:
    """Group the open findings by cause: how many, the first, what is safe, and what to do.

    It ends as a run would with these findings; notes do not count. What ended the last run early is
    said besides: that is no finding.
    """
    from hdh_migrate.session.views.last_run import last_run
    from hdh_migrate.session.views.objects import causes

    desk = task.desk(plan, dry=True)
    result = causes(desk, show_names=show_names)
    text = "\n".join(map(_text, result["causes"])) or "no finding is open"
    task.out.result(result, text)
    if (last := last_run(desk)) is not None and last.exit is not None and last.why is not None:
        early = Exit(last.exit)
        task.out.say(
            f"note: the last run ended early with {last.exit} ({early.meaning}): {last.why};"
            ' "hdh-migrate status PLAN" says what is next'
        )
    return Exit(result["exit"])


def _text(cause: Cause) -> str:
    example = cause["example"]
    number, key = example["object"], example.get("key")
    about = "" if number is None else f"object {number}: "
    if key is not None:
        about = f"object {number}, {visible(key)}: "
    where = cause["dataset"] or "run"
    waived = f", {cause['waived']} of them waived" if cause["waived"] else ""
    return "\n".join(
        (
            f"{cause['severity']}: {cause['count']} x {cause['code']} ({where}){waived}",
            f"  first: {about}{example['detail']}",
            f"  safe:  {cause['safe']}",
            f"  next:  {named(cause['next'], batch=cause['batch'], dataset=cause['dataset'])}",
        )
    )
