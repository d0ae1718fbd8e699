"""Section 8.3 for the second verifier: the statement beside the journal."""

from __future__ import annotations

import re
from fractions import Fraction
from hashlib import sha256

from tests.support.second_agreed import check_agreed
from tests.support.second_batches import amended_in
from tests.support.second_bodies import Event, how_many
from tests.support.second_cutovers import folded
from tests.support.second_forms import (
    RULES,
    Json,
    address_of,
    canonical,
    is_own,
    need,
    same,
    seconds_of,
)

OPENING = {
    "at": "moment",
    "who": "text",
    "dataset": "text",
    "object": "size?",
    "reason": "text?",
}


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
    keys = amended_in(events, keyed).recipients
    if keys is not None:
        told = [
            ("c4gh:" if len(one) == 64 else "hybrid:") + sha256(bytes.fromhex(one)).hexdigest()[:16]
            for one in keys
        ]
        need(predicate["seal"]["recipients"] == told, "seal: others than those bound")
    if not keyed:
        last: dict[str, dict[str, Json]] = {}
        sent = 0
        for kind, at, body in events:
            sent += len(body["ids"]) if kind == "sent" else 0
            if kind == "drilled":
                proof = last.setdefault(body["fingerprint"], {})
                proof["at"] = at
                if "stored" in body:
                    names = ("objects", "opened", "whole", "bytes")
                    need(body["stored"]["objects"] <= sent, "drilled: more than were sent")
                    proof["stored"] = {name: body["stored"][name] for name in names} | {"at": at}
        recipients = predicate["seal"]["recipients"]
        told = [{"recipient": one, **last[one]} for one in recipients if one in last]
        need(("proved" in predicate["seal"]) == bool(told), "seal: proved")
        need(same(predicate["seal"].get("proved", []), told), "seal: other proofs than the drills")


def check_paces(predicate: Json, events: list[Event], keyed: bool) -> None:
    paces = {pace["step"]: pace for pace in predicate["paces"]}
    verified = predicate["outcome"]["states"]["verified"]
    for step, receipt in (("transfer", "sent"), ("verify", "verified")):
        own = [(at, how_many(kind, body, keyed)) for kind, at, body in events if kind == receipt]
        need((step in paces) == bool(own), f"paces: {step}")
        if not own:
            continue
        pace, amount = paces[step], sum(many for _, many in own)
        way = [
            (at, body["bytes"] if keyed else sum(body["bytes"]))
            for kind, at, body in events
            if kind == "under-way" and body["step"] == step
        ]
        begins = [own[0][0], *(at for at, _ in way[:1])]
        told = [pace["started"], pace["ended"]]
        need(told == [min(begins, key=seconds_of), own[-1][0]], f"paces: {step}'s beginning or end")
        need(sum(one["objects"] for one in pace["bins"]) == amount, f"paces: {step}'s objects")
        early = sum(one["bytes"] for one in pace["bins"] if one["objects"] == 0)
        need(early <= sum(size for _, size in way), f"paces: {step} has bytes without objects")
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


def plan_of(events: list[Event]) -> str | None:
    """Return the digest of the journal's plan."""
    told = [(kind, body) for kind, _, body in events if kind in {"run-started", "plan-changed"}]
    return told[-1][1]["plan_digest" if told[-1][0] == "run-started" else "now"] if told else None
