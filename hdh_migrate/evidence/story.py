"""The statement of a bundle beside its journal: times, traffic, paces, plan, probe, cutovers.

Used by verify.py (which see). It needs Python 3.9 and nothing else. What the statement repeats of
the journal is made again from its events and must be the same; docs/evidence-format.md, sections
8.3 and 8.4, gives the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

if __package__:
    from hdh_migrate.evidence import forms, rules
else:
    import forms  # type: ignore[import-not-found,no-redef]
    import rules  # type: ignore[import-not-found,no-redef]

KIND = "cutover-"
STAGES = {
    "begun": "preparing", "switching": "switching", "withdrawn": "preparing",
    "switched": "switched", "open": "fallback window", "rolling-back": "rolling back",
    "rolled-back": "rolled back", "finalized": "finalized", "erasing": "decommission under way",
    "requested": "decommission requested", "observed": "decommission observed",
}  # fmt: skip
APPROVED = {"switching": "cutover", "finalized": "finalize"}
"""Events that carry approvals, and for which stage."""


class Cutover:
    """One cutover or rehearsal of a batch, told by its events one after another."""

    def __init__(self, batch: str, track: str) -> None:
        self.told: dict[str, Any] = {
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
        return {**self.told, "decommission": end}

    def take(self, name: str, at: str, body: Mapping[str, Any]) -> None:
        """Apply one event, named without `cutover-`."""
        now = self.told
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
        forms.must(rules.DEMANDED.get(name) in (None, *now["approvals"]))
        forms.must(self.intended or name not in ("switched", "open"))
        if name in EVENTS:
            EVENTS[name](self, body)
        stage = STAGES.get(name, now["stage"])
        if stage != now["stage"]:
            now["stage"], now["since"] = stage, at

    def _fixed(self, name: str, at: str, body: Mapping[str, Any]) -> None:
        if name == "terms-changed":
            told = _picked(body, "was", "now", "difference", "approvals")
            before = self.told["terms"]
            self.told["terms_changes"].append({"at": at, **told, "terms_before": before})
        self.told["terms"], self.told["keys_beside"] = body["terms"], body["beside"]

    def _approved(self, body: Mapping[str, Any]) -> str:
        stage, under, terms = body["approved_stage"], body.get("terms"), self.told["terms"]
        forms.must(terms is None or under == forms.sha256(forms.canonical(terms)))
        self.told["approvals"][stage], self.told["approved_under"][stage] = body["approvals"], under
        return str(stage)

    def _begun(self, body: Mapping[str, Any]) -> None:
        self.told.update(
            pointer={**body["pointer"], **_picked(body, "old_sha256", "new_sha256")},
            on_this_machine=body["rehearsing"], freeze=None, delta=[], smoke=None,
            window_until=None, written_by_consumers=None,
        )  # fmt: skip

    def _frozen(self, body: Mapping[str, Any]) -> None:
        self.told["freeze"] = _picked(body, "how", "relists", "interval_seconds")

    def _delta(self, body: Mapping[str, Any]) -> None:
        self.told["delta"].append(_picked(body, "round", "new", "changed", "vanished"))

    def _switching(self, body: Mapping[str, Any]) -> None:
        self.intended = True
        self.told["pointer"].update(_picked(body, "old_sha256", "new_sha256"))
        self.told["root"] = body["root"]
        self.told["not_ours_before_the_switch"] = body["strangers"]

    def _smoked(self, body: Mapping[str, Any]) -> None:
        self.told["smoke"] = _picked(body, "ok", "objects", "bytes", "commands", "failures")

    def _open(self, body: Mapping[str, Any]) -> None:
        self.told["window_until"] = body["until"]

    def _rolled_back(self, body: Mapping[str, Any]) -> None:
        self.told["window_until"] = None
        self.told["attempt"] += 1
        self.intended = self.intended and not body["switched"]  # or it may land late
        self.told["written_by_consumers"] = None if body["switched"] else {}

    def _counted(self, body: Mapping[str, Any]) -> None:
        self.told["written_by_consumers"] = _picked(body, "new", "changed", "gone")

    def _finalized(self, body: Mapping[str, Any]) -> None:
        self.told["finalized"] = _picked(body, "early", "reason")

    def _rechecking(self, body: Mapping[str, Any]) -> None:
        read = self.end["recheck"] or {"objects": 0, "bytes": 0}
        self.end["recheck"] = {**read, **_picked(body, "level", "reason")}

    def _rechecked(self, body: Mapping[str, Any]) -> None:
        for first, last, _ in body["spans"]:
            for number in [one for one in self.differing if first <= one <= last]:
                del self.differing[number]
        self.differing.update((number, why) for number, why in body["differing"])
        for unit in ("objects", "bytes"):
            self.end["recheck"][unit] += body[unit]

    def _erasing(self, body: Mapping[str, Any]) -> None:
        del body
        for name in ("requested", "observed"):
            self.end[name] = None
            self.told["times"].pop(name, None)

    def _erased(self, body: Mapping[str, Any]) -> None:
        for number in body.get("again", ()):
            self.pending.pop(number, None)
        for number, why in body.get("pending", ()):
            self.pending[number] = why
            if "target-" in why:
                self.differing[number] = why
        for outcome, count in body["outcomes"].items():
            self.counts[outcome] = self.counts.get(outcome, 0) + count

    def _requested(self, body: Mapping[str, Any]) -> None:
        self.end["requested"] = body["outcomes"]

    def _observed(self, body: Mapping[str, Any]) -> None:
        self.end["observed"] = body["remains"]


EVENTS: Mapping[str, Callable[[Cutover, Mapping[str, Any]], None]] = {
    "begun": Cutover._begun,  # noqa: SLF001 - they are its own
    "frozen": Cutover._frozen,  # noqa: SLF001
    "delta": Cutover._delta,  # noqa: SLF001
    "switching": Cutover._switching,  # noqa: SLF001
    "smoked": Cutover._smoked,  # noqa: SLF001
    "open": Cutover._open,  # noqa: SLF001
    "rolled-back": Cutover._rolled_back,  # noqa: SLF001
    "counted": Cutover._counted,  # noqa: SLF001
    "finalized": Cutover._finalized,  # noqa: SLF001
    "rechecking": Cutover._rechecking,  # noqa: SLF001
    "rechecked": Cutover._rechecked,  # noqa: SLF001
    "erasing": Cutover._erasing,  # noqa: SLF001
    "erased": Cutover._erased,  # noqa: SLF001
    "requested": Cutover._requested,  # noqa: SLF001
    "observed": Cutover._observed,  # noqa: SLF001
}


def _picked(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: body[name] for name in names}


# --- the statement -----------------------------------------------------------------------------


def untold(predicate: Mapping[str, Any], journal: Any) -> Iterator[str]:  # noqa: ANN401 - Journal
    """Say what the statement says otherwise than the journal; from the second format on."""
    times = predicate["times"]
    if (journal.started, journal.ended) != (times["started"], times["ended"]):
        yield "statement.json: the journal has another beginning or end of the run"
    if forms.instant(journal.last_at) > forms.instant(times["written"]):
        yield "statement.json: written before the journal's last event"
    if journal.bound is not None and journal.bound != predicate["seal"]["recipients"]:
        yield "statement.json: the journal knows of other recipients"
    if journal.plan not in (None, predicate["plan"]["digest"]["sha256"]):
        yield "statement.json: the journal was written under another plan"
    probed = predicate["capabilities"]
    if probed is not None and forms.sha256(forms.canonical(probed)) not in journal.probes:
        yield "statement.json: the journal knows of no such probe"
    told, known = predicate.get("openings", []), journal.openings
    same = forms.canonical(told) == forms.canonical(known)  # keyed ones are only counted
    if len(told) != len(known) or not (journal.keyed or same):
        yield "statement.json: the journal knows of other openings"
    yield from _traffic(predicate, journal)
    yield from _paces(predicate, journal)
    if journal.receipts["verified"].objects > journal.receipts["sent"].objects:
        yield "journal.jsonl: more objects were verified than were sent"
    yield from _cutovers(predicate["cutovers"], journal)


def _traffic(predicate: Mapping[str, Any], journal: Any) -> Iterator[str]:  # noqa: ANN401 - Journal
    moved = journal.ended is not None and bool(journal.receipts["sent"].first)
    for place in predicate["endpoints"]:
        told = [entry for entry in journal.traffic if entry["side"] == place["side"]]
        sums = {
            name: sum(entry[name] for entry in told)
            for name in ("bytes_read", "bytes_written", "requests")
        }
        seen = sorted({address for entry in told for address in entry["addresses"]})
        if {**sums, "addresses": seen} != {name: place[name] for name in (*sums, "addresses")}:
            yield "statement.json: the journal knows of other traffic"
        if not all(_leads(entry["endpoint"], place["url"]) for entry in told):
            yield "journal.jsonl: other endpoints were contacted than the statement's"
        if any(rules.is_this_machine(address) is not place["local"] for address in seen):
            yield "statement.json: an address of this machine that is not local, or one of another"
        if moved and place["url"] != "folder:" and not (seen and place["requests"]):
            yield "statement.json: an endpoint that nobody contacted, though objects were moved"
    if forms.canonical(journal.offsets) != forms.canonical(predicate["times"]["clock_offsets"]):
        yield "statement.json: the journal knows of other clocks"


def _leads(endpoint: str, url: str) -> bool:
    """Say whether an address is that of an endpoint, or has names in front of its host."""
    scheme, host = urlsplit(url)[:2]
    found = urlsplit(endpoint)
    return (
        bool(host)
        and endpoint == f"{found[0]}://{found[1]}"
        and found[0] == scheme
        and (found[1] == host or found[1].endswith(f".{host}"))
    )


def _paces(predicate: Mapping[str, Any], journal: Any) -> Iterator[str]:  # noqa: ANN401 - Journal
    verified = predicate["outcome"]["states"]["verified"]
    told = {pace["step"]: pace for pace in predicate["paces"]}
    for step, kind in (("transfer", "sent"), ("verify", "verified")):
        receipts, pace = journal.receipts[kind], told.get(step)
        if pace is None:
            if receipts.first:
                yield "statement.json: a pace is missing that the journal tells"
            continue
        sums = {name: sum(one[name] for one in pace["bins"]) for name in ("objects", "bytes")}
        period = (pace["started"], pace["ended"])
        holds = (receipts.first, receipts.last) == period and sums["objects"] == receipts.objects
        if receipts.objects == verified["objects"]:
            holds = holds and sums == verified
        if not holds or any(one["bytes"] and not one["objects"] for one in pace["bins"]):
            yield "statement.json: a pace is not what the journal tells"
            continue
        length = max(forms.seconds(pace["ended"]) - forms.seconds(pace["started"]), 1)
        if abs(pace["seconds"] * len(pace["bins"]) - length) > len(pace["bins"]) / 1000:
            yield "statement.json: the slices of a pace are not as long as its time"


def _cutovers(told: Any, journal: Any) -> Iterator[str]:  # noqa: ANN401 - Journal
    if journal.keyed:
        same = {story["batch"] for story in told} == {batch for batch, _ in journal.cutovers}
    else:
        known = [story.facts() for story in journal.cutovers.values()]
        same = forms.canonical(told) == forms.canonical(known)
    if not same:
        yield "statement.json: the journal knows of other cutovers"
