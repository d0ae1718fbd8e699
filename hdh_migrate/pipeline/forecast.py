"""What a run would do, from the same inventory that a run makes; nothing is written anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from hdh_migrate.codes import Code
from hdh_migrate.model import MIB, SEGMENT, DatasetRow, State, is_reserved
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.cutting import SEALED_OVERHEAD
from hdh_migrate.pipeline.planning import Pace, crowded, notes, quota_note, seconds_at_least
from hdh_migrate.results.moves import BatchForecast, DatasetForecast, Expected

ASSUMED_BYTES_PER_SECOND = 100 * MIB
ASSUMED_OBJECTS_PER_SECOND = 200
RECOUNT_PAGE = 1_700
TARGET_PAGE = 1_000
SLOWER = 3


class Forecast:
    """Adds up one plan's work from its (temporary) ledger."""

    def __init__(self, ctx: Context, pace: Pace) -> None:
        self._ctx = ctx
        self._pace = pace
        wanted = pace.bandwidth or ASSUMED_BYTES_PER_SECOND
        self._rate = int(min(wanted, pace.ceiling(ctx.limits) or wanted))
        self._held: Counter[str] = Counter()
        self._stored = 0

    def batch(self, name: str) -> BatchForecast:
        """Return objects, bytes, parts, requests on each side and seconds for one batch."""
        datasets = [self._dataset(dataset) for dataset in self._ctx.ledger.datasets(name)]
        total: Expected = {
            "objects": sum(d["objects"] for d in datasets),
            "bytes": sum(d["bytes"] for d in datasets),
            "stored_bytes": sum(d["stored_bytes"] for d in datasets),
            "excluded": sum(d["excluded"] for d in datasets),
            "refused": sum(d["refused"] for d in datasets),
            "occupied": sum(d["occupied"] for d in datasets),
            "parts": sum(d["parts"] for d in datasets),
            "requests": {
                "source": _together(d["requests"]["source"] for d in datasets),
                "target": _together(d["requests"]["target"] for d in datasets),
            },
        }
        self._stored += total["stored_bytes"]
        filled = quota_note(self._ctx.limits, self._stored)
        guess = max(total["bytes"] / self._rate, total["objects"] / ASSUMED_OBJECTS_PER_SECOND)
        transfer = max(guess, self._least(name, datasets, writing=True))
        verify = max(guess, self._least(name, datasets, writing=False))
        return {
            "batch": name,
            **total,
            "egress_bytes": total["bytes"],
            "assumed": {
                "bytes_per_second": self._rate,
                "objects_per_second": ASSUMED_OBJECTS_PER_SECOND,
            },
            "seconds": {
                "transfer": round(transfer, 1),
                "verify": round(verify, 1),
                "low": round(transfer + verify, 1),
                "high": round((transfer + verify) * SLOWER, 1),
            },
            "notes": [
                *notes(self._ctx.limits, self._pace),
                *crowded(self._ctx.limits, self._filled(name, datasets)),
                *self._of_rules(name),
                *([] if filled is None else [f"this batch and those before it bring {filled}"]),
            ],
            "datasets": datasets,
        }

    def _of_rules(self, batch: str) -> list[str]:
        return [
            f"dataset {found['dataset']}: {found['detail']} [{found['code']}]"
            for found in self._ctx.ledger.findings()
            if found["batch"] == batch and found["code"] in {Code.RULE_UNUSED, Code.PREFIX_OPEN}
        ]

    def _least(self, batch: str, datasets: list[DatasetForecast], *, writing: bool) -> float:
        """Return the seconds that the target's rates for one bucket take at the very least."""
        requests: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        for row, told in zip(self._ctx.ledger.datasets(batch), datasets, strict=True):
            target, bucket = told["requests"]["target"], self._ctx.route(row).target.bucket
            if writing:
                requests[True][bucket] += target["put"] + target["upload"]
                requests[False][bucket] += target["head"] + target["list"]
            else:
                requests[False][bucket] += target["get"]
        return seconds_at_least(
            self._ctx.limits, self._pace, size=0, writes=requests[True], reads=requests[False]
        )

    def _filled(self, batch: str, datasets: list[DatasetForecast]) -> dict[str, int]:
        """Return how many objects this batch's buckets would hold after it and those before."""
        buckets = []
        for row, told in zip(self._ctx.ledger.datasets(batch), datasets, strict=True):
            bucket = self._ctx.route(row).target.bucket
            self._held[bucket] += told["objects"] - told["occupied"] + told["existing"]
            buckets.append(bucket)
        return {bucket: self._held[bucket] for bucket in dict.fromkeys(buckets)}

    def _dataset(self, dataset: DatasetRow) -> DatasetForecast:
        ctx = self._ctx
        listed = ctx.ledger.tally(dataset.id, State.LISTED)
        everything = ctx.ledger.tally(dataset.id, *State)
        excluded = ctx.ledger.tally(dataset.id, State.EXCLUDED)
        refused = ctx.ledger.tally(dataset.id, State.REFUSED, State.FAILED)
        overhead = SEALED_OVERHEAD if ctx.sealed else 0
        parts = big = stored = 0
        for row in ctx.ledger.records(dataset.id):
            if row["state"] is State.LISTED:
                plan = ctx.cut(row["size"])
                parts += plan.count
                big += plan.count > 0
                stored += row["size"] + ctx.header + -(-row["size"] // SEGMENT) * overhead
        small = listed.objects - big
        tagged = sum(bool(extra.get("tags")) for extra in ctx.ledger.adorned(dataset.id))
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
            "existing": existing,
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
                    "get": listed.objects + tagged,
                },
            },
        }

    def _occupied(self, dataset: DatasetRow) -> tuple[int, int]:
        """Count what stands at the target under the prefix, and under keys of ours."""
        ctx, route = self._ctx, self._ctx.route(dataset)

        def look() -> tuple[int, int]:
            occupied = existing = 0
            for stored in ctx.reader.keys(route.target):
                if is_reserved(stored.key):
                    continue
                existing += 1
                key = route.source_key(stored.key)
                occupied += key is not None and ctx.ledger.find(dataset.id, key) is not None
            return occupied, existing

        return ctx.retry(look)


def _together(requests: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in requests:
        total.update(one)
    return dict(total)
