"""What the events of a journal come to for one cutover or rehearsal of a batch.

Used by verify.py (which see). It needs Python 3.9 and nothing else. docs/evidence-format.md,
section 8, gives the rules in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.members import ObjectSum

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
        self.read: ObjectSum | None = None
        """What was read again before a delete; None: nothing was to be."""
        self.read_as: dict[str, object] = {}
        self.differing: dict[int, str] = {}
        self.counts: dict[str, int] = {}
        self.pending: dict[int, str] = {}
        self.intended = False  # to switch, and not gone back since
        self.stands = False  # it was switched, and not gone back since
        self.tried: dict[str, object] = {}
        """By dataset: how the source refused the last trial to write there; None: it did not."""

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
            change = forms.picked(body, "was", "now", "difference", "approvals")
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
            **forms.mapping(body["pointer"]), **forms.picked(body, "old_sha256", "new_sha256"),
        }  # fmt: skip
        self.deltas, self.tried = [], {}
        self.story.update(
            on_this_machine=body["rehearsing"], freeze=None, smoke=None, window_until=None,
            written_by_consumers=None,
        )  # fmt: skip

    def _probed(self, body: forms.Body) -> None:
        told = forms.string(body["told"]) if body["proven"] is True else None
        self.tried[forms.TEXT.text(body["dataset"])] = told

    def _frozen(self, body: forms.Body) -> None:
        if is_tried(body["how"]):
            trials = map(forms.mapping, forms.array(forms.mapping(body["how"])["trials"]))
            told = [[forms.string(one["dataset"]), forms.string(one["told"])] for one in trials]
            forms.must(bool(told) and sorted(told) == sorted(map(list, self.tried.items())))
        if isinstance(body["relists"], list):  # each is a whole listing of the source
            forms.must(len(body["relists"]) > 1)
            found = [
                forms.canonical(forms.picked(forms.mapping(one), "objects", "digest"))
                for one in body["relists"]
            ]
            forms.must(found.count(found[0]) == len(found))
        self.tried = {}
        self.story["freeze"] = forms.picked(body, "how", "relists", "interval_seconds")

    def _delta(self, body: forms.Body) -> None:
        self.deltas.append(forms.picked(body, "round", "new", "changed", "vanished"))

    def _demand_apart(self) -> None:
        """Demand that the source stood still as long as the terms in force say."""
        terms, freeze = self.story["terms"], self.story["freeze"]
        asked = terms.get("freeze") if isinstance(terms, dict) else None
        least = asked.get("relist_seconds") if isinstance(asked, dict) else None
        if self.story["track"] == "cutover" and least is not None:
            forms.must(forms.whole(forms.mapping(freeze)["interval_seconds"]) >= forms.whole(least))

    def _switching(self, body: forms.Body) -> None:
        self._demand_apart()
        self.intended = True
        self.pointer.update(forms.picked(body, "old_sha256", "new_sha256"))
        self.story["root"] = body["root"]
        self.story["not_ours_before_the_switch"] = body["strangers"]

    def _switched(self, body: forms.Body) -> None:
        del body
        self.stands = True

    def _smoked(self, body: forms.Body) -> None:
        self.story["smoke"] = forms.picked(body, "ok", "objects", "bytes", "commands", "failures")

    def _open(self, body: forms.Body) -> None:
        self.story["window_until"] = body["until"]

    def _rolled_back(self, body: forms.Body) -> None:
        self.story["window_until"] = None
        self.attempt += 1
        switched = body["switched"] is True
        self.intended = self.intended and not switched  # or it may land late
        self.stands = self.stands and not switched
        self.story["written_by_consumers"] = None if switched else {}

    def _counted(self, body: forms.Body) -> None:
        self.story["written_by_consumers"] = forms.picked(body, "new", "changed", "gone")

    def _finalized(self, body: forms.Body) -> None:
        self.story["finalized"] = forms.picked(body, "early", "reason")

    def _rechecking(self, body: forms.Body) -> None:
        self.read = self.read or forms.zero()
        self.read_as = forms.picked(body, "level", "reason")

    def _rechecked(self, body: forms.Body) -> None:
        for span in forms.array(body["spans"]):
            first, last, _ = forms.array(span)
            begin, end = forms.whole(first), forms.whole(last)
            for number in [one for one in self.differing if begin <= one <= end]:
                del self.differing[number]
        self.differing.update(_pairs(body["differing"]))
        if self.read is None:
            raise ValueError
        self.read["objects"] += forms.count(body["objects"])
        self.read["bytes"] += forms.count(body["bytes"])

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
    "probed": CutoverAccount._probed,  # noqa: SLF001
    "frozen": CutoverAccount._frozen,  # noqa: SLF001
    "delta": CutoverAccount._delta,  # noqa: SLF001
    "switching": CutoverAccount._switching,  # noqa: SLF001
    "switched": CutoverAccount._switched,  # noqa: SLF001
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


def is_tried(how: object) -> bool:
    """Say whether a freeze was seen by trials to write; any other rests on somebody's word."""
    return isinstance(how, dict) and how.get("kind") == "denied-write"


def _pairs(value: object) -> list[tuple[int, str]]:
    """Return pairs of an id and a text, in order."""
    pairs = []
    for pair in forms.array(value):
        number, why = forms.array(pair)
        if not forms.is_string(why):
            raise ValueError
        pairs.append((forms.whole(number), why))
    return pairs
