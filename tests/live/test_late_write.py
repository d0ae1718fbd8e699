"""A write that was under way for months lands after the last look, on a host without conditions.

Nothing can keep it away there: no condition, no version, and its own run is long over. So what is
promised is that it does not pass for what was verified.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.live.test_decommission import deletes, ended, execute, names
from tests.support import strict_buckets
from tests.support.agreed import agreed
from tests.support.fixtures import ProxyTo
from tests.support.proxy import Upstream
from tests.support.rotated import behaving
from tests.support.site import Site, through
from tests.support.wire import Body, Reply, Request

pytestmark = pytest.mark.live

bucket = strict_buckets.unversioned
NAME = "pmsi/b.csv"


def writes(request: Request) -> bool:
    return request.method == "PUT" and "b.csv" in request.path


def test_it_is_found_by_the_next_look_and_never_passes_for_what_was_verified(
    site: Site, proxy_to: ProxyTo
) -> None:
    behaving(site, conditional_put="ignored", conditional_complete="ignored")
    host, held = proxy_to(site.bucket.server), list[tuple[Request, Upstream]]()

    def hold(request: Request, upstream: Upstream) -> Reply:
        request.body = Body.of(request.body.whole())
        held.append((request, upstream))
        busy = Reply(503)
        busy.replace_body(b"")
        return busy

    host.rule(match=writes, action=hold, times=1)
    target = {**site.section("target"), "endpoint": host.url}
    account = through(site, proxy_to, target=target)
    site.run()
    site.container.client.upload_blob(NAME, b"corrected", overwrite=True)
    site.cli("run", site.plan, "--refresh", "--until", "verify", "--no-progress", expect=0)
    ended(site)
    server: Any = site.bucket.server
    right = server.store.buckets[site.bucket.name].current(f"in/{NAME}.c4gh").body

    def land(request: Request, upstream: Upstream) -> Reply:
        """Let it land between the last look and the delete, if the delete is that object's."""
        if "b.csv" in request.path:
            late, to = held.pop()
            assert to.forward(late).status == 200
        return upstream.forward(request)

    account.rule(match=deletes, action=land)
    said = execute(site, expect=0)
    now = server.store.buckets[site.bucket.name].current(f"in/{NAME}.c4gh").body
    assert now != right
    assert NAME not in names(site)
    assert f'"hdh-migrate verify {site.plan} --again"' in said.out

    site.cli("verify", site.plan, "--again", "--no-progress", expect=5)

    causes = site.cli("errors", site.plan, "--json").json["causes"]
    assert ("decommission-target-lost", 1) in {(one["code"], one["count"]) for one in causes}
    assert "decommission-target-lost" in site.cli("status", site.plan, "--check", expect=5).out
    trusted, bundle = str(site.folder / "keys" / "report.pub"), site.folder / "after"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    site.cli("audit", "verify", str(bundle), "--trust", trusted, expect=0)
    agreed(bundle, trusted)
