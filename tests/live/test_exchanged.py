"""What a run exchanges is in the journal by batch and step, adds up, and survives a kill."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from pathlib import Path

import pytest

from hdh_migrate.errors import UsageError
from hdh_migrate.events.exchange import TrafficCounted
from hdh_migrate.events.run import RunEnded
from hdh_migrate.evidence.dossier.check import check_dossier
from hdh_migrate.evidence.signatures.signing import load_trusted_key, new_report_key
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.dossier import write_dossier
from hdh_migrate.software import code_digest
from hdh_migrate.telemetry import SystemClock
from tests.support.affair import Affair
from tests.support.here import HERE
from tests.support.quiet import Notes

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


CLAIM = """
claim: {provider: "a provider", customer: "a customer", contract: "no. 1"}
prices:
  - {purpose: switching, side: source, unit: GB, amount: 0.08 EUR, valid_from: 2026-01-01,
     source: "a price list"}
"""


def test_the_dossier_of_a_run_says_what_its_journal_does_and_holds(affair: Affair) -> None:
    private, public = new_report_key(affair.folder / "keys", "claim", None)
    path = affair.folder / "plan.yaml"
    text = "\n".join(one for one in path.read_text().splitlines() if not one.startswith("report:"))
    path.write_text(f'{text}\nreport: {{signer: "file:{private}"}}\n{CLAIM}')
    affair.run()
    desk = Desk.open(path, None, Notes(), threading.Event(), HERE)
    told = write_dossier(desk, affair.folder / "dossier")
    found = check_dossier(Path(told["folder"]), [load_trusted_key(public)], 1, code_digest())
    assert found.not_compared == ()
    ledger = ledger_of(affair)
    (ended,) = [event for _, event in ledger.events(RunEnded)]
    assert found.facts.journal.head == ledger.head()
    ledger.close()
    source = next(one for one in ended.traffic if one.side == "source")
    assert told["source_bytes"] == source.bytes_read
    assert told["source_requests"] == source.requests
    assert found.facts.rehearsal
    kept = (Path(told["folder"]) / "dossier.json").read_bytes()
    payload = base64.b64decode(json.loads(kept)["payload"])
    for key in affair.corpus:
        assert key.encode() not in payload
    with pytest.raises(UsageError):
        write_dossier(desk, affair.folder / "dossier")
