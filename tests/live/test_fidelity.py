"""What a container holds beside plain blobs arrives, or a line says that it does not.

A container on Azurite with one of everything that it knows, and a strict S3 server.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContentSettings
from crypt4gh.keys import get_private_key
from crypt4gh.lib import decrypt

from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.openings import opening_facts
from tests.live.test_beside import from_blobs
from tests.support.agreed import agreed
from tests.support.errand import BUCKET, Errand, errand
from tests.support.fixtures import Container, s3_client
from tests.support.quiet import Notes
from tests.support.strict_s3 import Manner, StrictS3

pytestmark = [pytest.mark.live, pytest.mark.slow]

PAGE = 512
SPARSE = 64 * PAGE
LARGE = {f"part{n}": "v" * 700 for n in range(6)}
HEADERS = ContentSettings(
    content_type="text/csv", content_encoding="identity", content_language="fr",
    content_disposition='attachment; filename="a.csv"', cache_control="no-store",
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[StrictS3]:
    with StrictS3(Manner()) as server:
        client = s3_client(server)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield server


@pytest.fixture
def job(tmp_path: Path, container: Container, server: StrictS3) -> Errand:
    job = errand(
        tmp_path, endpoint=server.endpoint, access_key=server.access_key,
        secret_key=server.secret_key,
        fetch=lambda key: server.store.buckets[BUCKET].version(key, None).body,
    )  # fmt: skip
    job.corpus.clear()
    from_blobs(job, container, {})
    return job


def fill(container: Container) -> dict[str, bytes]:
    """Put one of everything there that Azurite knows; return the bytes of what is moved."""
    client = container.client
    client.upload_blob(
        "plain.csv", b"a;b\n", content_settings=HEADERS, metadata={"ward": "3"}, tags={"k": "v"}
    )
    client.upload_blob("empty", b"")
    client.upload_blob("large-metadata", b"x", metadata=LARGE)
    client.upload_blob("log", b"one\n", blob_type="AppendBlob")
    client.get_blob_client("log").append_block(b"two\n")
    disk = client.get_blob_client("disk.vhd")
    disk.create_page_blob(SPARSE)
    disk.upload_page(b"a" * PAGE, offset=0, length=PAGE)
    disk.upload_page(b"b" * 2 * PAGE, offset=8 * PAGE, length=2 * PAGE)
    client.get_blob_client("plain.csv").create_snapshot()
    client.get_blob_client("uncommitted").stage_block("MDAw", b"never committed")
    client.upload_blob("folder", b"", metadata={"hdi_isfolder": "true"})
    whole = bytearray(SPARSE)
    whole[:PAGE] = b"a" * PAGE
    whole[8 * PAGE : 10 * PAGE] = b"b" * 2 * PAGE
    return {
        "plain.csv": b"a;b\n", "empty": b"", "large-metadata": b"x", "log": b"one\ntwo\n",
        "disk.vhd": bytes(whole),
    }  # fmt: skip


def beside(server: StrictS3, key: str) -> dict[str, str]:
    """Return the metadata of a stored object, without the attempt's tag."""
    client = s3_client(server)
    found = client.head_object(Bucket=BUCKET, Key=f"in/{key}.c4gh")["Metadata"]
    client.close()
    return {name: value for name, value in found.items() if name != "hdh-attempt"}


def notes(job: Errand) -> dict[str, str]:
    """Return what the ledger's open findings say, by code."""
    ledger = Desk.open(job.plan, None, Notes(), threading.Event()).read_ledger()
    try:
        return {found["code"]: found["detail"] for found in ledger.findings()}
    finally:
        ledger.close()


def test_append_and_page_blobs_arrive_with_what_is_beside_them(
    job: Errand, container: Container, server: StrictS3
) -> None:
    job.corpus.update(fill(container))
    assert job.run_here() == (0, "")
    job.check_stored()
    found = beside(server, "plain.csv")
    assert found.pop("hdh-src-created") == found.pop("hdh-src-modified")
    assert found.pop("hdh-src-tier-changed")
    assert found == {
        "ward": "3",
        "hdh-src-content-type": "text/csv",
        "hdh-src-content-encoding": "identity",
        "hdh-src-content-language": "fr",
        "hdh-src-content-disposition": 'attachment; filename="a.csv"',
        "hdh-src-cache-control": "no-store",
        "hdh-src-tier": "Hot",
        "hdh-src-tier-inferred": "true",
    }
    assert beside(server, "log")["hdh-src-blob-type"] == "AppendBlob"
    assert beside(server, "disk.vhd")["hdh-src-blob-type"] == "PageBlob"
    assert notes(job)["history-left"] == "not moved: 1 snapshot (4 bytes), 1 uncommitted blob"


def lines(job: Errand, server: StrictS3) -> list[dict[str, Any]]:
    """Open the sidecar with the reference package; return its lines."""
    client = s3_client(server)
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix="in/.hdh-migrate-sidecar/all/")
    client.close()
    escrow = get_private_key(str(job.folder / "keys" / "escrow.sec"), lambda: "")
    found = list[dict[str, Any]]()
    for one in listed.get("Contents", []):
        out = io.BytesIO()
        stored = job.fetch(one["Key"])
        decrypt([(0, escrow, None)], io.BytesIO(stored), out)
        found += map(json.loads, out.getvalue().splitlines())
    return found


def test_what_no_object_holds_is_in_the_sidecar_and_all_of_it_comes_back(
    job: Errand, container: Container, server: StrictS3
) -> None:
    fill(container)
    assert job.run_here() == (0, "")
    head, *told = lines(job, server)
    assert head == {"dataset": "all", "format": "urn:hdh-migrate:sidecar:v1"}
    by_key = {one["key"]: one for one in told}
    assert by_key.keys() == {"disk.vhd", "folder", "large-metadata"}
    assert by_key["large-metadata"]["features"] == {"metadata": LARGE}
    assert by_key["disk.vhd"]["features"]["pages"] == {
        "page-ranges": "0-511,4096-5119", "page-count": "2", "page-bytes": "1536",
    }  # fmt: skip
    assert by_key["folder"]["directory"] is True
    assert by_key["folder"]["features"]["metadata"] == {"hdi_isfolder": "true"}

    out = job.folder / "view.jsonl"
    code, view = job.call("restore-view", "--out", str(out))
    assert (code, view["differences"]) == (0, 0), view
    assert all(one["differs"] == one["dropped"] == 0 for one in view["datasets"][0]["features"])
    desk = Desk.open(job.plan, None, Notes(), threading.Event())
    ledger = desk.read_ledger()
    assert list(opening_facts(ledger))  # told at once, and not by the next verb
    ledger.close()
    source = {blob.name: blob for blob in container.client.list_blobs(include=["metadata", "tags"])}
    rebuilt = {one["key"]: one for one in map(json.loads, out.read_text().splitlines())}
    assert rebuilt.keys() == source.keys()
    for name, blob in source.items():
        one, told_of = rebuilt[name], rebuilt[name]["Properties"]
        assert int(told_of["Content-Length"]) == blob.size, name
        assert told_of["BlobType"] == blob.blob_type, name
        assert told_of.get("Content-Type") == blob.content_settings.content_type, name
        assert told_of["Creation-Time"] == blob.creation_time.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert told_of["Last-Modified"] == blob.last_modified.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert one.get("Metadata", {}) == (blob.metadata or {}), name
        assert one.get("Tags", {}) == (blob.tags or {}), name

    bundle = job.folder / "bundle"
    code, verdict = job.call("report", "--out", str(bundle))
    assert code == 0, verdict
    agreed(bundle, job.folder / "keys" / "report.pub")
    assert job.run_here() == (0, "")  # and nothing is sent again


def test_a_damaged_sidecar_and_a_lost_tag_are_each_named(
    job: Errand, container: Container, server: StrictS3
) -> None:
    fill(container)
    assert job.run_here() == (0, "")
    client = s3_client(server)
    name = client.list_objects_v2(Bucket=BUCKET, Prefix="in/.hdh-migrate-sidecar/")["Contents"][0]
    body = bytearray(job.fetch(name["Key"]))
    body[-1] ^= 1
    client.put_object(Bucket=BUCKET, Key=name["Key"], Body=bytes(body))
    client.delete_object_tagging(Bucket=BUCKET, Key="in/plain.csv.c4gh")
    client.close()
    code, view = job.call("restore-view")
    assert code == 4
    told = view["datasets"][0]["shown"]
    assert "a file of the sidecar cannot be opened or read" in told
    assert any("index tags" in line for line in told)
    assert any("which pages" in line for line in told)
    assert any("neither the target nor the sidecar" in line for line in told)


def test_a_lease_without_end_is_refused_until_somebody_says_why(
    job: Errand, container: Container
) -> None:
    container.client.upload_blob("held", b"held")
    lease = container.client.get_blob_client("held").acquire_lease()
    job.corpus["held"] = b"held"
    code, told = job.run_here()
    assert code == 3
    assert "cannot be moved as planned" in told
    lease.break_lease(0)
    assert job.run_here() == (0, "")
    job.check_stored()
