"""Helpers that read a plan as it was written, ignoring parts of the wrong shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from hdh_migrate.frozen import frozen_row

Loc = tuple[str | int, ...]
"""A place in a plan: field names and list indexes from the top."""

_ENTRIES: Final = {"batches": "batch", "datasets": "dataset"}
_LONGEST: Final = 40
_FEW: Final = 20
_MANY: Final = 500
"""Bounds of what is compared: characters, names that nobody has, names that there are."""


@frozen_row
class Broken:
    """One rule that is broken at one place."""

    loc: Loc
    message: str


def place_text(loc: Loc) -> str:
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


class Unnamed:
    """Says why a name is refused that no entry of a section has, and points to one close to it.

    By its place, for no message repeats a value of the plan.
    """

    def __init__(self, plan: Mapping[str, object], section: str) -> None:
        self._section = section
        self._at = {name: index for index, name in names(plan, section)}
        self._compared = 0

    def why(self, given: str) -> str:
        """Return the reason; the first few names alone are compared, so that it is soon said."""
        reason = f"no {_ENTRIES[self._section]} has this name"
        self._compared += 1
        if len(given) > _LONGEST or self._compared > _FEW or len(self._at) > _MANY:
            return reason
        import difflib  # a valid plan needs none

        close = difflib.get_close_matches(given, self._at, n=1)
        if not close:
            return reason
        return f"{reason}; did you mean that of {place_text((self._section, self._at[close[0]]))}?"


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
