"""A dry run ends as the run that begins now: also outside of windows, paused, before its day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.site import Site

pytestmark = pytest.mark.live


def both(site: Site, code: int) -> str:
    """Return why both a dry run and the run after it end with a code."""
    dry = site.cli("run", site.plan, "--dry-run", "--json", expect=code).json
    assert dry["exit"] == code
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=code)
    return str(dry["why"][0])


def closed() -> dict[str, object]:
    """Return windows that open in three days."""
    today = datetime.now(UTC).date()
    days = {"date": today.isoformat(), "last_date": (today + timedelta(days=2)).isoformat()}
    return {"zone": "UTC", "open": ["daily 00:00-24:00"], "exceptions": [days]}


def test_outside_of_windows(site: Site) -> None:
    site.change(windows=closed())

    assert both(site, 7).startswith("no window of the plan is open; the next one opens on ")

    said = site.cli("status", site.plan, expect=0)
    assert f"next: hdh-migrate run {site.plan} --wait (work is left in all)" in said.out


def test_paused_and_let_go(site: Site) -> None:
    site.cli("run", site.plan, "--until", "inventory", "--no-progress", expect=0)
    site.cli("pause", site.plan, "--reason", "backups", expect=0)

    assert both(site, 7).startswith("runs are paused by ")

    said = site.cli("status", site.plan, expect=0)
    assert f"next: hdh-migrate resume {site.plan}" in said.out
    site.cli("resume", site.plan, expect=0)
    assert site.cli("run", site.plan, "--dry-run", "--json", expect=0).json["why"] == []


def test_before_the_day_of_its_batch(site: Site) -> None:
    batches = site.document()["batches"]
    site.change(batches=[batches[0] | {"not_before": "2099-01-01"}])

    assert both(site, 3) == "batch all is not to be moved before 2099-01-01T00:00:00.000Z"


def test_what_has_nothing_left_is_held_up_by_no_window(site: Site) -> None:
    site.run()
    site.change(windows=closed())

    dry = site.cli("run", site.plan, "--dry-run", "--json", expect=0).json

    assert dry["why"] == []
