"""Section 8 for the second verifier: the form of what each event tells."""

from __future__ import annotations

from tests.support.second_forms import (
    RULES,
    Json,
    address_of,
    is_count,
    is_digest,
    is_integer,
    is_number,
    is_text,
    matching,
    need,
)
from tests.support.second_story import CHANGES

Event = tuple[str, str, dict[str, Json]]
"""Kind, at, body."""
TOLD = {  # exactly this, of each finding that an event opens
    "number": "size",
    "at": "moment",
    "code": "text",
    "severity": "severity",
    "dataset": "text?",
    "message": "text",
    "object": "size?",
}


def in_old_form(kind: str, body: dict[str, Json]) -> bool:
    lacks = {"inventoried": "excluded", "verified": "datasets", "superseded": "dropped_datasets"}
    return kind in lacks and lacks[kind] not in body


def in_new_form(kind: str, body: dict[str, Json]) -> bool:
    if kind in {"inventoried", "verified", "superseded"}:
        return not in_old_form(kind, body)
    return kind in {"inventory-changed", "failed", "retried", "findings", "headers-exchanged"}


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
    elif kind in {"verified", "failed", "retried", "headers-exchanged"}:
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
    elif kind == "drilled" and not keyed:
        need(isinstance(body.get("fingerprint"), str), "drilled: fingerprint")
        if "stored" in body:
            stored = body["stored"]
            need(isinstance(stored, dict), "drilled: stored")
            names_of = ("whole", "opened", "objects", "bytes")
            whole, opened, objects, size = (stored.get(name) for name in names_of)
            need(all(map(is_count, (whole, opened, objects, size))), "drilled: stored: a count")
            need(whole <= opened <= objects, "drilled: more than was drawn")
            need(objects >= 1, "drilled: nothing was drawn")
    elif kind == "under-way":
        amounts: Json = [body.get("bytes")] if keyed else body.get("bytes")
        need(body.get("step") in ("transfer", "verify"), "under-way: step")
        need(isinstance(amounts, list) and all(map(is_count, amounts)), "under-way: bytes")
        need(how_many(kind, body, keyed) == len(amounts) or keyed, "under-way: bytes of each")
    elif kind == "headers-copied":
        need(is_text(body.get("batch")) and body["batch"], "headers-copied: batch")
        need(is_digest(body.get("root")), "headers-copied: root")
        counts = (body.get("packs"), body.get("bytes"))
        need(all(map(is_count, counts)), "headers-copied: counts")


is_public = matching(r"(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{2432})")
DIGESTS = {
    "run-started": ["plan_digest"], "plan-changed": ["was", "now"], "probed": ["record_sha256"],
}  # fmt: skip


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
        if "ssh" in one:
            need(isinstance(one["ssh"], list) and all(map(is_text, one["ssh"])), "run-ended: ssh")
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
