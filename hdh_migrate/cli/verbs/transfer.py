"""`transfer`: what inventory froze, sealed and sent."""

from __future__ import annotations

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import MOVING, Batches, MetricsFile, Plan
from hdh_migrate.cli.steps import Reason, TakeOver, perform_steps, why
from hdh_migrate.errors import Exit
from hdh_migrate.model import Step
from hdh_migrate.results.moves import Steps
from hdh_migrate.session.asked import AskedRun


@verb(
    examples=(
        "transfer plan.yaml",
        "transfer plan.yaml --batch pilot --no-progress",
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.DRIFTED, Exit.STOPPED,
        Exit.AUTH, Exit.DAMAGED, Exit.LOCKED, Exit.INTERRUPTED,
    ),
    result=Steps,
    options=MOVING,
)  # fmt: skip
def transfer(
    task: Task,
    plan: Plan,
    *,
    batch: Batches = None,
    take_over: TakeOver = False,
    reason: Reason = None,
    metrics_file: MetricsFile = None,
) -> Exit:
    """Encrypt and send what inventory listed (and make the inventory when there is none)."""
    asked = AskedRun(
        steps=(Step.INVENTORY, Step.TRANSFER),
        batches=tuple(batch or ()),
        taking_over=why(reason, take_over=take_over),
    )
    return perform_steps(task, plan, asked, metrics_file=metrics_file)
