"""`worker`: one machine of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.errors import Exit, UsageError
from hdh_migrate.results.hosts import ClusterCertificates, Served

if TYPE_CHECKING:
    from datetime import datetime

DAYS: Final = 90


@verb(
    examples=(
        "worker --new-ca keys/cluster --days 90",
        "worker plan.yaml --host 10.0.0.7",
    ),
    exits=(Exit.REFUSED, Exit.STOPPED),
    result=Served | ClusterCertificates,
    options=("as_json", "verbose"),
)
def worker(
    task: Task,
    plan: Annotated[
        Path | None,
        typer.Argument(metavar="PLAN", help="This machine's copy of the plan.", show_default=False),
    ] = None,
    *,
    scheduler: Annotated[
        bool,
        typer.Option("--scheduler", help="Run the cluster's scheduler (Dask's) instead."),
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="This machine's address for the others; default: found out."
        ),
    ] = None,
    new_ca: Annotated[
        Path | None,
        typer.Option(
            "--new-ca",
            metavar="DIR",
            help="Make a cluster's certificates in a new folder, and do no more.",
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(metavar="DAYS", help=f"How long they count; default: {DAYS}.")
    ] = None,
) -> Exit:
    """Work for a run on another machine, until it is stopped; or make a cluster's certificates.

    Reads its own copy of the plan, and the secrets that it names, on this machine. Takes orders
    only from a coordinator with the same plan and the same code.
    """
    if new_ca is not None:
        if plan is not None or scheduler or host is not None:
            raise UsageError("--new-ca is given alone, or with --days; nothing was made")
        end = _certificates(new_ca, DAYS if days is None else days)
        task.out.result(
            ClusterCertificates(folder=str(new_ca), end=end.date().isoformat()),
            f"{new_ca}: certificates of one new authority, until {end.date().isoformat()};"
            " bring the folder to every machine of the cluster",
        )
        return Exit.OK
    if plan is None or days is not None:
        raise UsageError("give the plan, or --new-ca; nothing was started")
    _serve(task, plan, host, scheduler=scheduler)
    return Exit.OK


def _certificates(folder: Path, days: int) -> datetime:
    from datetime import datetime

    from hdh_migrate.engines.dask_authority import new_authority
    from hdh_migrate.telemetry import SystemClock

    return new_authority(folder, datetime.fromisoformat(SystemClock().now()), days)


def _serve(task: Task, plan: Path, host: str | None, *, scheduler: bool) -> None:
    from hdh_migrate.session.verbs import worker as verbs

    task.leaves_at_once = True
    desk = task.desk(plan)
    what = "scheduler" if scheduler else "worker"

    def ready(address: str) -> None:
        task.out.say(f"{what} at {address}; stop it with Ctrl-C or SIGTERM")

    if scheduler:
        verbs.schedule(desk, ready)
    else:
        verbs.serve(desk, host, ready)
    task.out.result(Served(served=what), f"{what} stopped")
