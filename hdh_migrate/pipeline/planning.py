"""Does a plan fit its target's limits, and how fast can it be? Pure arithmetic.

What a limit forbids is refused here or by `cutting`, so that no accepted plan can exceed a limit
later; what is only advised against becomes a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import ceil
from typing import Final

from hdh_migrate.errors import Unsupported
from hdh_migrate.frozen import frozen
from hdh_migrate.model import MIB, SEGMENT, State, TargetLimits
from hdh_migrate.pipeline.cutting import PART_FLOOR, SEALED_OVERHEAD, part_plan
from hdh_migrate.ports.ledger import CountsLedger
from hdh_migrate.telemetry import counted

ASSUMED_CONNECTION_RATE = 4 * MIB
"""Bytes a second on one connection, where nobody stated what was measured."""

DEADLINE_SHARE = 0.5
"""The part of a request's deadline that is planned for; the rest is for a slower hour."""

TAKES_ROOM: Final = (State.LISTED, State.SENDING, State.SENT, State.VERIFIED)
"""Objects that have bytes at the target, or will have."""

_SIZES = 1 << 60


@frozen
class PlannedPace:
    """The rates that a plan states, in bytes a second."""

    connections: int
    bandwidth: int | None = None
    """At the fastest hour of its timetable."""
    slowest: int | None = None
    """At the slowest hour; None: no hour is slower."""
    connection_rate: int | None = None

    def of_connection(self, limits: TargetLimits) -> float:
        """Return the rate that one connection is counted on for, when all of them are busy."""
        rates = [float(self.connection_rate or ASSUMED_CONNECTION_RATE)]
        bandwidth = self.bandwidth if self.slowest is None else self.slowest
        if bandwidth is not None:
            rates.append(bandwidth / self.connections)
        if limits.connection_bytes_per_second is not None:
            rates.append(limits.connection_bytes_per_second)
        return min(rates)

    def ceiling(self, limits: TargetLimits) -> float | None:
        """Return the most bytes a second that all connections may carry; None: no number."""
        found = [float(self.bandwidth)] if self.bandwidth is not None else []
        if limits.connection_bytes_per_second is not None:
            found.append(self.connections * limits.connection_bytes_per_second)
        return min(found, default=None)


def paced(limits: TargetLimits, pace: PlannedPace) -> TargetLimits:
    """Return the limits with parts small enough to be sent within the target's deadline."""
    if limits.request_seconds is None:
        return limits
    most = int(pace.of_connection(limits) * limits.request_seconds * DEADLINE_SHARE)
    return replace(limits, max_part=min(limits.max_part, most), max_put=min(limits.max_put, most))


def largest_object(limits: TargetLimits, *, header: int, sealed: bool) -> int:
    """Return the plaintext bytes of the largest object that can be cut; 0 when none can."""
    low, high = 0, _SIZES
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _fits(middle, limits, header, sealed) else (low, middle - 1)
    return low


def largest_part(limits: TargetLimits, *, header: int, sealed: bool) -> int:
    """Return the plaintext bytes of the largest part that can be cut."""
    overhead = SEALED_OVERHEAD if sealed else 0
    return max(0, (limits.max_part - header) // (SEGMENT + overhead)) * SEGMENT


def connections_needed(limits: TargetLimits, pace: PlannedPace) -> int | None:
    """Return how many connections the stated bandwidth needs; None when no number is known."""
    if pace.bandwidth is None or limits.connection_bytes_per_second is None:
        return None
    return ceil(pace.bandwidth / limits.connection_bytes_per_second)


def problems(limits: TargetLimits, pace: PlannedPace, *, header: int, sealed: bool) -> list[str]:
    """Return why no object larger than a single PUT could be sent; empty means that it can."""
    within = paced(limits, pace)
    if _fits(PART_FLOOR + 1, within, header, sealed):
        return []
    if limits.request_seconds is None:
        return ["the target takes no part that whole segments fit into: see its profile"]
    what = (
        f"a part of {limits.min_part} bytes, the smallest that the target takes, is not sent within"
        f" {limits.request_seconds:.0f} s at {pace.of_connection(limits):.0f} bytes/s for each"
        " connection: use fewer connections, more bandwidth, or a higher limits.connection_rate"
    )
    return [what]


def notes(limits: TargetLimits, pace: PlannedPace) -> list[str]:
    """Return notes on an accepted plan."""
    lines = []
    needed = connections_needed(limits, pace)
    if needed is not None and needed > pace.connections:
        lines.append(
            f"the stated bandwidth takes {needed} connections to this target, the plan has"
            f" {pace.connections} (engine.connections): it will be slower"
        )
    if limits.request_seconds is not None and pace.connection_rate is None:
        lines.append(
            f"the target ends a request after {limits.request_seconds:.0f} s; parts are cut for"
            f" {pace.of_connection(limits) / MIB:.1f} MiB/s a connection: state what you measured"
            " in limits.connection_rate"
        )
    if limits.quota_bytes is not None:
        lines.append(
            f"the target lets a project hold {_terabytes(limits.quota_bytes)}, what is there"
            " already included; more takes a request to the host, and time"
        )
    return lines


def crowded(limits: TargetLimits, objects: Mapping[str, int]) -> list[str]:
    """Return a note for each bucket that would hold more objects than is advised."""
    advised = limits.objects_per_bucket
    return [
        f"bucket {bucket} would hold {counted(count, 'object')}; at most"
        f" {counted(advised, 'is', 'are')} advised, versions and delete markers included:"
        " spread the datasets over more buckets"
        for bucket, count in objects.items()
        if advised is not None and count > advised
    ]


def stored_bytes(objects: int, size: int, *, header: int, sealed: bool) -> int:
    """Return the most bytes that so many objects of `size` bytes in all take at the target."""
    overhead = SEALED_OVERHEAD if sealed else 0
    return size + objects * (header + overhead) + -(-size // SEGMENT) * overhead


def brought(ledgers: Iterable[CountsLedger], *, header: int, sealed: bool) -> int:
    """Return the bytes at the target of all that finished inventories list, moved or not."""
    found = [
        ledger.tally(row.id, *TAKES_ROOM)
        for ledger in ledgers
        for row in ledger.datasets()
        if row.sealed
    ]
    objects, size = sum(one.objects for one in found), sum(one.size for one in found)
    return stored_bytes(objects, size, header=header, sealed=sealed)


def quota_note(limits: TargetLimits, stored: int) -> str | None:
    """Return how far a plan fills what a project may hold; None: no number is known."""
    quota = limits.quota_bytes
    if quota is None:
        return None
    return (
        f"{_terabytes(stored)} of the {_terabytes(quota)} that the target lets a project hold"
        " (quota_bytes of its profile), without what else is there"
    )


def over_quota(limits: TargetLimits, stored: int) -> str | None:
    """Return why so many bytes cannot all be sent; None when they can, as far as is known."""
    if limits.quota_bytes is None or stored <= limits.quota_bytes:
        return None
    return f"the plan brings {quota_note(limits, stored)}"


QUOTA_HINT = (
    "ask the host for more, and state what it grants in a target.profile of your own (quota_bytes)"
)


def _terabytes(size: int) -> str:
    return f"{size / 10**12:,.3g} TB" if size >= 10**10 else f"{size:,} bytes"


def seconds_at_least(
    limits: TargetLimits, pace: PlannedPace, *, size: int, writes: Mapping[str, int],
    reads: Mapping[str, int],
) -> float:  # fmt: skip
    """Return a lower bound, in seconds, for moving these bytes and requests (by bucket)."""
    ceiling = pace.ceiling(limits)
    return max(
        size / ceiling if ceiling else 0.0,
        _slowest(writes, limits.writes_per_second),
        _slowest(reads, limits.reads_per_second),
    )


def _slowest(requests: Mapping[str, int], rate: float | None) -> float:
    return max(requests.values(), default=0) / rate if rate else 0.0


def _fits(size: int, limits: TargetLimits, header: int, sealed: bool) -> bool:
    try:
        part_plan(size, limits, header=header, sealed=sealed)
    except Unsupported:
        return False
    return True
