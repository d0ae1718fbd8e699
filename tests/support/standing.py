"""A `Status` as it could be, for those who show or judge one."""

from __future__ import annotations

from typing import Any

from hdh_migrate.results.courses import CourseStatus
from hdh_migrate.results.looks import (
    Amounts,
    BatchStatus,
    Status,
    StepProgress,
    StepState,
    Transferred,
    Work,
)

NOW = "2026-11-26T10:00:00.000Z"
IDLE: Work = {
    "alive": False, "pid": None, "host": None, "since": None,
    "last_word": "2026-11-26T09:59:58.000Z", "steps": ["inventory", "transfer", "verify"],
    "batches": [], "ended": "2026-11-26T09:59:58.000Z", "exit": 0, "why": None, "over": False,
    "troubled": False,
}  # fmt: skip
BUSY: Work = {
    **IDLE, "alive": True, "pid": 4711, "host": "mover-1.example",
    "since": "2026-11-20T08:00:00.000Z", "ended": None, "exit": None,
}  # fmt: skip


def amounts(**objects: int) -> Amounts:
    """Return amounts of 1,000 bytes an object."""

    def one(name: str) -> Any:
        return {"objects": objects.get(name, 0), "bytes": 1000 * objects.get(name, 0)}

    return {
        "verified": one("verified"), "waiting": one("waiting"), "failed": one("failed"),
        "held_back": one("held_back"), "excluded": one("excluded"),
    }  # fmt: skip


def moved(state: StepState, objects: int, of: int, *, rate: int | None = None) -> StepProgress:
    """Return how far a step has come; with a rate it has a time left."""
    return {
        "state": state, "done": state == "done", "objects": objects, "of_objects": of,
        "bytes": 1000 * objects, "of_bytes": 1000 * of, "failed": {"objects": 0, "bytes": 0},
        "bytes_per_second": rate, "objects_per_second": rate and rate / 1000,
        "eta_seconds": rate and 60, "eta_range": {"low": 60, "high": 7200} if rate else None,
    }  # fmt: skip


def batch(name: str, state: StepState = "done", *waits: str, **objects: int) -> BatchStatus:
    """Return a batch whose last step is in a state."""
    every = sum(objects.values())
    sent: Transferred = {
        **moved("done" if state == "done" else "begun", every, every),
        "arrived": {"objects": 0, "bytes": 0, "parts": 0},
    }
    rate = 5_000_000 if state == "under way" else None
    return {
        "batch": name, "state": state, "amounts": amounts(**objects), "waits": list(waits),
        "waits_fr": list(waits),
        "waived": {"objects": 0, "bytes": 0},
        "steps": {
            "inventory": {"state": "done", "done": True, "objects": every, "bytes": 1000 * every},
            "transfer": sent,
            "verify": {
                **moved(state, objects.get("verified", 0), every, rate=rate),
                "reading": {"objects": 0, "bytes": 0},
            },
        },
        "cutover": None, "states": {},
    }  # fmt: skip


FREE: CourseStatus = {
    "window": None, "paused": None, "limit": None,
    "rates": {"to_target": None, "from_target": None}, "waiting": None,
}  # fmt: skip
"""Runs may go on at any time, at any rate."""


def standing(*batches: BatchStatus, work: Work = IDLE, **more: Any) -> Status:
    """Return a whole status."""
    names = ("verified", "waiting", "failed", "held_back", "excluded")
    total = {name: sum(one["amounts"][name]["objects"] for one in batches) for name in names}  # type: ignore[literal-required]
    told: Status = {
        "migration": "emc2-exit", "at": NOW, "run": work, "check": {"exit": 0, "why": []},
        "next": [], "course": FREE,
        "total": amounts(**total), "eta": None, "plan_digest": "0" * 64, "plan_changed": False,
        "behind": None, "held": None,
        "batches": list(batches), "findings": [],
        "keys": [], "notices": {"waiting": 0, "since": None, "why": None}, "connections": None,
        "lately": [],
    }  # fmt: skip
    return {**told, **more}  # type: ignore[typeddict-item] # what a test wants otherwise
