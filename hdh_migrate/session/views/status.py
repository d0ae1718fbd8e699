"""Where a run stands, from the ledger's tallies; never scans, never disturbs the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdh_migrate.ledger import Ledger
from hdh_migrate.model import DatasetRow, State, Step, Tally
from hdh_migrate.results.looks import (
    BatchStatus,
    FindingGroup,
    Moved,
    NamedFinding,
    Pace,
    Status,
)
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.changing import bears
from hdh_migrate.session.verbs import cutover

FRESH_SECONDS = 15.0

_REACHED = {
    Step.TRANSFER: (State.SENT, State.VERIFIED, State.FAILED),
    Step.VERIFY: (State.VERIFIED, State.FAILED),
}
_TO_MOVE = (State.LISTED, State.SENDING, State.SENT, State.VERIFIED, State.FAILED)


def status(desk: Desk, *, show_names: bool = False) -> Status:
    """Return per batch and step: objects, bytes, rate, ETA; and the open findings by code.

    Raises:
        UsageError: no run of this plan has begun.
    """
    ledger = desk.read_ledger()
    try:
        rows = ledger.datasets()
        return {
            "migration": desk.loaded.plan.migration,
            "plan_digest": ledger.meta("plan_digest"),
            "plan_changed": not bears(ledger, desk.loaded),
            "batches": [
                _batch(ledger, desk, batch.name, [r for r in rows if r.batch == batch.name])
                for batch in desk.batches(())
            ],
            "findings": _findings(ledger, show_names=show_names),
        }
    finally:
        ledger.close()


def _batch(ledger: Ledger, desk: Desk, name: str, rows: list[DatasetRow]) -> BatchStatus:
    everything = _sum(ledger, rows, tuple(State))
    return {
        "batch": name,
        "steps": {
            "inventory": {
                "done": all(row.sealed for row in rows),
                "objects": everything.objects,
                "bytes": everything.size,
            },
            "transfer": _moved(ledger, desk, name, Step.TRANSFER, rows),
            "verify": _moved(ledger, desk, name, Step.VERIFY, rows),
        },
        "cutover": cutover.look(ledger, desk, name),
        "states": {state.name.lower(): _sum(ledger, rows, (state,)).objects for state in State},
    }


def _moved(ledger: Ledger, desk: Desk, batch: str, step: Step, rows: list[DatasetRow]) -> Moved:
    to_move, reached = _sum(ledger, rows, _TO_MOVE), _sum(ledger, rows, _REACHED[step])
    return {
        "done": all(row.sealed for row in rows) and reached.objects == to_move.objects,
        "objects": reached.objects,
        "of_objects": to_move.objects,
        "bytes": reached.size,
        "of_bytes": to_move.size,
        **_pace(ledger, desk, batch, step, to_move.size - reached.size),
    }


def _pace(ledger: Ledger, desk: Desk, batch: str, step: Step, left: int) -> Pace:
    samples = ledger.samples(batch, step)[-60:]
    now = desk.clock.monotonic()
    if len(samples) < 2 or not 0 <= now - samples[-1][0] < FRESH_SECONDS:
        return {"bytes_per_second": None, "objects_per_second": None, "eta_seconds": None}
    (t0, n0, b0), (t1, n1, b1) = samples[0], samples[-1]
    seconds = max(t1 - t0, 1e-3)
    rate = max(0.0, (b1 - b0) / seconds)
    return {
        "bytes_per_second": round(rate),
        "objects_per_second": round(max(0.0, (n1 - n0) / seconds), 1),
        "eta_seconds": round(left / rate) if rate > 0 else None,
    }


def _sum(ledger: Ledger, rows: list[DatasetRow], states: tuple[State, ...]) -> Tally:
    tallies = [ledger.tally(row.id, *states) for row in rows]
    return Tally(objects=sum(t.objects for t in tallies), size=sum(t.size for t in tallies))


def _findings(ledger: Ledger, *, show_names: bool) -> list[FindingGroup] | list[NamedFinding]:
    if show_names:
        return [_named(found) for found in ledger.findings()]
    groups: dict[tuple[str, str, str | None], FindingGroup] = {}
    for found in ledger.findings():
        key = (found["code"], found["severity"], found["dataset"])
        group = groups.setdefault(
            key,
            {
                "code": found["code"],
                "severity": found["severity"],
                "dataset": found["dataset"],
                "detail": found["detail"],
                "count": 0,
            },
        )
        group["count"] += 1
    return list(groups.values())


def _named(found: Mapping[str, Any]) -> NamedFinding:
    return {
        "id": found["id"],
        "dataset": found["dataset"],
        "object": found["object"],
        "key": found["key"],
        "code": found["code"],
        "severity": found["severity"],
        "detail": found["detail"],
        "at": found["at"],
        "batch": found["batch"],
    }
