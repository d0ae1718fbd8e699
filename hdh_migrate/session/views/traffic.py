"""What was exchanged with the endpoints, added up for the journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from hdh_migrate.events.run import ExchangeTotal
from hdh_migrate.jsonform import ABSENT

if TYPE_CHECKING:
    from hdh_migrate.receipts import EndpointTraffic


def added_up(traffic: Iterable[EndpointTraffic]) -> tuple[ExchangeTotal, ...]:
    """Return traffic with one entry for each side and endpoint; of its Dates the newest counts."""
    total: dict[tuple[str, str], ExchangeTotal] = {}
    newest: dict[tuple[str, str], float] = {}
    for one in traffic:
        key, at = (one.side, one.endpoint), one.clock_at
        sums = total.get(key) or ExchangeTotal(
            side=one.side, endpoint=one.endpoint, requests=0, bytes_read=0,
            bytes_written=0, addresses=(), tls=ABSENT, ssh=ABSENT, clock_offset=ABSENT,
        )  # fmt: skip
        tls, ssh = {*(sums.tls or ()), *one.tls}, {*(sums.ssh or ()), *one.ssh}
        sums = replace(
            sums,
            requests=sums.requests + one.requests,
            bytes_read=sums.bytes_read + one.bytes_read,
            bytes_written=sums.bytes_written + one.bytes_written,
            addresses=tuple(sorted({*sums.addresses, *one.addresses})),
            tls=tuple(sorted(tls)) if tls else sums.tls,
            ssh=tuple(sorted(ssh)) if ssh else sums.ssh,
        )
        offset = one.clock_offset
        if at is not None and offset is not None and at >= newest.get(key, at):
            sums, newest[key] = replace(sums, clock_offset=offset), at
        total[key] = sums
    return tuple(total.values())
