"""The certificates of a plan's cluster: whether they let anybody in now, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from hdh_migrate.errors import KeyUnavailable
from hdh_migrate.model import Problem
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.moves import Check
from hdh_migrate.wiring.nodes import certificates_period

WHERE = "engine.certificates"


def problems(plan: Plan, base: Path, now: str) -> list[Problem]:
    """Return why a cluster's machines would not let each other in; reads files only."""
    try:
        certificates_period(plan, base, datetime.fromisoformat(now))
    except KeyUnavailable as error:
        return [Problem(where=WHERE, what=str(error), hint=error.hint)]
    return []


def checks(plan: Plan, base: Path, now: str) -> list[Check]:
    """Return a check for preflight, none for a plan without a cluster."""
    if plan.engine.certificates is None:
        return []
    found = problems(plan, base, now)
    return [
        {
            "check": "certificates of the cluster",
            "ok": not found,
            "problems": [str(problem) for problem in found],
            "auth": False,
            "notes": list(notes(plan, base, now)),
        }
    ]


def notes(plan: Plan, base: Path, now: str) -> Iterator[str]:
    """Return a line that says when the certificates end, and what to do when that is soon."""
    at = datetime.fromisoformat(now)
    try:
        period = certificates_period(plan, base, at)
    except KeyUnavailable:
        return
    if period is None:
        return
    ends = f"they end on {period.ends:%Y-%m-%dT%H:%M:%SZ}"
    mend = 'make new ones with "hdh-migrate worker --new-ca DIR" and copy them to every machine'
    if period.ends_soon(at):
        yield f"{ends}, within a week: {mend}"
    else:
        yield ends
