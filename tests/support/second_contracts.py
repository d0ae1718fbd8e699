"""Fidelity contracts for the second verifier: their events of section 8, and what 8.3 asks of them.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

from tests.support.second_bodies import Event
from tests.support.second_forms import Json, need, raw_key
from tests.support.second_plan import Plan
from tests.support.second_rules import BESIDE

Ways = dict[str, str]
WAYS = ("kept", "sidecar", "dropped")


def check_contract_form(event: Event, names: set[str], keyed: bool) -> None:
    """Section 8: `fidelity-chosen`."""
    kind, _, body = event
    if kind != "fidelity-chosen":
        return
    dataset = body.get("dataset")
    need(isinstance(dataset, str) and dataset in names, "fidelity-chosen: dataset")
    if keyed and "ways" not in body:
        return
    ways = body.get("ways")
    need(isinstance(ways, dict), "fidelity-chosen: ways")
    need(body["ways"].keys() >= {"directories", "overflow"}, "fidelity-chosen: a way is missing")
    need(all(one in WAYS for one in body["ways"].values()), "fidelity-chosen: no way")


def check_contracts(
    predicate: Json, plan: Plan, lines: list[Json], events: list[Event], keyed: bool
) -> None:
    """Section 8.3: losses, and the tool's own files, beside the contracts."""
    contracts: dict[str, Ways | None] = {
        body["dataset"]: body.get("ways") for kind, _, body in events if kind == "fidelity-chosen"
    }
    for loss in predicate["losses"]:
        name, what, kept = loss["dataset"], loss["what"], loss["kept"]
        ways = contracts.get(name)
        if what == "modified" or (name in contracts and ways is None):
            continue
        wanted = {"sidecar": "sidecar", "ledger": "dropped"}[kept]
        leads = way(ways, what) == wanted if ways is not None else kept == "ledger"
        need(leads, f"losses: no contract by which {what} of {name} is there")
    for line in [] if keyed else lines:
        if line["verdict"] == "match" and line["dataset"] not in contracts:
            prefix = str(plan.datasets[line["dataset"]].source["prefix"]).encode()
            own = raw_key(line).startswith(prefix + BESIDE)
            need(not own, f"{line['dataset']}: a sidecar without a contract")


def way(ways: Ways, feature: str) -> str:
    """Return what becomes of a feature of which the target does not hold all."""
    word = ways.get(feature, "dropped")
    return ways["overflow"] if word == "kept" else word
