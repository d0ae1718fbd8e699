"""What a run would do with what is left: objects, bytes, requests and time; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hdh_migrate.model import MIB, Step, Tally
from hdh_migrate.pipeline.context import Context
from hdh_migrate.pipeline.foresight.leftover import Leftover
from hdh_migrate.pipeline.pace.fitting import CostFit
from hdh_migrate.pipeline.planning import PlannedPace, crowded, notes, quota_note, seconds_at_least
from hdh_migrate.results import Amount
from hdh_migrate.results.moves import Assumed, DatasetForecast, Expected, Forecasted, Seconds

ASSUMED_BYTES_PER_SECOND = 100 * MIB
ASSUMED_OBJECTS_PER_SECOND = 200
RECOUNT_FIRST = 1_700
"""Objects of the first page of a second listing; all others are like those of the first."""

TARGET_PAGE = 1_000
SLOWER = 3

Fits = Mapping[Step, CostFit]
"""What objects and bytes cost in each step; none of those that no run went through."""


class Forecast:
    """Adds up one plan's work, batch by batch in their order."""

    def __init__(self, ctx: Context, pace: PlannedPace, fits: Fits) -> None:
        self._ctx, self._pace, self._fits = ctx, pace, fits
        wanted = pace.bandwidth or ASSUMED_BYTES_PER_SECOND
        self._rate = int(min(wanted, pace.ceiling(ctx.limits) or wanted))
        self._held: Counter[str] = Counter()
        self._stored = 0

    def batch(self, name: str, left: Sequence[Leftover]) -> Forecasted:
        """Return objects, bytes, parts, requests on each side and seconds for one batch."""
        datasets = [self._dataset(one) for one in left]
        total: Expected = {
            "objects": sum(d["objects"] for d in datasets),
            "bytes": sum(d["bytes"] for d in datasets),
            "stored_bytes": sum(d["stored_bytes"] for d in datasets),
            "excluded": sum(d["excluded"] for d in datasets),
            "refused": sum(d["refused"] for d in datasets),
            "occupied": sum(d["occupied"] for d in datasets),
            "conflicts": sum(d["conflicts"] for d in datasets),
            "again": sum(d["again"] for d in datasets),
            "sent": _together_amounts(d["sent"] for d in datasets),
            "verified": _together_amounts(d["verified"] for d in datasets),
            "arrived_bytes": sum(d["arrived_bytes"] for d in datasets),
            "parts": sum(d["parts"] for d in datasets),
            "requests": {
                "source": _together(d["requests"]["source"] for d in datasets),
                "target": _together(d["requests"]["target"] for d in datasets),
            },
        }
        self._stored += total["stored_bytes"]
        filled = quota_note(self._ctx.limits, self._stored)
        return {
            "batch": name,
            **total,
            "egress_bytes": total["bytes"] - total["arrived_bytes"],
            "assumed": self._assumed(),
            "seconds": self._seconds(total, left, datasets),
            "notes": [
                *notes(self._ctx.limits, self._pace),
                *crowded(self._ctx.limits, self._filled(left)),
                *([] if filled is None else [f"this batch and those before it bring {filled}"]),
            ],
            "datasets": datasets,
        }

    # --- time --------------------------------------------------------------------------------

    def _assumed(self) -> Assumed:
        fit = self._fits.get(Step.TRANSFER)
        if fit is None:
            return {"bytes_per_second": self._rate, "measured": False,
                    "objects_per_second": ASSUMED_OBJECTS_PER_SECOND}  # fmt: skip
        return {
            "bytes_per_second": round(fit.sums.size / fit.sums.seconds), "measured": True,
            "objects_per_second": round(fit.sums.objects / fit.sums.seconds),
        }  # fmt: skip

    def _seconds(
        self, total: Expected, left: Sequence[Leftover], datasets: Sequence[DatasetForecast]
    ) -> Seconds:
        send = Tally(objects=total["objects"], size=total["bytes"] - total["arrived_bytes"])
        prove = Tally(
            objects=total["objects"] + total["sent"]["objects"],
            size=total["bytes"] + total["sent"]["bytes"],
        )
        writing = self._least(left, datasets, writing=True)
        reading = self._least(left, datasets, writing=False)
        transfer = self._span(send, self._fits.get(Step.TRANSFER), writing)
        proving = self._fits.get(Step.VERIFY) or self._fits.get(Step.TRANSFER)
        verify = self._span(prove, proving, reading)
        return {
            "transfer": round(transfer[0], 1),
            "verify": round(verify[0], 1),
            "low": round(transfer[0] + verify[0], 1),
            "high": round(transfer[1] + verify[1], 1),
        }

    def _span(self, left: Tally, fit: CostFit | None, least: float) -> tuple[float, float]:
        """Return the range at the cost that was measured, or else at one that is assumed."""
        found = None if fit is None else fit.span(left)
        if found is not None:
            return max(found.low, least), max(found.high, least)
        guess = max(left.size / self._rate, left.objects / ASSUMED_OBJECTS_PER_SECOND, least)
        return guess, guess * SLOWER

    def _least(
        self, left: Sequence[Leftover], datasets: Sequence[DatasetForecast], *, writing: bool
    ) -> float:
        """Return the minimum seconds that the target's rates for one bucket allow."""
        requests: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        for one, dataset in zip(left, datasets, strict=True):
            target, bucket = dataset["requests"]["target"], self._ctx.route(one.row).target.bucket
            if writing:
                requests[True][bucket] += target["put"] + target["upload"]
                requests[False][bucket] += target["head"] + target["list"]
            else:
                requests[False][bucket] += target["get"]
        return seconds_at_least(
            self._ctx.limits, self._pace, size=0, writes=requests[True], reads=requests[False]
        )

    # --- one dataset -------------------------------------------------------------------------

    def _filled(self, left: Sequence[Leftover]) -> dict[str, int]:
        """Return how many objects this batch's buckets would hold after it and those before."""
        buckets = []
        for one in left:
            bucket = self._ctx.route(one.row).target.bucket
            self._held[bucket] += one.send.objects - one.occupied + one.existing
            buckets.append(bucket)
        return {bucket: self._held[bucket] for bucket in dict.fromkeys(buckets)}

    def _dataset(self, one: Leftover) -> DatasetForecast:
        small, listed = one.send.objects - one.large, one.send.objects + one.excluded
        parts = one.parts - one.arrived.parts  # those that are there are not read again
        there = listed + one.refused + one.lost
        pages = 0 if one.sealed else -(-there // self._page) or 1
        recounts = 0 if one.sealed else 1 + -(-max(0, there - RECOUNT_FIRST) // self._page)
        surveys = 0 if one.row.surveyed else -(-one.existing // TARGET_PAGE) or 1
        return {
            "dataset": one.row.name,
            "objects": one.send.objects,
            "bytes": one.send.size,
            "stored_bytes": one.stored,
            "excluded": one.excluded,
            "refused": one.refused + one.lost,
            "occupied": one.occupied,
            "conflicts": one.conflicts,
            "again": len(one.again),
            "sent": _amount(one.prove),
            "verified": _amount(one.verified),
            "arrived_bytes": one.arrived.size,
            "existing": one.existing,
            "parts": one.parts,
            "requests": {
                "source": {
                    "list": pages + recounts,
                    "get": small + parts,
                    **({"head": one.looked_at} if one.looked_at else {}),
                },
                "target": {
                    "list": surveys + 2 + (one.large > 0),
                    "put": small + parts,
                    "upload": 2 * one.large + 2,
                    "head": 2 * one.large + one.occupied,
                    "get": one.send.objects + one.prove.objects + one.tagged,
                },
            },
        }

    @property
    def _page(self) -> int:
        return self._ctx.source.page_size


def _amount(tally: Tally) -> Amount:
    return {"objects": tally.objects, "bytes": tally.size}


def _together_amounts(amounts: Iterable[Amount]) -> Amount:
    found = list(amounts)
    return {
        "objects": sum(one["objects"] for one in found),
        "bytes": sum(one["bytes"] for one in found),
    }


def _together(requests: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in requests:
        total.update(one)
    return dict(total)
