"""`validate`: a plan, judged offline; and, if asked, its rules tried at the source."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import AT_PLAN, Plan
from hdh_migrate.errors import Exit, MigrateError
from hdh_migrate.results.plans import Invalid, Valid

if TYPE_CHECKING:
    from hdh_migrate.errors import PlanInvalid
    from hdh_migrate.plan.loader import LoadedPlan
    from hdh_migrate.session.desk import Desk


@verb(
    examples=(
        "validate plan.yaml",
        "validate plan.yaml --sample --json",
    ),
    exits=(Exit.REFUSED, Exit.FINDINGS, Exit.STOPPED, Exit.AUTH),
    result=Valid | Invalid,
    options=AT_PLAN,
)
def validate(
    task: Task,
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
    from_report: Annotated[
        Path | None,
        typer.Option(
            "--from-report",
            metavar="DIR",
            help="Try the rules on a report that the source itself wrote; nobody is contacted.",
        ),
    ] = None,
) -> Exit | None:
    """Check a plan offline; all wrong fields at once, with file:line:column.

    What fields mean together is judged when each is right.

    With --sample the source is listed in part, and nothing is kept: which rule takes or leaves how
    much. With --from-report the same is said of all of a report (Azure Blob Inventory), before any
    right to list exists. Exit 4: some rule matches nothing of what was looked at.
    """
    from hdh_migrate.cli.trials import lines_of, unused
    from hdh_migrate.errors import PlanInvalid, UsageError
    from hdh_migrate.plan.loader import load
    from hdh_migrate.session.views.outlook import check, demand_current

    try:
        loaded = load(plan)
        check(loaded)
        demand_current(loaded)
    except PlanInvalid as error:
        _say_invalid(task, plan, error)
        return Exit.REFUSED
    result, lines = _judged(plan, loaded)
    if sample and from_report is not None:
        raise UsageError("--sample lists the source, --from-report does not: give one of them")
    if sample or from_report is not None:
        desk = task.desk(plan, dry=True)
        result |= _tried(desk, objects, from_report)
        if "report_taken_at" in result:
            lines.append(f"a report of the source, begun at {result['report_taken_at']}")
        lines += [line for one in result["sample"] for line in lines_of(one)]
    task.out.result(result, "\n".join(lines))
    return Exit.FINDINGS if unused(result.get("sample", ())) else None


def _say_invalid(task: Task, plan: Path, error: PlanInvalid) -> None:
    wrong: Invalid = {"valid": False, "problems": list(error.problems)}
    if task.out.as_json:
        task.out.data(wrong)
    for problem in error.problems:
        task.out.say(problem)
    count = len(error.problems)
    task.out.say(f"error: {count} problem{'s' if count > 1 else ''} in {plan}")
    if error.hint:
        task.out.say(f"hint: {error.hint}")


def _judged(plan: Path, loaded: LoadedPlan) -> tuple[Valid, list[str]]:
    """Return what a plan means for its target and for what is kept of objects, also in lines."""
    from hdh_migrate.folders import STATE_DIR
    from hdh_migrate.session.policy.absent import absent
    from hdh_migrate.session.policy.quota import problems
    from hdh_migrate.session.views.fidelity import fidelity, fidelity_text
    from hdh_migrate.session.views.outlook import outlook, outlook_text
    from hdh_migrate.wiring.chosen import limits_of

    target = outlook(loaded.plan, loaded.base)
    # Sizes are known when an inventory was made in the plan's own state folder.
    limits = limits_of(loaded.plan, loaded.base)
    with suppress(MigrateError):  # a ledger that cannot be read is no fault of the plan
        known = problems(loaded.plan, loaded.base / STATE_DIR, limits)
        target["notes"] += [str(problem) for problem in known]
    target["notes"] += absent(loaded)
    if loaded.plan.engine.certificates is not None:
        target["notes"] += _about_the_cluster(loaded)
    chosen = fidelity(loaded.plan)
    result: Valid = {
        "valid": True, "plan_digest": loaded.digest, "target": target, "fidelity": chosen,
    }  # fmt: skip
    lines = [f"{plan}: valid", f"plan digest {loaded.digest}", *outlook_text(target)]
    return result, [*lines, *fidelity_text(chosen)]


def _about_the_cluster(loaded: LoadedPlan) -> list[str]:
    """Return what is to be known of the certificates, which are no fault of the plan."""
    from hdh_migrate.session.policy.cluster_keys import notes, problems
    from hdh_migrate.telemetry import SystemClock

    now = SystemClock().now()
    found = problems(loaded.plan, loaded.base, now)
    lines = notes(loaded.plan, loaded.base, now)
    return [*map(str, found), *(f"certificates of the cluster: {one}" for one in lines)]


def _tried(desk: Desk, objects: int, report: Path | None) -> Valid:
    """Return what the rules did, and of what."""
    if report is None:
        from hdh_migrate.session.verbs.sample import sampled

        return {"sample": sampled(desk, objects)}  # type: ignore[typeddict-item]  # a part of it
    from hdh_migrate.session.verbs.third_count import tried_on

    taken_at, tried = tried_on(desk, report)
    return {"sample": tried, "report_taken_at": taken_at}  # type: ignore[typeddict-item]
