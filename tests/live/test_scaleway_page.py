"""The first hour at the target, as its page says it, on a strict server in Scaleway's manner."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.targets import profiles
from tests.support.errand import BUCKET, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.strict_s3 import Manner, StrictS3, manner_of

pytestmark = pytest.mark.live

PAGE = Path(__file__).parents[2] / "docs" / "scaleway.md"
LISTED = frozenset(re.findall(
    r"\S+",
    "* AbortMultipartUpload DeleteBucketWebsite DeleteObject DeleteObjectTagging"
    " DeleteObjectVersion DeleteObjectVersionTagging GetBucketAcl GetBucketCORS GetBucketLocation"
    " GetBucketObjectLockConfiguration GetBucketTagging GetBucketVersioning GetBucketWebsite"
    " GetLifecycleConfiguration GetObject GetObjectAcl GetObjectLegalHold GetObjectRetention"
    " GetObjectTagging GetObjectVersion GetObjectVersionTagging ListBucket"
    " ListBucketMultipartUploads ListBucketVersions ListMultipartUploadParts PutBucketAcl"
    " PutBucketCORS PutBucketObjectLockConfiguration PutBucketTagging PutBucketVersioning"
    " PutBucketWebsite PutLifecycleConfiguration PutObject PutObjectAcl PutObjectLegalHold"
    " PutObjectRetention PutObjectTagging PutObjectVersionTagging RestoreObject",
))  # fmt: skip
"""What a policy may name, by the host's page of 2025-07-30."""

UNLISTED = ("GetBucketPolicy", "GetEncryptionConfiguration", "GetReplicationConfiguration")
OWNER, MOVER, READER = "user_id:OWNER", "application_id:MOVER", "application_id:READER"


def manner(**knobs: Any) -> Manner:
    return manner_of(
        profiles.load("scaleway"), no_rules_is_200=True, bare_etags=True, principal=OWNER, **knobs
    )


@pytest.fixture
def host() -> Iterator[StrictS3]:
    listed = LISTED | set(UNLISTED)
    project = "@50a526f2-c070-4dca-8f51-fe611a17abb2"
    with StrictS3(manner(policy_actions=listed), region="fr-par", project=project) as server:
        yield server


def journey(folder: Path, host: StrictS3) -> Errand:
    return errand(
        folder, endpoint=host.endpoint, access_key=host.access_key, secret_key=host.secret_key,
        provider="scaleway", region="fr-par",
        fetch=lambda key: host.store.buckets[BUCKET].version(key, None).body,
    )  # fmt: skip


def policy() -> dict[str, Any]:
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    told: dict[str, Any] = json.loads(found[1])
    return told


def asks(host: StrictS3, who: str) -> None:
    host.behave(replace(host.manner, principal=who))


@pytest.mark.parametrize("versioned", [False, True])
def test_the_pages_policy_is_enough_for_everything_and_gives_no_more(
    host: StrictS3, tmp_path: Path, versioned: bool
) -> None:
    job = journey(tmp_path, host)
    (tmp_path / "policy.json").write_text(json.dumps(policy()))
    code, told = job.call("provision", "--policy", str(tmp_path / "policy.json"), "--execute")
    assert code == 0, told
    bucket = host.store.buckets[BUCKET]
    assert {"policy", "encryption"} <= bucket.documents.keys()
    bucket.versioning = "Enabled" if versioned else ""

    asks(host, MOVER)
    code, told = job.call("preflight")
    assert code == 0, told
    assert "not shown" not in json.dumps(told)
    assert job.run_here() == (0, ""), job.findings()
    job.check_stored()

    client = s3_client(host)
    for refused in ("delete_object", "get_object_acl"):
        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            getattr(client, refused)(Bucket=BUCKET, Key=next(iter(bucket.objects)))
    client.close()

    asks(host, READER)
    code, told = job.call("verify", "--again", "--no-progress")
    assert code == 0, told
    code, _ = job.call("preflight")
    assert code == 9  # the reader may not write


def test_without_what_no_page_names_each_unseen_condition_is_told_with_its_right(
    host: StrictS3, tmp_path: Path
) -> None:
    host.behave(manner(policy_actions=LISTED))
    job = journey(tmp_path, host)
    told = policy()
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(told))
    code, said = job.call("provision", "--policy", str(path), "--execute")
    assert code == 4
    assert "MalformedPolicy" in json.dumps(said)
    assert "policy" not in host.store.buckets[BUCKET].documents

    told["Statement"] = [one for one in told["Statement"] if "GetBucketPolicy" not in str(one)]
    path.write_text(json.dumps(told))
    assert job.call("provision", "--policy", str(path), "--execute")[0] == 0
    asks(host, MOVER)
    code, said = job.call("preflight")
    text = json.dumps(said)
    assert code == 0, text  # a rehearsal: told, and no refusal
    for right in UNLISTED:
        assert f"s3:{right}" in text
    assert text.count("not shown to this credential") >= 4
