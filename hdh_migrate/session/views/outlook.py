"""What can be said of a plan offline: does it fit its target, and how large, fast and full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hdh_migrate.pipeline import planning
from hdh_migrate.plan.advice import advice
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.shapes import Loc
from hdh_migrate.results.plans import Outlook
from hdh_migrate.telemetry import size_text
from hdh_migrate.wiring import chosen, header_size_of, pace_of


def check(loaded: LoadedPlan) -> None:
    """Check offline that a plan fits its target.

    Raises:
        PlanInvalid: it does not; every problem at its place in the plan.
    """
    chosen.check(loaded)
    plan = loaded.plan
    found = planning.problems(
        chosen.profile_of(plan, loaded.base).limits,
        pace_of(plan),
        header=header_size_of(plan),
        sealed=plan.seal.encrypts,
    )
    if found:
        raise loaded.refusal([(("limits",), what) for what in found])


def demand_current(loaded: LoadedPlan) -> None:
    """Refuse what is known from older plans and would be refused by a run.

    Raises:
        PlanInvalid: it stands in this plan.
    """
    old, plan = "azure-identity", loaded.plan
    kinds = "managed-identity, workload-identity, client-certificate or client-secret"
    found = [
        (loc, f"no longer used: name {kinds}") for loc, kind in _credentials(plan) if kind == old
    ]
    if found:
        raise loaded.refusal(found)


def _credentials(plan: Plan) -> Iterator[tuple[Loc, str | None]]:
    """Return the kinds of credentials that may be an identity, each with its place."""
    yield ("source", "credential", "kind"), plan.source.authorised_by
    if plan.freeze is not None:
        yield ("freeze", "credential", "kind"), plan.freeze.authorised_by
    for index, cutover in enumerate(plan.cutovers):
        if cutover.decommission is not None:
            where = ("cutovers", index, "decommission", "credential", "kind")
            yield where, cutover.decommission.credential.kind


def outlook(plan: Plan, base: Path) -> Outlook:
    """Return the largest object and part, the connections that are needed, and notes."""
    profile, pace = chosen.profile_of(plan, base), pace_of(plan)
    limits = planning.paced(profile.limits, pace)
    header, sealed = header_size_of(plan), plan.seal.encrypts
    return {
        "provider": profile.name,
        "profile_as_of": profile.as_of,
        "overrides": [] if profile.own is None else list(profile.own.overrides),
        "largest_object": planning.largest_object(limits, header=header, sealed=sealed),
        "largest_part": planning.largest_part(limits, header=header, sealed=sealed),
        "max_parts": limits.max_parts,
        "connections": pace.connections,
        "connections_needed": planning.connections_needed(limits, pace),
        "notes": [*planning.notes(limits, pace), *advice(plan)],
    }


def outlook_text(outlook: Outlook) -> list[str]:
    """Return the outlook as lines for people."""
    lines = [
        (
            f"target {outlook['provider']}, profile of {outlook['profile_as_of']}: objects up to"
            f" {size_text(outlook['largest_object'])} in {outlook['max_parts']} parts of up to"
            f" {size_text(outlook['largest_part'])}"
        )
    ]
    if outlook["overrides"]:
        lines.append(f"the plan's own profile replaces {', '.join(outlook['overrides'])}")
    return [*lines, *(f"note: {note}" for note in outlook["notes"])]
