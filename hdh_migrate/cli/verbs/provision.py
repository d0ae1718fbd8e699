"""`provision`: buckets as health-data rules want them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import ASKING, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.hosts import BucketStep, Provisioned


@verb(
    examples=(
        "provision plan.yaml",
        "provision plan.yaml --policy policy.json --execute",
    ),
    exits=(Exit.REFUSED, Exit.FINDINGS, Exit.STOPPED, Exit.AUTH, Exit.LOCKED),
    result=Provisioned,
    options=ASKING,
)
def provision(
    task: Task,
    plan: Plan,
    *,
    execute: Annotated[
        bool, typer.Option("--execute", help="Do it; without it nothing is changed.")
    ] = False,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="A bucket policy; {bucket} is filled in."),
    ] = None,
) -> Exit:
    """Make the plan's buckets as the provider's rules for health data want them.

    A dry run, unless --execute is given.
    """
    from hdh_migrate.session.verbs.provision import provision_buckets

    desk = task.desk(plan, task.progress())
    code, steps = provision_buckets(desk, policy=policy, execute=execute)
    lines = [] if execute else ["dry run: nothing was changed; --execute does it"]
    lines += [visible(f"{'ok  ' if one['ok'] else '--  '} {_step(one)}") for one in steps]
    result: Provisioned = {"dry_run": not execute, "steps": steps, "exit": int(code)}
    task.out.result(result, "\n".join(lines))
    return code


def _step(step: BucketStep) -> str:
    where = f"{step['bucket']}: {step['step']}"
    return f"{where}: seen {step['seen']}; wanted {step['wanted']}; {step['done']}"
