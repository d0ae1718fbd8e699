"""What a monitor is told: an exit code for each thing that somebody must do, the gravest first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.codes import Code
from hdh_migrate.errors import Exit
from hdh_migrate.model import Grouped
from hdh_migrate.results.looks import BatchStatus, Status
from hdh_migrate.session.views.verdict import GRAVEST, MEANINGS, verdict
from tests.support.standing import BUSY, FREE, IDLE, batch, standing

DONE, LEFT = batch("all", verified=3), batch("all", "begun", verified=1, waiting=2)
LATER: Any = {**IDLE, "last_word": "2026-11-26T10:01:01.000Z"}
KILLED = {**IDLE, "ended": None, "exit": None}


def cause(code: Code, dataset: str | None = "d") -> Grouped:
    return Grouped(code, code.severity, dataset, "all", "what it says", 3)


def ended(code: Exit, why: str | None = None) -> Any:
    return {**IDLE, "exit": int(code), "why": why}


def cut_over(**more: Any) -> BatchStatus:
    told: Any = {"stage": "frozen", "since": None, "waits": None, "held": None,
                 "window_until": None}  # fmt: skip
    return {**DONE, "cutover": {**told, **more}}


WAITS = {"at": "approve", "why": "an approval is missing", "told": []}


CLOSED: Any = {**FREE, "window": {"zone": "UTC", "open": False, "closes": None, "opens": None}}
WAITED_FOR: Any = {**FREE, "waiting": {"pid": 1, "host": "h", "since": None}}
PAUSED: Any = {**FREE, "paused": {"user": "ops@here", "since": "2026-11-26", "reason": None}}


@pytest.mark.parametrize(
    ("told", "causes", "code", "why"),
    [
        (standing(DONE), [], 0, None),
        (standing(LEFT, work=BUSY), [], 0, None),
        (standing(LEFT), [], 7, "work is left in all, and no run is under way"),
        (standing(LEFT, course=CLOSED), [], 0, None),
        (standing(LEFT, course=WAITED_FOR), [], 0, None),
        (standing(LEFT, work=BUSY, course=PAUSED), [], 4, "runs are paused by ops@here since"),
        (standing(LEFT, work=KILLED), [], 7, "work is left in all, and the last run was killed"),
        (standing(batch("held", "held back", "needs", held_back=2)), [cause(Code.DENIED)], 4,
         "3 x denied (dataset d): what it says"),
        (standing(DONE), [cause(Code.LEASED)], 0, None),
        (standing(DONE, work=LATER), [], 4, "clock is behind the ledger's last word"),
        (standing(DONE), [cause(Code.TOO_LARGE)], 4, "3 x too-large (dataset d): what it says"),
        (standing(DONE), [cause(Code.DENIED), cause(Code.DRIFTED)], 6, "3 x drifted"),
        (standing(DONE), [cause(Code.DRIFTED), cause(Code.TARGET_REPLACED)], 5, "target-replaced"),
        (standing(LEFT), [cause(Code.DENIED)], 7, "work is left"),
        (standing(LEFT), [cause(Code.TARGET_REPLACED)], 5, "target-replaced"),
        (standing(LEFT, work=ended(Exit.AUTH, "the SAS has expired")), [], 9,
         "the last run ended with 9: the SAS has expired"),
        (standing(DONE, work=ended(Exit.DAMAGED, "pages")), [cause(Code.TARGET_REPLACED)], 10,
         "the last run ended with 10: pages"),
        (standing(DONE, work={**ended(Exit.LOCKED), "over": True}), [], 0, None),
        (standing(LEFT, work={**ended(Exit.LOCKED), "over": True}), [], 7, "work is left"),
        (standing(DONE, work=ended(Exit.REFUSED, "no attestation")), [], 4,
         "the last run ended with 3: no attestation"),
        (standing(LEFT, work=ended(Exit.INTERRUPTED)), [], 7, "work is left"),
        (standing(DONE, work={**ended(Exit.STOPPED, "no space"), "troubled": True}), [], 7,
         "the last run did not come to its end: no space"),
        (standing(DONE, work=ended(Exit.STOPPED, "no window is open")), [], 0, None),
        (standing(LEFT, work={**ended(Exit.AUTH), "alive": True}), [], 0, None),
        (standing(cut_over()), [], 0, None),
        (standing(cut_over(waits=WAITS)), [], 4, "cutover of all stopped at approve: an approval"),
        (standing(DONE, held="by ops@here: ward 3 writes"), [], 4,
         "nothing that cannot be taken back goes on: held by ops@here: ward 3 writes"),
        (standing(DONE, plan_changed=True), [], 4, "the plan differs"),
        (standing(DONE, behind="copies/m-1: 3 events"), [], 4, "is not the newest: copies/m-1"),
        (standing(LEFT, work=BUSY, at="2026-11-26T11:59:00.000Z"), [], 0, None),
        (standing(LEFT, work=BUSY, at="2026-11-26T12:00:00.000Z"), [], 4, "written to it since"),
    ],
)  # fmt: skip
def test_each_state_has_its_code_and_its_reason(
    told: Status, causes: list[Grouped], code: int, why: str | None
) -> None:
    found = verdict(told, causes)
    assert found["exit"] == code
    if why is None:
        assert found["why"] == []
    else:
        assert why in found["why"][0]


def test_a_batch_that_no_ledger_knows_is_work() -> None:
    told = standing(batch("new", "not begun"))
    told["batches"][0]["steps"]["inventory"]["done"] = False
    assert verdict(told, [])["exit"] == Exit.STOPPED


def test_every_reason_is_told_the_gravest_first() -> None:
    told = standing(LEFT, work=ended(Exit.AUTH, "expired"))
    found = verdict(told, [cause(Code.DENIED), cause(Code.TARGET_REPLACED)])
    assert [re.split(r"[ :]", why)[0] for why in found["why"]] == ["the", "3", "work", "3"]
    assert found["exit"] == Exit.AUTH


def test_the_table_for_operators_is_the_one_that_counts() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    table = page[page.index("of `status --check`, the gravest first") :].split("\n\n")[0]
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", table, re.MULTILINE))
    assert {int(code): text for code, text in rows.items()} == {
        int(code): text for code, text in MEANINGS.items()
    }
    assert [int(code) for code in rows] == [*map(int, GRAVEST), 0]
