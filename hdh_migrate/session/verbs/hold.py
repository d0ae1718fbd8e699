"""The hold: a file beside the ledger that keeps every switch of a migration from happening.

The owner of the state directory, who alone may write there, can put it there with any tool and at
any moment, also while a cutover is under way: that is its point.
"""

from __future__ import annotations

import os

from hdh_migrate.errors import SwitchHeld
from hdh_migrate.folders import make_private, sync
from hdh_migrate.ledger.holding import withheld
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.verbs.telling import tell_at_once

MAX_BYTES = 2_000
_SHOWN = 300


def hold(desk: Desk, reason: str) -> str:
    """Hold the switch and return who holds it; a hold that is there already stays.

    A disk that is full takes the file and not its text: it holds, and a note says what is missing.

    Raises:
        LedgerError: the file cannot be made; nobody is held.
        Fenced: who uses this copy of the ledger is held, and a newer one is at work elsewhere.
    """
    desk.note_unbegun()
    path = desk.ledger_path.with_name("hold")
    text = f"{operator()} since {desk.clock.now()}" + (f": {reason}" if reason else "")
    try:
        make_private(path.parent)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if (held := holder(desk)) is not None:
            return held
        if isinstance(error, FileExistsError) and path.parent.is_dir():
            return hold(desk, reason)  # it was let go of in between: then by us
        nothing = "there is no hold: switches and deletions continue"
        raise withheld(path, "cannot be written", error, nothing=nothing) from error
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync(path.parent)
    except OSError as error:
        desk.progress.note(
            f"{path}: who holds and why cannot be written: {error.strerror}; it holds all the same."
            " Make room, end it with --release, and hold again"
        )
        return f"by the file {path}"
    tell_at_once(desk, "it holds from now on")
    return f"by {text}"


def release(desk: Desk) -> str | None:
    """Let go and return who held the switch, None when nobody did.

    Raises:
        Fenced: as `hold`.
    """
    held = holder(desk)
    desk.ledger_path.with_name("hold").unlink(missing_ok=True)
    if held is not None:
        tell_at_once(desk, "nobody holds it from now on")
    return held


def holder(desk: Desk) -> str | None:
    """Return who holds the switch; a file that cannot be read holds it, too."""
    path = desk.ledger_path.with_name("hold")
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode(errors="replace")
    except OSError:
        if not os.path.lexists(path):  # a link that leads nowhere was put there, too
            return None
        return f"by {path}, which cannot be read"
    line = " ".join(text.split())[:_SHOWN]
    return f"by {line}" if line else f"by the file {path}"


def demand_unheld(desk: Desk) -> None:
    """Demand that nobody holds what cannot be taken back.

    Raises:
        SwitchHeld: somebody does.
    """
    if (held := holder(desk)) is not None:
        raise SwitchHeld(f"held: {held}")
