"""How long the source's credential lasts: what it says of itself, beside what a run will take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hdh_migrate.model import Problem
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.moves import BatchForecast, Check
from hdh_migrate.wiring import Vault, source_sas

SOON = timedelta(days=1)


def problems(plan: Plan, vault: Vault, now: str) -> list[Problem]:
    """Return why the source's shared access signature cannot do what a run asks of it."""
    sas = source_sas(plan, vault)
    secure = plan.source.address.startswith("https:")
    return [] if sas is None else sas.problems(now, secure=secure)


def checks(plan: Plan, vault: Vault, now: str) -> list[Check]:
    """Return a check for preflight, none when the source is read with something else."""
    sas = source_sas(plan, vault)
    if sas is None:
        return []
    found, notes = problems(plan, vault, now), []
    if sas.ends is not None and not found:
        soon = sas.ends - datetime.fromisoformat(now) < SOON
        notes = [f"it ends at {shown(sas.ends)}{', within a day' if soon else ''}"]
    return [
        {
            "check": "the source's SAS",
            "ok": not found,
            "problems": [str(problem) for problem in found],
            "auth": bool(found),
            "notes": notes,
        }
    ]


def too_short(
    plan: Plan, vault: Vault, now: str, batches: Sequence[BatchForecast]
) -> dict[str, str]:
    """Return a note for each batch that may still be under way when the signature ends."""
    sas = source_sas(plan, vault)
    if sas is None or sas.ends is None:
        return {}
    at, told = datetime.fromisoformat(now), dict[str, str]()
    for batch in batches:
        at += timedelta(seconds=batch["seconds"]["high"])
        if at > sas.ends:
            told[batch["batch"]] = (
                f"the source's SAS ends at {shown(sas.ends)}, and this batch may last until"
                f" {shown(at)}: renew it before, or give it as file: and renew it on the way"
            )
    return told


def shown(moment: datetime) -> str:
    """Return a moment as messages have it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
