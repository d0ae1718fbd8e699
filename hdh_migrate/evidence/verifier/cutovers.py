"""What the events of a journal come to for one batch: its binding, passes, looks and cutovers.

Used by verify.py (which see). It needs Python 3.9 and nothing else. docs/evidence-format.md,
section 8, gives the rules in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Optional

from hdh_migrate.evidence.verifier import forms

KIND = "cutover-"
STAGES = {
    "begun": "preparing", "switching": "switching", "withdrawn": "preparing",
    "switched": "switched", "open": "fallback window", "rolling-back": "rolling back",
    "rolled-back": "rolled back", "finalized": "finalized", "erasing": "decommission under way",
    "requested": "decommission requested", "observed": "decommission observed",
}  # fmt: skip
APPROVED = {"switching": "cutover", "finalized": "finalize"}
"""Events that carry approvals, and for which stage."""

DEMANDED = {
    **dict.fromkeys(("switching", "switched", "open"), "cutover"), "finalized": "finalize",
    **dict.fromkeys(("erasing", "erased", "requested", "observed"), "decommission"),
}  # fmt: skip
"""For which stage there are approvals once an event has come."""


class CutoverAccount:
    """One cutover or rehearsal of a batch, told by its events one after another."""

    def __init__(self, batch: str, track: str) -> None:
        self.story: dict[str, object] = {
            "batch": batch, "track": track, "stage": "not started", "since": None,
            "on_this_machine": None, "waits": None, "terms": None, "keys_beside": [],
            "root": None, "freeze": None, "smoke": None, "window_until": None,
            "not_ours_before_the_switch": 0, "written_by_consumers": None, "finalized": None,
        }  # fmt: skip
        self.times: dict[str, str] = {}
        self.pointer: dict[str, object] = {"old_sha256": None, "new_sha256": None}
        self.approvals: dict[str, object] = {}
        self.approved_under: dict[str, object] = {}
        self.terms_changes: list[object] = []
        self.deltas: list[object] = []
        self.attempt = 1
        self.end: dict[str, object] = {"requested": None, "observed": None}
        self.read: dict[str, int] | None = None
        """What was read again before a delete; None: nothing was to be."""
        self.read_as: dict[str, object] = {}
        self.differing: dict[int, str] = {}
        self.counts: dict[str, int] = {}
        self.pending: dict[int, str] = {}
        self.intended = False  # to switch, and not gone back since

    def facts(self) -> dict[str, object]:
        """Return what the statement says of it."""
        outcomes, recheck = dict(self.counts), None
        for why in self.pending.values():
            outcomes[why] = outcomes.get(why, 0) + 1
        if self.read is not None:
            recheck = {**self.read, **self.read_as, "differing": len(self.differing)}
        return {
            **self.story, "times": self.times, "pointer": self.pointer, "attempt": self.attempt,
            "approvals": self.approvals, "approved_under": self.approved_under,
            "terms_changes": self.terms_changes, "delta": self.deltas,
            "decommission": {**self.end, "outcomes": outcomes, "recheck": recheck},
        }  # fmt: skip

    def take(self, name: str, at: str, body: forms.Body) -> None:
        """Apply one event, named without `cutover-`."""
        now = self.story
        self.times[name] = at
        if name == "waits":
            now["waits"] = {"why": body["why"], "told": body["told"], "at": at}
        if name in ("terms", "terms-changed"):
            self._fixed(name, at, body)
        if name in ("approval-withdrawn", "terms", "terms-changed", "waits"):
            return
        now["waits"] = None
        approved = self._approved(body) if "approvals" in body else None
        forms.must(APPROVED.get(name) in (None, approved))
        forms.must(DEMANDED.get(name) in (None, *self.approvals))
        forms.must(self.intended or name not in ("switched", "open"))
        if name in EVENTS:
            EVENTS[name](self, body)
        stage = STAGES.get(name, now["stage"])
        if stage != now["stage"]:
            now["stage"], now["since"] = stage, at

    def _fixed(self, name: str, at: str, body: forms.Body) -> None:
        if name == "terms-changed":
            change = _picked(body, "was", "now", "difference", "approvals")
            before = self.story["terms"]
            self.terms_changes.append({"at": at, **change, "terms_before": before})
        self.story["terms"], self.story["keys_beside"] = body["terms"], body["beside"]

    def _approved(self, body: forms.Body) -> str:
        stage, under, terms = body["approved_stage"], body.get("terms"), self.story["terms"]
        if not forms.is_string(stage):
            raise ValueError
        forms.must(terms is None or under == forms.sha256(forms.canonical(terms)))
        self.approvals[stage], self.approved_under[stage] = body["approvals"], under
        return stage

    def _begun(self, body: forms.Body) -> None:
        self.pointer = {
            **forms.mapping(body["pointer"]), **_picked(body, "old_sha256", "new_sha256"),
        }  # fmt: skip
        self.deltas = []
        self.story.update(
            on_this_machine=body["rehearsing"], freeze=None, smoke=None, window_until=None,
            written_by_consumers=None,
        )  # fmt: skip

    def _frozen(self, body: forms.Body) -> None:
        self.story["freeze"] = _picked(body, "how", "relists", "interval_seconds")

    def _delta(self, body: forms.Body) -> None:
        self.deltas.append(_picked(body, "round", "new", "changed", "vanished"))

    def _switching(self, body: forms.Body) -> None:
        self.intended = True
        self.pointer.update(_picked(body, "old_sha256", "new_sha256"))
        self.story["root"] = body["root"]
        self.story["not_ours_before_the_switch"] = body["strangers"]

    def _smoked(self, body: forms.Body) -> None:
        self.story["smoke"] = _picked(body, "ok", "objects", "bytes", "commands", "failures")

    def _open(self, body: forms.Body) -> None:
        self.story["window_until"] = body["until"]

    def _rolled_back(self, body: forms.Body) -> None:
        self.story["window_until"] = None
        self.attempt += 1
        switched = body["switched"] is True
        self.intended = self.intended and not switched  # or it may land late
        self.story["written_by_consumers"] = None if switched else {}

    def _counted(self, body: forms.Body) -> None:
        self.story["written_by_consumers"] = _picked(body, "new", "changed", "gone")

    def _finalized(self, body: forms.Body) -> None:
        self.story["finalized"] = _picked(body, "early", "reason")

    def _rechecking(self, body: forms.Body) -> None:
        self.read = self.read or forms.zero()
        self.read_as = _picked(body, "level", "reason")

    def _rechecked(self, body: forms.Body) -> None:
        for span in forms.array(body["spans"]):
            first, last, _ = forms.array(span)
            begin, end = forms.whole(first), forms.whole(last)
            for number in [one for one in self.differing if begin <= one <= end]:
                del self.differing[number]
        self.differing.update(_pairs(body["differing"]))
        if self.read is None:
            raise ValueError
        for unit in ("objects", "bytes"):
            self.read[unit] += forms.count(body[unit])

    def _erasing(self, body: forms.Body) -> None:
        del body
        for name in ("requested", "observed"):
            self.end[name] = None
            self.times.pop(name, None)

    def _erased(self, body: forms.Body) -> None:
        for number in map(forms.whole, forms.array(body.get("again", []))):
            self.pending.pop(number, None)
        for number, why in _pairs(body.get("pending", [])):
            self.pending[number] = why
            if "target-" in why:
                self.differing[number] = why
        for outcome, count in forms.counts(body["outcomes"]).items():
            self.counts[outcome] = self.counts.get(outcome, 0) + count

    def _requested(self, body: forms.Body) -> None:
        self.end["requested"] = body["outcomes"]

    def _observed(self, body: forms.Body) -> None:
        self.end["observed"] = body["remains"]


EVENTS: Mapping[str, Callable[[CutoverAccount, forms.Body], None]] = {
    "begun": CutoverAccount._begun,  # noqa: SLF001 - they are its own
    "frozen": CutoverAccount._frozen,  # noqa: SLF001
    "delta": CutoverAccount._delta,  # noqa: SLF001
    "switching": CutoverAccount._switching,  # noqa: SLF001
    "smoked": CutoverAccount._smoked,  # noqa: SLF001
    "open": CutoverAccount._open,  # noqa: SLF001
    "rolled-back": CutoverAccount._rolled_back,  # noqa: SLF001
    "counted": CutoverAccount._counted,  # noqa: SLF001
    "finalized": CutoverAccount._finalized,  # noqa: SLF001
    "rechecking": CutoverAccount._rechecking,  # noqa: SLF001
    "rechecked": CutoverAccount._rechecked,  # noqa: SLF001
    "erasing": CutoverAccount._erasing,  # noqa: SLF001
    "erased": CutoverAccount._erased,  # noqa: SLF001
    "requested": CutoverAccount._requested,  # noqa: SLF001
    "observed": CutoverAccount._observed,  # noqa: SLF001
}


def _pairs(value: object) -> list[tuple[int, str]]:
    """Return pairs of an id and a text, in order."""
    pairs = []
    for pair in forms.array(value):
        number, why = forms.array(pair)
        if not forms.is_string(why):
            raise ValueError
        pairs.append((forms.whole(number), why))
    return pairs


def _picked(body: forms.Body, *names: str) -> dict[str, object]:
    return {name: body[name] for name in names}


class Bindings:
    """What the batches are bound to and for whom is sealed, told by events one after another."""

    def __init__(self, datasets: Collection[str], *, keyed: bool) -> None:
        self._datasets, self._keyed = datasets, keyed
        self.recipients: Optional[list[str]] = None  # noqa: UP045 - Python 3.9 reads this
        """The fingerprints of those for whom is sealed now; None: no event told them."""
        self.sealed_for: set[int] = set()
        """For how many was sealed, at one time or another."""
        self.batches: dict[str, tuple[int, str]] = {}
        """The revision of each batch that was begun, and the digest of what it is."""
        self.moved_before: dict[str, int] = {}
        """Of datasets: how many objects were moved before rules that leave them behind."""

    def bind(self, body: forms.Body) -> None:
        """Take a `bound`."""
        if not self._keyed:
            forms.must(self.recipients is None)
            self.recipients = _fingerprints(body["recipients"])
            self.sealed_for.add(len(self.recipients))
        elif "recipients" in body:
            self._count(body["recipients"])

    def begin(self, body: forms.Body) -> None:
        """Take a `batch-bound`."""
        forms.must(body["batch"] not in self.batches)
        self._revise(body, 1)

    def amend(self, body: forms.Body) -> None:
        """Take a `batch-amended`."""
        self._revise(body, self.batches[forms.TEXT.text(body["batch"])][0] + 1)
        before = forms.counts(body["moved_before"])
        forms.must(set(before) <= set(self._datasets))
        self.moved_before.update(before)
        if "recipients" not in body:
            return
        if self._keyed:
            self._count(body["recipients"])
            return
        names = _fingerprints(body["recipients"])
        forms.must(set(self.recipients or ()) <= set(names))  # nobody is taken away
        self.recipients = names
        self.sealed_for.add(len(names))

    def exchange(self, body: forms.Body) -> None:
        """Take a `keys-rotating`: one key for another, and nobody else comes or goes."""
        if self._keyed:
            self._count(body["recipients"])
            return
        (was,), (now,) = _fingerprints([body["old"]]), _fingerprints([body["new"]])
        names, known = _fingerprints(body["recipients"]), self.recipients or []
        forms.must(was in known and now not in known)
        forms.must(names == [now if one == was else one for one in known])
        about = _picked(body, "number", "old", "new", "recipients")
        forms.must(body["request"] == forms.sha256(forms.canonical(about)))
        self.recipients = names

    def keep(self, body: forms.Body) -> None:
        """Take a `data-keys-rotating`: nobody comes or goes."""
        if self._keyed:
            self._count(body["recipients"])
            return
        forms.must(_fingerprints(body["recipients"]) == self.recipients)
        about = _picked(body, "number", "recipients")
        forms.must(body["request"] == forms.sha256(forms.canonical(about)))

    def _count(self, many: object) -> None:
        self.sealed_for.add(forms.count(many))

    def _revise(self, body: forms.Body, revision: int) -> None:
        batch, digest = forms.TEXT.text(body["batch"]), forms.DIGEST.text(body["digest"])
        forms.must(forms.whole(body["revision"]) == revision)
        self.batches[batch] = (revision, digest)


HYBRID = re.compile("[0-9a-f]{2432}")
"""A hybrid public key; a Crypt4GH one has as many digits as a digest."""


def _fingerprints(keys: object) -> list[str]:
    """Return what public keys are named by; their digits may be of either case, and are no more."""
    names = []
    for raw in forms.all_of(keys, forms.is_string):
        digits = raw.lower()
        hybrid = HYBRID.fullmatch(digits) is not None
        forms.must(hybrid or forms.DIGEST.holds(digits))
        kind = "hybrid:" if hybrid else "c4gh:"
        names.append(kind + forms.sha256(bytes.fromhex(digits))[:16])
    return names


class ExchangedKeys:
    """One rotation, as events tell it one after another; of data keys it has no names."""

    def __init__(self, number: int, names: Sequence[Optional[str]], began: str) -> None:  # noqa: UP045
        self.number, self.names, self.began = number, names, began
        self.ended: Optional[str] = None  # noqa: UP045 - Python 3.9 reads this
        self.objects = self.left = self.lost = self.removed = 0
        self.remaining: dict[str, int] = {}
        self.headers: Optional[int] = None  # noqa: UP045
        """Those that are kept apart; None: none are."""

    def facts(self) -> dict[str, object]:
        """Return what the statement tells of it."""
        return {
            "number": self.number, "old": self.names[0], "new": self.names[1],
            "began": self.began, "ended": self.ended, "objects": self.objects, "left": self.left,
            "lost": self.lost, "removed": self.removed, "remaining": self.remaining,
            **({} if self.headers is None else {"headers": self.headers}),
        }  # fmt: skip


class RotationLedger:
    """Every exchange of a key that a journal tells of, and how far each has come."""

    def __init__(self, *, keyed: bool) -> None:
        self._keyed = keyed
        self._all: list[ExchangedKeys] = []

    def facts(self) -> list[dict[str, object]]:
        """Return what the statement tells of them, the first one first."""
        return [one.facts() for one in self._all]

    def begin(self, at: str, body: forms.Body) -> None:
        """Take a `keys-rotating`."""
        keys = [body["old"], body["new"]]
        names = [forms.TEXT.text(one) for one in keys] if self._keyed else _fingerprints(keys)
        self._add(at, body, names)

    def begin_data_keys(self, at: str, body: forms.Body) -> None:
        """Take a `data-keys-rotating`."""
        self._add(at, body, (None, None))

    def _add(self, at: str, body: forms.Body, names: Sequence[Optional[str]]) -> None:  # noqa: UP045
        """Begin one: not before the one before went through all objects."""
        number = forms.whole(body["number"])
        forms.must(number == len(self._all) + 1)
        forms.must(not self._all or self._all[-1].ended is not None)
        self._all.append(ExchangedKeys(number, names, at))

    def exchanged(self, body: forms.Body, many: int, lost: int) -> None:
        """Take a `headers-exchanged`."""
        now = self._now(body)
        now.objects += many
        now.lost += lost

    def rewrapped(self, body: forms.Body) -> None:
        """Take a `headers-rewrapped`: it counts all of them, and the last one counts."""
        forms.count(body["left"])
        self._now(body).headers = forms.count(body["headers"])

    def end(self, at: str, body: forms.Body) -> None:
        """Take a `keys-rotated`: it counts what the events before it tell."""
        now = self._now(body)
        told = (forms.count(body["objects"]), forms.count(body["lost"]))
        forms.must(told == (now.objects, now.lost))
        now.left, now.removed = forms.count(body["left"]), forms.count(body["removed"])
        now.remaining, now.ended = forms.counts(body["remaining"]), at

    def _now(self, body: forms.Body) -> ExchangedKeys:
        forms.must(bool(self._all) and forms.whole(body["number"]) == len(self._all))
        return self._all[-1]


class ErasureLedger:
    """Every dataset whose headers were erased, as a journal tells it."""

    def __init__(self) -> None:
        self._all: dict[str, dict[str, object]] = {}

    def facts(self) -> list[dict[str, object]]:
        """Return what the statement tells of them, the first one first."""
        return list(self._all.values())

    def begin(self, at: str, body: forms.Body) -> None:
        """Take a `headers-erasing`: once for a dataset."""
        told = _picked(
            body, "dataset", "batch", "objects", "bytes", "packs", "root", "versions", "copies",
            "headers", "although", "approvals",
        )  # fmt: skip
        made = {**told, "began": at, "ended": None, "remaining": {}}
        forms.must(forms.ill_formed(made, forms.ERASURE, "") is None)
        about = _picked(body, "dataset", "batch", "objects", "bytes", "packs", "root", "although")
        about["pack_bytes"] = forms.count(body["pack_bytes"])
        forms.must(body["request"] == forms.sha256(forms.canonical(about)))
        forms.must(told["dataset"] not in self._all)
        self._all[forms.TEXT.text(body["dataset"])] = made

    def end(self, at: str, body: forms.Body) -> None:
        """Take a `headers-erased`: of one that began; the last one counts."""
        now = self._all[forms.TEXT.text(body["dataset"])]
        now["ended"], now["remaining"] = at, forms.counts(body["remaining"])


FOUND = ("gone", "damaged", "replaced", "unread")


class PassAccount:
    """The passes over one batch's source, told by their events one after another."""

    def __init__(self) -> None:
        self.number, self.ended = 0, True

    def begin(self, body: forms.Body) -> None:
        """Take a `refreshing`."""
        number = forms.whole(body["number"])
        forms.must(number == self.number + self.ended)
        self.number, self.ended = number, False

    def demand_open(self, body: forms.Body) -> None:
        """Demand that an event is of the pass that is under way."""
        forms.must(type(body["number"]) is int and body["number"] == self.number)
        forms.must(not self.ended)


class LookAccount:
    """The looks at one batch's verified objects, told by their events one after another."""

    def __init__(self, batch: str) -> None:
        self.batch, self.number, self.ended = batch, 0, True
        self.level = ""
        self.look: dict[str, object] = {}
        """The last look that has read something."""
        self._looked, self._first = dict[str, int](), ""
        """What it found, and when it began."""

    def begin(self, body: forms.Body) -> None:
        """Take a `looking-again`."""
        number, level = forms.whole(body["number"]), forms.LEVEL.text(body["level"])
        if number == self.number:
            forms.must(not self.ended and level == self.level)
        else:
            forms.must(number == self.number + 1)
        self.number, self.level, self.ended = number, level, False

    def read(self, body: forms.Body, counts: Mapping[str, int]) -> None:
        """Take a `looked-again`; `counts` are of what it found."""
        self._demand_open(body)
        at, objects = forms.TIME.text(body["at"]), forms.count(body["objects"])
        forms.must(body["level"] == self.level)
        forms.must(0 < objects >= sum(counts.values()))
        if self.look.get("number") != self.number:
            self._looked, self._first = {}, at
        self._first = min(self._first, at, key=forms.instant)
        for name, many in {"objects": objects, **counts}.items():
            self._looked[name] = self._looked.get(name, 0) + many
        self.look = {
            "batch": self.batch, "number": self.number, "level": self.level, "ended": False,
            "at": self._first, **self._looked,
        }  # fmt: skip

    def end(self, body: forms.Body) -> None:
        """Take a `look-ended`."""
        self._demand_open(body)
        self.ended = True
        if self.look.get("number") == self.number:
            self.look = {**self.look, "ended": True}

    def _demand_open(self, body: forms.Body) -> None:
        forms.must(type(body["number"]) is int and body["number"] == self.number)
        forms.must(not self.ended)


class GrantLedger:
    """Every grant that a journal tells of, and how far each has come."""

    def __init__(self, datasets: Collection[str]) -> None:
        self._datasets = datasets
        self._asked: dict[str, forms.Body] = {}
        self._past: dict[str, set[str]] = {}
        """By grant: what happened of it."""
        self._set: dict[tuple[str, str], tuple[str, bool]] = {}
        """By grant and bucket: the principal that was to be let in, or out."""

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
        elif kind == "revoked":
            forms.must(forms.TEXT.holds(body["reason"]) and forms.TEXT.holds(body["user"]))
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
        forms.must(body["dataset"] in self._datasets)
        forms.must(all(forms.TEXT.holds(body[name]) for name in texts))
        forms.must([body["reader"]] == _fingerprints([body["key"]]))
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
        forms.must(all(body[name] == asked[name] for name in ("objects", "bytes")))
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
    "policy-setting": ({"given"}, {"renewed"}),
    "policy-set": ({"given"}, {"renewed"}),
}
"""By what happens of a grant: what must have happened, and what must not."""

_STALE = ("rotated", "replaced", "unverified")
"""Why a pack may be said not to point to what there is."""

_KEPT = ("dataset", "batch", "permit", "purpose", "key", "until")
"""What a renewal does not change."""
