"""What a journal tells of grants: who was let read which objects, and what became of that.

Used by verify.py (which see). It needs Python 3.9 and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.bindings import fingerprints

GRANT = "grant-"
"""How the kinds of events about grants begin."""


class GrantLedger:
    """Every grant that a journal tells of, and how far each has come."""

    def __init__(self, batches: Mapping[str, str]) -> None:
        self._batches = batches
        """The batch of each dataset."""
        self._asked: dict[str, forms.Body] = {}
        self._past: dict[str, set[str]] = {}
        """By grant: what happened of it."""
        self._set: dict[tuple[str, str], tuple[str, bool]] = {}
        """By grant and bucket: the principal that was to be let in, or out."""

    def asked(self, grant: str) -> forms.Body:
        """Return what was asked for; raises KeyError for what nobody asked for."""
        return self._asked[grant]

    def take(self, kind: str, body: forms.Body) -> None:
        """Take one event; `kind` is what follows `grant-`."""
        grant = forms.TEXT.text(body["grant"])
        if kind == "asked":
            self._ask(grant, body)
            return
        if kind == "adopted":
            self._adopt(grant, body)
            return
        past = self._past[grant]
        if kind in _AFTER:
            needed, never = _AFTER[kind]
            forms.must(needed <= past and not never & past)
        past.add(kind)
        if kind == "given":
            self._given(self._asked[grant], body)
            if "renews" in self._asked[grant]:
                before = self._renewable(self._asked[grant]["renews"])
                self._past[before].add("renewed")
        elif kind == "stale":
            forms.must(all(why in _STALE for why in forms.array(body["why"])))
        elif kind in _SAID:
            forms.must(all(forms.TEXT.holds(body[name]) for name in _SAID[kind]))
        elif kind == "pack-withdrawn":
            forms.must(type(body["found"]) is bool and bool(past & {"revoked", "renewed"}))
        elif kind in ("policy-setting", "policy-set"):
            self._policy(kind, grant, body)

    def _adopt(self, grant: str, body: forms.Body) -> None:
        asked, given = forms.mapping(body["asked"]), forms.mapping(body["given"])
        forms.must(asked["grant"] == given["grant"] == grant)
        self._ask(grant, asked, adopted=True)
        self._given(asked, given)
        self._past[grant].add("given")
        forms.must(forms.TIME.holds(body["asked_at"]) and forms.TIME.holds(body["given_at"]))
        forms.must(forms.TEXT.holds(body["origin"]) and forms.DIGEST.holds(body["statement"]))
        for entry in map(forms.mapping, forms.array(body["at_host"])):
            forms.must(forms.TEXT.holds(entry["bucket"]) and forms.TEXT.holds(entry["principal"]))
            forms.must(type(entry["allowed"]) is bool and type(entry["sure"]) is bool)

    def _ask(self, grant: str, body: forms.Body, *, adopted: bool = False) -> None:
        forms.must(grant not in self._asked)
        self._asked[grant], self._past[grant] = body, set()
        texts = ("batch", "permit", "purpose", "user")
        batch = self._batches[forms.TEXT.text(body["dataset"])]
        forms.must(adopted or body["batch"] == batch)  # those of another batch approve nothing
        forms.must(all(forms.TEXT.holds(body[name]) for name in texts))
        forms.must([body["reader"]] == fingerprints([body["key"]]))
        forms.must(forms.TIME.holds(body["until"]) and forms.DIGEST.holds(body["manifest"]))
        forms.must(forms.DIGEST_OR_NULL.holds(body["selection"]))
        forms.must(forms.count(body["objects"]) > 0)
        forms.must(forms.is_count(body["bytes"]))
        if "renews" in body and not adopted:
            before = self._asked[self._renewable(body["renews"])]
            forms.must(all(body[name] == before[name] for name in _KEPT))
        about = {name: one for name, one in body.items() if name not in ("request", "user")}
        forms.must(body["request"] == forms.sha256(forms.canonical(about)))

    def _renewable(self, grant: object) -> str:
        """Return the id of a grant whose place another one may take."""
        past = self._past[forms.TEXT.text(grant)]
        forms.must("given" in past and not past & {"revoked", "renewed"})
        return forms.TEXT.text(grant)

    @staticmethod
    def _given(asked: forms.Body, body: forms.Body) -> None:
        forms.must(all(forms.count(body[name]) == asked[name] for name in ("objects", "bytes")))
        digests = ("root", "pack_sha256", "statement_sha256")
        forms.must(all(forms.DIGEST.holds(body[name]) for name in digests))
        approvals = body["approvals"]
        forms.must(isinstance(approvals, list) and all(map(forms.DIGEST.holds, approvals)))

    def _policy(self, kind: str, grant: str, body: forms.Body) -> None:
        place, allowed = (grant, forms.TEXT.text(body["bucket"])), body["allowed"] is True
        told = (forms.TEXT.text(body["principal"]), allowed)
        forms.must(type(body["allowed"]) is bool)
        if kind == "policy-setting":
            self._set[place] = told
        else:
            forms.must(self._set[place] == told and forms.DIGEST_OR_NULL.holds(body["sha256"]))


_AFTER = {
    "given": (set[str](), {"given", "dropped", "revoked"}),
    "dropped": (set[str](), {"given", "dropped", "revoked"}),
    "stale": ({"given"}, {"revoked", "renewed"}),
    "revoked": (set[str](), {"dropped", "revoked", "renewed"}),
    "closed-by-hand": ({"revoked"}, set[str]()),
    "policy-setting": ({"given"}, {"renewed"}),
    "policy-set": ({"given"}, {"renewed"}),
}
"""By what happens of a grant: what must have happened, and what must not."""

_SAID = {"revoked": ("reason", "user"), "closed-by-hand": ("how", "user")}
"""What somebody says with what happens of a grant."""

_STALE = ("rotated", "replaced", "unverified")
"""Why a pack may be said not to point to what there is."""

_KEPT = ("dataset", "batch", "permit", "purpose", "key", "until")
"""What a renewal does not change."""
