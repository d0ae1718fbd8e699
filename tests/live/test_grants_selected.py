"""A grant of some objects: who approves it sees which, and nobody reads that from the evidence."""

from __future__ import annotations

import json

import pytest

from hdh_migrate.fixity import canonical_json, sha256_hex
from tests.live.test_grants import GRANTED, asks, waiting
from tests.support.agreed import agreed
from tests.support.finished import prepared
from tests.support.site import Site, moved

pytestmark = [pytest.mark.live, pytest.mark.slow]

PART = ("--include", "pmsi/**")


def test_who_approves_some_objects_compares_which_and_evidence_tells_no_name(site: Site) -> None:
    site.change(freeze=None, cutovers=None, approvals={**site.section("approvals"), "threshold": 2})
    site.run()
    assert ".salt" in asks(site, *PART, expect=8).err
    (grant,) = waiting(site)
    keys, bundle = site.folder / "keys", site.folder / "before"
    here = ("approve", site.plan, "--grant", grant, "--key", str(keys / "dpo.key"))
    for wrong in (("--include", "pmsi/*"), (*PART, "--include", "tmp/**")):
        said = site.cli(*here, *wrong, expect=3)
        assert "is of other objects than --include names" in said.err
    assert "--salt belongs to --bundle" in site.cli(*here, "--salt", site.plan, expect=2).err
    blind = site.cli(*here, "--out", str(site.folder / "blind"), expect=0)
    many = sum(name.startswith("pmsi/") for name in GRANTED)
    assert f"grant: {many} objects" in blind.err
    assert "a part of it; which is not shown" in blind.err
    assert "those that --include names" in site.cli(*here, *PART, expect=0).err

    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    trust = keys / "report.pub"
    site.cli("audit", "verify", str(bundle), "--trust", str(trust), expect=0)
    agreed(bundle, trust)
    (salt,) = site.folder.rglob(f"{grant}.salt")
    assert not any(
        salt.read_bytes().strip() in one.read_bytes() for one in bundle.rglob("*") if one.is_file()
    )
    lines = (bundle / "journal.jsonl").read_text().splitlines()
    bodies = [json.loads(json.loads(line)["body"]) for line in lines if '"grant-asked"' in line]
    assert [one["selection"] for one in bodies] != [sha256_hex(canonical_json([PART[1]]))]

    elsewhere = (
        "approve", site.plan, "--grant", grant, "--key", str(keys / "ciso.key"), "--bundle",
        str(bundle), "--trust", str(trust), "--out", str(site.folder / "ciso.json"),
    )  # fmt: skip
    assert "belong together" in site.cli(*elsewhere, *PART, expect=2).err
    carried = ("--salt", str(salt))
    said = site.cli(*elsewhere, "--include", "pmsi/*", *carried, expect=3)
    assert "of other objects" in said.err
    said = site.cli(*elsewhere, *PART, *carried, expect=0)
    assert "those that --include names" in said.err
    site.cli("approve", site.plan, "--import", str(site.folder / "ciso.json"), expect=0)

    made = asks(site, *PART, "--json", expect=0).json
    assert (made["grant"], made["objects"]) == (grant, many)
    assert not salt.exists()
    assert asks(site, *PART, "--json", expect=0).json["again"]


@prepared(moved)
def test_a_grant_of_everything_is_approved_as_one_of_everything(site: Site) -> None:
    asks(site, expect=8)
    (grant,) = waiting(site)
    here = ("approve", site.plan, "--grant", grant, "--key", str(site.folder / "keys" / "dpo.key"))
    assert "is of all objects of dataset emc2" in site.cli(*here, *PART, expect=3).err
    assert "all of it" in site.cli(*here, expect=0).err


def test_a_grant_may_need_more_approvals_than_a_cutover_and_its_number_is_a_term(
    site: Site,
) -> None:
    own = site.section("approvals")
    site.change(freeze=None, cutovers=None, approvals={**own, "threshold": 1, "grant": 2})
    site.run()
    assert "2 more approvals are needed" in asks(site, *PART, expect=8).err
    (grant,) = waiting(site)
    keys = site.folder / "keys"

    def approve(name: str) -> None:
        key = str(keys / f"{name}.key")
        site.cli("approve", site.plan, "--grant", grant, *PART, "--key", key, expect=0)

    approve("dpo")
    approve("dpo")  # the same one twice is one
    assert "1 more approval is needed" in asks(site, *PART, expect=8).err
    site.change(approvals={**own, "threshold": 1})  # whoever runs it takes the number out
    assert "terms" in asks(site, *PART, expect=8).err
    site.change(approvals={**own, "threshold": 1, "grant": 2})
    approve("ciso")
    assert len(asks(site, *PART, "--json", expect=0).json["approvals"]) == 2
    bundle = site.folder / "bundle"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    site.cli("audit", "verify", str(bundle), "--trust", str(keys / "report.pub"), expect=0)
    agreed(bundle, keys / "report.pub")
    site.change(approvals={**own, "keys": own["keys"][:1], "grant": 2})
    assert "nobody could" in site.cli("validate", site.plan, expect=3).err
