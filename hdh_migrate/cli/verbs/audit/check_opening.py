"""`audit check-opening`: is an opened name that of a line?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import Root, ShowNames
from hdh_migrate.errors import Exit
from hdh_migrate.results.proofs import Proved, Record


@verb(
    examples=(
        "audit check-opening mco.json --root $ROOT",
        "audit check-opening mco.json --root $ROOT --show-names",
    ),
    exits=(Exit.DAMAGED,),
    result=Proved,
)
def check_opening(
    task: Task,
    opening: Annotated[Path, typer.Argument(metavar="OPENING", help="What `audit open` wrote.")],
    *,
    root: Root,
    show_names: ShowNames = False,
) -> None:
    """Check that an opened name is the one in a report's manifest; exit 0, or 10 when it is not."""
    from hdh_migrate.evidence.exports.opening import check_opening as check

    record = check(opening, root)
    hidden = () if show_names else ("key", "target_key")
    shown = {name: value for name, value in record.items() if name not in hidden}
    known = {name: value for name, value in shown.items() if value is not None}
    text = [f"{name}: {visible(str(value))}" for name, value in known.items()]
    result: Proved = {"ok": True, "record": cast("Record", shown)}
    task.out.result(
        result,
        "\n".join(["ok      the line is this object's, under this root", *text]),
    )
