"""What the journal of a bundle says: its chain, and the counts that its events add up to.

Used by verify.py (which see). It needs Python 3.9 and nothing else. The journal is read once;
memory grows with what changed after an inventory was sealed and with the findings that are open,
never with the number of objects. docs/evidence-format.md, section 8, gives the rules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.addresses import is_address
from hdh_migrate.evidence.verifier.cutovers import (
    FOUND,
    KIND,
    CutoverAccount,
    LookAccount,
    PassAccount,
)

COUNTS = {str: forms.is_count}
VANISHED = "vanished"
LEAVES, PAIRS = [forms.DIGEST], [[forms.DIGEST]]
SUM = {"objects": forms.is_count, "bytes": forms.is_count}
PASSED = dict.fromkeys(("new", "changed", "vanished", "left"), SUM)
COVERED = {**SUM, "root": forms.DIGEST}
OPENED = {
    "number": forms.is_count, "at": forms.TIME, "code": forms.TEXT,
    "severity": forms.FINDING["severity"], "dataset": forms.TEXT_OR_NULL, "message": forms.TEXT,
}  # fmt: skip
TOLD_OF_FINDINGS = tuple(sorted(OPENED))

SHAPES: dict[bool, dict[str, Any]] = {
    False: {
        "inventoried": {"dataset": forms.TEXT, **COVERED, "excluded": COVERED},
        "inventory-changed": {
            "dataset": forms.TEXT, "joined": LEAVES, "joined_excluded": LEAVES,
            "changed": PAIRS, "changed_excluded": PAIRS, "changed_included": PAIRS,
        },
        "opened": [{**OPENED, "object": forms.SIZE_OR_NULL}],
    },
    True: {
        "inventoried": {"dataset": forms.TEXT, **SUM, "excluded": SUM},
        "inventory-changed": {
            "dataset": forms.TEXT, "joined": forms.is_count, "joined_excluded": forms.is_count,
            "changed": forms.is_count, "changed_excluded": forms.is_count,
            "changed_included": forms.is_count,
        },
        "opened": [OPENED],
    },
}  # fmt: skip
"""By whether names are keyed: the members of an event's body that are counted."""


CHANGES = {"changed_included": True, "changed": False, "changed_excluded": False}
"""Lists of pairs of leaves, with whether the row was left behind before the change."""


class Past(NamedTuple):
    """What a row was before an event changed it; `was` None: it was not there."""

    seq: int
    was: Optional[bytes]  # noqa: UP045 - Python 3.9 reads this
    excluded: bool
    """Whether the row is left behind after this event."""
    was_excluded: bool
    """Whether it was before."""
    before: Optional[Past]  # noqa: UP045


class Seal(NamedTuple):
    """One `inventoried` event."""

    seq: int
    body: Mapping[str, Any]


class DatasetAccount:
    """What the events of a journal say of one dataset, added up."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything: from here on the journal counts from nothing again."""
        self.seals: list[Seal] = []
        self.pasts: dict[bytes, Past] = {}
        self.objects = self.excluded = self.verified = self.failed = 0
        self.new = self.left = self.came = self.went = 0
        """What listings again told of, and what rows tell of that at most."""
        self.changed = False  # since the last seal

    def change(self, seq: int, body: Mapping[str, Any]) -> bool:
        """Apply an `inventory-changed` event that lists leaves; False: it contradicts others."""
        for name, excluded in (("joined", False), ("joined_excluded", True)):
            for leaf in body.get(name, ()):
                if not self._becomes(Past(seq, None, excluded, False, None), bytes.fromhex(leaf)):
                    return False
        for name, was_excluded in CHANGES.items():
            excluded = name == "changed_excluded"
            for was, now in body.get(name, ()):
                old = bytes.fromhex(was)
                past = Past(seq, old, excluded, was_excluded, self.pasts.pop(old, None))
                if past.before is not None and past.before.excluded is not was_excluded:
                    return False  # only what is left behind comes back, and it does nothing else
                if not self._becomes(past, bytes.fromhex(now)):
                    return False
        return True

    def _becomes(self, past: Past, leaf: bytes) -> bool:
        return self.pasts.setdefault(leaf, past) is past


class Receipts:
    """The events of one kind that acknowledge objects: how many objects, and when."""

    def __init__(self) -> None:
        self.objects = 0
        self.first = self.last = ""


class Journal:
    """Reads a journal; `version` is the format's number, `keyed` whether names are."""

    def __init__(self, names: Sequence[str], version: int, *, keyed: bool) -> None:
        self.keyed = keyed
        self.looks = version > 1
        self.events, self.head, self.last_at = 0, bytes(32), ""
        self.datasets = {name: DatasetAccount() for name in names}
        self.findings: dict[int, str] = {}
        self.objects: dict[int, int | None] = {}
        self.highest = -1
        self.old_form, self.new_form = 0, 0  # the last event of each
        self.upgraded = 0
        self.descends = ""  # where an event is before the one before it, and no upgrade came yet
        self.started: str | None = None
        self.ended: str | None = None
        self.traffic: list[Mapping[str, Any]] = []
        self.receipts = {"sent": Receipts(), "verified": Receipts()}
        self.offsets: dict[str, float] = {}
        self.plan: str | None = None
        self.probes: set[str] = set()
        self.cutovers: dict[tuple[str, str], CutoverAccount] = {}
        self.bound: list[str] | None = None
        self.recipients: set[int] = set()
        """For how many was sealed, at one time or another."""
        self.batches: dict[str, tuple[int, str]] = {}
        """The revision of each batch that was begun, and the digest of what it is."""
        self.moved_before: dict[str, int] = {}
        """Of datasets: how many objects were moved before rules that leave them behind."""
        self.drilled: dict[str, str] = {}
        """When a recipient's key was last seen to open, by its fingerprint."""
        self.openings: list[Mapping[str, Any]] = []
        self.again: dict[str, LookAccount] = {}
        self.passes: dict[str, PassAccount] = {}
        self.retried = self.asked = 0
        self.dropped: set[int] = set()
        """What is verified no more, since the last event that told of the target."""

    def read(self, path: Path) -> None:
        """Walk the chain: each digest covers the one before it. Count what the events say."""
        for where, raw, line in forms.lines(path, forms.EVENT, ordered=False):
            self.events += 1
            covered = forms.canonical([line["seq"], line["at"], line["kind"], line["body"]])
            self.head = hashlib.sha256(self.head + covered).digest()
            if line["seq"] != self.events or self.head.hex() != line["digest"]:
                raise forms.Wrong(f"{where}: an event was edited, removed or moved")
            self.passed(raw)
            if self.looks:
                self._take(line, where)
            elif line["kind"] in LATER or (
                line["kind"] == "inventoried" and '"excluded":' in line["body"]
            ):
                raise forms.Wrong(f"{where}: no event of the first format")
        if not self.events:
            raise forms.Wrong(f"{path.name}: empty, though nothing is reported before a run")
        if self.old_form and not self.upgraded:
            raise forms.Wrong(f"{path.name}: its events are of the first format")
        if self.asked > self.retried or any(
            one.new > one.came or one.left > one.went for one in self.datasets.values()
        ):
            raise forms.Wrong(f"{path.name}: more was listed or tried again than rows tell of")
        if self.descends and not self.upgraded:
            raise forms.Wrong(f"{self.descends}: before the event that it follows")

    def passed(self, raw: bytes) -> None:
        """Take note of an event's line; for checkpoints."""

    def _take(self, line: Mapping[str, Any], where: str) -> None:
        at, kind = line["at"], line["kind"]
        try:
            body = json.loads(line["body"])
            forms.must(isinstance(body, dict))
            forms.must(forms.canonical(body).decode() == line["body"])
            forms.must(forms.TIME.holds(at))
        except (ValueError, RecursionError):
            raise forms.Wrong(f"{where}: not an event of this format") from None
        if forms.instant(at) < forms.instant(self.last_at):
            if self.upgraded:
                raise forms.Wrong(f"{where}: before the event that it follows")
            self.descends = self.descends or where
        self.last_at = at
        try:
            if kind.startswith(KIND):
                self._cutover(kind[len(KIND) :], at, body)
            elif (handler := HANDLERS.get(kind)) is not None:
                forms.must(not (self.keyed and NAMING & body.keys()))
                handler(self, line["seq"], at, body)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise forms.Wrong(f"{where}: not what an event of this kind may say here") from None

    # --- what events say; each raises ValueError or the like where it is not what it must be ------

    def _started(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq
        self._planned(body["plan_digest"], body["plan_digest"])
        self.started = self.started or at

    def _changed_plan(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        self._planned(body["was"], body["now"])

    def _planned(self, was: str, now: str) -> None:
        forms.must(forms.DIGEST.holds(was) and forms.DIGEST.holds(now))
        forms.must(self.plan in (None, was))
        self.plan = now

    def _ended(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq
        self.ended = at
        for entry in body["traffic"]:
            told = {name: entry[name] for name in TRAFFIC}
            forms.must(forms.ill_formed(told, TRAFFIC, "") is None)
            self.traffic.append(told)
            if "tls" in entry:
                forms.must(told["endpoint"].startswith("https://") and bool(entry["tls"]))
                forms.must(forms.ill_formed(entry["tls"], [forms.HANDSHAKE], "") is None)
                told["tls"] = entry["tls"]
            if "clock_offset" in entry:
                forms.must(forms.is_number(entry["clock_offset"]))
                if entry["side"] != "identity":
                    self.offsets[told["endpoint"]] = entry["clock_offset"]

    def _probed(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        forms.must(forms.DIGEST.holds(body["record_sha256"]))
        self.probes.add(body["record_sha256"])

    def _object_opened(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        told = {} if self.keyed else {name: body[name] for name in forms.OPENING}
        forms.must(self.keyed or forms.ill_formed(told, forms.OPENING, "") is None)
        self.openings.append(told)

    def _inventoried(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del at
        forms.must(self.started is not None)
        if not self._new_form(seq, new="excluded" in body):
            return
        self._shaped("inventoried", body)
        told = self.datasets[body["dataset"]]
        told.seals.append(Seal(seq, body))
        if len(told.seals) > 1:  # a seal says nothing but what the one before and changes say
            forms.must(told.objects == body["objects"])
            forms.must(told.excluded == body["excluded"]["objects"])
        told.objects, told.excluded = body["objects"], body["excluded"]["objects"]
        told.changed = False

    def _changed(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del at
        self._new_form(seq, new=True)
        self._shaped("inventory-changed", body, some=True)
        told = self.datasets[body["dataset"]]
        forms.must(bool(told.seals) and body.keys() - {LEFT} > {"dataset"})
        counts = {name: value for name, value in body.items() if name not in ("dataset", LEFT)}
        if not self.keyed:
            forms.must(told.change(seq, body))
            counts = {name: len(value) for name, value in counts.items()}
        told.objects += counts.get("joined", 0) + counts.get("joined_excluded", 0)
        told.excluded += counts.get("joined_excluded", 0) + counts.get("changed_excluded", 0)
        told.excluded -= counts.get("changed_included", 0)
        told.came += counts.get("joined", 0) + counts.get("changed_included", 0)
        told.went += counts.get("changed_excluded", 0)
        forms.must(told.excluded >= 0)
        told.changed = True

    def _sent(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq
        self._acknowledged("sent", at, self._many(body, "ids", once=False))

    def _verified(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        many = self._many(body, "ids")
        self._acknowledged("verified", at, many)
        if self._new_form(seq, new="datasets" in body):
            self._counted("verified", body["datasets"], many)

    def _superseded(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del at
        if self._new_form(seq, new="dropped_datasets" in body):
            many = None if self.keyed else self._many(body, "dropped")
            self._counted("verified", body["dropped_datasets"], many, sign=-1)
            self.dropped.update(() if self.keyed else body["dropped"])

    def _failed(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del at
        self._new_form(seq, new=True)
        self._counted("failed", body["datasets"], self._many(body, "ids"))

    def _retried(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del at
        self._new_form(seq, new=True)
        many = self._many(body, "ids")
        self.retried += many
        self._counted("failed", body["datasets"], many, sign=-1)

    def _findings(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del at
        self._new_form(seq, new=True)
        forms.must({"opened", "closed"} & body.keys() != set())
        forms.must(body.keys() <= {"opened", "closed", *([LEFT] if self.keyed else ())})
        shape = SHAPES[self.keyed]["opened"]
        forms.must(forms.ill_formed(body.get("opened", []), shape, "") is None)
        for finding in body.get("opened", ()):
            forms.must(finding["number"] > self.highest)
            self.highest = finding["number"]
            of_object = {} if self.keyed else {"of_object": finding["object"] is not None}
            self.objects[self.highest] = finding.get("object")
            self.findings[self.highest] = findings_digest(finding, **of_object)
        for number in body.get("closed", ()):
            forms.must(type(number) is int)
            del self.findings[number], self.objects[number]

    def _upgraded(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del at
        forms.must(not self.upgraded and not self.new_form)
        self.upgraded = seq
        for told in self.datasets.values():
            told.clear()
        self._counted("verified", body["verified"], None)

    def _cutover(self, name: str, at: str, body: Mapping[str, Any]) -> None:
        batch, track = body["batch"], "" if self.keyed else body["track"]
        forms.must(forms.TEXT.holds(batch) and track in ("", "cutover", "rehearsal"))
        forms.must(self.keyed or track != "")
        told = self.cutovers.setdefault((batch, track), CutoverAccount(batch, track))
        if not self.keyed:
            told.take(name, at, body)

    def _bound(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        if not self.keyed:
            forms.must(self.bound is None)
            self.bound = _fingerprints(body["recipients"])
            self.recipients.add(len(self.bound))
        elif "recipients" in body:
            self._sealed_for(body["recipients"])

    def _sealed_for(self, many: Any) -> None:  # noqa: ANN401 - any JSON value
        forms.must(forms.is_count(many))
        self.recipients.add(many)

    def _batch_bound(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        forms.must(body["batch"] not in self.batches)
        self._revised(body, 1)

    def _batch_amended(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        self._revised(body, self.batches[body["batch"]][0] + 1)
        before = body["moved_before"]
        forms.must(forms.ill_formed(before, COUNTS, "") is None)
        forms.must(before.keys() <= self.datasets.keys())
        self.moved_before.update(before)
        if "recipients" not in body:
            return
        if self.keyed:
            self._sealed_for(body["recipients"])
            return
        names = _fingerprints(body["recipients"])
        forms.must(set(self.bound or ()) <= set(names))  # nobody is taken away
        self.bound = names
        self.recipients.add(len(names))

    def _revised(self, body: Mapping[str, Any], revision: int) -> None:
        forms.must(forms.TEXT.holds(body["batch"]) and forms.DIGEST.holds(body["digest"]))
        forms.must(type(body["revision"]) is int and body["revision"] == revision)
        self.batches[body["batch"]] = (revision, body["digest"])

    def _drilled(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq
        if not self.keyed:
            forms.must(forms.is_string(body["fingerprint"]))
            self.drilled[body["fingerprint"]] = at

    def _look(self, body: Mapping[str, Any]) -> LookAccount:
        batch = body["batch"]
        forms.must(forms.TEXT.holds(batch))
        return self.again.setdefault(batch, LookAccount(batch))

    def _looking_again(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        self._look(body).begin(body)

    def _looked_again(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        if self.keyed:
            forms.must(all(forms.is_count(body[name]) for name in FOUND))
            counts = {name: body[name] for name in FOUND}
        else:
            counts = {name: self._many(body, name) for name in FOUND}
            found = [number for name in FOUND for number in body[name]]
            forms.must(len(set(found)) == len(found))
            self._lost([*body["gone"], *body["damaged"]])
        self._look(body).read(body, counts)

    def _look_ended(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        self._look(body).end(body)

    def _restored(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        if not self.keyed:
            forms.must(type(body["id"]) is int)  # to Python 1 == True
            self._lost([body["id"]])

    def _pass(self, body: Mapping[str, Any]) -> PassAccount:
        batch = body["batch"]
        forms.must(forms.TEXT.holds(batch))
        return self.passes.setdefault(batch, PassAccount())

    def _refreshing(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        self._pass(body).begin(body)

    def _refreshed(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        self._pass(body).demand_open(body)
        told = self.datasets[body["dataset"]]
        sums = {name: body[name] for name in PASSED}
        forms.must(forms.ill_formed(sums, PASSED, "") is None and bool(told.seals))
        forms.must(any(one["objects"] for one in sums.values()))
        forms.must(all(sums["left"][unit] <= sums["vanished"][unit] for unit in SUM))
        told.new += sums["new"]["objects"]
        told.left += sums["left"]["objects"]

    def _refresh_ended(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        forms.must(forms.ill_formed(body["listed"], SUM, "") is None)
        told = self._pass(body)
        told.demand_open(body)
        told.ended = True

    def _retrying(self, seq: int, at: str, body: Mapping[str, Any]) -> None:
        del seq, at
        forms.must(forms.TEXT.holds(body["batch"]) and bool(body["reasons"]))
        forms.must(forms.ill_formed(body["reasons"], COUNTS, "") is None)
        forms.must(all(body["reasons"].values()))
        self.asked += sum(body["reasons"].values())

    def _lost(self, ids: Sequence[int]) -> None:
        """Demand that objects are verified no more, and that this was told just before."""
        forms.must(self.dropped.issuperset(ids))
        self.dropped.clear()

    # --- small tools ------------------------------------------------------------------------------

    def _new_form(self, seq: int, *, new: bool) -> bool:
        """Note in which form an event is; after events that the lines need, no old one follows."""
        forms.must(new or not (self.upgraded or self.new_form))
        if new:
            forms.must(not self.old_form or bool(self.upgraded))
            self.new_form = seq
        else:
            self.old_form = seq
        return new

    def _shaped(self, kind: str, body: Mapping[str, Any], *, some: bool = False) -> None:
        shape = SHAPES[self.keyed][kind]
        told = {name: value for name, value in body.items() if name != LEFT or not self.keyed}
        if some:
            forms.must(told.keys() <= shape.keys())
            shape = {name: shape[name] for name in told}
        forms.must(forms.ill_formed(told, shape, "") is None)
        pairs = [] if self.keyed else [pair for name in CHANGES for pair in told.get(name, ())]
        forms.must(all(len(pair) == 2 for pair in pairs))

    def _many(self, body: Mapping[str, Any], name: str, *, once: bool = True) -> int:
        """Return how many objects an event is about."""
        if self.keyed:
            forms.must(forms.is_count(body["objects"]))
            return int(body["objects"])
        ids = body[name]
        forms.must(isinstance(ids, list) and all(type(number) is int for number in ids))
        forms.must(not once or len(set(ids)) == len(ids))
        return len(ids)

    def _acknowledged(self, kind: str, at: str, many: int) -> None:
        forms.must(self.started is not None)
        receipts = self.receipts[kind]
        receipts.objects += many
        receipts.first = receipts.first or at
        receipts.last = at

    def _counted(
        self, what: str, counts: Mapping[str, int], many: int | None, *, sign: int = 1
    ) -> None:
        forms.must(forms.ill_formed(counts, COUNTS, "") is None)
        forms.must(many is None or sum(counts.values()) == many)
        for name, count in counts.items():
            total = getattr(self.datasets[name], what) + sign * count
            forms.must(total >= 0)
            setattr(self.datasets[name], what, total)


LEFT = "left_out"
NAMING = {"ids", "dropped"}
"""What tells of rows, and so of names: never beside keyed ones."""
LATER = ("failed", "findings", "inventory-changed", "ledger-upgraded", "retried")
"""Kinds that no ledger of the first format had."""


TRAFFIC = {
    "side": forms.TEXT, "endpoint": forms.TEXT, "bytes_read": forms.is_count,
    "bytes_written": forms.is_count, "requests": forms.is_count, "addresses": [is_address],
}  # fmt: skip
HANDLERS = {
    "run-started": Journal._started,  # noqa: SLF001 - they are its own
    "run-ended": Journal._ended,  # noqa: SLF001
    "plan-changed": Journal._changed_plan,  # noqa: SLF001
    "probed": Journal._probed,  # noqa: SLF001
    "bound": Journal._bound,  # noqa: SLF001
    "batch-bound": Journal._batch_bound,  # noqa: SLF001
    "batch-amended": Journal._batch_amended,  # noqa: SLF001
    "drilled": Journal._drilled,  # noqa: SLF001
    "object-opened": Journal._object_opened,  # noqa: SLF001
    "inventoried": Journal._inventoried,  # noqa: SLF001
    "inventory-changed": Journal._changed,  # noqa: SLF001
    "sent": Journal._sent,  # noqa: SLF001
    "verified": Journal._verified,  # noqa: SLF001
    "superseded": Journal._superseded,  # noqa: SLF001
    "failed": Journal._failed,  # noqa: SLF001
    "retried": Journal._retried,  # noqa: SLF001
    "findings": Journal._findings,  # noqa: SLF001
    "looking-again": Journal._looking_again,  # noqa: SLF001
    "looked-again": Journal._looked_again,  # noqa: SLF001
    "look-ended": Journal._look_ended,  # noqa: SLF001
    "restored": Journal._restored,  # noqa: SLF001
    "refreshing": Journal._refreshing,  # noqa: SLF001
    "refreshed": Journal._refreshed,  # noqa: SLF001
    "refresh-ended": Journal._refresh_ended,  # noqa: SLF001
    "retrying": Journal._retrying,  # noqa: SLF001
    "ledger-upgraded": Journal._upgraded,  # noqa: SLF001
}


def findings_digest(finding: Mapping[str, Any], **more: bool) -> str:
    """Return what a finding's opening and its line have in common, as a digest."""
    told = {name: finding[name] for name in TOLD_OF_FINDINGS}
    return forms.sha256(forms.canonical({**told, **more}))


class CountedInventory:
    """The inventories of one dataset in the journal, counted again from the bundle's lines."""

    def __init__(self, told: DatasetAccount) -> None:
        self.told = told
        self.trees = [(forms.Tree(), forms.Tree()) for _ in told.seals]
        self.seen = 0

    def add(self, line: Mapping[str, Any], where: str, *, excluded: bool) -> None:
        """Take the lines of manifest and exclusions, in the order of their keys."""
        now = hashlib.sha256(
            b"\0%b\0%d\0%b" % (forms.key_of(line), line["size"], line["source_version"].encode())
        ).digest()
        past = self.told.pasts.get(now)
        if excluded and line["rule"] == VANISHED and not _vanished(past, now):
            raise forms.Wrong(f"{where}: the journal does not tell that it vanished")
        if past is None:
            for trees in self.trees:
                _grow(trees, now, excluded=excluded)
            return
        self.seen += 1
        leaf: bytes | None = now
        for seal, trees in zip(reversed(self.told.seals), reversed(self.trees)):  # noqa: B905 - Python 3.9
            while past is not None and past.seq > seal.seq:
                if past.excluded is not excluded:
                    raise forms.Wrong(f"{where}: not what the journal says of this object")
                leaf, excluded, past = past.was, past.was_excluded, past.before
            if leaf is None:
                return  # it came later
            _grow(trees, leaf, excluded=excluded)

    def problems(self) -> Iterator[str]:
        """Say which events the lines contradict."""
        if self.seen != len(self.told.pasts):
            yield "journal.jsonl: objects that joined or changed have no line"
        for seal, (whole, left) in zip(self.told.seals, self.trees):  # noqa: B905 - Python 3.9
            found = [whole.count, whole.root(), left.count, left.root()]
            body, inner = seal.body, seal.body["excluded"]
            if found != [body["objects"], body["root"], inner["objects"], inner["root"]]:
                yield f"journal.jsonl line {seal.seq}: the lines are not what was inventoried"


def _fingerprints(keys: Sequence[Any]) -> list[str]:
    """Return what public keys are named by; their digits may be of either case, and are no more."""
    forms.must(all(isinstance(raw, str) and forms.DIGEST.holds(raw.lower()) for raw in keys))
    return ["c4gh:" + forms.sha256(bytes.fromhex(raw))[:16] for raw in keys]


def _vanished(past: Optional[Past], now: bytes) -> bool:  # noqa: UP045 - Python 3.9 reads this
    """Say whether the last that became of a row is that it was left behind as it was."""
    return past is not None and past.excluded and past.was == now


def _grow(trees: tuple[forms.Tree, forms.Tree], leaf: bytes, *, excluded: bool) -> None:
    whole, left = trees
    whole.add(leaf)
    if excluded:
        left.add(leaf)
