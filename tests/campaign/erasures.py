"""The erasure of a life's second dataset, beside one that lives on; and what holds ever after.

What was agreed to, which headers there ever were and what the source has is remembered here by who
saw it; the ledger is only asked what it tells of the erasure itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from hdh_migrate.clocks import later
from hdh_migrate.errors import Exit, MigrateError, SwitchHeld
from hdh_migrate.evidence.signatures.approval_forms import approval
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import HEADER_PACKS, WRAPPED, ObjectRecord, State
from hdh_migrate.pipeline.rotation.header_erasure import KEPT
from hdh_migrate.session.policy.erased import DatasetErasure, erasures
from hdh_migrate.session.policy.erasure import GRANTS, ONLY_COPY, planned_erasure
from hdh_migrate.session.policy.kept_approvals import keep_approval
from hdh_migrate.session.verbs.approve_erasure import erasure_here
from hdh_migrate.session.verbs.erase import carry_out
from tests.campaign.council import DAYS_30
from tests.campaign.desks import desk_of
from tests.campaign.guards import Committed
from tests.campaign.keyring import every_version
from tests.campaign.life import Broken
from tests.campaign.operators import Operators
from tests.campaign.packs import headers_of
from tests.campaign.setting import BUCKET, ENDING, Setting, SimulatedHost
from tests.campaign.signers import DPO

WORDS = ((), (), (ONLY_COPY,), (GRANTS, ONLY_COPY))
PACKS = f"{ENDING}/{HEADER_PACKS}{ENDING}/"
"""How the names of its packs begin at the target."""


class Erasures:
    """Agrees to an erasure, carries it out, and looks whether it is one."""

    def __init__(self, setting: Setting, operators: Operators) -> None:
        self._setting, self._operators = setting, operators
        self._committed = Committed(setting)
        self._although: tuple[str, ...] = ()
        self._agreed: dict[str, tuple[str, ...]] = {}
        """By request: in spite of what it was agreed to."""
        self._wrapped: set[bytes] = set()
        """What its headers wrapped, of each that was ever kept."""
        self._rows: dict[str, list[ObjectRecord]] = {}
        """By machine: the rows when the erasure was first told."""
        self._erasing: SimulatedHost | None = None
        """Which machine is about it: in the middle another one may do other things."""
        self._watch()

    # --- what people do --------------------------------------------------------------------------

    def agree(self) -> None:
        """Let somebody agree to exactly what would be erased now."""
        setting, desk = self._setting, desk_of(self._setting)
        self._although = setting.dice.choice(WORDS)
        with setting.script.undisturbed():
            try:
                subject, _ = erasure_here(desk, ENDING, self._although, None)
            except MigrateError:
                return
            now = setting.clock.now()
            keep_approval(desk, approval(DPO, subject, made_at=now, expires=later(now, DAYS_30)))
        self._agreed[subject.root or ""] = self._although
        setting.life.tell(
            f"people: agree to erase it, {' and '.join(self._although) or 'as it is'}"
        )

    def erase(self, *, agreed: bool = True) -> Exit:
        """Erase it, or go on with that; `agreed`: in the words that somebody agreed to."""
        although: Sequence[str] = self._although if agreed else (ONLY_COPY,)
        self._erasing = self._setting.host
        try:
            with self._operators.opened(writes=True, during=True) as (ledger, ctx):
                desk = desk_of(self._setting)
                planned = planned_erasure(desk, ledger, ENDING, although)
                remaining = carry_out(
                    desk, ctx, ledger, ctx.judge, planned, "its permit has ended",
                    demand_free=self._demand_free,
                )  # fmt: skip
        finally:
            self._erasing = None
        return Exit.FINDINGS if remaining else Exit.OK

    def _demand_free(self) -> None:
        """Refuse where somebody holds it, or another ledger writes at the target by now."""
        if (holder := self._setting.affair.holder) is not None:
            raise SwitchHeld(f"held: {holder}")
        if self._setting.holding is not None:
            self._setting.holding.demand()

    # --- at each effect --------------------------------------------------------------------------

    def _watch(self) -> None:
        target = self._setting.target
        put, complete, remove = target.put, target.complete, target.remove_version

        def sent(bucket: str, key: str, *args: object, **more: object) -> object:
            self._demand_living(key)
            return put(bucket, key, *args, **more)  # type: ignore[arg-type]

        def completed(upload: object, *args: object, **more: object) -> object:
            self._demand_living(upload.key)  # type: ignore[attr-defined]
            return complete(upload, *args, **more)  # type: ignore[arg-type]

        def removed(bucket: str, key: str, version_id: str) -> None:
            self._demand_allowed(key)
            remove(bucket, key, version_id)

        target.put, target.complete = sent, completed  # type: ignore[method-assign, assignment]
        target.remove_version = removed  # type: ignore[method-assign]

    def _demand_living(self, name: str) -> None:
        if name.startswith(f"{ENDING}/") and ENDING in self._setting.host.erased:
            raise Broken(f"{name} is sent, and its dataset was erased")

    def _demand_allowed(self, name: str) -> None:
        """Demand that what opens the dataset is removed with an intent, and as was agreed."""
        setting = self._setting
        if not name.startswith(f"{ENDING}/"):
            return
        if not name.startswith(PACKS):
            if self._erasing is setting.host or ENDING in setting.host.erased:
                raise Broken(f"{name} is a body, and is removed by an erasure")
            return
        if self._erasing is not setting.host:
            return
        with setting.script.undisturbed():
            told, rows = self._committed.erasure()
        if told is None:
            raise Broken(f"{name} is removed and the journal tells no erasure")
        if told.event.request not in self._agreed:
            raise Broken(f"{name} is removed and nobody agreed to this erasure")
        if ONLY_COPY in self._agreed[told.event.request] or ENDING in setting.host.erased:
            return
        for row in rows:
            key = row["key"]
            if row["state"] is State.VERIFIED and not key.startswith(HEADER_PACKS):
                blob = setting.source._blobs.get((setting.container(key), key))
                if blob is None or blob.info.version != row["version"]:
                    raise Broken(f"{name} is removed, {key} is nowhere else, and nobody meant that")

    # --- after each process ----------------------------------------------------------------------

    def settle(self) -> None:
        """Know what the journal of the machine that acts tells, from here on."""
        setting = self._setting
        ledger = setting.world.open()
        try:
            told = erasures(ledger)
            setting.host.erased = frozenset(told)
            if ENDING not in told:
                (row,) = [one for one in ledger.datasets() if one.name == ENDING]
                kept = headers_of(ledger, row.id).values()
                self._wrapped |= {header[-WRAPPED:] for header in kept}
        finally:
            ledger.close()

    def check(self, name: str) -> None:
        """Check what was erased.

        Raises:
            Broken: something of it is there that nobody said, or was touched again.
        """
        host = self._setting.host
        if ENDING not in host.erased:
            return
        ledger = self._setting.world.open()
        try:
            (row,) = [one for one in ledger.datasets() if one.name == ENDING]
            told, rows = erasures(ledger)[ENDING], list(ledger.records(row.id))
            if rows != self._rows.setdefault(host.name, rows):
                raise Broken(f"{name}: a row of what was erased is another one now")
            if told.ended is None:
                return
            self._demand_gone(name, told)
            self._demand_forgotten(name, ledger, row.id, told)
        finally:
            ledger.close()

    @property
    def is_under_way(self) -> bool:
        """Whether it was begun and is not ended, as the machine that acts has it."""
        told = self._told()
        return told is not None and told.ended is None

    @property
    def remaining(self) -> dict[str, int] | None:
        """What an erasure that is ended left; None: there is none."""
        told = self._told()
        return None if told is None or told.ended is None else told.remaining

    def _told(self) -> DatasetErasure | None:
        ledger = self._setting.world.open()
        try:
            return erasures(ledger).get(ENDING)
        finally:
            ledger.close()

    def _demand_gone(self, name: str, told: DatasetErasure) -> None:
        """Demand that both places serve nothing that opens it, but what was said to be there."""
        setting = self._setting
        assert setting.hybrid is not None
        assert setting.host.copies is not None
        said = told.remaining.get(KEPT, 0)  # what opens is ours, whatever else is there
        files = [one for one in setting.host.copies.files() if one.parent.name == ENDING]
        left = [one.name for one in files if setting.hybrid.openers(one.read_bytes())]
        if len(setting.hosts) == 1:  # a copy of the ledger from before it knows nothing of it
            for key, bodies in every_version(setting.target, BUCKET).items():
                if key.startswith(PACKS):
                    left += [key for body in bodies if setting.hybrid.openers(body)]
        if len(left) > said:
            raise Broken(f"{name}: {min(left)} opens what was erased, and nobody says so")

    def _demand_forgotten(
        self, name: str, ledger: SqliteLedger, dataset: int, told: DatasetErasure
    ) -> None:
        """Demand that no file of the ledger has anything that its headers wrapped."""
        if ledger.headers_of(dataset):
            raise Broken(f"{name}: the ledger has headers of what was erased")
        if not name.endswith("erase"):
            return
        del told
        for path in self._setting.world.path.parent.glob("ledger.db*"):
            data = path.read_bytes()
            if any(one in data or one.hex().encode() in data for one in self._wrapped):
                raise Broken(f"{name}: {path.name} has a header of what was erased")
