"""What each event of a journal says, and what all of them add up to.

Used by verify.py (which see). It needs Python 3.9 and nothing else. Memory grows with what changed
after an inventory was sealed and with the findings that are open, never with the number of
objects. docs/evidence-format.md, section 8, gives the rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hdh_migrate.evidence.verifier import forms, shapes
from hdh_migrate.evidence.verifier.accounts import (
    DatasetAccount,
    OpenFindings,
    Receipts,
    ToldTraffic,
    numbers,
    told_traffic,
)
from hdh_migrate.evidence.verifier.approvals import ApprovalAccount
from hdh_migrate.evidence.verifier.bindings import Bindings
from hdh_migrate.evidence.verifier.cutovers import KIND, CutoverAccount
from hdh_migrate.evidence.verifier.grants import GRANT, GrantLedger
from hdh_migrate.evidence.verifier.headers import ErasureLedger, RotationLedger
from hdh_migrate.evidence.verifier.looks import FOUND, SOMETIMES, LookAccount, PassAccount
from hdh_migrate.evidence.verifier.waivers import WaiverAccount


class EventAccount:
    """Takes the events of a journal one after another; `keyed` says whether names are.

    `batches` names the batch of each dataset.
    """

    def __init__(self, batches: Mapping[str, str], *, keyed: bool) -> None:
        self.keyed = keyed
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
        self.grants = GrantLedger(self.datasets)
        self.approvals = ApprovalAccount(self.grants, self.bindings, self.cutovers)
        self.waivers = WaiverAccount(batches, self.findings, self.cutovers)
        self.drilled: dict[str, str] = {}
        """When a recipient's key was last seen to open, by its fingerprint."""
        self.stored: dict[str, Mapping[str, object]] = {}
        """What it opened when it was last tried on stored objects, by the same."""
        self.copied: dict[str, Mapping[str, object]] = {}
        """What was told last of the copies of each batch's header packs."""
        self.openings: list[Mapping[str, object]] = []
        self.again: dict[str, LookAccount] = {}
        self.erasing = set[str]()
        self.passes: dict[str, PassAccount] = {}
        self.rotations = RotationLedger(keyed=keyed)
        self.erasures = ErasureLedger()
        self.retried = self.asked = 0
        self.dropped: set[int] = set()
        """What is verified no more, since the last event that told of the target."""

    def take(self, kind: str, seq: int, at: str, body: forms.Body) -> None:
        """Take one event; raise ValueError or the like where it is not what it must be."""
        if not self.keyed:
            self.approvals.take(kind, seq, body, self.plan)
            self.waivers.take(kind, at, body, self.plan)
        if kind.startswith(KIND):
            self._cutover(kind[len(KIND) :], at, body)
        elif kind.startswith(GRANT):
            if not self.keyed:
                self.grants.take(kind[len(GRANT) :], body)
        elif (handler := HANDLERS.get(kind)) is not None:
            forms.must(not (self.keyed and NAMING & body.keys()))
            handler(self, seq, at, body)

    def unsettled(self) -> bool:
        """Say whether more was listed or tried again than rows tell of."""
        return self.asked > self.retried or any(
            one.new > one.came or one.left > one.went for one in self.datasets.values()
        )

    # --- what they say, kind by kind ---------------------------------------------------------

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
            found = told_traffic(entry)
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
        opening = {} if self.keyed else {name: body[name] for name in shapes.OPENING}
        forms.must(self.keyed or shapes.ill_formed(opening, shapes.OPENING, "") is None)
        self.openings.append(opening)

    def _inventoried(self, seq: int, at: str, body: forms.Body) -> None:
        del at
        forms.must(self.started is not None)
        if not self._new_form(seq, new="excluded" in body):
            return
        self._account(body).seal(seq, body, keyed=self.keyed)

    def _changed(self, seq: int, at: str, body: forms.Body) -> None:
        del at
        self._new_form(seq, new=True)
        self._account(body).change(seq, body, keyed=self.keyed)

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
            self.dropped.update(() if self.keyed else numbers(body["dropped"]))

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
        self.findings.take(body, keyed=self.keyed)

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
            if "stored" in body:
                told = forms.mapping(body["stored"])
                found = {name: told[name] for name in ("objects", "opened", "whole", "bytes")}
                objects, opened, whole, _ = map(forms.count, found.values())
                forms.must(objects > 0 and whole <= opened <= objects)
                self.stored[fingerprint] = found | {"at": at}

    def _headers_copied(self, seq: int, at: str, body: forms.Body) -> None:
        del seq
        told = {name: body[name] for name in ("batch", "packs", "bytes", "root")} | {"at": at}
        forms.must(shapes.ill_formed(told, shapes.COPIED, "") is None)
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
        names = (*FOUND, *(name for name in SOMETIMES if name in body))
        if self.keyed:
            counts = {name: forms.count(body[name]) for name in names}
        else:
            ids = {name: numbers(body[name]) for name in names}
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
        account.pass_over(body)

    def _refresh_ended(self, seq: int, at: str, body: forms.Body) -> None:
        del seq, at
        forms.must(shapes.ill_formed(body["listed"], shapes.SUM, "") is None)
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
            lost = len(numbers(body["lost"]))
            gone = {*numbers(body["ids"]), *numbers(body["lost"])}
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

    def _many(self, body: forms.Body, name: str, *, once: bool = True) -> int:
        """Return how many objects an event is about."""
        if self.keyed:
            return forms.count(body["objects"])
        ids = numbers(body[name])
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


PACED = {"transfer": "sent", "verify": "verified"}
"""Which events acknowledge the objects of a step."""
NAMING = {"ids", "dropped"}
"""What tells of rows, and so of names: never beside keyed ones."""


HANDLERS = {
    "run-started": EventAccount._started,  # noqa: SLF001 - they are its own
    "run-ended": EventAccount._ended,  # noqa: SLF001
    "plan-changed": EventAccount._changed_plan,  # noqa: SLF001
    "probed": EventAccount._probed,  # noqa: SLF001
    "bound": EventAccount._bound,  # noqa: SLF001
    "batch-bound": EventAccount._batch_bound,  # noqa: SLF001
    "batch-amended": EventAccount._batch_amended,  # noqa: SLF001
    "drilled": EventAccount._drilled,  # noqa: SLF001
    "headers-copied": EventAccount._headers_copied,  # noqa: SLF001
    "fidelity-chosen": EventAccount._fidelity_chosen,  # noqa: SLF001
    "object-opened": EventAccount._object_opened,  # noqa: SLF001
    "inventoried": EventAccount._inventoried,  # noqa: SLF001
    "inventory-changed": EventAccount._changed,  # noqa: SLF001
    "sent": EventAccount._sent,  # noqa: SLF001
    "verified": EventAccount._verified,  # noqa: SLF001
    "under-way": EventAccount._under_way,  # noqa: SLF001
    "superseded": EventAccount._superseded,  # noqa: SLF001
    "failed": EventAccount._failed,  # noqa: SLF001
    "retried": EventAccount._retried,  # noqa: SLF001
    "findings": EventAccount._findings,  # noqa: SLF001
    "looking-again": EventAccount._looking_again,  # noqa: SLF001
    "looked-again": EventAccount._looked_again,  # noqa: SLF001
    "look-ended": EventAccount._look_ended,  # noqa: SLF001
    "restored": EventAccount._restored,  # noqa: SLF001
    "refreshing": EventAccount._refreshing,  # noqa: SLF001
    "refreshed": EventAccount._refreshed,  # noqa: SLF001
    "refresh-ended": EventAccount._refresh_ended,  # noqa: SLF001
    "retrying": EventAccount._retrying,  # noqa: SLF001
    "keys-rotating": EventAccount._keys_rotating,  # noqa: SLF001
    "headers-rewrapped": EventAccount._headers_rewrapped,  # noqa: SLF001
    "data-keys-rotating": EventAccount._data_keys_rotating,  # noqa: SLF001
    "headers-exchanged": EventAccount._headers_exchanged,  # noqa: SLF001
    "keys-rotated": EventAccount._keys_rotated,  # noqa: SLF001
    "headers-erasing": EventAccount._headers_erasing,  # noqa: SLF001
    "headers-erased": EventAccount._headers_erased,  # noqa: SLF001
    "ledger-upgraded": EventAccount._upgraded,  # noqa: SLF001
}
