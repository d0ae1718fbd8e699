"""What a run would do, from the same inventory that a run makes; nothing is written anywhere."""

from __future__ import annotations

from typing import Any

from hdh_migrate.model import MIB, SEGMENT, DatasetRow, State
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.cutting import SEALED_OVERHEAD, cut

ASSUMED_BYTES_PER_SECOND = 100 * MIB
ASSUMED_OBJECTS_PER_SECOND = 200
RECOUNT_PAGE = 1_700
TARGET_PAGE = 1_000
SLOWER = 3


class Forecast:
    """Adds up one plan's work from its (temporary) ledger."""

    def __init__(self, ctx: Context, *, bandwidth: int | None) -> None:
        self._ctx = ctx
        self._rate = bandwidth or ASSUMED_BYTES_PER_SECOND

    def batch(self, name: str) -> dict[str, Any]:
        """Return objects, bytes, parts, requests on each side and seconds for one batch."""
        datasets = [self._dataset(dataset) for dataset in self._ctx.ledger.datasets(name)]
        total = {
            field: sum(d[field] for d in datasets)
            for field in ("objects", "bytes", "stored_bytes", "excluded", "refused", "occupied")
        }
        parts = sum(d["parts"] for d in datasets)
        requests = {
            side: {
                kind: sum(d["requests"][side][kind] for d in datasets)
                for kind in datasets[0]["requests"][side]
            }
            for side in ("source", "target")
        }
        one_way = max(total["bytes"] / self._rate, total["objects"] / ASSUMED_OBJECTS_PER_SECOND)
        return {
            "batch": name,
            **total,
            "parts": parts,
            "requests": requests,
            "egress_bytes": total["bytes"],
            "assumed": {
                "bytes_per_second": self._rate,
                "objects_per_second": ASSUMED_OBJECTS_PER_SECOND,
            },
            "seconds": {
                "transfer": round(one_way, 1),
                "verify": round(one_way, 1),
                "low": round(2 * one_way, 1),
                "high": round(2 * one_way * SLOWER, 1),
            },
            "datasets": datasets,
        }

    def _dataset(self, dataset: DatasetRow) -> dict[str, Any]:
        ctx = self._ctx
        listed = ctx.ledger.tally(dataset.id, State.LISTED)
        everything = ctx.ledger.tally(dataset.id, *State)
        excluded = ctx.ledger.tally(dataset.id, State.EXCLUDED)
        refused = ctx.ledger.tally(dataset.id, State.REFUSED, State.FAILED)
        overhead = SEALED_OVERHEAD if ctx.sealed else 0
        parts = big = stored = 0
        for row in ctx.ledger.records(dataset.id):
            if row["state"] is State.LISTED:
                plan = cut(row["size"], ctx.limits, header=ctx.header, sealed=ctx.sealed)
                parts += plan.count
                big += plan.count > 0
                stored += row["size"] + ctx.header + -(-row["size"] // SEGMENT) * overhead
        small = listed.objects - big
        occupied, existing = self._occupied(dataset)
        pages = -(-everything.objects // ctx.source.page_size) or 1
        return {
            "dataset": dataset.name,
            "objects": listed.objects,
            "bytes": listed.size,
            "stored_bytes": stored,
            "excluded": excluded.objects,
            "refused": refused.objects,
            "occupied": occupied,
            "parts": parts,
            "requests": {
                "source": {
                    "list": pages + (-(-everything.objects // RECOUNT_PAGE) or 1),
                    "get": small + parts,
                },
                "target": {
                    "list": (-(-existing // TARGET_PAGE) or 1) + 2 + (big > 0),
                    "put": small + parts,
                    "upload": 2 * big + 2,
                    "head": 2 * big + occupied,
                    "get": listed.objects,
                },
            },
        }

    def _occupied(self, dataset: DatasetRow) -> tuple[int, int]:
        """Count what stands at the target under the prefix, and under keys of ours."""
        ctx, route = self._ctx, self._ctx.route(dataset)

        def look() -> tuple[int, int]:
            occupied = existing = 0
            for stored in ctx.reader.keys(route.target):
                existing += 1
                key = route.source_key(stored.key)
                occupied += key is not None and ctx.ledger.find(dataset.id, key) is not None
            return occupied, existing

        return ctx.retry(look)
