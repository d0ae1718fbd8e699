"""What people state in the plan for the report: told as they state it, and proven by nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NotRequired, TypedDict

from hdh_migrate.evidence.page.parties import COUNTRIES, EUROPEAN_UNION
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import Predicate
from hdh_migrate.frozen import frozen


class StatedTitle(TypedDict):
    """A dataset's title, as it is stated."""

    name: str
    title: str


class StatedParty(TypedDict):
    """A person or an organisation, as it is stated."""

    name: str
    role: str
    contact: NotRequired[str]


class StatedSide(TypedDict):
    """Where a side keeps the data, as it is stated."""

    side: str
    country: str
    place: NotRequired[str]


class StatedHolder(TypedDict):
    """Who holds a recipient's private key, as it is stated."""

    recipient: str
    holder: str
    escrow: bool


class StatedByPeople(TypedDict, total=False):
    """The plan's `report.declared`, in its canonical form: what nobody stated is not there."""

    datasets: list[StatedTitle]
    people: list[StatedParty]
    organisations: list[StatedParty]
    places: list[StatedSide]
    keys: list[StatedHolder]


@frozen
class StatedCountry:
    """In which country a side keeps the data, and whether that is in the European Union."""

    said: str
    inside: bool


def declared_of(predicate: Predicate) -> StatedByPeople:
    """Return the plan's `report.declared`, empty where it has none."""
    report = predicate["plan"]["canonical"].get("report") or {}
    found: StatedByPeople | None = report.get("declared")
    return found or {}


def countries(declared: StatedByPeople, said: Callable[[Text], object]) -> dict[str, StatedCountry]:
    """Return where each side keeps the data, of those that the plan speaks of."""
    found = {}
    for one in declared.get("places", ()):
        code = one["country"]
        name = COUNTRIES.get(code)
        called = f"{code}" if name is None else f"{said(name)}"
        where = f"{one['place']}, {called}" if one.get("place") else called
        found[one["side"]] = StatedCountry(said=where, inside=code in EUROPEAN_UNION)
    return found


def reachable(declared: StatedByPeople) -> bool:
    """Return whether the plan says how to reach somebody."""
    everybody = (*declared.get("organisations", ()), *declared.get("people", ()))
    return any(one.get("contact") for one in everybody)


def stamp_trust(predicate: Predicate) -> str | None:
    """Return the file of certificates by which the plan trusts a time-stamping authority."""
    report = predicate["plan"]["canonical"].get("report") or {}
    trust: str | None = (report.get("tsa") or {}).get("trust")
    return trust
