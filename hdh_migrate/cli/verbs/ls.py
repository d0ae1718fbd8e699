"""`ls`: single objects, and where each of them stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import AT_PLAN, Batches, Plan, ShowNames
from hdh_migrate.errors import Exit
from hdh_migrate.results.objects import ObjectLine


@verb(
    examples=(
        "ls plan.yaml --state failed --show-names",
        "ls plan.yaml --dataset scans --code conflict --json",
    ),
    exits=(Exit.REFUSED, Exit.DAMAGED, Exit.INTERRUPTED),
    result=ObjectLine,
    options=AT_PLAN,
    by_line=True,
)
def ls(
    task: Task,
    plan: Plan,
    *,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="Only in this state; repeatable."),
    ] = None,
    code: Annotated[
        list[str] | None,
        typer.Option("--code", metavar="CODE", help="Only with this open finding; repeatable."),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option("--dataset", metavar="NAME", help="Only of this dataset; repeatable."),
    ] = None,
    batch: Batches = None,
    show_names: ShowNames = False,
) -> None:
    """List objects by dataset and key: dataset, id, state, bytes, codes; also during a run.

    States: listed (waits), sending, sent, verified, failed, refused, excluded.
    """
    from hdh_migrate.session.views.objects import ObjectFilter, objects

    wanted = ObjectFilter(
        states=state or (), codes=code or (), datasets=dataset or (), batches=batch or ()
    )
    desk = task.desk(plan, dry=True)
    shown = _json if task.out.as_json else _text

    def pieces() -> Iterator[bytes]:
        for portion in objects(desk, wanted, show_names=show_names):
            yield "".join(map(shown, portion)).encode()
            if task.stop.is_set():
                raise KeyboardInterrupt  # half a list must not end as a whole one does

    task.out.stream(pieces())


def _json(line: ObjectLine) -> str:
    return json.dumps(line, ensure_ascii=True, sort_keys=True) + "\n"


def _text(line: ObjectLine) -> str:
    # Wide enough for what most plans have: how many there are is not known before the last.
    text = f"{line['dataset']}  {line['id']:>7}  {line['state']:<8}  {line['size']:>12}"
    codes, key = ",".join(line["codes"]), line.get("key")
    if key is not None:
        return f"{text}  {codes or '-'}  {visible(key)}\n"
    return (f"{text}  {codes}" if codes else text) + "\n"
