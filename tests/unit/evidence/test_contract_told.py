"""What a target does not hold is kept where the journal says that the contract wants it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.unit.evidence.forgery import Desk, Files
from tests.unit.evidence.worlds import (
    Change,
    both,
    hour,
    in_keyed_names,
    insert,
    judged,
    laid,
    of_an_older_ledger,
    put,
    world,
)


def chosen(ways: Any, dataset: str = "pmsi") -> Change:
    return insert(1, "fidelity-chosen", hour(0), dataset=dataset, ways=ways)


def ways(**said: str) -> dict[str, str]:
    return {"directories": "sidecar", "overflow": "dropped", **said}


def lost(kept: str) -> Change:
    return put("losses", 0, what="tags", kept=kept)


GOOD: dict[str, Change] = {
    "no contract": lost("ledger"),
    "in the sidecar": both(chosen(ways(tags="sidecar")), lost("sidecar")),
    "dropped": both(chosen(ways(tags="dropped")), lost("ledger")),
    "kept, and dropped where it does not fit": both(chosen(ways(tags="kept")), lost("ledger")),
    "kept, and in the sidecar where it does not fit": both(
        chosen(ways(tags="kept", overflow="sidecar")), lost("sidecar")
    ),
    "a feature that the contract does not know": both(chosen(ways()), lost("ledger")),
    "the last contract counts": both(
        chosen(ways(tags="sidecar")), chosen(ways(tags="dropped")), lost("sidecar")
    ),
    "dropped, whatever does not fit": both(
        chosen(ways(tags="dropped", overflow="sidecar")), lost("ledger")
    ),
    "absent, whatever does not fit": both(chosen(ways(overflow="sidecar")), lost("ledger")),
    "a contract of another feature's name": chosen(ways(zz="kept")),
    "of the date of the last change": chosen(ways(modified="sidecar")),
    "more beside it": insert(1, "fidelity-chosen", hour(0), dataset="pmsi", ways=ways(), more=1),
    "told at the end": both(lambda made: made["journal.jsonl"].append(
        ["fidelity-chosen", hour(20), {"dataset": "pmsi", "ways": ways(tags="sidecar")}]
    ), lost("sidecar")),
}  # fmt: skip
BAD: dict[str, Change] = {
    "kept, and what does not fit is kept, and in the ledger": both(
        chosen(ways(tags="kept", overflow="kept")), lost("ledger")
    ),
    "ways that are null": chosen(None),
    "a sidecar without a contract": lost("sidecar"),
    "a sidecar, though it is dropped": both(chosen(ways(tags="dropped")), lost("sidecar")),
    "the ledger alone, though the sidecar has it": both(
        chosen(ways(tags="sidecar")), lost("ledger")
    ),
    "a sidecar for what does not fit, though that is dropped": both(
        chosen(ways(tags="kept")), lost("sidecar")
    ),
    "the contract of another dataset": both(chosen(ways(tags="sidecar"), "scans"), lost("sidecar")),
    "a dataset that is none": chosen(ways(), "x"),
    "no word of what does not fit": chosen({"tags": "sidecar", "directories": "kept"}),
    "no word of directories": chosen({"tags": "sidecar", "overflow": "dropped"}),
    "what does not fit is kept": both(chosen(ways(tags="kept", overflow="kept")), lost("sidecar")),
    "kept, and in the ledger, though the sidecar has what does not fit": both(
        chosen(ways(tags="kept", overflow="sidecar")), lost("ledger")
    ),
    "a sidecar for what the contract does not know": both(
        chosen(ways(overflow="sidecar")), lost("sidecar")
    ),
    "an earlier contract does not count": both(
        chosen(ways(tags="dropped")), chosen(ways(tags="sidecar")), lost("sidecar")
    ),
    "a dataset that is no text": insert(1, "fidelity-chosen", hour(0), dataset=1, ways=ways()),
    "no dataset": insert(1, "fidelity-chosen", hour(0), ways=ways()),
    "a way that is null": chosen({**ways(), "tags": None}),
    "a way that is a list": chosen({**ways(), "tags": []}),
    "a way that is none": chosen(ways(tags="lost")),
    "a way that is no text": chosen({**ways(), "tags": 1}),
    "a list": chosen([]),
}
IN_PLAIN_NAMES: dict[str, Change] = {
    "nothing": chosen(None),
    "no ways": insert(1, "fidelity-chosen", hour(0), dataset="pmsi"),
}


@pytest.mark.parametrize("what", GOOD)
def test_a_loss_is_kept_where_the_contract_says(desk: Desk, what: str) -> None:
    for made in (world(), in_keyed_names(world())):
        assert desk.judge(laid(desk, made, GOOD[what])) == ([], [])


@pytest.mark.parametrize("what", BAD)
def test_a_loss_that_no_contract_leads_to_is_refused(desk: Desk, what: str) -> None:
    for made in (world(), in_keyed_names(world())):
        hold_refused(desk, laid(desk, made, BAD[what]))


@pytest.mark.parametrize("what", IN_PLAIN_NAMES)
def test_plain_names_tell_the_contract(desk: Desk, what: str) -> None:
    hold_refused(desk, laid(desk, world(), IN_PLAIN_NAMES[what]))


def hold_refused(desk: Desk, files: Files) -> None:
    ours, other = desk.judge(files)
    assert any("contract" in one or "may say here" in one for one in ours), ours
    assert any("contract" in one or "fidelity-chosen" in one for one in other), other


def test_keyed_names_of_an_earlier_version_do_not_tell_the_contract(desk: Desk) -> None:
    """Their `fidelity-chosen` names the dataset alone; nothing is compared then."""

    silent = insert(1, "fidelity-chosen", hour(0), dataset="pmsi", left_out=["ways"])
    for kept in ("ledger", "sidecar"):
        made = laid(desk, in_keyed_names(world()), both(silent, lost(kept)))
        assert desk.judge(made) == ([], [])
    hold_refused(desk, laid(desk, world(), both(silent, lost("sidecar"))))
    of_another = insert(1, "fidelity-chosen", hour(0), dataset="scans", left_out=["ways"])
    hold_refused(desk, laid(desk, in_keyed_names(world()), both(of_another, lost("sidecar"))))


def test_the_last_contract_decides_whether_it_is_known(desk: Desk) -> None:
    silent = insert(1, "fidelity-chosen", hour(0), dataset="pmsi", left_out=["ways"])
    made = in_keyed_names(world())
    unknown = both(silent, chosen(ways(tags="dropped")), lost("sidecar"))
    assert desk.judge(laid(desk, made, unknown)) == ([], [])
    known = both(chosen(ways(tags="dropped")), silent, lost("sidecar"))
    hold_refused(desk, laid(desk, made, known))


def test_what_an_older_ledger_told_of_contracts_counts(desk: Desk) -> None:
    before = chosen(ways(tags="sidecar"))
    for made in (of_an_older_ledger(world()), in_keyed_names(of_an_older_ledger(world()))):
        assert desk.judge(laid(desk, made, both(before, lost("sidecar")))) == ([], [])
        hold_refused(desk, laid(desk, made, both(before, lost("ledger"))))


@pytest.mark.slow
def test_contracts_that_are_drawn_are_judged_alike(desk: Desk) -> None:
    draw = Random(83)

    def drawn() -> Change:
        told = []
        for _ in range(draw.choice((0, 1, 1, 2))):
            said = {name: draw.choice(("kept", "sidecar", "dropped"))
                    for name in ("tags", "metadata") if draw.random() < 0.7}  # fmt: skip
            overflow = draw.choice(("sidecar", "dropped"))
            told.append(chosen(ways(**said, overflow=overflow), draw.choice(("pmsi", "scans"))))
        what, kept = draw.choice(("tags", "metadata")), draw.choice(("ledger", "sidecar"))
        return both(*told, put("losses", 0, what=what, kept=kept))

    cases = {f"draw {number}": drawn() for number in range(60)}
    for made in (world(), in_keyed_names(world())):
        assert 0 < len(judged(desk, made, cases)) < len(cases)
