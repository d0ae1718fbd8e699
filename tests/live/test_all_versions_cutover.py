"""A batch with all versions is cut over: Azurite's snapshots into a bucket with versions."""

from __future__ import annotations

import pytest

from tests.support.fixtures import s3_client
from tests.support.site import NEW, OLD, Site

pytestmark = [pytest.mark.live, pytest.mark.slow]


def test_a_batch_with_all_versions_is_cut_over_and_proved(site: Site) -> None:
    blob = site.container.client.get_blob_client("pmsi/b.csv")
    blob.create_snapshot()
    blob.upload_blob(b"second", overwrite=True)
    blob.create_snapshot()
    blob.upload_blob(b"third", overwrite=True)
    datasets = site.section("datasets")
    datasets[0]["source"]["versions"] = "all"
    (cutover,) = site.section("cutovers")
    site.change(datasets=datasets)
    said = site.cli("validate", site.plan, expect=3)
    assert "a dataset of this batch is moved with all versions" in said.err
    cutover.pop("decommission")
    site.change(cutovers=[cutover])
    said = site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=3)
    assert "keeps no versions" in said.err
    client = s3_client(site.bucket.server)
    client.put_bucket_versioning(
        Bucket=site.bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )
    site.run()
    assert site.pointer == OLD
    site.approve("cutover")
    new = site.container.client.get_blob_client("pmsi/new.csv")
    new.upload_blob(b"came since")
    site.cutover("start", expect=8)  # what was approved is without what the final delta brought
    site.approve("cutover")
    site.cutover("start", expect=0)
    assert site.pointer == NEW
    listed = client.list_object_versions(Bucket=site.bucket.name, Prefix="in/pmsi/")["Versions"]
    many = {one["Key"]: 0 for one in listed}
    for one in listed:
        many[one["Key"]] += 1
    assert sorted(many.values()) == [1, 1, 1, 3]
    site.approve("finalize")
    site.cutover("finalize", "--reason", "agreed", expect=0)
    bundle = str(site.folder / "bundle")
    site.cli("report", site.plan, "--out", bundle, expect=0)
    site.cli("audit", "verify", bundle, "--trust", str(site.folder / "keys/report.pub"), expect=0)
    client.close()
