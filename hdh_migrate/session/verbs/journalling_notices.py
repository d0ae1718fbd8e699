"""Write down what came of notices: by the next verb that holds the ledger, see `notifying`."""

from __future__ import annotations

from collections import Counter

from hdh_migrate.events.notices import NoticeDelivered, NoticeGivenUp, NoticesWaiting
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.notices.queue import NoticeOutcome, NoticeQueue
from hdh_migrate.session.desk import Desk


def journal_notices(desk: Desk, ledger: SqliteLedger, *, ends: bool = False) -> None:
    """Write down what came of documents since; when a verb `ends`, also what still waits."""
    queue = NoticeQueue.beside(desk.ledger_path)
    if not queue.folder.is_dir():
        return
    outcomes = queue.outcomes()
    known = _journalled(ledger) if outcomes else frozenset()
    for one in outcomes:
        if (one.channel, one.notice) not in known:
            ledger.event(_event(one))
            ledger.commit()  # before it is forgotten: whoever is killed in between finds it known
        queue.journalled(one)
    late = [one for one in queue.waiting() if one.why is not None] if ends else []
    for channel, many in Counter(one.channel for one in late).items():
        why = next(one.why or "" for one in late if one.channel == channel)
        ledger.event(NoticesWaiting(channel=channel, waiting=many, why=why))
    ledger.commit()


def _journalled(ledger: SqliteLedger) -> frozenset[tuple[str, str]]:
    """Return which documents of which channels the journal tells the end of."""
    taken = {(event.channel, event.notice) for _, event in ledger.events(NoticeDelivered)}
    return frozenset(
        taken | {(event.channel, event.notice) for _, event in ledger.events(NoticeGivenUp)}
    )


def _event(one: NoticeOutcome) -> NoticeDelivered | NoticeGivenUp:
    if one.why is None:
        return NoticeDelivered(
            channel=one.channel, notice=one.notice, type=one.type, tries=one.tries
        )
    return NoticeGivenUp(
        channel=one.channel, notice=one.notice, type=one.type, tries=one.tries, why=one.why
    )
