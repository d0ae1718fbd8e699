"""The confirmation that somebody types before a deletion that cannot be undone."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from hdh_migrate.cli.command import Task
from hdh_migrate.errors import UsageError


def typed_names(
    task: Task, prompts: Sequence[str], *, asking: str, nobody: str, hint: str
) -> list[str]:
    """Return what is typed at each prompt; nobody who is not asked can answer for it.

    Raises:
        UsageError: `nobody` typed it, with the hint.
    """
    task.out.say(asking)
    try:
        return [str(typer.prompt(one, err=True)) for one in prompts]
    except typer.Abort:
        task.out.say("")  # the prompt's own line ends here
        raise UsageError(nobody, hint=hint) from None
