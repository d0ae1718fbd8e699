"""The target is another one than when it was verified, though its objects are what they were."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hdh_migrate.door import Addresses
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.decommission import forecast
from hdh_migrate.wiring.targets import Network
from tests.live.test_decommission import OBJECTS, SCRATCH, dry_run, execute, finalized, names
from tests.support import strict_buckets
from tests.support.fixtures import s3_client
from tests.support.quiet import Notes
from tests.support.rotated import behaving, versions
from tests.support.site import Site
from tests.support.tls import Authority, https

pytestmark = pytest.mark.live

HOST = "s3.fr-par.example.com"

bucket = strict_buckets.unversioned


def with_rule(site: Site, *, days: int, prefix: str = "in/scans/") -> None:
    rule = {
        "ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": prefix},
        "Expiration": {"Days": days},
    }  # fmt: skip
    s3_client(site.bucket.server).put_bucket_lifecycle_configuration(
        Bucket=site.bucket.name, LifecycleConfiguration={"Rules": [rule]}
    )


def test_a_lifecycle_rule_that_came_later_keeps_what_it_will_delete_at_the_source(
    site: Site,
) -> None:
    finalized(site)
    with_rule(site, days=30)
    for more in ((), ("--keep-going",)):
        said = execute(site, *more, expect=3)
        assert "a rule of its bucket will delete objects" in said.err
        assert "scans/big.raw" in names(site)
    assert site.status()["waits"]["why"] == "blocked"
    s3_client(site.bucket.server).delete_bucket_lifecycle(Bucket=site.bucket.name)
    execute(site, "--json", expect=0)
    assert names(site) == SCRATCH


def test_what_the_host_archived_since_is_not_there_to_be_read(site: Site) -> None:
    finalized(site)
    archived = next(one for one in versions(site) if one.key.endswith("b.csv.c4gh"))
    archived.headers["x-amz-storage-class"] = "GLACIER"
    looked = site.cli("verify", site.plan, "--again", "--level", "head", "--no-progress")
    assert looked.code == 4
    read = site.cli("verify", site.plan, "--again", "--no-progress")
    assert (read.code, "1 unread" in read.out) == (4, True)
    kept = execute(site, "--keep-going", "--json", expect=5).json
    assert kept["requested"] == {"deleted": 3, "target-unread": 1}
    assert names(site) == {"pmsi/b.csv"} | SCRATCH
    archived.headers["x-amz-restore"] = 'ongoing-request="false", expiry-date="Fri, 01 Jan 2100"'
    assert execute(site, "--json", expect=0).json["requested"] == {"deleted": 4}


def test_an_object_that_was_copied_onto_itself_without_its_metadata_keeps_the_source(
    site: Site,
) -> None:
    finalized(site)
    copied = next(one for one in versions(site) if one.key.endswith("b.csv.c4gh"))
    had = dict(copied.headers)
    for name in [name for name in had if name.startswith("x-amz-meta-")]:
        del copied.headers[name]  # the same bytes, and the same ETag
    kept = execute(site, "--keep-going", "--json", expect=5).json
    assert kept["requested"] == {"deleted": 3, "target-differs": 1}
    assert names(site) == {"pmsi/b.csv"} | SCRATCH
    copied.headers.update(had)
    assert execute(site, "--json", expect=0).json["requested"] == {"deleted": 4}


def attested(site: Site, port: int) -> Path:
    """Write a plan for the same bucket that is no rehearsal: its host has a name, and rules."""
    endpoint = f"https://{HOST}:{port}"
    claim = {"as_of": "2026-11-01", "source": "the host's own page", "confirmed": "yes"}
    rule = {
        "name": "no-lifecycle", "see": "lifecycle-rules", "wanted": False,
        "rule": "no rule of the bucket deletes or moves health data", "fix": "remove it", **claim,
    }  # fmt: skip
    (site.folder / "own.yaml").write_text(yaml.safe_dump({"health": [rule]}))
    period = {"reference": "a number", "valid_from": "2020-01-01", "valid_until": "2999-12-31"}
    plan: dict[str, Any] = yaml.safe_load((site.folder / "plan.yaml").read_text())
    plan["target"] |= {
        "endpoint": endpoint, "attestation": "attestation.yaml", "profile": "own.yaml",
        "tls": {"ca_bundle": "authority.pem"},
    }  # fmt: skip
    source = plan["source"]["account_url"]
    (site.folder / "attestation.yaml").write_text(
        yaml.safe_dump({
            "version": 1, "provider": plan["target"]["provider"], "service": "Object Storage",
            "endpoints": [endpoint], "regions": [plan["target"]["region"]],
            "secnumcloud": dict(period), "hds": dict(period), "contract": "a contract",
            "tunnels": [{"local": source, "leads_to": "https://hdh.blob.core.windows.net"}],
        })
    )  # fmt: skip
    path = site.folder / "off.yaml"
    path.write_text(yaml.safe_dump(plan))
    return path


def test_rules_for_health_data_are_asked_for_again_before_a_source_is_deleted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    finalized(site)
    behaving(site, checks_signature=False)  # it is asked under another name than its own
    bundle = site.folder / "bundle"
    with https(Authority(site.folder).issue(HOST), before=site.bucket.server.endpoint) as heard:
        path = attested(site, heard.port)
        network = Network(resolve=lambda _: ["127.0.0.1"], addresses=Addresses(loopback=True))

        def against() -> list[str]:
            desk = Desk.open(path, None, Notes(), threading.Event())
            told = forecast(replace(desk, network=network), "all", bundle, quick=True)
            return [line for line in told["blockers"] if "no-lifecycle" in line]

        assert against() == []
        with_rule(site, days=3650)
        (line,) = against()
        assert "seen 1 lifecycle rule, wanted none" in line


def test_a_dry_run_tells_of_the_first_object_that_the_target_will_delete(site: Site) -> None:
    finalized(site)
    with_rule(site, days=1, prefix="")
    told = dry_run(site, expect=3).json
    assert any("will delete objects" in line for line in told["blockers"])
    assert names(site) == OBJECTS | SCRATCH


def sidecars(site: Site) -> list[str]:
    client = s3_client(site.bucket.server)
    listed = client.list_objects_v2(Bucket=site.bucket.name, Prefix="in/.hdh-migrate-sidecar/")
    return [one["Key"] for one in listed.get("Contents", ())]


def test_what_the_source_said_of_objects_is_looked_at_again_before_it_is_deleted(
    site: Site,
) -> None:
    (emc2,) = site.section("datasets")
    site.change(datasets=[{**emc2, "fidelity": {"headers": "sidecar"}}])
    finalized(site)
    (key,) = sidecars(site)
    client, where = s3_client(site.bucket.server), {"Bucket": site.bucket.name, "Key": key}
    kept = client.get_object(**where)
    body, metadata = kept["Body"].read(), kept["Metadata"]
    client.delete_object(**where)
    assert any("sidecar" in line for line in dry_run(site, expect=3).json["blockers"])
    for more in ((), ("--keep-going",)):
        said = execute(site, *more, expect=5)
        assert "a file of the sidecar" in said.err
        assert names(site) == OBJECTS | SCRATCH
    client.put_object(**where, Body=body, Metadata=metadata)
    execute(site, expect=0)
    assert names(site) == SCRATCH
