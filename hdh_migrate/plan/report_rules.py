"""The rules of a plan's `report`, across its fields: see `rules`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from hdh_migrate.plan.shapes import (
    Broken,
    Loc,
    Unnamed,
    mapping,
    mappings,
    names,
    place_text,
    repeated,
    texts,
)


def _languages_are_unique(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Each language of the report is listed once."""
    for index, again in repeated(mapping(plan, "report").get("languages")):
        yield Broken(
            ("report", "languages", index),
            f"the same language as {place_text(('report', 'languages', again))}",
        )


def _only_the_signed_is_stamped(plan: Mapping[str, object]) -> Iterator[Broken]:
    """A time-stamping authority needs a `signer`: an unsigned draft is not stamped."""
    report = mapping(plan, "report")
    if report.get("tsa") is not None and report.get("signer") is None:
        yield Broken(("report", "signer"), "missing: `tsa` stamps what is signed")


def _a_side_is_in_one_country(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Each side is said once to be in a country."""
    first: dict[object, int] = {}
    for index, entry in mappings(mapping(mapping(plan, "report"), "declared"), "places"):
        side = entry.get("side")
        if first.setdefault(side, index) != index:
            again = place_text(("report", "declared", "places", first[side]))
            yield Broken(("report", "declared", "places", index, "side"), f"the same as in {again}")


def _what_is_declared_is_of_this_plan(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Titles are of the plan's datasets and holders of its recipients, each named once."""
    declared = mapping(mapping(plan, "report"), "declared")
    known = {
        "datasets": (
            "name",
            {name for _, name in names(plan, "datasets")},
            Unnamed(plan, "datasets").why,
        ),
        "keys": (
            "recipient",
            {path for _, path in texts(mapping(plan, "seal").get("recipients"))},
            lambda _: "`seal.recipients` does not name this file",
        ),
    }
    for section, (field, there, otherwise) in known.items():
        first: dict[str, int] = {}
        for index, entry in mappings(declared, section):
            value = entry.get(field)
            if not isinstance(value, str):
                continue
            loc: Loc = ("report", "declared", section, index, field)
            if value not in there:
                yield Broken(loc, otherwise(value))
            elif first.setdefault(value, index) != index:
                again = place_text(("report", "declared", section, first[value]))
                yield Broken(loc, f"the same as in {again}")


def _a_signing_key_is_one_persons(plan: Mapping[str, object]) -> Iterator[Broken]:
    """Keys of people are files that the plan names for signatures, each of one person."""
    sections = [mapping(plan, "approvals"), mapping(plan, "waivers")]
    known = {path for section in sections for _, path in texts(section.get("keys"))}
    for _, entry in mappings(plan, "cutovers"):
        known |= {path for _, path in texts(mapping(entry, "decommission").get("trust"))}
    first: dict[str, int] = {}
    for index, person in mappings(mapping(mapping(plan, "report"), "declared"), "people"):
        for number, path in texts(person.get("keys")):
            loc: Loc = ("report", "declared", "people", index, "keys", number)
            if path not in known:
                yield Broken(loc, "neither `approvals`, `waivers` nor a `trust` names this file")
            elif path in first:
                again = place_text(("report", "declared", "people", first[path]))
                yield Broken(loc, f"the same as in {again}")
            first.setdefault(path, index)


RULES: tuple[Callable[[Mapping[str, object]], Iterator[Broken]], ...] = (
    _languages_are_unique,
    _only_the_signed_is_stamped,
    _what_is_declared_is_of_this_plan,
    _a_side_is_in_one_country,
    _a_signing_key_is_one_persons,
)
