"""A profile gives another address than before: nothing goes there, and no report tells of both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.fixtures import Bucket
from tests.support.site import Site
from tests.support.tls import Authority, Heard, https

pytestmark = pytest.mark.live

ADOPT = "hdh-migrate adopt {} --bundle DIR --state-dir NEW"


@pytest.fixture
def bucket(credulous_bucket: Bucket) -> Bucket:
    """It takes any signature, for what stands before it has another name."""
    return credulous_bucket


@pytest.fixture
def hosts(site: Site) -> Iterator[list[Heard]]:
    """Two names of one host."""
    authority = Authority(site.folder)
    identity = authority.issue("localhost")
    target = {**site.section("target"), "profile": "own.yaml", "tls": {}}
    target["tls"] = {"ca_bundle": authority.bundle.name}
    del target["endpoint"]
    site.change(target=target)
    with ExitStack() as held:
        before = site.bucket.server.endpoint
        yield [held.enter_context(https(identity, before=before)) for _ in range(2)]


def named(folder: Path, host: Heard) -> None:
    value = f'"https://localhost:{host.port}"'
    claim = f"{{value: {value}, as_of: 2026-11-01, source: seen here, confirmed: yes}}"
    (folder / "own.yaml").write_text(f"claims:\n  endpoint: {claim}\n")


def test_a_profile_that_leads_elsewhere_is_refused_before_anything_is_sent(
    site: Site, hosts: list[Heard]
) -> None:
    first, second = hosts
    named(site.folder, first)
    site.run()
    named(site.folder, second)

    said = site.cli("run", site.plan, "--no-progress", expect=3).err

    assert f"its address is https://localhost:{second.port} by the profile" in said
    assert f"was https://localhost:{first.port} so far" in said
    assert ADOPT.format(site.plan) in said
    assert not any(one.startswith(("PUT", "POST", "DELETE")) for one in second.requests)
    for verb in (("verify", "--again"), ("report", "--out", str(site.folder / "evidence"))):
        refused = site.cli(verb[0], site.plan, *verb[1:], expect=3).err
        assert f"was https://localhost:{first.port} so far" in refused
    assert not (site.folder / "evidence").exists()

    named(site.folder, first)
    site.cli("verify", site.plan, "--again", "--no-progress", expect=0)
