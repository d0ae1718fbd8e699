"""Where a cutover stands: a fold over the journal's events, and nothing else.

Every effect outside the ledger has an intent event before it and a receipt event after it. So what
is not known after a kill is exactly what has an intent and no receipt, and the fold names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hdh_migrate.clocks import seconds_of
from hdh_migrate.pipeline.cutover.readings import Reading, Readings
from hdh_migrate.results.switches import (
    Finalization,
    FreezeProof,
    PointerMeans,
    Remains,
    Round,
    Smoke,
    TermsChange,
    TermsInForce,
    Waits,
    Written,
)

Events = Iterable[tuple[str, str, Mapping[str, Any]]]
"""(time, kind, body), oldest first."""

KIND = "cutover-"


class Track(StrEnum):
    """Which pointer a story is about: the one that consumers follow, or the canary."""

    CUTOVER = "cutover"
    REHEARSAL = "rehearsal"


class Stage(StrEnum):
    """How far a cutover has come."""

    NONE = "not started"
    PREPARING = "preparing"
    SWITCHING = "switching"  # an intent without a receipt: only the pointer itself knows
    SWITCHED = "switched"  # the smoke tests have not passed yet
    OPEN = "fallback window"
    ROLLING_BACK = "rolling back"  # an intent without a receipt
    ROLLED_BACK = "rolled back"
    FINALIZED = "finalized"
    ERASING = "decommission under way"
    REQUESTED = "decommission requested"
    OBSERVED = "decommission observed"


BEFORE_SWITCH = frozenset({Stage.NONE, Stage.PREPARING, Stage.ROLLED_BACK})

_NOT_FROZEN = frozenset({"source-written", "not-frozen"})

FINAL = frozenset({Stage.FINALIZED, Stage.ERASING, Stage.REQUESTED, Stage.OBSERVED})


@dataclass(slots=True)
class RecheckState:
    """What was read again at the target before the source is deleted."""

    level: str | None = None
    reason: str | None = None
    """Why the level is no higher one, where the plan must say so."""
    readings: Readings = field(default_factory=Readings)
    objects: int = 0
    size: int = 0
    """What all readings together came to; an object that was read twice counts twice."""
    differing: dict[int, str] = field(default_factory=dict)
    """What the last look found wrong, by object id; what was mended and read since is not here."""


@dataclass(slots=True)
class Erasure:
    """What decommission has done so far; `after` is the last object id with a receipt."""

    after: int = 0
    open_until: int | None = None
    """The last object id of an intent without a receipt."""
    pending: dict[int, str] = field(default_factory=dict)
    """Ids up to `after` that were left at the source and are to be asked for yet, and why."""
    reopened: set[int] = field(default_factory=set)
    """Ids of an intent without a receipt to ask again for some that were pending."""
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def outcomes(self) -> dict[str, int]:
        """What became of every object that had its turn; counts that close."""
        found = dict(self.counts)
        for why in self.pending.values():
            found[why] = found.get(why, 0) + 1
        return found


@dataclass(slots=True)
class Standing:
    """One cutover (or rehearsal) of one batch: the state that its journal events add up to."""

    batch: str
    track: Track = Track.CUTOVER
    stage: Stage = Stage.NONE
    since: str | None = None
    waits: Waits | None = None
    """Why it does not go on: {"why", "told"}; None while nothing holds it."""
    pointer: PointerMeans = field(default_factory=PointerMeans)
    rehearsing: bool | None = None
    """Whether both endpoints lay on this machine."""
    old_sha256: str | None = None
    new_sha256: str | None = None
    root: str | None = None
    """The manifest root that the switch was approved for."""
    intended: bool = False
    """A switch was begun at some time since the last rollback, so it may still land."""
    late: bool = False
    """The switch landed after it had been withdrawn: only a rollback leads on."""
    probes: list[Mapping[str, Any]] = field(default_factory=list)
    """Write trials without a receipt."""
    freeze: FreezeProof | None = None
    moving: bool = False
    """A listing is being written into the ledger, or what it found is not moved yet."""
    rounds: list[Round] = field(default_factory=list)
    smoke: Smoke | None = None
    window_until: str | None = None
    strangers: int = 0
    """Objects at the target that were not ours already before the switch."""
    written: Written | None = None
    """What consumers wrote to the target until a rollback; None: not counted yet."""
    approvals: dict[str, list[str]] = field(default_factory=dict)
    attempt: int = 1
    """Which attempt to switch this is; one more after each rollback."""
    moved_at: str | None = None
    """When a delta last made another manifest."""
    disproved_at: str | None = None
    """When the source was last seen not to be frozen."""
    terms: TermsInForce | None = None
    """The terms in force: who approves, how many, with what delays; None: none were fixed yet."""
    terms_since: str | None = None
    """When the last consent to a change of the terms was signed."""
    terms_changes: list[TermsChange] = field(default_factory=list)
    terms_of: dict[str, str | None] = field(default_factory=dict)
    """The digest of the terms under which each stage was approved."""
    beside: list[str] = field(default_factory=list)
    """Fingerprints of keys that may approve or waive and whose private half lies with the plan."""
    withdrawn: set[tuple[str, str]] = field(default_factory=set)
    """Approvals, by digest, that the key with this fingerprint has withdrawn."""
    times: dict[str, str] = field(default_factory=dict)
    finalized: Finalization | None = None
    recheck: RecheckState = field(default_factory=RecheckState)
    erasure: Erasure = field(default_factory=Erasure)
    requested: dict[str, int] | None = None
    observed: Remains | None = None

    def take(self, at: str, kind: str, body: Mapping[str, Any]) -> None:
        """Apply one event."""
        name = kind.removeprefix(KIND)
        self.times[name] = at
        if name not in _ASIDE:  # those are others' doing: what was waited for still is
            self.waits = None
        if "approved_stage" in body:
            self.approvals[body["approved_stage"]] = list(body["approvals"])
            self.terms_of[body["approved_stage"]] = body.get("terms")
        handler = _HANDLERS.get(name)
        if handler is not None:
            handler(self, at, body)
        stage = _STAGES.get(name)
        if stage is not None and stage is not self.stage:
            self.stage, self.since = stage, at

    def known_since(self, stage: str) -> str | None:
        """Return when what whoever approves a stage must know of came to be, None: always.

        An approval that was made before is void: it was given for a state of things that is over.
        """
        needed = {
            "freeze": (self.times.get("rolled-back"), self.disproved_at),
            "cutover": (self.times.get("rolled-back"), self.moved_at),
            "finalize": (self.times.get("switched"),),
            "decommission": (self.times.get("finalized"),),
            "terms": (),
        }
        moments = (*needed[stage], self.terms_since)
        return max((at for at in moments if at is not None), key=seconds_of, default=None)


def standings(events: Events) -> dict[tuple[str, Track], Standing]:
    """Return every cutover and rehearsal that the journal knows of, by batch and track."""
    found: dict[tuple[str, Track], Standing] = {}
    for at, kind, body in events:
        key = (body["batch"], Track(body["track"]))
        found.setdefault(key, Standing(*key)).take(at, kind, body)
    return found


def standing(events: Events, batch: str, track: Track = Track.CUTOVER) -> Standing:
    """Return how one batch stands."""
    return standings(events).get((batch, track), Standing(batch, track))


# --- events that carry something -----------------------------------------------------------------


def _waits(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    now.waits = {"why": body["why"], "told": body["told"], "at": at}
    if body["why"] in _NOT_FROZEN:
        now.disproved_at = at


def _approval_withdrawn(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.withdrawn.add((body["approval"], body["key"]))


def _terms(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.terms, now.beside = body["terms"], list(body["beside"])


def _terms_changed(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    now.terms_changes.append(
        {
            "at": at,
            "was": body["was"],
            "now": body["now"],
            "difference": body["difference"],
            "approvals": body["approvals"],
            "terms_before": now.terms,
        }
    )
    now.terms_since = body["since"]
    _terms(now, at, body)


def _begun(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.pointer, now.rehearsing = body["pointer"], body["rehearsing"]
    now.old_sha256, now.new_sha256 = body["old_sha256"], body["new_sha256"]
    now.freeze = now.smoke = now.window_until = now.written = None
    now.rounds = []


def _probing(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.probes.append({"dataset": body["dataset"], "name": body["name"]})


def _probed(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.probes = [probe for probe in now.probes if probe["name"] != body["name"]]


def _frozen(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.freeze = {
        "how": body["how"],
        "relists": body["relists"],
        "interval_seconds": body["interval_seconds"],
    }


def _relisting(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at, body
    now.moving = True


def _delta(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    if body["new"] + body["changed"]:
        now.moved_at = at
    now.rounds.append(
        {
            "round": body["round"],
            "new": body["new"],
            "changed": body["changed"],
            "vanished": body["vanished"],
        }
    )


def _settled(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at, body
    now.moving = False


def _switching(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.intended, now.strangers = True, body["strangers"]
    now.root = body["root"]
    now.old_sha256, now.new_sha256 = body["old_sha256"], body["new_sha256"]


def _switched(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.late = body["late"]


def _smoked(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.smoke = {
        "ok": body["ok"],
        "objects": body["objects"],
        "bytes": body["bytes"],
        "commands": body["commands"],
        "failures": body["failures"],
    }


def _open(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.window_until = body["until"]


def _rolled_back(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    # What was never switched may still land late; what was switched has landed.
    now.intended = now.intended and not body["switched"]
    now.late, now.window_until = False, None
    now.attempt += 1
    now.written = None if body["switched"] else {}  # nobody was led to the target


def _counted(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.written = {"new": body["new"], "changed": body["changed"], "gone": body["gone"]}


def _finalized(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.finalized = {"early": body["early"], "reason": body["reason"]}


def _rechecking(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.recheck.level, now.recheck.reason = body["level"], body["reason"]


def _rechecked(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    told = now.recheck
    for first, last, level in body["spans"]:
        told.readings.add(Reading(first, last, body["at"], level))
        few = last - first < len(told.differing)
        ids = range(first, last + 1) if few else [n for n in told.differing if first <= n <= last]
        for number in ids:
            told.differing.pop(number, None)
    told.differing.update((number, code) for number, code in body["differing"])
    told.objects += body["objects"]
    told.size += body["bytes"]


def _erasing(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    # What was requested and observed before says nothing of what is deleted from here on.
    now.requested = now.observed = None
    for name in ("requested", "observed"):
        now.times.pop(name, None)
    if "again" in body:
        now.erasure.reopened.update(body["again"])
    else:
        # An intent of before may reach further: larger batches, or a kill right after this one.
        now.erasure.open_until = max(now.erasure.open_until or 0, body["last"])


def _erased(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    done = now.erasure
    if "again" in body:
        done.reopened.difference_update(body["again"])
        for number in body["again"]:
            done.pending.pop(number, None)
    else:
        done.after = body["last"]
        if done.open_until is not None and done.open_until <= done.after:
            done.open_until = None
    pending = dict(body.get("pending", ()))
    done.pending.update(pending)
    # What the look right before a delete found wrong is to be read again, too.
    now.recheck.differing.update((n, why) for n, why in pending.items() if "target-" in why)
    for outcome, count in body["outcomes"].items():
        done.counts[outcome] = done.counts.get(outcome, 0) + count


def _requested(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.requested = body["outcomes"]


def _observed(now: Standing, at: str, body: Mapping[str, Any]) -> None:
    del at
    now.observed = body["remains"]


_ASIDE = frozenset({"approval-withdrawn", "terms", "terms-changed"})

_HANDLERS: Mapping[str, Callable[[Standing, str, Mapping[str, Any]], None]] = {
    "waits": _waits,
    "approval-withdrawn": _approval_withdrawn,
    "terms": _terms,
    "terms-changed": _terms_changed,
    "begun": _begun,
    "probing": _probing,
    "probed": _probed,
    "frozen": _frozen,
    "delta": _delta,
    "relisting": _relisting,
    "settled": _settled,
    "switching": _switching,
    "switched": _switched,
    "smoked": _smoked,
    "open": _open,
    "rolled-back": _rolled_back,
    "counted": _counted,
    "finalized": _finalized,
    "rechecking": _rechecking,
    "rechecked": _rechecked,
    "erasing": _erasing,
    "erased": _erased,
    "requested": _requested,
    "observed": _observed,
}

_STAGES: Mapping[str, Stage] = {
    "begun": Stage.PREPARING,
    "switching": Stage.SWITCHING,
    "withdrawn": Stage.PREPARING,
    "switched": Stage.SWITCHED,
    "open": Stage.OPEN,
    "rolling-back": Stage.ROLLING_BACK,
    "rolled-back": Stage.ROLLED_BACK,
    "finalized": Stage.FINALIZED,
    "erasing": Stage.ERASING,
    "requested": Stage.REQUESTED,
    "observed": Stage.OBSERVED,
}
