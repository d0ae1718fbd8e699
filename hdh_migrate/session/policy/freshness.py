"""Whether the packs of grants still point to what the ledger knows at the target.

A pack names each object's version and ETag, so whatever writes an object anew (an exchange of keys,
a refresh, a restore) leaves a pack behind that opens nothing of it. When a grant is given, the
ledger remembers one digest over what its pack names; whoever looks makes the same digest from the
rows as they are now. Nothing of it is in the journal, and memory does not grow with the objects.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from hdh_migrate.clocks import seconds_of
from hdh_migrate.events.grants import GrantStale, StaleWhy
from hdh_migrate.events.rotation import DataKeysRotating, KeysRotating
from hdh_migrate.evidence.lines.granted import GRANT_EVENTS, GrantAccount, GrantAccounts
from hdh_migrate.frozen import frozen
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import State, Verified
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.plan.globs import compiled

WORDS: Final[Mapping[StaleWhy, str]] = {
    StaleWhy.ROTATED: "keys were exchanged since it was given",
    StaleWhy.REPLACED: "objects of it were written anew, or left out, since it was given",
    StaleWhy.UNVERIFIED: "objects of it are not verified now",
}
"""What is said of each; the renewal mends all three once everything is verified again."""


@frozen
class PackState:
    """What a look at one grant's pack found."""

    why: tuple[StaleWhy, ...]
    """Why it is stale; empty: it points to what there is."""
    unverified: int
    """Objects that are not verified now."""
    newer: int
    """Objects that the same choice would give now, and that came after it was given."""


class _Digest(Protocol):
    def update(self, data: bytes, /) -> object: ...
    def hexdigest(self) -> str: ...


class Pinning:
    """The digest of what a pack names, object by object in the order of the pack."""

    def __init__(self) -> None:
        self._digest: _Digest = hashlib.sha256()
        self.last = 0
        """The highest number of a row; what comes later has a higher one."""

    def add(self, row: Verified) -> None:
        """Take the object that follows."""
        pin = f"{row.id} {row.stored_size} {row.etag} {row.version_id}\n"
        self._digest.update(pin.encode("utf-8", "surrogateescape"))
        self.last = max(self.last, row.id)

    def hexdigest(self) -> str:
        """Return the digest so far."""
        return self._digest.hexdigest()


def keep_choice(ledger: SqliteLedger, grant: str, include: Iterable[str]) -> None:
    """Have the ledger remember the globs of a grant, which may be names and are in no journal."""
    ledger.set_meta(f"grant-include.{grant}", json.dumps([*include]))


def choice_of(ledger: SqliteLedger, account: GrantAccount) -> tuple[str, ...] | None:
    """Return the globs of a grant, none for a whole dataset; None: the ledger lacks them."""
    if account.asked.selection is None:
        return ()
    found = ledger.meta(f"grant-include.{account.id}")
    return None if found is None else tuple(map(str, json.loads(found)))


def keep_pins(ledger: SqliteLedger, grant: str, pins: Pinning) -> None:
    """Have the ledger remember what a pack names; to be committed with the event that tells it."""
    about = {"last": pins.last, "pins": pins.hexdigest()}
    ledger.set_meta(f"grant-pins.{grant}", json.dumps(about))


def pack_states(
    ledger: SqliteLedger, accounts: Iterable[GrantAccount], routes: Mapping[str, Route]
) -> dict[str, PackState | None]:
    """Compare the packs of grants with the rows; each dataset is read once, whatever their number.

    None: it is not known, for an earlier release gave the grant, or the plan lacks its dataset.
    """
    found: dict[str, PackState | None] = {}
    looks: dict[str, list[_Look]] = {}
    times = (ledger.last_time_of(KeysRotating), ledger.last_time_of(DataKeysRotating))
    rotated = max((at for at in times if at is not None), key=seconds_of, default=None)
    for account in accounts:
        one = _begun(ledger, account, routes, rotated)
        found[account.id] = None
        if one is not None:
            looks.setdefault(account.asked.dataset, []).append(one)
    ids = {row.name: row.id for row in ledger.datasets()}
    for dataset, several in looks.items():
        prefix = routes[dataset].source.prefix
        for row, state in ledger.grantable(ids[dataset]):
            name = row.key.removeprefix(prefix)
            for one in several:
                one.take(name, row, proven=is_proven(row, state))
        found.update({one.grant: one.answer() for one in several})
    return found


def standing_accounts(accounts: GrantAccounts) -> list[GrantAccount]:
    """Return the grants that were given and neither revoked nor renewed, ended ones among them."""
    return [
        one
        for one in accounts.by_id.values()
        if one.given is not None and one.revoked is None and one.renewed_by is None
    ]


def tell_stale(ledger: SqliteLedger, routes: Mapping[str, Route]) -> list[str]:
    """Have the journal tell of each grant whose answer is another one; return those.

    Of a ledger that is held for writing; the caller commits.
    """
    untold = untold_stale(ledger, routes)
    for event in untold:
        ledger.event(event)
    return [event.grant for event in untold]


def untold_stale(ledger: SqliteLedger, routes: Mapping[str, Route]) -> list[GrantStale]:
    """Return the events to be written of grants whose answer is another one by now."""
    standing = standing_accounts(GrantAccounts.of(ledger.told(*GRANT_EVENTS)))
    found = pack_states(ledger, standing, routes)
    return [
        GrantStale(grant=account.id, why=state.why)
        for account in standing
        if (state := found[account.id]) is not None and state.why != account.stale
    ]


def is_proven(row: Verified, state: State) -> bool:
    """Return whether an object is verified whole, as only such ones are granted."""
    return state is State.VERIFIED and row.proven and row.level == "full"


class _Look:
    """One grant's pack, while the rows of its dataset pass by."""

    def __init__(
        self, grant: str, include: tuple[str, ...], last: int, pins: str, *, rotated: bool
    ) -> None:
        self.grant = grant
        self._matches = [compiled(glob).match for glob in include]
        self._last, self._pins, self._rotated = last, pins, rotated
        self._now = Pinning()
        self._unverified = self._newer = 0

    def take(self, name: str, row: Verified, *, proven: bool) -> None:
        if self._matches and all(match(name) is None for match in self._matches):
            return
        if row.id > self._last:
            self._newer += 1
        elif proven:
            self._now.add(row)
        else:
            self._unverified += 1

    def answer(self) -> PackState:
        why: tuple[StaleWhy, ...] = ()
        if self._now.hexdigest() != self._pins:
            if self._unverified:
                why = (StaleWhy.UNVERIFIED,)
            else:
                why = (StaleWhy.ROTATED if self._rotated else StaleWhy.REPLACED,)
        return PackState(why=why, unverified=self._unverified, newer=self._newer)


def _begun(
    ledger: SqliteLedger, account: GrantAccount, routes: Mapping[str, Route], rotated: str | None
) -> _Look | None:
    kept = ledger.meta(f"grant-pins.{account.id}")
    include = choice_of(ledger, account)
    if kept is None or include is None or account.asked.dataset not in routes:
        return None
    about = json.loads(kept)
    given = account.given_at or account.asked_at
    return _Look(
        account.id, include, int(about["last"]), str(about["pins"]),
        rotated=rotated is not None and seconds_of(rotated) >= seconds_of(given),
    )  # fmt: skip
