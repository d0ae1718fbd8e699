"""Who looks on while a run works and while it waits: monitoring, notices, a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.frozen import frozen
from hdh_migrate.session.desk import Desk

if TYPE_CHECKING:
    from hdh_migrate.session.views.happened import Happened


@frozen
class Audience:
    """Whom a command tells besides the one who started it."""

    metrics_file: Path | None = None
    """Stands in for the plan's `metrics.file`."""
    happened: Callable[[Happened], None] | None = None
    """Called with every event of the journal."""


@contextmanager
def attended(desk: Desk, audience: Audience) -> Iterator[None]:
    """Let an audience look on at what is inside, from before its first step to after its last.

    What tells an audience of one kind is imported where there is one: it takes long.

    Raises:
        UsageError, Refused: nobody can be notified as the plan or an option says; nothing began.
    """
    plan = desk.loaded.plan
    with ExitStack() as stack:
        if audience.metrics_file is not None or plan.metrics is not None:
            from hdh_migrate.session.verbs.measuring import measured

            stack.enter_context(measured(desk, audience.metrics_file))
        if plan.notify:
            from hdh_migrate.session.verbs.notifying import notified

            stack.enter_context(notified(desk))
        if audience.happened is not None:
            from hdh_migrate.session.verbs.following import followed

            stack.enter_context(followed(desk, audience.happened))
        yield
