"""What the events of a journal come to for one batch: its binding, passes, looks and cutovers.

Used by verify.py (which see). It needs Python 3.9 and nothing else. docs/evidence-format.md,
section 8, gives the rules in words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Optional

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
        self.story: dict[str, Any] = {
            "batch": batch, "track": track, "stage": "not started", "since": None,
            "on_this_machine": None, "times": {}, "waits": None, "attempt": 1, "terms": None,
            "terms_changes": [], "approved_under": {}, "keys_beside": [],
            "pointer": {"old_sha256": None, "new_sha256": None}, "root": None, "approvals": {},
            "freeze": None, "delta": [], "smoke": None, "window_until": None,
            "not_ours_before_the_switch": 0, "written_by_consumers": None, "finalized": None,
        }  # fmt: skip
        self.end: dict[str, Any] = {"recheck": None, "requested": None, "observed": None}
        self.differing: dict[int, str] = {}
        self.counts: dict[str, int] = {}
        self.pending: dict[int, str] = {}
        self.intended = False  # to switch, and not gone back since

    def facts(self) -> dict[str, Any]:
        """Return what the statement says of it."""
        outcomes, recheck = dict(self.counts), self.end["recheck"]
        for why in self.pending.values():
            outcomes[why] = outcomes.get(why, 0) + 1
        if recheck is not None:
            recheck = {**recheck, "differing": len(self.differing)}
        end = {**self.end, "outcomes": outcomes, "recheck": recheck}
        return {**self.story, "decommission": end}

    def take(self, name: str, at: str, body: Mapping[str, Any]) -> None:
        """Apply one event, named without `cutover-`."""
        now = self.story
        now["times"][name] = at
        if name == "waits":
            now["waits"] = {"why": body["why"], "told": body["told"], "at": at}
        if name in ("terms", "terms-changed"):
            self._fixed(name, at, body)
        if name in ("approval-withdrawn", "terms", "terms-changed", "waits"):
            return
        now["waits"] = None
        stage = self._approved(body) if "approvals" in body else None
        forms.must(APPROVED.get(name) in (None, stage))
        forms.must(DEMANDED.get(name) in (None, *now["approvals"]))
        forms.must(self.intended or name not in ("switched", "open"))
        if name in EVENTS:
            EVENTS[name](self, body)
        stage = STAGES.get(name, now["stage"])
        if stage != now["stage"]:
            now["stage"], now["since"] = stage, at

    def _fixed(self, name: str, at: str, body: Mapping[str, Any]) -> None:
        if name == "terms-changed":
            change = _picked(body, "was", "now", "difference", "approvals")
            before = self.story["terms"]
            self.story["terms_changes"].append({"at": at, **change, "terms_before": before})
        self.story["terms"], self.story["keys_beside"] = body["terms"], body["beside"]

    def _approved(self, body: Mapping[str, Any]) -> str:
        stage, under, terms = body["approved_stage"], body.get("terms"), self.story["terms"]
        forms.must(forms.is_string(stage))
        forms.must(terms is None or under == forms.sha256(forms.canonical(terms)))
        self.story["approvals"][stage], self.story["approved_under"][stage] = (
            body["approvals"],
            under,
        )
        return str(stage)

    def _begun(self, body: Mapping[str, Any]) -> None:
        self.story.update(
            pointer={**body["pointer"], **_picked(body, "old_sha256", "new_sha256")},
            on_this_machine=body["rehearsing"], freeze=None, delta=[], smoke=None,
            window_until=None, written_by_consumers=None,
        )  # fmt: skip

    def _frozen(self, body: Mapping[str, Any]) -> None:
        self.story["freeze"] = _picked(body, "how", "relists", "interval_seconds")

    def _delta(self, body: Mapping[str, Any]) -> None:
        self.story["delta"].append(_picked(body, "round", "new", "changed", "vanished"))

    def _switching(self, body: Mapping[str, Any]) -> None:
        self.intended = True
        self.story["pointer"].update(_picked(body, "old_sha256", "new_sha256"))
        self.story["root"] = body["root"]
        self.story["not_ours_before_the_switch"] = body["strangers"]

    def _smoked(self, body: Mapping[str, Any]) -> None:
        self.story["smoke"] = _picked(body, "ok", "objects", "bytes", "commands", "failures")

    def _open(self, body: Mapping[str, Any]) -> None:
        self.story["window_until"] = body["until"]

    def _rolled_back(self, body: Mapping[str, Any]) -> None:
        self.story["window_until"] = None
        self.story["attempt"] += 1
        switched = body["switched"] is True
        self.intended = self.intended and not switched  # or it may land late
        self.story["written_by_consumers"] = None if switched else {}

    def _counted(self, body: Mapping[str, Any]) -> None:
        self.story["written_by_consumers"] = _picked(body, "new", "changed", "gone")

    def _finalized(self, body: Mapping[str, Any]) -> None:
        self.story["finalized"] = _picked(body, "early", "reason")

    def _rechecking(self, body: Mapping[str, Any]) -> None:
        read = self.end["recheck"] or {"objects": 0, "bytes": 0}
        self.end["recheck"] = {**read, **_picked(body, "level", "reason")}

    def _rechecked(self, body: Mapping[str, Any]) -> None:
        of(body["spans"], [[_anything]])
        for first, last, _ in body["spans"]:
            forms.must(type(first) is type(last) is int)
            for number in [one for one in self.differing if first <= one <= last]:
                del self.differing[number]
        self.differing.update(_pairs(body["differing"]))
        for unit in ("objects", "bytes"):
            forms.must(forms.is_count(body[unit]))
            self.end["recheck"][unit] += body[unit]

    def _erasing(self, body: Mapping[str, Any]) -> None:
        del body
        for name in ("requested", "observed"):
            self.end[name] = None
            self.story["times"].pop(name, None)

    def _erased(self, body: Mapping[str, Any]) -> None:
        for number in of(body.get("again", []), [is_id]):
            self.pending.pop(number, None)
        for number, why in _pairs(body.get("pending", [])):
            self.pending[number] = why
            if "target-" in why:
                self.differing[number] = why
        for outcome, count in of(body["outcomes"], {str: forms.is_count}).items():
            self.counts[outcome] = self.counts.get(outcome, 0) + count

    def _requested(self, body: Mapping[str, Any]) -> None:
        self.end["requested"] = body["outcomes"]

    def _observed(self, body: Mapping[str, Any]) -> None:
        self.end["observed"] = body["remains"]


EVENTS: Mapping[str, Callable[[CutoverAccount, Mapping[str, Any]], None]] = {
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


def is_id(value: object) -> bool:
    """Say whether a value may be the number of an object or a finding."""
    return type(value) is int


def _anything(value: object) -> bool:
    del value
    return True


def of(value: Any, shape: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value that is of a shape; see `forms.ill_formed`."""
    forms.must(forms.ill_formed(value, shape, "") is None)
    return value


def _pairs(value: Any) -> list[tuple[int, str]]:  # noqa: ANN401 - any JSON value
    """Return pairs of an id and a text, in order."""
    pairs = []
    for number, why in of(value, [[_anything]]):
        forms.must(is_id(number) and forms.is_string(why))
        pairs.append((number, why))
    return pairs


def _picked(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
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

    def bind(self, body: Mapping[str, Any]) -> None:
        """Take a `bound`."""
        if not self._keyed:
            forms.must(self.recipients is None)
            self.recipients = _fingerprints(body["recipients"])
            self.sealed_for.add(len(self.recipients))
        elif "recipients" in body:
            self._count(body["recipients"])

    def begin(self, body: Mapping[str, Any]) -> None:
        """Take a `batch-bound`."""
        forms.must(body["batch"] not in self.batches)
        self._revise(body, 1)

    def amend(self, body: Mapping[str, Any]) -> None:
        """Take a `batch-amended`."""
        self._revise(body, self.batches[body["batch"]][0] + 1)
        before = of(body["moved_before"], {str: forms.is_count})
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

    def _count(self, many: Any) -> None:  # noqa: ANN401 - any JSON value
        forms.must(forms.is_count(many))
        self.sealed_for.add(many)

    def _revise(self, body: Mapping[str, Any], revision: int) -> None:
        forms.must(forms.TEXT.holds(body["batch"]) and forms.DIGEST.holds(body["digest"]))
        forms.must(type(body["revision"]) is int and body["revision"] == revision)
        self.batches[body["batch"]] = (revision, body["digest"])


def _fingerprints(keys: Sequence[Any]) -> list[str]:
    """Return what public keys are named by; their digits may be of either case, and are no more."""
    forms.must(all(isinstance(raw, str) and forms.DIGEST.holds(raw.lower()) for raw in keys))
    return ["c4gh:" + forms.sha256(bytes.fromhex(raw))[:16] for raw in keys]


FOUND = ("gone", "damaged", "replaced", "unread")


class PassAccount:
    """The passes over one batch's source, told by their events one after another."""

    def __init__(self) -> None:
        self.number, self.ended = 0, True

    def begin(self, body: Mapping[str, Any]) -> None:
        """Take a `refreshing`."""
        number = body["number"]
        forms.must(type(number) is int and number == self.number + self.ended)
        self.number, self.ended = number, False

    def demand_open(self, body: Mapping[str, Any]) -> None:
        """Demand that an event is of the pass that is under way."""
        forms.must(type(body["number"]) is int and body["number"] == self.number)
        forms.must(not self.ended)


class LookAccount:
    """The looks at one batch's verified objects, told by their events one after another."""

    def __init__(self, batch: str) -> None:
        self.batch, self.number, self.ended = batch, 0, True
        self.level = ""
        self.look: dict[str, Any] = {}
        """The last look that has read something."""

    def begin(self, body: Mapping[str, Any]) -> None:
        """Take a `looking-again`."""
        number, level = body["number"], body["level"]
        forms.must(type(number) is int and forms.LEVEL.holds(level))
        if number == self.number:
            forms.must(not self.ended and level == self.level)
        else:
            forms.must(number == self.number + 1)
        self.number, self.level, self.ended = number, level, False

    def read(self, body: Mapping[str, Any], counts: Mapping[str, int]) -> None:
        """Take a `looked-again`; `counts` are of what it found."""
        self._demand_open(body)
        at, objects = body["at"], body["objects"]
        forms.must(body["level"] == self.level and forms.TIME.holds(at))
        forms.must(forms.is_count(objects) and 0 < objects >= sum(counts.values()))
        before = self.look if self.look.get("number") == self.number else {}
        self.look = {
            "batch": self.batch, "number": self.number, "level": self.level, "ended": False,
            "at": min(before.get("at", at), at, key=forms.instant),
            "objects": before.get("objects", 0) + objects,
            **{name: before.get(name, 0) + counts[name] for name in FOUND},
        }  # fmt: skip

    def end(self, body: Mapping[str, Any]) -> None:
        """Take a `look-ended`."""
        self._demand_open(body)
        self.ended = True
        if self.look.get("number") == self.number:
            self.look = {**self.look, "ended": True}

    def _demand_open(self, body: Mapping[str, Any]) -> None:
        forms.must(type(body["number"]) is int and body["number"] == self.number)
        forms.must(not self.ended)


class GrantLedger:
    """Every grant that a journal tells of, and how far each has come."""

    def __init__(self, datasets: Mapping[str, Any]) -> None:
        self._datasets = datasets
        self._asked: dict[str, Mapping[str, Any]] = {}
        self._past: dict[str, set[str]] = {}
        """By grant: what happened of it."""
        self._set: dict[tuple[str, str], tuple[Any, Any]] = {}
        """By grant and bucket: the principal that was to be let in, or out."""

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take one event; `kind` is what follows `grant-`."""
        grant = body["grant"]
        forms.must(forms.TEXT.holds(grant))
        if kind == "asked":
            self._ask(grant, body)
            return
        past = self._past[grant]
        if kind in _AFTER:
            needed, never = _AFTER[kind]
            forms.must(needed <= past and not never & past)
        past.add(kind)
        if kind == "given":
            self._given(self._asked[grant], body)
        elif kind == "revoked":
            forms.must(forms.TEXT.holds(body["reason"]) and forms.TEXT.holds(body["user"]))
        elif kind == "pack-withdrawn":
            forms.must(type(body["found"]) is bool)
        elif kind in ("policy-setting", "policy-set"):
            self._policy(kind, grant, body)

    def _ask(self, grant: str, body: Mapping[str, Any]) -> None:
        forms.must(grant not in self._asked)
        self._asked[grant], self._past[grant] = body, set()
        texts = ("batch", "permit", "purpose", "user")
        forms.must(body["dataset"] in self._datasets)
        forms.must(all(forms.TEXT.holds(body[name]) for name in texts))
        forms.must([body["reader"]] == _fingerprints([body["key"]]))
        forms.must(forms.TIME.holds(body["until"]) and forms.DIGEST.holds(body["manifest"]))
        forms.must(forms.DIGEST_OR_NULL.holds(body["selection"]))
        forms.must(forms.is_count(body["objects"]) and body["objects"] > 0)
        forms.must(forms.is_count(body["bytes"]))
        about = {name: one for name, one in body.items() if name not in ("request", "user")}
        forms.must(body["request"] == forms.sha256(forms.canonical(about)))

    @staticmethod
    def _given(asked: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        forms.must(all(body[name] == asked[name] for name in ("objects", "bytes")))
        digests = ("root", "pack_sha256", "statement_sha256")
        forms.must(all(forms.DIGEST.holds(body[name]) for name in digests))
        approvals = body["approvals"]
        forms.must(isinstance(approvals, list) and all(map(forms.DIGEST.holds, approvals)))

    def _policy(self, kind: str, grant: str, body: Mapping[str, Any]) -> None:
        place, told = (grant, body["bucket"]), (body["principal"], body["allowed"])
        forms.must(forms.TEXT.holds(body["bucket"]) and forms.TEXT.holds(body["principal"]))
        forms.must(type(body["allowed"]) is bool)
        if kind == "policy-setting":
            self._set[place] = told
        else:
            forms.must(self._set[place] == told and forms.DIGEST_OR_NULL.holds(body["sha256"]))


_AFTER = {
    "given": (set[str](), {"given", "dropped", "revoked"}),
    "dropped": (set[str](), {"given", "dropped", "revoked"}),
    "revoked": (set[str](), {"dropped", "revoked"}),
    "pack-withdrawn": ({"revoked"}, set[str]()),
    "policy-setting": ({"given"}, set[str]()),
    "policy-set": ({"given"}, set[str]()),
}
"""By what happens of a grant: what must have happened, and what must not."""
