"""A canary is a pointer that nobody follows: never, by whatever name, one of the plan's own.

A rehearsal asks for no approval, for it leads no consumer anywhere. The plan's rules compare how
pointers are written; here is compared where they lie.
"""

from __future__ import annotations

from pathlib import Path

from hdh_migrate.errors import Refused
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.pointers import FilePointer, Pointer, S3ObjectPointer
from hdh_migrate.pointers.documents import path_of
from hdh_migrate.wiring.chosen import endpoint_of


def demand_apart(plan: Plan, base: Path, canary: Pointer) -> None:
    """Demand that a canary is none of the pointers which the plan switches.

    What a program sets is its own: two of them are the same only when they are called alike.

    Raises:
        Refused: it is one of them; nothing was switched.
    """
    for batch in plan.batches:
        if batch.pointer is not None and _same(plan, base, canary, batch.pointer):
            raise Refused(
                f"the canary is the pointer of batch {batch.name}, by another name",
                hint="give a canary that no consumer follows; nothing was switched",
            )


def _same(plan: Plan, base: Path, one: Pointer, other: Pointer) -> bool:
    if isinstance(one, FilePointer) and isinstance(other, FilePointer):
        return _same_file(base / one.path, base / other.path) and _overlap(one.key, other.key)
    if isinstance(one, S3ObjectPointer) and isinstance(other, S3ObjectPointer):
        return _object(plan, base, one) == _object(plan, base, other)
    return one.model_dump(exclude={"value"}) == other.model_dump(exclude={"value"})


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there yet
        return one.resolve() == other.resolve()


def _overlap(one: str | None, other: str | None) -> bool:
    """Return whether two keys of one document name the same text; without a key it is all of it."""
    return one is None or other is None or path_of(one) == path_of(other)


def _object(plan: Plan, base: Path, section: S3ObjectPointer) -> tuple[str, str, str]:
    endpoint = section.endpoint or endpoint_of(plan, base)
    return endpoint.rstrip("/").lower(), section.bucket, section.key
