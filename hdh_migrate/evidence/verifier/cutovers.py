"""What the events of a journal come to for one cutover or rehearsal of a batch.

Used by verify.py (which see). It needs Python 3.9 and nothing else. docs/evidence-format.md,
section 8, gives the rules in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

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


AFTER = ("agreed", "rechecking", "rechecked", "erasing", "erased", "requested", "observed")
"""Events of what comes once a cutover is final; no stage before that comes then."""


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
        self.at = ""
        """Of the event that is taken."""
        self.smoking: tuple[int, int] | None = None
        """How many objects and programs the smoke tests under way are of."""
        self.spans: list[list[int]] = []
        """Ids that were read again before a delete, each run as its first and its last."""
        self.portion: tuple[int, int, int, list[int] | None] | None = None
        """What is to be deleted: first and last id, how many, and which had their turn before."""
        self.tried: dict[str, object] = {}
        """By dataset: how the source refused the last trial to write there; None: it did not."""

    def facts(self) -> dict[str, object]:
        """Return what the statement says of it."""
        recheck: object = None
        if self.read is not None:
            recheck = {**self.read, **self.read_as, "differing": len(self.differing)}
        return {
            **self.story, "times": self.times, "pointer": self.pointer, "attempt": self.attempt,
            "approvals": self.approvals, "approved_under": self.approved_under,
            "terms_changes": self.terms_changes, "delta": self.deltas,
            "decommission": {**self.end, "outcomes": self._outcomes(), "recheck": recheck},
        }  # fmt: skip

    def _outcomes(self) -> dict[str, int]:
        """Return what became of all that had its turn."""
        outcomes = dict(self.counts)
        for why in self.pending.values():
            outcomes[why] = outcomes.get(why, 0) + 1
        return outcomes

    def take(self, name: str, at: str, body: forms.Body) -> None:
        """Apply one event, named without `cutover-`."""
        now = self.story
        self.at = self.times[name] = at
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
        forms.must(name not in STAGES or name in AFTER or now["finalized"] is None)
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
        """Take that it has the new value, and how that was guarded, where somebody saw it."""
        self.stands = True
        if "guard_found" in body:
            forms.must(type(body["found"]) is bool)
            self.pointer["guard_found"] = None if body["found"] else forms.string(body["guard"])
            forms.must(body["guard_found"] == self.pointer["guard_found"])

    def _smoking(self, body: forms.Body) -> None:
        self.smoking = forms.count(body["objects"]), forms.count(body["programs"])
        forms.must(body["root"] == self.story["root"])

    def _smoked(self, body: forms.Body) -> None:
        """Take how smoke tests ended: well if nothing failed, and all that was begun was read."""
        good = [forms.mapping(one)["ok"] for one in forms.array(body["commands"])]
        forms.must({*map(type, good)} <= {bool})
        forms.must(body["ok"] is not bool(forms.array(body["failures"])))
        forms.must(body["ok"] is False or all(good))
        if self.smoking is not None:
            objects, programs = self.smoking
            forms.must(len(good) == programs and forms.count(body["objects"]) <= objects)
            forms.must(body["ok"] is False or body["objects"] == objects)
            self.smoking = None
        self.story["smoke"] = forms.picked(body, "ok", "objects", "bytes", "commands", "failures")

    def _open(self, body: forms.Body) -> None:
        """Take a window: of what passed its smoke tests, and as long as the terms in force say."""
        forms.must(forms.mapping(self.story["smoke"])["ok"] is True)
        self.story["window_until"] = body["until"]
        terms = self.story["terms"]
        least = terms.get("window_seconds") if isinstance(terms, dict) else None
        if self.story["track"] == "cutover" and least is not None:
            self._demand_passed(forms.whole(least), self.at, until=body["until"])

    def _rolled_back(self, body: forms.Body) -> None:
        self.story["window_until"] = None
        self.attempt += 1
        switched = body["switched"] is True
        forms.must(switched is self.stands)
        self.intended = self.intended and not switched  # or it may land late
        self.stands = self.stands and not switched
        self.story["written_by_consumers"] = None if switched else {}

    def _counted(self, body: forms.Body) -> None:
        self.story["written_by_consumers"] = forms.picked(body, "new", "changed", "gone")

    def _finalized(self, body: forms.Body) -> None:
        """Take the end of a window: it had passed, or somebody said why it ended early."""
        forms.must(self.story["stage"] == "fallback window" and type(body["early"]) is bool)
        if body["early"]:
            forms.NAMED.text(body["reason"])
        else:
            self._demand_passed(0, forms.string(self.story["window_until"]), until=self.at)
        told = ("target", "source") if "source" in body else ()
        forms.must(bool(told) or "guard_found" not in self.pointer)  # versions that say one say all
        self.story["finalized"] = forms.picked(body, "early", "reason", *told)
        if told:
            _, changed, gone = _differences(body["target"])
            late = None if body["source"] is None else _differences(body["source"])
            if changed or gone or late is None or late[0] or late[1]:  # so somebody wanted it
                forms.NAMED.text(body["reason"])

    @staticmethod
    def _demand_passed(least: int, since: str, until: object) -> None:
        """Demand that a time is so many seconds long."""
        begin, end = (forms.seconds(forms.TIME.text(one)) for one in (since, until))
        forms.must(end + forms.AHEAD >= begin + least)

    def _decommission(self) -> forms.Body:
        """Return what the terms in force say of deleting; nothing of a rehearsal."""
        terms = self.story["terms"]
        asked = terms.get("decommission") if isinstance(terms, dict) else None
        return asked if isinstance(asked, dict) and self.story["track"] == "cutover" else {}

    def _rechecking(self, body: forms.Body) -> None:
        forms.must(body["level"] == self._decommission().get("recheck", body["level"]))
        self.read = self.read or forms.zero()
        self.read_as = forms.picked(body, "level", "reason")

    def _rechecked(self, body: forms.Body) -> None:
        differing = _pairs(body["differing"])
        forms.must(all(len(forms.array(one)) == 3 for one in forms.array(body["spans"])))
        within = read_within(body["spans"], body["objects"], [number for number, _ in differing])
        for begin, end in within:
            for number in [one for one in self.differing if begin <= one <= end]:
                del self.differing[number]
        self._spanned(within)
        self.differing.update(differing)
        if self.read is None:
            raise ValueError
        self.read["objects"] += forms.count(body["objects"])
        self.read["bytes"] += forms.count(body["bytes"])

    def _spanned(self, within: Iterable[tuple[int, int]]) -> None:
        for begin, end in within:
            if self.spans and self.spans[-1][0] <= begin <= self.spans[-1][1] + 1:
                self.spans[-1][1] = max(self.spans[-1][1], end)
            else:
                self.spans.append([begin, end])

    def _erasing(self, body: forms.Body) -> None:
        """Take the intent to delete what was read again, after the cooling that the terms say."""
        cooling = self._decommission().get("cooling_seconds")
        if cooling is not None and "finalized" in self.times:
            self._demand_passed(forms.whole(cooling), self.times["finalized"], until=self.at)
        ids = _portion(body)
        first, last = forms.whole(body["first"]), forms.whole(body["last"])
        for number in (first, last, *(ids or ())):
            forms.must(any(begin <= number <= end for begin, end in self.spans))
            forms.must(first <= number <= last)
        room = last - first + 1 if ids is None else len(ids)
        objects = forms.count(body["objects"])
        forms.must(0 < objects <= room and (ids is None or objects == room))
        self.portion = first, last, objects, ids
        for name in ("requested", "observed"):
            self.end[name] = None
            self.times.pop(name, None)

    def _erased(self, body: forms.Body) -> None:
        """Take what became of the portion that was to be deleted last, of each of its objects."""
        if self.portion is None:
            raise ValueError
        first, last, objects, ids = self.portion
        self.portion = None
        forms.must(forms.whole(body["last"]) == last)
        forms.must(forms.whole(body.get("first", first)) == first and _portion(body) == ids)
        for number in ids or ():
            self.pending.pop(number, None)
        outcomes, pending = forms.counts(body["outcomes"]), _pairs(body.get("pending", []))
        told = sum(outcomes.values()) + len({number for number, _ in pending})
        forms.must(told == objects or (told < objects and "pending" not in body))
        for number, why in pending:
            forms.must(number in ids if ids is not None else first <= number <= last)
            self.pending[number] = why
            if "target-" in why:
                self.differing[number] = why
        for outcome, count in outcomes.items():
            self.counts[outcome] = self.counts.get(outcome, 0) + count

    def _requested(self, body: forms.Body) -> None:
        forms.must(forms.canonical(body["outcomes"]) == forms.canonical(self._outcomes()))
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
    "smoking": CutoverAccount._smoking,  # noqa: SLF001
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


def read_within(spans: object, objects: object, found: Iterable[int]) -> list[tuple[int, int]]:
    """Return spans of ids, first and last; demand that what was read and found lies in them."""
    rows = [forms.array(one) for one in forms.array(spans)]
    within = [(forms.whole(one[0]), forms.whole(one[1])) for one in rows]
    forms.must(all(begin <= end for begin, end in within))
    forms.must(forms.count(objects) <= sum(end - begin + 1 for begin, end in within))
    for number in found:
        forms.must(any(begin <= number <= end for begin, end in within))
    return within


def _portion(body: forms.Body) -> list[int] | None:
    """Return the ids that have their turn again, none twice; None: it is the first of each."""
    if "again" not in body:
        return None
    ids = [forms.whole(one) for one in forms.array(body["again"])]
    forms.must(len({*ids}) == len(ids))
    return ids


def _differences(value: object) -> tuple[int, int, int]:
    """Return how many objects a listing showed that were new, changed, gone."""
    told = forms.mapping(value)
    forms.must(told.keys() == {"new", "changed", "gone"})
    return forms.count(told["new"]), forms.count(told["changed"]), forms.count(told["gone"])


def _pairs(value: object) -> list[tuple[int, str]]:
    """Return pairs of an id and a text, in order."""
    pairs = []
    for pair in forms.array(value):
        number, why = forms.array(pair)
        if not forms.is_string(why):
            raise ValueError
        pairs.append((forms.whole(number), why))
    return pairs
