"""What is refused when somebody is to be let read: one line, its exit code, and nothing granted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.folders import STATE_DIR
from hdh_migrate.grants import pack
from hdh_migrate.sealing.keys import new_pair
from tests.live.test_grants import READER, asks, with_policies
from tests.support.finished import prepared
from tests.support.site import Said, Site, moved_without_approvals

pytestmark = [pytest.mark.live, pytest.mark.slow]

TWIN = b"\xec" + b"\xff" * 30 + b"\xff"
SMALL = bytes(32)


def public(path: Path, raw: bytes) -> Path:
    """Write a public key's file of any 32 bytes."""
    from base64 import b64encode

    frame = "CRYPT4GH PUBLIC KEY"
    path.write_text(f"-----BEGIN {frame}-----\n{b64encode(raw).decode()}\n-----END {frame}-----\n")
    return path


def grants(site: Site, **changed: str) -> Said:
    """Ask for a grant with some options changed."""
    keys = site.folder / "keys"
    options = {
        "dataset": "emc2", "to": str(keys / "lab.pub"), "permit": "R-7", "until": "2099-12-31",
        "purpose": "survival", "out": str(site.folder / "lab"), **changed,
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    said = site.cli("grant", site.plan, *words)
    assert "Traceback" not in said.err
    assert said.err.count("error:") == 1
    assert not (site.folder / "lab").exists()
    return said


def test_words_that_grant_nothing(site: Site) -> None:
    keys = site.folder / "keys"
    site.change(approvals=None, freeze=None, cutovers=None)
    new_pair(keys, "lab", passphrase=None)
    assert "no run of this plan has begun" in grants(site).err
    site.run()

    for code, part, changed in (
        (2, "no dataset", {"dataset": "emc3"}),
        (2, "--include", {"include": "[ab].csv"}),
        (2, "--until", {"until": "soon"}),
        (2, "--until", {"until": "2099-12-31T18:00:00"}),
        (2, "--permit", {"permit": " "}),
        (2, "--purpose", {"purpose": "x" * 301}),
        (2, "opens everything already", {"to": str(keys / "steward.pub")}),
        (2, "opens everything already", {"to": str(keys / "escrow.pub")}),
        (2, "cannot be written", {"out": str(keys / "lab.pub" / "lab")}),
        (3, "would be over already", {"until": "2020-12-31"}),
        (3, "no verified object is chosen", {"include": "nothing/**"}),
        (3, "private key where a public one", {"to": str(keys / "lab.sec")}),
        (3, "cannot be read", {"to": str(keys / "nobody.pub")}),
        (3, "no honest public key", {"to": str(public(keys / "twin.pub", TWIN))}),
        (3, "no honest public key", {"to": str(public(keys / "small.pub", SMALL))}),
    ):
        said = grants(site, **changed)
        assert (said.code, part in said.err) == (code, True), (changed, said)
    site.change(report={})
    assert "nobody would sign" in grants(site).err
    assert site.cli("grants", site.plan, "--json", expect=0).json["grants"] == []


def test_what_is_not_verified_or_was_replaced_is_not_granted(site: Site) -> None:
    site.change(approvals=None, freeze=None, cutovers=None)
    new_pair(site.folder / "keys", "lab", passphrase=None)
    site.cli("run", site.plan, "--until", "transfer", "--no-progress", expect=0)
    said = grants(site)
    assert (said.code, "4 objects that are not verified" in said.err) == (3, True), said
    site.run()
    client, bucket = site.bucket.client, site.bucket.name
    key = "in/pmsi/b.csv.c4gh"
    good = client.get_object(Bucket=bucket, Key=key)["Body"].read()

    client.put_object(Bucket=bucket, Key=key, Body=good[:-1] + bytes([good[-1] ^ 1]))
    said = grants(site)
    assert (said.code, "was replaced since it was verified" in said.err) == (5, True), said
    client.delete_object(Bucket=bucket, Key=key)
    said = grants(site)
    assert (said.code, "does not hold an object any more" in said.err) == (5, True), said
    assert "b.csv" not in said.err

    client.put_object(Bucket=bucket, Key=key, Body=good)
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=0)
    only = ("--include", "pmsi/b.csv", "--json")
    assert asks(site, *only, expect=0).json["objects"] == 1
    assert (site.folder / "lab" / pack.NAME).exists()
    assert asks(site, *only, expect=0).json["again"]
    assert "exists already" in asks(site, "--include", "pmsi/*", expect=2).err


@prepared(moved_without_approvals)
def test_hosts_that_are_asked_for_what_they_lack(site: Site) -> None:
    grant = asks(site, "--json", expect=0).json["grant"]
    asked = ("grant", site.plan, "--policy", grant, "--principal")

    assert "has no bucket policies" in site.cli(*asked, READER, expect=3).err
    with_policies(site)
    assert "no wildcard" in site.cli(*asked, "*", expect=2).err
    assert "needed" in site.cli("grant", site.plan, "--policy", grant, expect=2).err
    assert (
        "no grant g-1"
        in site.cli("grant", site.plan, "--policy", "g-1", "--principal", READER, expect=2).err
    )
    assert "--execute needs" in site.cli(*asked, READER, "--execute", expect=2).err
    keys = ("--execute", "--credential-id", "env:T_ID", "--credential-secret")
    assert "by reference" in site.cli(*asked, READER, *keys, "hunter2", expect=2).err
    own = (site.folder / "own.yaml").read_text()
    (site.folder / "own.yaml").write_text(
        own + "  implicit_deny: {value: true, as_of: 2026-11-01, source: seen, confirmed: yes}\n"
    )
    said = site.cli(*asked, READER, *keys, "env:T_SECRET", expect=3)
    assert "would shut out" in said.err
    listed = site.cli("grants", site.plan, "--json", expect=0).json["grants"]
    assert [one["at_host"] for one in listed] == [[]]

    assert "no grant g-1" in site.cli("revoke", site.plan, "g-1", "--reason", "x", expect=2).err
    assert "--reason" in site.cli("revoke", site.plan, grant, "--reason", " ", expect=2).err
    assert json.loads(
        site.cli("revoke", site.plan, grant, "--reason", "x", "--json", expect=4).out
    )["pack_withdrawn"]
    said = site.cli(*asked, READER, expect=2)
    assert "it is revoked" in said.err
    assert "was given" not in asks(site, expect=2).err


@prepared(moved_without_approvals)
def test_an_old_copy_of_the_ledger_grants_nothing(site: Site) -> None:
    """It knows neither what was revoked since nor whose keys were replaced."""
    old = site.folder / "old"
    shutil.copytree(site.folder / STATE_DIR, old)
    site.run()

    said = asks(site, "--state-dir", str(old))

    assert said.code == Exit.LOCKED, said
    assert "this ledger may not write" in said.err
    assert not (site.folder / "lab").exists()
    asks(site, expect=0)
