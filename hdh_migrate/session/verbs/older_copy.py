"""Whether the ledger here is an older copy, for a command that asked no fence itself.

Of a ledger that was put back nothing on this machine shows that it went on: its copies and reports
may be elsewhere. What only looks showed the state of then, and what only this machine heard was
written down where nobody would find it. So each command that used a ledger asks at its end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from hdh_migrate.errors import MigrateError
from hdh_migrate.pipeline.fences.fence import known
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.last_writer import judged, newer, not_newest, standing_at
from hdh_migrate.session.policy.target_alone import admitted
from hdh_migrate.transport import Transport

PATIENCE_SECONDS = 2.0
"""How long a command waits for the target in the end; it is done by then."""

OLDER = (
    "what this command showed is of then, and what it did is written down here alone: put the"
    " newest copy in its place, and give it again there"
)

log = logging.getLogger(__name__)


def older_copy(desk: Desk) -> str | None:
    """Return what the target shows of a newer ledger than the one here; None: nothing.

    It never raises, and waits for a moment only: who cannot ask, be it for want of a network or of
    a secret, is told nothing, and `--verbose` says why.
    """
    found = [] if desk.fences_asked.is_set() else seen_newer(desk)
    return f"the ledger here is not the newest: {'; '.join(found)}; {OLDER}" if found else None


def demand_not_older(desk: Desk) -> list[Transport]:
    """Demand that the target shows no newer ledger; what it does not say in a moment is let go.

    For what must be possible while the target is away, and would do harm from an older copy.
    Returns what reached the target, if anything: it may have been told the time.

    Raises:
        Fenced: it shows one; nothing was done.
    """
    heard = list[Transport]()
    if found := seen_newer(desk, heard):
        raise not_newest(
            found,
            "nothing was done. Give the same command where the newest copy of the ledger is; where"
            " there is none any more, take the fence over first"
            ' ("hdh-migrate fence PLAN --take-over --reason TEXT")',
        )
    return list(heard)


def seen_newer(desk: Desk, heard: list[Transport] | None = None) -> list[str]:
    """Return what the target shows of a newer ledger, if it says so within a moment."""
    found = list[str]()
    if desk.stop.is_set() or not desk.ledger_path.exists():
        return found

    def ask() -> None:
        try:
            found.extend(_newer(desk, heard))
        except (MigrateError, OSError) as error:
            log.info("whether the ledger here is the newest was not learned: %s", error)

    ask_within(PATIENCE_SECONDS, ask, desk.stop)
    return list(found)


def ask_within(seconds: float, ask: Callable[[], None], stop: threading.Event) -> None:
    """Ask beside this thread, and wait for the answer for so long, or until told to stop."""
    asking = threading.Thread(target=ask, name="asking", daemon=True)
    asking.start()
    until = time.monotonic() + seconds
    while asking.is_alive() and time.monotonic() < until and not stop.is_set():
        asking.join(0.05)


def _newer(desk: Desk, heard: list[Transport] | None) -> list[str]:
    ledger = desk.read_ledger()
    try:
        if not any(one.held for one in known(ledger).values()):
            return []  # it never wrote there
        standing = standing_at(desk, admitted(desk, heard), lambda ask: ask())
        return [
            line
            for bucket, found, own, why in judged(desk, ledger, standing, anywhere=True)
            if (line := newer(ledger, bucket, found, own, why)) is not None
        ]
    finally:
        ledger.close()
