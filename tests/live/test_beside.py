"""What lies beside the bytes arrives with them, or is said to be missing: tags, metadata, locks.

Blobs on Azurite with metadata and tags, a strict server that keeps less than it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.model import Step
from tests.support.errand import BIG, BUCKET, ODD, Errand, errand
from tests.support.fixtures import Bucket, Container, s3_client
from tests.support.strict_s3 import Manner, StrictS3

pytestmark = [pytest.mark.live, pytest.mark.crash]

TAGS = {BIG: {"ward": "3", "etude/1": "a b+c=d"}, ODD: {"ward": "4"}}
METADATA = {BIG: {"scan_date": "2024-01-02", "plain": "x"}, ODD: {"scan_date": "2023-03-04"}}

Start = Callable[..., tuple[StrictS3, Errand]]


@pytest.fixture
def start(tmp_path: Path, container: Container) -> Iterator[Start]:
    """Start a server in a manner, and an errand to it from blobs that have tags and metadata."""
    with ExitStack() as stack:

        def make(
            manner: Manner,
            *,
            metadata: Mapping[str, Any] = METADATA,
            lock: bool = False,
            **more: Any,
        ) -> tuple[StrictS3, Errand]:
            server = stack.enter_context(StrictS3(manner))
            client = s3_client(server)
            client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=lock)
            client.close()
            job = errand(
                tmp_path, endpoint=server.endpoint, access_key=server.access_key,
                secret_key=server.secret_key,
                fetch=lambda key: server.store.buckets[BUCKET].version(key, None).body, **more,
            )  # fmt: skip
            from_blobs(job, container, metadata)
            return server, job

        yield make


def from_blobs(job: Errand, container: Container, metadata: Mapping[str, Any]) -> None:
    """Put the errand's objects into blobs, and have its plan take them from there."""
    for key, body in job.corpus.items():
        container.client.upload_blob(key, body, metadata=metadata.get(key), tags=TAGS.get(key))
    secret = job.folder / "source.sas"
    secret.touch(0o600)
    secret.write_text(container.server.sas())
    source = (
        f"source: {{kind: azure-blob, account_url: {container.server.url},"
        ' credential: {kind: sas, value: "file:source.sas"}}'
    )
    change(job, "source: {kind: folder}", source)
    change(job, "source: {path: data}", f"source: {{container: {container.name}}}")


def change(job: Errand, old: str, new: str) -> None:
    text = job.plan.read_text()
    assert old in text
    job.plan.write_text(text.replace(old, new))


def stored(server: StrictS3, key: str) -> Any:
    return server.store.buckets[BUCKET].version(f"in/{key}.c4gh", None)


def tags(server: StrictS3) -> dict[str, dict[str, str]]:
    return {key: stored(server, key).tags for key in TAGS}


# --- tags -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "manner",
    [
        Manner(),
        Manner(loses_upload_tags=True),
        Manner(loses_upload_tags=True, hides_tag_count=True),
    ],
    ids=["keeps", "loses", "loses and hides the count"],
)
def test_index_tags_of_multipart_objects_were_lost(start: Start, manner: Manner) -> None:
    server, job = start(manner)
    assert job.run_here() == (0, "")
    assert tags(server) == TAGS
    assert job.findings() == []
    job.check_stored()


def test_tags_and_metadata_arrive_on_another_server(
    tmp_path: Path, container: Container, bucket: Bucket
) -> None:
    server, client = bucket.server, bucket.client

    def fetch(key: str) -> bytes:
        return bytes(client.get_object(Bucket=bucket.name, Key=key)["Body"].read())

    job = errand(
        tmp_path, endpoint=server.endpoint, access_key=server.access_key,
        secret_key=server.secret_key, region=server.region, fetch=fetch,
    )  # fmt: skip
    change(job, f"bucket: {BUCKET}", f"bucket: {bucket.name}")
    from_blobs(job, container, METADATA)
    assert job.run_here() == (0, "")
    assert job.findings() == []
    for key, wanted in TAGS.items():
        where = {"Bucket": bucket.name, "Key": f"in/{key}.c4gh"}
        there = client.get_object_tagging(**where)["TagSet"]
        assert {tag["Key"]: tag["Value"] for tag in there} == wanted
        assert METADATA[key].items() <= client.head_object(**where)["Metadata"].items()


def test_an_object_without_tags_costs_no_request_for_them(start: Start) -> None:
    server, job = start(Manner())
    assert job.run_here() == (0, "")
    asked = {seen.key for seen in server.seen if seen.operation == "GetObjectTagging"}
    assert asked == {f"in/{key}.c4gh" for key in TAGS}
    assert server.count("PutObjectTagging") == 0  # the host keeps what came with the bytes


def test_a_run_killed_between_completion_and_tags_sets_them_when_it_goes_on(start: Start) -> None:
    busy = {"NotImplemented": (503, "SlowDown")}  # no finding comes before the kill
    server, job = start(Manner(loses_upload_tags=True, refuses_put_tagging=True, says=busy))
    job.kill_when("run", lambda: server.count("PutObjectTagging") >= 1)
    server.behave(Manner(loses_upload_tags=True))
    assert job.run_here() == (0, "")
    assert tags(server) == TAGS
    assert job.findings() == []


def test_other_tags_of_the_right_number_are_a_finding(start: Start) -> None:
    server, job = start(Manner(loses_upload_tags=True))
    assert job.run_here(Step.INVENTORY, Step.TRANSFER) == (0, "")
    stored(server, BIG).tags = {"ward": "3", "etude/1": "another"}
    assert job.run_here()[0] == 4
    assert job.findings() == [("tags-lost", BIG)]


def test_tags_that_a_host_adds_are_a_finding_too(start: Start) -> None:
    server, job = start(Manner())
    assert job.run_here(Step.INVENTORY, Step.TRANSFER) == (0, "")
    stored(server, ODD).tags["everybody"] = "yes"
    assert job.run_here()[0] == 4
    assert job.findings() == [("tags-lost", ODD)]


def test_tags_that_a_host_does_not_show_are_said_not_to_be_proven(start: Start) -> None:
    _, job = start(Manner(refuses_put_tagging=True))
    assert job.run_here()[0] == 4
    assert sorted(job.findings()) == [("tags-unshown", BIG), ("tags-unshown", ODD)]


def test_a_host_that_drops_tags_of_every_write_is_found_out_and_mended_by_a_probe(
    start: Start,
) -> None:
    server, job = start(Manner(loses_put_tags=True, loses_upload_tags=True))
    assert job.probe_here()[0] == 4
    assert job.run_here() == (0, "")
    assert tags(server) == TAGS
    assert server.count("PutObjectTagging") == 3  # two objects, and the probe's own
    assert not [s for s in server.seen if s.key.startswith("in/") and "x-amz-tagging" in s.headers]


# --- names of metadata ----------------------------------------------------------------------------


def test_names_of_metadata_that_a_host_changes_were_a_finding_for_each_object(start: Start) -> None:
    _, job = start(Manner(hyphenates_metadata=True))
    assert job.run_here()[0] == 4
    assert job.findings() == [("metadata-renamed", None)]
    assert job.run_here()[0] == 4  # and not a second time
    assert job.findings() == [("metadata-renamed", None)]


def test_the_plan_accepts_changed_names_once_and_a_note_says_so(start: Start) -> None:
    server, job = start(Manner(hyphenates_metadata=True))
    change(job, "  region: us-east-1", "  region: us-east-1\n  metadata_names: hyphens")
    assert job.run_here() == (0, "")
    assert job.findings() == [("metadata-hyphens", None)]
    assert stored(server, BIG).headers["x-amz-meta-scan-date"] == "2024-01-02"


def test_the_choice_of_names_does_not_lean_on_what_the_host_does(start: Start) -> None:
    server, job = start(Manner())
    change(job, "  region: us-east-1", "  region: us-east-1\n  metadata_names: hyphens")
    assert job.run_here() == (0, "")
    assert stored(server, ODD).headers["x-amz-meta-scan-date"] == "2023-03-04"


def test_a_value_that_is_lost_is_not_taken_for_a_changed_name(start: Start) -> None:
    server, job = start(Manner(hyphenates_metadata=True))
    assert job.run_here(Step.INVENTORY, Step.TRANSFER) == (0, "")
    del stored(server, BIG).headers["x-amz-meta-plain"]
    assert job.run_here()[0] == 4
    assert sorted(job.findings(), key=str) == [
        ("metadata-differs", BIG), ("metadata-renamed", None)
    ]  # fmt: skip


# --- locks ----------------------------------------------------------------------------------------


def test_retention_in_a_mode_that_the_host_does_not_know_is_refused_offline(start: Start) -> None:
    server, job = start(Manner(), target=", retention: {mode: governance, days: 30}")
    change(job, "provider: generic", "provider: outscale")
    change(job, "region: us-east-1", "region: eu-west-2")
    before = len(server.seen)
    code, told = job.call("validate")
    assert (code, len(server.seen)) == (3, before)
    (problem,) = told["problems"]
    assert "datasets[0].target.retention.mode: the host's object lock knows compliance" in problem
    assert "Object Lock Configuration Reference" in problem
    change(job, "mode: governance", "mode: compliance")
    assert job.call("validate")[0] == 0


def test_compliance_is_kept_where_the_host_knows_nothing_else(start: Start) -> None:
    server, job = start(
        Manner(lock_modes=frozenset(("COMPLIANCE",))), lock=True,
        target=", retention: {mode: compliance, days: 30}",
    )  # fmt: skip
    assert job.run_here() == (0, "")
    assert {stored(server, key).retention.mode for key in job.corpus} == {"COMPLIANCE"}
    assert tags(server) == TAGS
