"""`validate`: a plan, judged offline."""

from __future__ import annotations

from contextlib import suppress

from hdh_migrate.cli.command import AsJson, Plan, Task, verb
from hdh_migrate.errors import Exit, MigrateError
from hdh_migrate.results.plans import Invalid, Valid


@verb(
    examples=(
        "validate plans/two-batches.yaml",
        "validate plan.yaml --json",
    ),
    exits=(Exit.OK, Exit.REFUSED),
    result=Valid | Invalid,
)
def validate(plan: Plan, *, as_json: AsJson = False) -> None:
    """Check a plan offline; every mistake at once, with file:line:column."""
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
        task.out.result(
            told,
            "\n".join([f"{plan}: valid", f"plan digest {loaded.digest}", *outlook_text(target)]),
        )
        return None

    task.run(body)
