"""What the target lost after it was verified, and the source had no more when that was seen."""

from __future__ import annotations

import json

import pytest

from tests.support.agreed import agreed
from tests.support.site import Site

pytestmark = pytest.mark.live

NAME = "pmsi/b.csv"


@pytest.mark.parametrize("harm", ["gone", "damaged"])
@pytest.mark.parametrize("kept", [False, True], ids=["asked", "keep-at-target"])
def test_it_is_lost_and_not_left_behind(site: Site, harm: str, *, kept: bool) -> None:
    if kept:
        (dataset,) = site.section("datasets")
        site.change(datasets=[{**dataset, "vanished": "keep-at-target"}])
    site.run()
    client, where = site.bucket.client, {"Bucket": site.bucket.name, "Key": f"in/{NAME}.c4gh"}
    if harm == "gone":
        client.delete_object(**where)
    else:
        was = client.get_object(**where)
        body = bytearray(was["Body"].read())
        body[-1] ^= 1
        client.put_object(**where, Body=bytes(body), Metadata=was["Metadata"])
    site.cli("verify", site.plan, "--again", "--no-progress", expect=5)
    site.container.client.delete_blob(NAME)

    site.cli("run", site.plan, "--refresh", "--no-progress", expect=5)

    (cause,) = site.cli("errors", site.plan, "--json").json["causes"]
    (grave,) = site.cli("status", site.plan, "--json").json["grave"]
    assert (grave["state"], grave["objects"]) == ("lost", 1)
    assert site.cli("status", site.plan).out.splitlines()[1] == " ".join(grave["en"].split())
    assert (cause["code"], cause["count"]) == ("vanished-lost", 1)
    trusted, bundle = str(site.folder / "keys" / "report.pub"), site.folder / "bundle"
    site.cli("report", site.plan, "--out", str(bundle), expect=0)
    site.cli("audit", "verify", str(bundle), "--trust", trusted, expect=0)
    agreed(bundle, trusted)
    (left,) = [
        json.loads(line)
        for line in (bundle / "exclusions.jsonl").read_text().splitlines()
        if NAME in line
    ]
    assert left["rule"] == "vanished"
    assert left["reason"].startswith("lost at the target after it was moved")
    assert "Un objet vérifié manque des deux côtés" in (bundle / "report.fr.html").read_text()
    said = site.cli("audit", "export", str(bundle), "--format", "markdown", expect=0).out
    assert ", 1 lost" in said
    assert "| Excluded | Lost |" in said
    # Again changes nothing; put back at the source, it is moved and the loss is over.
    site.cli("inventory", site.plan, "--refresh", "--no-progress", expect=5)
    site.container.client.upload_blob(NAME, b"from a backup" * 99)
    site.cli("run", site.plan, "--refresh", "--no-progress", expect=0)
    site.cli("errors", site.plan, expect=0)
