"""A host gives the same objects another address: the refusal names the verb, and that goes on."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.support.agreed import agreed
from tests.support.finished import Finished, Target
from tests.support.fixtures import ProxyTo
from tests.support.rotated import NAME, verified
from tests.support.site import Said, Site

pytestmark = pytest.mark.live

ADOPT = "hdh-migrate adopt PLAN --bundle DIR --state-dir NEW"
Moves = Callable[[Site, ProxyTo], None]


@pytest.fixture
def site(finished: Finished) -> Site:
    return finished(verified, Target())


def endpoint_renamed(site: Site, proxy_to: ProxyTo) -> None:
    proxy = proxy_to(site.bucket.server)
    site.change(target={**site.section("target"), "endpoint": proxy.url})


def account_renamed(site: Site, proxy_to: ProxyTo) -> None:
    proxy = proxy_to(site.container.server)
    site.change(source={**site.section("source"), "account_url": proxy.url})


def bucket_copied(site: Site, proxy_to: ProxyTo) -> None:
    del proxy_to
    server: Any = site.bucket.server
    buckets = server.store.buckets
    buckets["another"] = deepcopy(buckets[NAME])
    buckets["another"].name = "another"
    del buckets[NAME]
    (one,) = site.section("datasets")
    site.change(datasets=[{**one, "target": {**one["target"], "bucket": "another"}}])


@pytest.mark.parametrize(
    ("moves", "of_a_bundle", "told"),
    [
        (endpoint_renamed, 5, "5 verified objects are as they were"),
        (account_renamed, 5, "5 verified objects are as they were"),
        (bucket_copied, 0, "5 verified objects lie at another place at the target"),
    ],
)
def test_what_a_host_moved_is_adopted_under_its_new_address(
    site: Site, proxy_to: ProxyTo, moves: Moves, of_a_bundle: int, told: str
) -> None:
    new, trust = str(site.folder / "state-2"), str(site.folder / "keys" / "report.pub")
    before, after = (str(site.folder / name) for name in ("before", "after"))
    site.cli("report", site.plan, "--out", before, expect=0)
    moves(site, proxy_to)

    assert ADOPT in site.cli("run", site.plan, "--no-progress", expect=3).err
    assert ADOPT in site.cli("plan", "diff", site.plan, expect=3).out

    def goes_on(*words: str) -> Said:
        return site.cli(words[0], site.plan, *words[1:], "--state-dir", new, expect=0)

    adopted = goes_on("adopt", "--bundle", before, "--json").json["batches"][0]
    assert (adopted["adopted"], adopted["by_bundle"], adopted["unproved"]) == (5, of_a_bundle, 0)
    goes_on("run", "--take-over", "--reason", "the host moved", "--until", "verify")
    goes_on("report", "--out", after)
    site.cli("audit", "verify", after, "--trust", trust, expect=0)
    agreed(after, trust)
    said = site.cli("audit", "compare", before, after, "--trust", trust, expect=0).out
    assert told in said
    assert "adopted under another plan" in said
