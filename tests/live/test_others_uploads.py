"""Somebody else uploads under the key of an object that was moved: none of our business."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.telemetry import SystemClock
from tests.live.test_grants_killed import Killed, desk_of
from tests.live.test_rotation import journal
from tests.live.test_rotation_killed import MainClock
from tests.support.finished import Finished, Target
from tests.support.resealed import bucket_of, sealed_anew
from tests.support.rotated import NAME, verified
from tests.support.site import Site
from tests.support.strict_s3.store import Version

pytestmark = pytest.mark.live

KEY = "in/scans/large.raw.c4gh"


@pytest.fixture
def site(finished: Finished) -> Site:
    return finished(verified, Target(versions=True))


def begin(site: Site, ago: float = 0.0) -> None:
    """Begin an upload as a consumer does who writes the object anew."""
    store = site.bucket.server.store  # type: ignore[attr-defined]
    at = store.now() - timedelta(seconds=ago)
    store.new_upload(store.buckets[NAME], Version(key=KEY, at=at, id="theirs"))


def open_ones(site: Site) -> list[str]:
    return [one.template.key for one in bucket_of(site).uploads.values()]


def under_way(site: Site) -> bool:
    """Say whether a new header of the object was written down and not taken."""
    ledger = SqliteLedger.read_only(site.state / "ledger.db", SystemClock())
    try:
        (dataset,) = ledger.datasets()
        found = ledger.find(dataset.id, "scans/large.raw")
        return found is not None and found[0].id in ledger.exchanging()
    finally:
        ledger.close()


def test_no_run_aborts_what_a_consumer_began_since(site: Site) -> None:
    time.sleep(1.1)  # hosts tell seconds
    begin(site)
    site.container.client.upload_blob("pmsi/late.csv", b"late")
    site.cli("run", site.plan, "--refresh", "--until", "verify", "--no-progress", expect=0)
    assert open_ones(site) == [KEY]


def test_cleanup_aborts_none_of_them(site: Site) -> None:
    time.sleep(1.1)
    begin(site)
    time.sleep(2.5)  # the earliest moment that it may be now is behind that
    told = site.cli(
        "cleanup", site.plan, "--execute", "--older-than", "0s", "--json", expect=0
    ).json
    assert [one["aborted"] for one in told["datasets"]] == [0]
    assert open_ones(site) == [KEY]


def test_a_killed_command_that_goes_on_aborts_none_of_them(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was open before anything was written anew."""
    from hdh_migrate.session.verbs import reseal

    begin(site, ago=3600)
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    done = left = 0
    while not under_way(site):
        with suppress(Killed):
            reseal.execute(replace(desk_of(site), clock=MainClock(left)), again=False)
            raise AssertionError("it was never killed over the object")
        through = len(journal(site, "headers-exchanged"))
        done, left = through, 0 if through > done else left + 1
    sealed_anew(site)
    assert open_ones(site) == [KEY]
