"""An operator who puts an old copy of the ledger back after a cutover, and tries every verb."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.finished import prepared
from tests.support.site import NEW, OLD, Site, moved

pytestmark = [pytest.mark.live, pytest.mark.slow]

KEY = "in/pmsi/b.csv.c4gh"


def copies(site: Site) -> list[Path]:
    return sorted((site.folder / "copies").iterdir())


def put_back(site: Site, copy: Path) -> None:
    shutil.rmtree(site.state)
    shutil.copytree(copy, site.state)


def rewrite(site: Site, body: bytes) -> None:
    """Edit an object at the target as a consumer's tool does: its metadata stay."""
    client, name = site.bucket.client, site.bucket.name
    tag = client.head_object(Bucket=name, Key=KEY)["Metadata"]
    client.put_object(Bucket=name, Key=KEY, Body=body, Metadata=tag)


def held(site: Site) -> bytes:
    body: bytes = site.bucket.client.get_object(Bucket=site.bucket.name, Key=KEY)["Body"].read()
    return body


def test_each_step_of_a_cutover_is_in_a_copy_and_an_older_one_is_refused(site: Site) -> None:
    site.change(backup={"folder": "copies"})
    site.run()
    (early,) = copies(site)
    site.approve("cutover")
    site.cutover("start", expect=0)
    assert len(copies(site)) == 2
    site.cutover("rollback", expect=0)
    site.approve("cutover")
    site.cutover("start", expect=0)
    site.approve("finalize")
    site.cutover("finalize", "--reason", "agreed", expect=0)
    assert len(copies(site)) == 5
    newest = copies(site)[-1]

    put_back(site, early)
    for words in (
        ("run", site.plan, "--refresh"),
        ("fence", site.plan, "--take-over", "--reason", "the machine burned"),
        ("cutover", "start", site.plan, "--batch", "all"),
        ("cutover", "rollback", site.plan, "--batch", "all"),
        ("verify", site.plan, "--again"),
    ):
        said = site.cli(*words, expect=3)
        assert str(newest) in said.err, words
    assert site.pointer == NEW

    # The hint names two ways; the one that would forget the switch is refused.
    said = site.cli("adopt", site.plan, expect=3)
    assert "was switched already (finalized, says" in said.err
    assert "put a copy of the ledger in its place" in said.err

    put_back(site, newest)
    assert site.status()["stage"] == "finalized"
    site.cli("run", site.plan, "--no-progress", expect=0)


@prepared(moved)
def test_a_switch_that_went_back_keeps_nobody_from_adopting(site: Site) -> None:
    """A copy from while consumers were at the target refused it as long as that copy was kept."""
    site.change(backup={"folder": "copies"})
    early = site.folder / "early"
    shutil.copytree(site.state, early)
    site.approve("cutover")
    site.cutover("start", expect=0)
    site.cutover("rollback", expect=0)
    assert len(copies(site)) == 2
    put_back(site, early)
    said = site.cli("run", site.plan, "--no-progress", expect=3)
    assert "or let it take over what it lacks" in said.err

    site.cli("adopt", site.plan, expect=0)

    site.cli("fence", site.plan, "--take-over", "--reason", "burned", expect=0)
    site.cli("run", site.plan, "--no-progress", expect=0)


@prepared(moved)
def test_without_a_copy_the_pointer_itself_says_that_consumers_follow_it(site: Site) -> None:
    early = site.folder / "early"
    shutil.copytree(site.state, early)
    site.approve("cutover")
    site.cutover("start", expect=0)
    rewrite(site, b"a consumer's correction")
    put_back(site, early)

    assert "adopt" in site.cli("run", site.plan, expect=11).err
    for words in (
        ("adopt", site.plan),
        ("fence", site.plan, "--take-over", "--reason", "burned"),
        ("run", site.plan, "--take-over", "--reason", "burned"),
    ):
        said = site.cli(*words, expect=3)
        assert "its pointer has the new value, and this ledger did not set it" in said.err, words
    shutil.rmtree(site.state)
    assert "its pointer has the new value" in site.cli("adopt", site.plan, expect=3).err
    assert held(site) == b"a consumer's correction"

    # There is a way on without any copy: back by hand, then everything as from the beginning.
    site.pointer = OLD
    site.cli("adopt", site.plan, expect=4)
    site.cli("run", site.plan, "--take-over", "--reason", "burned", "--no-progress", expect=0)
    site.approve("cutover")
    site.cutover("start", expect=0)
    assert site.pointer == NEW
