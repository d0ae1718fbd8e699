"""What is wrong alike with several places is said once, with all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hdh_migrate.model import Problem

SOURCE, TARGET = "source container ", "target bucket "
"""How the place of a problem begins that is a container's, or a bucket's."""


def together(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems so that what is wrong alike with several places is said once, with them."""
    alike = dict[tuple[str, Problem], list[str]]()
    for one in problems:
        side = next((side for side in (SOURCE, TARGET) if one.where.startswith(side)), one.where)
        alike.setdefault((side, replace(one, where="")), []).append(one.where.removeprefix(side))
    return [
        replace(one, where=f"{side.strip()}s {', '.join(names)}" if names[1:] else side + names[0])
        for (side, one), names in alike.items()
    ]
