"""A grant, its policy and its end are killed at every event; the same command converges."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.evidence.lines.granted import GrantStage
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.grants import pack, statement
from hdh_migrate.grants.pack import PackReader
from hdh_migrate.sealing.keys import PrivateKey, new_pair
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.granting import accounts, wish_of
from hdh_migrate.session.verbs.grant import grant
from hdh_migrate.session.verbs.grant_policy import HostAdministrator, grant_policy
from hdh_migrate.session.verbs.revoke import revoke
from hdh_migrate.telemetry import SystemClock
from tests.live.test_grants import GRANTED, READER, moved_with_policies, policy_of
from tests.support.finished import Finished
from tests.support.here import HERE
from tests.support.quiet import Notes
from tests.support.site import Site

pytestmark = [pytest.mark.live, pytest.mark.slow]

ADMINISTRATOR = HostAdministrator(id="env:T_ID", secret="env:T_SECRET")
MOST = 60
"""Asks for the time that no command makes more of; a loop that does not end is a fault."""


class Killed(BaseException):
    """What ends a process ends this command."""


class DeadlyClock(SystemClock):
    """Asked for before every event and between files: kills at the given time of asking.

    It counts what the command's own thread asks, and ends that one: the others end with it.
    """

    def __init__(self, left: int) -> None:
        self.left, self._thread = left, threading.get_ident()

    def now(self) -> str:
        if threading.get_ident() != self._thread:
            return super().now()
        if not self.left:
            raise Killed
        self.left -= 1
        return super().now()


@pytest.fixture
def granted(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = finished(moved_with_policies)
    new_pair(site.folder / "keys", "lab", passphrase=None)
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    return site


def desk_of(site: Site) -> Desk:
    return Desk.open(Path(site.plan), None, Notes(), threading.Event(), HERE)


def killed_everywhere(site: Site, command: Callable[[Desk], object]) -> int:
    """Kill a command at every moment in turn, going on each time; return how often it was."""
    for left in range(MOST):
        try:
            command(replace(desk_of(site), clock=DeadlyClock(left)))
        except Killed:
            continue
        return left
    raise AssertionError("it never came to its end")


def test_a_grant_that_is_killed_anywhere_is_given_once_and_whole(granted: Site) -> None:
    keys, out = granted.folder / "keys", granted.folder / "lab"

    def give(desk: Desk) -> object:
        wish = wish_of("emc2", (), keys / "lab.pub", "R-7", "survival", "2099-12-31")
        return grant(desk, wish, out)

    assert killed_everywhere(granted, give) > 5

    (account,) = _accounts(granted)
    assert account.stage(SystemClock().now()) is GrantStage.GIVEN
    kinds = _kinds(granted)
    assert (kinds["grant-asked"], kinds["grant-given"], kinds["grant-dropped"]) == (1, 1, 0)
    found = statement.read(out, [load_trusted_key(keys / "report.pub")])
    with (out / pack.NAME).open("rb") as file:
        reader = PackReader(file, PrivateKey.load(keys / "lab.sec", None))
        assert {one.name for one in reader} == set(GRANTED)
    assert reader.end is not None
    assert (found.given.root, found.pack) == (reader.end.root, account.given.pack_sha256)
    assert sorted(os.listdir(out)) == [statement.GIVEN, pack.NAME]
    assert list((granted.state / "grants").iterdir()) == []


def test_a_policy_and_a_revocation_that_are_killed_anywhere_converge(granted: Site) -> None:
    keys, out = granted.folder / "keys", granted.folder / "lab"
    wish = wish_of("emc2", (), keys / "lab.pub", "R-7", "survival", "2099-12-31")
    made = grant(desk_of(granted), wish, out)["grant"]

    killed_everywhere(granted, lambda desk: grant_policy(desk, made, READER, ADMINISTRATOR))
    policy = policy_of(granted)
    assert policy is not None
    assert len(policy["Statement"]) == 1
    (account,) = _accounts(granted)
    assert [(one.allowed, one.sure) for one in account.at_host.values()] == [(True, True)]

    ends: list[Exit] = []
    killed_everywhere(
        granted, lambda desk: ends.append(revoke(desk, made, "over", ADMINISTRATOR)[0])
    )
    assert ends == [Exit.OK]
    assert policy_of(granted) is None
    assert sorted(os.listdir(out)) == [statement.GIVEN, statement.REVOKED]
    (account,) = _accounts(granted)
    assert account.withdrawn is not None
    assert account.withdrawn.found
    assert _kinds(granted)["grant-revoked"] == 1


def _accounts(site: Site) -> list:
    ledger = desk_of(site).read_ledger()
    try:
        return list(accounts(ledger).by_id.values())
    finally:
        ledger.close()


def _kinds(site: Site) -> Counter[str]:
    ledger = desk_of(site).read_ledger()
    try:
        return Counter(kind for _, _, kind, _, _ in ledger.journal())
    finally:
        ledger.close()
