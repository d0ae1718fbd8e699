"""A run that did not come to its end is no fine state, though everything was verified before it."""

from __future__ import annotations

import pytest

from tests.support import lies
from tests.support.fixtures import ProxyTo
from tests.support.site import Site, through

pytestmark = pytest.mark.live


def test_a_refresh_that_a_store_ended_is_told_to_a_monitor(site: Site, proxy_to: ProxyTo) -> None:
    proxy = through(site, proxy_to)
    site.run()
    site.cli("status", site.plan, "--check", expect=0)
    proxy.rule(action=lies.status(503), match=lambda _: True)

    site.cli("run", site.plan, "--refresh", "--until", "verify", "--no-progress", expect=7)

    told = site.cli("status", site.plan, "--check", "--json", expect=7).json
    assert told["run"]["troubled"]
    assert told["check"]["why"][0].startswith("the last run did not come to its end: ")
    proxy.clear()
    site.cli("run", site.plan, "--refresh", "--until", "verify", "--no-progress", expect=0)
    told = site.cli("status", site.plan, "--check", "--json", expect=0).json
    assert not told["run"]["troubled"]


def test_a_run_that_people_paused_is_no_trouble(site: Site) -> None:
    site.run()
    site.cli("pause", site.plan, expect=0)
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=7)
    site.cli("resume", site.plan, expect=0)
    site.cli("status", site.plan, "--check", expect=0)
