"""What people state in the plan for the report: told as they state it, and proven by nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hdh_migrate.evidence.page.parties import COUNTRIES, EUROPEAN_UNION
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.frozen import frozen


@frozen
class StatedCountry:
    """In which country a side keeps the data, and whether that is in the European Union."""

    said: str
    inside: bool


def declared_of(predicate: Predicate) -> Mapping[str, Any]:
    """Return the plan's `report.declared`, empty where it has none."""
    report: Mapping[str, Any] = predicate["plan"]["canonical"].get("report") or {}
    return report.get("declared") or {}


def countries(
    declared: Mapping[str, Any], said: Callable[[Text], object]
) -> dict[str, StatedCountry]:
    """Return where each side keeps the data, of those that the plan speaks of."""
    found = {}
    for one in declared.get("places", ()):
        code = one["country"]
        name = COUNTRIES.get(code)
        called = f"{code}" if name is None else f"{said(name)}"
        where = f"{one['place']}, {called}" if one.get("place") else called
        found[one["side"]] = StatedCountry(said=where, inside=code in EUROPEAN_UNION)
    return found


def reachable(declared: Mapping[str, Any]) -> bool:
    """Return whether the plan says how to reach somebody."""
    everybody = (*declared.get("organisations", ()), *declared.get("people", ()))
    return any(one.get("contact") for one in everybody)


def stamp_trust(predicate: Predicate) -> str | None:
    """Return the file of certificates by which the plan trusts a time-stamping authority."""
    report: Mapping[str, Any] = predicate["plan"]["canonical"].get("report") or {}
    return (report.get("tsa") or {}).get("trust")
