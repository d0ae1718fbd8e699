"""A key is replaced with the consent of those whom the plan asks."""

from __future__ import annotations

import pytest

from hdh_migrate.sealing.keys import new_pair
from tests.support.agreed import agreed
from tests.support.finished import prepared
from tests.support.resealed import sealed_anew
from tests.support.rotated import executed, say_next
from tests.support.site import Site, moved

pytestmark = pytest.mark.live


def reported(site: Site, signed: int) -> None:
    """Hold that a bundle has so many approvals as they were signed."""
    bundle = site.folder / "bundle"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    agreed(bundle, site.folder / "keys" / "report.pub", signed=signed)


@prepared(moved)
def test_a_key_is_replaced_with_the_consent_of_those_whom_the_plan_asks(site: Site) -> None:
    new_pair(site.folder / "keys", "next", passphrase=None)
    say_next(site)
    refused = executed(site, expect=8)
    assert "--stage rotate" in refused.err
    site.approve("rotate", "stranger", expect=3)  # a key that the plan does not name
    executed(site, expect=8)
    shown = site.approve("rotate")
    assert "is replaced by" in shown.err
    assert executed(site, "--json", expect=0).json["objects"] == 4
    reported(site, signed=1)


@prepared(moved)
def test_an_approval_is_for_these_two_keys(site: Site) -> None:
    for name in ("next", "later"):
        new_pair(site.folder / "keys", name, passphrase=None)
    say_next(site)
    site.approve("rotate")
    say_next(site, old="next", new="later")
    executed(site, new="later", expect=8)


@prepared(moved)
def test_everything_is_sealed_anew_with_the_consent_of_those_whom_the_plan_asks(site: Site) -> None:
    refused = sealed_anew(site, expect=8)
    assert "--stage reseal" in refused.err
    site.approve("reseal", "stranger", expect=3)  # a key that the plan does not name
    sealed_anew(site, expect=8)
    shown = site.approve("reseal")
    assert "every object of the migration is sealed anew" in shown.err
    told = sealed_anew(site, "--json").json
    assert told["objects"] == 4
    sealed_anew(site, "--again", expect=8)  # what was approved was the first one
    site.approve("reseal")
    assert sealed_anew(site, "--again", "--json").json["number"] == 2
    reported(site, signed=2)


@prepared(moved)
def test_an_approval_of_a_key_lets_nothing_be_sealed_anew(site: Site) -> None:
    new_pair(site.folder / "keys", "next", passphrase=None)
    say_next(site)
    site.approve("rotate")
    say_next(site, old="next", new="steward")
    sealed_anew(site, expect=8)
