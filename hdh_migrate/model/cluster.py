"""The workers of a cluster, as the coordinator of the run sees them."""

from __future__ import annotations

from typing import Literal

from hdh_migrate.frozen import frozen

WorkerState = Literal["begins", "works", "gone"]
"""`begins`: has not answered yet, or waits for its share. `gone`: takes no orders (any more)."""


@frozen
class ClusterWorker:
    """One machine of a cluster: whether it works for the run, and if not, why."""

    name: str
    """Its host's name and a mark of the process; of one that never took orders its address."""
    address: str
    state: WorkerState
    share: float
    """Which part of the limits that hold for all machines together it may use, up to 1."""
    capacity: int
    """How many orders it holds at a time."""
    orders: int
    """How many of them are under way there."""
    objects: int
    """How many objects came back from it, in this step."""
    size: int
    """Their bytes."""
    bytes_per_second: float
    """How many bytes came back from it in each second of the last minute."""
    silent: float
    """Seconds since it was last heard of."""
    why: str | None = None
    """Why it takes no orders, where it is gone."""
