"""`history`: which runs there were, how each ended, and what passed in it.

The journal tells when each began and what it exchanged; how it ended stands in a file beside the
ledger, which knows besides of runs that were refused before they had the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import NamedTuple

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.exchange import ExchangeCount, TrafficCounted
from hdh_migrate.events.run import ExchangeTotal, RunEnded, RunStarted
from hdh_migrate.frozen import mutable
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.results.history import RunFact, RunHistory
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.views.at_work import work_of
from hdh_migrate.session.views.last_run import last_run
from hdh_migrate.session.views.past_runs import RunKept, remembered


class _RunTraffic(NamedTuple):
    source_read: int = 0
    target_written: int = 0
    target_read: int = 0

    def plus(self, traffic: Sequence[ExchangeCount | ExchangeTotal]) -> _RunTraffic:
        """Return it with what was exchanged besides."""
        sums = list(self)
        for one in traffic:
            if one.side == "source":
                sums[0] += one.bytes_read
            else:
                sums[1] += one.bytes_written
                sums[2] += one.bytes_read
        return _RunTraffic(*sums)


@mutable
class _Journalled:
    """One run as the journal tells it: `heard` is when it was last told of."""

    seq: int
    at: str
    event: RunStarted
    heard: str
    is_over: bool = False
    passed: _RunTraffic = field(default_factory=_RunTraffic)
    last: int | None = None
    """The number of the event that ends it, or with which the next one begins; None: neither."""


def history(desk: Desk, most: int) -> RunHistory:
    """Return the last runs, `most` of them at most; during a run, too.

    Raises:
        UsageError: no run of this plan has begun here.
        LedgerDamaged: an event is not of its kind's form.
    """
    ledger = desk.read_ledger()
    try:
        with ledger.snapshot():
            alive = work_of(desk, ledger)["alive"]
            told = _journalled(ledger)
            kept, refused = _paired(told, _kept(desk))
            runs: list[_Journalled | RunKept] = sorted([*told, *refused], key=_when)
            shown = [
                _refusal(one)
                if not isinstance(one, _Journalled)
                else _run(ledger, one, kept.get(one.seq), alive=alive and one is told[-1])
                for one in runs[-most:]
            ]
    finally:
        ledger.close()
    return {
        "migration": desk.loaded.plan.migration,
        "at": desk.clock.now(),
        "runs": shown,
        "earlier": len(runs) - len(shown),
    }


def _kept(desk: Desk) -> list[RunKept]:
    """Return how runs ended; of the last one that is kept where a full disk took no more, too."""
    found, last = remembered(desk.ledger_path.parent), last_run(desk)
    return found if last is None or last.ended is None else [*found, last.kept()]


def _journalled(ledger: SqliteLedger) -> list[_Journalled]:
    found: list[_Journalled] = []
    pieces = False
    for seq, at, event in ledger.numbered(RunStarted, TrafficCounted, RunEnded):
        run = found[-1] if found else None
        if isinstance(event, RunStarted):
            if run is not None and run.last is None:
                run.last = seq
            found.append(_Journalled(seq=seq, at=at, event=event, heard=at))
            pieces = False
        elif run is None or run.is_over:
            continue  # of a command that began no step
        elif isinstance(event, TrafficCounted):
            run.heard, run.passed, pieces = at, run.passed.plus(event.traffic), True
        elif isinstance(event, RunEnded):
            run.heard, run.is_over, run.last = at, True, seq
            if not pieces:  # earlier versions told it at the end alone
                run.passed = run.passed.plus(event.traffic)
    return found


def _paired(
    told: Sequence[_Journalled], kept: Sequence[RunKept]
) -> tuple[dict[int, RunKept], list[RunKept]]:
    """Return what is kept of runs that the journal has, by their numbers; and of all others."""
    found, others = dict[int, RunKept](), list[RunKept]()
    for one in kept:
        began = one["began"]
        same = [
            run.seq
            for run in told
            if began is not None and run.event.pid == one["pid"] and run.at <= began
        ]
        if same:
            found[same[-1]] = one
        elif began is None and one["ended"] is not None and one not in others:
            others.append(one)
    return found, others


def _when(one: _Journalled | RunKept) -> float:
    return seconds_of(
        one.at if isinstance(one, _Journalled) else one["ended"] or one["began"] or ""
    )


def _refusal(one: RunKept) -> RunFact:
    return _fact(_RunTraffic()) | {
        "state": "refused", "ended": one["ended"], "exit": one["exit"], "why": one["why"],
        "steps": one["steps"], "batches": one["batches"],
    }  # fmt: skip


def _run(ledger: SqliteLedger, one: _Journalled, kept: RunKept | None, *, alive: bool) -> RunFact:
    done = ledger.acknowledged(one.seq, one.last)
    over = one.is_over or kept is not None
    goes_on = alive and not over
    heard = max(one.heard, *(at for _, at in done.values()), "")
    fact = _fact(one.passed) | {
        "state": "under way" if goes_on else "ended" if over else "killed",
        "began": one.at,
        "ended": None if goes_on else heard,
        "steps": [*one.event.steps],
        "batches": [*one.event.batches],
        "user": one.event.user,
        "sent": done["sent"][0] if "sent" in done else 0,
        "verified": done["verified"][0] if "verified" in done else 0,
    }
    if kept is not None:
        fact |= {"ended": kept["ended"], "exit": kept["exit"], "why": kept["why"]}
    return fact


def _fact(passed: _RunTraffic) -> RunFact:
    return {
        "state": "ended", "began": None, "ended": None, "exit": None, "why": None, "steps": [],
        "batches": [], "user": None, "sent": 0, "verified": 0,
        "source_read": passed.source_read, "target_written": passed.target_written,
        "target_read": passed.target_read,
    }  # fmt: skip
