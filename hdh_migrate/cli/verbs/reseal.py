"""`reseal`: every object under a new data key, once the old ones may be known to somebody."""

from __future__ import annotations

from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import WORKING, Plan
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.keys import ResealForecast, SealedAnew
from hdh_migrate.telemetry import counted, hours_text, size_text


@verb(
    examples=("reseal plan.yaml", "reseal plan.yaml --execute"),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.APPROVAL_MISSING,
        Exit.AUTH, Exit.DAMAGED, Exit.LOCKED, Exit.INTERRUPTED,
    ),
    result=ResealForecast | SealedAnew,
    options=WORKING,
)  # fmt: skip
def reseal(
    task: Task,
    plan: Plan,
    *,
    execute: Annotated[
        bool, typer.Option("--execute", help="Do it; without it nothing is changed.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Begin another one, though the last went through all objects."
        ),
    ] = False,
    give_up: Annotated[
        bool,
        typer.Option(
            "--give-up", help="End the one under way; what it did not come to stays as it is."
        ),
    ] = False,
) -> Exit:
    """Encrypt every verified object anew, under a new data key; a dry run at first.

    For when data keys may be known to somebody. Bodies travel through this machine; each object is
    read back whole and opened before its earlier version goes. Who opens stays the same: replace
    a recipient's key before, with `keys rotate`. Stopped anywhere, the same command goes on.
    """
    from hdh_migrate.session.verbs import reseal as session

    if again and give_up:
        raise UsageError("--again and --give-up are two things to do")
    if not execute:
        would = task.at_desk(
            plan, lambda desk: session.forecast(desk, again=again, giving_up=give_up)
        )
        lines = _given_up_lines(would) if give_up else _forecast_lines(would)
        task.out.result(would, "\n".join(lines))
        return Exit.REFUSED if would["blockers"] else Exit.OK
    code, done = task.at_desk(
        plan, lambda desk: session.execute(desk, again=again, giving_up=give_up)
    )
    task.out.result(done, "\n".join(_lines(done)))
    return code


def _given_up_lines(would: ResealForecast) -> list[str]:
    stay = counted(would["objects"], "object")
    return [
        f"dry run: at most {stay} would stay as they are, under the data keys that they had",
        f"  sealed anew so far: {would['done']}; these stay so",
        "nothing was changed; --execute gives it up",
    ]


def _forecast_lines(would: ResealForecast) -> list[str]:
    hours = "unknown" if would["hours"] is None else hours_text(would["hours"])
    so_far = (
        f"  it goes on: {counted(would['done'], 'object is', 'objects are')} done,"
        f" {counted(would['left'], 'was', 'were')} left"
    )
    return [
        f"dry run: every object would be sealed anew for {', '.join(would['recipients'])}",
        *([so_far] if would["begun"] and not would["ended"] else []),
        *(
            [
                (
                    f"  rotation {would['number']} has ended, and would go through what it left"
                    f" ({would['left']}); --again begins another one"
                )
            ]
            if would["ended"]
            else []
        ),
        (
            f"  objects: {would['objects']}, {size_text(would['bytes'])} as they are stored; bodies"
            " travel through this machine"
        ),
        f"  from the target: {size_text(would['bytes_read'])}, with the reading back of each",
        f"  to the target: {size_text(would['bytes_written'])}; requests: {would['requests']}",
        *(
            [f"  besides, header packs are made anew at both places: {would['packs']} of them"]
            if would["packs"] is not None
            else []
        ),
        f"  at the pace of the verification so far: {hours}",
        *(
            [f"  grants that stand: {would['grants']}; their readers need new packs afterwards"]
            if would["grants"]
            else []
        ),
        *(f"  against it: {line}" for line in would["blockers"]),
        "nothing was changed",
    ]


def _lines(done: SealedAnew) -> list[str]:
    return [
        (
            f"{counted(done['objects'], 'object is', 'objects are')} sealed under new data keys;"
            f" each was read back and opened with {done['opened_by']}"
        ),
        *(
            [f"  header packs made anew, and opened at both places: {done['packs']}"]
            if done["packs"] is not None
            else []
        ),
        *(f"  {line}" for line in done["remains"]),
    ]
