"""`demo`: the whole job on this machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.errors import Exit
from hdh_migrate.results.plans import Demo


class DemoSource(StrEnum):
    """Where the demo's objects come from."""

    AZURE = "azure"
    FOLDER = "folder"


@verb(
    examples=(
        "demo",
        "demo --source folder --keep",
    ),
    exits=(Exit.UNEXPECTED, Exit.REFUSED, Exit.INTERRUPTED),
    result=Demo,
    options=("as_json", "no_progress", "verbose"),
)
def demo(
    task: Task,
    *,
    source: Annotated[
        DemoSource, typer.Option(help="azure: an emulator; folder: needs no Node.")
    ] = DemoSource.AZURE,
    big: Annotated[
        int, typer.Option(metavar="MIB", help="Size of the one large object.", min=24)
    ] = 256,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave both endpoints running, with a plan.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Where to work; default: a new folder."),
    ] = None,
) -> Exit | None:
    """Run the whole job on this machine: a source, a target, a kill in the middle, a report."""
    from hdh_migrate.demo.play import play

    return play(
        source=str(source), big=big << 20, keep=keep, folder=folder,
        out=task.out, stop=task.stop,
    )  # fmt: skip
