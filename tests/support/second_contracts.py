"""Fidelity contracts for the second verifier: their events of section 8, and what 8.3 asks of them.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

from tests.support.second_bodies import Event
from tests.support.second_forms import Json, canonical, leaf_of, need, raw_key, same, tree_of
from tests.support.second_plan import Plan
from tests.support.second_rules import BESIDE, PACKS

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
        prefix = str(plan.datasets[line["dataset"]].source["prefix"]).encode()
        pack = raw_key(line).startswith(prefix + PACKS)
        if line["verdict"] == "match" and pack:
            need(plan.detached, f"{line['dataset']}: a header pack beside headers in front")
        elif line["verdict"] == "match" and line["dataset"] not in contracts:
            own = raw_key(line).startswith(prefix + BESIDE)
            need(not own, f"{line['dataset']}: a sidecar without a contract")


def way(ways: Ways, feature: str) -> str:
    """Return what becomes of a feature of which the target does not hold all."""
    word = ways.get(feature, "dropped")
    return ways["overflow"] if word == "kept" else word


def check_packs(
    predicate: Json, plan: Plan, lines: list[Json], events: list[Event], keyed: bool
) -> None:
    """Section 7.9: header packs beside the lines, and their copies beside the journal."""
    copied = {
        body["batch"]: {**{name: body[name] for name in COPY}, "at": at}
        for kind, at, body in events
        if kind == "headers-copied"
    }
    headers = predicate["seal"].get("headers")
    told = [copied[batch] for batch in sorted(copied)]
    need(same([] if headers is None else headers["copies"], told), "seal: other copies")
    if headers is None or keyed:
        return
    for name, value in packs_of(plan, lines).items():
        need(headers[name] == value, f"seal: headers: {name}")


def packs_of(plan: Plan, lines: list[Json]) -> dict[str, Json]:
    """Return what the verified header packs among some lines add up to."""
    leaves, size = [], 0
    for line in lines:
        own = str(plan.datasets[line["dataset"]].source["prefix"]).encode() + PACKS
        begins = own + line["dataset"].encode() + b"/"
        if line["verdict"] == "match" and raw_key(line).startswith(begins):
            stored = {name: line[name] for name in ("stored_sha256", "stored_size")}
            leaves.append(leaf_of(canonical(stored)))
            size += line["stored_size"] or 0
    return {"packs": len(leaves), "bytes": size, "root": tree_of(leaves).hex()}


COPY = ("batch", "packs", "bytes", "root")
