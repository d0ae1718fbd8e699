"""A pointer object while somebody else writes to it, and when replies are lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    ConnectionLost,
    MigrateError,
    Permanent,
    PointerMoved,
    Transient,
)
from hdh_migrate.pointers.s3_object import TRIAL_SUFFIX
from tests.support import lies
from tests.support.fixtures import Bucket, ProxyTo, s3_client
from tests.support.pointers import NEW, OLD, OTHER, Rig, s3_object
from tests.support.proxy import Proxy, Upstream
from tests.support.strict_s3 import Manner, StrictS3
from tests.support.wire import Reply, Request

pytestmark = pytest.mark.live

KEY = "pmsi/CURRENT"


def is_swap(request: Request) -> bool:
    return request.method == "PUT" and request.path.endswith(KEY)


def first(act: Callable[[], Any]) -> Callable[[Request, Upstream], Reply]:
    """Let somebody do something just before the request arrives."""

    def answer(request: Request, upstream: Upstream) -> Reply:
        act()
        return upstream.forward(request)

    return answer


def through(rig: Rig, proxy: Proxy) -> Rig:
    rig.section["endpoint"] = proxy.url
    return rig


@pytest.fixture
def versioned(bucket: Bucket) -> Bucket:
    bucket.client.put_bucket_versioning(
        Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )
    return bucket


def keys(bucket: Bucket) -> list[str]:
    return [one["Key"] for one in bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]]


def test_a_conditional_write_loses_to_somebody_who_was_faster(
    tmp_path: Path, bucket: Bucket, proxy_to: ProxyTo
) -> None:
    proxy = proxy_to(bucket.server)
    rig = through(s3_object(tmp_path, bucket), proxy)
    rig.lay(OLD)
    proxy.rule(action=first(lambda: rig.lay(OTHER)), match=is_swap)

    with pytest.raises(PointerMoved):
        rig.open().swap(expected=OLD, new=NEW)

    assert rig.raw() == f"{OTHER}\n".encode()
    assert keys(bucket) == [KEY]


def test_a_right_that_lacks_to_write_shows_before_a_switch_and_changes_nothing(
    tmp_path: Path,
) -> None:
    """It showed at the switch, after the freeze and the last delta."""
    with StrictS3() as server:
        bucket = Bucket(server=server, name="catalogue", client=s3_client(server))
        bucket.client.create_bucket(Bucket=bucket.name)
        rig = s3_object(tmp_path, bucket)
        rig.lay(OLD)
        denied = {
            "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket.name}/{KEY}",
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
        bucket.client.put_bucket_policy(Bucket=bucket.name, Policy=policy)

        (problem,) = rig.open().check()

        assert problem.auth
        assert "no right to write it" in problem.what
        bucket.client.delete_bucket_policy(Bucket=bucket.name)
        assert rig.open().check() == []
        assert rig.raw() == f"{OLD}\n".encode()
        assert keys(bucket) == [KEY]
        assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.name)
        bucket.client.close()


def test_an_old_value_that_was_written_anew_is_switched_by_coming_again(
    tmp_path: Path, bucket: Bucket, proxy_to: ProxyTo
) -> None:
    proxy = proxy_to(bucket.server)
    rig = through(s3_object(tmp_path, bucket), proxy)
    rig.lay(OLD)
    anew = {"Bucket": bucket.name, "Key": KEY, "Body": OLD.encode(), "ContentType": "text/uri-list"}
    rule = proxy.rule(
        action=first(lambda: bucket.client.put_object(**anew)), match=is_swap, times=1
    )

    with pytest.raises(Transient, match="anew"):
        rig.open().swap(expected=OLD, new=NEW)
    assert (rule.used, rig.raw()) == (1, OLD.encode())
    rig.open().swap(expected=OLD, new=NEW)

    assert rig.raw() == NEW.encode()


def test_a_host_that_refuses_the_condition_that_holds_gets_a_checked_swap(tmp_path: Path) -> None:
    """Ceph 16 does, and was never switched: each start ended with somebody else's writing."""
    with StrictS3(Manner(mishears_if_match=True)) as server:
        bucket = Bucket(server=server, name="catalogue", client=s3_client(server))
        bucket.client.create_bucket(Bucket=bucket.name)
        rig = s3_object(tmp_path, bucket)
        rig.lay(OLD)
        pointer = rig.open()

        for guard in ("conditional", "checked"):  # once it may have been somebody
            with pytest.raises(Transient, match="anew"):
                pointer.swap(expected=OLD, new=NEW)
            assert pointer.guard == guard
        pointer.swap(expected=OLD, new=NEW)

        assert rig.raw() == f"{NEW}\n".encode()
        assert keys(bucket) == [KEY]
        bucket.client.close()


def test_a_host_that_hears_etags_without_quotes_is_asked_so(tmp_path: Path) -> None:
    """Each start found "somebody" who wrote the old value anew; the third swap was unguarded."""
    with StrictS3(Manner(quoting="bare", bare_etags=True, gone_is_412=True)) as server:
        bucket = Bucket(server=server, name="catalogue", client=s3_client(server))
        bucket.client.create_bucket(Bucket=bucket.name)
        rig = s3_object(tmp_path, bucket)
        rig.lay(OLD)
        pointer = rig.open()

        pointer.swap(expected=OLD, new=NEW)
        assert (pointer.guard, rig.raw()) == ("conditional", f"{NEW}\n".encode())
        pointer.swap(expected=NEW, new=OTHER)
        with pytest.raises(PointerMoved):
            pointer.swap(expected=NEW, new=OLD)

        assert (pointer.guard, rig.raw()) == ("conditional", f"{OTHER}\n".encode())
        assert keys(bucket) == [KEY]
        bucket.client.close()


def test_without_conditions_versions_tell_and_the_other_value_is_put_back(
    tmp_path: Path, versioned: Bucket, proxy_to: ProxyTo
) -> None:
    proxy = proxy_to(versioned.server)
    rig = through(s3_object(tmp_path, versioned, conditional=False), proxy)
    rig.lay(OLD)
    proxy.rule(action=first(lambda: rig.lay(OTHER)), match=is_swap, times=1)
    pointer = rig.open()

    with pytest.raises(PointerMoved, match="put back"):
        pointer.swap(expected=OLD, new=NEW)

    assert pointer.guard == "checked"
    assert rig.raw() == f"{OTHER}\n".encode()


def test_without_conditions_and_alone_the_swap_stands(tmp_path: Path, versioned: Bucket) -> None:
    rig = s3_object(tmp_path, versioned, conditional=False)
    rig.lay(OLD)

    rig.open().swap(expected=OLD, new=NEW)
    rig.open().swap(expected=NEW, new=OLD)

    assert rig.raw() == f"{OLD}\n".encode()


@pytest.mark.parametrize("conditional", [True, False])
def test_a_lost_reply_is_found_out_by_coming_again(
    tmp_path: Path, bucket: Bucket, proxy_to: ProxyTo, conditional: bool
) -> None:
    proxy = proxy_to(bucket.server)
    rig = through(s3_object(tmp_path, bucket, conditional=conditional), proxy)
    rig.lay(OLD)
    proxy.rule(action=lies.lose_reply(), match=is_swap, times=1)

    with pytest.raises(ConnectionLost):
        rig.open().swap(expected=OLD, new=NEW)
    rig.open().swap(expected=OLD, new=NEW)

    assert rig.raw() == f"{NEW}\n".encode()
    asked = [seen.method for seen in proxy.requests if seen.path.endswith(KEY)]
    assert asked.count("PUT") == 1


def test_a_host_that_ignores_conditions_is_found_out_and_nothing_stays(
    tmp_path: Path, rclone_bucket: Bucket
) -> None:
    rig = s3_object(tmp_path, rclone_bucket, conditional=True)
    rig.lay(OLD)
    pointer = rig.open()
    assert pointer.guard == "conditional"  # as its profile claims

    pointer.swap(expected=OLD, new=NEW)

    assert pointer.guard == "checked"
    assert keys(rclone_bucket) == [KEY]


@pytest.mark.parametrize(
    ("status", "guard"), [(501, "checked"), (403, "checked"), (400, "checked")]
)
def test_a_host_that_refuses_the_trial_gets_a_checked_swap(
    tmp_path: Path, bucket: Bucket, proxy_to: ProxyTo, status: int, guard: str
) -> None:
    proxy = proxy_to(bucket.server)
    rig = through(s3_object(tmp_path, bucket), proxy)
    rig.lay(OLD)
    proxy.rule(action=lies.status(status), match=lambda asked: asked.path.endswith(TRIAL_SUFFIX))
    pointer = rig.open()

    pointer.swap(expected=OLD, new=NEW)

    assert pointer.guard == guard
    assert rig.raw() == f"{NEW}\n".encode()


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        (lies.status(503), Transient),
        (lies.status(403), AccessDenied),
        (lies.status(401), AuthFailed),
        (
            lies.status(200, {"Content-Type": "text/html", "ETag": '"x"'}, lies.HTML * 200),
            Permanent,
        ),
        (lies.empty_200(), MigrateError),
        (lies.redirect("http://127.0.0.1:9/"), MigrateError),
        (lies.cut_after(5), MigrateError),
        (lies.hang_up(), ConnectionLost),
    ],
)
def test_an_answer_that_is_no_pointer_changes_nothing(
    tmp_path: Path, bucket: Bucket, proxy_to: ProxyTo, lie: Any, error: type[MigrateError]
) -> None:
    proxy = proxy_to(bucket.server)
    rig = through(s3_object(tmp_path, bucket), proxy)
    rig.lay(OLD)
    proxy.rule(action=lie, match=lambda asked: asked.method == "GET")
    pointer = rig.open()

    with pytest.raises(error):
        pointer.read()
    with pytest.raises(error):
        pointer.swap(expected=OLD, new=NEW)
    assert pointer.check()

    proxy.clear()
    assert rig.raw() == f"{OLD}\n".encode()


def test_what_is_written_beside_the_object_is_kept(tmp_path: Path, bucket: Bucket) -> None:
    rig = s3_object(tmp_path, bucket)
    bucket.client.put_object(
        Bucket=bucket.name, Key=KEY, Body=OLD.encode(), ContentType="text/uri-list",
        CacheControl="no-store", Metadata={"owner": "dpo"},
    )  # fmt: skip

    rig.open().swap(expected=OLD, new=NEW)

    found = bucket.client.head_object(Bucket=bucket.name, Key=KEY)
    assert (found["CacheControl"], found["Metadata"]) == ("no-store", {"owner": "dpo"})
    assert rig.raw() == NEW.encode()  # without a line end, as it was
