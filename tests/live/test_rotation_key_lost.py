"""The old private key is destroyed before a rotation from it came to its end."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from hdh_migrate.session.verbs.rotate import execute
from tests.live.test_grants_killed import Killed, desk_of
from tests.live.test_rotation import journal
from tests.live.test_rotation_killed import MainClock, wish
from tests.support.finished import Finished, Target
from tests.support.rotated import executed, opened, say_next, with_keys
from tests.support.site import Site

pytestmark = pytest.mark.live


def for_one(site: Site) -> None:
    """Prepare a site whose objects are verified, and open for one key alone."""
    with_keys(site)
    seal = {**site.section("seal"), "recipients": ["keys/steward.pub"]}
    site.change(seal={**seal, "single_recipient_reason": "a rehearsal"})
    site.run()


@pytest.fixture
def site(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> Site:
    site = finished(for_one, Target(versions=True))
    say_next(site)
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    return site


def test_it_comes_to_its_end_and_the_rest_is_sent_again(site: Site) -> None:
    before, left = opened(site, "steward"), 0
    while not journal(site, "keys-rotating"):
        with suppress(Killed):
            execute(replace(desk_of(site), clock=MainClock(left)), wish(site))
            raise AssertionError("it was never killed")
        left += 1
    (site.folder / "keys" / "steward.sec").unlink()
    said = site.cli("run", site.plan, "--until", "verify", expect=3).err
    assert f"keys rotate {site.plan}" in said

    told = executed(site, "--json", opens="next", expect=5).json
    assert (told["objects"], told["left"]) == (0, {"unopened": 5})
    assert any("verify PLAN --again" in line for line in told["remains"])
    site.cli("verify", site.plan, "--again", "--no-progress", expect=5)
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)
    assert opened(site, "next") == before
