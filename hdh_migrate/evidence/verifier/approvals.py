"""Approvals that a journal has as they were signed: of what, in which journal, and by whose key.

Used by verify.py (which see). It needs Python 3.9 and `cryptography` and nothing else.
docs/evidence-format.md, section 8.15, gives the rules in words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.accounts import changed_lines
from hdh_migrate.evidence.verifier.bindings import Bindings
from hdh_migrate.evidence.verifier.cutovers import CutoverAccount, is_tried
from hdh_migrate.evidence.verifier.grants import GrantLedger
from hdh_migrate.evidence.verifier.signatures import Key, accepts, is_weak, key_id_of

TYPE = "application/vnd.hdh-migrate.approval+json"
LONGEST = 1 << 13
MEMBERS = {
    "version", "plan_digest", "ledger", "batch", "stage", "attempt", "root", "terms", "journal",
    "made_at", "from", "expires", "comment",
}  # fmt: skip
AS_MANY_AS = {"grant": "freeze", "rotate": "freeze", "reseal": "freeze", "erase": "decommission"}
"""Stages that terms may have no number for: as many approve as for another one."""
BEFORE_THE_PLAN = {"rotate", "terms"}
"""Stages that may be told before the journal tells the plan that asks for it."""
ROTATIONS = {"keys-rotating": "rotate", "data-keys-rotating": "reseal"}

ONLY_SINCE = {
    "freeze": "rolled-back", "cutover": "rolled-back", "finalize": "switched",
    "decommission": "finalized",
}  # fmt: skip
"""By stage: the event of its cutover since which an approval was given for how things stand."""
LATER = {"finalize", "decommission"}
"""Stages of a switch that stands: that event has come, and nothing went back."""
UNFROZEN = ("source-written", "not-frozen")
"""Why a cutover waits, when the source was seen not to be as whoever stated a freeze says."""
OF_THE_MANIFEST = {"cutover", "finalize", "decommission"}
"""Stages whose root is that of the batch's manifest."""

SIGNED = "signed"
"""What a ledger's name has beside it, if it keeps what was signed from its first event on."""

UNSIGNED = object()


class RestedOn(NamedTuple):
    """What an event rests on: by whom it says that something was approved, and what they signed."""

    batch: str
    stage: str
    root: object
    keys: object
    signed: object
    """`UNSIGNED`: the event has no signatures."""
    terms: object = None
    """Other terms, where these are what was approved."""


class ApprovedManifests:
    """The root that was approved of each batch last, while no event since tells of other lines."""

    def __init__(self, batches: Mapping[str, str]) -> None:
        self._batches = batches
        self.roots: dict[str, str] = {}
        """By batch: the root that its lines have to this day."""
        self.moved_on: set[str] = set()
        """Batches whose lines are, as events tell, others than those that were approved last."""

    def state(self, batch: str, root: str) -> None:
        """Take the root of a batch's lines at the place of an event."""
        forms.must(self.roots.setdefault(batch, root) == root)
        self.moved_on.discard(batch)

    def take(self, kind: str, body: forms.Body) -> None:
        """Take an event that may tell of other lines."""
        changed = {self._batches[name] for name in changed_lines(kind, body, self._batches)}
        if kind == "batch-amended":  # a dataset that came is listed before an event tells of it
            changed.add(forms.TEXT.text(body["batch"]))
        for batch in changed & self.roots.keys():
            del self.roots[batch]
            self.moved_on.add(batch)


class ApprovalAccount:
    """Takes the events that rest on approvals, before these events count themselves."""

    def __init__(
        self,
        grants: GrantLedger,
        bindings: Bindings,
        cutovers: Mapping[tuple[str, str], CutoverAccount],
        batches: Mapping[str, str],
    ) -> None:
        self._grants, self._bindings, self._cutovers = grants, bindings, cutovers
        self.manifests = ApprovedManifests(batches)
        self.signed = self.by_word = 0
        """How many approvals the journal has as they were signed, and how many it names alone."""
        self._began = False
        """Whether the ledger keeps signatures, or an event has some: all after it have them."""
        self._heads = bytearray(32)  # of no event, of the first one, and so on
        self.ledger: object = None
        """The ledger's name, once an event tells it."""
        self._withdrawn: set[tuple[str, str]] = set()
        self._since: dict[tuple[str, str], str] = {}
        """By batch and stage (an empty text: each): what was signed before then is void."""

    def passed(self, head: bytes) -> None:
        """Take note of the digest of the event that comes next."""
        self._heads += head

    def ended_so(self, events: int, head: object) -> bool:
        """Say whether this journal had this digest when it had so many events; of none zeros."""
        return self._heads[32 * events : 32 * events + 32].hex() == head

    def take(self, kind: str, seq: int, at: str, body: forms.Body, plan: str | None) -> None:
        """Take one event; raise ValueError or the like where what it rests on does not hold."""
        if kind == "ledger-named":
            forms.must(self.ledger in (None, forms.TEXT.text(body["ledger"])))
            self.ledger = body["ledger"]
            forms.must(body.get("approvals", SIGNED) == SIGNED)
            self._began = self._began or "approvals" in body
        elif kind == "cutover-approval-withdrawn":
            approval, key = body.get("approval"), body.get("key")
            if forms.is_string(approval) and forms.is_string(key):
                self._withdrawn.add((approval, key))
        elif kind == "cutover-waits" and body["why"] in UNFROZEN and body["track"] == "cutover":
            self._since[forms.string(body["batch"]), "freeze"] = at
        elif kind == "cutover-agreed" and "evidence" in body:
            self._demand_presented(seq, at, forms.mapping(body["evidence"]))
        for one in self._rested_on(kind, body):
            if one.signed is UNSIGNED:
                forms.must(not self._began)
                self.by_word += len(one.keys) if isinstance(one.keys, list) else 0
                continue
            self._began = True
            self._demand(seq, at, one, plan)
            if one.stage in OF_THE_MANIFEST:
                self.manifests.state(one.batch, forms.string(one.root))
        self.manifests.take(kind, body)

    def _demand_presented(self, seq: int, at: str, evidence: forms.Body) -> None:
        """Demand that what was presented is a report of this journal, as it was before."""
        forms.must(evidence.keys() == {"statement", "written", "events", "head"})
        events, written = forms.count(evidence["events"]), forms.TIME.text(evidence["written"])
        forms.must(forms.DIGEST.holds(evidence["statement"]))
        forms.must(0 < events < seq and self.ended_so(events, evidence["head"]))
        forms.must(forms.seconds(written) <= forms.seconds(at) + forms.AHEAD)

    def _demand(self, seq: int, at: str, one: RestedOn, plan: str | None) -> None:
        """Demand that each key signed exactly this, and that they suffice for the terms of then."""
        story = self._cutovers.get((one.batch, "cutover"))
        keys, signed = forms.all_of(one.keys, forms.is_string), forms.array(one.signed)
        forms.must(len(set(keys)) == len(keys) == len(signed))
        terms = None if story is None else story.story["terms"]
        if story is None or terms is None:
            forms.must(not keys)  # whom nobody was asked to agree with, nobody names
            return
        asked = forms.mapping(terms)
        forms.must(len(keys) >= _number(asked, one.stage))
        approvers = {
            forms.string(known["fingerprint"]): known
            for known in map(forms.mapping, forms.array(asked["approvers"]))
        }
        about = {
            "version": 3, "batch": one.batch, "stage": one.stage, "root": one.root,
            "attempt": story.attempt,
            "terms": forms.sha256(forms.canonical(terms if one.terms is None else one.terms)),
            **({} if plan is None or one.stage in BEFORE_THE_PLAN else {"plan_digest": plan}),
            **({} if self.ledger is None else {"ledger": self.ledger}),
        }  # fmt: skip
        made = []
        for fingerprint, envelope in zip(keys, signed):  # noqa: B905 - Python 3.9
            made.append(self._demand_one(seq, fingerprint, approvers[fingerprint], envelope, about))
            self.signed += 1
        if one.stage in LATER:
            forms.must(ONLY_SINCE[one.stage] in story.times and story.stands)
        since = (
            story.times.get(ONLY_SINCE.get(one.stage, "")),
            *(self._since.get((one.batch, stage)) for stage in (one.stage, "")),
        )
        for made_at in made:  # of a state of things that had come, and before what rests on it
            forms.must(all(then is None or is_since(made_at, then) for then in since))
            forms.must(forms.seconds(made_at) <= forms.seconds(at) + forms.AHEAD)
        if one.stage == "terms":
            self._since.pop((one.batch, ""), None)
            if made:
                self._since[one.batch, ""] = max(made, key=forms.instant)

    def _demand_one(
        self,
        seq: int,
        fingerprint: str,
        known: forms.Body,
        envelope: object,
        about: Mapping[str, object],
    ) -> str:
        """Demand that a key signed exactly this; return when, as it says."""
        forms.must(known["fingerprint"] == fingerprint)
        payload = signed_by(known, envelope, TYPE)
        said = forms.mapping(json.loads(payload))
        forms.must(forms.canonical(said) == payload and said.keys() == MEMBERS)
        picked = forms.picked(said, *about)
        forms.must(forms.canonical(picked) == forms.canonical(about))
        journal = forms.mapping(said["journal"])
        events = forms.count(journal["events"])
        forms.must(journal.keys() == {"events", "head"} and events < seq)
        forms.must(self.ended_so(events, journal["head"]))
        forms.must((forms.sha256(payload), fingerprint) not in self._withdrawn)
        forms.must(forms.TIME.holds(said["made_at"]) and forms.TIME.holds(said["expires"]))
        begins = said["from"]
        forms.must(forms.TIME.holds(begins) if said["stage"] == "freeze" else begins is None)
        forms.must(all(forms.is_string(said[name]) for name in ("comment", "ledger")))
        forms.must(forms.DIGEST.holds(said["plan_digest"]))
        forms.must(in_time(known, forms.string(said["made_at"])))
        return forms.string(said["made_at"])

    def _rested_on(self, kind: str, body: forms.Body) -> Iterator[RestedOn]:
        """Yield what an event says of approvals that it rests on, for each batch."""
        signed = body.get("signed", UNSIGNED)
        if kind in ROTATIONS:
            named = forms.mapping(body.get("approvals", {}))
            if signed is not UNSIGNED:
                forms.must(named.keys() == forms.mapping(signed).keys() >= self._asking())
            for batch, keys in named.items():
                own = signed if signed is UNSIGNED else forms.mapping(signed)[batch]
                yield RestedOn(batch, ROTATIONS[kind], body["request"], keys, own)
        elif kind == "grant-given":
            asked = self._grants.asked(forms.TEXT.text(body["grant"]))
            batch = forms.string(asked["batch"])
            yield RestedOn(batch, "grant", asked["request"], body["approvals"], signed)
        elif kind == "headers-erasing":
            batch = forms.string(body["batch"])
            yield RestedOn(batch, "erase", body["request"], body["approvals"], signed)
        elif kind.startswith("cutover-") and body["track"] == "cutover":
            yield from _of_cutover(kind, forms.string(body["batch"]), body, signed)

    def _asking(self) -> set[str]:
        """Return the batches that were begun and whose terms name somebody who approves."""
        found = set()
        for batch in self._bindings.batches:
            story = self._cutovers.get((batch, "cutover"))
            terms = None if story is None else story.story["terms"]
            if terms is not None and forms.mapping(terms)["approvers"]:
                found.add(batch)
        return found


def _of_cutover(kind: str, batch: str, body: forms.Body, signed: object) -> Iterator[RestedOn]:
    if kind == "cutover-frozen":
        how = body["how"]
        if not is_tried(how):
            keys = how.get("keys") if isinstance(how, dict) else None
            yield RestedOn(batch, "freeze", None, keys, signed)
    elif kind == "cutover-terms-changed":
        terms = body["terms"]
        yield RestedOn(batch, "terms", body["was"], body["approvals"], signed, terms)
    elif "approvals" in body:
        stage, root = forms.string(body["approved_stage"]), body.get("root")
        forms.must(signed is UNSIGNED or forms.is_string(root))  # a freeze alone has none
        yield RestedOn(batch, stage, root, body["approvals"], signed)


def _number(terms: forms.Body, stage: str) -> int:
    """Return how many must approve a stage; other terms, as many as the strictest one."""
    numbers = {name: forms.whole(one) for name, one in forms.mapping(terms["thresholds"]).items()}
    if stage == "terms":
        return max([*numbers.values(), 0])
    return numbers.get(stage, numbers.get(AS_MANY_AS.get(stage, stage), 0))


def signed_by(known: forms.Body, envelope: object, kind: str) -> bytes:
    """Return what a key signed alone, both in the one spelling they have.

    `known` is the key by content; raises ValueError or the like where it did not sign it.
    """
    raw = bytes.fromhex(forms.string(known["public"]))
    forms.must(forms.sha256(raw) == known["fingerprint"] and not is_weak(raw))
    key = Key(forms.sha256(raw), Ed25519PublicKey.from_public_bytes(raw))
    parts = forms.mapping(envelope)
    forms.must(parts.keys() == {"payload", "payloadType", "signatures"})
    forms.must(parts["payloadType"] == kind)
    claims: Sequence[object] = forms.array(parts["signatures"])
    forms.must(len(claims) == 1)
    claim = forms.mapping(claims[0])
    forms.must(claim.keys() == {"keyid", "sig"})
    forms.must(claim["keyid"] == key_id_of(key))
    payload = forms.unbase64(forms.string(parts["payload"]))
    signature = forms.unbase64(forms.string(claim["sig"]))
    forms.must(len(payload) <= LONGEST and len(signature) == 64)
    forms.must(accepts(key, signature, b"DSSEv1 %d %b %d %b" % (
        len(kind), kind.encode(), len(payload), payload,
    )))  # fmt: skip
    return payload


def is_since(made_at: str, then: str) -> bool:
    """Say whether something was signed at a moment or after it."""
    return forms.instant(made_at) >= forms.instant(then)


def in_time(known: forms.Body, made_at: str) -> bool:
    """Say whether something was signed before the last day of a key, if it has one, was over."""
    until = known["until"]
    return until is None or made_at[:10] <= forms.string(until)
