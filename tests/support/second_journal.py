"""Section 8 for the second verifier: what the journal tells, beside the lines and the statement."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256

from tests.support.second_cutovers import check_agreed, folded
from tests.support.second_forms import (
    RULES,
    Json,
    address_of,
    canonical,
    instant,
    is_count,
    is_digest,
    is_integer,
    is_number,
    is_own,
    is_text,
    leaf_of,
    matching,
    need,
    parse,
    raw_key,
    same,
    seconds_of,
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
    need(keyed or sum(kind == "bound" for kind, _, _ in events) <= 1, "bound: twice")
    check_order(events)
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
            need(one["object"] is None and one["reason"] is None, "openings: beside keyed names")
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
    if kind in DIGESTS:
        need(all(is_digest(body.get(name)) for name in DIGESTS[kind]), f"{kind}: a digest")
    elif kind == "run-ended":
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
        need(keyed or body.get("track") in ("cutover", "rehearsal"), f"{kind}: track")
    elif kind == "bound" and not keyed:
        listed = body.get("recipients")
        need(isinstance(listed, list) and all(map(is_public, listed)), "bound: recipients")


is_public = matching(r"[0-9a-fA-F]{64}")
DIGESTS = {
    "run-started": ["plan_digest"], "plan-changed": ["was", "now"], "probed": ["record_sha256"],
}  # fmt: skip


def check_order(events: list[Event]) -> None:
    """What comes before the first run, and which plan the journal has when."""
    kinds = [kind for kind, _, _ in events]
    first = kinds.index("run-started") if "run-started" in kinds else len(kinds)
    need(not {"inventoried", "sent", "verified"} & {*kinds[:first]}, "an event before any run")
    plan = None
    for kind, _, body in events:
        if kind in {"run-started", "plan-changed"}:
            was = body["plan_digest" if kind == "run-started" else "was"]
            need(plan in (None, was), f"{kind}: of another plan than the journal's")
            plan = body.get("now") if kind == "plan-changed" else was


def plan_of(events: list[Event]) -> str | None:
    """Return the digest of the journal's plan."""
    told = [(kind, body) for kind, _, body in events if kind in {"run-started", "plan-changed"}]
    return told[-1][1]["plan_digest" if told[-1][0] == "run-started" else "now"] if told else None


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
        need(is_text(one.get("endpoint")), "run-ended: traffic's endpoint")
        need(is_number(one.get("clock_offset", 0)), "run-ended: traffic's clock_offset")
        amounts = [one.get(name) for name in ("bytes_read", "bytes_written", "requests")]
        need(all(map(is_count, amounts)), "run-ended: traffic's amounts")
        addresses = one.get("addresses")
        need(isinstance(addresses, list) and all(map(is_text, addresses)), "run-ended: addresses")
        need(None not in map(address_of, addresses), "run-ended: an address that is none")
        if "tls" in one:
            need(isinstance(one["tls"], list) and one["tls"], "run-ended: tls")
            need(all(map(is_handshake, one["tls"])), "run-ended: a handshake")
            need(one["endpoint"].startswith("https://"), "run-ended: tls without https")


def is_handshake(value: Json) -> bool:
    if not isinstance(value, str) or value.count(" ") != 2:
        return False
    version, suite, certificate = value.split(" ")
    return (
        version in {"TLSv1.2", "TLSv1.3"}
        and 1 <= len(suite) <= 64
        and set(suite) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_-")
        and certificate.startswith("sha256:")
        and is_digest(certificate[len("sha256:") :])
    )


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
    plan = plan_of(events)
    need(plan in (None, predicate["plan"]["digest"]["sha256"]), "plan: not the journal's")
    if predicate["capabilities"] is not None:
        probes = [body["record_sha256"] for kind, _, body in events if kind == "probed"]
        record = sha256(canonical(predicate["capabilities"])).hexdigest()
        need(record in probes, "capabilities: no probe saw them")
    amounts = {
        receipt: sum(how_many(kind, body, keyed) for kind, _, body in events if kind == receipt)
        for receipt in ("sent", "verified")
    }
    need(amounts["verified"] <= amounts["sent"], "more was verified than sent")
    check_endpoints(predicate, events)
    check_recipients(predicate, events, keyed)
    check_paces(predicate, events, keyed)
    check_cutovers(predicate, events, keyed)


def check_endpoints(predicate: Json, events: list[Event]) -> None:
    kinds = {kind for kind, _, _ in events}
    traffic = [one for kind, _, body in events if kind == "run-ended" for one in body["traffic"]]
    for endpoint in predicate["endpoints"]:
        own = [one for one in traffic if one["side"] == endpoint["side"]]
        for name in ("bytes_read", "bytes_written", "requests"):
            need(endpoint[name] == sum(one[name] for one in own), f"endpoints: {name}")
        addresses = sorted({address for one in own for address in one["addresses"]})
        need(endpoint["addresses"] == addresses, "endpoints: addresses")
        handshakes = sorted({handshake for one in own for handshake in one.get("tls", [])})
        need(("tls" in endpoint) == any("tls" in one for one in own), "endpoints: tls")
        need(endpoint.get("tls", []) == handshakes, "endpoints: handshakes")
        for one in own:
            need(is_at(one["endpoint"], endpoint["url"]), "endpoints: traffic with another one")
        here = [is_own(address_of(one)) for one in addresses]
        need(here == [endpoint["local"]] * len(here), "endpoints: addresses of another machine")
        if kinds >= {"sent", "run-ended"} and endpoint["url"] != "folder:":
            need(addresses and endpoint["requests"], "endpoints: nobody talked to it")
    offsets = {
        one["endpoint"]: one["clock_offset"]
        for one in traffic
        if "clock_offset" in one and one["side"] != "identity"
    }
    need(same(predicate["times"]["clock_offsets"], offsets), "times: clock_offsets")


AUTHORITY = re.compile(r"([^:/?#]+://(?:[^/?#@]*@)?)([^/?#@]+)")


def is_at(endpoint: str, url: str) -> bool:
    """Whether the URL begins with this endpoint, which may have names before the host."""
    begins, asked = AUTHORITY.match(url), AUTHORITY.fullmatch(endpoint)
    if begins is None or asked is None or begins[1] != asked[1]:
        return False
    names, host = asked[2][: -len(begins[2])], begins[2]
    before = names.endswith(".") and all(names[:-1].split("."))
    return asked[2] == host or (asked[2] == names + host and before)


def check_recipients(predicate: Json, events: list[Event], keyed: bool) -> None:
    for kind, _, body in events:
        if kind == "bound" and not keyed:
            found = [sha256(bytes.fromhex(one)).hexdigest()[:16] for one in body["recipients"]]
            told = [f"c4gh:{one}" for one in found]
            need(predicate["seal"]["recipients"] == told, "seal: others than those bound")


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
        if amount == verified["objects"]:
            size = sum(one["bytes"] for one in pace["bins"])
            need(size == verified["bytes"], f"paces: {step}'s bytes")
        lasted = max(seconds_of(pace["ended"]) - seconds_of(pace["started"]), 1)
        slices = Fraction(pace["seconds"]) * len(pace["bins"])
        allowed = Fraction(len(pace["bins"]), 1000)
        need(abs(slices - lasted) <= allowed, f"paces: {step}'s slices")


def check_cutovers(predicate: Json, events: list[Event], keyed: bool) -> None:
    told = predicate["cutovers"]
    if keyed:
        batches = {body["batch"] for kind, _, body in events if kind.startswith("cutover-")}
        need({one["batch"] for one in told} == batches, "cutovers: others")
    else:
        check_agreed(events)
        need(same(told, folded(events)), "cutovers: not what their events come to")
