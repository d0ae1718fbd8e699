"""Whatever a ledger lives through, an auditor counts the same from lines and journal."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from hdh_migrate.evidence.exports import keyed
from hdh_migrate.evidence.lines.records import journal_line
from hdh_migrate.evidence.verifier.accounts import findings_digest
from hdh_migrate.evidence.verifier.journal import Journal
from hdh_migrate.evidence.verifier.lines import CountedInventory
from hdh_migrate.model import State, key_text
from tests.property.test_ledger_story import Story
from tests.support.examples import many

ENDED = {State.FAILED, State.REFUSED}


class Audited(Story):
    """Counts the ledger's lines with the bundle's verifier, at the end of every story."""

    def teardown(self) -> None:
        self.ledger.commit()
        closed = {row.name: row.id for row in self.ledger.datasets() if row.sealed}
        for names in ("plain", "keyed"):
            told = self.told(names == "keyed")
            assert {name for name, one in told.datasets.items() if one.seals} == set(closed)
            for found in self.ledger.findings():
                line: dict[str, Any] = {**found, "number": found["id"], "message": found["detail"]}
                more = {} if names == "keyed" else {"of_object": found["object"] is not None}
                assert told.findings.pop(found["id"]) == findings_digest(line, **more)
            assert not told.findings.left
            for name, number in closed.items():
                self.count(told, name, number)
        super().teardown()

    def told(self, hidden: bool) -> Journal:
        events = self.ledger.journal()
        told = Journal({row.name: row.batch for row in self.ledger.datasets()}, 2, keyed=hidden)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "journal.jsonl"
            lines = keyed.journal(events) if hidden else events
            path.write_bytes(b"".join(journal_line(*event) for event in lines))
            if path.stat().st_size:
                told.read(path)
        return told

    def count(self, told: Journal, name: str, number: int) -> None:
        rows = list(self.ledger.listing(number))
        of = told.datasets[name]
        states = [row[4] for row in rows]
        assert of.objects == len(rows)
        assert of.excluded == states.count(State.EXCLUDED)
        assert of.verified == states.count(State.VERIFIED)
        assert of.failed == sum(state in ENDED for state in states)
        if told.keyed:
            return
        inventory = CountedInventory(of)
        for _, key, size, version, state, reason in rows:
            raw = key_text(key)
            line = {"key": raw, "size": size, "source_version": version, "rule": reason}
            inventory.add(line, "a line", excluded=state == State.EXCLUDED)
        assert list(inventory.problems()) == []


@pytest.mark.slow
def test_an_auditor_counts_what_the_ledger_lived_through() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Audited, settings=settings(max_examples=many(60), stateful_step_count=40, deadline=None)
    )
