"""Tell of what lies beside the ledger, once it has done its work: in the journal and at the target.

A hold, a withdrawal or an opening is a file, so that it counts at once whoever holds the ledger.
An older copy of the state folder, put back, would go on without it, and nobody would notice.
"""

from __future__ import annotations

from hdh_migrate.errors import LedgerLocked, MigrateError
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import journal_of
from hdh_migrate.session.policy.dating import dating_judge
from hdh_migrate.session.policy.fence_told import fences_told, tell_fences
from hdh_migrate.session.policy.last_writer import not_newest
from hdh_migrate.session.verbs.backup import Backups


def tell_at_once(desk: Desk, done: str | None = None) -> None:
    """Let the journal and the target's fence tell; what hinders it is said.

    Endpoints that hang take long, and nobody need wait for them: what is `done` is said before.
    It is decided then for months, so a copy of the ledger is made, too.

    Raises:
        Fenced: what is `done` was done in an older copy of the ledger, and holds up nobody else.
    """
    if desk.stop.is_set() or not desk.ledger_path.exists():
        return  # who said stop waits for no endpoint, and the next run tells
    newer = list[str]()
    try:
        ledger = SqliteLedger.read_only(desk.ledger_path, desk.clock)
        outdated = ledger.outdated
        ledger.close()
        if outdated:  # to bring it up reads all of it, and nobody waits for that
            return
        if done is not None:
            desk.progress.note(f"{done}; the journal and the target are told of it next")
        judge = dating_judge(desk)
        if not judge.ahead():  # a date that is ahead would hold up every run until then
            desk.progress.note(
                "no endpoint told the time: the next run lets the journal tell of it"
            )
            return
        with journal_of(desk, judge):
            pass  # to open it is all
        if done is not None:
            Backups(desk).take()
            newer = fences_told(desk)
        else:
            tell_fences(desk)
    except LedgerLocked:
        desk.progress.note("another command holds the ledger: the next one lets the journal tell")
    except MigrateError as error:
        desk.progress.note(f"the journal cannot tell of it now: {error}")
    if newer:
        raise not_newest(
            newer,
            f"{done}, on this machine alone: commands with the newest copy of the ledger are not"
            " affected. Give the same command there",
        )
