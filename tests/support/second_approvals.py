"""Section 8.15 for the second verifier: approvals as they were signed.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support.second_bodies import Event
from tests.support.second_forms import (
    RULES,
    Json,
    Refused,
    canonical,
    instant,
    is_digest,
    is_integer,
    is_text,
    need,
    parse,
    same,
    seconds_of,
    unbase64,
)

KIND = "application/vnd.hdh-migrate.approval+json"
STAGES = {"keys-rotating": "rotate", "data-keys-rotating": "reseal"}
INSTEAD = {"grant": "freeze", "rotate": "freeze", "reseal": "freeze", "erase": "decommission"}
ONLY_AFTER = {
    "freeze": ("cutover-rolled-back", "cutover-waits"), "cutover": ("cutover-rolled-back",),
    "finalize": ("cutover-switched",), "decommission": ("cutover-finalized",),
}  # fmt: skip
NOT_FROZEN = ("source-written", "not-frozen")
SMALL_ORDER = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}


@dataclass
class Rests:
    """One batch that an event rests on approvals for; `signed` is None where it has none."""

    batch: Json
    stage: Json
    root: Json
    keys: Json
    signed: Json = None
    terms: Json = None


@dataclass
class Known:
    """What the journal tells until an event, as far as approvals are about it."""

    terms: dict[str, Json] = field(default_factory=dict)
    attempt: dict[str, int] = field(default_factory=dict)
    asked: dict[str, tuple[Json, Json]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    withdrawn: set[tuple[Json, Json]] = field(default_factory=set)
    came: dict[tuple[str, str], str] = field(default_factory=dict)
    """When the last event of some kinds came, by batch."""
    stands: dict[str, bool] = field(default_factory=dict)
    """Whether it was switched and nothing has gone back from that, by batch."""
    agreed: dict[str, str] = field(default_factory=dict)
    """When the last terms of a batch were signed."""
    plan: Json = None
    ledger: Json = None

    def take(self, kind: str, at: str, body: dict[str, Json]) -> None:
        cutover = body.get("batch") if body.get("track") == "cutover" else None
        if kind == "run-started":
            self.plan = body["plan_digest"]
        elif kind == "plan-changed":
            self.plan = body["now"]
        elif kind == "batch-bound":
            self.begun.add(body["batch"])
        elif kind == "grant-asked":
            self.asked[body["grant"]] = body["batch"], body["request"]
        elif kind == "grant-adopted":
            self.asked[body["grant"]] = body["asked"]["batch"], body["asked"]["request"]
        elif cutover is not None and kind in {"cutover-terms", "cutover-terms-changed"}:
            self.terms[cutover] = body["terms"]
        elif cutover is not None and kind == "cutover-rolled-back":
            self.attempt[cutover] = self.attempt.get(cutover, 1) + 1
            if body["switched"] is True:
                self.stands[cutover] = False
        elif cutover is not None and kind == "cutover-switched":
            self.stands[cutover] = True
        if cutover is not None and (kind != "cutover-waits" or body.get("why") in NOT_FROZEN):
            self.came[cutover, kind] = at

    def since(self, batch: Json, stage: Json) -> list[str]:
        """Return the moments since which a signature for a stage counts."""
        kinds = ONLY_AFTER.get(stage, ())
        moments = [self.came[batch, kind] for kind in kinds if (batch, kind) in self.came]
        return [*moments, self.agreed[batch]] if batch in self.agreed else moments


def check_approvals(events: list[Event], digests: list[str]) -> None:
    """Hold every event against what was signed for it; `digests` are those of the events."""
    known, always = Known(), False
    for number, (kind, at, body) in enumerate(events, start=1):
        if kind == "ledger-named":
            need(is_text(body.get("ledger")), "ledger-named: ledger")
            need(body.get("approvals", "signed") == "signed", "ledger-named: approvals")
            need(known.ledger in (None, body["ledger"]), "ledger-named: otherwise than before")
            known.ledger = body["ledger"]
            always = always or "approvals" in body
        elif kind == "cutover-approval-withdrawn":
            about = body.get("approval"), body.get("key")
            if all(isinstance(one, str) for one in about):
                known.withdrawn.add(about)
        elif kind == "cutover-agreed" and "evidence" in body:
            check_presented(body["evidence"], at, [64 * "0", *digests[: number - 1]])
        for one in rests(kind, body, known):
            if one.signed is None:
                need(not always, f"{kind}: without what was signed")
                continue
            always = True
            made = check_one(kind, one, known, [64 * "0", *digests[: number - 1]])
            if known.terms.get(one.batch) is not None and one.stage in ("finalize", "decommission"):
                (came,) = ONLY_AFTER[one.stage]
                need((one.batch, came) in known.came, f"{kind}: before {came}")
                need(known.stands.get(one.batch, False), f"{kind}: of what was taken back")
            since = max(map(instant, known.since(one.batch, one.stage)), default=None)
            for each in made:
                need(since is None or instant(each) >= since, f"{kind}: signed too early")
                need(seconds_of(each) <= seconds_of(at) + 60, f"{kind}: signed after it")
            if one.stage == "terms":
                known.agreed.pop(one.batch, None)
                if made:
                    known.agreed[one.batch] = max(made, key=instant)
        known.take(kind, at, body)


def check_presented(shown: Json, at: str, heads: list[str]) -> None:
    """Hold the report that a deletion rests on against the journal before it, 8.4."""
    what = "cutover-agreed: evidence"
    need(isinstance(shown, dict), what)
    need(shown.keys() == {"statement", "written", "events", "head"}, what)
    need(is_digest(shown["statement"]) and RULES["moment"](shown["written"]), what)
    need(is_integer(shown["events"]) and 1 <= shown["events"] < len(heads), what)
    need(shown["head"] == heads[shown["events"]], f"{what} of another journal")
    need(seconds_of(shown["written"]) <= seconds_of(at) + 60, f"{what} of later")


def rests(kind: str, body: dict[str, Json], known: Known) -> list[Rests]:
    need(body.get("signed", []) is not None, f"{kind}: signed")
    signed = body.get("signed")
    if kind in STAGES:
        named = body.get("approvals", {})
        need(isinstance(named, dict), f"{kind}: approvals")
        if signed is not None:
            need(isinstance(signed, dict) and signed.keys() == named.keys(), f"{kind}: signed")
            lacking = known.begun - named.keys()
            silent = not any(asks(known.terms.get(one)) for one in lacking)
            need(silent, f"{kind}: a batch whose approvers were not asked")
        return [
            Rests(batch, STAGES[kind], body.get("request"), keys, signed and signed[batch])
            for batch, keys in named.items()
        ]
    if kind == "grant-given":
        batch, request = known.asked.get(body["grant"], (None, None))
        return [Rests(batch, "grant", request, body["approvals"], signed)]
    if kind == "headers-erasing":
        return [Rests(body["batch"], "erase", body["request"], body["approvals"], signed)]
    if not kind.startswith("cutover-") or body.get("track") != "cutover":
        return []
    batch = body["batch"]
    if kind == "cutover-frozen":
        how = body["how"] if isinstance(body.get("how"), dict) else {}
        if how.get("kind") == "denied-write":
            return []
        return [Rests(batch, "freeze", None, how.get("keys"), signed)]
    if kind == "cutover-terms-changed":
        terms = body.get("terms")
        return [Rests(batch, "terms", body.get("was"), body.get("approvals"), signed, terms)]
    if "approvals" in body:
        stage, root = body.get("approved_stage"), body.get("root")
        need(isinstance(stage, str), f"{kind}: approved_stage")
        need(signed is None or isinstance(root, str), f"{kind}: root")
        return [Rests(batch, stage, root, body["approvals"], signed)]
    return []


def asks(terms: Json) -> bool:
    return isinstance(terms, dict) and bool(terms.get("approvers"))


def check_one(kind: str, one: Rests, known: Known, heads: list[str]) -> list[str]:
    """Hold what was signed for one batch against its terms and what it is about.

    Returns when each was signed.
    """
    need(isinstance(one.keys, list) and isinstance(one.signed, list), f"{kind}: keys")
    need(all(isinstance(key, str) for key in one.keys), f"{kind}: keys")
    need(len(one.keys) == len({*one.keys}) == len(one.signed), f"{kind}: signatures of others")
    terms = known.terms.get(one.batch) if isinstance(one.batch, str) else None
    if terms is None:
        need(not one.keys, f"{kind}: nobody was to approve it")
        return []
    need(isinstance(terms, dict), f"{kind}: terms")
    need(len(one.keys) >= number_for(one.stage, terms), f"{kind}: too few approved it")
    listed = terms.get("approvers")
    need(isinstance(listed, list), f"{kind}: approvers")
    need(all(isinstance(each, dict) and "fingerprint" in each for each in listed), "approvers")
    need(all(isinstance(each["fingerprint"], str) for each in listed), "approvers")
    people = {each["fingerprint"]: each for each in listed}
    wanted = {
        "version": 3,
        "batch": one.batch,
        "stage": one.stage,
        "root": one.root,
        "attempt": known.attempt.get(one.batch, 1),
        "terms": sha256(canonical(one.terms if one.stage == "terms" else terms)).hexdigest(),
    }
    if known.plan is not None and one.stage not in ("rotate", "terms"):
        wanted["plan_digest"] = known.plan
    if known.ledger is not None:
        wanted["ledger"] = known.ledger
    made = []
    for key, envelope in zip(one.keys, one.signed, strict=True):
        need(key in people, f"{kind}: approved by a key that the terms do not name")
        payload = opened(envelope, key, people[key])
        need((sha256(payload).hexdigest(), key) not in known.withdrawn, f"{kind}: withdrawn")
        said = parse(payload, f"{kind}: signed")
        check_payload(said, wanted, heads, people[key])
        made.append(said["made_at"])
    return made


def check_approved_roots(predicate: Json, events: list[Event]) -> None:
    """What was approved of a batch is what its lines are, unless the journal tells of others."""
    datasets: dict[str, set[str]] = {}
    for one in predicate["datasets"]:
        datasets.setdefault(one["batch"], set()).add(one["name"])
    stated = {one["name"]: one["merkle_root"] for one in predicate["batches"]}
    for batch, names in datasets.items():
        root = None
        for kind, _, body in events:
            of_batch = kind.startswith("cutover-") and body.get("track") == "cutover"
            manifest = body.get("approved_stage") in ("cutover", "finalize", "decommission")
            rests_on = kind not in ("cutover-terms-changed", "cutover-frozen")
            if of_batch and manifest and rests_on and {"approvals", "signed"} <= body.keys():
                if body["batch"] == batch:
                    need(root in (None, body["root"]), f"{kind}: of another manifest")
                    root = body["root"]
            elif tells_of_others(kind, body, names) or (
                kind == "batch-amended" and body["batch"] == batch
            ):
                root = None
        need(root in (None, stated[batch]), "manifest.jsonl: not what was approved")


def tells_of_others(kind: str, body: dict[str, Json], names: set[str]) -> bool:
    """Say whether an event tells of other lines of some datasets."""
    if kind in {"inventoried", "inventory-changed"}:
        return body.get("dataset") in [*names]
    if kind in {"verified", "failed", "retried", "headers-exchanged", "superseded"}:
        counts = body.get("dropped_datasets" if kind == "superseded" else "datasets")
        return counts is None or bool(counts.keys() & names)
    return kind == "ledger-upgraded"


def number_for(stage: Json, terms: dict[str, Json]) -> int:
    need(isinstance(terms.get("thresholds"), dict), "terms: thresholds")
    numbers: dict[str, int] = terms["thresholds"]
    need(all(is_integer(each) for each in numbers.values()), "terms: thresholds")
    if stage == "terms":
        return max([0, *numbers.values()])
    for name in (stage, INSTEAD.get(stage)):
        if name in numbers:
            return numbers[name]
    return 0


def opened(envelope: Json, key: str, approver: dict[str, Json], about: str = KIND) -> bytes:
    """Return what a key signed, if it did."""
    need(isinstance(envelope, dict), "signed: no envelope")
    need(envelope.keys() == {"payload", "payloadType", "signatures"}, "signed: its members")
    need(envelope["payloadType"] == about, "signed: of another kind")
    listed = envelope["signatures"]
    need(isinstance(listed, list) and len(listed) == 1, "signed: not by one")
    need(isinstance(listed[0], dict) and listed[0].keys() == {"keyid", "sig"}, "signed: by whom")
    need(listed[0]["keyid"] == f"ed25519:{key[:16]}", "signed: keyid")
    payload = unbase64(envelope["payload"], "signed")
    signature = unbase64(listed[0]["sig"], "signed")
    need(len(payload) <= 8192 and len(signature) == 64, "signed: lengths")
    public = approver.get("public")
    need(isinstance(public, str), "approvers: public")
    try:
        raw = bytes.fromhex(str(public))
        trusted = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise Refused("approvers: no public key") from error
    need(sha256(raw).hexdigest() == key, "approvers: another key than its fingerprint's")
    need(raw.hex() not in SMALL_ORDER, "approvers: no honest key")
    covered = b" ".join([
        b"DSSEv1", str(len(about)).encode(), about.encode(), str(len(payload)).encode(), payload,
    ])  # fmt: skip
    try:
        trusted.verify(signature, covered)
    except InvalidSignature as error:
        raise Refused("signed: not by this key") from error
    return payload


def check_payload(
    said: Json, wanted: dict[str, Json], heads: list[str], approver: dict[str, Json]
) -> None:
    need(isinstance(said, dict), "signed: no object")
    more = {"journal", "made_at", "expires", "from", "comment", "plan_digest", "ledger"}
    need(said.keys() == wanted.keys() | more, "signed: other members")
    for name, value in wanted.items():
        need(same(said[name], value), f"signed: another {name}")
    need(is_digest(said["plan_digest"]), "signed: plan_digest")
    need(isinstance(said["ledger"], str), "signed: ledger")
    need(isinstance(said["comment"], str), "signed: comment")
    journal = said["journal"]
    need(isinstance(journal, dict) and journal.keys() == {"events", "head"}, "signed: journal")
    events = journal["events"]
    need(is_integer(events) and 0 <= events < len(heads), "signed: a longer journal")
    need(journal["head"] == heads[events], "signed: another journal")
    for name in ("made_at", "expires"):
        need(RULES["moment"](said[name]), f"signed: {name}")
    stated = said["from"]
    freeze = said["stage"] == "freeze"
    need(RULES["moment"](stated) if freeze else stated is None, "signed: from")
    need("until" in approver, "approvers: until")
    until = approver["until"]
    need(until is None or isinstance(until, str), "approvers: until")
    need(until is None or said["made_at"][:10] <= until, "signed: after the key's last day")
