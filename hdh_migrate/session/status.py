"""Where a run stands, from the ledger's tallies; never scans, never disturbs the run."""

from __future__ import annotations

from typing import Any

from hdh_migrate.ledger import Ledger
from hdh_migrate.model import DatasetRow, State, Step, Tally
from hdh_migrate.session import cutover
from hdh_migrate.session.changing import bears
from hdh_migrate.session.desk import Desk

FRESH_SECONDS = 15.0

_REACHED = {
    Step.TRANSFER: (State.SENT, State.VERIFIED, State.FAILED),
    Step.VERIFY: (State.VERIFIED, State.FAILED),
}
_TO_MOVE = (State.LISTED, State.SENDING, State.SENT, State.VERIFIED, State.FAILED)


def status(desk: Desk, *, show_names: bool = False) -> dict[str, Any]:
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


def _batch(ledger: Ledger, desk: Desk, name: str, rows: list[DatasetRow]) -> dict[str, Any]:
    everything = _sum(ledger, rows, tuple(State))
    to_move = _sum(ledger, rows, _TO_MOVE)
    sealed = all(row.sealed for row in rows)
    steps: dict[str, Any] = {
        "inventory": {"done": sealed, "objects": everything.objects, "bytes": everything.size}
    }
    for step, states in _REACHED.items():
        reached = _sum(ledger, rows, states)
        steps[str(step)] = {
            "done": sealed and reached.objects == to_move.objects,
            "objects": reached.objects,
            "of_objects": to_move.objects,
            "bytes": reached.size,
            "of_bytes": to_move.size,
            **_pace(ledger, desk, name, step, to_move.size - reached.size),
        }
    return {
        "batch": name,
        "steps": steps,
        "cutover": cutover.look(ledger, desk, name),
        "states": {state.name.lower(): _sum(ledger, rows, (state,)).objects for state in State},
    }


def _pace(ledger: Ledger, desk: Desk, batch: str, step: Step, left: int) -> dict[str, float | None]:
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


def _findings(ledger: Ledger, *, show_names: bool) -> list[dict[str, Any]]:
    if show_names:
        return [
            {name: value for name, value in found.items() if name != "verdict"}
            for found in ledger.findings()
        ]
    groups: dict[tuple[str, str, str | None], dict[str, Any]] = {}
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
