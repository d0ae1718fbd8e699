"""Steps of a plan, carried out and told: what inventory, transfer, verify and run share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.cli.command import Task
from hdh_migrate.errors import Exit
from hdh_migrate.results.moves import DatasetStates, Steps
from hdh_migrate.telemetry import size_text

if TYPE_CHECKING:
    from hdh_migrate.session.desk import Desk


def perform_steps(
    task: Task, plan: Path, state_dir: Path | None, steps: Sequence[str], batches: Sequence[str]
) -> Exit:
    """Carry out steps and tell where every dataset stands."""
    from hdh_migrate.model import Step
    from hdh_migrate.session.verbs.run import perform

    def act(desk: Desk) -> tuple[Exit, list[DatasetStates], str]:
        return *perform(desk, [Step(step) for step in steps], batches), desk.loaded.digest

    code, datasets, digest = task.at_desk(plan, state_dir, act)
    told: Steps = {"exit": int(code), "datasets": datasets, "plan_digest": digest}
    task.out.result(told, states_text(datasets))
    return code


def states_text(datasets: Sequence[DatasetStates]) -> str:
    """Return objects and bytes by state, a line for each dataset."""
    lines = []
    for row in datasets:
        states = ", ".join(
            f"{count['objects']} {name} ({size_text(count['bytes'])})"
            for name, count in row["states"].items()
        )
        lines.append(f"{row['batch']} / {row['dataset']}: {states or 'nothing yet'}")
    return "\n".join(lines)
