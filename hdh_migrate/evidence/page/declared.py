"""What people state in the plan for the report: told as they state it, and proven by nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hdh_migrate.evidence.lines.planned import PlannedMembers, StatedByPeople, StatedParty, plan_of
from hdh_migrate.evidence.page.parties import COUNTRIES, EUROPEAN_UNION
from hdh_migrate.evidence.page.text import Text
from hdh_migrate.evidence.verifier.members import Predicate, StatedRotation
from hdh_migrate.frozen import frozen


@frozen
class StatedCountry:
    """In which country a side keeps the data, and whether that is in the European Union."""

    said: str
    inside: bool


def declared_of(predicate: Predicate) -> StatedByPeople:
    """Return what people state in a statement's plan, empty where they state nothing."""
    return declared_in(plan_of(predicate))


def declared_in(plan: PlannedMembers) -> StatedByPeople:
    """Return a plan's `report.declared`, empty where it has none."""
    return (plan.get("report") or {}).get("declared") or {}


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


def person_of(login: str, declared: StatedByPeople) -> str | None:
    """Return whose login that is, as the plan has it: name and organisation."""
    for one in declared.get("people", ()):
        if login in one.get("logins", ()):
            return ", ".join(filter(None, (one["name"], one.get("organisation"))))
    return None


def reader_of(key: str, declared: StatedByPeople) -> StatedParty | None:
    """Return to whom the plan gives the key of a grant's reader, by its fingerprint."""
    people = declared.get("people", ())
    return next((one for one in people if key in one.get("reads", ())), None)


def strangers(logins: Iterable[str], declared: StatedByPeople) -> tuple[str, ...]:
    """Return the logins that the plan gives to nobody; none where it names nobody at all."""
    if not declared.get("people") and not declared.get("organisations"):
        return ()
    return tuple(one for one in logins if one and person_of(one, declared) is None)


def former_keys(rotations: Iterable[StatedRotation], declared: StatedByPeople) -> tuple[str, ...]:
    """Return the keys that were exchanged and of which nobody states what became of them.

    One that some objects are still sealed for is needed, and left out.
    """
    stated = {one["key"] for one in declared.get("former_keys", ())}
    through = (one for one in rotations if one["ended"] and not one["left"])  # it opens nothing
    old = dict.fromkeys(one["old"] for one in through if one["old"])
    return tuple(one for one in old if one not in stated)


def keys_beside(keys: Iterable[str], declared: StatedByPeople) -> tuple[str, ...]:
    """Return approvers' keys that lay with the plan, by id, where nobody states what came of it."""
    stated = {one["key"] for one in declared.get("former_keys", ())}
    found = dict.fromkeys(f"ed25519:{key[:16]}" for key in keys)
    return tuple(one for one in found if one not in stated)


def copies_until(declared: StatedByPeople) -> str | None:
    """Return up to the end of which day somebody states what became of copies; None: nobody."""
    return max((one["until"] for one in declared.get("former_copies", ())), default=None)


def kept_until(declared: StatedByPeople) -> str | None:
    """Return until which day evidence is to be kept, None where nobody states it."""
    kept = declared.get("kept")
    return None if kept is None else kept["until"]


def reachable(declared: StatedByPeople) -> bool:
    """Return whether the plan says how to reach somebody."""
    everybody = (*declared.get("organisations", ()), *declared.get("people", ()))
    return any(one.get("contact") for one in everybody)


def stamp_trust(predicate: Predicate) -> str | None:
    """Return the file of certificates by which the plan trusts a time-stamping authority."""
    stamping = (plan_of(predicate).get("report") or {}).get("tsa")
    return None if stamping is None else stamping.get("trust")
