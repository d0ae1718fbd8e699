"""`validate`: a plan, judged offline; and, if asked, its rules tried at the source."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from hdh_migrate.cli.command import AsJson, Plan, StateDir, Task, verb
from hdh_migrate.errors import Exit, MigrateError
from hdh_migrate.results.plans import Invalid, Valid


@verb(
    examples=(
        "validate plans/two-batches.yaml",
        "validate plan.yaml --sample --json",
    ),
    exits=(Exit.OK, Exit.REFUSED, Exit.FINDINGS, Exit.STOPPED, Exit.AUTH),
    result=Valid | Invalid,
)
def validate(
    plan: Plan,
    *,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample", help="List a part of the source and try the rules of the datasets on it."
        ),
    ] = False,
    objects: Annotated[
        int,
        typer.Option(
            "--objects",
            metavar="N",
            min=1,
            max=1_000_000,
            help="Objects of each dataset that --sample lists.",
        ),
    ] = 10_000,
    as_json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Check a plan offline; every mistake at once, with file:line:column.

    With --sample the source is listed in part, and nothing is kept: which rule takes or leaves how
    much. Exit 4: some rule matches nothing of what was listed.
    """
    task = Task(as_json=as_json)

    def body() -> Exit | None:
        from hdh_migrate.errors import PlanInvalid
        from hdh_migrate.folders import STATE_DIR
        from hdh_migrate.plan.loader import load
        from hdh_migrate.session.policy.quota import problems
        from hdh_migrate.session.views.outlook import check, demand_current, outlook, outlook_text
        from hdh_migrate.wiring.chosen import limits_of

        try:
            loaded = load(plan)
            check(loaded)
            demand_current(loaded)
        except PlanInvalid as error:
            wrong: Invalid = {"valid": False, "problems": list(error.problems)}
            if task.out.as_json:
                task.out.data(wrong)
            for problem in error.problems:
                task.out.say(problem)
            count = len(error.problems)
            task.out.say(f"error: {count} problem{'s' if count > 1 else ''} in {plan}")
            if error.hint:
                task.out.say(f"hint: {error.hint}")
            return Exit.REFUSED
        target = outlook(loaded.plan, loaded.base)
        # Sizes are known when an inventory was made in the plan's own state folder.
        limits = limits_of(loaded.plan, loaded.base)
        with suppress(MigrateError):  # a ledger that cannot be read is no fault of the plan
            known = problems(loaded.plan, loaded.base / STATE_DIR, limits)
            target["notes"] += [str(problem) for problem in known]
        told: Valid = {"valid": True, "plan_digest": loaded.digest, "target": target}
        lines = [f"{plan}: valid", f"plan digest {loaded.digest}", *outlook_text(target)]
        if sample:
            from hdh_migrate.cli.trials import lines_of, unused
            from hdh_migrate.session.verbs.sample import sampled

            told["sample"] = sampled(task.desk(plan, state_dir, dry=True), objects)
            lines += [line for one in told["sample"] for line in lines_of(one)]
        task.out.result(told, "\n".join(lines))
        return Exit.FINDINGS if sample and unused(told["sample"]) else None

    task.run(body)
