"""Section 8 for the second verifier: what the journal tells, beside the lines and the statement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.second_forms import (
    RULES,
    Json,
    canonical,
    instant,
    is_count,
    is_digest,
    is_integer,
    is_text,
    leaf_of,
    need,
    parse,
    raw_key,
    tree_of,
)

Event = tuple[str, str, dict[str, Json]]
"""Kind, at, body."""
CHANGES = ("joined", "joined_excluded", "changed", "changed_excluded")
OPENING = {
    "at": "moment",
    "who": "text",
    "dataset": "text",
    "object": "size?",
    "reason": "text?",
}
TOLD = {  # exactly this, of each finding that an event opens
    "number": "size",
    "at": "moment",
    "code": "text",
    "severity": "severity",
    "dataset": "text?",
    "message": "text",
    "object": "size?",
}


def check_told(predicate: Json, lines: dict[str, list[Json]]) -> None:
    events = [read_event(line) for line in lines["journal.jsonl"]]
    names = {one["name"] for one in predicate["datasets"]}
    keyed = predicate["names"] == "keyed"
    for event in events:
        check_form(event, names, keyed)
    check_age(events)
    check_clock(events, predicate["times"]["written"])
    story = Story({name: Account() for name in names}, {})
    for kind, _, body in events[upgrade(events) :]:
        story.take(kind, body, keyed)
    for one in predicate["datasets"]:
        check_account(one, story.accounts[one["name"]], lines)
        if not keyed and one["closed"]:
            check_roots(one["name"], story.accounts[one["name"]], lines)
    check_findings(story.open, lines["findings.jsonl"], keyed)
    check_receipts(predicate, events, keyed)
    check_openings(predicate, events, keyed)


def check_openings(predicate: Json, events: list[Event], keyed: bool) -> None:
    told = [body for kind, _, body in events if kind == "object-opened"]
    need(len(told) == len(predicate["openings"]), "openings: not as many as told")
    for body, one in zip(told, predicate["openings"], strict=True):
        if keyed:
            continue
        for name, rule in OPENING.items():
            null = rule.endswith("?") and body.get(name) is None and name in body
            need(null or RULES[rule.removesuffix("?")](body.get(name)), f"object-opened: {name}")
            need(canonical(body[name]) == canonical(one[name]), f"openings: another {name} told")


def read_event(line: Json) -> Event:
    where = f"journal.jsonl line {line['seq']}"
    need(RULES["moment"](line["at"]), f"{where}: at")
    try:
        text = line["body"].encode()
    except UnicodeEncodeError:
        text = b""
    body = parse(text, f"{where}: body")
    need(isinstance(body, dict), f"{where}: body is not an object")
    return line["kind"], line["at"], body


def upgrade(events: list[Event]) -> int:
    """Return where the journal begins to tell everything."""
    return next((at for at, event in enumerate(events) if event[0] == "ledger-upgraded"), 0)


# The forms of bodies ------------------------------------------------------------------------------


def in_old_form(kind: str, body: dict[str, Json]) -> bool:
    lacks = {"inventoried": "excluded", "verified": "datasets", "superseded": "dropped_datasets"}
    return kind in lacks and lacks[kind] not in body


def in_new_form(kind: str, body: dict[str, Json]) -> bool:
    if kind in {"inventoried", "verified", "superseded"}:
        return not in_old_form(kind, body)
    return kind in {"inventory-changed", "failed", "retried", "findings"}


def check_form(event: Event, names: set[str], keyed: bool) -> None:
    kind, _, body = event
    old = in_old_form(kind, body)
    if keyed:
        body = {name: value for name, value in body.items() if name != "left_out"}
    if kind == "run-ended":
        check_traffic(body)
    elif kind == "inventoried" and not old:
        check_inventoried(body, names, keyed)
    elif kind == "inventory-changed":
        check_changes(body, names, keyed)
    elif kind == "sent" or (kind == "verified" and old):
        how_many(kind, body, keyed)
    elif kind in {"verified", "failed", "retried"}:
        amount = how_many(kind, body, keyed)
        need(are_counts(body.get("datasets"), names), f"{kind}: datasets")
        need(sum(body["datasets"].values()) == amount, f"{kind}: datasets do not add up")
    elif kind == "superseded" and not old:
        need(are_counts(body["dropped_datasets"], names), "superseded: dropped_datasets")
        if keyed:
            need("dropped" not in body, "superseded: ids beside keyed names")
        else:
            need(are_ids(body.get("dropped")), "superseded: dropped")
            amount = sum(body["dropped_datasets"].values())
            need(len(body["dropped"]) == amount, "superseded: dropped_datasets do not add up")
    elif kind == "findings":
        check_told_findings(body, keyed)
    elif kind == "ledger-upgraded":
        need(are_counts(body.get("verified"), names), "ledger-upgraded: verified")
    elif kind.startswith("cutover-"):
        need(is_text(body.get("batch")), f"{kind}: batch")
        need(keyed or is_text(body.get("track")), f"{kind}: track")


def are_counts(value: Json, names: set[str]) -> bool:
    return isinstance(value, dict) and value.keys() <= names and all(map(is_count, value.values()))


def are_ids(value: Json, *, twice: bool = False) -> bool:
    if not isinstance(value, list) or not all(map(is_integer, value)):
        return False
    return twice or len(set(value)) == len(value)


def how_many(kind: str, body: dict[str, Json], keyed: bool) -> int:
    """Return of how many objects an event tells."""
    if keyed:
        need(is_count(body.get("objects")), f"{kind}: objects")
        need("ids" not in body, f"{kind}: ids beside keyed names")
        return int(body["objects"])
    need(are_ids(body.get("ids"), twice=kind == "sent"), f"{kind}: ids")
    return len(body["ids"])


def check_traffic(body: dict[str, Json]) -> None:
    need(isinstance(body.get("traffic"), list), "run-ended: traffic")
    for one in body["traffic"]:
        need(isinstance(one, dict) and is_text(one.get("side")), "run-ended: traffic's side")
        amounts = [one.get(name) for name in ("bytes_read", "bytes_written", "requests")]
        need(all(map(is_count, amounts)), "run-ended: traffic's amounts")
        addresses = one.get("addresses")
        need(isinstance(addresses, list) and all(map(is_text, addresses)), "run-ended: addresses")


def check_inventoried(body: dict[str, Json], names: set[str], keyed: bool) -> None:
    root = set() if keyed else {"root"}
    need(body.keys() == {"dataset", "objects", "bytes", "excluded"} | root, "inventoried: members")
    need(isinstance(body["dataset"], str) and body["dataset"] in names, "inventoried: dataset")
    need(isinstance(body["excluded"], dict), "inventoried: excluded")
    need(body["excluded"].keys() == {"objects", "bytes"} | root, "inventoried: excluded")
    for one in (body, body["excluded"]):
        need(is_count(one["objects"]) and is_count(one["bytes"]), "inventoried: a sum")
        need(keyed or is_digest(one["root"]), "inventoried: a root")


def check_changes(body: dict[str, Json], names: set[str], keyed: bool) -> None:
    told = body.keys() - {"dataset"}
    need("dataset" in body and told and told <= set(CHANGES), "inventory-changed: members")
    need(
        isinstance(body["dataset"], str) and body["dataset"] in names, "inventory-changed: dataset"
    )
    for name in told:
        value = body[name]
        if keyed:
            need(is_count(value), f"inventory-changed: {name}")
            continue
        need(isinstance(value, list), f"inventory-changed: {name}")
        for one in value:
            leaves = [one] if name.startswith("joined") else one
            pair = isinstance(leaves, list) and len(leaves) == (1 if leaves != one else 2)
            need(pair and all(map(is_digest, leaves)), f"inventory-changed: {name}")


def check_told_findings(body: dict[str, Json], keyed: bool) -> None:
    need(body and body.keys() <= {"opened", "closed"}, "findings: members")
    opened, closed = body.get("opened", []), body.get("closed", [])
    need(isinstance(opened, list) and isinstance(closed, list), "findings: no lists")
    need(all(map(RULES["size"], closed)), "findings: closed")
    form = {name: rule for name, rule in TOLD.items() if not keyed or name != "object"}
    for one in opened:
        need(isinstance(one, dict) and one.keys() == form.keys(), "findings: opened")
        for name, rule in form.items():
            null = rule.endswith("?") and one[name] is None
            need(null or RULES[rule.removesuffix("?")](one[name]), f"findings: {name}")


# 8.1 An older ledger ------------------------------------------------------------------------------


def check_age(events: list[Event]) -> None:
    upgrades = [at for at, (kind, _, _) in enumerate(events) if kind == "ledger-upgraded"]
    need(len(upgrades) <= 1, "ledger-upgraded: twice")
    old = [at for at, (kind, _, body) in enumerate(events) if in_old_form(kind, body)]
    new = [at for at, (kind, _, body) in enumerate(events) if in_new_form(kind, body)]
    if upgrades:
        need(all(at < upgrades[0] for at in old), "an event in old form after ledger-upgraded")
        need(all(at > upgrades[0] for at in new), "an event in new form before ledger-upgraded")
    else:
        need(not old, "events in old form, and no ledger-upgraded")


def check_clock(events: list[Event], written: str) -> None:
    times = [instant(at) for _, at, _ in events]
    told = times[upgrade(events) :]
    need(told == sorted(told), "an event before the one that it follows")
    need(times[-1] <= instant(written), "an event after the bundle was written")


# 8.2 Counts, findings and roots -------------------------------------------------------------------


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
        elif kind in {"verified", "superseded", "failed", "retried"}:
            counts = body["dropped_datasets" if kind == "superseded" else "datasets"]
            what = "verified" if kind in {"verified", "superseded"} else "failed"
            sign = 1 if kind in {"verified", "failed"} else -1
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
        del_or_put(rows, found[0], before)
        leaves = Counter(row[0] for row in rows.values())
        twice = before is not None and leaves[bytes.fromhex(before)] != 1
        need(not twice, f"{name}: two rows had one leaf")


def del_or_put(rows: dict[bytes, tuple[bytes, bool]], key: bytes, before: str | None) -> None:
    if before is None:
        del rows[key]
    else:
        rows[key] = (bytes.fromhex(before), False)


def leaf(line: Json) -> bytes:
    parts = (raw_key(line), str(line["size"]).encode(), line["source_version"].encode())
    return leaf_of(b"\x00".join(parts))


# 8.3 The statement beside the journal -------------------------------------------------------------


def check_receipts(predicate: Json, events: list[Event], keyed: bool) -> None:
    times = predicate["times"]
    started = [at for kind, at, _ in events if kind == "run-started"]
    ended = [at for kind, at, _ in events if kind == "run-ended"]
    need(times["started"] == (started[0] if started else None), "times: started")
    need(times["ended"] == (ended[-1] if ended else None), "times: ended")
    traffic = [one for kind, _, body in events if kind == "run-ended" for one in body["traffic"]]
    for endpoint in predicate["endpoints"]:
        own = [one for one in traffic if one["side"] == endpoint["side"]]
        for name in ("bytes_read", "bytes_written", "requests"):
            need(endpoint[name] == sum(one[name] for one in own), f"endpoints: {name}")
        addresses = sorted({address for one in own for address in one["addresses"]})
        need(endpoint["addresses"] == addresses, "endpoints: addresses")
    check_paces(predicate, events, keyed)
    check_cutovers(predicate, events, keyed)


def check_paces(predicate: Json, events: list[Event], keyed: bool) -> None:
    paces = {pace["step"]: pace for pace in predicate["paces"]}
    verified = predicate["outcome"]["states"]["verified"]
    for step, receipt in (("transfer", "sent"), ("verify", "verified")):
        own = [(at, how_many(kind, body, keyed)) for kind, at, body in events if kind == receipt]
        need((step in paces) == bool(own), f"paces: {step}")
        if not own:
            continue
        pace, amount = paces[step], sum(many for _, many in own)
        told = [pace["started"], pace["ended"]]
        need(told == [own[0][0], own[-1][0]], f"paces: {step}'s beginning or end")
        need(sum(one["objects"] for one in pace["bins"]) == amount, f"paces: {step}'s objects")
        empty = [one["bytes"] for one in pace["bins"] if one["objects"] == 0]
        need(not any(empty), f"paces: {step} has bytes without objects")
        if step == "verify" and amount == verified["objects"]:
            size = sum(one["bytes"] for one in pace["bins"])
            need(size == verified["bytes"], "paces: verify's bytes")


def check_cutovers(predicate: Json, events: list[Event], keyed: bool) -> None:
    stood: dict[tuple[str, str], dict[str, str]] = {}
    for kind, at, body in events:
        if kind.startswith("cutover-"):
            track = "" if keyed else body["track"]
            stood.setdefault((body["batch"], track), {})[kind.removeprefix("cutover-")] = at
    if keyed:
        batches = {one["batch"] for one in predicate["cutovers"]}
        need(batches == {batch for batch, _ in stood}, "cutovers: others")
        return
    told = {(one["batch"], one["track"]): one.get("times") for one in predicate["cutovers"]}
    need(canonical(sorted(map(list, told))) == canonical(sorted(map(list, stood))), "cutovers")
    for about, times in told.items():
        need(canonical(times) == canonical(stood[about]), "cutovers: times")
