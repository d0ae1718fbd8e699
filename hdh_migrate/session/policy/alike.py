"""What is wrong alike with several places is said once, with all of them, and whom it holds up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from hdh_migrate.errors import NotAsPlanned
from hdh_migrate.model import Problem

SOURCE, TARGET = "source container ", "target bucket "
"""How the place of a problem begins that is a container's, or a bucket's."""


def together(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems so that what is wrong alike with several places is said once, with them."""
    alike = dict[tuple[str, Problem], list[str]]()
    batches = dict[tuple[str, Problem], frozenset[str]]()
    for one in problems:
        side = next((side for side in (SOURCE, TARGET) if one.where.startswith(side)), one.where)
        what = side, replace(one, where="")
        alike.setdefault(what, []).append(one.where.removeprefix(side))
        batches[what] = batches.get(what, one.batches) | one.batches
    return [
        replace(
            one,
            where=f"{side.strip()}s {', '.join(names)}" if names[1:] else side + names[0],
            batches=batches[side, one],
        )
        for (side, one), names in alike.items()
    ]


def of_batch(batch: str, problems: Sequence[Problem]) -> Iterator[Problem]:
    """Name the batch that a source's place holds up, where it is not for the credential."""
    for one in problems:
        yield one if one.auth else replace(one, batches=frozenset([batch]))


def apart(problems: Sequence[Problem], begun: Collection[str]) -> dict[str, NotAsPlanned]:
    """Return the batches that problems with their source alone hold up, and why.

    Nothing is returned where something else is wrong, or no batch that is `begun` is left.
    """
    held = frozenset[str]().union(*(one.batches for one in problems))
    if not all(one.batches for one in problems) or held >= set(begun):
        return {}
    return {
        name: NotAsPlanned(
            f"batch {name}: its source cannot be read",
            blockers=[str(one) for one in problems if name in one.batches],
            hint="this command moved nothing of it; what earlier ones moved is untouched",
        )
        for name in sorted(held)
    }
