"""Objects under a lock, and hosts that keep what was removed: what remains is said, or refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.finished import Finished, Target
from tests.support.resealed import data_keys, opened_by, sealed_anew
from tests.support.rotated import (
    behaving,
    executed,
    opened,
    say_next,
    verified,
    versions,
)
from tests.support.site import Site
from tests.support.strict_s3.store import Retention, Version

pytestmark = pytest.mark.live


@pytest.fixture
def site(finished: Finished) -> Site:
    return finished(verified, Target(versions=True, lock=True))


@pytest.fixture(params=["retention", "legal hold"])
def locked(request: pytest.FixtureRequest, site: Site) -> Version:
    """One object, under a lock that somebody put there since."""
    server: Any = site.bucket.server
    one = next(one for one in versions(site) if one.key.endswith("b.csv.c4gh"))
    if request.param == "retention":
        until = server.store.now() + timedelta(days=30)
        one.retention = Retention(mode="COMPLIANCE", until=until)
    else:
        one.hold = True
    return one


def test_a_key_is_replaced_and_what_a_lock_keeps_is_said(site: Site, locked: Version) -> None:
    """The new object has the lock, too; what was there is opened by the old key until its end."""
    before = opened(site, "steward")
    say_next(site)
    told = executed(site, "--json", expect=4).json
    assert (told["objects"], told["left"], told["remaining"]) == (5, {}, {"locked": 1})
    assert any("a lock" in line for line in told["remains"])
    assert opened(site, "next") == before
    assert opened(site, "steward") == {locked.key: before[locked.key]}
    newest = [one for one in versions(site) if one.key == locked.key and one is not locked]
    assert [(one.retention is None, one.hold) for one in newest] == [
        (locked.retention is None, locked.hold)
    ]

    assert left_by_rotations(site) == [1]

    free(locked)
    told = executed(site, "--json", expect=0).json
    assert (told["remaining"], told["removed"]) == ({}, 1)
    assert left_by_rotations(site) == []
    assert opened(site, "steward") == {}


def test_what_a_lock_keeps_is_not_sealed_anew_until_it_is_over(site: Site, locked: Version) -> None:
    before, keys = opened(site, "steward"), data_keys(site)
    told = sealed_anew(site, "--json", expect=5).json
    assert (told["objects"], told["left"]) == (4, {"held": 1})
    assert any("when it is over, the same command" in line for line in told["remains"])
    assert opened_by(site, keys) == {locked.key}
    assert sum(one.key == locked.key for one in versions(site)) == 1  # it is not there twice

    free(locked)
    told = sealed_anew(site, "--json").json
    assert (told["objects"], told["left"], told["remaining"]) == (5, {}, {})
    assert opened(site, "steward") == before
    assert opened_by(site, keys) == set()


def left_by_rotations(site: Site) -> list[int]:
    """Return how much each exchange of keys left at the target, as `status` says what is to do."""
    left = site.cli("status", site.plan, "--json").json["left"]
    return [one["objects"] for one in left if one["task"] == "rotated"]


def free(one: Version) -> None:
    one.retention, one.hold = None, False


def test_a_key_is_replaced_and_what_the_host_keeps_is_said(site: Site) -> None:
    before = opened(site, "steward")
    say_next(site)
    behaving(site, keeps_removed=True)
    told = executed(site, "--json", expect=4).json
    assert (told["objects"], told["remaining"]) == (5, {"kept": 5})
    assert any("still shows" in line for line in told["remains"])
    assert opened(site, "next") == before == opened(site, "steward")
    behaving(site, keeps_removed=False)
    told = executed(site, "--json", expect=0).json
    assert (told["remaining"], told["removed"]) == ({}, 5)
    assert opened(site, "steward") == {}
