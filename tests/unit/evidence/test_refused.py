"""What was asked of a cutover and refused is told: who asked when, and what stood against it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.events.cutover import CutoverOpen, CutoverWaits, Track
from hdh_migrate.evidence.page.messages.gates import OF_GATES, gate
from hdh_migrate.evidence.page.refused import Refusals
from hdh_migrate.pipeline.cutover.gates import differing
from hdh_migrate.pipeline.cutover.holdings import Holdings
from tests.unit.evidence import passing
from tests.unit.evidence.builders import record, signer
from tests.unit.evidence.test_html import written
from tests.unit.evidence.test_messages import english_among

MEANT = "roll back and start again, or, if it is meant to be so, --as-it-is, with a --reason"
NEW = (
    "new or changed at the source since the last listing before the switch: somebody writes there"
    " still, and nobody moves it"
)
SAID = (
    "verify.level is head: only full verification unlocks a cutover",
    "dataset rcp: there is no finished inventory; run the plan first",
    "dataset rcp: 1 object is not verified; run the plan first",
    "no object of the batch is verified: there is nothing to switch to",
    "dataset rcp: 2 open findings without a signed waiver [conflict]",
    "dataset rcp: 1 open finding without a signed waiver [conflict]",
    "dataset rcp: 3 objects failed",
    "it needs batch pilot, which is not cut over (not started)",
    "the pointer has the new value already, and this ledger did not set it",
    "the pointer cannot be read: it is not there",
    "the pointer does not have the new value: somebody else changed it",
    "the target's buckets cannot be looked at: the host does not answer",
    "the target cannot be listed: the host does not answer",
    *differing(Holdings(new=0, changed=1, gone=2)),
    *differing(Holdings(new=0, changed=2, gone=1)),
    "what consumers did on purpose since the switch may stay: --as-it-is, with a --reason",
    "the fallback window is open until 2026-12-01T00:00:00Z; or give --reason",
    "to make it final as it is needs a reason: give --reason",
    f"the source cannot be listed: it does not answer; {MEANT}",
    f"2 objects are {NEW}; {MEANT}",
    "approval: cutover: 1 of 2 approvals that count",
    "freeze: nobody stated it",
    "smoke tests: the consumer's credential may not read: denied",
    "the cutover of batch rcp is not finalized (fallback window)",
    "the cooling period lasts until 2026-12-01T00:00:00Z",
)
"""Lines as the gates write them."""


@pytest.mark.parametrize("line", SAID)
def test_what_stands_against_a_step_is_said_in_french(line: str) -> None:
    said = gate(line, "fr").striptags()
    assert "au journal" not in said
    assert said != gate("what no form fits", "fr")
    assert english_among([said]) == []
    assert gate(line, "en").unescape() == line


def test_every_form_is_that_of_a_line() -> None:
    unread = [one.en for one in OF_GATES if all(one.read(line) is None for line in SAID)]
    assert unread == []


def test_a_refusal_says_what_would_have_come_next_and_the_same_again_is_counted() -> None:
    seen = Refusals()
    about = {"batch": "rcp", "track": Track.CUTOVER}
    asked = CutoverWaits(**about, why="blocked", told=("x",), user="a@b")  # type: ignore[arg-type]
    for at, event in (
        ("1", asked), ("2", asked), ("3", CutoverOpen(**about, until="9")), ("4", asked),  # type: ignore[arg-type]
    ):  # fmt: skip
        seen.take(at, event)
    assert [(one.stage, one.at, one.times, one.last) for one in seen.lines] == [
        ("cutover", "1", 2, "2"), ("finalize", "4", 1, ""),
    ]  # fmt: skip


def test_a_page_names_who_asked(tmp_path: Path) -> None:
    key = signer(tmp_path / "keys")
    months = [passing.waited("blocked", SAID[2], SAID[10]), passing.waited("approval", user=None)]
    page = written(tmp_path / "out", [record("a")], signer=key, months=months)["fr"].plain
    assert "Lot pilot, bascule, le 2 mars 2026 à 10:00:00 UTC, sous le nom de session ops" in page
    assert (
        "qui n\u2019est pas remplie (jeu rcp : 1 objet non vérifié ; le pointeur n\u2019a plus"
        in page
    )
    assert "Qui le demandait, ce journal ne le dit pas" in page
