"""Credentials that end in the middle of a run: it pauses once, loses nothing, and goes on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit
from hdh_migrate.events.looks import LookingAgain
from hdh_migrate.model import FENCES, State
from hdh_migrate.pipeline.looks.look_again import Choice
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.look_again import look_again
from tests.support import lies
from tests.support.affair import SMALL, Affair, states
from tests.support.errand import BUCKET, errand
from tests.support.fixtures import Bucket, s3_client
from tests.support.here import HERE
from tests.support.inside import inside as command
from tests.support.proxy import Action, Upstream
from tests.support.quiet import Notes
from tests.support.site import Site
from tests.support.strict_s3 import StrictS3
from tests.support.wire import Reply, Request

pytestmark = pytest.mark.live

EXPIRED_SAS = lies.status(
    403,
    {"x-ms-error-code": "AuthenticationFailed"},
    b"<Error><Code>AuthenticationFailed</Code></Error>",
)
REVOKED_KEY = lies.status(403, body=b"<Error><Code>InvalidAccessKeyId</Code></Error>")
LOST_RIGHT = lies.status(403, body=b"<Error><Code>AccessDenied</Code></Error>")
FORBIDDEN_BLOB = lies.status(
    403,
    {"x-ms-error-code": "AuthorizationPermissionMismatch"},
    b"<Error><Code>AuthorizationPermissionMismatch</Code></Error>",
)


@pytest.fixture
def bucket(credulous_bucket: Bucket) -> Bucket:
    """It takes any credential, a renewed one, too."""
    return credulous_bucket


def after(count: int, match: Callable[[Request], bool]) -> Callable[[Request], bool]:
    """Match from the `count`th matching request on."""
    seen = 0

    def late(request: Request) -> bool:
        nonlocal seen
        seen += match(request)
        return match(request) and seen > count

    return late


def reads(request: Request) -> bool:
    return request.method == "GET" and request.params.get("comp") != "list"


def writes(request: Request) -> bool:
    return request.method == "PUT" and FENCES not in request.path


@pytest.mark.parametrize(
    ("side", "answer", "match"),
    [
        ("source", EXPIRED_SAS, reads),
        ("target", REVOKED_KEY, writes),
        ("target", LOST_RIGHT, writes),
    ],
)
def test_a_credential_that_ends_in_mid_run_fails_no_object(
    affair: Affair, side: str, answer: Action, match: Callable[[Request], bool]
) -> None:
    proxy = affair.source if side == "source" else affair.target
    told = proxy.rule(action=answer, match=after(2, match))

    assert affair.run() is Exit.AUTH

    # Who lacks a right is told from who may not touch one object by one more request for each.
    most = 16 if answer is LOST_RIGHT else 8
    assert told.used < most, "every object tried the lost credential"
    assert not states(affair) & {State.FAILED, State.REFUSED}
    proxy.clear()
    assert affair.run() is Exit.OK
    assert affair.verified() == set(affair.corpus)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda sas: sas.replace("se=2102", "se=2002"),
            "source.credential: the source's SAS ended at 2002-",
        ),
        (
            lambda sas: sas.replace("sig=", "sig=AAAA"),
            "source containers aaa, bbb, ccc: no right to list",
        ),
    ],
    ids=["ended", "of another key"],
)
def test_what_is_wrong_with_a_credential_is_said_once_however_many_containers_there_are(
    site: Site, change: Callable[[str], str], told: str
) -> None:
    (one,) = site.section("datasets")
    datasets = [
        {
            **deepcopy(one), "name": name, "source": {"container": f"{name}{name}{name}"},
            "target": {**one["target"], "prefix": f"{name}/"},
        }
        for name in "abc"
    ]  # fmt: skip
    (batch,) = site.section("batches")
    site.change(datasets=datasets, batches=[{**batch, "datasets": list("abc")}])
    site.environ["S_SAS"] = change(site.environ["S_SAS"])

    said = site.cli("run", site.plan, "--no-progress", expect=9).err

    lines = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert len(lines) == 1, said
    assert lines[0].startswith(told)


@pytest.mark.parametrize(
    "answer",
    [
        lies.status(507),
        lies.status(403, body=b"<Error><Code>QuotaExceeded</Code></Error>"),
        lies.status(413, body=b"<Error><Code>QuotaExceeded</Code></Error>"),
    ],
)
def test_a_target_that_is_full_stops_the_run_and_fails_no_object(
    affair: Affair, answer: Action
) -> None:
    """It was taken for a fault of each object: all of them were sent, in vain."""
    told = affair.target.rule(action=answer, match=after(2, writes))

    assert affair.run() is Exit.STOPPED

    assert "the target is full" in affair.told[-1]
    assert told.used < 8, "every object tried a full target"
    assert not states(affair) & {State.FAILED, State.REFUSED}
    affair.target.clear()
    assert affair.run() is Exit.OK
    assert affair.verified() == set(affair.corpus)


def test_a_credential_that_was_renewed_meanwhile_is_used_by_the_same_run(affair: Affair) -> None:
    sas = affair.folder / "sas"
    good = affair.environ("T_SAS")
    sas.touch(mode=0o600)
    affair.plan('"env:T_SAS"', '"file:sas"')
    affair.patient()
    sas.write_text(good)
    answered = 0

    def expire(request: Request, upstream: Upstream) -> Reply:
        nonlocal answered
        answered += 1
        sas.write_text(good + "&renewed=1")
        return EXPIRED_SAS(request, upstream)

    old = after(2, lambda r: reads(r) and "renewed" not in r.params)
    affair.source.rule(action=expire, match=old)

    assert affair.run() is Exit.OK

    assert answered
    assert affair.verified() == set(affair.corpus)


def test_a_look_afresh_goes_on_with_a_renewed_credential(affair: Affair) -> None:
    """What it has read itself is not read twice, however often a credential ends."""
    known, good = affair.folder / "id", affair.environ("T_ID")
    known.touch(mode=0o600)
    affair.plan('"env:T_ID"', '"file:id"')
    affair.patient()
    known.write_text(good)
    assert affair.run() is Exit.OK
    answered = 0

    def expire(request: Request, upstream: Upstream) -> Reply:
        nonlocal answered
        answered += 1
        known.write_text("renewed")
        return REVOKED_KEY(request, upstream)

    def old(request: Request) -> bool:
        signed = request.headers.get("authorization", "")
        return reads(request) and "/in/" in request.path and "Credential=renewed/" not in signed

    affair.target.rule(action=expire, match=after(2, old))
    desk = Desk.open(affair.folder / "plan.yaml", None, Notes(), threading.Event(), HERE)

    told = look_again(desk, (), Choice(level="full", afresh=True), show_names=False)

    assert answered
    assert told["exit"] == Exit.OK
    (look,) = told["looks"]
    assert (look["objects"], look["verified"]) == (4, 4)
    assert 0 < look["before"] < 4
    ledger = desk.read_ledger()
    assert {one.number for _, one in ledger.events(LookingAgain)} == {1}
    ledger.close()


def test_one_forbidden_object_fails_alone(affair: Affair) -> None:
    affair.source.rule(
        action=FORBIDDEN_BLOB,
        match=lambda r: reads(r) and r.path.endswith(".csv") and "%25" in r.path,
    )

    assert affair.run() is Exit.FINDINGS

    assert affair.verified() == set(affair.corpus) - {SMALL}


def test_where_nothing_may_be_read_back_the_run_ends_and_not_each_object_fails(
    tmp_path: Path,
) -> None:
    """A hundred thousand of them became findings, one by one, for one right that was missing."""
    with StrictS3() as server:
        client = s3_client(server)
        client.create_bucket(Bucket=BUCKET)
        job = errand(
            tmp_path, endpoint=server.endpoint, access_key=server.access_key,
            secret_key=server.secret_key, region=server.region, fetch=lambda _: b"",
        )  # fmt: skip
        for number in range(300):
            (tmp_path / "data" / f"{number:03}").write_bytes(b"x")
        assert job.call("run", "--until", "transfer")[0] == Exit.OK
        denied = {
            "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/in/*",
        }  # fmt: skip
        client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Statement": [denied]}))

        code, told = job.call("verify")

        assert code == Exit.AUTH, told
        assert "no object be read back" in told["error"]["message"]
        assert "s3:GetObject" in told["error"]["hint"]
        assert 0 < len(job.findings()) < 200
        said = command("errors", str(job.plan), env=job.environ)
        assert "the last run ended early with 9" in said.stderr
        client.delete_bucket_policy(Bucket=BUCKET)
        assert job.call("run", "--until", "verify")[0] == Exit.OK
        assert job.findings() == []
        client.close()


def test_a_server_that_asks_for_rest_gets_it(affair: Affair) -> None:
    affair.patient()
    told = affair.target.rule(action=lies.status(503, {"Retry-After": "1"}), match=writes, times=3)
    began = time.monotonic()

    assert affair.run() is Exit.OK

    assert told.used == 3
    assert time.monotonic() - began >= 3
    sent = [one for one in affair.target.requests if one.method == "PUT"]
    assert (
        len([one for one in sent if FENCES not in one.path]) == 3 + 3 + 2
    )  # refused, small, parts
