"""What was agreed to by each event of a cutover, 8.4, and what earlier ones say of it.

From docs/evidence-format.md alone, as the module second_verifier says.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.support.second_again import check_spans
from tests.support.second_cutovers import NEEDED, STAGES, digest, listed, member, members, pairs
from tests.support.second_forms import RULES, Json, is_count, is_integer, need, same, seconds_of

OWN = {"switching": "cutover", "finalized": "finalize"}
"""The events that have approvals, and for which stage."""


@dataclass
class Agreed:
    """What was agreed to in one (batch, track) until an event."""

    track: str
    terms: Json = None
    stages: set[Json] = field(default_factory=set)
    switching: bool = False
    """Whether one stands that no way back from a switch has undone."""
    trials: dict[str, tuple[Json, Json]] = field(default_factory=dict)
    """What was told last of a trial to write, by dataset."""
    switched: bool = False
    """Whether the pointer has the new value since."""
    stage: str = ""
    """What it was called last, of `STAGES`."""
    final: str = ""
    """When it was finalized."""
    smoke: Json = None
    """How the last smoke tests of this beginning ended."""
    tests: tuple[Json, Json] | None = None
    """Of how many objects and programs those are that were begun."""
    root: Json = None
    window: Json = None
    spans: list[tuple[int, int]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    pending: dict[int, str] = field(default_factory=dict)
    turn: Json = None
    """Which portion is to be deleted: its `first`, `last`, `objects` and `again`, or null."""
    newer: bool = False
    """Whether this beginning was told by a version that says in spite of what it is final."""
    interval: Json = None
    """The seconds between the listings of the last freeze of this beginning."""

    def take(self, name: str, at: str, body: dict[str, Json]) -> None:
        if name in {"terms", "terms-changed"}:
            self.terms = member(body, "terms")
        if name in {"waits", "approval-withdrawn", "terms", "terms-changed"}:
            return
        self.still(name, body)
        own = None
        if "approvals" in body:
            own = member(body, "approved_stage")
            need(isinstance(own, str), "cutover: approved_stage")
            under = self.terms is None or same(body.get("terms"), digest(self.terms))
            need(under, f"cutover-{name}: under other terms")
            self.stages.add(own)
        need(own == OWN.get(name, own), f"cutover-{name}: without its approvals")
        if name == "switching":
            self.switching = True
            self.stood_still()
        elif name == "rolled-back" and body.get("switched") is True:
            self.switching = False
        elif name in {"switched", "open"}:
            need("cutover" in self.stages and self.switching, f"cutover-{name}: of no switch")
        elif name in NEEDED["decommission"]:
            need("decommission" in self.stages, f"cutover-{name}: without approvals until then")
        self.onward(name, at, body)
        self.stage = STAGES.get(name, self.stage)

    def term(self, *names: str) -> Json:
        """Return what the terms in force say; of a rehearsal, and where they say nothing, null."""
        found: Json = self.terms if self.track == "cutover" else None
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def onward(self, name: str, at: str, body: dict[str, Json]) -> None:
        """Hold what an event says of itself against the events before it."""
        late = {"agreed", "rechecking", "rechecked", "erasing", "erased", "requested", "observed"}
        need(name not in {*STAGES} - late or self.final == "", f"cutover-{name}: it is final")
        if name == "begun":
            self.smoke, self.window, self.newer = None, None, False
        elif name == "switching":
            self.root = member(body, "root")
        elif name == "switched":
            self.switched = True
            if "guard_found" in body:
                self.newer = True
                later, guard = member(body, "found"), member(body, "guard")
                need(isinstance(later, bool), "cutover-switched: found")
                need(isinstance(guard, str), "cutover-switched: guard")
                seen = None if later else guard
                need(body["guard_found"] == seen, "cutover-switched: another guard was found")
        elif name == "rolled-back":
            there = member(body, "switched") is True
            need(there == self.switched, "cutover-rolled-back: switched or not")
            self.switched, self.window = self.switched and not there, None
        elif name in {"smoking", "smoked"}:
            self.tested(name, body)
        elif name == "open":
            need(self.smoke is True, "cutover-open: its smoke tests did not end well")
            self.window = member(body, "until")
            if (seconds := self.term("window_seconds")) is not None:
                demand_time(seconds, at, self.window, "cutover-open: a window shorter than agreed")
        elif name == "finalized":
            self.finalized(at, body)
        elif name in late:
            self.erased(name, at, body)

    def tested(self, name: str, body: dict[str, Json]) -> None:
        if name == "smoking":
            self.tests = (member(body, "objects"), member(body, "programs"))
            need(all(map(is_count, self.tests)), "cutover-smoking: counts")
            need(same(member(body, "root"), self.root), "cutover-smoking: another manifest")
            return
        ok, failures = member(body, "ok"), listed(body, "failures")
        ends = [
            one.get("ok") if isinstance(one, dict) else None for one in listed(body, "commands")
        ]
        need(all(isinstance(one, bool) for one in [ok, *ends]), "cutover-smoked: ok")
        need(ok == (not failures), "cutover-smoked: ok, and failures")
        need(not ok or all(ends), "cutover-smoked: ok, and a command is not")
        if self.tests is not None:
            objects, programs = self.tests
            need(len(ends) == programs, "cutover-smoked: other programs")
            need(is_count(member(body, "objects")), "cutover-smoked: objects")
            need(body["objects"] <= objects, "cutover-smoked: more than were chosen")
            need(not ok or body["objects"] == objects, "cutover-smoked: not all of them")
        self.smoke, self.tests = ok, None

    def finalized(self, at: str, body: dict[str, Json]) -> None:
        need(self.stage == "fallback window", "cutover-finalized: not in its window")
        early, reason = member(body, "early"), member(body, "reason")
        need(isinstance(early, bool), "cutover-finalized: early")
        if early:
            need(isinstance(reason, str) and reason, "cutover-finalized: early, and no reason")
        else:
            demand_time(0, self.window, at, "cutover-finalized: early, and it says not")
        need("source" in body or not self.newer, "cutover-finalized: without source")
        if "source" in body:
            self.in_spite_of(member(body, "target"), body["source"], reason)
        self.final = at

    def in_spite_of(self, target: Json, source: Json, reason: Json) -> None:
        """Hold that who makes it final in spite of what two listings showed says why."""
        lists = [target] if source is None else [target, source]
        for one in lists:
            need(isinstance(one, dict), "cutover-finalized: a listing")
            need(set(one) == {"new", "changed", "gone"}, "cutover-finalized: a listing")
            need(all(map(is_count, one.values())), "cutover-finalized: a listing's counts")
        passed = target["changed"] > 0 or target["gone"] > 0
        passed = passed or source is None or source["new"] > 0 or source["changed"] > 0
        said = isinstance(reason, str) and reason != ""
        need(said or not passed, "cutover-finalized: in spite of something, for no reason")

    def erased(self, name: str, at: str, body: dict[str, Json]) -> None:
        if name == "rechecking":
            level = self.term("decommission", "recheck")
            said = member(body, "level")
            need(level is None or same(said, level), "cutover-rechecking: not as agreed")
        elif name == "rechecked":
            need(is_count(member(body, "objects")), "cutover-rechecked: objects")
            found = [number for number, _ in pairs(body, "differing")]
            listed(body, "spans")
            self.spans += check_spans(body, 3, found)
        elif name == "erasing":
            cooling = self.term("decommission", "cooling_seconds")
            if cooling is not None and self.final:
                demand_time(cooling, self.final, at, "cutover-erasing: before it was cool")
            self.portion(body)
        elif name == "erased":
            own = self.turn
            need(own is not None, "cutover-erased: of no portion that was to be")
            self.turn = None
            for member_, value in own.items():
                early = member_ == "first" and "first" not in body
                alike = early or same(body.get(member_), value)
                need(alike or member_ == "objects", "cutover-erased: of another portion")
            also = ("again" in body) == (own["again"] is not None)
            need(also, "cutover-erased: of another portion")
            for one in own["again"] or []:
                self.pending.pop(one, None)
            left = dict(pairs(body, "pending", may_lack=True))
            ids = range(own["first"], own["last"] + 1) if own["again"] is None else own["again"]
            need(all(one in ids for one in left), "cutover-erased: pending, and of no portion")
            self.pending |= left
            outcomes = member(body, "outcomes")
            need(isinstance(outcomes, dict), "cutover-erased: outcomes")
            need(all(map(is_count, outcomes.values())), "cutover-erased: outcomes")
            told = sum(outcomes.values()) + len(left)
            enough = told == own["objects"] or "pending" not in body
            need(enough and told <= own["objects"], "cutover-erased: not as many as were to be")
            self.outcomes.update(outcomes)
        elif name == "requested":
            made = Counter(self.outcomes)
            made.update(self.pending.values())
            need(same(member(body, "outcomes"), dict(made)), "cutover-requested: not the sum")

    def portion(self, body: dict[str, Json]) -> None:
        """Hold that what is to be deleted was read again, all of it."""
        own = members(body, "first", "last", "objects") | {"again": body.get("again")}
        ends, again = [own["first"], own["last"]], own["again"]
        ids = ends if again is None and "again" not in body else again
        need(isinstance(ids, list) and all(map(is_integer, ids + ends)), "cutover-erasing: ids")
        read = [any(a <= one <= b for a, b in self.spans) for one in ids + ends]
        need(all(read), "cutover-erasing: what was not read again")
        within = all(own["first"] <= one <= own["last"] for one in ids)
        need((within and len({*ids}) == len(ids)) or ids is ends, "cutover-erasing: other ids")
        need(is_count(own["objects"]) and own["objects"] > 0, "cutover-erasing: objects")
        room = own["last"] - own["first"] + 1 if ids is ends else len(ids)
        enough = own["objects"] == room or (ids is ends and own["objects"] < room)
        need(enough, "cutover-erasing: more than its ids")
        self.turn = own

    def still(self, name: str, body: dict[str, Json]) -> None:
        """Hold a freeze that trials to write have shown against what was told of each."""
        if name == "probed":
            about = members(body, "dataset", "told", "proven")
            texts = isinstance(about["dataset"], str) and about["dataset"] != ""
            need(texts, "cutover-probed: dataset")
            refused = about["proven"] is True
            need(not refused or isinstance(about["told"], str), "cutover-probed: told")
            self.trials[about["dataset"]] = (refused, about["told"])
        how = body.get("how")
        if name == "frozen" and isinstance(how, dict) and how.get("kind") == "denied-write":
            trials = listed(how, "trials")
            need(all(isinstance(one, dict) for one in trials), "cutover-frozen: trials")
            said = [(one.get("dataset"), (True, one.get("told"))) for one in trials]
            unlike = "cutover-frozen: other trials than were told"
            need(len(said) == len(self.trials) > 0, unlike)
            need(all(one in [*self.trials.items()] for one in said), unlike)
            need(len({one for one, _ in said}) == len(said), unlike)
        if name == "frozen":
            check_listings(body)
        if name in ("begun", "frozen"):
            self.trials = {}
            self.interval = body.get("interval_seconds") if name == "frozen" else None

    def stood_still(self) -> None:
        """Hold the last freeze before a switch against the terms in force."""
        asked = self.terms.get("freeze") if isinstance(self.terms, dict) else None
        least = asked.get("relist_seconds") if isinstance(asked, dict) else None
        if self.track == "cutover" and least is not None:
            long = is_integer(least) and is_integer(self.interval) and self.interval >= least
            need(long, "cutover-switching: the source did not stand still for so long")


def demand_time(seconds: Json, since: Json, until: Json, what: str) -> None:
    """Demand that so many seconds lie between two moments, but for what clocks may differ by."""
    need(is_integer(seconds), what)
    need(RULES["moment"](since) and RULES["moment"](until), what)
    need(seconds_of(until) + 60 >= seconds_of(since) + seconds, what)


def check_listings(body: dict[str, Json]) -> None:
    """Hold that the listings of a freeze are more than one, and that they are equal."""
    relists = member(body, "relists")
    if isinstance(relists, list):
        need(all(isinstance(one, dict) for one in relists), "cutover-frozen: relists")
        found = [members(one, "objects", "digest") for one in relists]
        need(len(found) > 1, "cutover-frozen: one listing alone")
        need(all(same(one, found[0]) for one in found), "cutover-frozen: the listings differ")


def check_agreed(events: list[tuple[str, str, dict[str, Json]]]) -> None:
    """Hold each event against the terms that are in force at it, and what is approved by then."""
    found: dict[tuple[str, str], Agreed] = {}
    for kind, at, body in events:
        if kind.startswith("cutover-"):
            agreed = found.setdefault((body["batch"], body["track"]), Agreed(body["track"]))
            agreed.take(kind.removeprefix("cutover-"), at, body)
