"""One place judges every permission that depends on time (issue 10, A3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hdh_migrate.clocks import (
    FRESH_SECONDS,
    Judge,
    Moment,
    Sighting,
    http_date,
    later,
    seconds_of,
)
from hdh_migrate.errors import ClocksDiffer, ConnectionLost, Exit, Refused
from hdh_migrate.evidence.signatures.approval_forms import JournalReached, Subject, approval
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.approvals import Why
from hdh_migrate.evidence.signatures.approvals import judge as judge_approvals
from hdh_migrate.evidence.signatures.signing import load_signer, load_trusted_key, new_report_key
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.plan.loader import load
from hdh_migrate.receipts import EndpointTraffic
from hdh_migrate.session.policy import gate, waivers
from hdh_migrate.session.views.traffic import added_up
from hdh_migrate.transport import Traffic
from hdh_migrate.wiring import Services
from hdh_migrate.wiring.targets import Network
from tests.support.events import made_up
from tests.support.quiet import WallClock
from tests.unit.session.test_gate import GOOD, PLAN, UNSEALED, public

NOW = "2026-11-25T12:00:00.000Z"
DAY = 86_400.0


@dataclass
class Server:
    """An endpoint as the port wants it; `ahead` is how far its clock is ahead of NOW."""

    endpoint: str = "https://s3.example"
    ahead: float = 0.0
    dated: bool = True
    away: bool = False
    may_ask: bool = True
    monotonic: Callable[[], float] = lambda: 100.0
    date: Sighting | None = None
    asked: int = 0
    answers: list[float] = field(default_factory=list)
    """What `ahead` is for each request to come."""

    def seen(self) -> Sighting | None:
        return self.date

    def ask(self) -> None:
        self.asked += 1
        if self.away:
            raise ConnectionLost("gone")
        if self.answers:
            self.ahead = self.answers.pop(0)
        if self.dated:
            at = self.monotonic()
            told = float(int(seconds_of(NOW) + self.ahead))
            self.date = Sighting(server_time=told, asked=at, heard=at)


def judge(*servers: Server, clock: WallClock | None = None, **more: Any) -> Judge:
    return Judge(
        clock or WallClock(NOW), witnesses=lambda: servers, monotonic=lambda: 100.0, **more
    )


@pytest.mark.parametrize("ahead", [61.0, 8 * DAY, 45 * DAY, -61.0, -8 * DAY])
def test_a_clock_that_differs_by_more_than_a_minute_permits_nothing(ahead: float) -> None:
    server = Server()
    with pytest.raises(ClocksDiffer) as refused:
        judge(server, clock=WallClock(later(NOW, ahead))).now()
    assert refused.value.exit_code is Exit.REFUSED
    side = "ahead of" if ahead > 0 else "behind"
    assert "https://s3.example: this machine's clock is " in str(refused.value)
    assert f"{side} the endpoint's Date" in str(refused.value)
    assert server.asked == 2  # one reply may be anything


@pytest.mark.parametrize("ahead", [59.0, 0.4, 0.0, -59.0])
def test_a_clock_within_a_minute_is_good_enough(ahead: float) -> None:
    assert not judge(Server(), clock=WallClock(later(NOW, ahead))).firm().alone


def test_one_endpoint_that_disagrees_is_enough() -> None:
    with pytest.raises(ClocksDiffer) as refused:
        judge(Server(), Server(endpoint="https://blob.example", ahead=-90.0)).now()
    assert len(refused.value.blockers) == 1
    assert "https://blob.example" in str(refused.value)


def test_one_odd_reply_is_asked_again() -> None:
    assert judge(Server(answers=[-9 * DAY, 0.0])).now().ahead == {"https://s3.example": -0.5}


def test_within_the_minute_the_side_that_allows_less_counts() -> None:
    ahead = judge(Server(ahead=-40.0)).now()  # our clock is 40 s ahead
    assert not ahead.passed(later(NOW, -30))
    assert ahead.passed(later(NOW, -45))
    assert not ahead.before(NOW)
    behind = judge(Server(ahead=40.0)).now()
    assert not behind.before(later(NOW, 30))
    assert behind.before(later(NOW, 45))
    assert not behind.passed(later(NOW, 1))
    assert behind.passed(NOW)


def test_days_are_judged_on_both_sides_of_midnight() -> None:
    moment = Moment(earliest="2026-11-25T23:59:30.000Z", latest="2026-11-26T00:00:10.000Z")
    assert (moment.first_day, moment.last_day) == ("2026-11-25", "2026-11-26")


def test_a_local_clock_behind_the_journal_permits_nothing() -> None:
    with pytest.raises(ClocksDiffer) as refused:
        judge(Server(), journal=lambda: later(NOW, 61)).now()
    assert "the journal: this machine's clock is 61 s behind its last event" in str(refused.value)
    near = judge(Server(), journal=lambda: later(NOW, 59)).now()
    assert near.latest == later(NOW, 59)
    assert not near.before(later(NOW, 58))


def test_a_clock_that_jumps_after_the_endpoint_told_the_time_is_noticed() -> None:
    clock, server = WallClock(NOW), Server()
    judged = judge(server, clock=clock)
    judged.now()
    clock.at = later(NOW, 8 * DAY)
    with pytest.raises(ClocksDiffer):
        judged.firm()


def test_what_cannot_be_taken_back_needs_a_time_told_just_now() -> None:
    server = Server(away=True)
    assert judge(server).now().alone
    with pytest.raises(ClocksDiffer, match="did not answer"):
        judge(server).firm()
    with pytest.raises(ClocksDiffer, match="may not be asked"):
        judge(Server(may_ask=False)).firm()
    assert not judge(server, Server(endpoint="https://blob.example")).firm().alone


def test_a_time_that_was_told_a_while_ago_is_asked_for_again() -> None:
    server = Server()
    at = 100.0 - FRESH_SECONDS - 1
    server.date = Sighting(server_time=seconds_of(NOW) - FRESH_SECONDS - 1, asked=at, heard=at)
    judge(server).firm()
    assert server.asked == 1
    judge(server).firm()
    assert server.asked == 1


def test_where_no_endpoint_tells_the_time_the_local_clock_is_alone() -> None:
    assert judge().firm() == Moment.at(NOW)
    moment = judge(Server(dated=False)).firm()
    assert moment.alone
    with pytest.raises(ClocksDiffer):
        judge(Server(dated=False), journal=lambda: later(NOW, 61)).firm()


def test_a_reply_that_took_long_shows_no_more_than_it_can() -> None:
    slow = Sighting(server_time=seconds_of(NOW), asked=0.0, heard=100.0)
    assert slow.ahead(seconds_of(NOW) + 70, 100.0) == 0.0
    assert slow.ahead(seconds_of(NOW) + 170, 100.0) == 69.5
    assert slow.ahead(seconds_of(NOW) - 70, 100.0) == -70.5


def test_the_journal_is_never_dated_by_a_clock_that_is_known_to_be_ahead() -> None:
    server, clock = Server(), WallClock(NOW)
    judged = judge(server, clock=clock)
    judged.look()
    assert judged.dating().now() == NOW
    clock.at = later(NOW, 45 * DAY)
    assert judged.dating().now() == later(NOW, 1)
    server.date = Sighting(
        server_time=http_date("Fri, 31 Dec 9999 23:59:59 GMT") or 0, asked=1, heard=1
    )
    clock.at = NOW
    assert judged.dating().now() == NOW  # an endpoint that is mad drags it nowhere


@pytest.mark.parametrize(
    "text",
    ["", "now", "0", "-1", "Wed, 25 Nov 2026 12:00:00", "Wed, 99 Nov 2026 12:00:00 GMT",
     "Wed, 25 Nov 2026 12:00:00 +99999999999", "Wed, 25 Nov 99999 12:00:00 GMT",
     "Wed, 25 Nov 0000 12:00:00 GMT", "Wed, 25 Nov \u0662\u0660\u0662\u0666 12:00:00 GMT",
     "Wed, 30 Feb 2026 12:00:00 GMT", "x" * 100_000, "\x00", ", ", "Wed, 25 Nov 2026 25:00:00 GMT"],
)  # fmt: skip
def test_a_date_that_is_none_is_no_error(text: str) -> None:
    assert http_date(text) is None


def test_dates_are_read_as_they_are_sent() -> None:
    assert http_date("Wed, 25 Nov 2026 12:00:00 GMT") == seconds_of(NOW)
    assert http_date("Sat, 31 Dec 2016 23:59:60 GMT") == seconds_of("2016-12-31T23:59:59Z")
    assert http_date("Mon, 01 Jan 0001 00:00:00 GMT") == seconds_of("0001-01-01T00:00:00Z")


@pytest.mark.parametrize("date", ["Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_date_at_the_end_of_the_calendar_refuses_and_breaks_nothing(date: str) -> None:
    told = http_date(date)
    assert told is not None
    server = Server(dated=False, date=Sighting(server_time=told, asked=100.0, heard=100.0))
    with pytest.raises(ClocksDiffer, match="days"):
        judge(server).firm()


# --- who asks -------------------------------------------------------------------------------------


def test_the_journal_never_runs_backwards(tmp_path: Path) -> None:
    clock = WallClock(NOW)
    ledger = SqliteLedger.open(tmp_path / "state" / "m" / "ledger.db", clock)
    assert ledger.last_at() is None
    ledger.event(made_up("first"))
    clock.at = later(NOW, -8 * DAY)
    ledger.event(made_up("second"))
    clock.at = later(NOW, 5)
    ledger.event(made_up("third"))
    ledger.commit()
    assert [at for _, at, _, _, _ in ledger.journal()] == [NOW, NOW, later(NOW, 5)]
    assert ledger.last_at() == later(NOW, 5)
    ledger.check()
    ledger.close()


def test_of_the_offsets_of_coordinator_and_workers_the_newest_is_kept() -> None:
    def entry(offset: float | None, at: float | None) -> EndpointTraffic:
        return EndpointTraffic(
            side="source", endpoint="https://blob.example", requests=1, bytes_read=2,
            bytes_written=3, clock_offset=offset, clock_at=at,
        )  # fmt: skip

    (told,) = added_up([entry(0.1, 50.0), entry(7.5, 90.0), entry(0.3, 60.0), entry(None, None)])
    assert told.clock_offset == 7.5
    assert told.requests == 4
    assert "clock_at" not in told.as_json()


def test_what_all_of_them_saw_of_tls_is_added_up() -> None:
    nothing = Traffic().totals("source", "https://blob.example", 0.0, 0.0)
    assert not nothing.tls
    seen = [replace(nothing, tls=("b", "c")), replace(nothing, tls=("a", "b"))]
    (told,) = added_up([nothing, *seen])
    assert told.tls == ("a", "b", "c")
    (told,) = added_up([nothing, nothing])
    assert "tls" not in told.as_json()


def test_a_newer_date_takes_the_place_of_the_first_and_a_vague_one_does_not() -> None:
    traffic = Traffic()
    sharp, newer = (Sighting(server_time=1.0, asked=at, heard=at + 0.1) for at in (0.0, 500.0))
    traffic.heard(sharp)
    traffic.heard(newer)
    assert traffic.date is newer
    traffic.heard(Sighting(server_time=1.0, asked=500.2, heard=900.0))
    assert traffic.date is newer


def test_a_clock_behind_does_not_open_the_gate_of_an_expired_attestation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T_ID", "an id")
    monkeypatch.setenv("T_SECRET", "a secret")
    (tmp_path / "plan.yaml").write_text(PLAN.partition("seal:")[0] + UNSEALED)
    period = {"reference": "a number", "valid_from": "2020-01-01", "valid_until": "2026-11-24"}
    ended = {**GOOD, "hds": period, "secnumcloud": dict(period)}
    (tmp_path / "attestation.yaml").write_text(yaml.safe_dump(ended))
    plan = load(tmp_path / "plan.yaml")
    services = Services.open(plan.plan, plan.base, write=True, network=Network(resolve=public))
    behind = WallClock("2026-11-24T12:00:00.000Z")  # the day before
    server = Server(may_ask=False)

    def told() -> list[Server]:
        server.may_ask = services.admitted
        return [server]

    judged = Judge(behind, witnesses=told, monotonic=lambda: 100.0)
    with pytest.raises(ClocksDiffer, match="behind the endpoint's Date"):
        gate.admit(services, plan.plan, judged)
    assert not services.admitted
    (problem,) = gate.opened(services, plan.plan, judged)
    assert "behind the endpoint's Date" in str(problem)
    assert not services.admitted
    right = Judge(WallClock(NOW), witnesses=told, monotonic=lambda: 100.0)
    with pytest.raises(Refused, match="not 2026-11-25"):
        gate.admit(services, plan.plan, right)


def test_a_gate_that_clocks_shut_is_never_told_to_be_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clocks differ, and agree again when they are asked why."""
    monkeypatch.setenv("T_ID", "an id")
    monkeypatch.setenv("T_SECRET", "a secret")
    (tmp_path / "plan.yaml").write_text(PLAN.partition("seal:")[0] + UNSEALED)
    (tmp_path / "attestation.yaml").write_text(yaml.safe_dump(GOOD))
    plan = load(tmp_path / "plan.yaml")
    services = Services.open(plan.plan, plan.base, write=True, network=Network(resolve=public))
    told = iter([later("2026-11-24T12:00:00.000Z", 61)] * 2)
    judged = Judge(WallClock("2026-11-24T12:00:00.000Z"), journal=lambda: next(told, None))

    (problem,) = gate.opened(services, plan.plan, judged)

    assert "behind its last event" in str(problem)
    assert not services.admitted


def test_a_gate_that_was_open_is_shut_when_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T_ID", "an id")
    monkeypatch.setenv("T_SECRET", "a secret")
    (tmp_path / "plan.yaml").write_text(PLAN.partition("seal:")[0] + UNSEALED)
    (tmp_path / "attestation.yaml").write_text(yaml.safe_dump(GOOD))
    plan = load(tmp_path / "plan.yaml")
    services = Services.open(plan.plan, plan.base, write=True, network=Network(resolve=public))
    right = Judge(WallClock("2026-11-24T12:00:00.000Z"))
    assert gate.opened(services, plan.plan, right) == []
    assert services.admitted
    (tmp_path / "attestation.yaml").unlink()
    assert gate.opened(services, plan.plan, right)
    assert not services.admitted


def test_a_waiver_that_is_dated_in_the_future_or_has_ended_does_not_count(tmp_path: Path) -> None:
    new_report_key(tmp_path, "dpo", None)
    (tmp_path / "plan.yaml").write_text(PLAN + "waivers: {keys: [dpo.pub]}\n")
    loaded = load(tmp_path / "plan.yaml")
    signer = load_signer(tmp_path / "dpo.key", None)
    waivers.make(
        loaded, signer, what="attestation", reason="a test", until="2026-11-26",
        now=Moment.at(NOW), by="somebody",
    )  # fmt: skip

    def refused(earliest: str, latest: str) -> list[str]:
        moment = Moment(earliest=earliest, latest=latest)
        return waivers.in_force(loaded.plan, loaded.base, moment)[1]

    assert refused(NOW, NOW) == []
    assert "dated in the future" in refused(later(NOW, -61), NOW)[0]
    assert refused(later(NOW, -59), NOW) == []
    assert refused(NOW, "2026-11-26T23:59:59.000Z") == []
    assert "it ended on 2026-11-26" in refused(NOW, "2026-11-27T00:00:00.000Z")[0]


def test_approvals_and_ends_of_keys_are_judged_by_the_stricter_clock(tmp_path: Path) -> None:
    new_report_key(tmp_path, "dpo", None, until="2026-11-25")
    key = load_trusted_key(tmp_path / "dpo.pub")
    subject = Subject(
        plan_digest="a", ledger="l", batch="b", stage=ApprovalStage.CUTOVER, root="r", terms="t",
        journal=JournalReached(1, "a" * 64),
    )  # fmt: skip
    made = approval(
        load_signer(tmp_path / "dpo.key", None), subject, made_at=NOW, expires=later(NOW, 90_000)
    )

    def why(earliest: str, latest: str) -> list[Why]:
        moment = Moment(earliest=earliest, latest=latest)
        found = judge_approvals(
            [("1", made)], subject, keys=[key], threshold=1, goes_on=lambda *_: True, now=moment
        )
        return [one.why for one in found.refused]

    assert why(NOW, NOW) == []
    assert why(later(NOW, -61), NOW) == [Why.NOT_YET]
    assert why(NOW, "2026-11-25T23:59:59.000Z") == []
    assert why(NOW, "2026-11-26T00:00:00.000Z") == [Why.KEY_ENDED]
    new_report_key(tmp_path, "ciso", None)
    key = load_trusted_key(tmp_path / "ciso.pub")
    made = approval(
        load_signer(tmp_path / "ciso.key", None), subject, made_at=NOW, expires=later(NOW, 30)
    )
    assert why(NOW, later(NOW, 29)) == []
    assert why(NOW, later(NOW, 30)) == [Why.EXPIRED]
