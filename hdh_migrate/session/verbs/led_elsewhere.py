"""Whether consumers are still led where the journal says, for whoever goes by `status --check`.

A switch proves what the pointer was at one moment. Somebody may set it by its own means in a
fallback window of weeks, and nothing that the ledger holds would show it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing

from hdh_migrate.errors import KeyUnavailable, MigrateError, Missing
from hdh_migrate.events.cutover import Track
from hdh_migrate.fixity import text_digest
from hdh_migrate.pipeline.cutover.scene import NOWHERE
from hdh_migrate.pipeline.projections.standing import (
    FINAL,
    CutoverStage,
    CutoverStanding,
    standings,
)
from hdh_migrate.plan.pointers import Pointer
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.older_copy import ask_within
from hdh_migrate.wiring import Vault, open_pointer

PATIENCE_SECONDS = 10.0
"""How long all pointers together may take to answer, programs among them."""

_SWITCHED = frozenset({CutoverStage.SWITCHED, CutoverStage.OPEN})

log = logging.getLogger(__name__)


def led_elsewhere(desk: Desk, batches: Sequence[str]) -> list[str]:
    """Return a line for each batch whose pointer is not what its cutover left; it never raises.

    Of a batch in its fallback window the pointer has the new value, of one that was rolled back
    not; one that is final may have any but the old one, for consumers may move on. A pointer that
    does not answer is a line, too. Where its secret is not at hand, as on a monitor's machine,
    nothing is asked, and `--verbose` says so.
    """
    if not desk.ledger_path.exists():
        return []
    with closing(desk.read_ledger()) as ledger:
        stories = standings(ledger.cutovers())
    planned = {one.name for one in desk.loaded.plan.ordered_batches()}
    asked = [
        (batch, story, section)
        for (batch, track), story in stories.items()
        if track is Track.CUTOVER
        and batch in planned
        and (not batches or batch in batches)
        and story.stage in _SWITCHED | FINAL | {CutoverStage.ROLLED_BACK}
        and (section := desk.loaded.plan.pointer(batch)) is not None
    ]
    found = dict[str, str]()
    answered = set[str]()

    def ask() -> None:
        for batch, story, section in asked:
            found.update((batch, line) for line in _asked(desk, story, section))
            answered.add(batch)

    if asked:
        ask_within(PATIENCE_SECONDS, ask, desk.stop)
    for batch, _, _ in asked:
        if batch not in answered:
            found[batch] = f"its pointer did not answer within {PATIENCE_SECONDS:.0f} s"
    return [f"batch {batch}: {line}" for batch, line in sorted(dict(found).items())]


def _asked(desk: Desk, story: CutoverStanding, section: Pointer) -> Iterator[str]:
    value: str | None
    try:
        vault, state = Vault.open(desk.loaded.base), desk.ledger_path.parent
        value = open_pointer(desk.loaded.plan, section, vault, state).thing.read()
    except KeyUnavailable as error:
        log.info("the pointer of batch %s was not asked: %s", story.batch, error)
        return
    except Missing:
        value = None
    except MigrateError as error:
        yield f"its pointer cannot be read: {error.journalled or error}"
        return
    if (why := wrong_now(story, value)) is not None:
        yield f"{why} ({story.stage} since {story.since})"


def wrong_now(story: CutoverStanding, value: str | None) -> str | None:
    """Say what is wrong with what the pointer is now; None: nothing."""
    if value is None:
        return NOWHERE if story.stage in _SWITCHED else None
    has = text_digest(value)
    if story.stage in _SWITCHED and has != story.new_sha256:
        to = "its old value" if has == story.old_sha256 else "another value"
        return f"somebody gave the pointer {to}: consumers are not led to the target any more"
    if story.stage in FINAL and has == story.old_sha256:
        return "somebody gave the pointer its old value: consumers are led back to the source"
    if story.stage is CutoverStage.ROLLED_BACK and has == story.new_sha256:
        return "somebody gave the pointer the value of the switch: consumers are led to the target"
    return None
