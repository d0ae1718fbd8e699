"""A container as it was at a moment: versions on a strict Blob server, snapshots on Azurite."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.test_beside import change, from_blobs
from tests.live.test_fidelity import notes
from tests.live.test_fidelity_strict import job_of
from tests.support.agreed import agreed
from tests.support.errand import BUCKET, Errand, errand
from tests.support.fixtures import Container, s3_client
from tests.support.inside import inside as started
from tests.support.strict_blob import CONTAINER, StoredBlob, StrictBlob
from tests.support.strict_s3 import Manner, StrictS3

pytestmark = [pytest.mark.live]

MOMENT = "2024-02-01T12:00:00Z"
FIRST = "Mon, 02 Jan 2024 03:04:05 GMT"


@pytest.fixture
def target() -> Iterator[StrictS3]:
    with StrictS3(Manner()) as server:
        client = s3_client(server)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield server


def put(
    source: StrictBlob, name: str, data: bytes, day: int, form: str = "versions", **more: Any
) -> StoredBlob:
    """Have a version of that day of the year; January's are before the moment."""
    month, day = (1, day) if day <= 31 else (2, day - 31)
    http = f"Mon, {day:02} {'Jan' if month == 1 else 'Feb'} 2024 03:04:05 GMT"
    dates = {"Last-Modified": http, "Creation-Time": more.pop("created", http)}
    properties = {**dates, **more.pop("properties", {})}
    moment = f"2024-{month:02}-{day:02}T03:04:05.1234567Z"
    return source.put(name, data, form, properties=properties, moment=moment, **more)


def fill(source: StrictBlob) -> dict[str, bytes]:
    """Have one of everything; return what there was at the moment."""
    put(source, "as-it-is", b"one", 2, "")
    put(source, "changed", b"first", 2, metadata={"ward": "3"}, tags={"k": "v"})
    put(source, "changed", b"second", 3, created=FIRST, metadata={"ward": "4"})
    put(source, "changed", b"third, longer", 40, "", created=FIRST)
    put(source, "deleted", b"still there then", 5)
    put(source, "empty", b"", 6)
    put(source, "empty", b"no more", 41, "", created="Mon, 06 Jan 2024 03:04:05 GMT")
    put(source, "new", b"later", 42, "")
    put(source, "new-and-old", b"later", 43)
    put(source, "new-and-old", b"later still", 44, "", created="Mon, 12 Feb 2024 03:04:05 GMT")
    put(source, "snapped", b"of an append blob", 7, "snapshots",
        properties={"BlobType": "AppendBlob", "Last-Modified": FIRST})  # fmt: skip
    source.blobs[-1].moment = "2024-02-20T00:00:00.0000000Z"
    put(source, "snapped", b"of an append blob, and more", 60, "", created=FIRST,
        properties={"BlobType": "AppendBlob"})  # fmt: skip
    return {
        "as-it-is": b"one", "changed": b"second", "deleted": b"still there then", "empty": b"",
        "snapped": b"of an append blob",
    }  # fmt: skip


def as_of(job: Errand, moment: str = MOMENT) -> None:
    there = f"source: {{container: {CONTAINER}"
    change(job, there, f"{there}, versions: {{as_of: {moment}}}")


def test_a_container_arrives_as_it_was(tmp_path: Path, target: StrictS3) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        as_of(job)
        job.corpus.update(fill(source))
        assert job.run_here() == (0, "")
        job.check_stored()
        held = set(target.store.buckets[BUCKET].in_order())
        data = {key for key in held if ".hdh-migrate" not in key}
        assert data == {f"in/{key}.c4gh" for key in job.corpus}
        told = notes(job)
        assert told["as-of"] == (f"as of {MOMENT}: 1 object as it is now, 3 of an earlier version")
        assert told["as-of-undeleted"].startswith("1 object is moved that has no current")
        assert told["history-left"] == "not moved: 2 earlier versions (10 bytes)"
        client = s3_client(target)
        found = client.head_object(Bucket=BUCKET, Key="in/changed.c4gh")["Metadata"]
        client.close()
        assert found["ward"] == "4"
        bundle = tmp_path / "bundle"
        code, verdict = job.call("report", "--out", str(bundle))
        assert code == 0, verdict
        agreed(bundle, tmp_path / "keys" / "report.pub")
        lines = {
            one["key"]: one
            for one in map(json.loads, (bundle / "manifest.jsonl").read_text().splitlines())
        }
        assert lines["changed"]["source_version"] == (
            f"{source.blobs[2].etag};versionid=2024-01-03T03:04:05.1234567Z"
        )
        assert lines["snapped"]["source_version"].endswith(";snapshot=2024-02-20T00:00:00.0000000Z")
        assert "était à un moment donné" in (bundle / "report.fr.html").read_text()
        code, view = job.call("restore-view")
        assert (code, view["differences"]) == (0, 0), view


def test_nothing_that_is_written_since_changes_what_arrives(
    tmp_path: Path, target: StrictS3
) -> None:
    """It is listed, then a version takes its place, then it is sent: what was listed is sent."""
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        as_of(job)
        put(source, "a", b"then", 2, "")
        assert job.call("inventory")[0] == 0
        source.blobs[0].form = "versions"
        put(source, "a", b"now", 50, "", created=FIRST)
        job.corpus["a"] = b"then"
        code, told = job.call("run")
        assert code == 0, told
        job.check_stored()
        code, told = job.call("run", "--refresh")
        assert code == 0, told
        assert not {"drifted", "vanished"} & notes(job).keys()


def test_what_was_then_is_read_again_when_the_plan_wants_it(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        as_of(job)
        change(job, "report: {signer", "verify: {level: full, source: again}\nreport: {signer")
        job.corpus.update(fill(source))
        assert job.run_here() == (0, "")
        job.check_stored()
        reads = [one for one in source.asked if "/changed?" in one and one.startswith("GET")]
        assert len(reads) == 2
        assert all("versionid=2024-01-03" in one for one in reads)


def test_what_nobody_kept_is_a_finding_and_the_others_are_moved(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        as_of(job)
        put(source, "kept", b"one", 2, "")
        put(source, "lost", b"two", 40, "", created=FIRST)
        put(source, "purged", b"three", 2)
        put(source, "purged", b"four", 3, "deleted", was="versions")
        put(source, "purged", b"five", 40, "")
        assert job.run_here() == (4, "")
        found = notes(job)
        assert {"kind-version-lost", "kind-version-deleted"} <= found.keys()
        job.corpus["kept"] = b"one"
        job.check_stored()
        source.blobs[3].form, source.blobs[3].was = "versions", ""  # somebody undeletes it
        job.corpus["purged"] = b"four"
        code, told = job.call("run", "--refresh")
        assert code == 4, told
        job.check_stored()
        assert "kind-version-deleted" not in notes(job)


@pytest.mark.parametrize(
    ("moment", "unknown", "words"),
    [
        ("2099-01-01T00:00:00Z", frozenset[str](), "by the source's clock it is"),
        (MOMENT, frozenset({"versions", "snapshots"}), "keeps no versions and no snapshots"),
    ],
)
def test_a_moment_that_cannot_be_had_is_refused(
    tmp_path: Path, target: StrictS3, moment: str, unknown: frozenset[str], words: str
) -> None:
    with StrictBlob(unknown=unknown) as source:
        job = job_of(tmp_path, source, target)
        as_of(job, moment)
        put(source, "a", b"then", 2, "")
        for verb in ("inventory", "preflight"):
            done = started(verb, str(job.plan), env=job.environ)
            assert done.returncode == 3, done.stderr
            assert words in done.stdout + done.stderr
            assert "Traceback" not in done.stderr
        assert not list(target.store.buckets[BUCKET].in_order())


def test_a_version_that_may_not_be_listed_is_no_version_that_is_not_there(
    tmp_path: Path, target: StrictS3
) -> None:
    with StrictBlob(refused=frozenset({"deleted"})) as source:
        job = job_of(tmp_path, source, target)
        as_of(job)
        put(source, "a", b"then", 2, "")
        code, told = job.run_here()
        assert code in {3, 9}, told
        assert not list(target.store.buckets[BUCKET].in_order())


def test_explain_and_validate_say_which_version_it_is(tmp_path: Path, target: StrictS3) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        as_of(job)
        fill(source)
        done = started("validate", str(job.plan), env=job.environ)
        assert f"versions of all: what was current at {MOMENT}" in done.stdout
        done = started("explain", str(job.plan), "changed", "--json", env=job.environ)
        (told,) = json.loads(done.stdout)["datasets"]
        assert told["source"]["version"].endswith(";versionid=2024-01-03T03:04:05.1234567Z")
        assert told["becomes"] == "moved"
        done = started("explain", str(job.plan), "new", "--json", env=job.environ)
        (told,) = json.loads(done.stdout)["datasets"]
        assert told["becomes"] == "not there"
        assert told["why"] == f"there was no such object at {MOMENT}"
        done = started("preflight", str(job.plan), env=job.environ)
        assert done.returncode == 0, done.stdout
        assert "not moved" not in done.stdout  # nothing was listed that it could be counted beside
        done = started("run", str(job.plan), "--dry-run", env=job.environ)
        assert done.returncode == 0, done.stderr
        assert "[as-of]" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("versions: newest", "must be `current`, `all`, or a mapping with `as_of`"),
        ("versions: {as_of: yesterday}", "must be an instant in UTC"),
        ("versions: {as_of: 2024-02-30T00:00:00Z}", "must be an instant in UTC"),
        ("versions: {}", "as_of"),
    ],
)
def test_a_plan_that_says_another_moment_is_refused_in_one_line(
    tmp_path: Path, target: StrictS3, said: str, words: str
) -> None:
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        there = f"source: {{container: {CONTAINER}"
        change(job, there, f"{there}, {said}")
        done = started("validate", str(job.plan), env=job.environ)
        assert done.returncode == 3, done.stdout
        first, *_ = done.stderr.splitlines()
        assert words in first
        assert "1 problem in" in done.stderr


@pytest.mark.slow
def test_pages_end_anywhere_between_the_versions_of_a_name(
    tmp_path: Path, target: StrictS3
) -> None:
    """Killed between two pages, the same command goes on with the same versions."""
    with StrictBlob() as source:
        job = job_of(tmp_path, source, target)
        as_of(job)
        for name in ("a", "b", "c", "d"):
            for second in range(1800):
                put(source, name, f"{name} of {second}".encode(), 2, created=FIRST)
                minute, second_ = divmod(second, 60)
                source.blobs[-1].moment = f"2024-01-02T04:{minute:02}:{second_:02}.0000000Z"
            put(source, name, b"now", 41, "", created=FIRST)
            job.corpus[name] = f"{name} of 1799".encode()
        pages = [0]

        def some() -> bool:
            pages[0] = sum("marker=" in one for one in source.asked)
            return pages[0] >= 1

        job.kill_when("inventory", some)
        code, told = job.call("run")
        assert code == 0, told
        job.check_stored()


@pytest.mark.slow
def test_snapshots_tell_what_was_there_on_azurite(
    tmp_path: Path, container: Container, target: StrictS3
) -> None:
    job = errand(
        tmp_path, endpoint=target.endpoint, access_key=target.access_key,
        secret_key=target.secret_key,
        fetch=lambda key: target.store.buckets[BUCKET].version(key, None).body,
    )  # fmt: skip
    job.corpus.clear()
    from_blobs(job, container, {})
    client = container.client
    client.upload_blob("same", b"same")
    client.upload_blob("changed", b"then")
    client.upload_blob("unsnapped", b"nobody kept this")
    time.sleep(2)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    time.sleep(2)
    client.get_blob_client("changed").create_snapshot()
    client.upload_blob("changed", b"now", overwrite=True)
    client.upload_blob("unsnapped", b"now", overwrite=True)
    client.upload_blob("new", b"new")
    change(job, "source: {container:", f"source: {{versions: {{as_of: {moment}}}, container:")
    assert job.run_here()[0] in {0, 4}
    job.corpus.update({"same": b"same", "changed": b"then"})
    job.check_stored()
    held = set(target.store.buckets[BUCKET].in_order())
    assert "in/unsnapped.c4gh" not in held
    assert "in/new.c4gh" not in held
