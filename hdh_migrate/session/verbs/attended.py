"""Who looks on while a run works and while it waits: monitoring, notices, a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hdh_migrate.frozen import frozen
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.following import followed
from hdh_migrate.session.verbs.measuring import measured
from hdh_migrate.session.verbs.notifying import notified
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

    Raises:
        UsageError, Refused: nobody can be notified as the plan or an option says; nothing began.
    """
    with (
        measured(desk, audience.metrics_file),
        notified(desk),
        followed(desk, audience.happened),
    ):
        yield
