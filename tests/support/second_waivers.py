"""Section 8.16 for the second verifier: waivers as they were signed.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from tests.support.second_approvals import opened
from tests.support.second_bodies import Event
from tests.support.second_forms import RULES, Json, instant, is_digest, matching, need, parse, same

KIND = "application/vnd.in-toto+json"
is_day = matching(r"\d{4}-\d\d-\d\d")


@dataclass
class Known:
    """What the journal tells until an event, as far as waivers are about it."""

    waivers: dict[str, tuple[dict[str, Json], str]] = field(default_factory=dict)
    """By digest: what was signed, and the fingerprint of who signed it."""
    keys: dict[str, dict[str, Json]] = field(default_factory=dict)
    counted: list[str] = field(default_factory=list)
    terms: dict[tuple[Json, Json], Json] = field(default_factory=dict)
    reporters: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    open: dict[int, Json] = field(default_factory=dict)
    plan: Json = None
    day: str = ""
    kept: bool = False

    def pass_on(self, event: Event) -> None:
        kind, at, body = event
        if kind == "run-started":
            self.plan = body["plan_digest"]
        elif kind == "plan-changed":
            self.plan = body["now"]
        elif kind == "contents":
            files = body.get("files")
            signer = files.get("report.signer") if isinstance(files, dict) else None
            if isinstance(signer, str) and signer.startswith("ed25519:"):
                self.reporters.add(signer[len("ed25519:") :])
        elif kind == "findings":
            self.open |= {one["number"]: one for one in body.get("opened", [])}
            for number in body.get("closed", []):
                self.open.pop(number, None)
        elif kind == "headers-erasing":
            self.erased.add(body["dataset"])
        elif kind in {"cutover-terms", "cutover-terms-changed"}:
            self.terms[body["batch"], body["track"]] = body["terms"]
        self.day = at[:10]

    def may_waive(self, batch: Json = None) -> list[dict[str, Json]]:
        """Return whom terms let waive, of one batch or of all."""
        found = []
        for (of, _), terms in self.terms.items():
            if batch in (None, of):
                need(isinstance(terms, dict), "terms: no object")
                listed = terms.get("waivers", [])
                need(isinstance(listed, list), "terms: waivers")
                need(all(isinstance(one, dict) for one in listed), "terms: waivers")
                names = [one.get("fingerprint") for one in listed]
                need(all(isinstance(one, str) for one in names), "terms: waivers")
                found.append({one["fingerprint"]: one for one in listed})
        return found


def alike_to(key: dict[str, Json], other: dict[str, Json]) -> bool:
    """Whether two have one public key and one last day."""
    names = {"public", "until"}
    return names <= key.keys() & other.keys() and all(same(key[n], other[n]) for n in names)


def check_waivers(predicate: Json, events: list[Event]) -> None:
    known = Known()
    batches = {one["name"]: one["batch"] for one in predicate["datasets"]}
    for event in events:
        kind, _, body = event
        if kind == "ledger-named":
            need(body.get("waivers", "signed") == "signed", "ledger-named: waivers")
            known.kept = known.kept or "waivers" in body
        elif kind == "waivers-counted":
            known.kept = True
            check_counted(body, known)
        elif kind.startswith("cutover-") and {"approved_stage", "track"} <= body.keys():
            check_resting(kind, body, known, batches)
        known.pass_on(event)
    if known.kept:
        plan = predicate["plan"]["digest"]["sha256"]
        told = [shown(*known.waivers[one], plan) for one in known.counted]
        for waiver in predicate["waivers"]:
            said = {name: value for name, value in waiver.items() if name not in LOCAL}
            need(any(same(said, one) for one in told), "waivers: one that the journal has not")


LOCAL = {"file", "sha256"}


def shown(statement: dict[str, Json], key: str, plan: str) -> dict[str, Json]:
    """Return what a statement says of a waiver; nothing where it is for another plan."""
    if statement["subject"][0]["digest"]["sha256"] != plan:
        return {}
    said = {name: one for name, one in statement["predicate"].items() if name != "migration"}
    return {**said, "key_id": f"ed25519:{key[:16]}"}


def check_counted(body: dict[str, Json], known: Known) -> None:
    for name in ("keys", "counted", "signed"):
        need(isinstance(body.get(name), list), "waivers-counted: no lists")
    keys, counted, signed = body["keys"], body["counted"], body["signed"]
    need(all(isinstance(one, dict) for one in keys), "waivers-counted: keys")
    names = [one.get("fingerprint") for one in keys]
    need(all(isinstance(one, str) for one in names), "waivers-counted: keys")
    need(len({*names}) == len(names), "waivers-counted: a key twice")
    need(not {*names} & known.reporters, "waivers-counted: who signs reports waives")
    fixed = known.may_waive()
    need(all({*names} <= each.keys() for each in fixed), "waivers-counted: by no terms")
    for one in keys:
        alike = [alike_to(one, each[one["fingerprint"]]) for each in fixed]
        need(not fixed or any(alike), "waivers-counted: a key with another last day")
    known.keys = {one["fingerprint"]: one for one in keys}
    need(all(isinstance(one, str) for one in counted), "waivers-counted: counted")
    need(counted == sorted({*counted}), "waivers-counted: counted twice, or in no order")
    known.counted = counted
    for envelope in signed:
        digest, statement, key = read(envelope, known.keys)
        need(digest in counted and digest not in known.waivers, "waivers-counted: signed")
        known.waivers[digest] = statement, key
    for digest in counted:
        need(digest in known.waivers, "waivers-counted: one that nobody signed")
        check_counts(digest, known)


def read(envelope: Json, keys: dict[str, dict[str, Json]]) -> tuple[str, dict[str, Json], str]:
    need(isinstance(envelope, dict), "signed: no envelope")
    claims = envelope.get("signatures")
    need(isinstance(claims, list) and len(claims) == 1, "signed: not by one")
    need(isinstance(claims[0], dict), "signed: by whom")
    by = [key for key in keys if claims[0].get("keyid") == f"ed25519:{key[:16]}"]
    need(len(by) == 1, "signed: by nobody who may waive")
    payload = opened(envelope, by[0], keys[by[0]], KIND)
    statement = parse(payload, "signed")
    need(isinstance(statement, dict), "signed: no waiver")
    need(statement.keys() == {"_type", "predicateType", "subject", "predicate"}, "signed: members")
    need(statement["_type"] == "https://in-toto.io/Statement/v1", "signed: _type")
    need(statement["predicateType"] == "urn:hdh-migrate:waiver:v1", "signed: predicateType")
    about, said = statement["subject"], statement["predicate"]
    need(isinstance(about, list) and len(about) == 1, "signed: subject")
    need(isinstance(about[0], dict) and about[0].keys() == {"name", "digest"}, "signed: subject")
    digest = about[0]["digest"]
    need(about[0]["name"] == "plan" and isinstance(digest, dict), "signed: subject")
    need(digest.keys() == {"sha256"} and is_digest(digest["sha256"]), "signed: subject")
    need(isinstance(said, dict), "signed: predicate")
    texts = {"what", "reason", "by", "migration"}
    need(said.keys() == texts | {"until", "made_at"}, "signed: predicate")
    need(all(isinstance(said[name], str) and said[name] for name in texts), "signed: predicate")
    need(is_day(said["until"]) and RULES["moment"](said["made_at"]), "signed: predicate")
    return sha256(payload).hexdigest(), statement, by[0]


def check_counts(digest: str, known: Known) -> None:
    statement, key = known.waivers[digest]
    need(key in known.keys, "waivers: by a key that may not waive")
    need("until" in known.keys[key], "waivers-counted: keys")
    until, said = known.keys[key]["until"], statement["predicate"]
    need(until is None or isinstance(until, str), "waivers-counted: keys")
    need(until is None or said["made_at"][:10] <= until, "waivers: after the key's last day")
    plan = statement["subject"][0]["digest"]["sha256"]
    need(known.plan in (None, plan), "waivers: for another plan")
    need(said["until"] >= known.day, "waivers: its day is over")


def check_resting(kind: str, body: dict[str, Json], known: Known, batches: dict[str, str]) -> None:
    if body["track"] != "cutover":
        return
    if "waivers" not in body:
        need(not known.kept, f"{kind}: without the waivers that it rests on")
        return
    known.kept = True
    named = body["waivers"]
    need(isinstance(named, list), f"{kind}: waivers")
    need(all(isinstance(one, str) for one in named), f"{kind}: waivers")
    need(len({*named}) == len(named), f"{kind}: a waiver twice")
    for digest in named:
        need(digest in known.counted, f"{kind}: a waiver that does not count")
        check_counts(digest, known)
        key = known.waivers[digest][1]
        need(all(key in each for each in known.may_waive(body["batch"])), f"{kind}: by no terms")
    if kind != "cutover-switching":
        return
    said = [known.waivers[digest][0]["predicate"] for digest in named]
    for one in known.open.values():
        if one["severity"] == "note" or one["dataset"] in known.erased:
            continue
        if one["dataset"] is None or batches.get(one["dataset"]) != body["batch"]:
            continue
        covering = [it for it in said if it["what"] == f"finding.{one['code']}"]
        known_then = [instant(it["made_at"]) >= instant(one["at"]) for it in covering]
        need(any(known_then), f"{kind}: past a finding that nobody waived")
