"""What each event of a journal says, and what all of them add up to.

Used by verify.py (which see). It needs Python 3.9 and nothing else. Memory grows with what changed
after an inventory was sealed and with the findings that are open, never with the number of
objects. docs/evidence-format.md, section 8, gives the rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hdh_migrate.evidence.verifier import forms, shapes
from hdh_migrate.evidence.verifier.accounts import (
    DatasetAccount,
    DrillAccount,
    FenceAccount,
    OpenFindings,
    Receipts,
    ToldTraffic,
    numbers,
    told_traffic,
)
from hdh_migrate.evidence.verifier.approvals import ApprovalAccount
from hdh_migrate.evidence.verifier.bindings import Bindings
from hdh_migrate.evidence.verifier.cutovers import KIND, CutoverAccount, read_within
from hdh_migrate.evidence.verifier.grants import GRANT, GrantLedger
from hdh_migrate.evidence.verifier.headers import ErasureLedger, RotationLedger
from hdh_migrate.evidence.verifier.judgements import JudgementAccount
from hdh_migrate.evidence.verifier.looks import (
    FOUND,
    SOMETIMES,
    AdoptedLedgers,
    LookAccount,
    PassAccount,
)
from hdh_migrate.evidence.verifier.waivers import WaiverAccount

PACED = {"transfer": "sent", "verify": "verified"}
"""Which events acknowledge the objects of a step."""
ADOPTING = {"adopting", "adopted", "adopted-batch", "ledger-adopted"}
FENCES = {"fence-taking", "fence-taken", "fence-releasing", "fence-released"}
OF_BATCH = {
    "looking-again", "looked-again", "look-ended", "restoring", "restored", "accepted",
    "refreshing", "refreshed", "refresh-ended", "retrying", "headers-copied",
    "adopting", "adopted", "adopted-batch", "rehydration-asking", "rehydration-asked",
}  # fmt: skip
"""The kinds of events that are about a batch of the plan."""
NAMING = {"ids", "dropped"}
"""What tells of rows, and so of names: never beside keyed ones."""


class JournalLine(NamedTuple):
    """One event of a journal: its number, when it was written, and what it says."""

    seq: int
    at: str
    body: forms.Body


class EventAccount:
    """Takes the events of a journal one after another; `keyed` says whether names are.

    `batches` names the batch of each dataset.
    """

    def __init__(self, batches: Mapping[str, str], *, keyed: bool) -> None:
        self.keyed = keyed
        self._batches = batches
        self.datasets = {name: DatasetAccount() for name in batches}
        self.findings = OpenFindings()
        self.old_form, self.new_form = 0, 0  # the last event of each
        self.upgraded = 0
        self.started: str | None = None
        self.ended: str | None = None
        self.traffic: list[ToldTraffic] = []
        self.receipts = {"sent": Receipts(), "verified": Receipts()}
        self.offsets: dict[str, float] = {}
        self.plan: str | None = None
        self.probes: set[str] = set()
        self.cutovers: dict[tuple[str, str], CutoverAccount] = {}
        self.bindings = Bindings(self.datasets, keyed=keyed)
        self.grants = GrantLedger(batches)
        self.approvals = ApprovalAccount(self.grants, self.bindings, self.cutovers, batches)
        self.waivers = WaiverAccount(batches, self.findings, self.cutovers)
        self.judgements = JudgementAccount(
            self.approvals.ended_so,
            lambda: self.approvals.ledger,
            self.waivers.signers,
            lambda: [one.story["terms"] for one in self.cutovers.values()],
        )
        self.drills = DrillAccount()
        self.copied: dict[str, Mapping[str, object]] = {}
        """What was told last of the copies of each batch's header packs."""
        self.openings: list[Mapping[str, object]] = []
        self.again: dict[str, LookAccount] = {}
        self.erasing = set[str]()
        self.passes: dict[str, PassAccount] = {}
        self.adoptions = AdoptedLedgers(lambda: self.approvals.ledger)
        self.fences = FenceAccount()
        self.rotations = RotationLedger(keyed=keyed)
        self.erasures = ErasureLedger()
        self.retried = self.asked = 0
        self.dropped: set[int] = set()
        """What is verified no more, since the last event that told of the target."""

    def take(self, kind: str, seq: int, at: str, body: forms.Body) -> None:
        """Take one event; raise ValueError or the like where it is not what it must be."""
        if not self.keyed:
            forms.must(kind not in OF_BATCH or body["batch"] in self._batches.values())
            self.approvals.take(kind, seq, at, body, self.plan)
            self.waivers.take(kind, at, body, self.plan)
            self.judgements.take(kind, seq, at, body)
            self.erasures.passed(kind, body)
            if kind in ADOPTING:
                self.adoptions.take(kind, body)
            if kind in FENCES:
                self.fences.take(kind, body)
        if kind == "adopting":
            self.rotations.forget()
        if kind.startswith(KIND):
            self._cutover(kind[len(KIND) :], at, body)
        elif kind.startswith(GRANT):
            if not self.keyed:
                self.grants.take(kind[len(GRANT) :], body)
        elif (handler := self.HANDLERS.get(kind)) is not None:
            forms.must(not (self.keyed and NAMING & body.keys()))
            handler(self, JournalLine(seq, at, body))

    def unsettled(self) -> bool:
        """Say whether more was listed, adopted or tried again than rows tell of."""
        return (
            bool(self.adoptions.unsent)
            or self.asked > self.retried
            or any(one.new > one.came or one.left > one.went for one in self.datasets.values())
        )

    # --- what they say, kind by kind ---------------------------------------------------------

    def _started(self, event: JournalLine) -> None:
        digest = forms.DIGEST.text(event.body["plan_digest"])
        self._planned(digest, digest)
        self.started = self.started or event.at

    def _changed_plan(self, event: JournalLine) -> None:
        self._planned(forms.DIGEST.text(event.body["was"]), forms.DIGEST.text(event.body["now"]))

    def _planned(self, was: str, now: str) -> None:
        forms.must(self.plan in (None, was))
        self.plan = now

    def _ended(self, event: JournalLine) -> None:
        self.ended = event.at
        for entry in map(forms.mapping, forms.array(event.body["traffic"])):
            found = told_traffic(entry)
            self.traffic.append(found)
            if "clock_offset" in entry:
                offset = entry["clock_offset"]
                if not forms.is_number(offset):
                    raise ValueError
                if found.side != "identity":
                    self.offsets[found.endpoint] = offset

    def _probed(self, event: JournalLine) -> None:
        self.probes.add(forms.DIGEST.text(event.body["record_sha256"]))

    def _object_opened(self, event: JournalLine) -> None:
        opening = {} if self.keyed else {name: event.body[name] for name in shapes.OPENING}
        forms.must(self.keyed or shapes.ill_formed(opening, shapes.OPENING, "") is None)
        self.openings.append(opening)

    def _inventoried(self, event: JournalLine) -> None:
        body = event.body
        forms.must(self.started is not None)
        if not self._new_form(event.seq, new="excluded" in body):
            return
        self._account(body).seal(event.seq, body, keyed=self.keyed)

    def _changed(self, event: JournalLine) -> None:
        self._new_form(event.seq, new=True)
        self._account(event.body).change(event.seq, event.body, keyed=self.keyed)

    def _sent(self, event: JournalLine) -> None:
        self._acknowledged("sent", event.at, self._many(event.body, "ids", once=False))
        if not self.keyed:
            self.adoptions.sent(numbers(event.body["ids"]))

    def _verified(self, event: JournalLine) -> None:
        body = event.body
        many = self._many(body, "ids")
        for look in self.again.values():
            if look.away:  # of keyed names nobody knows what is
                look.away.difference_update(numbers(body["ids"]))
        self._acknowledged("verified", event.at, many)
        if self._new_form(event.seq, new="datasets" in body):
            self._counted("verified", body["datasets"], many)

    def _superseded(self, event: JournalLine) -> None:
        body = event.body
        if self._new_form(event.seq, new="dropped_datasets" in body):
            many = None if self.keyed else self._many(body, "dropped")
            self._counted("verified", body["dropped_datasets"], many, sign=-1)
            ids = [] if self.keyed else numbers(body["dropped"])
            self.dropped.update(ids)
            self.rotations.dropped(sum(forms.counts(body["dropped_datasets"]).values()), ids)

    def _failed(self, event: JournalLine) -> None:
        self._new_form(event.seq, new=True)
        self._counted("failed", event.body["datasets"], self._many(event.body, "ids"))

    def _retried(self, event: JournalLine) -> None:
        self._new_form(event.seq, new=True)
        many = self._many(event.body, "ids")
        self.retried += many
        self._counted("failed", event.body["datasets"], many, sign=-1)

    def _findings(self, event: JournalLine) -> None:
        self._new_form(event.seq, new=True)
        self.findings.take(event.body, keyed=self.keyed)

    def _upgraded(self, event: JournalLine) -> None:
        forms.must(not self.upgraded and not self.new_form)
        self.upgraded = event.seq
        for account in self.datasets.values():
            account.clear()
        self._counted("verified", event.body["verified"], None)

    def _cutover(self, name: str, at: str, body: forms.Body) -> None:
        batch = forms.TEXT.text(body["batch"])
        track = "" if self.keyed else forms.TEXT.text(body["track"])
        forms.must(track in ("", "cutover", "rehearsal"))
        if name == "erasing":
            self.erasing.add(batch)
        account = self.cutovers.setdefault((batch, track), CutoverAccount(batch, track))
        if not self.keyed:
            account.take(name, at, body)

    def _bound(self, event: JournalLine) -> None:
        self.bindings.bind(event.body)

    def _batch_bound(self, event: JournalLine) -> None:
        self.bindings.begin(event.body)

    def _batch_amended(self, event: JournalLine) -> None:
        self.bindings.amend(event.body)

    def _drilled(self, event: JournalLine) -> None:
        if not self.keyed:
            self.drills.take(event.at, event.body, self.receipts["sent"].objects)

    def _headers_copied(self, event: JournalLine) -> None:
        told = {**forms.picked(event.body, "batch", "packs", "bytes", "root"), "at": event.at}
        forms.must(shapes.ill_formed(told, shapes.COPIED, "") is None)
        self.copied[forms.TEXT.text(event.body["batch"])] = told

    def _fidelity_chosen(self, event: JournalLine) -> None:
        body = event.body
        ways = None
        if "ways" in body or not self.keyed:  # keyed ones of an earlier version say nothing
            told = forms.mapping(body.get("ways"))
            ways = {name: way for name, way in told.items() if forms.is_string(way)}
            forms.must(len(ways) == len(told))
        self._account(body).choose(ways)

    def _look(self, body: forms.Body) -> LookAccount:
        batch = forms.TEXT.text(body["batch"])
        return self.again.setdefault(batch, LookAccount(batch))

    def _looking_again(self, event: JournalLine) -> None:
        self._look(event.body).begin(event.at, event.body)

    def _looked_again(self, event: JournalLine) -> None:
        body = event.body
        names = (*FOUND, *(name for name in SOMETIMES if name in body))
        absent: list[int] = []
        if self.keyed:
            counts = {name: forms.count(body[name]) for name in names}
        else:
            ids = {name: numbers(body[name]) for name in names}
            counts = {name: len(found) for name, found in ids.items()}
            forms.must(
                len({one for found in ids.values() for one in found}) == sum(counts.values())
            )
            absent = [*ids["gone"], *ids["damaged"]]
            self._lost(absent)
            if "spans" in body:
                forms.must(all(len(forms.array(one)) == 2 for one in forms.array(body["spans"])))
                found = [number for one in ids.values() for number in one]
                read_within(body["spans"], body["objects"], found)
        if "lost" in body:  # of what was deleted at the source nothing is sent again
            forms.must(body["batch"] in self.erasing)
            forms.must(not (counts["gone"] or counts["damaged"] or counts["replaced"]))
        self._look(body).read(event.at, body, counts, absent)

    def _look_ended(self, event: JournalLine) -> None:
        self._look(event.body).end(event.body)

    def _restored(self, event: JournalLine) -> None:
        if not self.keyed:
            self._lost([forms.whole(event.body["id"])])

    def _pass(self, body: forms.Body) -> PassAccount:
        batch = forms.TEXT.text(body["batch"])
        return self.passes.setdefault(batch, PassAccount())

    def _refreshing(self, event: JournalLine) -> None:
        self._pass(event.body).begin(event.body)

    def _refreshed(self, event: JournalLine) -> None:
        self._pass(event.body).demand_open(event.body)
        if not self.keyed:
            forms.must(self._batches[forms.string(event.body["dataset"])] == event.body["batch"])
        self._account(event.body).pass_over(event.body)

    def _refresh_ended(self, event: JournalLine) -> None:
        self._pass(event.body).end(event.body)

    def _retrying(self, event: JournalLine) -> None:
        reasons = forms.counts(event.body["reasons"])
        forms.must(forms.TEXT.holds(event.body["batch"]) and bool(reasons))
        forms.must(all(reasons.values()))
        self.asked += sum(reasons.values())

    def _keys_rotating(self, event: JournalLine) -> None:
        self.rotations.begin(event.at, event.body, self._verified_now())
        self.bindings.exchange(event.body)

    def _data_keys_rotating(self, event: JournalLine) -> None:
        self.rotations.begin_data_keys(event.at, event.body, self._verified_now())
        self.bindings.keep(event.body)

    def _headers_exchanged(self, event: JournalLine) -> None:
        body = event.body
        self._new_form(event.seq, new=True)
        many = self._many(body, "ids")
        if self.keyed:
            lost = forms.count(body["lost"])
        else:
            lost = len(numbers(body["lost"]))
            gone = {*numbers(body["ids"]), *numbers(body["lost"])}
            forms.must(len(gone) == many + lost)
            self._lost(sorted(gone))
        self.rotations.exchanged(body, many, lost)
        self._counted("verified", body["datasets"], many)

    def _headers_rewrapped(self, event: JournalLine) -> None:
        self.rotations.rewrapped(event.body)

    def _headers_erasing(self, event: JournalLine) -> None:
        self.erasures.begin(event.at, event.body)
        self.rotations.forget()

    def _headers_erased(self, event: JournalLine) -> None:
        self.erasures.end(event.at, event.body)

    def _keys_rotated(self, event: JournalLine) -> None:
        self.rotations.end(event.at, event.body)

    def _verified_now(self) -> int:
        return sum(one.verified for one in self.datasets.values())

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

    def _many(self, body: forms.Body, name: str, *, once: bool = True) -> int:
        """Return how many objects an event is about."""
        if self.keyed:
            return forms.count(body["objects"])
        ids = numbers(body[name])
        forms.must(not once or len(set(ids)) == len(ids))
        return len(ids)

    def _acknowledged(self, kind: str, at: str, many: int) -> None:
        forms.must(self.started is not None)
        self.receipts[kind].acknowledge(at, many)

    def _under_way(self, event: JournalLine) -> None:
        body = event.body
        forms.must(self.started is not None)
        receipts = self.receipts[PACED[forms.TEXT.text(body["step"])]]
        if self.keyed:
            passed = [forms.count(body["bytes"])]
            forms.count(body["objects"])
        else:
            passed = [forms.count(one) for one in forms.array(body["bytes"])]
            forms.must(self._many(body, "ids") == len(passed))
        receipts.passed += sum(passed)
        receipts.begun = receipts.begun or event.at

    def _account(self, body: forms.Body) -> DatasetAccount:
        return self.datasets[forms.string(body["dataset"])]

    def _counted(self, what: str, told: object, many: int | None, *, sign: int = 1) -> None:
        counts = forms.counts(told)
        forms.must(many is None or sum(counts.values()) == many)
        for name, count in counts.items():
            total = getattr(self.datasets[name], what) + sign * count
            forms.must(total >= 0)
            setattr(self.datasets[name], what, total)

    HANDLERS = {  # noqa: RUF012 - nobody changes it
        "run-started": _started,
        "run-ended": _ended,
        "plan-changed": _changed_plan,
        "probed": _probed,
        "bound": _bound,
        "batch-bound": _batch_bound,
        "batch-amended": _batch_amended,
        "drilled": _drilled,
        "headers-copied": _headers_copied,
        "fidelity-chosen": _fidelity_chosen,
        "object-opened": _object_opened,
        "inventoried": _inventoried,
        "inventory-changed": _changed,
        "sent": _sent,
        "verified": _verified,
        "under-way": _under_way,
        "superseded": _superseded,
        "failed": _failed,
        "retried": _retried,
        "findings": _findings,
        "looking-again": _looking_again,
        "looked-again": _looked_again,
        "look-ended": _look_ended,
        "restored": _restored,
        "refreshing": _refreshing,
        "refreshed": _refreshed,
        "refresh-ended": _refresh_ended,
        "retrying": _retrying,
        "keys-rotating": _keys_rotating,
        "headers-rewrapped": _headers_rewrapped,
        "data-keys-rotating": _data_keys_rotating,
        "headers-exchanged": _headers_exchanged,
        "keys-rotated": _keys_rotated,
        "headers-erasing": _headers_erasing,
        "headers-erased": _headers_erased,
        "ledger-upgraded": _upgraded,
    }
