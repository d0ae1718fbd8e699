"""What a killed freeze trial left at the source is never moved, and no run begins with it."""

from __future__ import annotations

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.model import FREEZE_TRIAL
from tests.support.agreed import agreed
from tests.support.site import Site

pytestmark = pytest.mark.live


def test_an_inventory_refuses_it_until_it_is_gone(site: Site) -> None:
    name = f"{FREEZE_TRIAL}{'0a' * 8}"
    site.change(cutovers=None, freeze=None, approvals=None)
    site.container.client.upload_blob(name, b"")
    run = ("run", site.plan, "--no-progress")

    said = site.cli(*run, expect=Exit.REFUSED)

    assert "[freeze-trial-left]" in said.err
    bundle = site.folder / "bundle"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    agreed(bundle, str(site.folder / "keys" / "report.pub"))
    site.container.client.delete_blob(name)
    told = site.cli(*run, "--refresh", "--json", expect=Exit.FINDINGS).json  # that it vanished
    assert told["datasets"][0]["states"]["verified"]["objects"] == 4
