"""A probe says what a host does, leaves nothing behind, and later runs obey it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.signatures.envelopes import verify_envelope
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.model import FENCES
from hdh_migrate.targets import profiles
from hdh_migrate.targets.probing.bench import ROOT
from tests.support import lies
from tests.support.errand import BUCKET, Errand, errand
from tests.support.fixtures import ProxyTo, s3_client
from tests.support.proxy import Upstream
from tests.support.strict_s3 import Manner, StrictS3, manner_of
from tests.support.strict_s3.manner import EVERY_CHECKSUM
from tests.support.wire import Headers, Reply, Request

pytestmark = pytest.mark.live

Start = Callable[..., tuple[StrictS3, Errand]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def make(
            manner: Manner,
            *,
            lock: bool = False,
            region: str = "us-east-1",
            through: Callable[[StrictS3], str] = lambda server: server.endpoint,
            **more: Any,
        ) -> tuple[StrictS3, Errand]:
            server = stack.enter_context(StrictS3(manner, region=region))
            client = s3_client(server)
            client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=lock)
            client.close()
            return server, errand(
                tmp_path, endpoint=through(server), access_key=server.access_key,
                secret_key=server.secret_key, region=region, big=more.pop("big", 100),
                fetch=lambda key: server.store.buckets[BUCKET].version(key, None).body, **more,
            )  # fmt: skip

        yield make


def observed(record: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one["observed"] for one in record["observations"]}


def nothing_left(server: StrictS3) -> bool:
    bucket = server.store.buckets[BUCKET]
    return not bucket.uploads and all(key.startswith(FENCES) for key in bucket.objects)


@pytest.mark.parametrize("name", profiles.names())
def test_a_host_that_is_as_its_profile_claims_has_no_difference(start: Start, name: str) -> None:
    profile = profiles.load(name)
    region = profile.regions[0] if profile.regions else "us-east-1"
    server, job = start(manner_of(profile), provider=name, region=region)
    code, record = job.probe_here()
    assert record["differences"] == []
    assert code == 0
    assert observed(record)["max_parts"] == profile.limits.max_parts
    assert nothing_left(server)


TIGHT = Manner(
    max_parts=137, min_part=1, max_key=300, max_metadata=1000, max_tags=3, trailers="refused",
    checksums=frozenset(("sha256",)), checks_sha256=False, checks_md5=False,
    md5_needed=frozenset(), quoting="bare", bare_etags=True, gone_is_412=True,
)  # fmt: skip
POOR = Manner(
    tags=False, trailers="kept", unsigned_payload=False, conditional_put="ignored",
    conditional_complete="ignored", list_parts=False, list_uploads=False, ranges="200",
    fold_case=True, etag="opaque", repeated_complete="gone", versioning=False, object_lock=False,
)  # fmt: skip
ODD = Manner(
    conditional_put="refused", conditional_complete="refused", parts_page=1, ranges="ignored",
    normalise=True, ascii_metadata=False, part_etag="opaque", empty_complete=True,
    ignores_max_parts=True, max_parts=50,
)  # fmt: skip


@pytest.mark.parametrize(
    ("nasty", "told"),
    [
        (
            TIGHT,
            {
                "max_parts": 137, "min_part": 1, "max_key": 300, "max_metadata": 1000,
                "max_tags": 3, "trailers": False, "signed_payload": False, "content_md5": False,
                "content_md5_required": [], "key_length_counts": "bytes",
                "conditional_put": True, "if_match_form": "bare", "if_match_reads": False,
                "part_copy": True,
                **{f"checksum_{name}": name == "sha256" for name in EVERY_CHECKSUM},
            },
        ),
        (
            POOR,
            {
                "tags": False, "max_tags": None, "trailers": False, "unsigned_payload": False,
                "conditional_put": False, "create_only": False, "conditional_complete": False,
                "list_parts": False, "list_uploads": False, "range_reads": False,
                "ranges_exact": True, "keys_case_folded": True, "keys_normalised": False,
                "etag_single": "opaque", "etag_multipart": "opaque", "etag_part": "md5",
                "repeated_complete": "no-such-upload", "versioning": False, "object_lock": False,
                "if_match_form": "none",
            },
        ),
        (
            ODD,
            {
                "conditional_put": False, "create_only": False, "conditional_complete": False,
                "list_parts": False, "range_reads": False, "ranges_exact": False,
                "keys_case_folded": False, "keys_normalised": True, "metadata_charset": "utf-8",
                "etag_part": "opaque", "etag_single": "md5", "complete_reply": "empty",
                "multipart": True, "max_parts": 10_000,
            },
        ),
        (
            Manner(),
            {
                "object_lock": None, "bucket_object_lock": False, "versioning": None,
                "abort_uploads": True, "metadata": True, "empty_objects": True, "list_v2": True,
                "if_match_reads": True, "read_after_write": True, "max_object": None,
                "if_match_form": "quoted",
            },
        ),
    ],
    ids=["tight", "poor", "odd", "plain"],
)  # fmt: skip
def test_a_probe_tells_what_the_host_does(
    start: Start, nasty: Manner, told: dict[str, Any]
) -> None:
    server, job = start(nasty)
    _, record = job.probe_here()
    seen = observed(record)
    assert {name: seen[name] for name in told} == told
    assert nothing_left(server)
    assert record["left"] == 0


def test_clocks_and_throttling_are_told(start: Start) -> None:
    _, job = start(Manner(clock_offset=-300, busy_every=10, retry_after=0))
    seen = observed(job.probe_here()[1])
    assert 290 < seen["clock_offset"] < 310
    assert seen["throttled"] > 5


def test_a_lock_is_tried_for_seconds_and_nothing_stays_locked(start: Start) -> None:
    server, job = start(Manner(), lock=True)
    seen = observed(job.probe_here()[1])
    assert (seen["object_lock"], seen["versioning"]) == (True, True)
    assert nothing_left(server)


def test_a_refusal_is_no_proof_that_a_host_holds_anything_back(start: Start) -> None:
    """What it refused was done: its conditions, and its locks, were said to be kept."""
    server, job = start(Manner(does_what_it_refuses=True), lock=True)
    seen = observed(job.probe_here()[1])
    kept = (
        "conditional_put",
        "create_only",
        "conditional_complete",
        "lock_governance",
        "object_lock",
    )
    assert {name: seen[name] for name in kept} == dict.fromkeys(kept, False)
    assert nothing_left(server)


@pytest.mark.parametrize(
    ("nasty", "told"),
    [
        (
            Manner(),
            {"tags": True, "tags_with_put": True, "tags_with_upload": True, "max_tags": 10,
             "metadata_names": "exact"},
        ),
        (
            Manner(loses_upload_tags=True, hyphenates_metadata=True),
            {"tags": True, "tags_with_put": True, "tags_with_upload": False, "max_tags": 10,
             "metadata_names": "hyphens"},
        ),
        (
            Manner(loses_put_tags=True, loses_upload_tags=True),
            {"tags": True, "tags_with_put": False, "tags_with_upload": False, "max_tags": None},
        ),
        (
            Manner(tags=False),
            {"tags": False, "tags_with_put": None, "tags_with_upload": None, "max_tags": None},
        ),
        (
            Manner(refuses_put_tagging=True),
            {"tags": False, "tags_with_put": None, "tags_with_upload": None},
        ),
    ],
    ids=["keeps", "loses with uploads", "loses always", "has none", "shows none"],
)  # fmt: skip
def test_tags_and_names_of_metadata_are_tried_each_way(
    start: Start, nasty: Manner, told: dict[str, Any]
) -> None:
    server, job = start(nasty)
    seen = observed(job.probe_here()[1])
    assert {name: seen[name] for name in told} == told
    assert nothing_left(server)


def test_each_mode_of_retention_is_tried_but_compliance_only_with_consent(start: Start) -> None:
    server, job = start(Manner(), lock=True)
    record = job.probe_here()[1]
    seen = observed(record)
    assert (seen["lock_governance"], seen["lock_compliance"]) == (True, None)
    how = {one["name"]: one["how"] for one in record["observations"]}
    assert "--compliance-trial" in how["lock_compliance"]
    modes = {s.headers.get("x-amz-object-lock-mode") for s in server.seen}
    assert modes == {None, "GOVERNANCE"}
    seen = observed(job.probe_here(compliance=True)[1])
    assert (seen["lock_governance"], seen["lock_compliance"]) == (True, True)
    assert seen["object_lock"] is True
    assert nothing_left(server)


def test_a_host_that_knows_compliance_only_is_not_said_to_have_no_lock(start: Start) -> None:
    profile = profiles.load("outscale")
    server, job = start(
        manner_of(profile), lock=True, provider="outscale", region=profile.regions[0]
    )
    code, record = job.probe_here()
    seen = observed(record)
    assert (code, record["differences"]) == (0, [])
    assert [seen[name] for name in ("lock_governance", "lock_compliance", "object_lock")] == [
        None, None, None,
    ]  # fmt: skip
    seen = observed(job.probe_here(compliance=True)[1])
    assert (seen["lock_compliance"], seen["object_lock"]) == (True, True)
    assert nothing_left(server)


def test_a_host_that_keeps_for_days_only_is_not_said_to_have_no_lock(start: Start) -> None:
    server, job = start(Manner(min_retention=86_400), lock=True)
    seen = observed(job.probe_here()[1])
    assert (seen["lock_governance"], seen["object_lock"]) == (True, True)
    assert nothing_left(server)


def test_a_run_is_refused_a_mode_of_retention_that_the_probe_found_missing(start: Start) -> None:
    server, job = start(
        Manner(lock_modes=frozenset(("COMPLIANCE",))), lock=True,
        target=", retention: {mode: governance, days: 1}",
    )  # fmt: skip
    code, record = job.probe_here()
    assert (code, observed(record)["lock_governance"]) == (4, False)
    before = server.count("PutObject")
    code, told = job.run_here()
    assert (code, server.count("PutObject")) == (3, before)
    assert "retention in mode governance is not kept there" in told


@pytest.mark.parametrize("slow", ["before the object is put", "before it is deleted"])
def test_a_host_that_outlasts_the_trial_of_its_lock_is_not_said_to_have_none(
    start: Start, proxy_to: ProxyTo, slow: str
) -> None:
    """A busy host took longer than the lock of 4 s: every run of such a plan was refused then."""

    def through(server: StrictS3) -> str:
        proxy, seconds = proxy_to(server), count(10, 10)

        def late(request: Request, upstream: Upstream) -> Reply:
            server.store.manner = replace(server.store.manner, clock_offset=next(seconds))
            return upstream.forward(request)

        def locks(request: Request) -> bool:
            return request.headers.get("x-amz-object-lock-mode") == "GOVERNANCE"

        def deletes(request: Request) -> bool:
            return request.method == "DELETE" and "versionId" in request.params

        before = slow == "before the object is put"
        proxy.rule(action=late, match=locks if before else deletes)
        return proxy.url

    _, job = start(
        Manner(), lock=True, target=", retention: {mode: governance, days: 1}", through=through
    )
    _, record = job.probe_here()
    (found,) = (one for one in record["observations"] if one["name"] == "lock_governance")
    assert found["observed"] is None, found
    assert "had ended" in found["how"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ExpiredToken"),
        (403, "RequestTimeTooSkewed"),
        (403, "QuotaExceeded"),
        (403, "Forbidden"),
    ],
)
def test_what_is_refused_for_the_credential_s_sake_is_no_word_about_the_host(
    start: Start, proxy_to: ProxyTo, status: int, code: str
) -> None:
    """A session that ended in the middle: the record said for months what the host lacks."""

    def through(server: StrictS3) -> str:
        proxy = proxy_to(server)

        def ended(request: Request, upstream: Upstream) -> Reply:
            reply = Reply(status, Headers([("Content-Type", "application/xml")]))
            reply.replace_body(f"<Error><Code>{code}</Code></Error>".encode())
            return reply

        def late(request: Request) -> bool:
            return request.params.get("max-keys") == "1" and "prefix" in request.params

        proxy.rule(action=ended, match=late)
        proxy.rule(action=ended, match=lambda one: "delete" in one.params)
        return proxy.url

    _, job = start(Manner(), through=through)
    _, record = job.probe_here()
    seen = observed(record)
    names = ("list_v2", "delete_objects", "content_md5_required")
    assert {name: seen[name] for name in names} == dict.fromkeys(names)
    assert record["left"] == 0


def test_a_busy_moment_is_no_word_about_the_host(start: Start, proxy_to: ProxyTo) -> None:
    """HEAD answered 503, and the record said that metadata is lost: every run was refused then."""
    noted = set[str]()

    def through(server: StrictS3) -> str:
        proxy = proxy_to(server)

        def busy(request: Request) -> bool:
            if "x-amz-meta-note" in request.headers:
                noted.add(request.path)
            return request.method == "HEAD" and request.path in noted

        proxy.rule(action=lies.status(503), match=busy)
        return proxy.url

    _, job = start(Manner(), through=through)
    seen = observed(job.probe_here()[1])
    assert noted
    assert [seen[name] for name in ("metadata", "max_metadata")] == [None, None]


def test_a_compliance_trial_is_announced_before_anybody_is_contacted(start: Start) -> None:
    _, job = start(Manner())
    code, told = job.call("probe", "--dry-run", "--compliance-trial")
    assert code == 0
    assert "nobody can remove it before" in told["would_note"][0]


def test_preflight_says_which_names_the_target_changes_until_the_plan_accepts_it(
    start: Start,
) -> None:
    _, job = start(Manner(hyphenates_metadata=True))
    job.probe_here()

    def told() -> list[str]:
        checks = job.call("preflight")[1]["checks"]
        found = [c["notes"] for c in checks if c["check"] == "what the target changes"]
        return found[0] if found else []

    assert "metadata_names: hyphens" in told()[0]
    text = job.plan.read_text()
    job.plan.write_text(
        text.replace("  region: us-east-1", "  region: us-east-1\n  metadata_names: hyphens")
    )
    assert told() == []


def test_a_bucket_with_a_default_retention_is_not_written_to(start: Start) -> None:
    server, job = start(Manner(), lock=True)
    server.store.buckets[BUCKET].default_retention = {"Mode": "COMPLIANCE", "Days": "1"}
    code, told = job.probe_here()
    assert code == 3
    assert "default retention" in told["error"]
    assert server.count("PutObject") == 0


def test_a_redirecting_host_is_named_and_not_written_to(start: Start) -> None:
    server, job = start(Manner())
    server.behave(Manner(redirects_to="http://127.0.0.1:1"))
    code, told = job.probe_here()
    assert code != 0
    assert "redirects" in told["error"]
    assert server.count("PutObject") == 0


def test_a_dry_run_contacts_nobody(start: Start) -> None:
    server, job = start(Manner())
    before = len(server.seen)
    code, told = job.call("probe", "--dry-run")
    assert (code, told["bucket"], len(server.seen)) == (0, BUCKET, before)
    assert not (job.folder / ".hdh-migrate").exists()


def test_the_record_is_signed_and_journalled_and_the_ledger_stays_unbound(start: Start) -> None:
    _, job = start(Manner())
    code, record = job.call("probe")
    assert (code, record["signed"]) == (0, True)
    envelope = json.loads(Path(record["kept"]).read_bytes())
    key = load_trusted_key(job.folder / "keys" / "report.pub")
    statement = json.loads(verify_envelope(envelope, [key]))
    assert statement["predicate"]["observations"] == record["observations"]
    code, told = job.call("status")
    assert (code, told["error"]["message"]) == (2, "no run of this plan has begun here")
    job.plan.write_text(job.plan.read_text().replace("retry_budget: 2s", "retry_budget: 3s"))
    assert job.run_here()[0] == 0  # the plan could still be changed after the probe


def test_what_a_killed_probe_left_is_removed_by_the_next(start: Start) -> None:
    server, job = start(Manner())
    job.kill_when("probe", lambda: server.count("UploadPart") >= 3)
    assert not nothing_left(server)
    client = s3_client(server)
    client.put_object(Bucket=BUCKET, Key=f"{ROOT}somebody-elses/x", Body=b"stays")
    client.close()
    code, record = job.probe_here()
    assert (code, record["swept"]) == (0, 1)
    assert list(server.store.buckets[BUCKET].objects) == [f"{ROOT}somebody-elses/x"]
    assert not server.store.buckets[BUCKET].uploads


def test_a_killed_probes_uploads_are_found_behind_a_marker_as_well(start: Start) -> None:
    server, job = start(Manner(page=1, marker_at_the_end=True, ignores_max_parts=True))
    job.kill_when("probe", lambda: server.count("UploadPart") >= 3)
    client = s3_client(server)
    where = next(iter(server.store.buckets[BUCKET].uploads.values())).template.key
    for number in range(3):
        client.create_multipart_upload(Bucket=BUCKET, Key=f"{where}-{number}")
    client.close()
    assert job.probe_here()[1]["swept"] == 1
    assert not server.store.buckets[BUCKET].uploads


def test_later_runs_obey_the_tighter_of_profile_and_probe(start: Start) -> None:
    server, job = start(Manner(max_key=60), big=9 << 20)
    assert job.probe_here()[0] == 4
    (job.folder / "data" / ("k" * 80)).write_bytes(b"too long a name")
    code, told = job.run_here()
    assert code == 3
    assert "key-too-long" in told
    assert server.count("PutObject") == 0 or nothing_left(server)


def test_a_run_is_refused_what_the_probe_found_missing(start: Start) -> None:
    _, job = start(Manner(max_metadata=0))
    code, record = job.probe_here()
    assert code == 4
    assert observed(record)["metadata"] is False
    code, told = job.run_here()
    assert code == 3
    assert "user metadata is not kept" in told


def test_a_plan_that_keeps_collisions_is_refused_where_keys_fold(start: Start) -> None:
    _, job = start(Manner(fold_case=True))
    text = job.plan.read_text().replace(
        "source: {path: data}",
        "source: {path: data}\n    collisions: keep\n    collisions_reason: x",
    )
    job.plan.write_text(text)
    assert job.probe_here()[0] == 4
    code, told = job.run_here()
    assert code == 3
    assert "differ in case" in told


def test_a_record_says_for_whom_it_proves_nothing(start: Start, tmp_path: Path) -> None:
    """It counted for every plan of the host: in another bucket, with another access key."""
    server, job = start(Manner())
    assert job.probe_here()[0] == 0
    assert job.call("preflight")[1]["checks"][-1].get("notes") is None
    client = s3_client(server)
    client.create_bucket(Bucket="elsewhere")
    client.close()
    record = tmp_path / ".hdh-migrate" / "errand" / "probe.json"
    told = json.loads(record.read_bytes())
    assert server.access_key not in record.read_text()
    job.plan.write_text(job.plan.read_text().replace(f"bucket: {BUCKET}", "bucket: elsewhere"))
    assert any("not in elsewhere" in note for note in probed(job))
    record.write_text(json.dumps(told | {"credential": "0" * 64}))
    assert any("another access key" in note for note in probed(job))
    del told["credential"]  # as earlier versions wrote it
    record.write_text(json.dumps(told))
    assert any("does not say which credential" in note for note in probed(job))


def probed(job: Errand) -> list[str]:
    checks = job.call("preflight")[1]["checks"]
    return list(next(one for one in checks if one["check"].startswith("probe of"))["notes"])


def test_a_record_that_the_journal_does_not_tell_of_is_no_evidence(
    start: Start, tmp_path: Path
) -> None:
    """A copied record made a bundle that no verifier takes."""
    _, job = start(Manner())
    assert job.probe_here()[0] == 0
    assert job.run_here()[0] == 0
    out = tmp_path / "told"
    assert job.call("report", "--out", str(out))[0] == 0
    assert capabilities(out) is not None
    record = tmp_path / ".hdh-migrate" / "errand" / "probe.json"
    record.write_text(json.dumps(json.loads(record.read_bytes()) | {"at": "2026-01-01T00:00:00Z"}))
    out = tmp_path / "copied"
    assert job.call("report", "--out", str(out))[0] == 0
    assert capabilities(out) is None


def capabilities(bundle: Path) -> object:
    envelope = json.loads((bundle / "statement.json").read_bytes())
    return json.loads(base64.b64decode(envelope["payload"]))["predicate"]["capabilities"]
