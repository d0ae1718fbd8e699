"""When a plan lets a step work, and how fast: its windows and timetables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from hdh_migrate.hours.timetable import Timetable, ceiling
from hdh_migrate.model import Role, Step
from hdh_migrate.pipeline.pace.fitting import CostFit
from hdh_migrate.pipeline.pace.until import Calendar, always_open
from hdh_migrate.plan.model import Plan

ROLES: Final[Mapping[Step, Role]] = {Step.TRANSFER: Role.MOVE, Step.VERIFY: Role.PROVE}


def ceilings_at(plan: Plan, at: float) -> dict[str, int]:
    """Return the most bytes a second that may pass in each step at a moment, where there is one."""
    found = {step: ceiling(plan.rates(role), at) for step, role in ROLES.items()}
    return {step: most for step, most in found.items() if most is not None}


def stated_rate(plan: Plan, step: Step) -> int | None:
    """Return the bytes a second that a plan states at its fastest hour; None: it states none."""
    return min((max(table.rates) for table in plan.rates(ROLES[step])), default=None)


def calendar_of(plan: Plan, step: Step, fit: CostFit | None) -> Calendar:
    """Return when a step may work, and how fast at which hour."""
    tables = plan.rates(ROLES[step])
    return Calendar(
        spans=always_open if plan.windows is None else plan.windows.windows.spans,
        hours={} if fit is None else fit.hours,
        ceiling=partial(_ceiling, tables),
        timed=any(table.hours for table in tables),
    )


def _ceiling(tables: tuple[Timetable, ...], at: float) -> float | None:
    return ceiling(tables, at)
