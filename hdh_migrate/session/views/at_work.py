"""Whether a command works on a migration now, since when, and how the last run ended."""

from __future__ import annotations

from hdh_migrate.clocks import seconds_of
from hdh_migrate.errors import Exit
from hdh_migrate.events.fence import FenceTaken
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.holding import holder
from hdh_migrate.results.looks import Work
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.changing import bears
from hdh_migrate.session.views.last_run import LastRun, last_run


def work_of(desk: Desk, ledger: SqliteLedger) -> Work:
    """Return who holds the ledger, and what is known of the last run; disturbs nobody.

    Raises:
        LedgerError: the lock cannot be read.
    """
    held, last = holder(desk.ledger_path.with_name("lock")), last_run(desk)
    work: Work = {
        "alive": held is not None,
        "pid": None,
        "host": None,
        "since": None,
        "last_word": _last_word(ledger),
        "steps": [],
        "batches": [],
        "ended": None,
        "exit": None,
        "why": None,
        "over": False,
        "troubled": False,
    }
    if held is not None:
        work["pid"], work["host"], work["since"] = held.pid, held.host, held.since
        if last is None or last.ended is not None or last.pid != held.pid:
            return work  # another verb has it, and of that one nothing more is known
    if last is not None:
        work["steps"], work["batches"] = list(last.steps), list(last.batches)
        work["ended"], work["exit"], work["why"] = last.ended, last.exit, last.why
        work["over"], work["troubled"] = _is_over(desk, ledger, last), last.troubled
    return work


def _is_over(desk: Desk, ledger: SqliteLedger, last: LastRun) -> bool:
    """Say whether what ended the last run holds no more, as far as clock and ledger can tell."""
    if last.until is not None:
        return seconds_of(desk.clock.now()) >= seconds_of(last.until)
    if last.unbound:
        return bears(ledger, desk.loaded)  # it was amended, or the plan is as it was
    if last.exit != Exit.LOCKED or last.ended is None:
        return False
    taken = ledger.last_time_of(FenceTaken)
    return taken is not None and seconds_of(taken) > seconds_of(last.ended)


def _last_word(ledger: SqliteLedger) -> str | None:
    words = [ledger.last_at(), *(one.at for one in ledger.samples()[-1:])]
    return max((word for word in words if word is not None), default=None)


def was_killed(work: Work) -> bool:
    """Return whether the last run ended without recording how."""
    return not work["alive"] and bool(work["steps"]) and work["ended"] is None
