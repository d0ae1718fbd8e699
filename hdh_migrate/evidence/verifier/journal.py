"""What the journal of a bundle says: its chain, and the counts that its events add up to.

Used by verify.py (which see). It needs Python 3.9 and nothing else. The journal is read once;
memory grows with what changed after an inventory was sealed and with the findings that are open,
never with the number of objects. docs/evidence-format.md, section 8, gives the rules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.addresses import is_address
from hdh_migrate.evidence.verifier.counts import (
    CHANGES,
    OPENED,
    PASSED,
    SHAPES,
    SUM,
    DatasetAccount,
    Receipts,
    Seal,
    ToldTraffic,
)
from hdh_migrate.evidence.verifier.cutovers import (
    FOUND,
    KIND,
    Bindings,
    CutoverAccount,
    ErasureLedger,
    GrantLedger,
    LookAccount,
    PassAccount,
    RotationLedger,
)


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
        self.traffic: list[ToldTraffic] = []
        self.receipts = {"sent": Receipts(), "verified": Receipts()}
        self.offsets: dict[str, float] = {}
        self.plan: str | None = None
        self.probes: set[str] = set()
        self.cutovers: dict[tuple[str, str], CutoverAccount] = {}
        self.bindings = Bindings(self.datasets, keyed=keyed)
        self.drilled: dict[str, str] = {}
        """When a recipient's key was last seen to open, by its fingerprint."""
        self.copied: dict[str, Mapping[str, object]] = {}
        """What was told last of the copies of each batch's header packs."""
        self.openings: list[Mapping[str, object]] = []
        self.again: dict[str, LookAccount] = {}
        self.erasing = set[str]()
        self.passes: dict[str, PassAccount] = {}
        self.grants = GrantLedger(self.datasets)
        self.rotations = RotationLedger(keyed=keyed)
        self.erasures = ErasureLedger()
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
            elif kind.startswith(GRANT):
                if not self.keyed:
                    self.grants.take(kind[len(GRANT) :], body)
            elif (handler := HANDLERS.get(kind)) is not None:
                forms.must(not (self.keyed and NAMING & body.keys()))
                handler(self, line["seq"], at, body)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise forms.Wrong(f"{where}: not what an event of this kind may say here") from None

    # --- what events say; each raises ValueError or the like where it is not what it must be ------

    def _started(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        digest = forms.DIGEST.text(body["plan_digest"])
        self._planned(digest, digest)
        self.started = self.started or at

    def _changed_plan(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        self._planned(forms.DIGEST.text(body["was"]), forms.DIGEST.text(body["now"]))

    def _planned(self, was: str, now: str) -> None:
        forms.must(self.plan in (None, was))
        self.plan = now

    def _ended(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        self.ended = at
        for entry in map(forms.mapping, forms.array(body["traffic"])):
            secured = [forms.HANDSHAKE.text(one) for one in forms.array(entry.get("tls", []))]
            found = ToldTraffic(
                side=forms.TEXT.text(entry["side"]), endpoint=forms.TEXT.text(entry["endpoint"]),
                bytes_read=forms.count(entry["bytes_read"]), tls=secured,
                bytes_written=forms.count(entry["bytes_written"]),
                requests=forms.count(entry["requests"]),
                addresses=forms.all_of(entry["addresses"], is_address),
            )  # fmt: skip
            forms.must("tls" not in entry or bool(found.tls))
            forms.must(not found.tls or found.endpoint.startswith("https://"))
            self.traffic.append(found)
            if "clock_offset" in entry:
                offset = entry["clock_offset"]
                if not forms.is_number(offset):
                    raise ValueError
                if found.side != "identity":
                    self.offsets[found.endpoint] = offset

    def _probed(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        self.probes.add(forms.DIGEST.text(body["record_sha256"]))

    def _object_opened(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        opening = {} if self.keyed else {name: body[name] for name in forms.OPENING}
        forms.must(self.keyed or forms.ill_formed(opening, forms.OPENING, "") is None)
        self.openings.append(opening)

    def _inventoried(self, seq: int, at: str, body: forms.Body) -> None:
        del at
        forms.must(self.started is not None)
        if not self._new_form(seq, new="excluded" in body):
            return
        self._shaped("inventoried", body)
        account = self._account(body)
        left = forms.mapping(body["excluded"])
        whole, behind = ({unit: forms.count(one[unit]) for unit in SUM} for one in (body, left))
        account.seals.append(Seal(seq, whole, behind, (body.get("root"), left.get("root"))))
        if len(account.seals) > 1:  # a seal says nothing but what the one before and changes say
            forms.must(account.objects == whole["objects"])
            forms.must(account.excluded == behind["objects"])
        account.objects, account.excluded = whole["objects"], behind["objects"]
        account.changed = False

    def _changed(self, seq: int, at: str, body: forms.Body) -> None:
        del at
        self._new_form(seq, new=True)
        self._shaped("inventory-changed", body, some=True)
        account = self._account(body)
        forms.must(bool(account.seals) and body.keys() - {LEFT} > {"dataset"})
        told = {name: value for name, value in body.items() if name not in ("dataset", LEFT)}
        if self.keyed:
            counts = forms.counts(told)
        else:
            forms.must(account.change(seq, body))
            counts = {name: len(forms.array(value)) for name, value in told.items()}
        account.objects += counts.get("joined", 0) + counts.get("joined_excluded", 0)
        account.excluded += counts.get("joined_excluded", 0) + counts.get("changed_excluded", 0)
        account.excluded -= counts.get("changed_included", 0)
        account.came += counts.get("joined", 0) + counts.get("changed_included", 0)
        account.went += counts.get("changed_excluded", 0)
        forms.must(account.excluded >= 0)
        account.changed = True

    def _sent(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        self._acknowledged("sent", at, self._many(body, "ids", once=False))

    def _verified(self, seq: int, at: str, body: forms.Body) -> None:
        many = self._many(body, "ids")
        self._acknowledged("verified", at, many)
        if self._new_form(seq, new="datasets" in body):
            self._counted("verified", body["datasets"], many)

    def _superseded(self, seq: int, at: str, body: forms.Body) -> None:
        del at
        if self._new_form(seq, new="dropped_datasets" in body):
            many = None if self.keyed else self._many(body, "dropped")
            self._counted("verified", body["dropped_datasets"], many, sign=-1)
            self.dropped.update(() if self.keyed else _ids(body["dropped"]))

    def _failed(self, seq: int, at: str, body: forms.Body) -> None:
        del at
        self._new_form(seq, new=True)
        self._counted("failed", body["datasets"], self._many(body, "ids"))

    def _retried(self, seq: int, at: str, body: forms.Body) -> None:
        del at
        self._new_form(seq, new=True)
        many = self._many(body, "ids")
        self.retried += many
        self._counted("failed", body["datasets"], many, sign=-1)

    def _findings(self, seq: int, at: str, body: forms.Body) -> None:
        del at
        self._new_form(seq, new=True)
        forms.must({"opened", "closed"} & body.keys() != set())
        forms.must(body.keys() <= {"opened", "closed", *([LEFT] if self.keyed else ())})
        shape = SHAPES[self.keyed]["opened"]
        forms.must(forms.ill_formed(body.get("opened", []), shape, "") is None)
        for finding in map(forms.mapping, forms.array(body.get("opened", []))):
            number, found = forms.count(finding["number"]), finding.get("object")
            forms.must(number > self.highest)
            self.highest = number
            of_object = {} if self.keyed else {"of_object": finding["object"] is not None}
            self.objects[number] = None if found is None else forms.count(found)
            self.findings[number] = findings_digest(finding, **of_object)
        for number in _ids(body.get("closed", [])):
            del self.findings[number], self.objects[number]

    def _upgraded(self, seq: int, at: str, body: forms.Body) -> None:
        del at
        forms.must(not self.upgraded and not self.new_form)
        self.upgraded = seq
        for account in self.datasets.values():
            account.clear()
        self._counted("verified", body["verified"], None)

    def _cutover(self, name: str, at: str, body: forms.Body) -> None:
        batch = forms.TEXT.text(body["batch"])
        track = "" if self.keyed else forms.TEXT.text(body["track"])
        forms.must(track in ("", "cutover", "rehearsal"))
        if name == "erasing":
            self.erasing.add(batch)
        account = self.cutovers.setdefault((batch, track), CutoverAccount(batch, track))
        if not self.keyed:
            account.take(name, at, body)

    def _bound(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        self.bindings.bind(body)

    def _batch_bound(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        self.bindings.begin(body)

    def _batch_amended(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        self.bindings.amend(body)

    def _drilled(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        if not self.keyed:
            fingerprint = body["fingerprint"]
            if not forms.is_string(fingerprint):
                raise ValueError
            self.drilled[fingerprint] = at

    def _headers_copied(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        told = {name: body[name] for name in ("batch", "packs", "bytes", "root")} | {"at": at}
        forms.must(forms.ill_formed(told, forms.COPIED, "") is None)
        self.copied[forms.TEXT.text(body["batch"])] = told

    def _fidelity_chosen(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        ways = None
        if "ways" in body or not self.keyed:  # keyed ones of an earlier version say nothing
            told = forms.mapping(body.get("ways"))
            ways = {name: way for name, way in told.items() if forms.is_string(way)}
            forms.must(len(ways) == len(told))
        self._account(body).choose(ways)

    def _look(self, body: forms.Body) -> LookAccount:
        batch = forms.TEXT.text(body["batch"])
        return self.again.setdefault(batch, LookAccount(batch))

    def _looking_again(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        self._look(body).begin(body)

    def _looked_again(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        names = (*FOUND, "lost") if "lost" in body else FOUND
        if self.keyed:
            counts = {name: forms.count(body[name]) for name in names}
        else:
            ids = {name: _ids(body[name]) for name in names}
            counts = {name: len(found) for name, found in ids.items()}
            forms.must(
                len({one for found in ids.values() for one in found}) == sum(counts.values())
            )
            self._lost([*ids["gone"], *ids["damaged"]])
        if "lost" in body:  # of what was deleted at the source nothing is sent again
            forms.must(body["batch"] in self.erasing)
            forms.must(not (counts["gone"] or counts["damaged"] or counts["replaced"]))
        self._look(body).read(body, counts)

    def _look_ended(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        self._look(body).end(body)

    def _restored(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        if not self.keyed:
            self._lost([forms.whole(body["id"])])

    def _pass(self, body: forms.Body) -> PassAccount:
        batch = forms.TEXT.text(body["batch"])
        return self.passes.setdefault(batch, PassAccount())

    def _refreshing(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        self._pass(body).begin(body)

    def _refreshed(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        self._pass(body).demand_open(body)
        account = self._account(body)
        told = {name: body[name] for name in PASSED}
        forms.must(forms.ill_formed(told, PASSED, "") is None and bool(account.seals))
        sums = {name: forms.counts(one) for name, one in told.items()}
        forms.must(any(one["objects"] for one in sums.values()))
        forms.must(all(sums["left"][unit] <= sums["vanished"][unit] for unit in SUM))
        account.new += sums["new"]["objects"]
        account.left += sums["left"]["objects"]

    def _refresh_ended(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        forms.must(forms.ill_formed(body["listed"], SUM, "") is None)
        account = self._pass(body)
        account.demand_open(body)
        account.ended = True

    def _retrying(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        reasons = forms.counts(body["reasons"])
        forms.must(forms.TEXT.holds(body["batch"]) and bool(reasons))
        forms.must(all(reasons.values()))
        self.asked += sum(reasons.values())

    def _keys_rotating(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        self.rotations.begin(at, body)
        self.bindings.exchange(body)

    def _data_keys_rotating(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        self.rotations.begin_data_keys(at, body)
        self.bindings.keep(body)

    def _headers_exchanged(self, seq: int, at: str, body: forms.Body) -> None:
        del at
        self._new_form(seq, new=True)
        many = self._many(body, "ids")
        if self.keyed:
            lost = forms.count(body["lost"])
        else:
            lost = len(_ids(body["lost"]))
            gone = {*_ids(body["ids"]), *_ids(body["lost"])}
            forms.must(len(gone) == many + lost)
            self._lost(sorted(gone))
        self.rotations.exchanged(body, many, lost)
        self._counted("verified", body["datasets"], many)

    def _headers_rewrapped(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        self.rotations.rewrapped(body)

    def _headers_erasing(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        self.erasures.begin(at, body)

    def _headers_erased(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        self.erasures.end(at, body)

    def _keys_rotated(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        self.rotations.end(at, body)

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

    def _shaped(self, kind: str, body: forms.Body, *, some: bool = False) -> None:
        shape = SHAPES[self.keyed][kind]
        members = {name: value for name, value in body.items() if name != LEFT or not self.keyed}
        if some:
            forms.must(members.keys() <= shape.keys())
            shape = {name: shape[name] for name in members}
        forms.must(forms.ill_formed(members, shape, "") is None)
        if not self.keyed:
            pairs = [pair for name in CHANGES for pair in forms.array(members.get(name, []))]
            forms.must(all(len(forms.array(pair)) == 2 for pair in pairs))

    def _many(self, body: forms.Body, name: str, *, once: bool = True) -> int:
        """Return how many objects an event is about."""
        if self.keyed:
            return forms.count(body["objects"])
        ids = _ids(body[name])
        forms.must(not once or len(set(ids)) == len(ids))
        return len(ids)

    def _acknowledged(self, kind: str, at: str, many: int) -> None:
        forms.must(self.started is not None)
        receipts = self.receipts[kind]
        receipts.objects += many
        receipts.first = receipts.first or at
        receipts.last = at

    def _under_way(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        forms.must(self.started is not None)
        receipts = self.receipts[PACED[forms.TEXT.text(body["step"])]]
        if self.keyed:
            passed = [forms.count(body["bytes"])]
            forms.count(body["objects"])
        else:
            passed = [forms.count(one) for one in forms.array(body["bytes"])]
            forms.must(self._many(body, "ids") == len(passed))
        receipts.passed += sum(passed)
        receipts.begun = receipts.begun or at

    def _account(self, body: forms.Body) -> DatasetAccount:
        name = body["dataset"]
        if not forms.is_string(name):
            raise ValueError
        return self.datasets[name]

    def _counted(self, what: str, told: object, many: int | None, *, sign: int = 1) -> None:
        counts = forms.counts(told)
        forms.must(many is None or sum(counts.values()) == many)
        for name, count in counts.items():
            total = getattr(self.datasets[name], what) + sign * count
            forms.must(total >= 0)
            setattr(self.datasets[name], what, total)


LEFT = "left_out"
PACED = {"transfer": "sent", "verify": "verified"}
"""Which events acknowledge the objects of a step."""
GRANT = "grant-"
"""How the kinds of events about grants begin."""
NAMING = {"ids", "dropped"}
"""What tells of rows, and so of names: never beside keyed ones."""
LATER = (
    "failed", "findings", "inventory-changed", "ledger-upgraded", "retried", "headers-exchanged",
)  # fmt: skip
"""Kinds that no ledger of the first format had."""


HANDLERS = {
    "run-started": Journal._started,  # noqa: SLF001 - they are its own
    "run-ended": Journal._ended,  # noqa: SLF001
    "plan-changed": Journal._changed_plan,  # noqa: SLF001
    "probed": Journal._probed,  # noqa: SLF001
    "bound": Journal._bound,  # noqa: SLF001
    "batch-bound": Journal._batch_bound,  # noqa: SLF001
    "batch-amended": Journal._batch_amended,  # noqa: SLF001
    "drilled": Journal._drilled,  # noqa: SLF001
    "headers-copied": Journal._headers_copied,  # noqa: SLF001
    "fidelity-chosen": Journal._fidelity_chosen,  # noqa: SLF001
    "object-opened": Journal._object_opened,  # noqa: SLF001
    "inventoried": Journal._inventoried,  # noqa: SLF001
    "inventory-changed": Journal._changed,  # noqa: SLF001
    "sent": Journal._sent,  # noqa: SLF001
    "verified": Journal._verified,  # noqa: SLF001
    "under-way": Journal._under_way,  # noqa: SLF001
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
    "keys-rotating": Journal._keys_rotating,  # noqa: SLF001
    "headers-rewrapped": Journal._headers_rewrapped,  # noqa: SLF001
    "data-keys-rotating": Journal._data_keys_rotating,  # noqa: SLF001
    "headers-exchanged": Journal._headers_exchanged,  # noqa: SLF001
    "keys-rotated": Journal._keys_rotated,  # noqa: SLF001
    "headers-erasing": Journal._headers_erasing,  # noqa: SLF001
    "headers-erased": Journal._headers_erased,  # noqa: SLF001
    "ledger-upgraded": Journal._upgraded,  # noqa: SLF001
}


def _ids(value: object) -> list[int]:
    """Return the numbers of objects or findings; raise ValueError for anything else."""
    return [forms.whole(number) for number in forms.array(value)]


def findings_digest(finding: Mapping[str, object], **more: bool) -> str:
    """Return what a finding's opening and its line have in common, as a digest."""
    opened = {name: finding[name] for name in OPENED}
    return forms.sha256(forms.canonical({**opened, **more}))
