"""A container with one of everything: it arrives, or a line says of what does not.

The judge is the source's own REST: each element of a listing and each header of a HEAD is looked
for at the target, in the sidecar, in the manifest, among losses and findings, and last in the table
of docs/fidelity.md that says which elements are no features, and why.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.live import test_fidelity
from tests.live.test_all_versions import bucket
from tests.live.test_beside import change, from_blobs
from tests.live.test_fidelity_strict import HELD, OWNED, job_of
from tests.support.agreed import agreed
from tests.support.asking import BlobRest, Told
from tests.support.errand import Errand, errand
from tests.support.fixtures import Container
from tests.support.given_back import Back, given_back
from tests.support.strict_blob import CONTAINER, SAS, StrictBlob
from tests.support.strict_s3 import Manner, StrictS3

pytestmark = [pytest.mark.live]

FIELDS = {
    "headers": {
        "Content-Type": "content-type", "Content-Encoding": "content-encoding",
        "Content-Language": "content-language", "Content-Disposition": "content-disposition",
        "Cache-Control": "cache-control",
    },
    "dates": {
        "Creation-Time": "created", "Last-Modified": "modified", "Expiry-Time": "expires",
        "LastAccessTime": "accessed",
    },
    "tier": {
        "AccessTier": "tier", "AccessTierInferred": "tier-inferred",
        "AccessTierChangeTime": "tier-changed",
    },
    "type": {"Sealed": "sealed", "x-ms-blob-sequence-number": "sequence"},
    "owner": {"Owner": "owner", "Group": "group", "Permissions": "permissions", "Acl": "acl"},
    "encryption": {"EncryptionScope": "encryption-scope"},
    "immutability": {
        "ImmutabilityPolicyUntilDate": "immutable-until", "LegalHold": "legal-hold",
        "ImmutabilityPolicyMode": "immutable-mode",
    },
}  # fmt: skip
"""Where docs/fidelity.md says that an element is to be found, by feature."""

FEATURE_OF = {element: name for name, fields in FIELDS.items() for element in fields}

HEADERS = {
    "etag": "Etag", "content-length": "Content-Length", "content-md5": "Content-MD5",
    "last-modified": "Last-Modified", "content-type": "Content-Type",
    "content-encoding": "Content-Encoding", "content-language": "Content-Language",
    "content-disposition": "Content-Disposition", "cache-control": "Cache-Control",
    "x-ms-creation-time": "Creation-Time", "x-ms-blob-type": "BlobType",
    "x-ms-access-tier": "AccessTier", "x-ms-access-tier-inferred": "AccessTierInferred",
    "x-ms-access-tier-change-time": "AccessTierChangeTime", "x-ms-tag-count": "TagCount",
    "x-ms-lease-status": "LeaseStatus", "x-ms-lease-state": "LeaseState",
    "x-ms-lease-duration": "LeaseDuration", "x-ms-copy-id": "CopyId",
    "x-ms-copy-source": "CopySource", "x-ms-copy-status": "CopyStatus",
    "x-ms-copy-progress": "CopyProgress", "x-ms-copy-completion-time": "CopyCompletionTime",
    "x-ms-incremental-copy": "IncrementalCopy", "x-ms-server-encrypted": "ServerEncrypted",
    "x-ms-encryption-scope": "EncryptionScope", "x-ms-encryption-context": "EncryptionContext",
    "x-ms-expiry-time": "Expiry-Time", "x-ms-last-access-time": "LastAccessTime",
    "x-ms-blob-sealed": "Sealed", "x-ms-legal-hold": "LegalHold",
    "x-ms-immutability-policy-until-date": "ImmutabilityPolicyUntilDate",
    "x-ms-immutability-policy-mode": "ImmutabilityPolicyMode",
    "x-ms-resource-type": "ResourceType", "x-ms-owner": "Owner", "x-ms-group": "Group",
    "x-ms-permissions": "Permissions", "x-ms-acl": "Acl",
    "x-ms-blob-sequence-number": "x-ms-blob-sequence-number",
}  # fmt: skip
"""What a HEAD calls what a listing calls otherwise."""

OF_THE_REPLY = frozenset((
    "date", "server", "connection", "keep-alive", "vary", "accept-ranges", "x-ms-request-id",
    "x-ms-version", "x-ms-client-request-id",
))  # fmt: skip
"""Headers that say nothing of the blob."""

OF_CONTAINER = {
    "x-ms-blob-public-access": "public access", "x-ms-has-legal-hold": "legal holds",
    "x-ms-has-immutability-policy": "immutability policies",
    "x-ms-immutable-storage-with-versioning-enabled": "immutability of versions",
    "x-ms-default-encryption-scope": "a default encryption scope",
    "x-ms-deny-encryption-scope-override": "a fixed encryption scope",
}  # fmt: skip
"""What a container itself may have, and what the note about it calls that."""

COUNTED = {
    "snapshot": "snapshot", "version": "earlier version", "deleted": "soft-deleted blob",
    "uncommitted": "uncommitted blob",
}  # fmt: skip


def no_features() -> frozenset[str]:
    """Return the elements of which docs/fidelity.md says that they are no features, and why."""
    page = (Path(__file__).parents[2] / "docs" / "fidelity.md").read_text()
    rows = page.partition("| element | it is |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [row.split("|")[1] for row in rows]
    return frozenset(name for cell in cells for name in re.findall(r"`([^`]+)`", cell))


class Judge:
    """Says where everything went that the source says."""

    def __init__(self, bundle: Path, back: dict[str, Back]) -> None:
        self.back, self.declared = back, no_features()
        envelope = json.loads((bundle / "statement.json").read_text())
        predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
        self.losses = {one["what"] for one in predicate["losses"]}
        found = (bundle / "findings.jsonl").read_text().splitlines()
        self.findings: list[dict[str, Any]] = [json.loads(line) for line in found]
        self.lost = list[str]()
        """What is neither there nor declared."""

    def judge(self, told: list[Told]) -> None:
        left = dict[str, int]()
        for one in told:
            keys = (one.name, *(
                f"{one.name}\0{one.moment}{word}" for word in (";versionid", ";snapshot", "")
            ), f"{one.name}\0[current]")  # fmt: skip
            there = [key for key in keys if key in self.back]
            if there and (one.form == "current" or "\0" in there[0]):
                self._object(one, self.back[there[0]])
            elif one.form in COUNTED:
                left[one.form] = left.get(one.form, 0) + 1
            elif not {found["key"] for found in self.findings}.intersection(keys):
                self.lost.append(f"{one.name}: the object itself")
        told_left = " ".join(
            one["message"] for one in self.findings if one["code"] == "history-left"
        )
        for form, number in left.items():
            words = f"{number} {COUNTED[form]}{'s' * (number != 1)}"
            if words not in told_left:
                self.lost.append(words)

    def container(self, told: dict[str, str]) -> None:
        """Look for a word about everything that the container itself has."""
        said = "".join(one["message"] for one in self.findings if one["code"] == "container-left")
        names = [name for name in told if name.startswith("x-ms-meta-")]
        if names and f"{len(names)} name{'s' * (len(names) != 1)} of metadata" not in said:
            self.lost.append("the container's metadata")
        for header, word in OF_CONTAINER.items():
            nothing = told.get(header) in {None, "false", "$account-encryption-key"}
            if nothing is (word in said):
                self.lost.append(f"the container: {header}")
        if not told and "the credential does not let read" not in said:
            self.lost.append("the container's own properties")

    def _object(self, one: Told, back: Back) -> None:
        if back.body != one.body:
            self.lost.append(f"{one.name}: its bytes")
        lower = {name.lower(): value for name, value in one.metadata.items()}
        if {name.lower(): value for name, value in back.metadata.items()} != lower:
            self.lost.append(f"{one.name}: its metadata")
        if back.tags != one.tags:
            self.lost.append(f"{one.name}: its tags")
        if not one.replicated.items() <= back.other.items():
            self.lost.append(f"{one.name}: its replication")
        for name, value in one.properties.items():
            if value not in {"", "false"} and not self._is_back(name, value, back):
                self.lost.append(f"{one.name}: {name}: {value}")
        for header, value in one.head.items():
            name = HEADERS.get(header, header)
            said = one.metadata if header.startswith("x-ms-meta-") else one.properties
            same = value.strip('"') in {text.strip('"') for text in said.values()}
            replicated = header.removeprefix("x-ms-") in one.replicated
            if not (
                header in OF_THE_REPLY or same or replicated or value == "false"
                or self._is_back(name, value, back)
            ):  # fmt: skip
                self.lost.append(f"{one.name}: {header}: {value}")

    def _is_back(self, name: str, value: str, back: Back) -> bool:
        if name in FEATURE_OF:
            feature = FEATURE_OF[name]
            found = back.fields.get(FIELDS[feature][name], back.other.get(name))
            if found is None:
                return feature in self.losses
            return found in {value, _moment(value)}
        if name in {"LeaseState", "LeaseDuration"} and value != "available":
            return "lease" in self.losses
        if name == "BlobType" and value != "BlockBlob":
            return back.fields.get("blob-type") == value
        if name == "ResourceType" and value in {"file", "directory"}:
            return back.directory == (value == "directory")
        if name in {"Etag", "Content-MD5", "Content-Length"}:
            return back.line is None or _in_manifest(name, value, back.line)
        return name in self.declared or back.other.get(name) == value.partition("?")[0]


def _in_manifest(name: str, value: str, line: dict[str, Any]) -> bool:
    if name == "Content-MD5":
        return bool(line["source_md5"] == base64.b64decode(value).hex())
    if name == "Content-Length":
        return str(line["size"]) == value
    return bool(line["source_version"].partition(";")[0] == value.strip('"'))


def _moment(text: str) -> str | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None


@pytest.fixture
def target() -> Iterator[StrictS3]:
    with StrictS3(Manner()) as server:
        bucket(server)
        yield server


def moved(job: Errand, target: StrictS3, rest: BlobRest, *, ends: int) -> Judge:
    """Move everything with the command line, and judge it; what the source said was asked first."""
    told = rest.told()
    code, words = job.call("run")
    assert code == ends, words
    bundle = job.folder / "bundle"
    code, words = job.call("report", "--out", str(bundle))
    assert code in {0, 4}, words
    agreed(bundle, job.folder / "keys" / "report.pub")
    judge = Judge(bundle, given_back(job, target, bundle))
    judge.judge(told)
    judge.container(rest.container())
    code, view = job.call("restore-view")
    assert (code, view["differences"]) == (0, 0), view
    return judge


def one_of_each(source: StrictBlob) -> None:
    """Have everything that Azurite does not know, beside what it knows."""
    md5 = base64.b64encode(bytes(range(16))).decode()
    source.put("a", b"one", "versions", metadata={"v": "1"})
    source.put("a", b"two", "snapshots", metadata={"v": "2"}, properties={"Content-Type": "a/b"})
    source.put(
        "a", b"three", metadata={"Ward_Nr": "3", "large": "v" * 3000}, tags={"k e": "v/1"},
        properties={
            **HELD, "EncryptionScope": "research", "Content-Encoding": "identity",
            "Content-Language": "fr", "Content-Disposition": 'inline; filename="a.csv"',
            "Cache-Control": "no-store", "AccessTier": "Cool", "AccessTierInferred": "false",
            "AccessTierChangeTime": "Sun, 31 Mar 2024 01:02:03 GMT",
            "Expiry-Time": "Fri, 29 Feb 2036 00:00:00 GMT",
            "LastAccessTime": "Tue, 30 Apr 2024 00:00:00 GMT", "TagCount": "1",
        },
    )  # fmt: skip
    source.put(
        "copied", b"four", replicated={"or-1f2e_3d4c": "complete"},
        properties={
            "CopyId": "1f2e3d4c-0000-4000-8000-000000000002", "CopyStatus": "success",
            "CopySource": "https://other.blob.core.windows.net/c/b?sv=2021&sig=c2VjcmV0",
            "CopyProgress": "4/4", "CopyCompletionTime": "Tue, 02 Jan 2024 03:04:05 GMT",
            "ThingsOfNextYear": "something new", "Content-CRC64": "AAAAAAAAAAA=",
        },
    )  # fmt: skip
    source.put("leased", b"five", properties={
        "LeaseState": "leased", "LeaseStatus": "locked", "LeaseDuration": "fixed",
    })  # fmt: skip
    source.put("log", b"six", properties={"BlobType": "AppendBlob", "Sealed": "true"})
    source.put("empty", b"")
    source.put("folder", b"", metadata={"hdi_isfolder": "true", "note": "kept"})
    source.put("gone", b"seven", "deleted", properties={
        "DeletedTime": "Tue, 02 Jan 2024 03:04:05 GMT", "RemainingRetentionDays": "5",
    })  # fmt: skip
    source.put("cold", b"eight", properties={
        "AccessTier": "Archive", "ArchiveStatus": "rehydrate-pending-to-hot",
        "RehydratePriority": "Standard",
    })  # fmt: skip
    source.put("locked", b"nine", properties={"CustomerProvidedKeySha256": md5})
    source.put("strange", b"ten", properties={"BlobType": "CubeBlob"})
    source.put("undated", b"eleven", properties={"Expiry-Time": "when it is over"})


@pytest.mark.slow
def test_all_that_a_container_on_azurite_has(
    tmp_path: Path, container: Container, target: StrictS3
) -> None:
    job = errand(
        tmp_path, endpoint=target.endpoint, access_key=target.access_key,
        secret_key=target.secret_key, fetch=lambda _: b"",
    )  # fmt: skip
    job.corpus.clear()
    from_blobs(job, container, {})
    test_fidelity.fill(container)
    container.client.set_container_metadata({"ward": "3", "unit": "north"})
    lease = container.client.get_blob_client("empty").acquire_lease(60)
    copy = container.client.get_blob_client("copy")
    copy.start_copy_from_url(f"{container.client.url}/plain.csv?{container.server.sas()}")
    rest = BlobRest(container.server.url, container.name, container.server.sas())
    judge = moved(job, target, rest, ends=0)
    assert judge.lost == []
    assert judge.back["copy"].other["CopyStatus"] == "success"
    for file in (tmp_path / "bundle").iterdir():
        assert "sig=" not in file.read_text()
    lease.release()


@pytest.mark.slow
@pytest.mark.parametrize("versions", ["current", "all"])
def test_all_that_the_service_has_and_azurite_has_not(
    tmp_path: Path, target: StrictS3, versions: str
) -> None:
    with StrictBlob() as source:
        one_of_each(source)
        if versions == "current":
            source.container = {
                "x-ms-meta-ward": "3", "x-ms-blob-public-access": "blob",
                "x-ms-has-legal-hold": "true", "x-ms-has-immutability-policy": "true",
                "x-ms-immutable-storage-with-versioning-enabled": "true",
                "x-ms-default-encryption-scope": "research",
                "x-ms-deny-encryption-scope-override": "false",
            }  # fmt: skip
        job = job_of(tmp_path, source, target)
        there = f"source: {{container: {CONTAINER}"
        change(job, there, f"{there}, versions: {versions}")
        judge = moved(job, target, BlobRest(source.url, CONTAINER, SAS), ends=4)
        assert judge.lost == []
        assert {found["code"] for found in judge.findings} >= {
            "kind-archived", "kind-customer-key", "kind-unknown-blob-type", "history-left", "leased"
        }  # fmt: skip


@pytest.mark.slow
def test_all_that_a_hierarchical_namespace_has(tmp_path: Path, target: StrictS3) -> None:
    with StrictBlob(hierarchical=True) as source:
        context = {**OWNED, "EncryptionContext": "ward 3", "ResourceType": "file"}
        source.put("ward", properties={**OWNED, "ResourceType": "directory"})
        source.put("ward/a.csv", b"a;b\n", properties=context, metadata={"hdi_permission": "x"})
        source.put("ward/link", b"a.csv", properties={**OWNED, "ResourceType": "symlink"})
        source.put("ward/old", b"one", "snapshots", properties=OWNED)
        source.put("ward/old", b"two", properties=OWNED)
        job = job_of(tmp_path, source, target)
        judge = moved(job, target, BlobRest(source.url, CONTAINER, SAS), ends=0)
        assert judge.lost == []
        assert judge.back["ward/a.csv"].other == {"EncryptionContext": "ward 3"}
        assert judge.back["ward/link"].other == {"ResourceType": "symlink"}


def test_the_judge_misses_what_is_gone(tmp_path: Path, target: StrictS3) -> None:
    with StrictBlob() as source:
        source.put("a", b"one", metadata={"ward": "3"}, properties={"EncryptionScope": "research"})
        job = job_of(tmp_path, source, target)
        change(job, "  - name: all", "  - name: all\n    fidelity: {headers: dropped}")
        rest = BlobRest(source.url, CONTAINER, SAS)
        judge = moved(job, target, rest, ends=0)
        assert judge.lost == []
        judge.losses.remove("headers")
        back = judge.back["a"]
        back.body, back.metadata, back.fields["encryption-scope"] = b"", {}, "other"
        del back.fields["tier"]
        judge.declared -= {"LeaseStatus"}
        judge.judge(rest.told())
        assert set(judge.lost) == {
            "a: its bytes", "a: its metadata", "a: AccessTier: Hot", "a: LeaseStatus: unlocked",
            "a: Content-Type: application/octet-stream", "a: EncryptionScope: research",
        }  # fmt: skip
        back.tags["k"] = "v"
        source.put("b", b"two", replicated={"or-1_2": "complete"})
        source.put("a", b"earlier", "snapshots")
        judge.lost.clear()
        judge.judge(rest.told())
        assert {"a: its tags", "b: the object itself", "1 snapshot"} <= set(judge.lost)
