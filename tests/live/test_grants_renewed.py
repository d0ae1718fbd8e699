"""What a grant's pack names is written anew: it is found, told, and mended by a renewal."""

from __future__ import annotations

import os
import shutil

import pytest

from hdh_migrate.evidence.lines.granted import GrantStage
from hdh_migrate.grants import pack, statement
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import bound_ledger
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.renew import renew
from hdh_migrate.session.views.noticing import look
from hdh_migrate.telemetry import SystemClock
from tests.live.test_grants import (
    ADMINISTRATOR,
    READER,
    approves,
    asks,
    moved_with_policies,
    policy_of,
    with_policies,
)
from tests.live.test_grants_killed import _accounts, _kinds, desk_of, killed_everywhere
from tests.support.agreed import agreed
from tests.support.finished import Finished, Target, prepared
from tests.support.rotated import executed, say_next, verified
from tests.support.site import CORPUS, Said, Site, moved, moved_without_approvals

pytestmark = [pytest.mark.live, pytest.mark.slow]

PART = ("--include", "pmsi/**")
PMSI = {name: body for name, body in CORPUS.items() if name.startswith("pmsi/")}


def listed(site: Site) -> list[dict]:
    found: list[dict] = site.cli("grants", site.plan, "--json", expect=0).json["grants"]
    return found


def renewed(site: Site, of: str, out: str, *more: str, expect: int | None = None) -> Said:
    folder = str(site.folder / out)
    return site.cli("grant", site.plan, "--renew", of, "--out", folder, *more, expect=expect)


def reads(site: Site, folder: str, expect: int | None = None) -> tuple[Said, dict[str, bytes]]:
    keys, data = site.folder / "keys", site.folder / f"data-{folder}"
    said = site.cli(
        "open", str(site.folder / folder), "--trust", str(keys / "report.pub"), "--identity",
        str(keys / "lab.sec"), "--credential-id", "env:C_ID", "--credential-secret", "env:C_SEC",
        "--get", "**", "--out", str(data), "--no-progress", expect=expect,
    )  # fmt: skip
    files = (one for one in data.rglob("*") if one.is_file() and one.name[0] != ".")
    return said, {str(one.relative_to(data)): one.read_bytes() for one in files}


def audited(site: Site, name: str) -> dict[str, str]:
    """Write a report that both verifiers take; return its pages."""
    bundle, key = site.folder / name, site.folder / "keys" / "report.pub"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    site.cli("audit", "verify", str(bundle), "--trust", str(key), expect=0)
    agreed(bundle, key)
    return {one: (bundle / f"report.{one}.html").read_text() for one in ("en", "fr")}


class TestAfterAnExchangeOfKeys:
    @pytest.fixture(params=["versions", "no versions"])
    def site(self, request: pytest.FixtureRequest, finished: Finished) -> Site:
        return finished(verified, Target(versions=request.param == "versions"))

    def test_the_pack_is_stale_and_a_renewal_reads_again(self, site: Site) -> None:
        first = asks(site, *PART, "--json", expect=0).json["grant"]
        assert [one["pack"]["stale"] for one in listed(site)] == [[]]
        assert reads(site, "lab", expect=0)[1] == PMSI
        say_next(site)
        said = executed(site, expect=0)

        assert "--renew ID" in said.out
        (one,) = listed(site)
        assert (one["stage"], one["pack"]["stale"]) == ("given", ["rotated"])
        words = site.cli("grants", site.plan, expect=0).out
        assert "stale: keys were exchanged since it was given" in words
        assert f"grant {site.plan} --renew {first} --out DIR" in words
        pages = audited(site, "stale")
        assert "stale (keys were exchanged since)" in pages["en"]
        assert "périmée (les clés ont été échangées depuis)" in pages["fr"]
        data = site.folder / "data-lab"
        data.rename(site.folder / "before")
        said, _ = reads(site, "lab", expect=5)
        (line,) = [one for one in said.err.splitlines() if one.startswith("error")]
        assert "the host" in line
        assert f"ask whoever gave grant {first} (permit EHDS-2027-0042)" in said.err

        second = renewed(site, first, "lab2", "--json", expect=0).json
        assert second["renews"] == first
        assert sorted(os.listdir(site.folder / "lab")) == [statement.GIVEN, statement.REVOKED]
        assert reads(site, "lab2", expect=0)[1] == PMSI
        gone, _ = reads(site, "lab", expect=3)
        assert "was renewed at" in gone.err
        assert f"as {second['grant']}" in gone.err
        before, after = listed(site)
        assert (before["stage"], before["renewed_by"]) == ("renewed", second["grant"])
        assert (after["stage"], after["pack"]["stale"]) == ("given", [])
        same = ("permit", "purpose", "until", "reader", "objects", "bytes", "dataset", "whole")
        assert [before[name] for name in same] == [after[name] for name in same]
        pages = audited(site, "again")
        assert "renewed" in pages["en"]
        assert "renouvelée" in pages["fr"]
        assert "périmée (" not in pages["fr"]

        assert renewed(site, first, "lab2", "--json", expect=0).json["again"]
        assert f"--renew {second['grant']} --out" in renewed(site, first, "lab3", expect=2).err
        said = site.cli("revoke", site.plan, first, "--reason", "over", expect=2)
        assert f"was renewed as {second['grant']}" in said.err
        site.cli("revoke", site.plan, second["grant"], "--reason", "over", expect=4)
        assert "was revoked" in reads(site, "lab2", expect=3)[0].err
        assert "it was revoked" in renewed(site, second["grant"], "lab3", expect=2).err
        audited(site, "over")


def test_what_a_refresh_writes_anew_is_told_and_what_came_is_counted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in site.environ.items():
        monkeypatch.setenv(variable, value)
    site.change(approvals=None, freeze=None, cutovers=None)
    site.run()
    first = asks(site, *PART, "--json", expect=0).json["grant"]
    other = asks(
        site, "--include", "scans/**", "--out", str(site.folder / "scans"), "--json", expect=0
    ).json["grant"]
    name = next(iter(PMSI))
    site.container.client.upload_blob("pmsi/late.csv", b"7,8,9\n")
    site.container.client.upload_blob(name, b"corrected\n", overwrite=True)
    site.cli("run", site.plan, "--refresh", "--until", "verify", "--no-progress", expect=0)

    packs = {one["grant"]: one["pack"] for one in listed(site)}
    assert packs[first]["stale"] == ["replaced"]
    assert packs[first]["newer"] == 1
    assert packs[other] == {"stale": [], "unverified": 0, "newer": 0}
    pages = audited(site, "stale")
    assert "objects were written anew, or left out, since" in pages["en"]
    told = [one["summary"] for _, one in look(desk_of(site), {}, over=True).documents]
    (stale,) = [one for one in told if "is stale" in one["en"]]
    assert stale["en"].startswith(f"grant {first} of dataset emc2 is stale: objects of it were")
    assert f"{first} sur le jeu emc2 est périmée" in stale["fr"]

    renewed(site, first, "lab2", expect=0)
    told = [one["summary"] for _, one in look(desk_of(site), {}, over=True).documents]
    assert not any("stale" in one["en"] for one in told)
    found = reads(site, "lab2", expect=0)[1]
    assert found == {**PMSI, name: b"corrected\n", "pmsi/late.csv": b"7,8,9\n"}


@prepared(moved)
def test_a_renewal_is_approved_as_the_plan_says(site: Site) -> None:
    asks(site, *PART, expect=8)
    approves(site)
    first = asks(site, *PART, "--json", expect=0).json["grant"]

    assert "1 more approval is needed" in renewed(site, first, "lab2", expect=8).err
    (waiting,) = [one["grant"] for one in listed(site) if one["stage"] == "asked"]
    assert not (site.folder / "lab2").exists()
    assert reads(site, "lab", expect=0)[1] == PMSI  # the earlier one stands until then
    said = site.cli(
        "approve", site.plan, "--grant", waiting, *PART, "--key",
        str(site.folder / "keys" / "dpo.key"), expect=0,
    )  # fmt: skip
    assert f"in the place of: {first}" in said.err
    assert renewed(site, first, "lab2", "--json", expect=0).json["grant"] == waiting
    assert reads(site, "lab2", expect=0)[1] == PMSI
    audited(site, "bundle")


@prepared(moved)
def test_a_renewal_that_waits_ends_with_the_grant_that_it_was_to_renew(site: Site) -> None:
    """It stayed asked for, for ever, and approvers were still told of it."""
    asks(site, *PART, expect=8)
    approves(site)
    first = asks(site, *PART, "--json", expect=0).json["grant"]
    renewed(site, first, "lab2", expect=8)

    site.cli("revoke", site.plan, first, "--reason", "over", expect=4)

    assert [one["stage"] for one in listed(site)] == ["revoked", "dropped"]
    assert "it was revoked" in renewed(site, first, "lab2", expect=2).err
    audited(site, "bundle")


@prepared(moved_with_policies)
def test_a_renewal_keeps_the_place_in_the_policy_and_the_last_revocation_takes_it(
    site: Site,
) -> None:
    first = asks(site, "--json", expect=0).json["grant"]
    policy = ("--principal", READER, "--execute", *ADMINISTRATOR)
    site.cli("grant", site.plan, "--policy", first, *policy, expect=0)
    before = policy_of(site)

    second = renewed(site, first, "lab2", "--json", expect=0).json["grant"]

    assert policy_of(site) == before
    old, new = listed(site)
    assert (old["at_host"], [one["allowed"] for one in new["at_host"]]) == ([], [True])
    assert "it is renewed" in site.cli("grant", site.plan, "--policy", first, *policy, expect=2).err
    site.cli("grant", site.plan, "--policy", second, *policy, expect=0)
    assert policy_of(site) == before
    site.cli("revoke", site.plan, second, "--reason", "over", *ADMINISTRATOR, expect=0)
    assert policy_of(site) is None
    audited(site, "bundle")


def test_revoking_a_renewal_that_was_not_given_leaves_the_earlier_reader_in(site: Site) -> None:
    with_policies(site)
    site.change(approvals={"keys": ["keys/dpo.pub"]})
    site.run()
    asks(site, expect=8)
    approves(site)
    first = asks(site, "--json", expect=0).json["grant"]
    policy = ("--principal", READER, "--execute", *ADMINISTRATOR)
    site.cli("grant", site.plan, "--policy", first, *policy, expect=0)
    before = policy_of(site)
    renewed(site, first, "lab2", expect=8)
    (waiting,) = [one["grant"] for one in listed(site) if one["stage"] == "asked"]

    site.cli("revoke", site.plan, waiting, "--reason", "no", *ADMINISTRATOR, expect=0)

    assert policy_of(site) == before
    assert [one["stage"] for one in listed(site)] == ["given", "revoked"]
    assert reads(site, "lab", expect=0)[1]


@prepared(moved_with_policies)
def test_a_renewal_that_is_killed_anywhere_converges(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    asks(site, *PART, expect=0)
    out = site.folder / "lab2"
    (first,) = [one.id for one in _accounts(site)]

    assert killed_everywhere(site, lambda desk: renew(desk, first, (), out)) > 5

    before, after = _accounts(site)
    now = SystemClock().now()
    assert (before.stage(now), after.stage(now)) == (GrantStage.RENEWED, GrantStage.GIVEN)
    assert (before.renewed_by, after.asked.renews) == (after.id, first)
    kinds = _kinds(site)
    assert (kinds["grant-asked"], kinds["grant-given"]) == (2, 2)
    assert kinds["grant-dropped"] == kinds["grant-revoked"] == 0
    assert sorted(os.listdir(site.folder / "lab")) == [statement.GIVEN, statement.REVOKED]
    assert sorted(os.listdir(out)) == [statement.GIVEN, pack.NAME]
    assert list((site.state / "grants").iterdir()) == []
    assert reads(site, "lab2", expect=0)[1] == PMSI
    audited(site, "bundle")


@prepared(moved_without_approvals)
def test_a_grant_of_an_earlier_release_is_not_known_to_be_fresh_and_is_renewed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    first = asks(site, *PART, "--json", expect=0).json["grant"]
    _forget(desk_of(site), first)

    assert [one["pack"] for one in listed(site)] == [None]
    assert "is not known here" in site.cli("grants", site.plan, expect=0).out
    assert "give its globs once more" in renewed(site, first, "lab2", expect=2).err
    wrong = renewed(site, first, "lab2", "--include", "scans/**", expect=2)
    assert "is of other objects" in wrong.err
    renewed(site, first, "lab2", *PART, expect=0)
    assert [one["pack"] for one in listed(site)][1] == {"stale": [], "unverified": 0, "newer": 0}
    assert reads(site, "lab2", expect=0)[1] == PMSI


def _forget(desk: Desk, of: str) -> None:
    """Take from the ledger what releases before renewals did not write."""
    with bound_ledger(desk, offline(desk.clock, desk.ledger_path)) as ledger:
        names = (f"grant-pins.{of}", f"grant-include.{of}")
        assert all(ledger.meta(name) for name in names)
        ledger._con.execute("DELETE FROM meta WHERE name IN (?, ?)", names)
        ledger.commit()


@prepared(moved_with_policies)
def test_a_ledger_that_was_made_anew_takes_grants_over_and_takes_them_back(site: Site) -> None:
    first = asks(site, "--json", expect=0).json["grant"]
    other = asks(
        site, *PART, "--out", str(site.folder / "part"), "--json", expect=0
    ).json["grant"]  # fmt: skip
    gone = asks(
        site, "--include", "scans/**", "--out", str(site.folder / "gone"), "--json", expect=0
    ).json["grant"]
    policy = ("--principal", READER, "--execute", *ADMINISTRATOR)
    site.cli("grant", site.plan, "--policy", first, *policy, expect=0)
    second = renewed(site, first, "lab2", "--json", expect=0).json["grant"]
    site.cli("revoke", site.plan, gone, "--reason", "over", expect=4)
    audited(site, "before")
    shutil.rmtree(site.state)

    for _ in range(2):  # the second time there is nothing to take over
        site.cli("adopt", site.plan, "--bundle", str(site.folder / "before"), expect=None)

    found = {one["grant"]: one for one in listed(site)}
    assert found.keys() == {second, other}
    assert {one["stage"] for one in found.values()} == {"given"}
    assert [one["allowed"] for one in found[second]["at_host"]] == [True]
    assert reads(site, "lab2", expect=0)[1]
    assert "give it anew" in renewed(site, other, "part2", *PART, expect=2).err
    assert "this ledger may not write" in renewed(site, second, "lab3", expect=11).err
    site.cli("fence", site.plan, "--take-over", "--reason", "it burned", expect=0)
    third = renewed(site, second, "lab3", "--json", expect=0).json["grant"]
    said = site.cli("revoke", site.plan, third, "--reason", "over", *ADMINISTRATOR, expect=0)
    assert f"revoked {third}" in said.out
    assert policy_of(site) is None
    said = site.cli(
        "revoke", site.plan, other, "--reason", "over", "--folder", str(site.folder / "part"),
        expect=4,
    )  # fmt: skip
    assert sorted(os.listdir(site.folder / "part")) == [statement.GIVEN, statement.REVOKED]
    audited(site, "after")
