"""`ledger check`: all of the ledger, as reports and whatever cannot be taken back check it."""

from __future__ import annotations

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AT_PLAN, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.ledgers import LedgerChecked
from hdh_migrate.telemetry import counted, size_text


@verb(
    examples=(
        "ledger check plan.yaml",
        "ledger check plan.yaml --state-dir /srv/state --json",
    ),
    exits=(Exit.UNEXPECTED, Exit.REFUSED, Exit.DAMAGED, Exit.INTERRUPTED),
    result=LedgerChecked,
    at_length=True,
    options=AT_PLAN,
)  # fmt: skip
def check(task: Task, plan: Plan) -> None:
    """Check every page, the whole journal, and every row against it; changes nothing.

    Other commands check what they read. A report, an approval, a switch, a finalize and a deletion
    check all of it first, as this does. It reads the whole ledger, also while a run is under way.
    """
    from hdh_migrate.session.views.checked import checked

    result = checked(task.desk(plan, dry=True))
    lines = [
        f"the ledger checks: {size_text(result['bytes'])}, every page of it",
        f"{counted(result['objects'], 'object')}, each as the journal tells it",
        f"{counted(result['events'], 'event')}, chained; the last is {result['head']}",
    ]
    task.out.result(result, "\n".join(lines))
