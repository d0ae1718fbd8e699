"""`decommission`: the one verb that may delete at the source. Without --execute it only looks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import WORKING, Batch, Plan
from hdh_migrate.cli.typed import typed_names
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.switches import (
    Decommissioned,
    DecommissionForecast,
    RecheckForecast,
    Remains,
)
from hdh_migrate.telemetry import counted, size_text

if TYPE_CHECKING:
    from hdh_migrate.session.desk import Desk

PROVES = (
    "this proves what the service's API shows, no more: copies, backups and media of the provider"
    " are beyond it"
)

ONLY_COPY = (
    "  of what was deleted the target has the only copy, as it was looked at before each delete:"
    ' "hdh-migrate verify PLAN --again" reads it once more'
)


@verb(
    examples=(
        "decommission plan.yaml --batch pilot --evidence evidence-2026-11",
        "decommission plan.yaml --batch pilot --observe",
    ),
    exits=(
        Exit.REFUSED, Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.STOPPED, Exit.APPROVAL_MISSING,
        Exit.AUTH, Exit.DAMAGED, Exit.LOCKED,
    ),
    result=DecommissionForecast | Decommissioned,
    options=WORKING,
)  # fmt: skip
def decommission(
    task: Task,
    plan: Plan,
    *,
    batch: Batch,
    evidence: Annotated[
        Path | None,
        typer.Option("--evidence", metavar="BUNDLE", help="The signed report that proves it."),
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Delete; without it nothing is changed.")
    ] = False,
    confirm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="The name of each dataset; asked for when not given."),
    ] = None,
    observe: Annotated[
        bool, typer.Option("--observe", help="List what the source still shows afterwards.")
    ] = False,
    keep_going: Annotated[
        bool,
        typer.Option(
            "--keep-going",
            help="Keep what the target does not hold as verified, and delete the others.",
        ),
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="A dry run that does not read the target again.")
    ] = False,
) -> Exit:
    """Delete a finalized batch at the source, object by object; a dry run unless --execute.

    Before anything is deleted the target is read again, and what it does not hold as it was
    verified is kept at the source.
    """
    from hdh_migrate.session.verbs import decommission as session

    if execute and observe:
        raise UsageError("--execute and --observe are two commands: delete first, look later")
    if quick and (execute or observe):
        raise UsageError("--quick is for a dry run: nothing is deleted without looking again")
    if keep_going and not execute:
        raise UsageError("--keep-going goes with --execute")
    if not execute and not observe:
        result = task.at_desk(
            plan, lambda desk: session.forecast(desk, batch, evidence, quick=quick)
        )
        task.out.result(result, "\n".join(_forecast_lines(result)))
        return _forecast_code(result)

    def act(desk: Desk) -> Decommissioned:
        if observe:
            return session.observe(desk, batch)
        names = confirm or _asked(task, session.names_of(desk, batch))
        return session.execute(desk, batch, evidence, names, keep_going=keep_going)

    done = task.at_desk(plan, act)
    task.out.result(done, "\n".join(_lines(done)))
    return _code(done)


def _asked(task: Task, names: Sequence[str]) -> list[str]:
    return typed_names(
        task, [f"dataset {n} of {len(names)}" for n in range(1, len(names) + 1)],
        asking="this deletes at the source for good; type the name of each dataset",
        nobody="nobody typed the names of the datasets, so nothing was deleted",
        hint="type them, or give each by --confirm NAME",
    )  # fmt: skip


def _forecast_lines(forecast: DecommissionForecast) -> list[str]:
    would, kept = forecast["would_delete"], forecast["kept"]
    erased = kept["erased"]["objects"]
    size = size_text(would["bytes"])
    return [
        f"dry run: batch {forecast['batch']}, each object at its version",
        *_done(forecast["done"]),
        f"  would be deleted at the source: {counted(would['objects'], 'object')}, {size}",
        *(f"  would be kept: {count} {what}" for what, count in forecast["would_keep"].items()),
        f"  kept: {kept['excluded']['objects']} excluded, {kept['failed']['objects']} failed"
        + (f", {erased} of datasets whose headers were erased" if erased else ""),
        _looked(forecast["recheck"]),
        *(f"  against it: {line}" for line in forecast["blockers"]),
        "nothing was changed",
    ]


def _forecast_code(forecast: DecommissionForecast) -> Exit:
    if forecast["blockers"]:
        return Exit.REFUSED
    return Exit.VERIFICATION_FAILED if forecast["would_keep"] else Exit.OK


def _lines(result: Decommissioned) -> list[str]:
    lines = [f"batch {result['batch']}: {result['stage']}"]
    if result["requested"] is not None:
        counts = ", ".join(f"{count} {what}" for what, count in sorted(result["requested"].items()))
        lines.append(f"  requested: {counts}")
        if result["requested"].get("deleted"):
            lines.append(ONLY_COPY)
    if result["observed"] is not None:
        lines += _observed(result["observed"])
        from hdh_migrate.evidence.lines.deletion import AfterDeletion

        if changed := AfterDeletion.of(result["requested"], result["observed"]).changed:
            kept = counted(changed, "object")
            lines.append(f"  of these {kept} changed since moved: what it is now is there alone")
    return [*lines, PROVES]


def _done(done: dict[str, int]) -> list[str]:
    if not done:
        return []
    counts = ", ".join(f"{count} {what}" for what, count in sorted(done.items()))
    return [f"  done already: {counts}"]


def _looked(look: RecheckForecast) -> str:
    if look["skipped"] is not None:
        return f"  the target was NOT read again: {look['skipped']}"
    size = size_text(look["bytes"])
    read = counted(look["objects"], "object")
    return f"  the target was read again: {read}, level {look['level']}, {size}"


def _observed(seen: Remains) -> list[str]:
    left = _left(seen)
    counts = ", ".join(f"{count} {what}" for what, count in left.items() if count)
    lines = [f"  observed: {counts or 'nothing of ours is listed in any form'}"]
    if seen["until"]:
        lines.append(f"  soft-deleted ones go by themselves until {seen['until']}")
    if seen["not_shown"]:
        lines.append(f"  the service does not show: {', '.join(seen['not_shown'])}")
    if seen["not_ours"]:
        lines.append(f"  besides, {seen['not_ours']} that were never ours to delete")
    return lines


def _left(seen: Remains) -> dict[str, int]:
    return {
        "current": seen["current"],
        "version": seen["version"],
        "snapshot": seen["snapshot"],
        "soft-deleted": seen["soft-deleted"],
        "uncommitted": seen["uncommitted"],
    }


def _code(result: Decommissioned) -> Exit:
    requested = result["requested"] or {}
    if result["observed"] is not None:
        return Exit.FINDINGS if any(_left(result["observed"]).values()) else Exit.OK
    if any(what.startswith("target-") for what in requested):
        return Exit.VERIFICATION_FAILED
    kept = {"missing", "drifted", "kept"} & requested.keys()
    return Exit.FINDINGS if kept else Exit.OK
