"""A reader is let read at the real command line: asked, approved, given, and opened by others."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from crypt4gh.keys import get_private_key
from crypt4gh.lib import decrypt

from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.grants import pack, statement
from hdh_migrate.grants.pack import PackReader
from hdh_migrate.sealing.keys import PrivateKey, new_pair
from tests.support.agreed import agreed
from tests.support.finished import prepared
from tests.support.foreign_signature import signed_by
from tests.support.site import CORPUS, Said, Site, moved, moved_without_approvals

pytestmark = [pytest.mark.live, pytest.mark.slow]

GRANTED = {name: body for name, body in CORPUS.items() if not name.startswith("tmp/")}


def asks(site: Site, *more: str, reader: str = "lab", expect: int | None = None) -> Said:
    keys = site.folder / "keys"
    if not (keys / f"{reader}.pub").exists():
        new_pair(keys, reader, passphrase=None)
    return site.cli(
        "grant", site.plan, "--dataset", "emc2", "--to", str(keys / f"{reader}.pub"),
        "--permit", "EHDS-2027-0042", "--until", "2099-12-31", "--purpose", "survival",
        "--out", str(site.folder / "lab"), *more, expect=expect,
    )  # fmt: skip


def approves(site: Site, key: str = "dpo") -> Said:
    (grant,) = site.cli("grants", site.plan, "--json", expect=0).json["grants"]
    key = str(site.folder / "keys" / f"{key}.key")
    return site.cli("approve", site.plan, "--grant", grant["grant"], "--key", key, expect=0)


def pack_of(folder: Path, site: Site, reader: str = "lab") -> PackReader:
    identity = PrivateKey.load(site.folder / "keys" / f"{reader}.sec", None)
    return PackReader(io.BytesIO((folder / pack.NAME).read_bytes()), identity)


@prepared(moved)
def test_a_grant_waits_for_its_approval_and_opens_what_the_reader_may_read(site: Site) -> None:
    assert "1 more approval is needed" in asks(site, expect=8).err
    assert not (site.folder / "lab").exists()
    approves(site)
    given = asks(site, "--json", expect=0).json

    found = statement.read(site.folder / "lab", [load_trusted_key(site.folder / "keys/report.pub")])
    assert (found.given.grant, found.pack) == (given["grant"], given["pack_sha256"])
    reader = pack_of(site.folder / "lab", site)
    objects = list(reader)
    assert {one.name for one in objects} == set(GRANTED)
    assert reader.end is not None
    assert reader.end.root == found.given.root == given["root"]
    secret = get_private_key(str(site.folder / "keys" / "lab.sec"), lambda: "")
    for one in objects:
        stored = site.bucket.client.get_object(Bucket=one.bucket, Key=one.key)
        body = stored["Body"].read()[one.body :]
        out = io.BytesIO()
        decrypt([(0, secret, None)], io.BytesIO(one.header + body), out)
        assert out.getvalue() == GRANTED[one.name]


@prepared(moved)
def test_the_report_tells_who_may_read_and_both_verifiers_take_it(site: Site) -> None:
    site.change(approvals=None, freeze=None, cutovers=None)
    asks(site, expect=0)

    bundle = site.folder / "bundle"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)

    key = site.folder / "keys" / "report.pub"
    site.cli("audit", "verify", str(bundle), "--trust", str(key), expect=0)
    agreed(bundle, key)
    said = {"en": "1 reader has since been given", "fr": "1 lecteur a reçu depuis"}
    for language, words in (("en", "Who may read"), ("fr", "Qui peut lire")):
        page = (bundle / f"report.{language}.html").read_text()
        assert words in page
        assert said[language] in page.replace("\u202f", " ").replace("\xa0", " ")
        assert "EHDS-2027-0042" in page


OWN_PROFILE = """
claims:
  bucket_policy: {value: true, as_of: 2026-11-01, source: seen here, confirmed: yes}
  policy_dates: {value: true, as_of: 2026-11-01, source: seen here, confirmed: yes}
"""
ADMINISTRATOR = ("--credential-id", "env:T_ID", "--credential-secret", "env:T_SECRET")
READER = "arn:aws:iam::123456789012:root"


def with_policies(site: Site) -> None:
    (site.folder / "own.yaml").write_text(OWN_PROFILE)
    target = site.section("target")
    site.change(
        target={**target, "profile": "own.yaml"}, approvals=None, freeze=None, cutovers=None
    )


def moved_with_policies(site: Site) -> None:
    """Prepare a site of which everything is verified, at a host that knows policies."""
    with_policies(site)
    site.run()


def policy_of(site: Site) -> dict[str, Any] | None:
    try:
        return json.loads(site.bucket.client.get_bucket_policy(Bucket=site.bucket.name)["Policy"])
    except site.bucket.client.exceptions.ClientError:
        return None


@prepared(moved_with_policies)
def test_a_policy_is_printed_set_beside_others_and_taken_back(site: Site) -> None:
    grant = asks(site, "--json", expect=0).json["grant"]
    others = {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "ours", "Effect": "Allow", "Principal": {"AWS": READER},
             "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{site.bucket.name}"}
        ],
    }  # fmt: skip
    site.bucket.client.put_bucket_policy(Bucket=site.bucket.name, Policy=json.dumps(others))
    asked = ("grant", site.plan, "--policy", grant, "--principal", READER)

    printed = site.cli(*asked, "--json", expect=0).json
    assert policy_of(site) == others
    (one,) = printed["buckets"][0]["policy"]["Statement"]
    assert one["Resource"] == [f"arn:aws:s3:::{site.bucket.name}/in/*"]
    assert one["Action"] == ["s3:GetObject"]
    assert one["Condition"] == {"DateLessThanEquals": {"aws:CurrentTime": "2099-12-31T23:59:59Z"}}
    for _ in range(2):
        site.cli(*asked, "--execute", *ADMINISTRATOR, expect=0)
        assert policy_of(site) == {**others, "Statement": [*others["Statement"], one]}

    (listed,) = site.cli("grants", site.plan, "--json", expect=0).json["grants"]
    assert listed["at_host"] == [
        {"bucket": site.bucket.name, "principal": READER, "allowed": True, "sure": True}
    ]
    half = site.cli("revoke", site.plan, grant, "--reason", "over", "--json", expect=4).json
    assert any("may still let" in line for line in half["remains"])
    assert half["pack_withdrawn"]
    folder = site.folder / "lab"
    assert {one.name for one in folder.iterdir()} == {statement.GIVEN, statement.REVOKED}
    whole = site.cli("revoke", site.plan, grant, "--reason", "over", *ADMINISTRATOR, expect=0)
    assert "what the reader has read" in whole.out
    assert policy_of(site) == others
    (listed,) = site.cli("grants", site.plan, "--json", expect=0).json["grants"]
    assert (listed["stage"], listed["reason"], listed["pack_withdrawn"]) == (
        "revoked",
        "over",
        True,
    )

    bundle, key = site.folder / "bundle", site.folder / "keys" / "report.pub"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    site.cli("audit", "verify", str(bundle), "--trust", str(key), expect=0)
    agreed(bundle, key)
    assert "révoquée" in (bundle / "report.fr.html").read_text()


def waiting(site: Site) -> list[str]:
    """Return the ids of the grants that wait for approval."""
    listed = site.cli("grants", site.plan, "--json", expect=0).json["grants"]
    return [one["grant"] for one in listed if one["stage"] == "asked"]


def test_a_grant_is_approved_elsewhere_from_a_bundle_and_evidence_tells_it(site: Site) -> None:
    site.change(freeze=None, cutovers=None, approvals={**site.section("approvals"), "threshold": 2})
    site.run()
    asks(site, expect=8)
    (grant,) = waiting(site)
    keys, bundle = site.folder / "keys", site.folder / "before"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    elsewhere = site.folder / "approval.json"
    made = site.cli(
        "approve", site.plan, "--grant", grant, "--key", str(keys / "dpo.key"), "--bundle",
        str(bundle), "--trust", str(keys / "report.pub"), "--out", str(elsewhere), expect=0,
    )  # fmt: skip
    assert "permit: EHDS-2027-0042" in made.err
    site.cli("approve", site.plan, "--import", str(elsewhere), expect=0)
    assert "1 more approval is needed" in asks(site, expect=8).err
    for key, why in (
        ("stranger", "not one of those that may approve"),
        ("report", "operator's own"),
    ):
        path = str(keys / f"{key}.key")
        site.cli("approve", site.plan, "--grant", grant, "--key", path, expect=3)
        foreign = signed_by(Path(path), elsewhere, site.folder / f"{key}.json")
        site.cli("approve", site.plan, "--import", str(foreign), expect=0)
        assert why in asks(site, expect=8).err
    approves(site, "ciso")
    given = asks(site, "--json", expect=0).json
    assert (given["grant"], len(given["approvals"])) == (grant, 2)
    said = site.cli(
        "approve", site.plan, "--grant", grant, "--key", str(keys / "dpo.key"), expect=2
    )
    assert "waits for no approval" in said.err

    after, key = site.folder / "after", keys / "report.pub"
    site.cli("report", site.plan, "--out", str(after), expect=0)
    site.cli("audit", "verify", str(after), "--trust", str(key), expect=0)
    agreed(after, key, signed=2)
    assert "approuvée par" in (after / "report.fr.html").read_text()


@prepared(moved)
def test_an_approval_of_other_objects_or_of_another_reader_counts_for_nothing(site: Site) -> None:
    asks(site, expect=8)
    (first,) = waiting(site)
    approves(site)
    site.container.client.upload_blob("pmsi/late.csv", b"7,8,9\n")
    site.cli("run", site.plan, "--refresh", "--until", "verify", "--no-progress", expect=0)

    assert "1 more approval is needed" in asks(site, expect=8).err
    (second,) = waiting(site)
    assert second != first
    listed = site.cli("grants", site.plan, "--json", expect=0).json["grants"]
    assert [one["stage"] for one in listed] == ["dropped", "asked"]
    assert asks(site, reader="other", expect=8).code == 8
    assert len(waiting(site)) == 2
    key = str(site.folder / "keys" / "dpo.key")
    site.cli("approve", site.plan, "--grant", second, "--key", key, expect=0)
    assert asks(site, "--json", expect=0).json["objects"] == len(GRANTED) + 1
    assert "exists already" in asks(site, reader="other", expect=2).err
    apart = ("--out", str(site.folder / "other"))
    assert "not the one that was approved" in asks(site, *apart, reader="other", expect=8).err


@prepared(moved_without_approvals)
def test_who_reads_keyed_evidence_is_not_told_who_may_read(site: Site) -> None:
    grant = asks(site, "--json", expect=0).json["grant"]
    bundle, key = site.folder / "keyed", site.folder / "keys" / "report.pub"
    site.cli("report", site.plan, "--names", "keyed", "--out", str(bundle), expect=0)
    site.cli("audit", "verify", str(bundle), "--trust", str(key), expect=0)
    agreed(bundle, key)
    journal = (bundle / "journal.jsonl").read_text()
    assert "grant-given" in journal
    assert not any(word in journal for word in (grant, "EHDS-2027-0042", "survival"))


@prepared(moved_without_approvals)
def test_the_reader_opens_a_grant_without_plan_and_ledger_and_others_do_not(site: Site) -> None:
    asks(site, "--include", "pmsi/**", expect=0)
    keys, data = site.folder / "keys", site.folder / "data"
    opened = (
        "open", str(site.folder / "lab"), "--trust", str(keys / "report.pub"),
        "--credential-id", "env:C_ID", "--credential-secret", "env:C_SEC", "--get", "**",
        "--out", str(data), "--no-progress",
    )  # fmt: skip

    site.cli(*opened, "--identity", str(keys / "steward.sec"), expect=3)
    assert not data.exists()
    site.cli(*opened, "--identity", str(keys / "lab.sec"), expect=0)
    found = {
        str(one.relative_to(data)): one.read_bytes() for one in data.rglob("*") if one.is_file()
    }
    assert found == {name: body for name, body in GRANTED.items() if name.startswith("pmsi/")}

    (grant,) = site.cli("grants", site.plan, "--json", expect=0).json["grants"]
    site.cli("revoke", site.plan, grant["grant"], "--reason", "over", expect=4)
    refused = site.cli(*opened, "--identity", str(keys / "lab.sec"), expect=3)
    assert "was revoked at" in refused.err


def test_a_cutover_that_is_planned_after_a_grant_changes_the_terms_that_it_fixed(
    site: Site,
) -> None:
    later = {name: site.section(name) for name in ("cutovers", "freeze")}
    site.change(**dict.fromkeys(later))
    site.run()
    asks(site, expect=8)
    approves(site)
    asks(site, expect=0)
    site.change(**later)
    site.run()

    assert "the plan changes the terms of its cutover" in site.cutover("start", expect=8).err
    site.approve("terms")
    assert "is not approved" in site.cutover("start", expect=8).err
    site.approve("cutover")
    site.cutover("start", expect=0)


@prepared(moved_with_policies)
def test_a_policy_that_somebody_else_set_from_what_was_printed_is_taken_back_too(
    site: Site,
) -> None:
    grant = asks(site, "--json", expect=0).json["grant"]
    asked = ("grant", site.plan, "--policy", grant, "--principal", READER, "--json")
    printed = site.cli(*asked, expect=0).json["buckets"][0]["policy"]
    site.bucket.client.put_bucket_policy(Bucket=site.bucket.name, Policy=json.dumps(printed))

    site.cli("revoke", site.plan, grant, "--reason", "over", *ADMINISTRATOR, expect=0)

    assert policy_of(site) is None
    (listed,) = site.cli("grants", site.plan, "--json", expect=0).json["grants"]
    assert [(one["allowed"], one["sure"]) for one in listed["at_host"]] == [(False, True)]
