"""What is exchanged is told by day and by work, while it goes on, and adds up in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.events.exchange import ExchangeCount, TrafficCounted
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.pace.metering import Meter
from hdh_migrate.receipts import EndpointTraffic
from tests.support.quiet import WallClock

SOURCE, TARGET = "https://hdh.blob.core.windows.net", "https://s3.fr-par.scw.cloud"


class Line:
    """Two endpoints, a clock, and the journal of whoever talks to them."""

    def __init__(self, path: Path) -> None:
        self.clock = WallClock("2026-11-26T10:00:00.000Z")
        self.ledger = SqliteLedger.open(path / "m" / "ledger.db", self.clock)
        self.totals = {"source": [0, 0, 0], "target": [0, 0, 0]}
        self.meter = Meter(self.ledger, self.clock, self.so_far, "run")

    def so_far(self) -> list[EndpointTraffic]:
        """Return the totals, each as of two processes."""
        return [
            EndpointTraffic(
                side=side, endpoint=SOURCE if side == "source" else TARGET, requests=many,
                bytes_read=read, bytes_written=written,
            )
            for side, sums in self.totals.items()
            for many, read, written in (sums, (0, 0, 0))
        ]  # fmt: skip

    def passes(self, side: str, requests: int, read: int = 0, written: int = 0) -> None:
        before = self.totals[side]
        self.totals[side] = [
            one + more for one, more in zip(before, (requests, read, written), strict=True)
        ]

    def told(self) -> list[tuple[str, str | None, str, str, list[tuple[str, int, int, int]]]]:
        self.ledger.commit()
        return [
            (one.step, one.batch, one.since, at, [self._count(each) for each in one.traffic])
            for at, one in self.ledger.events(TrafficCounted)
        ]

    def _count(self, one: ExchangeCount) -> tuple[str, int, int, int]:
        return one.side, one.requests, one.bytes_read, one.bytes_written


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


TEN, ELEVEN = "2026-11-26T10:00:00.000Z", "2026-11-26T11:00:01.000Z"


def test_what_passes_is_told_for_the_work_it_was_done_for(line: Line) -> None:
    line.passes("source", 3, read=500)
    line.meter.turn_to("transfer", "a")
    line.passes("source", 2, read=1_000)
    line.passes("target", 2, written=1_100)
    line.meter.turn_to("transfer", "a")  # the same: nothing is told
    line.meter.turn_to("verify", "a")
    line.passes("target", 2, read=1_100)
    line.meter.tell()
    assert line.told() == [
        ("run", None, TEN, TEN, [("source", 3, 500, 0)]),
        ("transfer", "a", TEN, TEN, [("source", 2, 1_000, 0), ("target", 2, 0, 1_100)]),
        ("verify", "a", TEN, TEN, [("target", 2, 1_100, 0)]),
    ]


def test_each_hour_and_each_day_it_is_told_again(line: Line) -> None:
    for at in ("2026-11-26T10:30:00.000Z", ELEVEN, "2026-11-26T23:59:59.000Z",
               "2026-11-27T00:00:01.000Z"):  # fmt: skip
        line.passes("source", 1, read=10)
        line.clock.at = at
        line.meter.look()
    assert [(since, at, sums) for _, _, since, at, sums in line.told()] == [
        (TEN, ELEVEN, [("source", 2, 20, 0)]),
        (ELEVEN, "2026-11-26T23:59:59.000Z", [("source", 1, 10, 0)]),
        ("2026-11-26T23:59:59.000Z", "2026-11-27T00:00:01.000Z", [("source", 1, 10, 0)]),
    ]


def test_where_nothing_passed_nothing_is_told(line: Line) -> None:
    line.meter.turn_to("verify", "a")
    line.meter.tell()
    assert line.told() == []


def test_all_that_is_told_adds_up_to_the_totals(line: Line) -> None:
    for number in range(20):
        line.passes("source", 1, read=number)
        line.meter.turn_to("transfer", f"b{number % 3}")
    line.meter.tell()
    sums = [count for *_, counts in line.told() for count in counts]
    assert sum(requests for _, requests, _, _ in sums) == 20
    assert sum(read for _, _, read, _ in sums) == sum(range(20))
