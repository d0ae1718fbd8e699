"""What a target does not hold is kept where the journal says that the contract wants it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.evidence.forgery import Desk
from tests.unit.evidence.worlds import (
    Change,
    World,
    both,
    desk_in,
    hour,
    in_keyed_names,
    insert,
    laid,
    put,
    world,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_in(tmp_path_factory.mktemp("contracts"))


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
}
BAD: dict[str, Change] = {
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
    "a way that is none": chosen(ways(tags="lost")),
    "a way that is no text": chosen({**ways(), "tags": 1}),
    "a list": chosen([]),
    "nothing": chosen(None),
}


@pytest.mark.parametrize("what", GOOD)
def test_a_loss_is_kept_where_the_contract_says(desk: Desk, what: str) -> None:
    for made in (world(), in_keyed_names(world())):
        assert desk.judge(laid(desk, made, GOOD[what])) == ([], [])


@pytest.mark.parametrize("what", BAD)
def test_a_loss_that_no_contract_leads_to_is_refused(desk: Desk, what: str) -> None:
    ours, _ = desk.judge(laid(desk, world(), BAD[what]))
    assert any("contract" in one or "may say here" in one for one in ours), ours


def test_keyed_names_of_an_earlier_version_do_not_tell_the_contract(desk: Desk) -> None:
    """Their `fidelity-chosen` names the dataset alone; nothing is compared then."""

    def told(made: World) -> None:
        made["journal.jsonl"].insert(
            1, ["fidelity-chosen", hour(0), {"dataset": "pmsi", "left_out": ["ways"]}]
        )

    for kept in ("ledger", "sidecar"):
        made = laid(desk, in_keyed_names(world()), both(told, lost(kept)))
        assert desk.judge(made) == ([], [])
    ours, _ = desk.judge(laid(desk, world(), both(told, lost("sidecar"))))
    assert ours
