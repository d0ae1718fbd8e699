"""What a host refuses and does all the same is seen by looking, not told by its reply."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from hdh_migrate.errors import AccessDenied, Permanent
from hdh_migrate.model import Upload
from hdh_migrate.targets import profiles
from hdh_migrate.targets.mends import Wish
from hdh_migrate.targets.policies import write_policy
from hdh_migrate.targets.provisioning import ProvisionStep, provision
from hdh_migrate.targets.s3 import S3Writer
from hdh_migrate.transport import Reply
from tests.support.answers import endpoint, refusal, xml
from tests.support.fakes import LIMITS

DENIED = refusal("AccessDenied", 403)
UPLOAD = Upload(bucket="hds", key="k", upload_id="u")


def completed(head: Reply) -> str:
    """Complete an upload that is refused, with this to be seen of its key."""
    place, _ = endpoint(lambda method, path, query: head if method == "HEAD" else DENIED)
    return (
        S3Writer(place, LIMITS)
        .complete(UPLOAD, [(1, "p")], size=3, attempt="mine", replaces=None)
        .etag
    )


def test_an_upload_that_was_completed_though_refused_is_the_object() -> None:
    """Its receipt was lost with the refusal, and hours of parts were sent again."""
    mine = {"content_length": "3", "x_amz_meta_hdh_attempt": "mine", "etag": '"e"'}

    assert completed(xml("", 200, **mine)) == "e"
    for other in ({**mine, "x_amz_meta_hdh_attempt": "theirs"}, {**mine, "content_length": "4"}):
        with pytest.raises(AccessDenied):
            completed(xml("", 200, **other))
    with pytest.raises(AccessDenied):
        completed(refusal("", 404))


def steps(done: bool, *, lock: bool = False) -> list[ProvisionStep]:
    """Provision a bucket whose settings are refused, and are made or not."""
    made = set[str]()
    shown = {
        "versioning": "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        "object-lock": "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
        "</ObjectLockConfiguration>",
    }

    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        setting = next((name for name in shown if name in query), None)
        if method == "PUT" and setting is not None:
            made.update([setting] if done else [])
            return DENIED if setting == "object-lock" or not lock else xml("")
        if setting is None:
            return xml("")
        none = refusal("ObjectLockConfigurationNotFoundError", 404)
        empty = none if setting == "object-lock" else xml("<VersioningConfiguration/>")
        return xml(shown[setting]) if setting in made else empty

    place, _ = endpoint(answer)
    rules = [replace(profiles.load("scaleway").health[0], see="versioning", wanted=True)]
    wish = Wish(
        bucket="hds", region="r", lock=lock, lock_later=True, rules=() if lock else rules,
        policy=None,
    )  # fmt: skip
    return list(
        provision(place, wish, execute=True, before=lambda *_: None, keep=lambda *_: "kept")
    )


@pytest.mark.parametrize("lock", [True, False])
def test_a_setting_that_was_made_though_refused_is_not_called_a_failure(lock: bool) -> None:
    step = steps(done=True, lock=lock)[-1]

    assert step.ok
    assert step.done.startswith("done, as is seen, though the host said: ")


@pytest.mark.parametrize("lock", [True, False])
def test_a_setting_that_was_refused_is_a_failure(lock: bool) -> None:
    step = steps(done=False, lock=lock)[-1]

    assert not step.ok
    assert "AccessDenied (HTTP 403)" in step.done


@pytest.mark.parametrize("done", [True, False])
def test_a_bucket_that_was_made_though_refused_is_gone_on_with(done: bool) -> None:
    made = set[str]()

    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        if method == "PUT":
            made.update(["hds"] if done else [])
            return DENIED
        return xml("") if made else refusal("", 404)

    place, _ = endpoint(answer)
    wish = Wish(bucket="hds", region="r", lock=False, lock_later=True, rules=(), policy=None)
    run = provision(place, wish, execute=True, before=lambda *_: None, keep=lambda *_: "kept")
    if not done:
        with pytest.raises(AccessDenied):
            list(run)
        return
    (step,) = run
    assert step.ok
    assert "though the host said" in step.done


@pytest.mark.parametrize("done", [True, False])
def test_a_policy_that_was_set_though_refused_lets_in_whom_it_lets_in(done: bool) -> None:
    """The journal had not said who reads at the host."""
    policy = {"Version": "2012-10-17", "Statement": [{"Sid": "HdhGrantg1"}]}
    there = refusal("NoSuchBucketPolicy", 404)
    if done:
        there = Reply(status=200, body=json.dumps(policy).encode())
    place, _ = endpoint(lambda method, path, query: there if method == "GET" else DENIED)

    if done:
        assert write_policy(place, "hds", policy)
        return
    with pytest.raises(AccessDenied):
        write_policy(place, "hds", policy)


def test_a_refused_policy_that_may_not_be_read_is_told_by_its_refusal() -> None:
    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        return refusal("MalformedPolicy", 400) if method == "PUT" else DENIED

    place, _ = endpoint(answer)
    with pytest.raises(Permanent, match="MalformedPolicy"):
        write_policy(place, "hds", {"Statement": []})


def test_what_somebody_sets_until_right_before_a_removal_is_kept_too() -> None:
    """It was removed with the rest, and stood in no file."""
    rule = (
        "<Rule><ID>{}</ID><Status>Enabled</Status><Filter><Prefix/></Filter>"
        "<Expiration><Days>1</Days></Expiration></Rule>"
    )
    shown, kept = ["a", "a", "ab", "ab", ""], list[set[str]]()

    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        if "lifecycle" not in query:
            return xml("")
        if method == "DELETE":
            del shown[:-1]
            return Reply(status=204)
        ids = shown.pop(0) if len(shown) > 1 else shown[0]
        none = refusal("NoSuchLifecycleConfiguration", 404)
        inside = "".join(map(rule.format, ids))
        return xml(f"<LifecycleConfiguration>{inside}</LifecycleConfiguration>") if ids else none

    def keep(bucket: str, step: str, there: Mapping[str, object]) -> str:
        rules = there["Rules"]
        assert isinstance(rules, list)
        kept.append({one["ID"] for one in rules})
        return f"file {len(kept)}"

    rules = [one for one in profiles.load("generic").health if one.name == "no-expiry"]
    wish = Wish(bucket="hds", region="r", lock=False, lock_later=False, rules=rules, policy=None)
    place, _ = endpoint(answer)
    step = list(provision(place, wish, execute=True, before=lambda *_: None, keep=keep))[-1]

    assert (step.ok, kept, step.kept) == (True, [{"a"}, {"a", "b"}], "file 1, file 2")
