"""What the host lets a reader do, when the ledger is held, clocks go wrong, or places overlap."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.clocks import later
from hdh_migrate.errors import ClocksDiffer
from hdh_migrate.grants import statement
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.grant_policy import (
    HostAdministrator,
    account_of,
    grant_policy,
    in_plan,
    let_out,
    shut_out,
    sid_of,
)
from hdh_migrate.telemetry import SystemClock
from tests.live.test_course import until
from tests.live.test_grants import (
    ADMINISTRATOR,
    READER,
    asks,
    moved_with_policies,
    policy_of,
    with_policies,
)
from tests.live.test_grants_believed import given, listed
from tests.support.agreed import agreed
from tests.support.finished import prepared
from tests.support.here import HERE
from tests.support.narrow import files_of_at_most
from tests.support.quiet import Notes
from tests.support.site import Said, Site, moved_without_approvals

pytestmark = [pytest.mark.live, pytest.mark.slow]


class ClockSetBack(SystemClock):
    """A local clock that somebody set back by ten days."""

    def now(self) -> str:
        return later(super().now(), -864_000)


def desk_of(site: Site) -> Desk:
    return Desk.open(Path(site.plan), None, Notes(), threading.Event(), HERE)


def policy(site: Site, grant: str, *more: str, expect: int = 0) -> Said:
    return site.cli(
        "grant", site.plan, "--policy", grant, "--principal", READER, *more, expect=expect
    )


def kept_aside(site: Site) -> Path:
    """Return a copy of the ledger as it is now."""
    return shutil.copyfile(desk_of(site).ledger_path, site.folder / "older")


def put_back(site: Site, older: Path) -> None:
    """Put an older ledger in the place of the one that a report tells of."""
    ledger = desk_of(site).ledger_path
    site.cli("report", site.plan, "--out", str(ledger.parent / "reports" / "newer"), expect=0)
    for left in ledger.parent.glob(f"{ledger.name}-*"):
        left.unlink()
    shutil.copyfile(older, ledger)


@prepared(moved_with_policies)
def test_who_cannot_speak_to_the_host_is_told_that_the_grant_is_over_all_the_same(
    site: Site,
) -> None:
    made = given(site, "first", "lab")
    policy(site, made, "--execute", *ADMINISTRATOR)
    taken = ("revoke", site.plan, made, "--reason", "x")
    nobody = ("--credential-id", "env:NOT_SET", "--credential-secret", "env:NOT_SET")
    said = site.cli(*taken, *nobody, expect=3).err
    assert "NOT_SET is not set" in said
    assert f"grant {made} is revoked" in said
    assert "policy may still stand" in said
    assert policy_of(site) is not None
    site.cli(*taken, *ADMINISTRATOR, expect=0)
    assert policy_of(site) is None


@prepared(moved_with_policies)
def test_a_reader_is_shut_out_at_the_host_while_a_run_holds_the_ledger(site: Site) -> None:
    made = given(site, "first", "lab")
    policy(site, made, "--execute", *ADMINISTRATOR)
    taken = ("revoke", site.plan, made, "--reason", "x")
    ledger = SqliteLedger.open(desk_of(site).ledger_path, SystemClock())
    try:
        said = site.cli(*taken, expect=11).err
        assert f"hdh-migrate pause {site.plan}" in said
        assert f"take {sid_of(made)} out" in said
        assert policy_of(site) is not None
        for _ in range(2):
            said = site.cli(*taken, *ADMINISTRATOR, expect=11).err
            assert "the host was told" in said
            assert policy_of(site) is None
    finally:
        ledger.close()
    assert [one["stage"] for one in listed(site)] == ["given"]

    site.cli(*taken, *ADMINISTRATOR, expect=0)
    (one,) = listed(site)
    assert (one["stage"], one["at_host"][0]["allowed"]) == ("revoked", False)


@prepared(moved_with_policies)
def test_a_reader_is_shut_out_at_the_host_while_the_ledger_can_not_be_written(site: Site) -> None:
    made = given(site, "first", "lab")
    policy(site, made, "--execute", *ADMINISTRATOR)
    taken = ("revoke", site.plan, made, "--reason", "she left", *ADMINISTRATOR)
    lock = desk_of(site).ledger_path.with_name("lock")
    with files_of_at_most(0):
        said = site.cli(*taken, expect=7).err
    assert f"{lock}: cannot be written: no space left on the disk; so the journal cannot" in said
    assert "the host was told" in said
    assert policy_of(site) is None
    policy(site, made, "--execute", *ADMINISTRATOR)

    lock.unlink()
    lock.mkdir()  # of a folder that is not as it was
    said = site.cli(*taken, expect=1).err
    assert "the host was told" in said
    assert policy_of(site) is None
    lock.rmdir()
    site.cli(*taken, expect=0)


@prepared(moved_with_policies)
def test_a_copy_of_the_ledger_from_before_a_revocation_lets_nobody_in_again(site: Site) -> None:
    """Put back, it knew a grant that stood, and the host served its reader once more."""
    made, older = given(site, "first", "lab"), kept_aside(site)
    site.cli("revoke", site.plan, made, "--reason", "x", *ADMINISTRATOR, expect=4)
    put_back(site, older)
    assert [one["stage"] for one in listed(site)] == ["given"]

    said = policy(site, made, "--execute", *ADMINISTRATOR, expect=3).err

    assert "not the newest of this migration" in said
    assert policy_of(site) is None


@prepared(moved_with_policies)
def test_a_state_folder_from_before_a_revocation_lets_nobody_in_again(site: Site) -> None:
    """Restored as a whole it had no newer report beside it, and the host served the reader."""
    site.run()  # the fence knows this place
    made, state = given(site, "first", "lab"), desk_of(site).ledger_path.parent
    shutil.copytree(state, site.folder / "backup")
    site.cli("revoke", site.plan, made, "--reason", "x", *ADMINISTRATOR, expect=4)
    shutil.rmtree(state)
    (site.folder / "backup").rename(state)
    assert [one["stage"] for one in listed(site)] == ["given"]

    said = policy(site, made, "--execute", *ADMINISTRATOR, expect=11).err

    assert "this is an older copy of the ledger" in said
    assert policy_of(site) is None


@prepared(moved_with_policies)
def test_a_reader_is_shut_out_at_the_host_though_the_ledger_is_an_old_copy(site: Site) -> None:
    """Nobody told the host anything until the newest was found: the reader went on reading."""
    made, older = given(site, "first", "lab"), kept_aside(site)
    policy(site, made, "--execute", *ADMINISTRATOR)
    put_back(site, older)
    taken = ("revoke", site.plan, made, "--reason", "x")

    assert "not the newest of this migration" in site.cli(*taken, expect=3).err
    assert policy_of(site) is not None
    said = site.cli(*taken, *ADMINISTRATOR, expect=3).err

    assert "the host was told" in said
    assert "put the newest copy of the ledger in its place" in said
    assert policy_of(site) is None


@prepared(moved_with_policies)
def test_who_closed_a_readers_access_by_hand_says_so_and_it_is_left_to_do_no_more(
    site: Site,
) -> None:
    made = given(site, "first", "lab")
    taken = ("revoke", site.plan, made, "--reason", "x")
    assert "--closed-at-host" in site.cli(*taken, expect=4).out
    left = [one["task"] for one in site.cli("status", site.plan, "--json", expect=0).json["left"]]
    assert "grant-unset" in left
    listed = site.cli("grants", site.plan, expect=0).out
    assert "no policy was set from here" in listed
    assert f"revoke {site.plan} {made} --reason TEXT --closed-at-host TEXT" in listed

    said = site.cli(*taken, "--closed-at-host", "access key removed, ticket 4711", expect=0).out
    assert "access key removed, ticket 4711" in said
    assert "no policy was set from here" not in said
    listed = site.cli("grants", site.plan, expect=0).out
    assert "closed at the host, in the word of " in listed
    assert "access key removed, ticket 4711" in listed
    assert "no policy was set from here" not in listed
    left = [one["task"] for one in site.cli("status", site.plan, "--json", expect=0).json["left"]]
    assert "grant-unset" not in left
    out = site.folder / "closed"
    site.cli("report", site.plan, "--out", str(out), expect=0)
    page = (out / "report.fr.html").read_text()
    assert "access key removed, ticket 4711" in page
    assert "déclaré, non constaté" in page
    agreed(out, site.folder / "keys" / "report.pub")
    site.cli(*taken, "--closed-at-host", " ", expect=2)


@prepared(moved_with_policies)
def test_a_run_under_way_is_paused_for_a_revocation(site: Site) -> None:
    made = given(site, "first", "lab")
    policy(site, made, "--execute", *ADMINISTRATOR)
    site.container.client.upload_blob("pmsi/long", bytes(8 << 20))
    site.change(limits={"bandwidth": "64KiB/s"})  # minutes of work, however late the pause comes
    taken = ("revoke", site.plan, made, "--reason", "x", *ADMINISTRATOR)
    run = site.begin("run", site.plan, "--refresh", "--until", "verify", "--no-progress")
    try:
        until(lambda: running(site))
        assert "the host was told" in site.cli(*taken, expect=11).err
        assert policy_of(site) is None
        site.cli("pause", site.plan, expect=0)
        until(lambda: not running(site))
        site.cli(*taken, expect=0)
        assert run.poll() is None
        (one,) = listed(site)
        assert (one["stage"], one["at_host"][0]["allowed"]) == ("revoked", False)
        site.cli("resume", site.plan, expect=0)
        until(lambda: running(site))
    finally:
        run.kill_all()
        run.communicate()


def running(site: Site) -> bool:
    seen = site.cli("status", site.plan, "--json").json["run"]
    return bool(seen and seen["alive"])


def test_a_policy_that_serves_more_than_the_dataset_says_so(site: Site) -> None:
    with_policies(site)
    (one,) = site.section("datasets")
    (batch,) = site.section("batches")
    container, bucket = one["source"]["container"], one["target"]["bucket"]
    site.change(
        datasets=[
            {"name": name, "source": {"container": container, "prefix": prefix},
             "target": {"bucket": bucket, "prefix": target}, "allow_empty": True}
            for name, prefix, target in (
                ("emc2", "pmsi/", "in"), ("draft", "tmp/", "in-b/"), ("ward", "x/", "other/"),
            )
        ],
        batches=[{**batch, "datasets": ["emc2", "draft", "ward"]}],
    )  # fmt: skip
    site.run()
    wide = given(site, "wide", "lab")
    narrow = given(site, "narrow", "lab2", "--dataset", "draft")

    (at,) = policy(site, wide, "--json").json["buckets"]
    assert (at["other_datasets"], at["open_ended"]) == (["draft"], True)
    said = policy(site, wide).out
    assert "sealed bytes of other datasets, too: draft" in said
    assert "without a slash" in said
    (at,) = policy(site, narrow, "--json").json["buckets"]
    assert (at["other_datasets"], at["open_ended"]) == ([], False)
    assert "too" not in policy(site, narrow).out


@pytest.fixture
def secrets_here(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)


@prepared(moved_with_policies)
def test_a_policy_is_not_made_by_a_clock_that_was_set_back(site: Site) -> None:
    made = given(site, "first", "lab")
    desk = replace(desk_of(site), clock=ClockSetBack())
    for administrator in (None, HostAdministrator(id="env:T_ID", secret="env:T_SECRET")):
        with pytest.raises(ClocksDiffer):
            grant_policy(desk, made, READER, administrator)
    assert policy_of(site) is None


@prepared(moved_without_approvals)
def test_what_was_given_before_is_looked_at_whole(site: Site) -> None:
    asks(site, expect=0)
    there = site.folder / "lab" / statement.GIVEN
    signed = there.read_bytes()
    assert asks(site, "--json", expect=0).json["again"]
    changed: Any = json.loads(signed)
    for other in (None, json.dumps(changed).encode()):
        there.unlink()
        if other is not None:
            there.write_bytes(other)
        assert "is not the one that was signed" in asks(site, expect=2).err
        there.write_bytes(signed)
    (site.folder / "lab" / statement.REVOKED).write_text("{}")
    assert "is not the one that was signed" in asks(site, expect=2).err


@prepared(moved_with_policies)
def test_a_grant_of_a_dataset_that_left_the_plan_is_said_in_a_line(site: Site) -> None:
    made = given(site, "first", "lab")
    (one,) = site.section("datasets")
    (batch,) = site.section("batches")
    site.change(datasets=[{**one, "name": "new"}], batches=[{**batch, "datasets": ["new"]}])
    assert "is not in the plan any more" in policy(site, made, expect=2).err
    said = site.cli("revoke", site.plan, made, "--reason", "x", *ADMINISTRATOR, expect=3)
    assert "datasets[emc2]: removed" in said.err


@prepared(moved_with_policies)
def test_a_revoked_grant_of_a_dataset_that_left_the_plan_says_what_was_not_looked_at(
    site: Site, secrets_here: None
) -> None:
    made = given(site, "first", "lab")
    site.cli("revoke", site.plan, made, "--reason", "x", expect=4)
    desk = desk_of(site)
    account = replace(account_of(desk, made))
    account.asked = replace(account.asked, dataset="gone")
    administrator = HostAdministrator(id="env:T_ID", secret="env:T_SECRET")
    assert shut_out(desk, account, administrator) == []
    let_out(desk, account, administrator)
    assert not in_plan(desk, account)
