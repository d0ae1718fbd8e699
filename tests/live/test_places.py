"""Buckets are made as the rules want them, once; of stale uploads only ours are aborted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.targets import profiles
from tests.support.errand import BUCKET, MIB, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.strict_s3 import Manner, StrictS3, manner_of

pytestmark = pytest.mark.live

KEPT = ", retention: {mode: governance, days: 30}"
RULED = "scaleway"


@pytest.fixture
def server() -> Iterator[StrictS3]:
    """A host in the manner of a provider that has rules for health data."""
    with StrictS3(manner_of(profiles.load(RULED)), region="fr-par") as server:
        yield server


def an_errand(folder: Path, server: StrictS3, **more: Any) -> Errand:
    return errand(
        folder, endpoint=server.endpoint, access_key=server.access_key,
        secret_key=server.secret_key, region=server.region,
        fetch=lambda key: server.store.buckets[BUCKET].version(key, None).body, **more,
    )  # fmt: skip


def policy(folder: Path) -> str:
    path = folder / "policy.json"
    statement = {
        "Effect": "Allow", "Principal": {"SCW": "application_id:x"}, "Action": "s3:*",
        "Resource": ["{bucket}", "{bucket}/*"],
    }  # fmt: skip
    path.write_text(json.dumps({"Version": "2023-04-17", "Statement": [statement]}))
    return str(path)


def test_provisioning_makes_the_bucket_that_a_run_accepts_and_then_has_nothing_to_do(
    tmp_path: Path, server: StrictS3
) -> None:
    job = an_errand(tmp_path, server, provider=RULED, target=KEPT)
    code, told = job.call("provision")
    assert (code, told["dry_run"]) == (0, True)
    assert {step["done"] for step in told["steps"]} >= {"would be done"}
    assert BUCKET not in server.store.buckets

    code, told = job.call("provision", "--execute", "--policy", policy(tmp_path))
    assert code == 0, told
    bucket = server.store.buckets[BUCKET]
    assert (bucket.lock, bucket.versioning) == (True, "Enabled")
    assert {"policy", "encryption"} <= bucket.documents.keys()
    assert BUCKET in bucket.documents["policy"].decode()

    changes = [seen.operation for seen in server.seen if not seen.operation.startswith("Get")]
    code, told = job.call("provision", "--execute", "--policy", policy(tmp_path))
    assert code == 0
    assert {step["done"] for step in told["steps"]} == {"nothing to do"}
    again = [seen.operation for seen in server.seen if not seen.operation.startswith("Get")]
    assert [name for name in again[len(changes) :] if name.startswith(("Put", "Create"))] == []
    assert job.run_here() == (0, "")


def test_rules_of_somebody_that_are_removed_are_kept(tmp_path: Path, server: StrictS3) -> None:
    job = an_errand(tmp_path, server, provider=RULED)
    s3_client(server).create_bucket(Bucket=BUCKET)
    documents = server.store.buckets[BUCKET].documents
    documents["lifecycle"] = (
        b"<LifecycleConfiguration><Rule><ID>theirs</ID><Status>Enabled</Status>"
        b"<Filter><Prefix>old/</Prefix></Filter><Expiration><Days>30</Days></Expiration>"
        b"</Rule></LifecycleConfiguration>"
    )
    job.call("provision")
    assert "lifecycle" in documents
    told = job.call("provision", "--execute", "--policy", policy(tmp_path))[1]
    (step,) = (one for one in told["steps"] if one["step"] == "no-lifecycle")
    assert "lifecycle" not in documents
    where = Path(step["done"].rpartition("kept in ")[2])
    assert where.parent.parent == tmp_path / ".hdh-migrate" / "errand"
    rule = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "old/"}}
    assert json.loads(where.read_text()) == {"Rules": [{**rule, "Expiration": {"Days": 30}}]}


def test_a_bucket_without_the_lock_that_is_wanted_cannot_be_mended(
    tmp_path: Path, server: StrictS3
) -> None:
    client = s3_client(server)
    client.create_bucket(Bucket=BUCKET)
    client.close()
    server.behave(replace(server.manner, lock_later=False))
    job = an_errand(tmp_path, server, provider=RULED, target=KEPT)
    code, told = job.call("provision", "--execute", "--policy", policy(tmp_path))
    assert code == 4
    steps = {step["step"]: step["done"] for step in told["steps"]}
    assert "cannot be mended: name another bucket" in steps["object-lock"]


def test_object_lock_is_tried_on_a_bucket_that_is_there_where_sources_say_it_may_work(
    tmp_path: Path, server: StrictS3
) -> None:
    client = s3_client(server)
    client.create_bucket(Bucket=BUCKET)
    client.close()
    server.behave(replace(server.manner, lock_later=True))
    job = an_errand(tmp_path, server, provider=RULED, target=KEPT)
    code, told = job.call("provision")
    steps = {step["step"]: step["done"] for step in told["steps"]}
    assert "if the host lets it be done later" in steps["object-lock"]
    assert not server.store.buckets[BUCKET].lock
    code, told = job.call("provision", "--execute", "--policy", policy(tmp_path))
    assert code == 0, told
    assert server.store.buckets[BUCKET].lock
    assert job.run_here() == (0, "")


def test_where_the_profile_says_new_buckets_only_nothing_is_tried(
    tmp_path: Path, server: StrictS3
) -> None:
    client = s3_client(server)
    client.create_bucket(Bucket=BUCKET)
    client.close()
    job = an_errand(tmp_path, server, target=KEPT)
    code, told = job.call("provision", "--execute")
    assert code == 4
    steps = {step["step"]: step["done"] for step in told["steps"]}
    assert steps["object-lock"] == "cannot be mended: name another bucket"
    assert server.count("PutObjectLockConfiguration") == 0


def test_without_a_policy_file_the_step_says_how(tmp_path: Path, server: StrictS3) -> None:
    job = an_errand(tmp_path, server, provider=RULED)
    code, told = job.call("provision", "--execute")
    assert code == 4
    left = [step for step in told["steps"] if not step["ok"]]
    assert [step["step"] for step in left] == ["restricting-policy"]
    assert "--policy FILE" in left[0]["done"]


def test_a_policy_that_is_none_is_refused_before_anybody_is_asked(
    tmp_path: Path, server: StrictS3
) -> None:
    job = an_errand(tmp_path, server, provider=RULED)
    (tmp_path / "policy.json").write_text("[]")
    code, told = job.call("provision", "--execute", "--policy", str(tmp_path / "policy.json"))
    assert (code, server.seen) == (2, [])
    assert "not a bucket policy" in told["error"]["message"]


# --- cleanup -----------------------------------------------------------------------------------


@pytest.fixture
def left_behind(tmp_path: Path, server: StrictS3) -> Errand:
    """A run that was killed in its large object, with somebody else's uploads around it."""
    client = s3_client(server)
    client.create_bucket(Bucket=BUCKET)
    client.create_multipart_upload(Bucket=BUCKET, Key="in/before-us")
    client.create_multipart_upload(Bucket=BUCKET, Key="elsewhere")
    job = an_errand(tmp_path, server, big=17 * MIB)
    job.kill_when("run", lambda: server.count("UploadPart") >= 1)
    client.create_multipart_upload(Bucket=BUCKET, Key="in/a key of somebody's.c4gh")
    client.close()
    return job


def age(server: StrictS3, hours: int) -> None:
    for upload in server.store.buckets[BUCKET].uploads.values():
        upload.template = replace(upload.template, at=upload.template.at - timedelta(hours=hours))


def keys(server: StrictS3) -> list[str]:
    return sorted(u.template.key for u in server.store.buckets[BUCKET].uploads.values())


THEIRS = ["elsewhere", "in/a key of somebody's.c4gh", "in/before-us"]


def test_only_old_uploads_of_ours_are_aborted_and_only_when_told(
    left_behind: Errand, server: StrictS3
) -> None:
    ours = [key for key in keys(server) if key not in THEIRS]
    assert len(ours) == 1
    assert left_behind.call("cleanup", "--execute")[1]["datasets"][0]["aborted"] == 0  # too young

    age(server, hours=30)
    code, told = left_behind.call("cleanup")
    assert (code, told["datasets"][0]["stale"], told["datasets"][0]["aborted"]) == (0, 1, 0)
    assert keys(server) == sorted(THEIRS + ours)

    code, told = left_behind.call("cleanup", "--execute")
    assert (code, told["datasets"][0]["aborted"]) == (0, 1)
    assert keys(server) == THEIRS
    assert left_behind.run_here() == (0, "")  # the object is begun anew
    left_behind.check_stored()
    assert keys(server) == THEIRS


def test_uploads_of_others_are_told_and_ended_when_somebody_says_so(
    left_behind: Errand, server: StrictS3
) -> None:
    """After a ledger was put back, its own were taken for somebody else's, and no word said so."""
    others = ("--others", "all", "--execute")
    assert left_behind.run_here() == (0, "")
    noted = [one["code"] for one in left_behind.call("status")[1]["findings"]]
    assert "uploads-of-others" in noted
    (row,) = left_behind.call("cleanup")[1]["datasets"]
    assert (row["others"], "others_stale" in row) == (2, False)
    client = s3_client(server)
    (begun,) = client.list_multipart_uploads(Bucket=BUCKET, Prefix="in/b")["Uploads"]
    client.upload_part(
        Bucket=BUCKET, Key="in/before-us", UploadId=begun["UploadId"], PartNumber=1, Body=b"12345"
    )
    client.close()

    (row,) = left_behind.call("cleanup", "--others", "all", "--older-than", "0s")[1]["datasets"]
    assert (row["others_stale"], row["others_parts"], row["others_bytes"]) == (2, 1, 5)
    for more in (
        ("--others", "elsewhere"), (*others, "--confirm", "all"), ("--reason", "ours"),
        (*others, "--confirm", "other", "--reason", "ours"),
    ):  # fmt: skip
        assert left_behind.call("cleanup", *more)[0] == 2, more
    ended = ("cleanup", *others, "--confirm", "all", "--reason", "ours, from before")
    assert left_behind.call(*ended)[1]["datasets"][0]["others_aborted"] == 0  # too young
    assert keys(server) == THEIRS

    age(server, hours=30)
    (row,) = left_behind.call(*ended)[1]["datasets"]
    assert (row["others_aborted"], row["others"]) == (2, 0)
    assert keys(server) == ["elsewhere"]
    assert "uploads-of-others" not in str(left_behind.call("status")[1]["findings"])


def test_without_a_ledger_nothing_is_known_to_be_ours(tmp_path: Path, server: StrictS3) -> None:
    code, told = an_errand(tmp_path, server).call("cleanup", "--execute")
    assert code == 2
    assert "no run of this plan has begun" in told["error"]["message"]
    assert server.seen == []


def test_an_age_that_is_none_is_a_usage_error(tmp_path: Path, server: StrictS3) -> None:
    code, told = an_errand(tmp_path, server).call("cleanup", "--older-than", "yesterday")
    assert (code, "such as 90m" in told["error"]["message"]) == (2, True)


def test_a_host_that_lists_no_uploads_is_said_so(left_behind: Errand, server: StrictS3) -> None:
    server.behave(Manner(list_uploads=False))
    code, told = left_behind.call("cleanup", "--execute", "--older-than", "0s")
    assert (code, told["datasets"][0]["skipped"]) == (0, "the target cannot list open uploads")
