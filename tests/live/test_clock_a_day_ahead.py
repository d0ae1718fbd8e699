"""A laptop whose clock is a day ahead: what it writes into the journal holds up nobody tomorrow."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support.days import shifted_clock
from tests.support.site import Site

pytestmark = pytest.mark.live

DAY = 86_400


@pytest.fixture
def ahead(site: Site) -> Site:
    """A batch that was moved by a right clock; what follows has one that is a day ahead."""
    site.run()
    site.environ |= shifted_clock(site.folder, DAY)
    return site


def set_right(site: Site) -> None:
    """Let the clock be right again."""
    for name in ("LD_PRELOAD", "SHIFTED_CLOCK"):
        del site.environ[name]


def test_what_needs_no_endpoint_is_dated_by_them_all_the_same(ahead: Site) -> None:
    escrow = str(ahead.folder / "keys" / "escrow.sec")
    ahead.alone("keys", "drill", ahead.plan, "--key", escrow, expect=0)
    plan = yaml.safe_load(Path(ahead.plan).read_text())
    rule = {"glob": "none/**", "reason": "none", "allow_unused": True}
    ahead.change(datasets=[plan["datasets"][0] | {"exclude": [rule]}])
    batch = plan["batches"][0]["name"]
    ahead.alone("amend", ahead.plan, "--batch", batch, "--reason", "trial", "--execute", expect=0)
    for more in ("--reason", "a doubt"), ("--release",):
        ahead.alone("hold", ahead.plan, *more, expect=0)
    told = ahead.alone("audit", "journal", ahead.plan, expect=0)
    assert told.out.count("hold-noticed") == 2
    set_right(ahead)
    ahead.alone(
        "fetch", ahead.plan, "emc2", "pmsi/b.csv", "--out", str(ahead.folder / "b"), expect=0
    )
    ahead.environ |= shifted_clock(ahead.folder, DAY)  # the report takes the opening in
    ahead.change(limits={"retry_budget": "3s"})
    said = ahead.alone("report", ahead.plan, "--out", str(ahead.folder / "bound"), expect=3)
    assert "24 h ahead of the endpoint's Date" in said.err  # it was signed, and dated tomorrow
    assert not (ahead.folder / "bound").exists()

    set_right(ahead)

    ahead.alone("run", ahead.plan, "--until", "verify", "--no-progress", expect=0)


def test_the_fence_is_taken_over_by_nobody_whose_clock_is_wrong(ahead: Site) -> None:
    """Approvals that were given before it are void: it must be told before what."""
    said = ahead.alone("fence", ahead.plan, "--take-over", "--reason", "mine", expect=3)
    assert "24 h ahead of the endpoint's Date" in said.err

    set_right(ahead)

    ahead.alone("fence", ahead.plan, "--take-over", "--reason", "mine", expect=0)
