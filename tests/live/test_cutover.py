"""An operator cuts a batch over at the real command line, and does everything wrong on the way."""

from __future__ import annotations

import pytest

from tests.support.site import NEW, OLD, Site

pytestmark = pytest.mark.live


def test_a_batch_is_cut_over_rolled_back_cut_over_again_and_finalized(site: Site) -> None:
    site.run()
    before = site.source()

    refused = site.cutover("start", expect=8)
    assert "is not approved" in refused.err
    assert site.pointer == OLD

    site.approve("cutover")
    told = site.cutover("start", "--json", expect=0).json
    assert (told["stage"], site.pointer) == ("fallback window", NEW)
    assert told["smoke"] == {
        "ok": True, "objects": 3, "bytes": told["smoke"]["bytes"], "failures": [],
        "commands": [{"name": "shell", "ok": True, "told": "status 0"}],
    }  # fmt: skip
    assert told["freeze"]["how"]["kind"] == "denied-write"
    assert site.cutover("start", "--json", expect=0).json["stage"] == "fallback window"

    site.cutover("rollback", expect=0)
    assert (site.status()["stage"], site.pointer) == ("rolled back", OLD)

    site.cutover("start", expect=0)
    assert site.cutover("finalize", expect=3).err.count("fallback window is open until") == 1
    assert site.cutover("finalize", "--reason", "agreed", expect=8).code == 8
    site.approve("finalize")
    loud = site.cutover("finalize", "--reason", "agreed", expect=0)
    assert "IS FINAL" in loud.err
    assert "no way back" in site.cutover("rollback", expect=3).err
    assert site.pointer == NEW
    assert site.source() == before
