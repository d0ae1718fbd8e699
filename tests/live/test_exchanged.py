"""What a run exchanges is in the journal by batch and step, adds up, and survives a kill."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hdh_migrate.events.exchange import TrafficCounted
from hdh_migrate.events.run import RunEnded
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.telemetry import SystemClock
from tests.support.affair import Affair

pytestmark = pytest.mark.live


def ledger_of(affair: Affair) -> SqliteLedger:
    (path,) = Path(affair.folder).glob(".hdh-migrate/*/ledger.db")
    return SqliteLedger.read_only(path, SystemClock())


def test_what_is_told_of_each_step_adds_up_to_what_the_end_tells(affair: Affair) -> None:
    affair.run()
    ledger = ledger_of(affair)
    told = [event for _, event in ledger.events(TrafficCounted)]
    (ended,) = [event for _, event in ledger.events(RunEnded)]
    ledger.close()
    sums: Counter[tuple[str, str]] = Counter()
    for event in told:
        for one in event.traffic:
            sums[one.side, "requests"] += one.requests
            sums[one.side, "read"] += one.bytes_read
            sums[one.side, "written"] += one.bytes_written
    whole: Counter[tuple[str, str]] = Counter()
    for total in ended.traffic:
        whole[total.side, "requests"] += total.requests
        whole[total.side, "read"] += total.bytes_read
        whole[total.side, "written"] += total.bytes_written
    assert +sums == +whole
    by_step = {
        (event.step, event.batch): {one.side: one for one in event.traffic} for event in told
    }
    transfer, verify = by_step["transfer", "all"], by_step["verify", "all"]
    assert transfer["source"].bytes_read >= sum(map(len, affair.corpus.values()))
    assert transfer["target"].bytes_written >= transfer["source"].bytes_read // 2
    assert verify["target"].bytes_read > transfer["target"].bytes_read
    assert "source" not in verify or not verify["source"].bytes_read
