"""What ends is held against what the forecast needs; nobody is contacted, nothing is written."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from hdh_migrate.cli.foretold import lines
from hdh_migrate.clocks import day_over, later, seconds_of
from hdh_migrate.engines.dask_authority import new_authority
from hdh_migrate.errors import Exit, Refused
from hdh_migrate.events.refreshes import PassAmount, Refreshed, RefreshEnded, Refreshing
from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import MIB, Listed, ObjectInfo, State, Tally
from hdh_migrate.model.paces import PaceSums
from hdh_migrate.pipeline.inventory.inventory_findings import InventorySummary
from hdh_migrate.pipeline.pace.fitting import CostFit
from hdh_migrate.pipeline.pace.until import moment_text
from hdh_migrate.plan.diff import changes
from hdh_migrate.results.forecasts import EndingFact
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.dossier import write_dossier
from hdh_migrate.session.views.ahead import Pace
from hdh_migrate.session.views.deadlines import Ending, held_against
from hdh_migrate.session.views.delta import UNKNOWN
from hdh_migrate.session.views.expiry import expiries
from hdh_migrate.session.views.forecast import Supposed, forecast
from tests.support.quiet import Notes, WallClock
from tests.unit.session.test_gate import GOOD

NOW = "2026-11-26T10:00:00.000Z"
SAS = "sv=2025-01-05&se=2026-11-27T10%3A00%3A00Z&sr=c&sp=rl&sig=abc"
PLAN = """\
version: 1
migration: months
source:
  kind: azure-blob
  account_url: https://hdh.blob.core.windows.net
  credential: {kind: sas, value: "file:source.sas"}
target:
  provider: scaleway
  region: fr-par
  credential: {kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}
  attestation: attestation.yaml
seal: {format: none, reason: "a test"}
datasets:
  - {name: all, source: {container: emc2}, target: {bucket: hds-all}}
limits: {bandwidth: 1MiB/s}
planned: {first_day: 2026-11-01, last_day: 2027-01-31}
legal_basis: [{reference: "CNIL 2023-146", valid_until: 2026-12-21}]
report: {signer: "file:keys/report.key"}
"""


OWN_QUOTA = """\
claims:
  quota_bytes: {value: 524288000, as_of: 2026-11-25, source: ticket, confirmed: yes}
"""


class Ticking(WallClock):
    """A clock whose seconds pass as a test says."""

    passed = 0.0

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk at a known time, with a ledger in which nothing is listed yet."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "attestation.yaml").write_text(yaml.safe_dump(GOOD))
    (tmp_path / "source.sas").write_text(SAS)
    (tmp_path / "source.sas").chmod(0o600)
    new_report_key(tmp_path / "keys", "report", None, "2026-12-31")
    opened = Desk.open(tmp_path / "plan.yaml", None, Notes(), threading.Event(), dry=True)
    return replace(opened, clock=WallClock(NOW))


def test_what_ends_is_told_before_anything_is_listed_and_the_first_one_first(desk: Desk) -> None:
    told = forecast(desk)
    assert [(one["what"].partition(",")[0], one["ends"]) for one in told["deadlines"]] == [
        ("attestation of the target: HDS", "2026-11-25T00:00:00Z"),
        ("SAS of the source", "2026-11-27T10:00:00Z"),
        ("legal basis: CNIL 2023-146", "2026-12-22T00:00:00Z"),
        ("key of the report", "2027-01-01T00:00:00Z"),
        ("the days that the plan is for (planned.last_day)", "2027-02-01T00:00:00Z"),
        ("attestation of the target: SecNumCloud", "2029-01-01T00:00:00Z"),
    ]
    assert [one["too_early"] for one in told["deadlines"]] == [True, *[False] * 5]
    assert told["batches"][0]["state"] == "not listed"
    assert told["ends"] is None
    assert told["check"]["exit"] == Exit.FINDINGS
    assert not desk.ledger_path.parent.exists()


def listed(desk: Desk, objects: int, *, size: int = MIB, measured: float = 0.0) -> None:
    """Write a ledger in which so many objects wait, and so many seconds were measured."""
    clock = Ticking(NOW)
    ledger = SqliteLedger.open(desk.ledger_path, clock)
    ledger.start(desk.loaded.digest, desk.loaded.canonical, [("all", "all")], diff=changes)
    page = [
        Listed(
            obj=ObjectInfo(key=f"k{number:05}", size=size, version="v"), state=State.LISTED,
            reason=None, parts=0, fold=None,
        )
        for number in range(objects)
    ]  # fmt: skip
    ledger.add_page(1, page, None)
    ledger.seal(1, InventorySummary(ledger.claims(1)).counts)
    for second in range(round(measured) + 1):
        clock.passed = float(second)
        passed = (second + 1) // 2
        ledger.sample("all", "transfer", passed, passed * MIB)
    ledger.commit()
    ledger.close()


def test_a_stated_bandwidth_gives_a_range_that_says_what_it_rests_on(desk: Desk) -> None:
    listed(desk, 600)
    told = forecast(desk)
    assert told["basis"] == "stated"
    assert told["ends"] == {  # 600 MiB sent and read back, at 1 MiB/s
        "earliest": "2026-11-26T10:20:00Z",
        "likely": "2026-11-26T10:34:38Z",
        "latest": "2026-11-26T11:00:00Z",
    }
    assert told["batches"][0]["transfer"] == {"objects": 600, "bytes": 600 * MIB}
    assert told["rates"] == []


def test_what_was_measured_counts_for_more_than_what_the_plan_states(desk: Desk) -> None:
    listed(desk, 600, measured=20)
    told = forecast(desk)
    assert told["basis"] == "measured"
    assert told["ends"] is not None
    assert told["ends"]["likely"] == "2026-11-26T10:40:00Z"  # two seconds each, both ways
    assert told["rates"][0]["objects_per_second"] == 0.5
    assert any("no verification was measured" in note for note in told["notes"])
    assert any("always the same mix" in note for note in told["notes"])


@pytest.mark.parametrize(
    ("supposed", "likely"),
    [
        (Supposed(rate=MIB // 2), "2026-11-26T11:09:17Z"),  # twice as long as the plan states
        (Supposed(rate=1 << 40), "2026-11-26T10:20:00Z"),  # no faster than the plan allows
        (Supposed(begins=seconds_of("2027-01-12T00:00:00Z")), "2027-01-12T00:34:38Z"),
        (Supposed(begins=seconds_of("2020-01-01T00:00:00Z")), "2026-11-26T10:34:38Z"),
    ],
)
def test_what_is_supposed_stands_in_for_what_is(
    desk: Desk, supposed: Supposed, likely: str
) -> None:
    listed(desk, 600)
    told = forecast(desk, supposed)
    assert told["ends"] is not None
    assert told["ends"]["likely"] == likely
    assert told["basis"] == ("stated" if supposed.rate is None else "asked")
    assert told["supposed"]["bytes_per_second"] == supposed.rate
    assert [line.startswith("supposed: ") for line in lines(told)][:2] == [False, True]


def test_at_a_rate_an_object_costs_what_was_measured() -> None:
    """Of a million small objects a faster line changes next to nothing."""
    sums = PaceSums(seconds=100.0, objects=1000.0, size=0.0)
    fit = CostFit(sums=sums, per_object=0.1, per_byte=0.0, hours={}, lately=None)
    span = Pace(fit=fit, stated=None, asked=100.0).span(Tally(objects=1000, size=1000))
    assert span is not None
    assert span.likely == 110.0


def test_an_old_ledger_tells_its_age_and_a_clock_behind_it_fails_a_check(desk: Desk) -> None:
    listed(desk, 600)
    assert not any("as of" in note for note in forecast(desk)["notes"])
    late, early = replace(desk, clock=WallClock(later(NOW, 3 * 86_400))), later(NOW, -86_400)
    assert any(note.startswith("as of 3 days ago") for note in forecast(late)["notes"])
    told = forecast(replace(desk, clock=WallClock(early)))["check"]
    assert (told["exit"], "clock is behind" in told["why"][0]) == (Exit.FINDINGS, True)


def test_what_ends_before_the_latest_end_is_told_with_its_margin_and_fails_a_check(
    desk: Desk,
) -> None:
    listed(desk, 500, size=100 * MIB)  # at the latest 83 hours
    told = forecast(desk)
    margins = {one["what"].partition(",")[0]: one["margin_days"] for one in told["deadlines"]}
    assert margins["SAS of the source"] == -2.5
    assert margins["legal basis: CNIL 2023-146"] == 22.1
    assert [one["what"] for one in told["deadlines"] if one["too_early"]][1] == "SAS of the source"
    assert told["check"]["exit"] == Exit.FINDINGS
    assert len(told["check"]["why"]) == 2
    assert "SAS of the source ends 2026-11-27T10:00:00Z" in told["check"]["why"][1]


def test_a_credential_that_cannot_be_read_is_unknown_and_stands_last(desk: Desk) -> None:
    (desk.loaded.base / "source.sas").unlink()
    last = forecast(desk)["deadlines"][-1]
    assert last["what"] == "credential of the source"
    assert last["ends"] is None
    assert "not known here" in last["note"]


def test_the_certificates_of_a_cluster_end_too(desk: Desk) -> None:
    """A run of months ended with 7 on their last day, and no forecast had said so."""
    base, now = desk.loaded.base, datetime.fromisoformat(NOW)
    engine = 'engine: {kind: dask, scheduler: "tls://10.0.0.7:8786", certificates: ca}\n'
    (base / "plan.yaml").write_text(PLAN + engine)
    again = Desk.open(base / "plan.yaml", None, Notes(), threading.Event(), dry=True)

    def found() -> EndingFact:
        lines = forecast(replace(again, clock=WallClock(NOW)))["deadlines"]
        (one,) = (line for line in lines if line["what"] == "certificates of the cluster")
        return one

    assert found()["ends"] is None
    assert found()["note"].endswith("/ca: there is no such folder")
    new_authority(base / "ca", now, 30)
    assert found()["ends"] == "2026-12-26T10:00:00Z"


def test_the_token_of_the_source_is_in_no_forecast(desk: Desk) -> None:
    assert "sig=" not in json.dumps(forecast(desk))
    assert "abc" not in json.dumps(forecast(desk)["deadlines"])


def test_work_goes_on_in_open_windows_and_is_held_against_the_day_of_its_batch(
    desk: Desk,
) -> None:
    plan = desk.loaded.base / "plan.yaml"
    plan.write_text(
        PLAN
        + 'windows: {zone: Europe/Paris, open: ["daily 20:00-21:00"]}\n'
        + "batches: [{name: all, datasets: [all], done_by: 2026-11-27}]\n"
    )
    again = replace(
        Desk.open(plan, None, Notes(), threading.Event(), dry=True), clock=WallClock(NOW)
    )
    listed(again, 5_400, size=MIB)  # 90 minutes each way, at the stated bandwidth
    told = forecast(again)
    assert told["ends"] is not None
    assert told["ends"]["earliest"] == "2026-11-28T20:00:00Z"  # in the third window
    day = next(one for one in told["deadlines"] if one["batch"] == "all")
    assert (day["what"], day["ends"]) == ("its day (done_by)", "2026-11-27T23:00:00Z")
    assert day["too_early"]


def test_a_plan_that_brings_more_than_the_quota_fails_a_check(desk: Desk) -> None:
    (desk.loaded.base / "own.yaml").write_text(OWN_QUOTA)
    plan = desk.loaded.base / "plan.yaml"
    plan.write_text(PLAN.replace("region: fr-par\n", "region: fr-par\n  profile: own.yaml\n"))
    again = replace(
        Desk.open(plan, None, Notes(), threading.Event(), dry=True), clock=WallClock(NOW)
    )
    listed(again, 600)
    told = forecast(again)
    assert told["quota"] == {"bytes": 500 * MIB, "brings": 600 * MIB, "exceeded": True}
    assert "the target's quota does not hold all of it" in told["check"]["why"]


def test_what_belongs_to_a_batch_is_held_against_that_batch() -> None:
    endings = [Ending("approval", 200.0, batch="a"), Ending("approval", 200.0, batch="b"),
               Ending("basis", 250.0), Ending("key", None, note="not known here")]  # fmt: skip
    told = held_against(endings, 50.0, 300.0, {"a": 100.0, "b": 300.0})
    assert [(one["what"], one["batch"], one["too_early"]) for one in told] == [
        ("approval", "b", True), ("basis", None, True), ("approval", "a", False),
        ("key", None, False),
    ]  # fmt: skip


def test_without_an_end_only_what_is_over_is_too_early() -> None:
    told = held_against([Ending("old", 40.0), Ending("new", 60.0)], 50.0, None, {})
    assert [(one["what"], one["too_early"], one["margin_days"]) for one in told] == [
        ("old", True, None), ("new", False, None),
    ]  # fmt: skip


def test_a_dossier_needs_to_know_who_claims_and_who_signs(desk: Desk) -> None:
    out = desk.loaded.base / "claim"
    with pytest.raises(Refused, match="who claims from whom"):
        write_dossier(desk, out)
    plan = desk.loaded.base / "plan.yaml"
    claim = 'claim: {provider: "a", customer: "b", contract: "c"}\n'
    unsigned = PLAN.replace('report: {signer: "file:keys/report.key"}\n', "")
    plan.write_text(unsigned + claim)
    with pytest.raises(Refused, match="no key for it"):
        write_dossier(Desk.open(plan, None, Notes(), threading.Event(), dry=True), out)
    assert not out.exists()


def test_a_day_ends_at_one_moment_wherever_it_is_told(desk: Desk) -> None:
    """One page had 23:59:59 of the last day, and the other midnight after it."""
    told = {one["what"]: one["ends"] for one in forecast(desk)["deadlines"]}
    ends = {one.what: one.ends for one in expiries(desk)}
    attested = {name.partition(",")[0][-3:]: at for name, at in told.items() if "attest" in name}
    assert ends["hds"] == attested["HDS"] == moment_text(day_over("2026-11-24"))
    assert ends["source-credential"] == told["SAS of the source"]


def test_what_is_stated_without_an_end_by_the_last_day_there_is_ends_with_it(desk: Desk) -> None:
    path = desk.loaded.base / "attestation.yaml"
    path.write_text(path.read_text().replace("2026-11-24", "9999-12-31"))
    found = forecast(again(desk, PLAN.replace("2026-12-21", "9999-12-31")))
    ends = {one["what"].partition(":")[0]: one["ends"] for one in found["deadlines"]}
    assert ends["legal basis"] == ends["attestation of the target"] == "9999-12-31T23:59:59Z"
    assert {one.what: one.ends for one in expiries(desk)}["hds"] == "9999-12-31T23:59:59Z"


def test_certificates_that_have_ended_are_said_to_have_ended(desk: Desk) -> None:
    """They were `unknown`, as those that cannot be read."""
    new_authority(desk.loaded.base / "ca", datetime.fromisoformat("2026-10-01T00:00:00Z"), 30)
    engine = 'engine: {kind: dask, scheduler: "tls://127.0.0.1:9", certificates: ca}\n'
    desk = again(desk, PLAN + engine)
    told = forecast(desk)
    (one,) = [one for one in told["deadlines"] if one["what"] == "certificates of the cluster"]
    assert (one["ends"], one["ended"], one["too_early"]) == ("2026-10-31T00:00:00Z", True, True)
    assert "certificates of the cluster ended 2026-10-31T00:00:00Z" in told["check"]["why"]
    (line,) = [line for line in lines(told) if "certificates of the cluster" in line
               and "attention" not in line and "ENDED" in line]  # fmt: skip
    assert "unknown" not in line
    assert ("cluster-certificates", "2026-10-31T00:00:00Z") in [
        (one.what, one.ends) for one in expiries(desk)
    ]


CREDENTIALS = """\
rehydrate: {credential: {kind: sas, value: "file:source.sas"}}
freeze: {kind: denied-write, credential: {kind: sas, value: "env:NOT_HERE"}}
notify:
  - {name: siem, kind: webhook, endpoint: "https://hooks.example.org", secret: "env:NOT_HERE"}
"""


def test_every_credential_is_told_with_its_end_or_that_it_is_unknown(desk: Desk) -> None:
    session = 'secret: "env:T_SECRET", session_token: "env:T_SESSION"}'
    desk = again(desk, PLAN.replace('secret: "env:T_SECRET"}', session) + CREDENTIALS)
    told = {one["what"]: (one["ends"], one.get("note", "")) for one in forecast(desk)["deadlines"]}
    assert told["SAS of rehydration"] == ("2026-11-27T10:00:00Z", "")
    for what, why in (
        ("credential of the freeze's trial", "not known here: "),
        ("session token of the target's credential", "it does not say when it ends"),
        ("secret of notify siem", "it does not say when it ends"),
    ):
        ends, note = told[what]
        assert ends is None
        assert note.startswith(why)
    assert {one.what for one in expiries(desk)} >= {"source-credential", "rehydration-credential"}


@pytest.mark.parametrize(
    ("keys", "ends"),
    [
        (["2027-03-31"], "2027-04-01T00:00:00Z"),
        (["2026-12-31", "2027-03-31"], "2027-04-01T00:00:00Z"),
        (["2026-12-31", None], None),
    ],
    ids=str,
)
def test_pinned_host_keys_end_with_the_last_of_them(
    desk: Desk, keys: list[str | None], ends: str | None
) -> None:
    pinned = [
        {"fingerprint": f"SHA256:{str(number) * 43}"} | ({"valid_until": day} if day else {})
        for number, day in enumerate(keys)
    ]
    plan = yaml.safe_load(PLAN)
    plan["source"] = {
        "kind": "azure-sftp", "account_url": "sftp://hdh.blob.core.windows.net",
        "user": "hdh.mover",
        "credential": {"kind": "ssh-agent"}, "host_keys": pinned,
    }  # fmt: skip
    plan["datasets"][0]["source"] = {"path": "emc2"}
    told = forecast(again(desk, yaml.safe_dump(plan)))["deadlines"]
    found = [one["ends"] for one in told if one["what"] == "host keys of the source (host_keys)"]
    assert found == ([] if ends is None else [ends])


def again(desk: Desk, plan: str) -> Desk:
    (desk.loaded.base / "plan.yaml").write_text(plan)
    opened = Desk.open(desk.loaded.base / "plan.yaml", None, Notes(), threading.Event(), dry=True)
    return replace(opened, clock=WallClock(NOW))


def test_what_the_migration_does_not_need_never_ends_too_early() -> None:
    grant = Ending("grant g-1 of dataset pmsi", 50.0, relied=False)
    approval = Ending("approval of cutover", 50.0)

    last, first = held_against([grant, approval], 100.0, 200.0, {})[::-1]

    assert (first["what"], first["too_early"]) == ("approval of cutover", True)
    assert (last["too_early"], last["ended"], last["needed_until"]) == (False, True, None)


CUTOVER = """\
batches:
  - name: all
    datasets: [all]
    pointer: {kind: file, path: live.yaml, key: url, value: "s3://hds-all/"}
approvals: {keys: [keys/dpo.pub], threshold: 1}
freeze: {kind: denied-write, credential: {kind: sas, value: "env:NOT_HERE"}}
cutovers:
  - batch: all
    smoke: {credential: {kind: access-key, id: "env:C_ID", secret: "env:C_SECRET"}}
"""


def passed(desk: Desk, number: int, began: str, seconds: int, changed: int) -> None:
    """Tell of one whole pass over the source, as a run with --refresh does."""
    clock = WallClock(began)
    ledger = SqliteLedger.open(desk.ledger_path, clock)
    some, none = PassAmount(objects=changed, bytes=changed * MIB), PassAmount(objects=0, bytes=0)
    ledger.event(Refreshing(number=number, batch="all", user="ops@here"))
    ledger.event(
        Refreshed(
            number=number, batch="all", dataset="all", new=none, changed=some, vanished=none,
            left=none,
        )
    )  # fmt: skip
    ledger.commit()
    ledger.close()
    ledger = SqliteLedger.open(desk.ledger_path, WallClock(later(began, seconds)))
    ledger.event(RefreshEnded(number=number, batch="all", listed=some))
    ledger.commit()
    ledger.close()


def test_a_cutover_tells_how_long_its_source_will_be_frozen_by_how_it_changed_lately(
    desk: Desk,
) -> None:
    desk = again(desk, PLAN + CUTOVER)
    listed(desk, 600)
    (one,) = forecast(desk)["cutovers"]
    assert (one["listing_seconds"], one["delta"], one["seconds"]) == (None, None, None)
    assert one["why"] == [UNKNOWN]

    passed(desk, 1, "2026-11-26T11:00:00.000Z", 60, 5)
    (one,) = forecast(desk)["cutovers"]
    assert (one["listing_seconds"], one["a_day"], one["why"]) == (60, None, [UNKNOWN])

    passed(desk, 2, "2026-11-28T11:00:00.000Z", 120, 100)  # 50 a day
    desk = replace(desk, clock=WallClock("2026-11-30T10:25:22.000Z"))
    told = forecast(desk)
    assert told["ends"] is not None
    assert told["ends"]["likely"] == "2026-11-30T11:00:00Z"  # two days after the last pass
    (one,) = told["cutovers"]
    assert one["listing_seconds"] == 120
    assert one["a_day"] == {"objects": 50, "bytes": 50 * MIB}
    assert one["delta"] == {"objects": 100, "bytes": pytest.approx(100 * MIB, rel=1e-4)}
    assert one["seconds"] == {"low": 120 + 200, "likely": 120 + 346, "high": 120 + 600}
    (line,) = [line for line in lines(told) if line.startswith("cutover of all: ")]
    assert line.endswith("a delta of 100 objects, 100.0 MiB: frozen for 5 min 20 s to 12 min 00 s")
