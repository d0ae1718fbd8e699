"""What a grant once believed and did not look at again: folders, approvals, time, the host."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.clocks import later
from hdh_migrate.errors import MigrateError, Refused
from hdh_migrate.grants import pack, statement
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.granting import wish_of
from hdh_migrate.session.verbs.grant import grant
from hdh_migrate.session.verbs.grant_folder import place_of
from hdh_migrate.targets.policies import PolicyDialect
from hdh_migrate.telemetry import SystemClock
from tests.live.test_grants import (
    ADMINISTRATOR,
    READER,
    approves,
    asks,
    moved_with_policies,
    policy_of,
)
from tests.support.finished import prepared
from tests.support.here import HERE
from tests.support.quiet import Notes
from tests.support.site import Site, moved, moved_without_approvals

pytestmark = [pytest.mark.live, pytest.mark.slow]

NOBODY: dict[str, Any] = {"approvals": None, "freeze": None, "cutovers": None}


def listed(site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.cli("grants", site.plan, "--json", expect=0).json["grants"]
    return found


def given(site: Site, purpose: str, out: str, *more: str) -> str:
    out = str(site.folder / out)
    said = asks(site, "--purpose", purpose, "--out", out, "--json", *more, expect=0)
    return str(said.json["grant"])


@prepared(moved)
def test_a_grant_that_waits_is_not_written_over_another_one(site: Site) -> None:
    assert asks(site, "--purpose", "first", expect=8).code == 8
    approves(site)
    first = given(site, "first", "lab")
    asks(site, "--purpose", "second", "--out", str(site.folder / "lab2"), expect=8)
    (second,) = [one["grant"] for one in listed(site) if one["grant"] != first]
    key = str(site.folder / "keys" / "dpo.key")
    site.cli("approve", site.plan, "--grant", second, "--key", key, expect=0)
    before = (site.folder / "lab" / pack.NAME).read_bytes()

    assert "exists already" in asks(site, "--purpose", "second", expect=2).err
    assert (site.folder / "lab" / pack.NAME).read_bytes() == before
    assert given(site, "second", "lab2") == second


@prepared(moved_without_approvals)
def test_revoke_leaves_a_pack_that_lies_where_its_own_once_was(site: Site) -> None:
    first = given(site, "first", "lab")
    (site.folder / "lab").rename(site.folder / "moved")
    second = given(site, "second", "lab")
    assert (
        "holds no pack"
        in site.cli(
            "revoke",
            site.plan,
            first,
            "--reason",
            "x",
            "--folder",
            str(site.folder / "lab"),
            expect=2,
        ).err
    )
    assert [one["stage"] for one in listed(site)] == ["given", "given"]

    said = site.cli("revoke", site.plan, first, "--reason", "x", expect=4)
    assert "not where it was written" in said.out
    assert len(said.out.splitlines()) > 3
    assert statement.read(site.folder / "lab").given.grant == second
    assert (site.folder / "lab" / pack.NAME).exists()
    found = site.cli(
        "revoke", site.plan, first, "--reason", "x", "--folder", str(site.folder / "moved"),
        "--json", expect=4,
    ).json  # fmt: skip
    assert found["pack_withdrawn"]
    assert not (site.folder / "moved" / pack.NAME).exists()


@prepared(moved)
def test_who_takes_approvals_out_of_the_plan_grants_nothing(site: Site) -> None:
    assert "1 more approval" in asks(site, expect=8).err

    site.change(**NOBODY)
    said = asks(site, expect=8)
    assert "those who approved before" in said.err
    assert not (site.folder / "lab").exists()


class PassingClock(SystemClock):
    """Shows two hundred years more once `passed` is set."""

    passed = threading.Event()

    def now(self) -> str:
        now = super().now()
        return later(now, 200 * 365 * 86_400) if self.passed.is_set() else now


@prepared(moved_without_approvals)
def test_a_permit_that_ends_while_headers_are_read_grants_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    keys, clock = site.folder / "keys", PassingClock()

    class Ending(Notes):
        def advance(self, objects: int, size: int) -> None:
            clock.passed.set()

    new_pair(keys, "lab", passphrase=None)
    desk = replace(Desk.open(Path(site.plan), None, Ending(), threading.Event(), HERE), clock=clock)
    wish = wish_of("emc2", (), keys / "lab.pub", "R-7", "survival", "2099-12-31")
    try:
        with pytest.raises(MigrateError):
            grant(desk, wish, site.folder / "lab")
    finally:
        clock.passed.clear()
    assert not (site.folder / "lab").exists()


@prepared(moved_without_approvals)
def test_what_a_killed_command_left_in_the_folder_stops_nobody(site: Site) -> None:
    lab = site.folder / "lab"
    first = given(site, "first", "lab")
    assert asks(site, "--purpose", "again", "--out", str(lab), expect=2).code == 2
    site.cli("revoke", site.plan, first, "--reason", "x", expect=4)
    shutil.rmtree(lab)
    site.change(approvals={"keys": ["keys/dpo.pub"], "threshold": 1})
    asks(site, expect=8)
    (waits,) = [one for one in listed(site) if one["stage"] == "asked"]
    _remember(site, waits["grant"], lab)
    lab.mkdir()
    (lab / ".hdh-partial-x").write_bytes(b"half a pack")
    (lab / pack.NAME).write_bytes(b"a pack that nobody signed for")
    key = str(site.folder / "keys" / "dpo.key")
    site.cli("approve", site.plan, "--grant", waits["grant"], "--key", key, expect=0)

    assert asks(site, "--json", expect=0).json["grant"] == waits["grant"]
    assert sorted(one.name for one in lab.iterdir()) == [statement.GIVEN, pack.NAME]


@prepared(moved)
def test_a_pack_of_a_killed_command_is_withdrawn_with_its_request(site: Site) -> None:
    asks(site, expect=8)
    (waits,) = listed(site)
    lab = site.folder / "lab"
    _remember(site, waits["grant"], lab)
    lab.mkdir()
    (lab / pack.NAME).write_bytes(b"a pack that nobody signed for")

    said = site.cli("revoke", site.plan, waits["grant"], "--reason", "x", "--json", expect=0).json
    assert said["pack_withdrawn"]
    assert not (lab / pack.NAME).exists()


@prepared(moved)
def test_a_grant_that_was_begun_elsewhere_is_not_begun_twice(site: Site) -> None:
    asks(site, expect=8)
    (waits,) = listed(site)
    approves(site)
    lab = site.folder / "elsewhere"
    _remember(site, waits["grant"], lab)
    lab.mkdir()
    (lab / pack.NAME).write_bytes(b"a pack that nobody signed for")

    assert f"was begun in {lab}" in asks(site, expect=2).err
    assert asks(site, "--out", str(lab), "--json", expect=0).json["grant"] == waits["grant"]


@prepared(moved_without_approvals)
def test_a_ledger_made_anew_takes_over_the_grants_that_stand(site: Site) -> None:
    kept, ended = given(site, "kept", "lab"), given(site, "ended", "lab2")
    site.cli("revoke", site.plan, ended, "--reason", "x", expect=4)
    bundle = site.folder / "bundle"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    shutil.rmtree(site.state)

    site.cli("adopt", site.plan, "--bundle", str(bundle), expect=0)

    known = [one["grant"] for one in listed(site)]
    assert kept in known
    assert ended not in known


@prepared(moved_with_policies)
def test_a_policy_that_is_set_again_after_it_was_taken_back_is_found(site: Site) -> None:
    made = given(site, "first", "lab")
    asked = ("grant", site.plan, "--policy", made, "--principal", READER, "--execute")
    site.cli(*asked, *ADMINISTRATOR, expect=0)
    policy = policy_of(site)
    taken = ("revoke", site.plan, made, "--reason", "x", *ADMINISTRATOR)
    site.cli(*taken, expect=0)
    site.bucket.client.put_bucket_policy(Bucket=site.bucket.name, Policy=json.dumps(policy))

    site.cli(*taken, expect=0)
    assert policy_of(site) is None


@prepared(moved_without_approvals)
def test_a_glob_that_fits_nothing_is_said_and_so_is_a_folder_that_cannot_be(site: Site) -> None:
    said = asks(site, "--include", "pmsi/**", "--include", "pmis/**", expect=3)
    assert "--include number 2 fits no object" in said.err
    said = asks(site, "--out", f"{site.plan}/below", expect=2)
    assert "cannot be written" in said.err
    assert listed(site) == []


def test_a_prefix_that_stands_for_others_is_in_no_policy() -> None:
    dialect = PolicyDialect(version="1", principal="AWS", resource="{resource}", dates=True)
    for prefix in ("in/*", "a?/", "${aws:username}/"):
        with pytest.raises(Refused, match="stands for others"):
            dialect.statement("s", "b", prefix, "p", "2099-12-31T23:59:59Z", versions=False)


def _remember(site: Site, made: str, lab: Path) -> None:
    """Have the ledger remember where a grant's pack was begun, as a killed command leaves it."""
    path = Desk.open(Path(site.plan), None, Notes(), threading.Event(), HERE).ledger_path
    ledger = SqliteLedger.open(path, SystemClock())
    ledger.set_meta(place_of(made), str(lab))
    ledger.commit()
    ledger.close()
