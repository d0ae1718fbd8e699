"""Versions, soft delete, directories, holds, scopes and keys: a strict Blob server of our own."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.test_beside import change
from tests.live.test_fidelity import lines, notes
from tests.support.agreed import agreed
from tests.support.errand import BUCKET, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.inside import inside as started
from tests.support.strict_blob import CONTAINER, SAS, StrictBlob
from tests.support.strict_s3 import Manner, StrictS3

pytestmark = [pytest.mark.live]

OWNED = {
    "Owner": "1f2e3d4c-0000-4000-8000-000000000001", "Group": "$superuser",
    "Permissions": "rwxr-x---", "Acl": "user::rwx,group::r-x,other::---,default:user::rwx",
}  # fmt: skip
HELD = {
    "ImmutabilityPolicyUntilDate": "Wed, 01 Jan 2031 00:00:00 GMT",
    "ImmutabilityPolicyMode": "unlocked", "LegalHold": "true",
}  # fmt: skip


@pytest.fixture
def target() -> Iterator[StrictS3]:
    with StrictS3(Manner()) as server:
        client = s3_client(server)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield server


def job_of(folder: Path, source: StrictBlob, target: StrictS3) -> Errand:
    job = errand(
        folder, endpoint=target.endpoint, access_key=target.access_key,
        secret_key=target.secret_key,
        fetch=lambda key: target.store.buckets[BUCKET].version(key, None).body,
    )  # fmt: skip
    job.corpus.clear()
    secret = folder / "source.sas"
    secret.touch(0o600)
    secret.write_text(SAS)
    credential = 'credential: {kind: sas, value: "file:source.sas"}'
    change(
        job, "source: {kind: folder}",
        f"source: {{kind: azure-blob, account_url: {source.url}, {credential}}}",
    )  # fmt: skip
    change(job, "source: {path: data}", f"source: {{container: {CONTAINER}}}")
    return job


def test_owners_and_directories_of_a_hierarchical_namespace_come_back(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob(hierarchical=True) as source:
        source.put("ward", properties={**OWNED, "ResourceType": "directory"})
        source.put("ward/a.csv", b"a;b\n", properties={**OWNED, "Permissions": "rw-r-----"})
        source.put("ward/empty", properties=OWNED)
        job = job_of(tmp_path, source, target)
        assert job.run_here() == (0, "")
        told = {one["key"]: one for one in lines(job, target)[1:]}
        assert told["ward"]["directory"] is True
        assert told["ward/a.csv"]["features"]["owner"]["permissions"] == "rw-r-----"
        assert "tags-unsupported" in notes(job)
        out = tmp_path / "view.jsonl"
        code, view = job.call("restore-view", "--out", str(out))
        assert (code, view["differences"]) == (0, 0), view
        rebuilt = {one["key"]: one for one in map(json.loads, out.read_text().splitlines())}
        for blob in source.blobs:
            found = rebuilt[blob.name]["Properties"]
            for name in (*OWNED, "ResourceType", "Content-Length", "Content-Type", "AccessTier"):
                assert found.get(name) == blob.told.get(name), (blob.name, name)


def test_what_is_not_moved_is_counted_and_what_holds_is_kept(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob() as source:
        source.put("a", b"one", "versions")
        source.put("a", b"two", "snapshots")
        source.put("a", b"three", properties={**HELD, "EncryptionScope": "research"})
        source.put("gone", b"four", "deleted")
        source.put("half", b"", "uncommittedblobs")
        source.put("log", b"five", properties={"BlobType": "AppendBlob", "Sealed": "true"})
        source.put("cold", b"six", properties={"AccessTier": "Archive"})
        source.put("locked", b"seven", properties={"CustomerProvidedKeySha256": "a2V5"})
        job = job_of(tmp_path, source, target)
        assert job.run_here() == (4, "")
        found = notes(job)
        assert found["history-left"] == (
            "not moved: 1 earlier version (3 bytes), 1 snapshot (3 bytes),"
            " 1 soft-deleted blob (4 bytes), 1 uncommitted blob"
        )
        assert {"kind-archived", "kind-customer-key"} <= found.keys()
        told = {one["key"]: one["features"] for one in lines(job, target)[1:]}
        assert told == {
            "a": {
                "encryption": {"encryption-scope": "research"},
                "immutability": {
                    "immutable-until": "2031-01-01T00:00:00Z", "immutable-mode": "unlocked",
                    "legal-hold": "true",
                },
            }
        }  # fmt: skip
        code, view = job.call("restore-view")
        assert (code, view["differences"]) == (0, 0), view
        code, verdict = job.call("report", "--out", str(tmp_path / "bundle"))
        assert code in {0, 4}, verdict
        agreed(tmp_path / "bundle", tmp_path / "keys" / "report.pub")


def test_what_the_credential_may_not_see_is_a_finding(tmp_path: Path, target: StrictS3) -> None:
    with StrictBlob(refused=frozenset({"legalhold", "versions"})) as source:
        source.put("a", b"one", properties=HELD)
        job = job_of(tmp_path, source, target)
        assert job.run_here() == (4, "")
        assert notes(job)["features-unread"] == (
            "the source does not let read: earlier versions, legal holds"
        )


def test_an_access_list_that_may_not_be_read_is_a_finding_and_the_bytes_are_moved(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob(hierarchical=True, refused=frozenset({"permissions"})) as source:
        source.put("ward/a.csv", b"a;b\n", properties=OWNED)
        job = job_of(tmp_path, source, target)
        code, told = job.call("run")
        assert code == 4, told
        assert notes(job)["features-unread"] == (
            "the source does not let read: owners, permissions and access control lists"
        )
        job.corpus["ward/a.csv"] = b"a;b\n"
        job.check_stored()


@pytest.mark.parametrize("said", ["all", "{as_of: 2024-02-01T12:00:00Z}"])
def test_versions_of_an_account_that_keeps_none_are_refused_in_one_line(
    tmp_path: Path, target: StrictS3, said: str
) -> None:
    with StrictBlob(hierarchical=True, unknown=frozenset({"snapshots"})) as source:
        source.put("ward/a.csv", b"a;b\n", properties=OWNED)
        job = job_of(tmp_path, source, target)
        there = f"source: {{container: {CONTAINER}"
        change(job, there, f"{there}, versions: {said}")
        client = s3_client(target)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        client.close()
        done = started("run", str(job.plan), env=job.environ)
        assert done.returncode == 3, done.stdout + done.stderr
        said_of_it = [line for line in done.stderr.splitlines() if "keeps no versions" in line]
        assert len(said_of_it) == 1, done.stderr
        assert "nothing was listed; leave" in done.stderr
        assert "Traceback" not in done.stderr
        assert not [key for key in target.store.buckets[BUCKET].in_order() if "c4gh" in key]


@pytest.mark.slow
def test_a_lease_without_end_is_allowed_by_an_amendment_with_a_reason(
    tmp_path: Path, target: StrictS3
) -> None:
    lease = {"LeaseState": "leased", "LeaseStatus": "locked", "LeaseDuration": "infinite"}
    with StrictBlob() as source:
        source.put("free", b"one")
        source.put("held", b"two", properties=lease)
        job = job_of(tmp_path, source, target)
        code, words = job.run_here()
        assert code == 3
        assert "1 object cannot be moved as planned" in words
        assert "leased-for-ever" in notes(job)
        assert not any("c4gh" in key for key in target.store.buckets[BUCKET].in_order())
        change(job, "  - name: all", "  - name: all\n    allow_leased: the backup agent holds it")
        code, words = job.run_here()
        assert code == 3
        assert "hdh-migrate amend PLAN --batch" in words
        amend = ("--batch", "all", "--reason", "the backup agent only reads")
        code, told = job.call("amend", *amend)
        assert (code, told["executed"]) == (0, False), told
        code, told = job.call("amend", *amend, "--execute")
        assert (code, told["revision"]) == (0, 2), told
        assert job.run_here() == (0, "")
        job.corpus.update({"free": b"one", "held": b"two"})
        job.check_stored()
        assert "leased-for-ever" not in notes(job)
        assert notes(job)["leased"].startswith("1 more object has a lease")
        code, told = job.call("report", "--out", str(tmp_path / "bundle"))
        assert code == 0, told
        agreed(tmp_path / "bundle", tmp_path / "keys" / "report.pub")
        envelope = json.loads((tmp_path / "bundle" / "statement.json").read_text())
        losses = json.loads(base64.b64decode(envelope["payload"]))["predicate"]["losses"]
        assert {"dataset": "all", "what": "lease", "objects": 1, "kept": "ledger"} in losses


def test_a_sidecar_stands_in_evidence_whatever_the_rules_take(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob() as source:
        source.put("keep/a", b"one", properties={"EncryptionScope": "research"})
        source.put("leave", b"two", properties={"EncryptionScope": "research"})
        job = job_of(tmp_path, source, target)
        change(job, "  - name: all", "  - name: all\n    include: ['keep/**']")
        assert job.run_here() == (0, "")
        assert [one["key"] for one in lines(job, target)[1:]] == ["keep/a"]
        code, told = job.call("report", "--out", str(tmp_path / "bundle"))
        assert code == 0, told
        done = started(
            "audit", "verify", str(tmp_path / "bundle"), "--trust",
            str(tmp_path / "keys" / "report.pub"), "--json", env=job.environ,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        agreed(tmp_path / "bundle", tmp_path / "keys" / "report.pub")
        statement = json.loads((tmp_path / "bundle" / "summary.json").read_text())
        assert statement["outcome"]["states"]["verified"]["objects"] == 2
        page = (tmp_path / "bundle" / "report.fr.html").read_text()
        assert "étendue de chiffrement" in page
        assert "fichier chiffré à côté des données" in page
        keyed = tmp_path / "keyed"
        code, told = job.call("report", "--out", str(keyed), "--names", "keyed")
        assert code == 0, told
        agreed(keyed, tmp_path / "keys" / "report.pub")
        plain = (tmp_path / "bundle" / "manifest.jsonl").read_text()
        (known,) = re.findall('"sidecar:([0-9a-f]{64})"', plain)
        for file in keyed.iterdir():
            assert known not in file.read_text(), file.name
        assert '"sidecar:k:' in (keyed / "manifest.jsonl").read_text()


@pytest.mark.slow
def test_a_run_that_is_killed_while_it_sends_is_gone_on_with(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob() as source:
        for number in range(40):
            source.put(f"o{number:02}", b"x" * 3000, properties={"EncryptionScope": "research"})
        job = job_of(tmp_path, source, target)
        held = target.store.buckets[BUCKET]
        job.kill_when("run", lambda: len(held.in_order()) > 5)
        code, told = job.call("run")
        assert code == 0, told
        assert len(lines(job, target)) == 41
        code, view = job.call("restore-view")
        assert (code, view["differences"]) == (0, 0), view


def test_a_dry_run_and_validate_say_what_becomes_of_it(tmp_path: Path, target: StrictS3) -> None:
    with StrictBlob() as source:
        source.put("a", b"three", properties={"EncryptionScope": "research"})
        job = job_of(tmp_path, source, target)
        code, told = job.call("validate")
        assert code == 0
        assert told["fidelity"][0]["ways"]["encryption"] == "sidecar"
        code, told = job.call("run", "--dry-run")
        assert code == 0
        said: list[Any] = told["batches"][0]["notes"]
        assert "dataset all: in the sidecar: encryption of 1 objects" in said
        change(job, "  - name: all", "  - name: all\n    fidelity: {encryption: dropped}")
        code, told = job.call("run", "--dry-run")
        assert "dataset all: dropped: encryption of 1 objects" in told["batches"][0]["notes"]
        change(job, "encryption: dropped", "encryption: thrown")
        code, told = job.call("validate")
        assert code == 3
        assert "encryption" in str(told)
