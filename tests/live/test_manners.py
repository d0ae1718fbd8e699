"""The whole main job against a strict server in the manner of every shipped provider, and nastier.

The server checks every signature and digest that it is sent, and refuses what a profile does not
count on. A run is killed inside its large object and must end as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.model import FENCES, Step
from hdh_migrate.targets import profiles
from tests.support.agreed import agreed
from tests.support.errand import BIG, BUCKET, Errand, errand
from tests.support.fixtures import s3_client
from tests.support.inside import inside as command
from tests.support.strict_s3 import Manner, StrictS3, manner_of
from tests.support.strict_s3.store import Version

pytestmark = [pytest.mark.live, pytest.mark.crash]

Start = Callable[..., tuple[StrictS3, Errand]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server in a manner, and an errand to it."""
    with ExitStack() as stack:

        def make(
            manner: Manner, *, lock: bool = False, region: str = "us-east-1", **more: Any
        ) -> tuple[StrictS3, Errand]:
            server = stack.enter_context(StrictS3(manner, region=region))
            client = s3_client(server)
            client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=lock)
            client.close()
            return server, errand(
                tmp_path, endpoint=server.endpoint, access_key=server.access_key,
                secret_key=server.secret_key, region=region,
                fetch=lambda key: server.store.buckets[BUCKET].version(key, None).body, **more,
            )  # fmt: skip

        yield make


def moves_everything(server: StrictS3, job: Errand) -> None:
    """Kill a run in its large object, run again, and look at what is stored."""
    job.kill_when("run", lambda: server.count("UploadPart") >= 1)
    ends_well(server, job)


def landed(server: StrictS3) -> list[Version]:
    """Return what the plan's objects are now."""
    found = server.store.buckets[BUCKET].objects
    return [versions[-1] for key, versions in found.items() if not key.startswith(FENCES)]


def ends_well(server: StrictS3, job: Errand) -> None:
    assert job.run_here() == (0, ""), job.findings()
    job.check_stored()
    assert not server.store.buckets[BUCKET].uploads


@pytest.mark.parametrize("name", profiles.names())
def test_the_main_job_survives_a_kill_in_the_manner_of_every_profile(
    start: Start, name: str
) -> None:
    profile = profiles.load(name)
    region = profile.regions[0] if profile.regions else "us-east-1"
    server, job = start(manner_of(profile), provider=name, region=region)
    moves_everything(server, job)


@pytest.mark.parametrize(
    "nasty",
    [
        Manner(name="busy", busy_every=4, retry_after=0),
        Manner(name="too-many", busy_every=4, says={"SlowDown": (429, "Too Many Requests")}),
        Manner(name="opaque", etag="opaque", part_etag="opaque"),
        Manner(name="unconditional", conditional_put="ignored", conditional_complete="ignored"),
        Manner(name="empty-handed", empty_complete=True, repeated_complete="gone"),
        Manner(name="conflicted", complete_conflicts=1),
        Manner(name="conflicted-for-ever", complete_conflicts=1, conflict_stays=True),
        Manner(name="bare-etags", quoting="bare", bare_etags=True, gone_is_412=True),
        Manner(name="error-in-a-200", error_in_complete=1, repeated_complete="gone"),
        Manner(name="white-space-first", spaced_complete=True),
        Manner(name="small-pages", page=1, parts_page=1),
        Manner(name="ranges-as-200", ranges="200"),
    ],
    ids=lambda nasty: nasty.name,
)
def test_the_main_job_copes_with_a_nasty_manner(start: Start, nasty: Manner) -> None:
    ends_well(*start(nasty))


def test_the_main_job_survives_a_kill_where_parts_and_uploads_are_not_listed(start: Start) -> None:
    server, job = start(Manner(list_parts=False, list_uploads=False, repeated_complete="gone"))
    moves_everything(server, job)


def test_open_uploads_behind_a_marker_were_never_aborted(start: Start) -> None:
    """A host's own samples show a next marker with IsTruncated false."""
    server, job = start(Manner(page=1, marker_at_the_end=True))
    client = s3_client(server)
    for name in ("a", "b"):
        client.create_multipart_upload(Bucket=BUCKET, Key=f"in/{name}")  # somebody else's
    job.kill_when("run", lambda: server.count("CreateMultipartUpload") >= 4)  # with our own trial
    open_ones = server.store.buckets[BUCKET].uploads
    ours = client.create_multipart_upload(Bucket=BUCKET, Key=f"in/{BIG}.c4gh")["UploadId"]
    client.close()
    assert job.run_here() == (0, ""), job.findings()
    job.check_stored()
    assert ours not in open_ones
    assert sorted(upload.template.key for upload in open_ones.values()) == ["in/a", "in/b"]


@pytest.mark.parametrize("most", [1, 2])
def test_there_are_never_more_open_uploads_than_the_host_bears(
    start: Start, tmp_path: Path, most: int
) -> None:
    server, job = start(Manner(max_open_uploads=most))
    for number in range(3):
        body = bytes([number]) * (9 << 20)
        job.corpus[f"more {number}"] = body
        (job.folder / "data" / f"more {number}").write_bytes(body)
    claim = f"{{value: {most}, as_of: 2026-11-25, source: ticket, confirmed: yes}}"
    (tmp_path / "host.yaml").write_text(f"claims:\n  max_open_uploads: {claim}\n")
    job.plan.write_text(
        job.plan.read_text().replace(
            "  region: us-east-1", "  region: us-east-1\n  profile: host.yaml"
        )
    )
    ends_well(server, job)
    assert 400 not in {seen.status for seen in server.seen}


def test_more_than_a_project_may_hold_is_refused_before_a_byte_moves(
    start: Start, tmp_path: Path
) -> None:
    server, job = start(Manner())
    before = job.call("run", "--dry-run")[1]["batches"][0]
    assert not any("lets a project hold" in note for note in before["notes"])

    def claimed(quota: int) -> None:
        claim = f"{{value: {quota}, as_of: 2026-11-25, source: ticket, confirmed: yes}}"
        (tmp_path / "host.yaml").write_text(f"claims:\n  quota_bytes: {claim}\n")

    claimed(9_000_000)
    text = job.plan.read_text()
    job.plan.write_text(
        text.replace("  region: us-east-1", "  region: us-east-1\n  profile: host.yaml")
    )
    code, told = job.call("run", "--dry-run")
    assert (code, told["exit"], told["batches"][0]["would"]) == (3, 3, "refused")
    assert "lets a project hold" in told["why"][0]
    assert "quota_bytes" in told["why"][1]
    code, told = job.call("run")
    assert code == 3
    assert "lets a project hold" in told["error"]["message"]
    assert "quota_bytes" in told["error"]["hint"]
    assert server.count("PutObject") == 0
    assert any("lets a project hold" in note for note in job.call("validate")[1]["target"]["notes"])
    code, told = job.call("preflight")
    assert code == 3
    assert [c["ok"] for c in told["checks"] if c["check"] == "quota of the target"] == [False]

    claimed(20_000_000)  # the host granted more
    assert job.run_here() == (0, "")
    assert job.call("preflight")[0] == 0


def test_a_part_that_is_cut_by_the_hosts_deadline_is_sent_again(start: Start) -> None:
    server, job = start(Manner(request_seconds=0.0))
    assert job.run_here()[0] == 4  # nothing is lost, and what small objects there are have moved
    assert job.findings() == [("unanswered", BIG)]
    server.behave(Manner())
    ends_well(server, job)


def test_a_redirecting_host_gets_nothing(start: Start) -> None:
    server, job = start(Manner())
    server.behave(Manner(redirects_to="http://127.0.0.1:1"))
    before = len(server.seen)
    code, told = job.run_here()
    assert code == 3
    assert "redirects" in told
    assert {seen.status for seen in server.seen[before:]} == {301}
    assert not server.store.buckets[BUCKET].objects


def test_a_clock_that_is_off_is_a_clear_refusal(start: Start) -> None:
    server, job = start(Manner())
    server.behave(Manner(clock_offset=-7200))
    code, told = job.run_here()
    assert code == 3
    assert "refuses the time of the request: RequestTimeTooSkewed" in told
    assert "renew the credential" not in told
    assert not server.store.buckets[BUCKET].objects


def test_what_lands_is_kept_as_the_plan_wants_it(start: Start) -> None:
    wanted = ", retention: {mode: governance, days: 30}, legal_hold: true"
    server, job = start(Manner(), lock=True, target=wanted)
    assert job.run_here() == (0, "")
    for kept in landed(server):
        assert kept.retention is not None
        assert kept.retention.mode == "GOVERNANCE"
        assert (kept.retention.until - kept.at).days in {29, 30}
        assert kept.hold
    assert job.call("report", "--out", str(job.folder / "report"))[0] == 0
    trusted = str(job.folder / "keys" / "report.pub")
    done = command("audit", "verify", str(job.folder / "report"), "--trust", trusted)
    assert done.returncode == 0, done.stdout
    agreed(job.folder / "report", trusted)


@pytest.mark.parametrize("default", [None, {"Mode": "GOVERNANCE", "Days": "1"}])
def test_a_lock_that_an_upload_did_not_take_is_set_on_the_object(
    start: Start, default: dict[str, str] | None
) -> None:
    """Where a bucket's default gave it a shorter one, that was left so and called a finding."""
    wanted = ", retention: {mode: governance, days: 30}, legal_hold: true"
    server, job = start(Manner(loses_upload_locks=True), lock=True, target=wanted)
    server.store.buckets[BUCKET].default_retention = default
    assert job.run_here() == (0, "")
    for kept in landed(server):
        assert kept.retention is not None
        assert kept.hold
    assert server.count("PutObjectRetention") == 1


def test_an_object_of_a_killed_attempt_is_replaced_where_if_match_is_misheard(start: Start) -> None:
    server, job = start(Manner(mishears_if_match=True))
    job.kill_when("run", lambda: server.count("PutObject") >= 2)
    ends_well(server, job)


def test_retention_without_object_lock_is_refused_before_a_byte_moves(start: Start) -> None:
    server, job = start(Manner(), target=", retention: {mode: compliance, days: 1}")
    code, told = job.run_here()
    assert code == 3
    assert "no object lock" in told
    assert not server.store.buckets[BUCKET].objects


def test_a_host_that_forgets_the_retention_is_found_out(start: Start) -> None:
    server, job = start(Manner(), lock=True, target=", retention: {mode: governance, days: 30}")
    assert job.run_here(Step.INVENTORY, Step.TRANSFER)[0] == 0
    for versions in server.store.buckets[BUCKET].objects.values():
        versions[-1].retention = None
    assert job.run_here()[0] == 4
    assert {code for code, _ in job.findings()} == {"retention-differs"}
    assert len(job.findings()) == 3
