"""Every version of a container in its order: a strict Blob server into a bucket with versions."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crypt4gh.keys import get_private_key
from crypt4gh.lib import decrypt

from hdh_migrate.sealing.keys import new_pair
from tests.live.test_as_of import put
from tests.live.test_beside import change
from tests.live.test_fidelity import notes
from tests.live.test_fidelity_strict import job_of
from tests.support.errand import BUCKET, Errand
from tests.support.fixtures import s3_client
from tests.support.inside import inside as started
from tests.support.strict_blob import CONTAINER, StrictBlob
from tests.support.strict_s3 import Manner, StrictS3

pytestmark = [pytest.mark.live]

WRITTEN_ANEW = "written anew an earlier one would become the newest; a new plan that moves it"
EXPECTED = {
    "changed": [b"first", b"second", b"third, longer"],
    "deleted": [b"still there"],
    "ever": [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7"],
    "plain": [b"only"],
    "snapped": [b"before", b"", b"after"],
}


def bucket(server: StrictS3, *, versions: bool = True) -> None:
    client = s3_client(server)
    client.create_bucket(Bucket=BUCKET)
    if versions:
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    client.close()


@pytest.fixture
def target() -> Iterator[StrictS3]:
    with StrictS3(Manner()) as server:
        bucket(server)
        yield server


def fill(source: StrictBlob) -> None:
    put(source, "changed", b"first", 2, metadata={"ward": "3"}, tags={"k": "v"})
    put(source, "changed", b"second", 3, metadata={"ward": "4"})
    put(source, "changed", b"third, longer", 40, "")
    put(source, "deleted", b"still there", 5)
    for day, data in enumerate(EXPECTED["ever"], 2):
        put(source, "ever", data, day, "" if data == b"7" else "versions")
    put(source, "plain", b"only", 2, "")
    put(source, "snapped", b"before", 4, "snapshots")
    put(source, "snapped", b"", 6)
    put(source, "snapped", b"after", 8, "")


def everything(job: Errand, said: str = "all") -> None:
    there = f"source: {{container: {CONTAINER}"
    change(job, there, f"{there}, versions: {said}")


def held(job: Errand, target: StrictS3) -> dict[str, list[bytes]]:
    """Return what the target holds of each name, opened, the oldest first."""
    for name in ("crypt4gh", "crypt4gh.header"):
        logging.getLogger(name).disabled = True  # the reference package logs keys
    escrow = get_private_key(str(job.folder / "keys" / "escrow.sec"), lambda: "")

    def opened(body: bytes) -> bytes:
        out = io.BytesIO()
        decrypt([(0, escrow, None)], io.BytesIO(body), out)
        return out.getvalue()

    return {
        key.removeprefix("in/").removesuffix(".c4gh"): [
            opened(one.body) for one in versions if not one.marker
        ]
        for key, versions in target.store.buckets[BUCKET].objects.items()
        if ".hdh-migrate" not in key
    }


def test_every_version_arrives_in_the_order_of_the_source(tmp_path: Path, target: StrictS3) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        fill(source)
        assert job.run_here() == (0, "")
        assert held(job, target) == EXPECTED
        told = notes(job)
        assert told["all-versions"] == (
            "all versions: 5 names with 4 current versions, 11 earlier ones and 1 snapshot"
        )
        assert told["versions-undeleted"].startswith("1 name has versions and no current one")
        assert "history-left" not in told
        assert not {"version-twice", "version-foreign", "verify-version-order"} & told.keys()


def test_keys_of_every_version_are_neither_exchanged_nor_made_anew(
    tmp_path: Path, target: StrictS3
) -> None:
    """Written anew an earlier version would be the newest: refused, before anything is written."""
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        fill(source)
        assert job.run_here() == (0, "")
        before = [one.id for some in target.store.buckets[BUCKET].objects.values() for one in some]
        new_pair(tmp_path / "keys", "next", passphrase=None)
        plan, keys = job.plan.read_text(), tmp_path / "keys"
        code, told = job.call("reseal", "--execute", "--no-progress")
        assert (code, WRITTEN_ANEW in json.dumps(told)) == (3, True)
        job.plan.write_text(plan.replace("keys/steward", "keys/next"))
        done = started(
            "keys", "rotate", str(job.plan), "--from", str(keys / "steward.pub"), "--to",
            str(keys / "next.pub"), "--identity", str(keys / "steward.sec"), "--execute",
            env=job.environ,
        )  # fmt: skip
        assert (done.returncode, WRITTEN_ANEW in done.stderr) == (3, True)
        there = [one.id for some in target.store.buckets[BUCKET].objects.values() for one in some]
        assert there == before


def records(bundle: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bundle / "manifest.jsonl").read_text().splitlines()]


def test_a_bundle_has_a_line_for_each_version_and_verifies(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        fill(source)
        assert job.run_here() == (0, "")
        bundle = tmp_path / "bundle"
        code, told = job.call("report", "--out", str(bundle))
        assert code == 0, told
        key = str(tmp_path / "keys" / "report.pub")
        done = started("audit", "verify", str(bundle), "--trust", key, env=job.environ)
        assert done.returncode == 0, done.stdout + done.stderr
        last = "changed [2024-02-09T03:04:05.1234567Z;versionid]"
        done = started("audit", "prove", str(bundle), last, env=job.environ)
        assert done.returncode == 0, done.stderr
        assert json.loads(json.loads(done.stdout)["line"])["size"] == len(b"third, longer")
        lines = [one for one in records(bundle) if ".hdh-migrate" not in one["key"]]
        assert [one["key"] for one in lines if one["key"].startswith("snapped")] == [
            "snapped\0002024-01-04T03:04:05.1234567Z;snapshot",
            "snapped\0002024-01-06T03:04:05.1234567Z;versionid",
            "snapped\0002024-01-08T03:04:05.1234567Z;versionid",
        ]
        listed = [one.id for one in target.store.buckets[BUCKET].objects["in/ever.c4gh"]]
        told_ids = [
            one["target_etag"].partition(";versionid=")[2]
            for one in lines
            if one["target_key"] == "in/ever.c4gh"
        ]
        assert told_ids == listed
        code, view = job.call("restore-view")
        assert (code, view["differences"]) == (0, 0), view
        keyed = tmp_path / "keyed"
        code, told = job.call("report", "--names", "keyed", "--out", str(keyed))
        assert code == 0, told
        assert not any("changed" in one["key"] for one in records(keyed))
        done = started("audit", "verify", str(keyed), "--trust", key, env=job.environ)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_bucket_that_keeps_no_versions_is_refused(tmp_path: Path) -> None:
    with StrictS3(Manner()) as plain, StrictBlob() as source:
        bucket(plain, versions=False)
        job = job_of(tmp_path, source, plain)
        everything(job)
        fill(source)
        for verb in ("preflight", "run"):
            done = started(verb, str(job.plan), env=job.environ)
            assert done.returncode == 3, done.stdout + done.stderr
            assert "keeps no versions, which all versions of dataset all need" in (
                done.stdout + done.stderr
            )
        assert job.run_here()[0] == 3
        assert not [key for key in plain.store.buckets[BUCKET].in_order() if key.startswith("in/")]


@pytest.mark.slow
def test_several_workers_keep_the_order(tmp_path: Path, target: StrictS3) -> None:
    expected: dict[str, list[bytes]] = {}
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        for number in range(30):
            expected[f"n{number:02}"] = [f"{number}.{day}".encode() for day in range(2, 12)]
            for day, data in enumerate(expected[f"n{number:02}"], 2):
                put(source, f"n{number:02}", data, day, "" if day == 11 else "versions")
        code, told = job.call("run")
        assert code == 0, told
        assert held(job, target) == expected


@pytest.mark.slow
def test_large_versions_keep_their_place_among_small_ones(tmp_path: Path, target: StrictS3) -> None:
    large = bytes(range(256)) * (9 << 12)
    expected = {"volume": [b"small", large, b"", large[::-1], b"last"]}
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        for day, data in enumerate(expected["volume"], 2):
            put(source, "volume", data, day, "" if day == 6 else "versions")
        assert job.run_here() == (0, "")
        assert held(job, target) == expected


def test_what_comes_after_a_version_that_cannot_be_read_waits_for_it(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        put(source, "a", b"one", 2)
        put(source, "a", b"two", 3, properties={"AccessTier": "Archive"})
        put(source, "a", b"three", 4, "")
        put(source, "b", b"other", 2, "")
        assert job.run_here()[0] == 4
        assert held(job, target) == {"a": [b"one"], "b": [b"other"]}
        assert {"kind-archived", "version-waits"} <= {code for code, _ in job.findings()}
        source.blobs[1].properties["AccessTier"] = "Hot"
        assert job.run_here() == (0, "")
        assert held(job, target) == {"a": [b"one", b"two", b"three"], "b": [b"other"]}


def test_a_pass_over_the_source_adds_what_was_written_since(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        put(source, "a", b"one", 2)
        put(source, "a", b"two", 3, "")
        put(source, "gone", b"x", 2)
        put(source, "gone", b"y", 3, "")
        assert job.run_here() == (0, "")
        source.blobs[1].form = "versions"
        put(source, "a", b"three", 50, "")
        put(source, "new", b"fresh", 51, "")
        del source.blobs[2]
        code, told = job.call("run", "--refresh")
        assert code == 4, told
        assert held(job, target) == {
            "a": [b"one", b"two", b"three"], "gone": [b"x", b"y"], "new": [b"fresh"]
        }  # fmt: skip
        assert [code for code, _ in job.findings() if code.startswith("v")] == ["vanished"]


def test_what_somebody_else_writes_at_the_target_is_told(tmp_path: Path, target: StrictS3) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        put(source, "a", b"one", 2)
        put(source, "a", b"two", 3, "")
        assert job.run_here() == (0, "")
        client = s3_client(target)
        client.put_object(Bucket=BUCKET, Key="in/a.c4gh", Body=b"stranger")
        client.close()
        source.blobs[1].form = "versions"
        put(source, "a", b"three", 4, "")
        code, told = job.call("run", "--refresh")
        assert code == 4, told
        found = {code for code, _ in job.findings()}
        assert {"version-order", "version-foreign"} <= found
        assert len(target.store.buckets[BUCKET].objects["in/a.c4gh"]) == 3


def test_an_older_version_that_the_target_lost_is_not_sent_over_later_ones(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        put(source, "a", b"one", 2)
        put(source, "a", b"two", 3, "")
        assert job.run_here() == (0, "")
        code, told = job.call("verify", "--again")
        assert code == 0, told
        del target.store.buckets[BUCKET].objects["in/a.c4gh"][0]
        code, told = job.call("verify", "--again")
        assert code == 5, told
        code, told = job.call("run")
        assert code == 4, told
        assert "version-order" in {code for code, _ in job.findings()}
        assert held(job, target) == {"a": [b"two"]}


@pytest.mark.slow
def test_killed_anywhere_the_same_command_ends_with_the_same_order(
    tmp_path: Path, target: StrictS3
) -> None:
    expected: dict[str, list[bytes]] = {}
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        everything(job)
        for number in range(8):
            expected[f"n{number}"] = [bytes([number, day]) * 50_000 for day in range(2, 22)]
            for day, data in enumerate(expected[f"n{number}"], 2):
                put(source, f"n{number}", data, day, "" if day == 21 else "versions")

        def stored() -> int:
            objects = target.store.buckets[BUCKET].objects
            return sum(len(found) for key, found in list(objects.items()) if key.startswith("in/n"))

        for many in (3, 40, 90):
            job.kill_when("run", lambda many=many: stored() >= many)
        code, told = job.call("run")
        assert code == 0, told
        twice = notes(job).get("version-twice", "0 versions").partition(" ")[0]
        there = held(job, target)
        assert {name: list(dict.fromkeys(found)) for name, found in there.items()} == expected
        assert sum(map(len, there.values())) - 160 == int(twice)
