"""What a stranger is told whose credential is wrong: what it is, and not what it looks like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.errand import BUCKET, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.strict_s3 import Manner, StrictS3

pytestmark = pytest.mark.live


@pytest.fixture
def server() -> Iterator[StrictS3]:
    with StrictS3(Manner()) as running:
        client = s3_client(running)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield running


def with_secret(folder: Path, server: StrictS3, secret: str, region: str = "") -> Errand:
    return errand(
        folder, endpoint=server.endpoint, access_key=server.access_key, secret_key=secret,
        region=region or server.region,
        fetch=lambda key: server.store.buckets[BUCKET].version(key, None).body,
    )  # fmt: skip


def test_a_wrong_secret_is_no_bucket_of_somebody_else(tmp_path: Path, server: StrictS3) -> None:
    """A reply to HEAD has no words, so a wrong secret looks like a missing right there."""
    job = with_secret(tmp_path, server, "another-secret")

    code, told = job.call("provision")

    assert (code, told["error"]["kind"]) == (9, "SignatureRefused")
    assert "renew the credential" in told["error"]["hint"]


def test_preflight_asks_for_no_right_where_the_credential_is_wrong(
    tmp_path: Path, server: StrictS3
) -> None:
    code, told = with_secret(tmp_path, server, "another-secret").call("preflight")

    assert code == 9
    (problem,) = next(one["problems"] for one in told["checks"] if one["check"] == "write right")
    assert "SignatureDoesNotMatch" in problem
    assert "s3:PutObject" not in problem


@pytest.mark.parametrize("spoilt", ["{} ", " {}", "{}\n{}", "{}\t"])
def test_a_secret_with_something_else_beside_it_is_told_before_anybody_is_asked(
    tmp_path: Path, server: StrictS3, spoilt: str
) -> None:
    secret = spoilt.format(server.secret_key, server.secret_key)
    job = with_secret(tmp_path, server, secret)

    code, told = job.call("run")

    assert code == 3
    assert "a space or a line end beside it" in told["error"]["message"]
    assert server.secret_key not in str(told)
    assert not [seen for seen in server.seen if seen.status >= 400]


@pytest.mark.parametrize("verb", ["run", "preflight", "provision"])
def test_another_region_is_no_matter_of_the_credential(
    tmp_path: Path, server: StrictS3, verb: str
) -> None:
    job = with_secret(tmp_path, server, server.secret_key, region="elsewhere-1")

    code, told = job.call(verb)

    assert code == 3
    assert "the target is in another region" in str(told)
    assert "check target.region" in str(told)
    assert "renew the credential" not in str(told)


def test_a_look_at_the_fence_says_that_the_key_was_exchanged_and_asks_for_no_right(
    tmp_path: Path, server: StrictS3
) -> None:
    """A refused HEAD gives no reason, so whoever had renewed the key was told to grant a right."""
    job = with_secret(tmp_path, server, server.secret_key)
    assert job.call("run")[0] == 0
    job.environ = {**job.environ, "T_SECRET": "another-secret"}

    code, told = job.call("fence")

    assert (code, told["error"]["kind"]) == (9, "SignatureRefused")
    assert "s3:GetObject" not in str(told)


def let(server: StrictS3, effect: str, action: str) -> None:
    places = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    said = {"Effect": effect, "Principal": "*", "Action": action, "Resource": places}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [said]})
    server.store.buckets[BUCKET].documents["policy"] = policy.encode()


@pytest.mark.parametrize(
    "action",
    [
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:ListBucketMultipartUploads",
        "s3:ListMultipartUploadParts",
    ],
)
def test_preflight_misses_a_right_that_a_run_needs_to_write(
    tmp_path: Path, server: StrictS3, action: str
) -> None:
    job = with_secret(tmp_path, server, server.secret_key)
    assert job.call("preflight")[0] == 0
    let(server, "Deny", action)

    code, told = job.call("preflight")

    assert code == 9
    assert action in str(told)
    bucket = server.store.buckets[BUCKET]
    assert not bucket.objects
    assert not bucket.uploads


@pytest.mark.parametrize(("days", "said"), [("30", "30 days"), ("1", "1 day")])
def test_a_bucket_that_keeps_everything_is_told_before_anything_is_sent(
    tmp_path: Path, server: StrictS3, days: str, said: str
) -> None:
    """Each object was sent and refused, in words that say nothing of it."""
    bucket = server.store.buckets[BUCKET]
    bucket.versioning, bucket.lock = "Enabled", True
    bucket.default_retention = {"Mode": "COMPLIANCE", "Days": days}
    job = with_secret(tmp_path, server, server.secret_key)
    for verb in ("preflight", "run"):
        code, told = job.call(verb)
        assert code == 3
        assert f"default retention keeps whatever is written for {said} (compliance)" in str(told)
    assert not bucket.objects

    text = job.plan.read_text()
    said = f"bucket: {BUCKET}, retention: {{mode: compliance, days: 30}}"
    job.plan.write_text(text.replace(f"bucket: {BUCKET}", said))
    code, told = job.call("run")
    assert code == 0, told


def test_who_turned_a_default_retention_on_later_may_still_look(
    tmp_path: Path, server: StrictS3
) -> None:
    """Looking again was refused, and so was what the refusal said to do: the batch binds it."""
    job = with_secret(tmp_path, server, server.secret_key)
    assert job.call("run")[0] == 0
    bucket = server.store.buckets[BUCKET]
    bucket.versioning, bucket.lock = "Enabled", True
    bucket.default_retention = {"Mode": "GOVERNANCE", "Days": "30"}

    code, told = job.call("verify", "--again")

    assert code == 0, told
    code, told = job.call("run")
    assert code == 3
    assert "take the bucket's default retention away" in str(told)
    bucket.default_retention = None
    code, told = job.call("run")
    assert code == 0, told


def test_preflight_calls_nothing_good_of_a_target_that_does_not_answer(tmp_path: Path) -> None:
    """Who may write, and which ledger does, was "ok" though nobody had been asked."""
    with StrictS3(Manner()) as running:
        job = with_secret(tmp_path, running, running.secret_key)

    code, told = job.call("preflight")

    assert code == 3
    checks = {one["check"]: one for one in told["checks"]}
    assert not checks["rights and places"]["ok"]
    assert all("not known: " in note for note in checks["write right"]["notes"])
    assert not checks["one writer"]["ok"]
    assert all("not known: " in problem for problem in checks["one writer"]["problems"])
