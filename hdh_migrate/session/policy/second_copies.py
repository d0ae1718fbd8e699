"""Whether the second copies of header packs can be written, before anything is moved for them."""

from __future__ import annotations

import os
from pathlib import Path

from hdh_migrate.model import Problem
from hdh_migrate.plan.model import Plan


def problems(plan: Plan, base: Path) -> list[Problem]:
    """Return what stands against the folder of a plan's `second_copy`; nothing is written."""
    copy = plan.seal.second_copy
    if copy is None:
        return []
    nearest = folder = base / copy.path
    while not os.path.lexists(nearest) and nearest.parent != nearest:
        nearest = nearest.parent
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return []
    return [
        Problem(
            where="seal.second_copy.path",
            what=f"the second copy of header packs cannot be written to {folder}",
            hint="name a folder that the coordinator may write to",
        )
    ]
