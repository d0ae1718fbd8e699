"""Looking again as operators do it, on real servers: lost, damaged, replaced, made again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hdh_migrate.demo.servers import S3Server
from hdh_migrate.errors import Exit
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from tests.support import second_verifier
from tests.support.errand import BIG, BUCKET, ODD, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.inside import inside as started
from tests.support.strict_s3 import StrictS3
from tests.unit.evidence.test_bundle import predicate

pytestmark = [pytest.mark.live, pytest.mark.slow]

KEYS = {key: f"in/{key}.c4gh" for key in (ODD, BIG, "empty")}


@dataclass(slots=True, kw_only=True)
class Stage:
    """A server that others write to, too, and an errand to it."""

    job: Errand
    client: Any = field(repr=False)

    def stored(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def held(self) -> set[str]:
        return {one["Key"] for one in self.client.list_objects_v2(Bucket=BUCKET)["Contents"]}

    def again(self, *more: str) -> tuple[int, dict[str, Any]]:
        return self.job.call("verify", "--again", *more)

    def status(self) -> dict[str, Any]:
        return self.job.call("status")[1]


Make = Callable[..., Stage]


@pytest.fixture(params=["strict", "moto"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def made(*, versions: bool = False) -> Stage:
            server: S3Server | StrictS3 = (
                stack.enter_context(StrictS3())
                if request.param == "strict"
                else request.getfixturevalue(request.param)
            )
            client = s3_client(server)  # type: ignore[arg-type]  # it has what is asked of a server
            client.create_bucket(Bucket=BUCKET)
            stack.callback(_emptied, client)
            if versions:
                client.put_bucket_versioning(
                    Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
                )
            job = errand(
                tmp_path, endpoint=server.endpoint, access_key=server.access_key,
                secret_key=server.secret_key, region=server.region,
                fetch=lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read(),
            )  # fmt: skip
            assert job.run_here() == (0, "")
            return Stage(job=job, client=client)

        yield made


def _emptied(client: Any) -> None:
    """Leave a server that others use without the bucket."""
    try:
        found = client.list_object_versions(Bucket=BUCKET)
        held = [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]
    except ClientError:  # it knows no versions
        held = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    for one in held:
        version = {"VersionId": one["VersionId"]} if "VersionId" in one else {}
        client.delete_object(Bucket=BUCKET, Key=one["Key"], **version)
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.mark.parametrize("make", ["strict", "moto", "rclone_s3"], indirect=True)
def test_what_the_target_lost_or_spoiled_is_mended_by_the_next_run(make: Make) -> None:
    stage = make()
    told = started("run", str(stage.job.plan), "--until", "verify", env=stage.job.environ).stderr
    assert "the target not looked at since it was verified" in told
    assert stage.again()[0] == Exit.OK
    told = started("run", str(stage.job.plan), "--until", "verify", env=stage.job.environ).stderr
    assert "(3 of 3 objects, level full)" in told
    tag = stage.client.head_object(Bucket=BUCKET, Key=KEYS[ODD])["Metadata"]
    spoiled = bytearray(stage.stored(KEYS[ODD]))
    spoiled[len(spoiled) // 2] ^= 1
    stage.client.put_object(Bucket=BUCKET, Key=KEYS[ODD], Body=bytes(spoiled), Metadata=tag)
    stage.client.delete_object(Bucket=BUCKET, Key=KEYS[BIG])

    code, told = stage.again()

    assert code == Exit.VERIFICATION_FAILED
    (look,) = told["looks"]
    assert (look["objects"], look["verified"]) == (3, 3)
    assert sorted(one["found"] for one in look["differing"]) == ["damaged", "gone"]
    assert all("key" not in one for one in look["differing"])
    assert told["next"] == ["hdh-migrate run PLAN"]
    assert [(one["state"], one["objects"]) for one in stage.status()["grave"]] == [("gone", 2)]
    assert stage.job.run_here() == (0, "")
    assert "grave" not in stage.status()
    stage.job.check_stored()
    assert stage.again("--level", "full")[0] == Exit.OK


def test_what_came_after_a_look_is_not_what_it_missed(make: Make, tmp_path: Path) -> None:
    stage = make()
    for key in (ODD, BIG):
        stage.client.delete_object(Bucket=BUCKET, Key=KEYS[key])
    assert stage.again()[0] == Exit.VERIFICATION_FAILED
    assert stage.job.run_here() == (0, "")
    for name in ("new", "newer"):
        (stage.job.folder / "data" / name).write_bytes(b"came later")

    assert stage.job.call("inventory", "--refresh")[0] == Exit.OK

    now = stage.status()
    assert now["total"]["waiting"]["objects"] == 2
    assert "grave" not in now
    bundle = _checks(stage.job, tmp_path / "bundle")
    (look,) = predicate(bundle)["looks"]
    assert look["absent"] == {"objects": 2, "back": 2, "missing": 0}
    page = (bundle / "report.en.html").read_text()
    assert "2 verified objects were missing at the target, or not intact" in page
    assert "they are verified there again" in page
    assert "not verified there again" not in page


def test_what_a_look_missed_is_missing_until_it_is_verified_or_left_behind(
    make: Make, tmp_path: Path
) -> None:
    """Of two one is back, one is lost; a new version of what is back is not missed there."""
    stage = make()
    for key in (ODD, BIG):
        stage.client.delete_object(Bucket=BUCKET, Key=KEYS[key])
    (stage.job.folder / "data" / "new").write_bytes(b"came later")
    assert stage.again()[0] == Exit.VERIFICATION_FAILED
    assert [(one["state"], one["objects"]) for one in stage.status()["grave"]] == [("gone", 2)]
    (look,) = predicate(_checks(stage.job, tmp_path / "missing"))["looks"]
    assert look["absent"] == {"objects": 2, "back": 0, "missing": 2}
    (stage.job.folder / "data" / ODD).unlink()
    assert stage.job.call("inventory", "--refresh")[0] == Exit.VERIFICATION_FAILED
    assert [(one["state"], one["objects"]) for one in stage.status()["grave"]] == [
        ("lost", 1), ("gone", 1)
    ]  # fmt: skip

    (look,) = predicate(_checks(stage.job, tmp_path / "lost"))["looks"]

    assert look["absent"] == {"objects": 2, "back": 0, "missing": 1}
    assert stage.job.run_here()[0] == Exit.VERIFICATION_FAILED
    (stage.job.folder / "data" / BIG).write_bytes(b"another version")
    assert stage.job.call("inventory", "--refresh")[0] == Exit.VERIFICATION_FAILED
    (look,) = predicate(_checks(stage.job, tmp_path / "back"))["looks"]
    assert look["absent"] == {"objects": 2, "back": 1, "missing": 0}
    assert [one["state"] for one in stage.status()["grave"]] == ["lost"]


@pytest.mark.parametrize(
    ("make", "versions"),
    [("strict", False), ("strict", True), ("moto", False), ("moto", True), ("rclone_s3", False)],
    indirect=["make"],
)
def test_what_somebody_put_there_is_kept_when_ours_is_restored(
    make: Make, versions: bool, tmp_path: Path
) -> None:
    stage = make(versions=versions)
    theirs = {
        KEYS[ODD]: bytes(len(stage.stored(KEYS[ODD]))),
        KEYS[BIG]: b"theirs" * (2 << 20),
    }
    for key, body in theirs.items():
        stage.put(key, body)

    code, told = stage.again("--show-names")

    assert code == Exit.VERIFICATION_FAILED
    differing = {one["key"]: one["found"] for one in told["looks"][0]["differing"]}
    assert differing == {ODD: "replaced", BIG: "replaced"}
    assert stage.job.run_here()[0] == Exit.VERIFICATION_FAILED
    assert [(one["state"], one["objects"]) for one in stage.status()["grave"]] == [("replaced", 2)]
    assert {key: stage.stored(key) for key in theirs} == theirs

    code, told = stage.again("--restore", "all")

    assert code == Exit.OK
    assert [one["became"] for one in told["objects"]] == ["restored"] * 2
    assert {one["kept"] is None for one in told["objects"]} == {versions}
    assert stage.job.run_here() == (0, "")
    stage.job.check_stored()
    aside = {key: stage.stored(key) for key in stage.held() if ".hdh-kept-" in key}
    if versions:
        old = stage.client.list_object_versions(Bucket=BUCKET)["Versions"]
        bodies = [
            stage.client.get_object(Bucket=BUCKET, Key=one["Key"], VersionId=one["VersionId"])
            ["Body"].read()
            for one in old
            if not one["IsLatest"]
        ]  # fmt: skip
        assert aside == {}
        assert all(body in bodies for body in theirs.values())
    else:
        assert {key.partition(".hdh-kept-")[0]: body for key, body in aside.items()} == theirs
    assert stage.again()[0] == Exit.OK
    bundle = _checks(stage.job, tmp_path / "bundle")
    (look,) = predicate(bundle)["looks"]
    assert (look["number"], look["objects"], look["replaced"], look["ended"]) == (2, 3, 0, True)
    assert "Last check of the target" in (bundle / "report.en.html").read_text()


def test_what_is_accepted_is_in_the_report_with_its_reason(make: Make, tmp_path: Path) -> None:
    stage = make()
    stage.put(KEYS[ODD], b"theirs")
    _, told = stage.again()
    number = str(told["looks"][0]["differing"][0]["id"])
    assert stage.again("--accept", number)[0] == Exit.USAGE

    code, told = stage.again("--accept", number, "--reason", "corrected by the consumer")

    assert code == Exit.OK
    assert told["objects"] == [{"id": int(number), "became": "accepted", "kept": None}]
    assert stage.again()[0] == Exit.OK
    assert stage.job.run_here() == (0, "")
    assert stage.stored(KEYS[ODD]) == b"theirs"
    bundle = _checks(stage.job, tmp_path / "bundle")
    lines = (bundle / "findings.jsonl").read_text().splitlines()
    findings = [json.loads(line) for line in lines]
    (note,) = [one for one in findings if one["code"] == "target-accepted"]
    assert note["message"].endswith(": corrected by the consumer")
    assert note["severity"] == "note"


def test_the_same_bytes_made_again_are_held_unless_their_version_is_another(make: Make) -> None:
    stage = make(versions=True)
    body = stage.stored(KEYS[ODD])
    stage.client.delete_object(Bucket=BUCKET, Key=KEYS[ODD])
    stage.put(KEYS[ODD], body)

    code, told = stage.again()

    assert code == Exit.VERIFICATION_FAILED
    assert [one["found"] for one in told["looks"][0]["differing"]] == ["replaced"]


def _checks(job: Errand, folder: Path) -> Path:
    """Write a report and have both verifiers check it."""
    trust = job.folder / "keys" / "report.pub"
    key = load_trusted_key(trust)
    done = started("report", str(job.plan), "--out", str(folder), env=job.environ)
    assert done.returncode == 0, done.stderr
    done = started("audit", "verify", str(folder), "--trust", str(trust), env=job.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert second_verifier.verify(folder, {key.fingerprint: (key.public, key.until)}, 1) == []
    return folder
