"""Grants of a life: given, renewed, revoked by the session's own code, and read by their readers.

Who reads is told nothing by the ledger: a folder, a key, and what the host serves.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from hdh_migrate.clocks import later
from hdh_migrate.errors import Exit, MigrateError, PackDamaged, Refused
from hdh_migrate.evidence.lines.granted import GrantAccount, GrantAccounts
from hdh_migrate.evidence.signatures.approval_forms import approval
from hdh_migrate.grants import pack, statement
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.context import Context
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.erased import demand_not_erased
from hdh_migrate.session.policy.freshness import PackState, pack_states
from hdh_migrate.session.policy.granting import GrantWish, accounts, demand_grantable
from hdh_migrate.session.policy.kept_approvals import keep_approval
from hdh_migrate.session.policy.keyring import signer_of
from hdh_migrate.session.policy.selections import SelectionProof
from hdh_migrate.session.verbs.approve_grant import grant_here
from hdh_migrate.session.verbs.grant import Granting
from hdh_migrate.session.verbs.grant_folder import file_digest
from hdh_migrate.session.verbs.renew import renewal_of, take_away
from hdh_migrate.session.verbs.revoke import revoke
from hdh_migrate.wiring import Vault
from tests.campaign.council import DAYS_30
from tests.campaign.desks import desk_of
from tests.campaign.life import Broken
from tests.campaign.operators import Operators
from tests.campaign.readers import SimulatedReader
from tests.campaign.setting import Setting
from tests.campaign.signers import DPO
from tests.support.quiet import FIRST
from tests.support.world import ONE

GLOBS = ((), (), (), ("k1",), ("k*",), ("k1", "k3"))
SECOND = "%Y-%m-%dT%H:%M:%SZ"
LONG = (FIRST + timedelta(days=300)).strftime(SECOND)
DAYS = (3, 400, 400)
"""For how long a grant is, from the first second of the life."""


@dataclass(slots=True)
class HandedOut:
    """One grant as an outsider knows it."""

    number: int
    reader: SimulatedReader
    folder: Path
    until: str
    taken_back: bool = False
    """Whether a command that takes it back came to its end."""
    kept: Path | None = None
    """A copy that the reader made of the folder."""


@dataclass(slots=True)
class Wanted:
    """A grant that somebody asks for, until it is given."""

    about: HandedOut
    wish: GrantWish

    @property
    def is_whole(self) -> bool:
        """Whether it is of a whole dataset, for long."""
        return not self.wish.include and self.wish.until > LONG


class SimulatedGrants:
    """Lets readers read, has that approved, and looks what they can open."""

    def __init__(self, setting: Setting, operators: Operators) -> None:
        self._setting, self._operators = setting, operators
        self._folder = setting.folder / "given"
        names = ("lab", "ward")
        self._readers = [SimulatedReader(setting, setting.folder / "keys", one) for one in names]
        for one in self._readers:
            setting.inline.know(one.key)
        self._wanted: list[Wanted] = []
        self._numbers = 0
        self._out: dict[str, HandedOut] = {}
        """By the place of its pack."""
        self._agreed: set[str] = set()
        self._seen: dict[str, set[str]] = {}
        """By machine: grants that were given, as far as was looked."""

    # --- verbs -----------------------------------------------------------------------------------

    def grant(self, *, whole: bool = False) -> Exit:
        """Let a reader read, or go on with that; `whole`: all there is, for long."""
        dice = self._setting.dice
        waiting = [one for one in self._wanted if one.wish.renews is None]
        if whole:
            waiting = [one for one in waiting if one.is_whole]
        if not waiting or (not whole and dice.random() < 0.3):
            waiting = [self._wish(whole=whole)]
            self._wanted += waiting
        # Who wants all of it goes on with what was agreed to, not with another wish.
        one = waiting[0] if whole else dice.choice(waiting)
        with self._operators.opened(writes=False, batches=()) as (ledger, ctx):
            demand_not_erased(ledger, [one.wish.dataset])
            self._give(desk_of(self._setting), ledger, ctx, one)
        self._wanted.remove(one)
        return Exit.OK

    def renew(self) -> Exit:
        """Give a grant anew, and take the earlier pack away; or go on with that."""
        setting, desk = self._setting, desk_of(self._setting)
        known = [one for one in self._accounts() if _may_be_renewed(one)]
        if not known:
            raise Refused("no grant stands")
        account = setting.dice.choice(known)
        wish = renewal_of(desk, account.id, ())
        waiting = [one for one in self._wanted if one.wish == wish]
        if not waiting:
            before = self._out[self._place(account.id)]
            waiting = [Wanted(self._about(before.reader, wish), wish)]
            self._wanted += waiting
        with self._operators.opened(writes=False, batches=()) as (ledger, ctx):
            made = self._give(desk, ledger, ctx, waiting[0])
        take_away(desk, account.id, made)
        self._wanted.remove(waiting[0])
        self._out[self._place(account.id)].taken_back = True
        return Exit.OK

    def revoke(self) -> Exit:
        """Take a grant back, or go on with that."""
        setting, desk = self._setting, desk_of(self._setting)
        known = [one for one in self._accounts() if one.renewed_by is None and not one.dropped]
        if not known:
            raise Refused("there is no grant")
        account = setting.dice.choice(known)
        place = self._place(account.id)
        code, _ = revoke(desk, account.id, "the study ended", None)
        if place in self._out:
            self._out[place].taken_back = True
        self._wanted = [one for one in self._wanted if str(one.about.folder) != place]
        return code

    def agree(self) -> None:
        """Let somebody agree to every grant that was asked for."""
        setting, desk = self._setting, desk_of(self._setting)
        for account in self._accounts():
            if account.given or account.dropped or account.revoked:
                continue
            with setting.script.undisturbed():
                try:
                    subject, _ = grant_here(desk, account.id, SelectionProof(include=(), salt=None))
                except MigrateError as error:
                    setting.life.tell(f"people: cannot agree to a grant: {error}")
                    continue
                now = setting.clock.now()
                keep_approval(
                    desk, approval(DPO, subject, made_at=now, expires=later(now, DAYS_30))
                )
            self._agreed.add(account.asked.request)
            setting.life.tell("people: agree to a grant")

    def _wish(self, *, whole: bool) -> Wanted:
        dice = self._setting.dice
        reader, include = dice.choice(self._readers), dice.choice(GLOBS)
        days = dice.choice(DAYS)
        if whole:
            include, days = (), 400
        until = (FIRST + timedelta(days=days)).strftime(SECOND)
        wish = GrantWish(
            dataset=ONE[0].name, include=include, reader=reader.key.public,
            permit=f"permit {self._numbers}", purpose="a study", until=until,
        )  # fmt: skip
        return Wanted(self._about(reader, wish), wish)

    def _about(self, reader: SimulatedReader, wish: GrantWish) -> HandedOut:
        self._numbers += 1
        folder = self._folder / str(self._numbers)
        return HandedOut(self._numbers, reader, folder, wish.until)

    def _give(self, desk: Desk, ledger: SqliteLedger, ctx: Context, one: Wanted) -> str:
        """Give a grant; return its id."""
        demand_grantable(desk.loaded.plan, ledger, one.wish, ctx.judge.now())
        signer = signer_of(desk.loaded.plan, Vault.open(desk.loaded.base))
        assert signer is not None
        self._out[str(one.about.folder)] = one.about
        made = Granting(desk, ctx, ledger, signer, one.wish, one.about.folder).run()
        self._demand_opens(one.about)
        return made["grant"]

    # --- what an outsider looks at ---------------------------------------------------------------

    def check(self, name: str) -> None:
        """Check what the journal tells of grants against what their readers hold.

        Raises:
            Broken: a grant is not what it should be.
        """
        setting = self._setting
        known = self._accounts()
        seen = self._seen.setdefault(setting.host.name, set())
        for account in known:
            one = self._out.get(self._place(account.id))
            if one is None:
                continue
            if account.given is not None and account.id not in seen:
                seen.add(account.id)
                self._demand_given(name, account, one)
            if one.taken_back:
                self._demand_over(name, account, one)

    def read(self) -> str:
        """Have every reader read all that was granted."""
        states = self._states()
        opened = 0
        for account in self._accounts():
            one = self._out.get(self._place(account.id))
            if one is not None and account.given is not None:
                opened += self._demand_read(account, one, states.get(account.id))
        return f"{opened} objects"

    def _demand_given(self, name: str, account: GrantAccount, one: HandedOut) -> None:
        """Demand that what the journal calls given was agreed to, and lies there whole."""
        assert account.given is not None
        if account.asked.request not in self._agreed:
            raise Broken(f"{name}: a grant is given and nobody agreed to it")
        if account.revoked is not None or account.renewed_by is not None:
            return
        if file_digest(one.folder / pack.NAME) != account.given.pack_sha256:
            raise Broken(f"{name}: a grant is given and its pack is not there")
        if file_digest(one.folder / statement.GIVEN) != account.given.statement_sha256:
            raise Broken(f"{name}: a grant is given and its statement is not there")
        one.kept = one.folder.with_name(f"kept-{one.number}")
        shutil.copytree(one.folder, one.kept)

    def _demand_over(self, name: str, account: GrantAccount, one: HandedOut) -> None:
        """Demand that what was taken back opens nothing where it was handed out."""
        if account.given is None:
            return
        if (one.folder / pack.NAME).exists():
            raise Broken(f"{name}: a grant was taken back and its pack is there")
        try:
            one.reader.read(one.folder)
        except (Refused, FileNotFoundError):
            return
        raise Broken(f"{name}: a grant was taken back and opens")

    def _demand_opens(self, one: HandedOut) -> None:
        """Demand that a grant that was just given opens all of it that nobody touched since."""
        for key, data in one.reader.read(one.folder).items():
            if data is None and key not in self._setting.harmed:
                raise Broken(f"{key} was granted and does not open")
            self._demand_known(key, data)

    def _demand_read(self, account: GrantAccount, one: HandedOut, state: PackState | None) -> int:
        """Demand that a grant opens what it should, and nothing else than was granted."""
        setting = self._setting
        over = account.revoked is not None or account.renewed_by is not None
        folder = one.kept if one.kept is not None and over else one.folder
        try:
            found = one.reader.read(folder)
        except FileNotFoundError:
            if over:
                return 0
            raise Broken("a grant stands and its pack is not there") from None
        except Refused:
            if over or self._setting.clock_text() > one.until:
                return 0
            raise Broken("a grant stands and does not open") from None
        except PackDamaged as error:
            raise Broken(f"a grant's pack is damaged: {error}") from error
        if self._setting.clock_text() > one.until:
            raise Broken("a grant is over and opens")
        for key, data in found.items():
            self._demand_known(key, data)
        closed = {key for key, data in found.items() if data is None}
        if over or state is None:
            return 0
        if not state.why and closed - setting.harmed:
            raise Broken(f"{min(closed - setting.harmed)} is granted, does not open, and no word")
        return len(found) - len(closed)

    def _demand_known(self, key: str, data: bytes | None) -> None:
        versions = [known for (name, _), known in self._setting.bytes.items() if name == key]
        if data is not None and not any(data in known for known in versions):
            raise Broken(f"{key} is read as what it never was")

    @property
    def given(self) -> int:
        """How many grants were given."""
        return sum(one.given is not None for one in self._accounts())

    # --- what the journal tells ---------------------------------------------------------------

    def _accounts(self) -> list[GrantAccount]:
        ledger = self._setting.world.open()
        try:
            found: GrantAccounts = accounts(ledger)
        finally:
            ledger.close()
        return list(found.by_id.values())

    def _states(self) -> dict[str, PackState | None]:
        ledger = self._setting.world.open()
        try:
            routes = {one.name: one.route for one in self._setting.world.datasets}
            standing = [one for one in accounts(ledger).by_id.values() if one.given is not None]
            return pack_states(ledger, standing, routes)
        finally:
            ledger.close()

    def _place(self, grant: str) -> str:
        ledger = self._setting.world.open()
        try:
            return ledger.meta(f"grant.{grant}") or ""
        finally:
            ledger.close()


def _may_be_renewed(account: GrantAccount) -> bool:
    """Say whether a grant stands, or is one whose renewal did not take its pack away yet."""
    if account.given is None or account.revoked is not None:
        return False
    return account.renewed_by is None or account.withdrawn is None
