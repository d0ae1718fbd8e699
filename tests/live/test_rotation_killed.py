"""A rotation is killed at every event; the same command converges, and nothing opens for two."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.errors import Refused
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.rotate import RotationWish, execute
from hdh_migrate.telemetry import SystemClock
from tests.live.test_grants_killed import DeadlyClock, Killed, desk_of
from tests.live.test_rotation import whole_journal
from tests.support import strict_buckets
from tests.support.finished import Finished, Target
from tests.support.rotated import (
    NAME,
    executed,
    opened,
    say_next,
    verified,
    versions,
)
from tests.support.site import Site

pytestmark = [pytest.mark.live, pytest.mark.slow]

MOST = 200
"""Asks for the time that no rotation of five objects makes more of."""


class MainClock(DeadlyClock):
    """Kills the command and not the thread that keeps its fences."""

    def now(self) -> str:
        here = threading.current_thread() is threading.main_thread()
        return super().now() if here else SystemClock.now(self)


kept = strict_buckets.kept


@pytest.fixture
def site(finished: Finished, kept: bool, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = finished(verified, Target(versions=kept))
    say_next(site)
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    return site


def wish(site: Site) -> RotationWish:
    keys: Path = site.folder / "keys"
    wanted = (keys / "steward.pub", keys / "next.pub", keys / "steward.sec", None)
    return RotationWish.at(desk_of(site), *wanted)


def test_a_rotation_that_is_killed_anywhere_comes_to_its_end(site: Site) -> None:
    before, kills = opened(site, "steward"), 0
    bodies = Counter(one.body[16 + 108 * 3 :] for one in versions(site))
    for left in range(MOST):
        desk = replace(desk_of(site), clock=MainClock(left))
        try:
            execute(desk, wish(site))
        except Killed:
            kills += 1
            # At every moment each object opens for one of the two, and for the escrow key.
            assert {**opened(site, "steward"), **opened(site, "next")}.keys() == before.keys()
            assert opened(site, "escrow").keys() == before.keys()
            continue
        break
    else:
        raise AssertionError("it never came to its end")

    assert kills > 10
    assert opened(site, "next") == before == opened(site, "escrow")
    assert opened(site, "steward") == {}
    assert Counter(one.body[16 + 108 * 3 :] for one in versions(site)) == bodies
    kinds = Counter(kind for kind, _ in whole_journal(site))
    assert kinds["keys-rotating"] == 1
    assert kinds["keys-rotated"] in {1, 2}  # who is killed behind the end tells it once more
    held = site.bucket.server.store.buckets[NAME].uploads  # type: ignore[attr-defined]
    assert held == {}
    site.cli("ledger", "check", site.plan, expect=0)
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)


def test_one_kill_at_each_moment_and_then_the_end(site: Site) -> None:
    """What was killed early is gone on with by one command, not by many that are killed."""
    before = opened(site, "steward")
    for left in (12, 25, 40):
        try:
            execute(replace(desk_of(site), clock=MainClock(left)), wish(site))
        except Killed:
            continue
    refused_while_open(desk_of(site))
    execute(desk_of(site), wish(site))
    assert opened(site, "next") == before
    assert opened(site, "steward") == {}


def refused_while_open(desk: Desk) -> None:
    """Other verbs wait: what opens some objects does not open the others."""
    from hdh_migrate.model import Step
    from hdh_migrate.session.policy.rotating import last_rotation
    from hdh_migrate.session.verbs.run import perform
    from hdh_migrate.session.views.status import status

    ledger = desk.read_ledger()
    found = last_rotation(ledger)
    ledger.close()
    if found is not None and not found[1]:
        with pytest.raises(Refused, match=r"keys are being exchanged|being sealed anew"):
            perform(desk, [Step.VERIFY], ())
        (line,) = status(desk)["open"]
        assert f" of {found[0].objects} are through" in line
        assert "--execute" in line
        assert line in status(desk)["check"]["why"]
    else:
        assert "open" not in status(desk)


def test_a_hold_stops_one_before_it_begins_and_in_the_middle(site: Site) -> None:
    site.cli("hold", site.plan, "--reason", "a court asked", expect=0)
    before = opened(site, "steward")
    assert "a court asked" in executed(site, expect=7).err
    assert not any(kind == "keys-rotating" for kind, _ in whole_journal(site))
    site.cli("hold", site.plan, "--release", expect=0)
    for left in range(MOST):
        with pytest.raises(Killed):
            execute(replace(desk_of(site), clock=MainClock(left)), wish(site))
        if any(kind == "headers-exchanging" for kind, _ in whole_journal(site)):
            break
    site.cli("hold", site.plan, "--reason", "a court asked", expect=0)
    there = Counter(one.id for one in versions(site))
    assert "a court asked" in executed(site, expect=7).err
    assert Counter(one.id for one in versions(site)) == there
    site.cli("hold", site.plan, "--release", expect=0)
    executed(site, expect=0)
    assert opened(site, "next") == before


def test_two_keys_may_not_be_exchanged_at_once(site: Site) -> None:
    for left in range(MOST):
        with pytest.raises(Killed):
            execute(replace(desk_of(site), clock=MainClock(left)), wish(site))
        if any(kind == "keys-rotating" for kind, _ in whole_journal(site)):
            break

    said = executed(site, old="next", new="later", opens="next", expect=3)

    assert "keys are being exchanged" in said.err
    assert "the same" in said.err
    executed(site, expect=0)
