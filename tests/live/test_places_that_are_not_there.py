"""A container or a bucket that is not there: which one, and what mends it, in one line each."""

from __future__ import annotations

import pytest

from tests.support.site import Site

pytestmark = pytest.mark.live


def test_preflight_names_the_place_that_is_not_there_and_goes_on(site: Site) -> None:
    dataset = {
        "name": "emc2",
        "source": {"container": "nobody-made-it"},
        "target": {"bucket": "nobody-made-it-either", "prefix": "in/"},
    }
    site.change(datasets=[dataset])

    done = site.cli("preflight", site.plan, "--json", expect=3)

    checks = {one["check"]: one for one in done.json["checks"]}
    source, target = checks["rights and places"]["problems"]
    assert source.startswith("source container nobody-made-it: there is no such container (mend")
    assert target.startswith(
        'target bucket nobody-made-it-either: there is no such bucket ("hdh-migrate provision PLAN"'
    )
    assert "key protection" in checks  # what comes after it was looked at, too
