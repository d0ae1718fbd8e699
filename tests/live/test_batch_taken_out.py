"""A batch that was switched is taken out of the plan: it is missed, and put back."""

from __future__ import annotations

import pytest

from tests.support.finished import prepared
from tests.support.site import NEW, OLD, Site, moved

pytestmark = pytest.mark.live


@prepared(moved)
def test_a_switched_batch_that_was_taken_out_is_told_and_goes_back_once_it_is_put_back(
    site: Site,
) -> None:
    site.approve("cutover")
    site.cutover("start", expect=0)
    planned = {name: site.section(name) for name in ("datasets", "batches", "cutovers", "freeze")}
    (dataset,) = planned["datasets"]
    other = {**dataset, "name": "other", "target": {**dataset["target"], "prefix": "other/"}}
    site.change(
        datasets=[other], batches=[{"name": "next", "datasets": ["other"]}], cutovers=None,
        freeze=None,
    )  # fmt: skip

    (told,) = site.cli("status", site.plan, "--json", expect=0).json["open"]
    assert "batch all was begun, its cutover stands at fallback window" in told
    assert "not in the plan any more: put it back" in told
    assert told in site.cli("status", site.plan, "--check", expect=7).out  # work is left as well
    assert told in site.cli("status", site.plan, expect=0).out
    assert "put it back" in site.cutover("rollback", expect=2).err
    assert site.pointer == NEW

    site.change(**planned)
    assert "open" not in site.cli("status", site.plan, "--json", expect=0).json
    site.cutover("rollback", expect=0)
    assert site.pointer == OLD
