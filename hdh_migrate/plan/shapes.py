"""Helpers that read a plan as it was written, ignoring parts of the wrong shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hdh_migrate.frozen import frozen_row

Loc = tuple[str | int, ...]
"""A place in a plan: field names and list indexes from the top."""


@frozen_row
class Broken:
    """One rule that is broken at one place."""

    loc: Loc
    message: str


def shown(loc: Loc) -> str:
    """Return a place as people read it: `datasets[0].target.bucket`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return text.removeprefix(".")


def mapping(value: Mapping[str, object], field: str) -> Mapping[str, object]:
    """Return a field that is a mapping; empty when it is not."""
    found = value.get(field)
    return found if isinstance(found, dict) else {}


def mappings(plan: Mapping[str, object], section: str) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the mappings in a list, with their indexes."""
    found = plan.get(section)
    for index, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, dict):
            yield index, item


def names(plan: Mapping[str, object], section: str) -> Iterator[tuple[int, str]]:
    """Yield the names of the entries of a list, with their indexes."""
    for index, item in mappings(plan, section):
        name = item.get("name")
        if isinstance(name, str):
            yield index, name


def texts(value: object) -> Iterator[tuple[int, str]]:
    """Yield the texts of a list, with their indexes."""
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, str):
            yield index, item


def repeated(value: object) -> Iterator[tuple[int, int]]:
    """Yield (index, first index) of texts that stand in a list twice."""
    first: dict[str, int] = {}
    for index, text in texts(value):
        if first.setdefault(text, index) != index:
            yield index, first[text]


def uncertified(loc: Loc, section: Mapping[str, object], field: str) -> Iterator[Broken]:
    """Yield what is wrong with a `tls` when `field` holds the address that it is of."""
    url = section.get(field)
    if section.get("tls") is None:
        return
    if url is None and field == "endpoint":
        yield Broken((*loc, "tls"), "without an `endpoint` the target's counts: leave this out")
    elif isinstance(url, str) and not url.startswith("https:"):
        yield Broken((*loc, "tls"), f"`{field}` is plain http, where there is no certificate")
