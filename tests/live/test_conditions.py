"""What a bucket for health data must be: seen on real servers, told with what mends it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hdh_migrate.clocks import Moment
from hdh_migrate.demo.servers import S3Server
from hdh_migrate.door import Addresses, Door
from hdh_migrate.errors import Exit, PermitEnded, Refused
from hdh_migrate.evidence.signatures.signing import load_signer, new_report_key
from hdh_migrate.pipeline.pace.course import GATE_SECONDS
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.policy.timekeeping import judge_for
from hdh_migrate.session.verbs.dry_run import forecast
from hdh_migrate.session.verbs.preflight import report
from hdh_migrate.session.verbs.run import at_work
from hdh_migrate.targets import profiles
from hdh_migrate.targets.conditions import Condition, conditions
from hdh_migrate.targets.lifecycles import MovedTo
from hdh_migrate.targets.mends import Wish
from hdh_migrate.targets.provisioning import provision
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.transport import SigV4, Transport
from hdh_migrate.wiring.targets import Network
from tests.support.fixtures import Bucket
from tests.support.quiet import Notes
from tests.support.tls import Authority, https

pytestmark = pytest.mark.live

RULES = profiles.load("scaleway").health
ENCRYPTION = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
DENY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "*"}
    ],
}
HOST = "s3.fr-par.example.com"


def endpoint_of(server: S3Server) -> S3Endpoint:
    sign = SigV4(region="fr-par", access_key=server.access_key, secret_key=server.secret_key)
    door = Door(endpoint=server.endpoint, addresses=Addresses(loopback=True), admitted=True)
    transport = Transport(sign=sign, door=door)
    return S3Endpoint(server.endpoint, addressing="path", sign=sign, transport=transport)


def seen(bucket: Bucket, name: str | None = None) -> dict[str, Condition]:
    found = conditions(endpoint_of(bucket.server), RULES, name or bucket.name, "fr-par")
    return {condition.rule: condition for condition in found}


def broken(bucket: Bucket, name: str | None = None) -> set[str]:
    return {rule for rule, condition in seen(bucket, name).items() if not condition.holds}


def made_right(bucket: Bucket) -> None:
    bucket.client.put_bucket_encryption(
        Bucket=bucket.name, ServerSideEncryptionConfiguration=ENCRYPTION
    )
    bucket.client.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps(DENY))


def test_a_bucket_that_is_as_it_must_be_is_seen_so(bucket: Bucket) -> None:
    assert broken(bucket) == {"bucket-encryption", "restricting-policy"}
    made_right(bucket)
    found = seen(bucket)
    assert set(found) == {rule.name for rule in RULES}
    assert all(condition.holds for condition in found.values()), found
    assert found["bucket-encryption"].seen == "encryption on: AES256"


def _lifecycle(client: Any, name: str) -> None:
    rule = {
        "ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1},
    }  # fmt: skip
    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})


def _public_policy(client: Any, name: str) -> None:
    allow = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "s3:GetObject"}
    policy = {**DENY, "Statement": [{**allow, "Resource": f"arn:aws:s3:::{name}/*"}]}
    client.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))


BREAKS: dict[str, tuple[str, Callable[[Any, str], object]]] = {
    "a lifecycle rule": ("no-lifecycle", _lifecycle),
    "a public access list": (
        "private-bucket",
        lambda client, name: client.put_bucket_acl(Bucket=name, ACL="public-read"),
    ),
    "a policy for everybody": ("private-bucket", _public_policy),
    "an archived object": (
        "storage-class",
        lambda client, name: client.put_object(
            Bucket=name, Key="a", Body=b"a", StorageClass="GLACIER"
        ),
    ),
    "no encryption": (
        "bucket-encryption", lambda client, name: client.delete_bucket_encryption(Bucket=name),
    ),
    "no policy": (
        "restricting-policy", lambda client, name: client.delete_bucket_policy(Bucket=name),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BREAKS)
def test_what_is_not_as_it_must_be_is_told_with_what_mends_it(case: str, bucket: Bucket) -> None:
    rule, harm = BREAKS[case]
    made_right(bucket)
    harm(bucket.client, bucket.name)
    assert broken(bucket) == {rule}
    found = seen(bucket)[rule]
    assert found.seen
    assert found.reason
    assert "{bucket}" not in found.fix
    assert bucket.name in found.fix or rule == "storage-class"


def test_a_bucket_of_another_region_is_told(bucket: Bucket) -> None:
    found = conditions(endpoint_of(bucket.server), RULES, bucket.name, "nl-ams")
    (region,) = [condition for condition in found if condition.rule == "region"]
    assert not region.holds
    assert (region.seen, region.wanted) == ("region nl-ams", "only fr-par")


def test_nothing_is_believed_of_a_bucket_that_is_not_there(bucket: Bucket) -> None:
    assert broken(bucket, "nowhere-at-all") == {rule.name for rule in RULES}


def test_nothing_is_believed_of_a_server_that_does_not_know_the_questions(
    rclone_bucket: Bucket,
) -> None:
    found = {rule: condition.holds for rule, condition in seen(rclone_bucket).items()}
    assert found == {
        "region": True, "private-bucket": False, "no-lifecycle": False, "storage-class": True,
        "bucket-encryption": False, "restricting-policy": False, "replication": False,
    }  # fmt: skip


# --- in preflight and before a run ---------------------------------------------------------------


class Site:
    """A plan for an https host that stands before moto; its rules come from its own profile."""

    def __init__(self, folder: Path, server: S3Server, bucket: Bucket, port: int) -> None:
        self.folder = folder
        endpoint = f"https://{HOST}:{port}"
        (folder / "data").mkdir()
        (folder / "data" / "a.csv").write_text("patient")
        new_report_key(folder, "dpo", None)
        rules = [asdict(rule) for rule in RULES]
        (folder / "own.yaml").write_text(yaml.safe_dump({"health": rules}))
        period = {"reference": "a number", "valid_from": "2020-01-01", "valid_until": "2999-12-31"}
        (folder / "attestation.yaml").write_text(yaml.safe_dump({
            "version": 1, "provider": "generic", "service": "Object Storage",
            "endpoints": [endpoint], "regions": ["fr-par"], "secnumcloud": dict(period),
            "hds": dict(period),
            "contract": "a contract",
        }))  # fmt: skip
        self.plan: dict[str, Any] = {
            "version": 1, "migration": "health", "source": {"kind": "folder"},
            "target": {
                "provider": "generic", "profile": "own.yaml", "region": "fr-par",
                "endpoint": endpoint, "attestation": "attestation.yaml",
                "tls": {"ca_bundle": "authority.pem"},
                "credential": {"kind": "access-key", "id": "env:T_ID", "secret": "env:T_SECRET"},
            },
            "seal": {"format": "none", "reason": "a test"},
            "datasets": [
                {"name": "all", "source": {"path": "data"}, "target": {"bucket": bucket.name}}
            ],
            "verify": {"level": "head"},
            "waivers": {"keys": ["dpo.pub"]},
        }  # fmt: skip

    def desk(self) -> Desk:
        (self.folder / "plan.yaml").write_text(yaml.safe_dump(self.plan))
        network = Network(resolve=lambda _: ["127.0.0.1"], addresses=Addresses(loopback=True))
        desk = Desk.open(self.folder / "plan.yaml", None, Notes(), threading.Event())
        return replace(desk, network=network)

    def waive(self, *rules: str) -> None:
        signer = load_signer(self.folder / "dpo.key", None)
        for rule in rules:
            waivers.make(
                self.desk().loaded, signer, what=f"health.{rule}", reason="agreed with the host",
                until="2999-12-31", now=Moment.at(SystemClock().now()), by="somebody",
            )  # fmt: skip


@pytest.fixture
def bucket(moto_bucket: Bucket) -> Bucket:
    """It speaks to a host of another name, whose certificate stands before moto."""
    return moto_bucket


@pytest.fixture
def site(
    tmp_path: Path, bucket: Bucket, moto: S3Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.setenv("T_ID", moto.access_key)
    monkeypatch.setenv("T_SECRET", moto.secret_key)
    authority = Authority(tmp_path)
    with https(authority.issue(HOST), before=moto.endpoint) as heard:
        yield Site(tmp_path, moto, bucket, heard.port)


def preflight(site: Site) -> dict[str, dict[str, Any]]:
    desk = site.desk()
    services = desk.services(write=True)
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    checks = report(services, desk.loaded.plan, desk.state_dir, (), judge)
    return {check["check"]: check for check in checks}


def test_a_run_is_refused_until_the_bucket_is_as_it_must_be(site: Site, bucket: Bucket) -> None:
    with pytest.raises(Refused) as refused:
        forecast(site.desk(), ())
    told = str(refused.value)
    assert refused.value.exit_code is Exit.REFUSED
    assert "seen encryption not on, wanted yes" in told
    assert f"put-bucket-policy --bucket {bucket.name}" in told
    made_right(bucket)
    (batch,) = forecast(site.desk(), ())["batches"]
    assert batch["objects"] == 1


def test_a_waived_rule_refuses_nothing_and_is_shown(site: Site, bucket: Bucket) -> None:
    site.waive("bucket-encryption", "restricting-policy")
    checks = preflight(site)
    assert [check for check in checks.values() if not check["ok"]] == []
    waived = checks[f"health data: {bucket.name}: bucket-encryption"]
    assert "waived until 2999-12-31: agreed with the host" in waived["notes"][0]
    assert len(checks["waivers"]["waivers"]) == 2
    (batch,) = forecast(site.desk(), ())["batches"]
    assert batch["objects"] == 1


def test_preflight_tells_what_was_seen_and_what_mends_it(site: Site, bucket: Bucket) -> None:
    checks = preflight(site)
    check = checks[f"health data: {bucket.name}: bucket-encryption"]
    assert not check["ok"]
    assert check["condition"]["seen"] == "encryption not on"
    assert check["condition"]["wanted"] == "yes"
    assert check["mend"].startswith("aws --endpoint-url https://")
    assert checks[f"health data: {bucket.name}: no-lifecycle"]["ok"]
    json.dumps(list(checks.values()))


def test_a_rehearsal_is_told_and_not_refused(site: Site, bucket: Bucket, moto: S3Server) -> None:
    for name in ("attestation", "tls"):
        del site.plan["target"][name]
    site.plan["target"]["endpoint"] = moto.endpoint
    check = preflight(site)[f"health data: {bucket.name}: bucket-encryption"]
    assert check["ok"]
    assert "off this machine this would refuse" in check["notes"][0]
    (batch,) = forecast(site.desk(), ())["batches"]
    assert batch["objects"] == 1


@pytest.mark.parametrize(
    ("name", "does"),
    [
        ("no-expiry", {"Expiration": {"Days": 1}}),
        ("no-archiving", {"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}),
    ],
)
def test_what_ages_elsewhere_in_the_bucket_is_left_alone(
    bucket: Bucket, name: str, does: dict[str, Any]
) -> None:
    rules = [
        {"ID": under, "Status": "Enabled", "Filter": {"Prefix": under}, **does}
        for under in ("tmp/", "in/")
    ]
    bucket.client.put_bucket_lifecycle_configuration(
        Bucket=bucket.name, LifecycleConfiguration={"Rules": rules}
    )
    wanted = [one for one in profiles.load("generic").health if one.name == name]
    wish = Wish(
        bucket=bucket.name, region="r", lock=False, lock_later=False, rules=wanted, policy=None,
        places=[MovedTo(prefix="in/pmsi/")],
    )  # fmt: skip
    kept: list[Mapping[str, object]] = []

    def keep(_bucket: str, _step: str, settings: Mapping[str, object]) -> str:
        kept.append(settings)
        return "kept"

    place = endpoint_of(bucket.server)
    steps = list(provision(place, wish, execute=True, before=lambda *_: None, keep=keep))
    assert [(one.step, one.ok) for one in steps] == [("bucket", True), (name, True)]
    left = bucket.client.get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]
    assert [one["ID"] for one in left] == ["tmp/"]
    assert len(kept) == 1


class Later(SystemClock):
    """A clock by which hours pass when a test says so, at the same time of the day."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.passed


def test_a_run_ends_when_the_attestation_has(site: Site, bucket: Bucket) -> None:
    """It is another one by now, or has ended: a run of days asks again each hour."""
    made_right(bucket)
    clock = Later()
    with at_work(replace(site.desk(), clock=clock), ("run",), (), write=False) as turn:
        assert turn.ctx.course.stops() is None
        path = site.folder / "attestation.yaml"
        path.write_text(path.read_text().replace("2999-12-31", "2020-12-31"))
        assert turn.ctx.course.stops() is None
        clock.passed = GATE_SECONDS
        ended = turn.ctx.course.stops()
    assert isinstance(ended, PermitEnded)
    assert "hds is in force from 2020-01-01 to 2020-12-31" in str(ended)
