"""Programs on this machine as a pointer: argument lists, a bare environment, a time limit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hdh_migrate.plan import pointers as plans
from hdh_migrate.pointers.alone import FILE, Alone
from hdh_migrate.pointers.process import Programs
from hdh_migrate.programs import LocalRun


class PointerByCommand(Programs):
    """Programs on this machine; see `ports.Pointer`."""

    kind = "command"


def opened(
    section: plans.CommandPointer, base: Path, reveal: Callable[[str], str], state: Path | None
) -> PointerByCommand:
    """Return the pointer that a section of a plan describes; programs start in `base`.

    In the folder `state` it is known whether one that sets a pointer is still at work.

    Raises:
        KeyUnavailable: a reference of its environment cannot be read.
    """
    environment = {name: reveal(ref) for name, ref in section.environment.items()}
    return PointerByCommand(
        LocalRun(base, environment, seconds=section.timeout_seconds),
        check=section.check,
        apply=section.apply,
        revert=section.revert,
        value=section.value,
        where=f"pointer command {section.check[0]}",
        secrets=tuple(environment.values()),
        alone=Alone(None if state is None else state / FILE),
    )
