"""A machine whose clock jumps, between servers whose clocks are right (issue 10, A3)."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from hdh_migrate.clocks import ALONE, seconds_of
from hdh_migrate.errors import ClocksDiffer, MigrateError, Refused
from hdh_migrate.evidence.signatures.approval_forms import approval
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.signing import load_signer
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.approval_subjects import subject_here
from hdh_migrate.session.policy.kept_approvals import keep_approval
from hdh_migrate.session.verbs import cutover, decommission
from hdh_migrate.session.verbs import report as reporting
from hdh_migrate.telemetry import SystemClock
from tests.support import lies
from tests.support.finished import prepared
from tests.support.proxy import Proxy
from tests.support.quiet import Notes, WallClock
from tests.support.site import NEW, OLD, Site, moved

pytestmark = pytest.mark.live

DAY = 86_400.0


@pytest.fixture(autouse=True)
def environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def proxies(site: Site) -> Iterator[list[Proxy]]:
    """Proxies before both servers, which the plan names instead of them."""
    source, target = site.section("source"), site.section("target")
    with ExitStack() as stack:
        made = [
            stack.enter_context(Proxy(source["account_url"])),
            stack.enter_context(Proxy(target["endpoint"])),
        ]
        site.change(
            source={**source, "account_url": made[0].url},
            target={**target, "endpoint": made[1].url},
        )
        yield made


def desk(site: Site, ahead: float = 0.0) -> Desk:
    opened = Desk.open(site.folder / "plan.yaml", None, Notes(), threading.Event())
    return replace(opened, clock=WallClock(ahead=ahead))


def refused(act: Callable[[], object]) -> str:
    """Return the reason for which a permission was not given, which is the clock."""
    with pytest.raises(MigrateError) as error:
        act()
    assert int(error.value.exit_code) == 3, error.value
    assert "this machine's clock is" in str(error.value)
    return str(error.value)


def dated(site: Site) -> list[float]:
    lines = site.cli("audit", "journal", site.plan, expect=0).out.splitlines()
    return [seconds_of(json.loads(line)["at"]) for line in lines]


def check_journal(site: Site) -> None:
    """The journal never runs backwards and is not dated by a clock that was found wrong."""
    times = dated(site)
    assert times == sorted(times)
    assert times[-1] <= seconds_of(SystemClock().now()) + 1


def compared(site: Site) -> list[dict[str, Any]]:
    lines = site.cli("audit", "journal", site.plan, expect=0).out.splitlines()
    events = [json.loads(line) for line in lines]
    return [json.loads(event["body"]) for event in events if event["kind"] == "clocks-compared"]


def in_window(site: Site) -> None:
    site.run()
    site.approve("cutover")
    site.cutover("start", expect=0)


def finalized(site: Site) -> str:
    in_window(site)
    site.approve("finalize")
    site.cutover("finalize", "--reason", "agreed", expect=0)
    site.approve("decommission", "dpo", "--for", "90d")
    bundle = site.folder / "bundle"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    return str(bundle)


def test_a_clock_eight_days_ahead_does_not_end_the_fallback_window(site: Site) -> None:
    in_window(site)
    site.approve("finalize", "dpo", "--for", "30d")
    told = refused(lambda: cutover.finalize(desk(site, 8 * DAY), "all", None))
    assert "8 days ahead of" in told
    refused(lambda: cutover.finalize(desk(site, 8 * DAY), "all", "with a reason"))
    now = site.status()
    assert (now["stage"], now["waits"]["why"]) == ("fallback window", "clock")
    check_journal(site)
    cutover.rollback(desk(site, 8 * DAY), "all")  # a way back never waits for a clock
    assert site.pointer == OLD
    check_journal(site)


def test_a_way_back_is_dated_by_the_target_where_the_source_tells_no_time(
    site: Site, proxies: list[Proxy]
) -> None:
    """A rollback by a clock a year ahead kept everything after it waiting for a year."""
    in_window(site)
    proxies[0].rule(action=lies.change_header("Date", None))
    cutover.rollback(desk(site, 365 * DAY), "all")
    assert site.pointer == OLD
    check_journal(site)
    site.run()


def test_a_clock_45_days_ahead_does_not_end_the_cooling(site: Site) -> None:
    entry = site.section("cutovers")
    entry[0]["decommission"]["cooling"] = "30d"
    site.change(cutovers=entry)
    bundle = site.folder / "bundle"
    finalized(site)
    before = site.source()
    refused(lambda: decommission.execute(desk(site, 45 * DAY), "all", bundle, ["emc2"]))
    refused(lambda: decommission.forecast(desk(site, 45 * DAY), "all", bundle))
    assert site.source() == before
    check_journal(site)
    with pytest.raises(Refused, match="cooling period lasts until"):
        decommission.execute(desk(site), "all", bundle, ["emc2"])
    assert site.source() == before


@prepared(moved)
def test_a_clock_behind_lets_no_expired_approval_live(site: Site) -> None:
    now = desk(site)
    signer = load_signer(site.folder / "keys" / "dpo.key", None)
    subject = subject_here(now, "all", ApprovalStage.CUTOVER)
    past = WallClock(ahead=-10 * DAY).now(), WallClock(ahead=-9 * DAY).now()
    keep_approval(now, approval(signer, subject, made_at=past[0], expires=past[1]))
    refused(lambda: cutover.start(desk(site, -9.5 * DAY), "all"))
    assert site.pointer == OLD
    check_journal(site)
    assert "it has expired" in site.cutover("start", expect=8).err


def test_a_clock_behind_the_journal_signs_and_permits_nothing(site: Site) -> None:
    bundle = site.folder / "bundle"
    finalized(site)
    behind = desk(site, -DAY)
    with pytest.raises(ClocksDiffer, match="behind its last event"):
        reporting.write_report(behind, site.folder / "another")
    assert not (site.folder / "another").exists()
    refused(lambda: decommission.execute(behind, "all", bundle, ["emc2"]))
    assert len(site.source()) == 5


def test_a_journal_that_was_written_by_a_clock_ahead_permits_nothing(
    site: Site, proxies: list[Proxy]
) -> None:
    for proxy in proxies:
        proxy.rule(action=lies.change_header("Date", None))
    site.run()
    site.approve("cutover", "dpo", "--for", "90d")
    cutover.start(desk(site, 8 * DAY), "all")  # nobody could tell
    assert site.pointer == NEW
    told = refused(lambda: cutover.finalize(desk(site), "all", "now"))
    assert "the journal was written with a clock that was ahead" in told


@pytest.mark.parametrize("date", [None, "yesterday", "Wed, 25 Nov 2026 12:00:00 +999999999999"])
def test_without_a_date_the_local_clock_judges_alone_and_the_journal_says_so(
    site: Site, proxies: list[Proxy], date: str | None
) -> None:
    for proxy in proxies:
        proxy.rule(action=lies.change_header("Date", date))
    site.run()
    site.approve("cutover")
    here = desk(site)
    cutover.start(here, "all")
    notes = here.progress
    assert isinstance(notes, Notes)
    assert ALONE in notes.lines
    assert all(one["alone"] and one["clock_offsets"] == {} for one in compared(site))
    site.cli("report", site.plan, "--out", str(site.folder / "bundle"), expect=0)
    for name, told in (("fr", "aucun en-tête Date"), ("en", "no Date header")):
        assert told in (site.folder / "bundle" / f"report.{name}.html").read_text()


@pytest.mark.parametrize("which", [0, 1])
def test_one_endpoint_whose_clock_differs_is_enough(
    site: Site, proxies: list[Proxy], which: int
) -> None:
    in_window(site)
    site.approve("finalize")
    proxies[which].rule(action=lies.change_header("Date", "Wed, 25 Nov 2015 12:00:00 GMT"))
    told = refused(lambda: cutover.finalize(desk(site), "all", "agreed"))
    assert f"127.0.0.1:{urlsplit(proxies[which].url).port}: " in told
    proxies[which].clear()
    cutover.finalize(desk(site), "all", "agreed")


@prepared(moved)
def test_a_clock_that_jumps_during_a_cutover_stops_it_before_the_switch(site: Site) -> None:
    site.approve("cutover", "dpo", "--for", "90d")
    here = desk(site)

    class Jumping(Notes):
        """The clock jumps while the start goes on."""

        def step(self, *told: Any, **more: Any) -> None:
            assert isinstance(here.clock, WallClock)
            here.clock.ahead = 45 * DAY

    site.container.client.upload_blob("pmsi/late.csv", b"late")
    refused(lambda: cutover.start(replace(here, progress=Jumping()), "all"))
    assert site.pointer == OLD
    check_journal(site)


def test_evidence_of_the_future_is_no_evidence(site: Site) -> None:
    """A bundle that was signed by a clock ahead, or a clock here that is behind: never believed."""
    finalized(site)
    ahead = site.folder / "ahead"
    reporting.write_report(desk(site, 3 * DAY), ahead)
    before = site.source()
    with pytest.raises(Refused, match="in the future of this machine's clock"):
        decommission.execute(desk(site), "all", ahead, ["emc2"])
    assert site.source() == before


@prepared(moved)
def test_the_report_shows_the_offset_that_was_last_seen(site: Site) -> None:
    site.approve("cutover")
    cutover.start(desk(site, 50.0), "all")
    told = reporting.write_report(desk(site), site.folder / "bundle")
    statement = json.loads((site.folder / "bundle" / "statement.json").read_text())
    times = json.loads(base64.b64decode(statement["payload"]))["predicate"]["times"]
    assert len(times["clock_offsets"]) == 2
    assert all(20 < seconds < 80 for seconds in times["clock_offsets"].values()), times
    assert told["complete"]
