"""The terms of 7.3 and the cutovers of 8.4 for the second verifier."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from itertools import pairwise
from typing import Any

from tests.support.second_forms import (
    Json,
    canonical,
    is_count,
    is_integer,
    need,
    same,
)

# 7.3 Terms, and who agreed to them ----------------------------------------------------------------


def check_terms(cutover: Json, first: bool) -> None:
    """Hold the changes of terms and the approvals of one cutover against each other."""
    changes = cutover.get("terms_changes")
    need(isinstance(changes, list), "cutovers: terms_changes")
    need("terms" in cutover, "cutovers: no terms")
    need(all(isinstance(one, dict) for one in changes), "cutovers: terms_changes")
    told = [*(one.get("terms_before") for one in changes), cutover["terms"]]
    history = {digest(terms): terms for terms in told if terms is not None}
    order = [digest(terms) for terms in told if terms is not None]
    pairs = [[one.get("was"), one.get("now")] for one in changes]
    need(same(pairs, list(map(list, pairwise(order)))), "cutovers: terms")
    for one in changes:
        asked = thresholds(one["terms_before"]).values()
        need(suffice(one.get("approvals"), one["terms_before"], max(asked, default=0)), "terms")
    approvals = cutover.get("approvals")
    under = cutover.get("approved_under")
    need(isinstance(approvals, dict), "cutovers: approvals")
    need(first or isinstance(under, dict), "cutovers: approved_under")
    for stage, keys in approvals.items():
        need(isinstance(under, dict), "cutovers: approved_under")
        named = under.get(stage)
        if named is None and not changes:
            continue
        need(isinstance(named, str) and named in history, f"cutovers: {stage} under no terms")
        terms = history[named]
        need(suffice(keys, terms, thresholds(terms).get(stage, 0)), f"cutovers: {stage}")
    times = cutover.get("times")
    need(isinstance(times, dict), "cutovers: times")
    for stage, names in NEEDED.items():
        reached = times.keys() & names
        need(stage in approvals or not reached, f"cutovers: no approval to {stage}")


NEEDED = {  # the stage without whose approval none of these happens
    "cutover": {"switching", "switched", "open"},
    "finalize": {"finalized"},
    "decommission": {"erasing", "erased", "requested", "observed"},
}


def digest(terms: Json) -> str:
    return sha256(canonical(terms)).hexdigest()


def thresholds(terms: Json) -> dict[str, int]:
    need(isinstance(terms, dict), "cutovers: terms")
    found = terms.get("thresholds")
    need(isinstance(found, dict) and all(map(is_integer, found.values())), "terms: thresholds")
    return dict(found)


def suffice(keys: Json, terms: Json, number: int) -> bool:
    """Whether these fingerprints are enough of those who may approve under the terms."""
    approvers = terms.get("approvers")
    need(isinstance(approvers, list), "terms: approvers")
    known = set()
    for one in approvers:
        need(isinstance(one, dict) and isinstance(one.get("public"), str), "terms: approvers")
        try:
            found = sha256(bytes.fromhex(one["public"])).hexdigest()
        except ValueError:
            return False
        if one.get("fingerprint") != found:
            return False
        known.add(found)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        return False
    return len(set(keys)) == len(keys) and set(keys) <= known and len(keys) >= number


# 8.4 Cutovers -------------------------------------------------------------------------------------

STAGES = {
    "begun": "preparing",
    "switching": "switching",
    "withdrawn": "preparing",
    "switched": "switched",
    "open": "fallback window",
    "rolling-back": "rolling back",
    "rolled-back": "rolled back",
    "finalized": "finalized",
    "erasing": "decommission under way",
    "requested": "decommission requested",
    "observed": "decommission observed",
}


class Fold:
    """What the events of one (batch, track) come to, one after another."""

    def __init__(self, batch: str, track: str) -> None:
        null = ("since", "on_this_machine", "waits", "root", "freeze", "smoke", "window_until")
        null += ("written_by_consumers", "finalized", "terms")
        self.entry: dict[str, Any] = {
            "batch": batch,
            "track": track,
            "stage": "not started",
            **dict.fromkeys(null),
            **{name: {} for name in ("times", "approvals", "approved_under")},
            **{name: [] for name in ("delta", "terms_changes", "keys_beside")},
            "decommission": {"recheck": None, "requested": None, "observed": None},
            "attempt": 1,
            "not_ours_before_the_switch": 0,
            "pointer": {"old_sha256": None, "new_sha256": None},
        }
        self.differing: dict[int, str] = {}
        self.pending: dict[int, str] = {}
        self.outcomes: Counter[str] = Counter()

    def take(self, name: str, at: str, body: dict[str, Json]) -> None:
        entry = self.entry
        entry["times"][name] = at
        if name == "approval-withdrawn":
            return
        if name == "waits":
            entry["waits"] = {**members(body, "why", "told"), "at": at}
            return
        if name in {"terms", "terms-changed"}:
            self.terms(name, at, body)
            return
        entry["waits"] = None
        if "approvals" in body:
            stage = member(body, "approved_stage")
            need(isinstance(stage, str), "cutover: approved_stage")
            entry["approvals"][stage] = body["approvals"]
            entry["approved_under"][stage] = body.get("terms")
        if STAGES.get(name, entry["stage"]) != entry["stage"]:
            entry["stage"], entry["since"] = STAGES[name], at
        own = getattr(self, name.replace("-", "_"), None) if name in SET else None
        if own is not None:
            own(body)

    def terms(self, name: str, at: str, body: dict[str, Json]) -> None:
        entry = self.entry
        if name == "terms-changed":
            told = members(body, "was", "now", "difference", "approvals")
            entry["terms_changes"].append({"at": at, **told, "terms_before": entry["terms"]})
        entry["terms"], entry["keys_beside"] = member(body, "terms"), member(body, "beside")

    def begun(self, body: dict[str, Json]) -> None:
        pointer = member(body, "pointer")
        need(isinstance(pointer, dict), "cutover-begun: pointer")
        self.entry["pointer"] = {**pointer, **members(body, "old_sha256", "new_sha256")}
        self.entry["on_this_machine"] = member(body, "rehearsing")
        self.entry.update(freeze=None, smoke=None, window_until=None, written_by_consumers=None)
        self.entry["delta"] = []

    def frozen(self, body: dict[str, Json]) -> None:
        self.entry["freeze"] = members(body, "how", "relists", "interval_seconds")

    def delta(self, body: dict[str, Json]) -> None:
        self.entry["delta"].append(members(body, "round", "new", "changed", "vanished"))

    def switching(self, body: dict[str, Json]) -> None:
        self.entry["pointer"].update(members(body, "old_sha256", "new_sha256"))
        self.entry["root"] = member(body, "root")
        self.entry["not_ours_before_the_switch"] = member(body, "strangers")

    def smoked(self, body: dict[str, Json]) -> None:
        self.entry["smoke"] = members(body, "ok", "objects", "bytes", "commands", "failures")

    def open(self, body: dict[str, Json]) -> None:
        self.entry["window_until"] = member(body, "until")

    def rolled_back(self, body: dict[str, Json]) -> None:
        self.entry["attempt"] += 1
        self.entry["window_until"] = None
        self.entry["written_by_consumers"] = None if member(body, "switched") is True else {}

    def counted(self, body: dict[str, Json]) -> None:
        self.entry["written_by_consumers"] = members(body, "new", "changed", "gone")

    def switched(self, body: dict[str, Json]) -> None:
        if "guard_found" in body:
            self.entry["pointer"]["guard_found"] = body["guard_found"]

    def finalized(self, body: dict[str, Json]) -> None:
        self.entry["finalized"] = members(body, "early", "reason")
        if "source" in body:
            self.entry["finalized"] |= members(body, "target", "source")

    def rechecking(self, body: dict[str, Json]) -> None:
        before = self.entry["decommission"]["recheck"] or {"objects": 0, "bytes": 0}
        self.entry["decommission"]["recheck"] = {**before, **members(body, "level", "reason")}

    def rechecked(self, body: dict[str, Json]) -> None:
        recheck = self.entry["decommission"]["recheck"]
        need(recheck is not None, "cutover-rechecked: before any rechecking")
        for name in ("objects", "bytes"):
            need(is_count(member(body, name)), f"cutover-rechecked: {name}")
            recheck[name] += body[name]
        for span in listed(body, "spans"):
            need(isinstance(span, list) and len(span) == 3, "cutover-rechecked: spans")
            need(is_integer(span[0]) and is_integer(span[1]), "cutover-rechecked: spans")
            inside = [one for one in self.differing if span[0] <= one <= span[1]]
            for one in inside:
                del self.differing[one]
        self.differing |= dict(pairs(body, "differing"))

    def erasing(self, body: dict[str, Json]) -> None:
        self.entry["decommission"].update(requested=None, observed=None)
        for name in ("requested", "observed"):
            self.entry["times"].pop(name, None)

    def erased(self, body: dict[str, Json]) -> None:
        again = listed(body, "again", may_lack=True)
        need(all(map(is_integer, again)), "cutover-erased: again")
        for one in again:
            self.pending.pop(one, None)
        pending = pairs(body, "pending", may_lack=True)
        self.pending |= dict(pending)
        self.differing |= {one: text for one, text in pending if "target-" in text}
        outcomes = member(body, "outcomes")
        need(isinstance(outcomes, dict), "cutover-erased: outcomes")
        need(all(map(is_count, outcomes.values())), "cutover-erased: outcomes")
        self.outcomes.update(outcomes)

    def requested(self, body: dict[str, Json]) -> None:
        self.entry["decommission"]["requested"] = member(body, "outcomes")

    def observed(self, body: dict[str, Json]) -> None:
        self.entry["decommission"]["observed"] = member(body, "remains")

    def ended(self) -> dict[str, Any]:
        decommission = self.entry["decommission"]
        if decommission["recheck"] is not None:
            decommission["recheck"]["differing"] = len(self.differing)
        self.outcomes.update(self.pending.values())
        decommission["outcomes"] = dict(self.outcomes)
        return self.entry


SET = {  # the events that set more than the stage
    *("begun", "frozen", "delta", "switching", "switched", "smoked", "open", "rolled-back"),
    *(
        "counted",
        "finalized",
        "rechecking",
        "rechecked",
        "erasing",
        "erased",
        "requested",
        "observed",
    ),
}


def member(body: dict[str, Json], name: str) -> Json:
    need(name in body, f"a cutover's event without {name}")
    return body[name]


def members(body: dict[str, Json], *names: str) -> dict[str, Json]:
    return {name: member(body, name) for name in names}


def listed(body: dict[str, Json], name: str, *, may_lack: bool = False) -> list[Json]:
    if may_lack and name not in body:
        return []
    need(isinstance(member(body, name), list), f"a cutover's event: {name}")
    return list(body[name])


def pairs(body: dict[str, Json], name: str, *, may_lack: bool = False) -> list[tuple[int, str]]:
    found = []
    for one in listed(body, name, may_lack=may_lack):
        need(isinstance(one, list) and len(one) == 2, f"a cutover's event: {name}")
        need(is_integer(one[0]) and isinstance(one[1], str), f"a cutover's event: {name}")
        found.append((one[0], one[1]))
    return found


def folded(events: list[tuple[str, str, dict[str, Json]]]) -> list[dict[str, Any]]:
    folds: dict[tuple[str, str], Fold] = {}
    for kind, at, body in events:
        if kind.startswith("cutover-"):
            about = body["batch"], body["track"]
            fold = folds.setdefault(about, Fold(*about))
            fold.take(kind.removeprefix("cutover-"), at, body)
    return [fold.ended() for fold in folds.values()]
