"""Verbs about the target itself: probe, provision, cleanup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from hdh_migrate.cli.app import AsJson, NoProgress, Plan, StateDir, Task, Verbose
from hdh_migrate.cli.output import visible
from hdh_migrate.errors import Exit, UsageError


def probe(
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
    as_json: AsJson = False,
    state_dir: StateDir = None,
    no_progress: NoProgress = False,
    verbose: Verbose = 0,
) -> None:
    """Find out what the target really does: writes throw-away objects, and removes them.

    Everything is written under .hdh-migrate-probe/ in one bucket. What is found is kept beside
    the ledger, and later runs obey the tighter of profile and probe.

    Example: hdh-migrate probe plan.yaml --bucket scratch
    """
    task = Task(as_json=as_json, verbose=verbose, progress=not no_progress)

    def body() -> Exit:
        from hdh_migrate.session.probe import probe as find_out

        progress = task.out.progress()
        desk = task.desk(plan, state_dir, progress)
        try:
            code, record = find_out(desk, bucket, dry_run=dry_run, compliance=compliance_trial)
        finally:
            progress.close()
        text = _intention(record) if dry_run else _findings(record, verbose=verbose > 0)
        task.out.result({**record, "exit": int(code)}, text)
        return code

    task.run(body)


def _intention(told: Mapping[str, Any]) -> str:
    lines = [
        "dry run: nobody was contacted",
        (
            f"would write throw-away objects to {told['endpoint']} bucket {told['bucket']} under"
            f" {told['prefix']} and remove them"
        ),
        "would find out: " + ", ".join(told["would_observe"]),
        "would not try: " + ", ".join(told["would_not_try"]),
        *(f"note: {note}" for note in told["would_note"]),
    ]
    return "\n".join(lines)


def _findings(record: Mapping[str, Any], *, verbose: bool) -> str:
    lines = [
        (
            f"{record['endpoint']} ({record['region']}), bucket {record['bucket']}:"
            f" {record['requests']} requests, compared with profile {record['provider']}"
            f" of {record['profile_as_of']}"
        )
    ]
    width = max(len(one["name"]) for one in record["observations"])
    for one in record["observations"]:
        known = one["observed"] is not None
        worse = one["name"] in record["differences"]
        mark = "DIFF" if worse else "ok  " if known else "?   "
        told = _short(one["observed"]) if known else "unknown"
        claim = f" (profile: {_short(one['profile'])})" if one["agrees"] is False else ""
        lines.append(visible(f"{mark} {one['name'].ljust(width)}  {told}{claim}"))
        if verbose or worse or not known:
            lines.append(visible(f"     {' ' * width}  {one['how']}"))
    if record["left"] != 0:
        what = "what" if record["left"] is None else f"{record['left']} objects or uploads that"
        lines.append(
            f"LEFT {what} could not be removed from {record['prefix']}: probe again, or remove it"
        )
    lines += [visible(f"a run would be refused: {one}") for one in record["refusals"]]
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


def provision(
    plan: Plan,
    *,
    execute: Annotated[
        bool, typer.Option("--execute", help="Do it; without this only questions are asked.")
    ] = False,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="A bucket policy; {bucket} is filled in."),
    ] = None,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    verbose: Verbose = 0,
) -> None:
    """Make the plan's buckets as the provider's health-data rules want them; a dry run by default.

    Example: hdh-migrate provision plan.yaml --policy policy.json --execute
    """
    task = Task(as_json=as_json, verbose=verbose)

    def body() -> Exit:
        from hdh_migrate.session.provision import provision_buckets

        desk = task.desk(plan, state_dir, task.out.progress())
        code, steps = provision_buckets(desk, policy=policy, execute=execute)
        lines = [] if execute else ["dry run: nothing was changed; --execute does it"]
        lines += [visible(f"{'ok  ' if one['ok'] else '--  '} {_step(one)}") for one in steps]
        task.out.result({"dry_run": not execute, "steps": steps, "exit": int(code)},
                        "\n".join(lines))  # fmt: skip
        return code

    task.run(body)


def _step(step: Mapping[str, Any]) -> str:
    where = f"{step['bucket']}: {step['step']}"
    return f"{where}: seen {step['seen']}; wanted {step['wanted']}; {step['done']}"


def cleanup(
    plan: Plan,
    *,
    older_than: Annotated[
        str,
        typer.Option("--older-than", metavar="AGE", help="Such as 90m, 24h or 7d."),
    ] = "24h",
    execute: Annotated[
        bool, typer.Option("--execute", help="Abort them; without this they are only counted.")
    ] = False,
    as_json: AsJson = False,
    state_dir: StateDir = None,
    verbose: Verbose = 0,
) -> None:
    """Abort stale multipart uploads of this plan's own; a dry run by default.

    Example: hdh-migrate cleanup plan.yaml --older-than 7d --execute
    """
    task = Task(as_json=as_json, verbose=verbose)

    def body() -> Exit:
        from hdh_migrate.session.cleanup import cleanup as clean
        from hdh_migrate.session.cleanup import lines

        seconds = _seconds(older_than)
        desk = task.desk(plan, state_dir, task.out.progress())
        code, told = clean(desk, older_than=seconds, execute=execute)
        head = [] if execute else ["dry run: nothing was aborted; --execute does it"]
        document = {"dry_run": not execute, "datasets": told, "exit": int(code)}
        task.out.result(document, "\n".join([*head, *lines(told, execute=execute)]))
        return code

    task.run(body)


def _seconds(age: str) -> float:
    """Return an age in seconds.

    Raises:
        UsageError: it is not a number with s, m, h or d after it.
    """
    number, unit = age[:-1], age[-1:]
    if not number.isdecimal() or len(number) > 6 or unit not in _UNITS:
        raise UsageError("--older-than takes an age such as 90m, 24h or 7d")
    return int(number) * _UNITS[unit]


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def register(app: typer.Typer) -> None:
    """Add this module's verbs."""
    for verb in (probe, provision, cleanup):
        app.command()(verb)
