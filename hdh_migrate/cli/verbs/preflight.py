"""`preflight`: is everything there that a run needs?"""

from __future__ import annotations

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import ASKING, Batches, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.moves import Preflight


@verb(
    examples=(
        "preflight plan.yaml",
        "preflight plan.yaml --batch pilot --json",
    ),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.AUTH),
    result=Preflight,
    options=ASKING,
)
def preflight(
    task: Task,
    plan: Plan,
    *,
    batch: Batches = None,
) -> Exit:
    """Check online, changing nothing: credentials and rights on both sides, clock, keys, room."""
    from hdh_migrate.session.policy import preparations
    from hdh_migrate.session.policy.timekeeping import judge_for
    from hdh_migrate.session.verbs.preflight import report
    from hdh_migrate.session.views.looked import unread_here

    desk = task.desk(plan, task.progress())
    desk.batches(batch or ())
    services = desk.services(write=True)
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    gone = unread_here(desk, batch or ())
    checks = report(services, desk.loaded.plan, desk.state_dir, batch or (), judge, unread=gone)
    checks += preparations.checks(desk, services.recipients)
    bad = [check for check in checks if not check["ok"]]
    code = Exit.OK if not bad else Exit.REFUSED
    if any(check.get("auth") for check in bad):
        code = Exit.AUTH
    lines = []
    for check in checks:
        lines.append(f"{'ok  ' if check['ok'] else 'FAIL'} {check['check']}")
        lines += [f"     {problem}" for problem in check.get("problems", ())]
        lines += [f"     note: {note}" for note in check.get("notes", ())]
        lines += [f"     to mend: {check['mend']}"] if "mend" in check else []
        lines += [f"     warning: no passphrase: {ref}" for ref in check.get("warnings", ())]
    lines.append(_summary(len(bad), len(checks)))
    result: Preflight = {"checks": checks, "exit": int(code)}
    task.out.result(result, "\n".join(lines))
    return code


def _summary(bad: int, checks: int) -> str:
    if bad:
        return f"\n{bad} of {checks} checks failed: a run would be refused; nothing was changed"
    return f"\nall {checks} checks passed: nothing stands against a run; nothing was changed"
