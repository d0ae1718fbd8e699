"""`verify`: what was sent, read back; and, later, what is verified, looked at again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import MOVING, Batches, MetricsFile, Plan, ShowNames
from hdh_migrate.cli.steps import attend, perform_steps, states_text
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.model import Step
from hdh_migrate.results.moves import BatchLook, DecidedObjects, LooksMade, Steps
from hdh_migrate.session.asked import AskedRun
from hdh_migrate.telemetry import size_text

if TYPE_CHECKING:
    from hdh_migrate.pipeline.looks.look_again import Choice
    from hdh_migrate.session.desk import Desk

_AGE = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SAMPLE = re.compile(r"([1-9][0-9]{0,8})|([0-9]{1,3}(?:\.[0-9]{1,3})?)%")
_REASON_MAX = 500
_WORDS = {"beside": "with other metadata or tags beside the right bytes"}
_NOTHING = (
    "nothing to decide about: no look found somebody else's object that waits; --again alone looks"
)
_SHOWN = 20
"""Objects that are listed one by one for people."""


class LevelOption(StrEnum):
    """How closely an object is read."""

    FULL = "full"
    STORED = "stored"
    HEAD = "head"


@verb(
    examples=(
        "verify plan.yaml --batch pilot --json",
        "verify plan.yaml --again --older-than 30d",
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.AUTH,
        Exit.DAMAGED, Exit.LOCKED, Exit.INTERRUPTED,
    ),
    result=Steps | LooksMade | DecidedObjects,
    options=MOVING,
)  # fmt: skip
def verify(
    task: Task,
    plan: Plan,
    *,
    batch: Batches = None,
    again: Annotated[
        bool, typer.Option("--again", help="Read what is verified already; list what was lost.")
    ] = False,
    sample: Annotated[
        str | None,
        typer.Option(metavar="N|P%", help="With --again: so many objects, drawn by chance."),
    ] = None,
    level: Annotated[
        LevelOption | None,
        typer.Option(help="With --again: how closely; by default as the plan says."),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="With --again: only what was read so long ago: 30d, 12h."),
    ] = None,
    afresh: Annotated[
        bool,
        typer.Option("--afresh", help="With --again: also what a stopped look had read already."),
    ] = False,
    restore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID|all",
            help="With --again: keep somebody else's object aside, let the next run send ours.",
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|all", help="With --again: take somebody else's object for ours."),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="With --accept: why, without names; the report prints it."
        ),
    ] = None,
    show_names: ShowNames = False,
    metrics_file: MetricsFile = None,
) -> Exit:
    """Read back what was sent and compare it with what was read from the source.

    With --again what is verified already is read once more: what the target has lost or damaged
    waits for the next run, what somebody replaced is reported, and never overwritten in silence.
    """
    batches = batch or ()
    asked = (sample, level, older_than, restore, accept, reason)
    if not again:
        options = {
            "--sample": sample, "--level": level, "--older-than": older_than,
            "--restore": restore, "--accept": accept, "--reason": reason,
            "--show-names": show_names or None, "--afresh": afresh or None,
        }  # fmt: skip
        given = [name for name, value in options.items() if value is not None]
        if given:
            raise UsageError(
                f"{given[0]} goes with --again",
                hint='"verify PLAN --again" reads verified objects again',
            )
        asked_run = AskedRun(steps=(Step.VERIFY,), batches=tuple(batches))
        return perform_steps(task, plan, asked_run, metrics_file=metrics_file)
    if restore or accept:
        _demand_decision(asked, afresh=afresh)
        if metrics_file is not None:
            raise UsageError("--restore and --accept move nothing: leave --metrics-file away")
        return _decide(task, plan, batches, restore, accept, reason)
    if reason is not None:
        raise UsageError("--reason goes with --accept")
    choice = replace(_choice(sample, level, older_than), afresh=afresh)
    return _look(
        task, plan, batches, choice, show_names=show_names,
        metrics_file=metrics_file,
    )  # fmt: skip


def _demand_decision(asked: tuple[object, ...], *, afresh: bool) -> None:
    sample, level, older_than, restore, accept, reason = asked
    of_looks = afresh or any(one is not None for one in (sample, level, older_than))
    if of_looks or (restore and accept):
        raise UsageError("--restore and --accept are given alone; nothing was touched")
    if accept and (not isinstance(reason, str) or not reason.strip() or len(reason) > _REASON_MAX):
        raise UsageError(f"--accept needs a --reason of up to {_REASON_MAX} characters")
    if restore and reason is not None:
        raise UsageError("--reason goes with --accept")


def _choice(sample: str | None, level: LevelOption | None, older_than: str | None) -> Choice:
    from hdh_migrate.pipeline.looks.look_again import Choice

    age = _AGE.fullmatch(older_than) if older_than is not None else None
    if older_than is not None and age is None:
        raise UsageError("--older-than must be an age such as 30d, 12h or 90m")
    drawn = _SAMPLE.fullmatch(sample) if sample is not None else None
    percent = float(drawn[2]) if drawn is not None and drawn[2] is not None else None
    if sample is not None and (drawn is None or percent == 0 or (percent or 0) > 100):
        raise UsageError("--sample must be a number of objects, or a part of them such as 5%")
    return Choice(
        level="" if level is None else str(level),
        older_than=float(int(age[1]) * _UNITS[age[2]]) if age is not None else None,
        sample=int(drawn[1]) if drawn is not None and drawn[1] is not None else None,
        percent=percent,
    )


def _look(
    task: Task,
    plan: Path,
    batches: Sequence[str],
    choice: Choice,
    *,
    show_names: bool,
    metrics_file: Path | None,
) -> Exit:
    from hdh_migrate.session.verbs.look_again import look_again

    def look(desk: Desk) -> LooksMade:
        return look_again(desk, batches, choice, show_names=show_names)

    looked = task.at_desk(plan, attend(look, metrics_file))
    lines = [line for look in looked["looks"] for line in _lines(look)]
    task.out.result(
        looked, "\n".join([*lines, states_text(looked["datasets"]), *_next(looked["next"])])
    )
    return Exit(looked["exit"])


def _lines(look: BatchLook) -> list[str]:
    differing = look["differing"]
    lines = [
        (
            f"{look['batch']}: {look['objects']} of {look['verified']} verified objects"
            f" ({size_text(look['bytes'])} as stored) read again, level {look['level']}"
        ),
    ]
    if look["before"]:
        lines.append(
            f"  {look['before']} of them were read before this look was stopped, from"
            f" {look['since']} on, and not now; --afresh reads them again"
        )
    for kind in ("gone", "damaged", "replaced", "unread", "lost", "beside"):
        ones = [one for one in differing if one["found"] == kind]
        if ones:
            lines.append(f"  {len(ones)} {_WORDS.get(kind, kind)}")
            lines += [
                f"    object {one['id']}" + (f"  {one['key']}" if "key" in one else "")
                for one in ones[:_SHOWN]
            ]
            if len(ones) > _SHOWN:
                lines.append("    ... all of them with --json")
    if not look["objects"]:
        return [*lines, "  nothing was read: none of them was to be"]
    return lines if differing else [*lines, "  all as they were verified"]


def _decide(
    task: Task,
    plan: Path,
    batches: Sequence[str],
    restore: Sequence[str] | None,
    accept: Sequence[str] | None,
    reason: str | None,
) -> Exit:
    from hdh_migrate.session.verbs import look_again as verbs

    ids = _ids(restore or accept or ())
    if restore:
        decided = task.at_desk(plan, lambda desk: verbs.restore(desk, batches, ids))
    else:
        decided = task.at_desk(plan, lambda desk: verbs.accept(desk, batches, ids, reason or ""))
    lines = []
    for one in decided["objects"]:
        line = f"object {one['id']}: {one['became']}"
        if one["became"] == "left":
            line += ", nothing of somebody else's is there any more"
        elif one["kept"] is not None:
            line += f", theirs is kept under the same name and {one['kept']}"
        elif one["became"] == "restored":
            line += ", theirs is kept by the bucket as an earlier version"
        lines.append(line)
    text = lines or [_NOTHING]
    task.out.result(decided, "\n".join([*text, *_next(decided["next"])]))
    return Exit(decided["exit"])


def _ids(words: Sequence[str]) -> list[int] | None:
    """Return the numbers that were given, None for all.

    Raises:
        UsageError: one is no number.
    """
    if "all" in words and len(words) == 1:
        return None
    if not all(re.fullmatch(r"[1-9][0-9]{0,17}", word) for word in words):
        raise UsageError("an object is named by its number, as the finding does; or say: all")
    return [int(word) for word in words]


def _next(commands: Sequence[str]) -> list[str]:
    return [f"next: {command}" for command in commands]
