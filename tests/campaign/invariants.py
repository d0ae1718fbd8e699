"""What must hold after each process, whatever happened to it."""

from __future__ import annotations

from collections import Counter
from itertools import product

from hdh_migrate.errors import MigrateError
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import ObjectRecord, State
from hdh_migrate.pipeline.projections.standing import FINAL, CutoverStage, CutoverStanding, standing
from tests.campaign.council import Council
from tests.campaign.exchanges import waiting
from tests.campaign.guards import GuardedPointer, Trials, finalized_root
from tests.campaign.keyring import every_version
from tests.campaign.life import Broken
from tests.campaign.packs import headers_of, is_pack, opened
from tests.campaign.setting import AT_TARGET, BUCKET, NOT_SWITCHED, Setting
from tests.support.cutover import BATCH, NEW


class Invariants:
    """Looks at everything that a process left."""

    def __init__(
        self, setting: Setting, council: Council, pointer: GuardedPointer, trials: Trials
    ) -> None:
        self._setting, self._council, self._pointer = setting, council, pointer
        self._trials = trials
        self._final: CutoverStage | None = None
        self._moved: dict[str, set[str]] = {}
        """By machine: what was at the target, or on its way, after its last process."""

    def check(self, name: str) -> None:
        """Check everything.

        Raises:
            Broken: something does not hold.
        """
        setting, host = self._setting, self._setting.host
        ledger = setting.world.open()
        try:
            ledger.check()
            ledger.reconcile()
            datasets = setting.living(ledger)
            rows = []
            for dataset in datasets:
                own = list(ledger.records(dataset.id))
                self._count(name, ledger, dataset.id, own)
                rows += own
            journal = [digest for *_, digest in ledger.journal()]
            now = standing(ledger.cutovers(), BATCH)
            if setting.kind.apart:
                under_way = ledger.exchanging()
                setting.under_way = {
                    row["key"]: under_way[row["id"]] for row in rows if row["id"] in under_way
                }
                setting.headers = {}
                for dataset in datasets:
                    setting.headers |= headers_of(ledger, dataset.id)
            unsure = waiting(ledger) if setting.kind.rekeys else None
            setting.seen = rows, now
        except MigrateError as error:
            raise Broken(f"{name}: the ledger does not check: {error}") from error
        finally:
            ledger.close()
        if journal[: len(host.journal)] != host.journal:
            raise Broken(f"{name}: events of the journal are gone")
        host.journal = journal
        for dataset in datasets:
            if dataset.sealed and dataset.name not in host.sealed and not setting.moving:
                known = {row["key"] for row in rows}
                left_out = {
                    key
                    for key in setting.source_keys()
                    if key not in known and setting.dataset_of(key).name == dataset.name
                }
                if left_out:
                    raise Broken(f"{name}: an inventory was sealed without {min(left_out)}")
        host.sealed |= {row.name for row in datasets if row.sealed}
        for bodies in setting.target.left.values():
            longest = max(map(len, bodies))
            if len({body for body in bodies if len(body) == longest}) > 1:
                raise Broken(f"{name}: one data key sealed two different bodies in one place")
        for row in rows:
            if row["state"] is State.VERIFIED and row["key"] not in setting.harmed:
                self._reopen(name, row)
                if setting.kind.apart and not is_pack(row["key"]):
                    continue
                if unsure is not None and row["id"] not in unsure:
                    self._demand_key(name, row["key"])
        self._demand_two_places(name, rows)
        self._demand_moved(name, rows)
        self._demand_foreign(name)
        self._demand_pointer(name, now)
        if self._trials.left() - {one.name for one in now.probes}:
            raise Broken(f"{name}: what a write trial left is at the source and nothing says so")

    def _demand_two_places(self, name: str, rows: list[ObjectRecord]) -> None:
        """Demand that packs at either place open everything while it is being sealed anew.

        Where the target keeps versions, what they open is there still, or what took its place. A
        pack that could not be written before, and that the ledger calls failed, opens nothing.
        """
        setting, ring = self._setting, self._setting.hybrid
        quiet = setting.versioned and len(setting.hosts) == 1 and not setting.packs_harmed
        if ring is None or setting.host.copies is None or not (setting.host.rotating and quiet):
            return
        lacking = {
            setting.dataset_of(row["key"]).name
            for row in rows
            if is_pack(row["key"]) and row["state"] is State.FAILED
        }
        held = every_version(setting.target, BUCKET)
        packs = [body for one in held if is_pack(setting.key(one)) for body in held[one]]
        copies = [path.read_bytes() for path in setting.host.copies.files()]
        for place, bodies in (("target", packs), ("second place", copies)):
            keys = set[bytes]().union(*map(ring.keys_of, bodies))
            for row in rows:
                key = row["key"]
                ours = row["state"] is State.VERIFIED and not is_pack(key)
                if not ours or key in setting.harmed or setting.dataset_of(key).name in lacking:
                    continue
                versions = held.get(setting.name(key), ())
                size = len(setting.bytes[key, row["version"] or ""][0])
                pairs = product(versions, keys)
                if all(opened(body, data_key, size) is None for body, data_key in pairs):
                    raise Broken(f"{name}: the packs at the {place} do not open {key} meanwhile")

    def _demand_moved(self, name: str, rows: list[ObjectRecord]) -> None:
        """Demand that an amendment leaves nothing out that is at the target, or on its way."""
        known = self._moved.get(self._setting.host.name, set())
        out = {row["key"] for row in rows if row["state"] is State.EXCLUDED}
        if name.endswith("amend") and known & out:
            raise Broken(f"{name}: {min(known & out)} is left out, and was moved")
        self._moved[self._setting.host.name] = {
            row["key"]
            for row in rows
            if row["state"] in {State.SENDING, State.SENT, State.VERIFIED}
        }

    def _count(
        self, name: str, ledger: SqliteLedger, dataset: int, rows: list[ObjectRecord]
    ) -> None:
        counts = Counter(row["state"] for row in rows)
        tallies = {state: ledger.tally(dataset, state).objects for state in State}
        if any(counts[state] != count for state, count in tallies.items()):
            raise Broken(f"{name}: the counts do not close: {counts} {tallies}")

    def _reopen(self, name: str, row: ObjectRecord) -> None:
        """Demand that what is called verified opens to the bytes of its version."""
        key, version = row["key"], row["version"] or ""
        if is_pack(key):
            if not self._setting.ring.openers(self._setting.stored(key) or b""):
                raise Broken(f"{name}: pack {key} is called verified and does not open")
            return
        if (key, version) not in self._setting.bytes:
            raise Broken(f"{name}: {key} is verified in a version that never was")
        if not self._setting.holds(key, version):
            raise Broken(f"{name}: {key} is called verified and is not")

    def _demand_key(self, name: str, key: str) -> None:
        """Demand that what is verified opens for those whom the plan names now, and nobody else."""
        setting = self._setting
        stored = setting.stored(key)
        assert stored is not None, "it was opened"
        openers, planned = setting.ring.openers(stored), setting.host.recipients
        if setting.strangers and planned[0] in openers:
            return  # a copy may have exchanged the other key: packets name nobody, so who knows?
        if openers != set(planned):
            raise Broken(f"{name}: {key} opens for others than the plan names")

    def _demand_foreign(self, name: str) -> None:
        """Demand that somebody else's object is where it was, or was kept aside."""
        if not self._setting.foreign:
            return
        held = every_version(self._setting.target, BUCKET)
        ours = [one for one in held if one.startswith(("t/", "e/"))]
        for key, body in self._setting.foreign.items():
            if body not in {one for name in ours if key in name for one in held[name]}:
                raise Broken(f"{name}: somebody else's object was overwritten: {key}")

    def _demand_pointer(self, name: str, now: CutoverStanding) -> None:
        """Demand that the pointer is where the journal says, and that the end was agreed to."""
        setting, pointer = self._setting, self._pointer
        if not setting.pointer_touched and (setting.switched_by in (None, setting.host)):
            if now.stage in AT_TARGET and pointer.value != NEW:
                raise Broken(f"{name}: the journal says {now.stage}, the pointer does not")
            if now.stage in NOT_SWITCHED and not now.intended and pointer.value == NEW:
                raise Broken(f"{name}: the pointer is switched, the journal says {now.stage}")
        if now.stage in FINAL and self._final is None:
            self._final = now.stage
            if not self._council.agreed("finalize", finalized_root(now), pointer.switched_at):
                raise Broken(f"{name}: finalized, and nobody approved that")
            if pointer.value != NEW and setting.pointer_touched <= setting.began:
                raise Broken(f"{name}: finalized while consumers are led to somewhere else")
            if why := setting.conditions.against(setting.began):
                raise Broken(f"{name}: finalized, and {why}")
