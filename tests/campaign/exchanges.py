"""Operators who exchange a recipient's key, or seal everything anew, as the session's verbs do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hdh_migrate.clocks import later
from hdh_migrate.errors import Exit, Refused
from hdh_migrate.events.cutover import Track
from hdh_migrate.events.rotation import DataKeysRotating, KeysRotating
from hdh_migrate.evidence.signatures.approval_forms import approval
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import HEADER_PACKS, Listed, ObjectInfo, State, Tally
from hdh_migrate.pipeline.binding import bindings
from hdh_migrate.pipeline.context import Context, DatasetRules
from hdh_migrate.pipeline.inventory.amending import Amending
from hdh_migrate.pipeline.projections.portions import RotationSoFar
from hdh_migrate.pipeline.projections.standing import standing, standings
from hdh_migrate.pipeline.projections.undeleted import demand_undeleted
from hdh_migrate.pipeline.rotation.earlier_versions import (
    KEPT,
    LOCKED,
    NEEDED,
    UNADOPTED,
    UNLISTED,
    UNVERIFIED,
)
from hdh_migrate.pipeline.rotation.headers_apart import HeadersApart
from hdh_migrate.pipeline.rotation.renewing import Renewing
from hdh_migrate.pipeline.rotation.rotating import Rotating, RotationDone
from hdh_migrate.pipeline.rotation.sealing_anew import SealingAnew
from hdh_migrate.pipeline.rotation.sealing_apart import SealingApart
from hdh_migrate.pipeline.rules.selecting import decide
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.session.policy.approval_subjects import subject_of
from hdh_migrate.session.policy.binding import bound_recipients
from hdh_migrate.session.policy.resealing import UNDER_WAY
from hdh_migrate.session.policy.rotating import last_rotation, open_rotation
from hdh_migrate.session.policy.rotation import RecipientKey, request_of
from hdh_migrate.session.verbs.rotate import _rewrap
from hdh_migrate.session.verbs.writing_anew import code_of
from tests.campaign.council import DAYS_30
from tests.campaign.desks import desk_of
from tests.campaign.keyring import every_version, versions
from tests.campaign.life import Broken
from tests.campaign.operators import GONE, Operators
from tests.campaign.packs import HybridRing, headers_of, is_pack, opens_first, packs_at
from tests.campaign.setting import BUCKET, USER, Setting
from tests.campaign.signers import DPO
from tests.support.cutover import BATCH
from tests.support.world import SEGMENT

STILL_THERE = (LOCKED, KEPT, NEEDED, UNADOPTED)
"""Why earlier versions of what is verified may be there after an exchange."""

SMALL = 100_000
"""Stored bytes up to which an object is put again whole here, where all objects are small."""


class ShortRenewing(Renewing):
    """Has the host copy parts of what is large here."""

    def _is_small(self, stored: int) -> bool:
        return stored <= SMALL

    def _head_part(self) -> int:
        return SEGMENT


class ShortSealingAnew(SealingAnew):
    """Seals what is large here part by part."""

    def _is_small(self, stored: int) -> bool:
        return stored <= SMALL


class ShortSealingApart(SealingApart):
    """Seals what is large here part by part, and makes its pack."""

    def _is_small(self, stored: int) -> bool:
        return stored <= SMALL


class Exchanges:
    """The verbs that give what is verified other headers, or other data keys."""

    def __init__(self, setting: Setting, operators: Operators) -> None:
        self._setting, self._operators = setting, operators
        self._known: dict[int, set[bytes]] = {}
        """By a resealing's number: the data keys of what was stored when it began."""

    # --- verbs ---------------------------------------------------------------------------------

    def rotate(self, *, another: bool = True) -> Exit:
        """Exchange a recipient's key; go on with an exchange that is not through.

        `another`: one that went through may be followed by another one.
        """
        with self._opened() as (ledger, ctx):
            event = self._exchange(ledger, another=another)
            before, ring = self._bound(ledger), self._setting.ring
            begun = _begun(ledger, event.number)
            if begun:
                before = tuple(event.old if one == event.new else one for one in before)
            anew = ring.exchange(self._setting.dice.choice(before), event.recipients)
            self._plan_names(ctx, event.recipients)
            if not begun:
                self._begin(ledger, ctx, event)
            apart = self._setting.kind.apart
            shut = HeadersApart(ctx, event.number, anew).run() if apart else None
            done = Rotating(
                ctx, event.number, _rewrap(anew, ctx.envelopes), connections=1,
                renewing=ShortRenewing(ctx), apart=shut,
            ).run()  # fmt: skip
            ledger.reconcile()
            self._demand_shut(ledger, event.old, done)
        return code_of(done)

    def reseal(self, *, another: bool = True) -> Exit:
        """Seal every verified object under a new data key; go on with what is not through."""
        with self._opened() as (ledger, ctx):
            event = self._resealing(ledger, another=another)
            if not _begun(ledger, event.number):
                self._known[event.number] = set(self._data_keys(ledger))
                self._begin(ledger, ctx, event)

            def fresh(header: bytes) -> bytes:
                ctx.envelopes.open(header)
                return ctx.envelopes.new().header

            kind = ShortSealingApart if self._setting.kind.apart else ShortSealingAnew
            done = Rotating(
                ctx, event.number, fresh, connections=1, renewing=kind(ctx, 64 << 20),
            ).run()  # fmt: skip
            ledger.reconcile()
            self._demand_unknown(ledger, event.number, done)
        return code_of(done)

    def take_fence(self) -> Exit:
        """Take the fence from whoever has it, and do nothing else."""
        with self._operators.opened(writes=True, over=GONE, during=True):
            return Exit.OK

    def settle(self) -> None:
        """Let the plan name the recipients that the ledger is bound to."""
        ledger = self._setting.world.open()
        try:
            bound = tuple(bound_recipients(ledger) or self._setting.host.first)
            self._setting.host.recipients = bound
            self._setting.world.envelopes = self._setting.ring.envelopes(bound)
            self._setting.host.rotating = open_rotation(ledger) is not None
        finally:
            ledger.close()

    def left(self) -> set[int] | None:
        """Return what the last exchange left as it was; None: it is not through."""
        ledger = self._setting.world.open()
        try:
            return waiting(ledger)
        finally:
            ledger.close()

    # --- what is demanded of a ledger before -----------------------------------------------------

    @contextmanager
    def _opened(self) -> Iterator[tuple[SqliteLedger, Context]]:
        with self._operators.opened(writes=True, during=True) as (ledger, ctx):
            if not self._setting.versioned:
                demand_undeleted(ledger, BATCH)
            yield ledger, ctx

    def _exchange(self, ledger: SqliteLedger, *, another: bool) -> KeysRotating:
        """Return the exchange that is to go on, or a new one.

        Raises:
            Refused: the ledger has something against it.
        """
        last, dice = last_rotation(ledger), self._setting.dice
        if last is not None and isinstance(last[0], KeysRotating):
            event, ended = last
            assert isinstance(event, KeysRotating)
            if not ended or not another or dice.random() < 0.4:
                return event
        elif last is not None and not last[1]:
            raise Refused("objects are being sealed anew")
        _demand_verified(ledger)
        self._demand_packed(ledger)
        bound = self._bound(ledger)
        old, new = dice.choice(bound), self._setting.ring.new()
        after = tuple(new if one == old else one for one in bound)
        number = 1 if last is None else last[0].number + 1
        return KeysRotating(
            number=number, old=old, new=new, recipients=after,
            request=request_of(number, RecipientKey(raw=old), RecipientKey(raw=new), after),
            objects=_verified(ledger).objects, bytes=_verified(ledger).size, approvals={},
            user=USER,
        )  # fmt: skip

    def _resealing(self, ledger: SqliteLedger, *, another: bool) -> DataKeysRotating:
        if not self._setting.kind.reseals:
            raise Refused("headers are apart")
        last = last_rotation(ledger)
        if (stage := standing(ledger.cutovers(), BATCH).stage) in UNDER_WAY:
            raise Refused(f"the batch stands at {stage}")
        if last is not None and isinstance(last[0], DataKeysRotating):
            if not last[1] or not another or self._setting.dice.random() < 0.4:
                return last[0]
        elif last is not None and not last[1]:
            raise Refused("a key is being exchanged")
        _demand_verified(ledger)
        bound = self._bound(ledger)
        number = 1 if last is None else last[0].number + 1
        return DataKeysRotating(
            number=number, recipients=bound, request=_digest(number, bound),
            objects=_verified(ledger).objects, bytes=_verified(ledger).size, approvals={},
            user=USER,
        )  # fmt: skip

    def _bound(self, ledger: SqliteLedger) -> tuple[str, ...]:
        bound = bound_recipients(ledger)
        if bound is None:
            raise Refused("nothing is sealed yet")
        return tuple(bound)

    def _demand_packed(self, ledger: SqliteLedger) -> None:
        for row in ledger.datasets() if self._setting.kind.apart else ():
            rows = ledger.packs(row.id, f"{HEADER_PACKS}{row.name}/")
            waits = any(one.state is not State.VERIFIED for one in rows)
            if waits or ledger.has_unpacked(row.id):
                raise Refused("header packs are not at the target as the ledger has them")

    def _plan_names(self, ctx: Context, recipients: tuple[str, ...]) -> None:
        """Let the plan name these recipients from here on; `settle` takes it back."""
        self._setting.world.envelopes = self._setting.ring.envelopes(recipients)
        ctx.envelopes = self._setting.world.envelopes

    def _begin(
        self, ledger: SqliteLedger, ctx: Context, event: KeysRotating | DataKeysRotating
    ) -> None:
        """Tell it, and let what is under way begin anew, in one transaction."""
        limits = self._setting.target.limits

        def by_plan(obj: ObjectInfo, route: Route, rules: DatasetRules) -> Listed:
            return decide(obj, route, rules.rules, limits, header=ctx.header, sealed=ctx.sealed)

        with ledger.whole():
            ledger.event(self._agreed(ledger, event))
            rows = ledger.datasets()
            for batch in dict.fromkeys(row.batch for row in rows):
                Amending(
                    ledger=ledger, routes=ctx.routes, rules=ctx.rules, decide=by_plan, touched=(),
                    resealed=True,
                ).run(
                    batch, [row.name for row in rows if row.batch == batch], apply=True
                )  # fmt: skip
            for row in rows:
                ledger.drop_uploads(ledger.failed_objects(row.id))
            ledger.commit()

    def _agreed(
        self, ledger: SqliteLedger, event: KeysRotating | DataKeysRotating
    ) -> KeysRotating | DataKeysRotating:
        """Have all agree to it whom the terms of a batch that was begun name."""
        rotates = isinstance(event, KeysRotating)
        stage = ApprovalStage.ROTATE if rotates else ApprovalStage.RESEAL
        desk, now, signed = desk_of(self._setting), self._setting.clock.now(), {}
        for (batch, track), story in standings(ledger.cutovers()).items():
            if track is Track.CUTOVER and story.terms is not None and batch in bindings(ledger):
                subject = subject_of(desk, ledger, story, stage, event.request)
                until = later(now, DAYS_30)
                signed[batch] = (approval(DPO, subject, made_at=now, expires=until),)
        keys = dict.fromkeys(signed, (DPO.verifier.fingerprint,))
        return replace(event, approvals=keys, signed=signed)

    # --- what came of it -------------------------------------------------------------------------

    def _demand_shut(self, ledger: SqliteLedger, old: str, done: RotationDone) -> None:
        """Demand that the host serves nothing that the old key opens but what it was said to."""
        ring = self._setting.ring
        found = [name for name, body in self._served() if ring.opens(old, body)]
        self._demand_told(ledger, found, done, "the old key")

    def _demand_unknown(self, ledger: SqliteLedger, number: int, done: RotationDone) -> None:
        known = self._known.get(number, set())
        if (ring := self._setting.hybrid) is not None:
            self._demand_packs_unknown(ledger, known, ring, done)
            return
        inline = self._setting.inline
        found = [name for name, body in self._served() if inline.data_key(body) in known]
        self._demand_told(ledger, found, done, "a data key of before")

    def _demand_packs_unknown(
        self, ledger: SqliteLedger, known: set[bytes], ring: HybridRing, done: RotationDone
    ) -> None:
        """Demand the same where keys are in packs: of bodies, of packs, and of second copies."""
        setting = self._setting
        stay = known & set(self._data_keys(ledger))
        found = []
        for name, body in self._bodies():
            if any(opens_first(body, key) for key in known):
                found.append(name)
        for name, body in self._served():
            if ring.keys_of(body) & (known - stay):
                found.append(name)
        self._demand_told(ledger, found, done, "a data key of before")
        assert setting.host.copies is not None
        for path in setting.host.copies.files():
            if path.parent.name in setting.host.erased or len(setting.hosts) > 1:
                continue
            if ring.keys_of(path.read_bytes()) & (known - stay):
                raise Broken(f"a second copy, {path.name}, has data keys of before")

    def _bodies(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the host serves of objects, in any version, without their packs."""
        for name, bodies in every_version(self._setting.target, BUCKET).items():
            is_ours = name.startswith(tuple(self._setting.prefixes))
            if is_ours and not is_pack(self._setting.key(name)):
                yield from ((name, body) for body in bodies)

    def _demand_told(
        self, ledger: SqliteLedger, found: list[str], done: RotationDone, what: str
    ) -> None:
        """Demand that what is open still was told: how many versions, and of how many objects."""
        if done.remaining.get(UNLISTED):
            return
        living = self._setting.living(ledger)
        rows = [row for one in living for row in ledger.records(one.id)]
        states = {row["key"]: row["state"] for row in rows}
        known = [key for name in found if (key := self._setting.key(name)) in states]
        stay = {key for key in known if states[key] is State.VERIFIED}
        said = sum(done.left.values()) + sum(done.remaining.get(why, 0) for why in STILL_THERE)
        if len(stay) > said:
            raise Broken(f"{what} opens {min(stay)}, and an exchange that is through says no such")
        if self._setting.strangers:
            return  # another machine sends, and this ledger knows nothing of that
        if len(set(known) - stay) > done.remaining.get(UNVERIFIED, 0):
            raise Broken(f"{what} may open {min(set(known) - stay)}, and no exchange says so")
        if len(known) < len(found):
            raise Broken(f"{what} opens what no ledger knows")

    def _served(self) -> Iterator[tuple[str, bytes]]:
        served = versions if self._setting.hybrid is None else packs_at
        for prefix in self._setting.prefixes:
            yield from served(self._setting.target, BUCKET, prefix)

    def _data_keys(self, ledger: SqliteLedger) -> Iterator[bytes]:
        """Yield the data keys of all that is sealed, as who saw everything knows them."""
        if (ring := self._setting.hybrid) is None:
            found = (self._setting.inline.data_key(body) for _, body in self._served())
            yield from (key for key in found if key is not None)
            return
        for row in self._setting.living(ledger):
            yield from ring.data_keys(headers_of(ledger, row.id).values())


def waiting(ledger: SqliteLedger) -> set[int] | None:
    """Return the objects that may have what they had before the last rotation; None: all may."""
    last = last_rotation(ledger)
    if last is None:
        return set()
    event, ended = last
    left = RotationSoFar(ledger, event.number).left
    return set[int]().union(*left.values()) if ended else None


def _begun(ledger: SqliteLedger, number: int) -> bool:
    last = last_rotation(ledger)
    return last is not None and last[0].number == number


def _demand_verified(ledger: SqliteLedger) -> None:
    if any(ledger.tally(row.id, State.SENT).objects for row in ledger.datasets()):
        raise Refused("objects are sent and not verified")


def _verified(ledger: SqliteLedger) -> Tally:
    return sum((ledger.tally(row.id, State.VERIFIED) for row in ledger.datasets()), Tally())


def _digest(number: int, recipients: tuple[str, ...]) -> str:
    return sha256_hex(canonical_json({"number": number, "recipients": list(recipients)}))
