"""Waivers that a journal has as they were signed: of what, for which plan, and by whose key.

Used by verify.py (which see). It needs Python 3.9 and `cryptography` and nothing else.
docs/evidence-format.md, section 8.16, gives the rules in words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.accounts import HeldFinding, OpenFindings
from hdh_migrate.evidence.verifier.approvals import SIGNED, in_time, signed_by
from hdh_migrate.evidence.verifier.cutovers import CutoverAccount

TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:hdh-migrate:waiver:v1"
SAID = {
    **dict.fromkeys(("what", "reason", "by", "migration"), forms.NAMED),
    "until": forms.DAY, "made_at": forms.TIME,
}  # fmt: skip
SHOWN = ("what", "reason", "until", "made_at", "by")
"""What a statement repeats of a waiver, beside the id of its key."""
SIGNER = "report.signer"
REPORTS = "ed25519:"


class ReadWaiver(NamedTuple):
    """What somebody signed: what is let go, in which plan, and until when."""

    said: Mapping[str, str]
    plan: str

    def covers(self, found: HeldFinding) -> bool:
        """Say whether it lets a finding go: one of its code that was known when it was made."""
        known = forms.instant(self.said["made_at"]) >= forms.instant(found.at)
        return known and self.said["what"] == f"finding.{found.code}"


def read_waiver(payload: bytes) -> ReadWaiver:
    """Read what was signed; raise ValueError or the like where it is no waiver."""
    statement = forms.mapping(json.loads(payload))
    forms.must(forms.canonical(statement) == payload)
    said = forms.mapping(statement["predicate"])
    forms.must(said.keys() == SAID.keys() and forms.misfit(said, SAID) is None)
    subject = forms.mapping(forms.array(statement["subject"])[0])
    plan = forms.DIGEST.text(forms.mapping(subject["digest"])["sha256"])
    spelled = {
        "_type": STATEMENT, "predicateType": PREDICATE, "predicate": said,
        "subject": [{"name": "plan", "digest": {"sha256": plan}}],
    }  # fmt: skip
    forms.must(forms.canonical(spelled) == payload)
    return ReadWaiver({name: forms.string(one) for name, one in said.items()}, plan)


class CountedWaiver(NamedTuple):
    """A waiver that the journal has, and the fingerprint of the key that signed it."""

    read: ReadWaiver
    key: str

    def facts(self) -> dict[str, str]:
        """Return what a statement says of it."""
        said = {name: self.read.said[name] for name in SHOWN}
        return {**said, "key_id": f"ed25519:{self.key[:16]}"}


class WaiverAccount:
    """Takes the events that say which waivers count, and what rests on them."""

    def __init__(
        self,
        batches: Mapping[str, str],
        findings: OpenFindings,
        cutovers: Mapping[tuple[str, str], CutoverAccount],
    ) -> None:
        self._batches, self._findings, self._cutovers = batches, findings, cutovers
        self.known: dict[str, CountedWaiver] = {}
        """Those that the journal has as they were signed, by the digest of what was signed."""
        self.counted: Sequence[str] = ()
        self.began = False
        """Whether the ledger keeps them, or an event does: what rests on waivers names them."""
        self.by_word = 0
        """How many switches rest on waivers that the journal does not have."""
        self._keys: dict[str, forms.Body] = {}
        self.signers: set[str] = set()
        """Fingerprints of the keys that were to sign reports."""
        self._erased: set[object] = set()
        self._day = ""
        """Of the event before: nothing that ended earlier counts after it."""

    def take(self, kind: str, at: str, body: forms.Body, plan: str | None) -> None:
        """Take one event; raise ValueError or the like where what it rests on does not hold."""
        if kind == "ledger-named":
            forms.must(body.get("waivers", SIGNED) == SIGNED)
            self.began = self.began or "waivers" in body
        elif kind == "contents":
            self._worked_with(body)
        elif kind == "headers-erasing":
            self._erased.add(body["dataset"])
        elif kind == "waivers-counted":
            self.began = True
            self._count(body, plan)
        elif kind.startswith("cutover-") and "approved_stage" in body:
            self._act(kind, body, plan)
        self._day = at[:10]

    def _worked_with(self, body: forms.Body) -> None:
        files = body.get("files")
        signer = files.get(SIGNER) if isinstance(files, dict) else None
        if forms.is_string(signer) and signer.startswith(REPORTS):
            self.signers.add(signer[len(REPORTS) :])

    def _count(self, body: forms.Body, plan: str | None) -> None:
        """Take who may waive, and what counts: each signed by one of them, and not over."""
        keys = [forms.mapping(one) for one in forms.array(body["keys"])]
        self._keys = {forms.string(one["fingerprint"]): one for one in keys}
        forms.must(len(self._keys) == len(keys))
        forms.must(self._keys.keys().isdisjoint(self.signers))
        fixed = [terms for _, terms in self._terms()]
        forms.must(all(self._keys.keys() <= terms.keys() for terms in fixed))
        for name, one in self._keys.items():
            forms.must(not fixed or key_of(one) in [key_of(terms[name]) for terms in fixed])
        self.counted = forms.all_of(body["counted"], forms.is_string)
        forms.must(self.counted == sorted({*self.counted}))
        for envelope in forms.array(body["signed"]):
            self._keep(envelope)
        for digest in self.counted:
            self._demand(self.known[digest], plan)

    def _keep(self, envelope: object) -> None:
        """Keep a waiver that no event before had; what only is kept and does not count is none."""
        claim = forms.mapping(forms.array(forms.mapping(envelope)["signatures"])[0])
        signers = [
            one for name, one in self._keys.items() if claim["keyid"] == f"ed25519:{name[:16]}"
        ]
        forms.must(len(signers) == 1)
        payload = signed_by(signers[0], envelope, TYPE)
        digest = forms.sha256(payload)
        forms.must(digest not in self.known and digest in self.counted)
        found = CountedWaiver(read_waiver(payload), forms.string(signers[0]["fingerprint"]))
        self.known[digest] = found

    def _demand(self, one: CountedWaiver, plan: str | None) -> None:
        """Demand that a waiver counts: by its key, its day, and the plan that it is for."""
        forms.must(one.key in self._keys and one.read.plan == (plan or one.read.plan))
        forms.must(in_time(self._keys[one.key], one.read.said["made_at"]))
        forms.must(one.read.said["until"] >= self._day)

    def _act(self, kind: str, body: forms.Body, plan: str | None) -> None:
        if body["track"] != "cutover":
            return
        batch = forms.string(body["batch"])
        held = list(self._held(batch)) if kind == "cutover-switching" else []
        if "waivers" not in body:
            forms.must(not self.began)
            self.by_word += bool(held)
            return
        self.began = True
        named = forms.all_of(body["waivers"], forms.is_string)
        forms.must(len({*named}) == len(named) and {*named} <= {*self.counted})
        counted = [self.known[digest] for digest in named]
        for one in counted:
            self._demand(one, plan)
            forms.must(all(one.key in terms for of, terms in self._terms() if of == batch))
        forms.must(all(any(one.read.covers(found) for one in counted) for found in held))

    def _held(self, batch: str) -> Iterator[HeldFinding]:
        """Yield what holds a switch of a batch up unless it is waived."""
        for found in self._findings.held():
            if (
                self._batches.get(found.dataset or "") == batch
                and found.dataset not in self._erased
            ):
                yield found

    def _terms(self) -> Iterator[tuple[str, dict[str, forms.Body]]]:
        """Yield who may waive by the terms that were fixed, with the batch that they are of."""
        for (batch, _), account in self._cutovers.items():
            terms = account.story["terms"]
            if terms is not None:
                keys = map(forms.mapping, forms.array(forms.mapping(terms).get("waivers", [])))
                yield batch, {forms.string(one["fingerprint"]): one for one in keys}


def key_of(one: forms.Body) -> bytes:
    """Return a key as terms and events have it, and its last day."""
    return forms.canonical([one["public"], one["until"]])
