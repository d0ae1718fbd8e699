"""The world changes between two commands that remove earlier versions: nothing else is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.finished import Finished, Target
from tests.support.resealed import bucket_of
from tests.support.rotated import (
    NAME,
    behaving,
    executed,
    opened,
    say_next,
    verified,
)
from tests.support.site import Said, Site
from tests.support.strict_s3.store import Version

pytestmark = pytest.mark.live

KEY = "in/pmsi/b.csv.c4gh"
TAG = "x-amz-meta-hdh-attempt"


@pytest.fixture
def site(finished: Finished) -> Site:
    return finished(verified, Target(versions=True))


def kept_by_the_host(site: Site, again: Callable[..., Said]) -> None:
    """Write objects anew at a host that does not let go of what they were."""
    say_next(site)
    behaving(site, keeps_removed=True)
    again(site, "--json", expect=4)
    behaving(site, keeps_removed=False)


def lose(site: Site) -> None:
    """Delete the newest version of an object at the host, and put something else over it."""
    store = site.bucket.server.store  # type: ignore[attr-defined]
    versions_of = store.buckets[NAME].objects[KEY]
    versions_of[-1] = Version(key=KEY, body=b"theirs", etag="0" * 32, at=store.now(), id="theirs")


def test_the_last_version_that_opens_is_not_removed(site: Site) -> None:
    """What took its place was deleted at the host meanwhile, and something else put over it."""
    before = opened(site, "steward")
    kept_by_the_host(site, executed)
    lose(site)

    told = executed(site, "--json", expect=4).json
    assert (told["removed"], told["remaining"]) == (4, {"needed": 1})
    assert any("verify PLAN --again" in line for line in told["remains"])
    assert opened(site, "steward") == {KEY: before[KEY]}

    site.cli("verify", site.plan, "--again", "--no-progress", expect=5)
    site.cli("verify", site.plan, "--again", "--restore", "all", "--no-progress", expect=0)
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)
    told = executed(site, "--json", expect=0).json
    assert (told["removed"], told["remaining"]) == (1, {})
    assert opened(site, "next") == before
    assert opened(site, "steward") == {}


def test_what_was_there_before_versioning_was_suspended_is_removed(site: Site) -> None:
    """Objects are written without a version from then on; what they replace has one still."""
    before = opened(site, "steward")
    bucket_of(site).versioning = "Suspended"
    kept_by_the_host(site, executed)
    assert opened(site, "next") == before == opened(site, "steward")
    told = executed(site, "--json", expect=0).json
    assert (told["removed"], told["remaining"]) == (5, {})
    assert opened(site, "next") == before
    assert opened(site, "steward") == {}


def test_what_a_ledger_stored_that_was_lost_and_not_adopted_counts_as_remaining(site: Site) -> None:
    """It opens as before for the key that was replaced, and nothing told of it."""
    versions_of = bucket_of(site).objects[KEY]
    (now,) = versions_of
    ledger, _, rest = now.headers[TAG].partition(".")
    lost = {**now.headers, TAG: f"{ledger.partition('-')[0]}-anotherledger.{rest}"}
    theirs = {**now.headers, TAG: f"{'0' * len(ledger)}.{rest}"}
    versions_of[:0] = [
        replace(now, id="lost", headers=lost),
        replace(now, id="theirs", headers=theirs),
    ]
    say_next(site)

    told = executed(site, "--json", expect=4).json

    assert told["remaining"] == {"unadopted": 1}
    assert any("another ledger of this migration stored" in line for line in told["remains"])
    assert opened(site, "steward").keys() == {KEY}
