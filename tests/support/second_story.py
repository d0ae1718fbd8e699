"""Section 8.2 for the second verifier: counts, findings and roots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.second_forms import Json, leaf_of, need, raw_key, tree_of

CHANGES = ("joined", "joined_excluded", "changed_included", "changed", "changed_excluded")


@dataclass
class Account:
    """What the journal tells of one dataset."""

    verified: int = 0
    failed: int = 0
    inventory: dict[str, Json] | None = None
    objects: int = 0
    excluded: int = 0
    changed: bool = False
    told: list[tuple[str, Json]] = field(default_factory=list)


@dataclass
class Story:
    accounts: dict[str, Account]
    open: dict[int, Json]
    highest: int = -1

    def take(self, kind: str, body: dict[str, Json], keyed: bool) -> None:
        if kind == "ledger-upgraded":
            for name, count in body["verified"].items():
                self.accounts[name].verified = count
        elif kind == "inventoried":
            self.inventoried(self.accounts[body["dataset"]], body)
        elif kind == "inventory-changed":
            self.changed(self.accounts[body["dataset"]], body, keyed)
        elif kind in {"verified", "superseded", "failed", "retried", "headers-exchanged"}:
            counts = body["dropped_datasets" if kind == "superseded" else "datasets"]
            what = "failed" if kind in {"failed", "retried"} else "verified"
            sign = -1 if kind in {"superseded", "retried"} else 1
            for name, count in counts.items():
                sum_ = getattr(self.accounts[name], what) + sign * count
                need(sum_ >= 0, f"{kind}: more than there are")
                setattr(self.accounts[name], what, sum_)
        elif kind == "findings":
            self.findings(body)

    def inventoried(self, account: Account, body: dict[str, Json]) -> None:
        if account.inventory is not None:
            told = (body["objects"], body["excluded"]["objects"])
            need(told == (account.objects, account.excluded), "inventoried: other counts")
        account.inventory, account.changed = body, False
        account.objects, account.excluded = body["objects"], body["excluded"]["objects"]
        account.told.append(("inventoried", body))

    def changed(self, account: Account, body: dict[str, Json], keyed: bool) -> None:
        need(account.inventory is not None, "inventory-changed: of no inventory")
        many: Callable[[str], int] = lambda name: (  # noqa: E731
            body.get(name, 0) if keyed else len(body.get(name, []))
        )
        account.objects += many("joined") + many("joined_excluded")
        account.excluded += many("joined_excluded") + many("changed_excluded")
        account.excluded -= many("changed_included")
        need(account.excluded >= 0, "inventory-changed: fewer left behind than none")
        account.changed = account.changed or any(map(many, CHANGES))
        if not keyed:
            account.told += [(name, one) for name in CHANGES for one in body.get(name, [])]

    def findings(self, body: dict[str, Json]) -> None:
        for one in body.get("opened", []):
            need(one["number"] > self.highest, "findings: numbers do not ascend")
            self.highest = one["number"]
            self.open[one["number"]] = one
        for number in body.get("closed", []):
            need(number in self.open, "findings: one is closed that is not open")
            del self.open[number]


def check_account(dataset: Json, account: Account, lines: dict[str, list[Json]]) -> None:
    name, tally = dataset["name"], dataset["tally"]
    moved, left = (
        [line for line in lines[file] if line["dataset"] == name]
        for file in ("manifest.jsonl", "exclusions.jsonl")
    )
    verified = sum(line["verdict"] == "match" for line in moved)
    failed = sum(line["verdict"] not in (None, "match") for line in moved)
    need(dataset["closed"] == (account.inventory is not None), f"{name}: closed")
    need(verified == account.verified, f"{name}: not as many verified as told")
    if account.inventory is None:
        need(account.failed == 0, f"{name}: failures without an inventory")
        return
    need(failed == account.failed, f"{name}: not as many failed as told")
    need(len(left) == account.excluded, f"{name}: not as many excluded as told")
    inventoried, size = tally["inventoried"], sum(line["size"] for line in [*moved, *left])
    need(inventoried["objects"] == account.objects, f"{name}: not as many objects as told")
    need(inventoried == {"objects": len(moved) + len(left), "bytes": size}, f"{name}: its lines")
    if not account.changed:
        told = account.inventory["bytes"], account.inventory["excluded"]["bytes"]
        need(told == (inventoried["bytes"], tally["excluded"]["bytes"]), f"{name}: its bytes")


def check_findings(told: dict[int, Json], lines: list[Json], keyed: bool) -> None:
    need([line["number"] for line in lines] == sorted(told), "findings.jsonl: others are open")
    for line in lines:
        one = told[line["number"]]
        for name in ("at", "code", "severity", "dataset", "message"):
            need(line[name] == one[name], f"findings.jsonl: {name} of {line['number']}")
        if not keyed:
            has = (line["key"] is not None, one["object"] is not None)
            need(has[0] == has[1], f"findings.jsonl: key of {line['number']}")
    if not keyed:
        about = {
            (line["dataset"], raw_key(line), told[line["number"]]["object"])
            for line in lines
            if line["key"] is not None
        }
        need(len({one[:2] for one in about}) == len(about), "findings.jsonl: an object of two ids")
        need(len({one[2] for one in about}) == len(about), "findings.jsonl: an id of two objects")


def check_roots(name: str, account: Account, lines: dict[str, list[Json]]) -> None:
    """Undo the changes from the last to the first, and look at each inventory on the way."""
    rows = {
        raw_key(line): (leaf(line), file == "exclusions.jsonl")
        for file in ("manifest.jsonl", "exclusions.jsonl")
        for line in lines[file]
        if line["dataset"] == name
    }
    for what, told in reversed(account.told):
        if what == "inventoried":
            left = {key: row for key, row in rows.items() if row[1]}
            for sum_, part in ((told, rows), (told["excluded"], left)):
                need(sum_["objects"] == len(part), f"{name}: an inventory's objects")
                root = tree_of([part[key][0] for key in sorted(part)])
                need(sum_["root"] == root.hex(), f"{name}: an inventory's root")
            continue
        before, after = (None, told) if what.startswith("joined") else told
        found = [key for key, row in rows.items() if row[0].hex() == after]
        need(len(found) == 1, f"{name}: a change of no object, or of two")
        need(rows[found[0]][1] == what.endswith("excluded"), f"{name}: a change to the other file")
        undo(rows, found[0], before, was_left=what == "changed_included")
        leaves = Counter(row[0] for row in rows.values())
        twice = before is not None and leaves[bytes.fromhex(before)] != 1
        need(not twice, f"{name}: two rows had one leaf")


def undo(
    rows: dict[bytes, tuple[bytes, bool]], key: bytes, before: str | None, *, was_left: bool
) -> None:
    if before is None:
        del rows[key]
    else:
        rows[key] = (bytes.fromhex(before), was_left)


def check_vanished(name: str, account: Account, lines: list[Json]) -> None:
    """Section 7.6, rule 4: the last that is told of its leaf leaves it behind as it was."""
    last: dict[str, tuple[str, Json]] = {}
    for what, told in account.told:
        if what != "inventoried":
            last |= dict.fromkeys([told] if what.startswith("joined") else told, (what, told))
    for line in lines:
        if line["dataset"] == name and line["rule"] == "vanished":
            own = leaf(line).hex()
            need(
                last.get(own) == ("changed_excluded", [own, own]),
                f"{name}: nothing tells that an object vanished",
            )


def leaf(line: Json) -> bytes:
    parts = (raw_key(line), str(line["size"]).encode(), line["source_version"].encode())
    return leaf_of(b"\x00".join(parts))
