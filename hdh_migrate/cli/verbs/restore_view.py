"""`restore-view`: what target and sidecar give back, compared with the inventory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.parameters import ASKING, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.objects import RestoredView
from hdh_migrate.telemetry import counted


@verb(
    examples=(
        "restore-view plan.yaml",
        'restore-view plan.yaml --dataset pmsi --out pmsi.jsonl --reason "restore drill"',
    ),
    exits=(Exit.REFUSED, Exit.FINDINGS, Exit.STOPPED, Exit.AUTH),
    result=RestoredView,
    options=ASKING,
)  # fmt: skip
def restore_view(
    task: Task,
    plan: Plan,
    *,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this dataset; default: all of them.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the listing here: JSON Lines, with names."),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Why; the journal keeps it. Needed off rehearsals.",
        ),
    ] = None,
) -> Exit:
    """Rebuild what the source listed from target and sidecar alone; name every difference.

    Every object is asked for once; its bytes are not read.
    """
    from hdh_migrate.session.verbs.restore_view import restore_view as rebuild

    result, code = rebuild(task.desk(plan), dataset, out, reason=reason)
    task.out.result(result, "\n".join(_text(result)))
    return code


def _text(view: RestoredView) -> Iterator[str]:
    for one in view["datasets"]:
        differences = counted(one["differences"], "difference") if one["differences"] else ""
        yield (
            f"dataset {one['dataset']}: {counted(one['objects'], 'object')}, "
            f"{counted(one['directories'], 'folder marker')},"
            f" {counted(one['sidecar_files'], 'file')} of the sidecar,"
            f" {differences or 'no differences'}"
        )
        for feature in one["features"]:
            yield (
                f"  {feature['feature']}: {feature['restored']} restored,"
                f" {feature['dropped']} dropped as the plan chose, {feature['differs']} differ"
            )
        for line in one["shown"]:
            yield f"  {line}"
    yield "ETag and Content-MD5 are not part of it: manifest.jsonl has them"
