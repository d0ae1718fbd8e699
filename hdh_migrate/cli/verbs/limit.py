"""`limit`: runs move no more than so many bytes a second for now."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.hours import heard_by
from hdh_migrate.cli.parameters import AT_PLAN, Plan
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.courses import InstructionGiven
from hdh_migrate.telemetry import size_text


@verb(
    examples=("limit plan.yaml 200MiB/s --for 2h", "limit plan.yaml --release"),
    exits=(Exit.REFUSED, Exit.STOPPED, Exit.DAMAGED, Exit.LOCKED),
    result=InstructionGiven,
    options=AT_PLAN,
)
def limit(
    task: Task,
    plan: Plan,
    rate: Annotated[
        str | None, typer.Argument(metavar="RATE", help="The most, such as 200MiB/s.")
    ] = None,
    *,
    lasts: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="End it by itself: 90m, 2h, 3d."),
    ] = None,
    release: Annotated[bool, typer.Option("--release", help="Let go instead.")] = False,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; the journal keeps it.")
    ] = None,
) -> None:
    """Limit the run under way within two seconds, and those after it, until --for or --release.

    It never lets a run be faster than the plan's own limits do; a second one replaces the first.
    """
    from hdh_migrate.model import InstructionKind
    from hdh_migrate.session.verbs.instruct import demand_heard, instruct

    if release is (rate is not None) or (release and lasts is not None):
        raise UsageError("give a rate, such as 200MiB/s, or --release alone")
    most, seconds = _rate(rate), _seconds(lasts)
    desk = task.desk(plan)
    kind = InstructionKind.RELEASE if release else InstructionKind.LIMIT
    result = instruct(desk, kind, rate=most, seconds=seconds, reason=reason)
    demand_heard(desk, result)
    task.out.result(result, _text(result))


def _rate(text: str | None) -> int | None:
    from hdh_migrate.plan import fields

    if text is None:
        return None
    if not fields.is_rate(text):
        raise UsageError(
            f"RATE {fields.BANDWIDTH_RULE}",
            hint="`limit PLAN --release` takes a limit back, `pause PLAN` stops",
        )
    return fields.bytes_per_second(text)


def _seconds(text: str | None) -> int | None:
    from hdh_migrate.plan import fields

    if text is None:
        return None
    if not fields.is_period(text):
        raise UsageError(f"--for {fields.PERIOD_RULE}")
    return fields.period_seconds(text)


def _text(given: InstructionGiven) -> str:
    counts = given["limit"]
    if counts is None:
        return (
            "nobody had set a limit" if given["said"] is None else "let go: the plan's limits count"
        )
    until = "" if counts["until"] is None else f" until {counts['until'][:19]}Z"
    who = heard_by(given)
    heard = "no run is under way: it counts for the next one" if who is None else f"heard by {who}"
    idle = "" if given["slows"] else "; the plan allows no more anyway, so it slows nothing"
    return f"at most {size_text(counts['bytes_per_second'])}/s{until}; {heard}{idle}"
