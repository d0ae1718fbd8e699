"""Every verb that looks at what was moved goes on after a key was replaced, or all sealed anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pytest

from hdh_migrate.sealing.keys import new_pair
from tests.live import test_decommission as ends
from tests.support.finished import Target, prepared
from tests.support.fixtures import upload
from tests.support.resealed import sealed_anew
from tests.support.rotated import behaving, executed, opened, say_next, verified, versions
from tests.support.site import NEW, OLD, Site, moved

pytestmark = pytest.mark.live

Exchange = Callable[[Site], None]
"""Replaces the steward's key, or seals everything anew, with the approvals that it takes."""


def replaced(site: Site) -> None:
    new_pair(site.folder / "keys", "next", passphrase=None)
    say_next(site)
    if "approvals" in ends_of(site):
        site.approve("rotate")
    executed(site, expect=0)


def anew(site: Site) -> None:
    if "approvals" in ends_of(site):
        site.approve("reseal")
    sealed_anew(site)


def ends_of(site: Site) -> str:
    return (site.folder / "plan.yaml").read_text()


def objects(site: Site) -> list[tuple[str, str]]:
    """Return key and version of every object of the source that is at the target."""
    return sorted((one.key, one.id) for one in versions(site) if "-sidecar/" not in one.key)


@pytest.fixture(params=[replaced, anew], ids=["a key replaced", "sealed anew"])
def exchange(request: pytest.FixtureRequest) -> Exchange:
    made: Exchange = request.param
    return made


VERSIONED = Target(versions=True)


@prepared(moved, VERSIONED)
def test_objects_are_fetched(site: Site, exchange: Exchange) -> None:
    exchange(site)
    out = site.folder / "b.csv"
    site.cli("fetch", site.plan, "emc2", "pmsi/b.csv", "--out", str(out), expect=0)
    assert out.read_bytes() == site.source()["pmsi/b.csv"][1]


@prepared(moved, VERSIONED)
def test_a_ledger_that_is_lost_is_made_again_of_what_is_there(
    site: Site, exchange: Exchange
) -> None:
    """Nothing is sent again; of the source alone, or of a bundle that was written afterwards."""
    exchange(site)
    site.cli("report", site.plan, "--out", str(site.folder / "bundle"), expect=0)
    held = objects(site)
    by_bundle = ("--bundle", str(site.folder / "bundle"))
    for more in (
        (),
        by_bundle,
    ):  # the third ledger meets files of the sidecar that are the second's
        shutil.rmtree(site.state)
        site.cli("adopt", site.plan, *more, "--no-progress", expect=0)
        site.cli("fence", site.plan, "--take-over", "--reason", "the machine burned", expect=0)
        site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)
        assert objects(site) == held
        site.cli("ledger", "check", site.plan, expect=0)


@prepared(moved, VERSIONED)
def test_what_somebody_put_in_an_objects_place_is_kept_aside_and_ours_is_sent(
    site: Site, exchange: Exchange
) -> None:
    before = opened(site, "escrow")
    exchange(site)
    one = next(one for one in versions(site) if one.key.endswith("b.csv.c4gh"))
    one.body, one.etag, one.headers = b"somebody else's", "e" * 32, {}
    site.cli("verify", site.plan, "--again", "--no-progress", expect=5)
    site.cli("verify", site.plan, "--again", "--restore", "all", "--no-progress")
    site.run()
    assert {**before, **opened(site, "escrow")} == before
    assert opened(site, "escrow").keys() == before.keys()


@prepared(moved, VERSIONED)
def test_a_batch_is_cut_over_and_deleted_at_the_source(site: Site, exchange: Exchange) -> None:
    exchange(site)
    ends.finalized(site)
    assert site.pointer == NEW
    told = ends.execute(site, expect=0)
    assert told.code == 0
    assert ends.names(site) == ends.SCRATCH


@prepared(ends.finalized, VERSIONED)
def test_keys_are_exchanged_between_finalize_and_the_end_of_the_source(
    site: Site, exchange: Exchange
) -> None:
    """What is deleted rests on evidence that was written afterwards."""
    exchange(site)
    refused = ends.execute(site, expect=3)  # the bundle tells of the objects as they were
    assert ends.names(site) == ends.SCRATCH | ends.OBJECTS, refused.err
    shutil.rmtree(site.folder / "bundle")
    (site.folder / "bundle.checkpoint").unlink()
    site.cli("report", site.plan, "--out", str(site.folder / "bundle"), expect=0)
    site.approve("decommission")
    ends.execute(site, expect=0)
    assert ends.names(site) == ends.SCRATCH
    assert opened(site, "escrow").keys() == {one.key for one in versions(site)}


@prepared(moved, VERSIONED)
def test_nothing_is_sealed_anew_between_switch_and_finalize(site: Site) -> None:
    site.approve("cutover")
    site.cutover("start", expect=0)
    said = sealed_anew(site, expect=3)
    assert "stands at fallback window" in said.err
    assert "make it final (" in said.err
    assert "or go back (" in said.err
    site.cutover("rollback", expect=0)
    site.approve("reseal")
    sealed_anew(site)


@prepared(moved, VERSIONED)
def test_nothing_is_switched_while_some_objects_have_other_keys(site: Site) -> None:
    site.approve("reseal")
    behaving(site, keeps_removed=True)
    sealed_anew(site, expect=3)  # it ends after one object
    site.approve("cutover")
    refused = site.cutover("start", expect=3)
    assert "objects are being sealed anew" in refused.err
    assert site.pointer == OLD
    behaving(site, keeps_removed=False)
    sealed_anew(site)
    site.approve("cutover")
    site.cutover("start", expect=0)
    assert site.pointer == NEW


@prepared(verified, VERSIONED)
def test_what_is_adopted_afterwards_counts_as_left_and_the_same_command_goes_through_it(
    site: Site,
) -> None:
    """What another copy of the ledger had stored stayed open for the key that was replaced."""
    site.change(seal={**site.section("seal"), "identity": "file:keys/escrow.sec"})
    away, late = site.folder / "away", "late.csv"
    shutil.copytree(site.state.parent, away)
    upload(site.container, {late: b"7,8,9"})
    there = ("--state-dir", str(away), "--no-progress")
    site.cli("run", site.plan, "--refresh", "--take-over", "--reason", "moved", *there, expect=0)
    site.cli("fence", site.plan, "--take-over", "--reason", "it is gone", expect=0)
    before = json.loads(site.cli("status", site.plan, "--json", expect=0).out)["left"]
    say_next(site)
    executed(site, opens="escrow", expect=0)
    assert opened(site, "steward").keys() == {f"in/{late}.c4gh"}
    site.cli("inventory", site.plan, "--refresh", "--no-progress", expect=0)

    said = site.cli("adopt", site.plan, expect=0)

    assert f'the same "hdh-migrate keys rotate {site.plan}' in said.err
    left = json.loads(site.cli("status", site.plan, "--json", expect=0).out)["left"]
    (task,) = [one for one in left if one["task"] == "rotated"]
    assert (task["objects"], task["names"]) == (1, ["keys rotate"])
    assert not [one for one in before if one["task"] == "rotated"]
    executed(site, opens="escrow", expect=0)
    assert opened(site, "steward") == {}
    assert opened(site, "next").keys() == opened(site, "escrow").keys()
    left = json.loads(site.cli("status", site.plan, "--json", expect=0).out)["left"]
    assert not [one for one in left if one["task"] == "rotated"]
    site.cli("run", site.plan, "--refresh", "--no-progress", expect=0)
