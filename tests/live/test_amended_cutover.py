"""A batch that was amended is cut over, given up at the source and proved like any other."""

from __future__ import annotations

import pytest

from tests.live.test_decommission import command, names
from tests.support.agreed import agreed
from tests.support.finished import prepared
from tests.support.site import NEW, Site, moved

pytestmark = [pytest.mark.live, pytest.mark.slow]


def amend(site: Site, *more: str, expect: int) -> str:
    said = site.cli(
        "amend", site.plan, "--batch", "all", "--reason", "ref. 9", *more, expect=expect
    )
    return said.out + said.err


@prepared(moved)
def test_an_amended_batch_is_cut_over_and_decommissioned(site: Site) -> None:
    site.approve("cutover")
    datasets = site.section("datasets")
    datasets[0]["exclude"].append({"glob": "pmsi/vid*", "reason": "empty"})
    site.change(datasets=datasets)
    assert "--batch all" in site.cutover("start", expect=3).err
    assert "1 moved before the rule" in amend(site, expect=0)
    amend(site, "--execute", expect=0)
    site.container.client.upload_blob("pmsi/vidange", b"came after the rule")

    refused = site.cutover("start", expect=8).err  # what was approved is another revision
    assert "the plan was changed since" in refused
    site.approve("cutover")
    site.cutover("start", expect=0)
    assert site.pointer == NEW

    datasets[0]["exclude"].pop()
    site.change(datasets=datasets)
    assert "is cut over" in amend(site, "--execute", expect=3)
    datasets[0]["exclude"].append({"glob": "pmsi/vid*", "reason": "empty"})
    site.change(datasets=datasets)

    site.approve("finalize")
    site.cutover("finalize", "--reason", "agreed", expect=0)
    bundle = str(site.folder / "bundle")
    site.cli("report", site.plan, "--out", bundle, expect=0)
    trust = str(site.folder / "keys" / "report.pub")
    site.cli("audit", "verify", bundle, "--trust", trust, expect=0)
    agreed(bundle, trust)
    site.approve("decommission")
    said = site.cli(*command(site, "--execute", "--confirm", "emc2"), expect=None)
    while said.code == 3 and "cooling" in said.err:
        said = site.cli(*command(site, "--execute", "--confirm", "emc2"), expect=None)
    assert said.code == 0, said.err
    assert names(site) == {"pmsi/vidange", "tmp/scratch"}  # what no rule let move stays
