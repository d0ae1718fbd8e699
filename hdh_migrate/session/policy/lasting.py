"""How long the source's credential lasts: what it says of itself, beside what a run will take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hdh_migrate.model import Problem
from hdh_migrate.results.moves import BatchForecast, Check
from hdh_migrate.wiring.sources.kind import CredentialClaims

SOON = timedelta(days=1)


def problems(claims: CredentialClaims | None, now: str) -> list[Problem]:
    """Return why the source's credential cannot do what a run asks of it, by its own words."""
    return [] if claims is None else claims.problems(now)


def checks(claims: CredentialClaims | None, now: str) -> list[Check]:
    """Return a check for preflight, none when the source's credential says nothing of itself."""
    if claims is None:
        return []
    found, notes = claims.problems(now), []
    if claims.ends is not None and not found:
        soon = claims.ends - datetime.fromisoformat(now) < SOON
        notes = [f"it ends at {shown(claims.ends)}{', within a day' if soon else ''}"]
    return [
        {
            "check": f"the source's {claims.called}",
            "ok": not found,
            "problems": [str(problem) for problem in found],
            "auth": bool(found),
            "notes": notes,
        }
    ]


def too_short(
    claims: CredentialClaims | None, now: str, batches: Sequence[BatchForecast]
) -> dict[str, str]:
    """Return a note for each batch that may still be under way when the credential ends."""
    if claims is None or claims.ends is None:
        return {}
    at, ends = datetime.fromisoformat(now), dict[str, str]()
    for batch in batches:
        at += timedelta(seconds=batch["seconds"]["high"])
        if at > claims.ends:
            ends[batch["batch"]] = (
                f"the source's {claims.called} ends at {shown(claims.ends)}, and this batch may"
                f" last until {shown(at)}: renew it before, or give it as file: and renew it on"
                " the way"
            )
    return ends


def shown(moment: datetime) -> str:
    """Return a moment as messages have it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
