"""Sealing anew is killed at every event; the same command converges, no data key seals twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.live.test_grants_killed import Killed, desk_of
from tests.live.test_rotation import whole_journal
from tests.live.test_rotation_killed import MOST, MainClock, refused_while_open
from tests.support import strict_buckets
from tests.support.finished import Finished, Target
from tests.support.resealed import bucket_of, data_keys, header_of, opened_by
from tests.support.rotated import opened, verified, versions
from tests.support.site import Site

pytestmark = [pytest.mark.live, pytest.mark.slow]


kept = strict_buckets.kept


@pytest.fixture
def site(finished: Finished, kept: bool, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = finished(verified, Target(versions=kept))
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    return site


def execute(site: Site, left: int | None = None) -> None:
    from hdh_migrate.session.verbs import reseal

    desk = desk_of(site)
    reseal.execute(desk if left is None else replace(desk, clock=MainClock(left)), again=False)


def test_sealing_anew_that_is_killed_anywhere_comes_to_its_end(site: Site) -> None:
    before, keys = opened(site, "steward"), data_keys(site)
    seen: dict[bytes, bytes] = {header_of(one): one.body for one in versions(site)}
    kills = 0
    for left in range(MOST):
        try:
            execute(site, left)
        except Killed:
            kills += 1
            # At every moment each object is there whole, for those whom it is sealed for.
            for name in ("steward", "escrow"):
                assert opened(site, name).keys() == before.keys()
            for one in versions(site):  # one header, one text: whatever a killed command wrote
                assert seen.setdefault(header_of(one), one.body) == one.body
            continue
        break
    else:
        raise AssertionError("it never came to its end")

    assert kills > 10
    assert opened(site, "steward") == before == opened(site, "escrow")
    assert opened_by(site, keys) == set()
    assert len(list(versions(site))) == 5
    kinds = Counter(kind for kind, _ in whole_journal(site))
    assert kinds["data-keys-rotating"] == 1
    assert kinds["keys-rotated"] in {1, 2}  # who is killed behind the end tells it once more
    assert bucket_of(site).uploads == {}
    site.cli("ledger", "check", site.plan, expect=0)
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)


def test_one_kill_at_each_moment_and_then_the_end(site: Site) -> None:
    """What was killed early is gone on with by one command, not by many that are killed."""
    before, keys = opened(site, "steward"), data_keys(site)
    for left in (15, 30, 45):
        try:
            execute(site, left)
        except Killed:
            continue
    refused_while_open(desk_of(site))
    execute(site)
    assert opened(site, "steward") == before
    assert opened_by(site, keys) == set()
