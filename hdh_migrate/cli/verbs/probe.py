"""`probe`: what the target really does."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from hdh_migrate.cli.command import Task, verb
from hdh_migrate.cli.output import visible
from hdh_migrate.cli.parameters import WORKING, Plan
from hdh_migrate.errors import Exit
from hdh_migrate.results.hosts import Probed, ProbeIntention
from hdh_migrate.telemetry import counted


@verb(
    examples=(
        "probe plan.yaml --bucket scratch",
        "probe plan.yaml --dry-run",
    ),
    exits=(Exit.REFUSED, Exit.FINDINGS, Exit.STOPPED, Exit.AUTH, Exit.LOCKED),
    result=Probed | ProbeIntention,
    options=WORKING,
)
def probe(
    task: Task,
    plan: Plan,
    *,
    bucket: Annotated[
        str | None,
        typer.Option("--bucket", metavar="NAME", help="Where to try; default the plan's bucket."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be tried; contact nobody.")
    ] = False,
    compliance_trial: Annotated[
        bool,
        typer.Option(
            "--compliance-trial",
            help="Try a compliance lock too: its object stays until the lock ends.",
        ),
    ] = False,
) -> Exit:
    """Find out what the target really does: writes throw-away objects, and removes them.

    Everything is written under .hdh-migrate-probe/ in one bucket. What is found is kept beside
    the ledger, and later runs obey the tighter of profile and probe.
    """
    from hdh_migrate.session.verbs.probe import probe as find_out

    code, record = task.at_desk(
        plan,
        lambda desk: find_out(desk, bucket, dry_run=dry_run, compliance=compliance_trial),
    )
    if "dry_run" in record:
        task.out.result(record, _intention(record))
    else:
        task.out.result(record, _findings(record, verbose=task.verbose > 0))
    return code


def _intention(probe: ProbeIntention) -> str:
    lines = [
        "dry run: nobody was contacted",
        (
            f"would write throw-away objects to {probe['endpoint']} bucket {probe['bucket']} under"
            f" {probe['prefix']} and remove them"
        ),
        "would find out: " + ", ".join(probe["would_observe"]),
        "would not try: " + ", ".join(probe["would_not_try"]),
        *(f"note: {note}" for note in probe["would_note"]),
    ]
    return "\n".join(lines)


def _findings(record: Probed, *, verbose: bool) -> str:
    lines = [
        (
            f"{record['endpoint']} ({record['region']}), bucket {record['bucket']}:"
            f" {counted(record['requests'], 'request')}, compared with profile {record['provider']}"
            f" of {record['profile_as_of']}"
        )
    ]
    width = max(len(one["name"]) for one in record["observations"])
    for one in record["observations"]:
        known = one["observed"] is not None
        worse = one["name"] in record["differences"]
        mark = "DIFF" if worse else "ok  " if known else "?   "
        observed = _short(one["observed"]) if known else "unknown"
        claim = f" (profile: {_short(one['profile'])})" if one["agrees"] is False else ""
        lines.append(visible(f"{mark} {one['name'].ljust(width)}  {observed}{claim}"))
        if verbose or worse or not known:
            lines.append(visible(f"     {' ' * width}  {one['how']}"))
    if record["left"] != 0:
        what = (
            "what"
            if record["left"] is None
            else counted(record["left"], "object or upload that", "objects or uploads that")
        )
        lines.append(
            f"LEFT {what} could not be removed from {record['prefix']}: probe again, or remove it"
        )
    lines += [visible(f"a run would be refused: {one}") for one in record["refusals"]]
    lines += [visible(f"note: {one}") for one in record["notes"]]
    count = len(record["differences"])
    lines.append(f"{count or 'no'} difference{'' if count == 1 else 's'} from the profile")
    lines.append(f"kept: {record['kept']}{'' if record['signed'] else ' (not signed)'}")
    return "\n".join(lines)


def _short(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value)
