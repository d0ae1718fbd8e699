"""Whether a bucket has object lock: a denial is no answer, for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hdh_migrate.errors import AccessDenied, AuthFailed, Missing, StorageError
from hdh_migrate.model import Place
from hdh_migrate.targets import profiles
from hdh_migrate.targets.mends import Wish
from hdh_migrate.targets.provisioning import provision
from hdh_migrate.targets.s3_reader import S3Reader
from hdh_migrate.transport import Reply
from tests.support.answers import endpoint, refusal, said, xml
from tests.support.fakes import LIMITS

PLACE = Place(bucket="hds", prefix="")
ON = xml(
    "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
    "</ObjectLockConfiguration>"
)
NONE = refusal("ObjectLockConfigurationNotFoundError", 404)
DENIALS = {
    "may not": (refusal("AccessDenied", 403), AccessDenied),
    "expired": (refusal("ExpiredToken", 400), AuthFailed),
    "wrong": (refusal("InvalidAccessKeyId", 403), AuthFailed),
}


def locks(reply: Reply) -> bool:
    return S3Reader(said(reply), LIMITS).locks(PLACE)


@pytest.mark.parametrize("why", DENIALS)
def test_a_denial_is_not_taken_for_no_lock(why: str) -> None:
    reply, error = DENIALS[why]
    with pytest.raises(error) as refused:
        locks(reply)
    assert refused.value.code


def test_a_lock_is_seen_and_none_is_seen_in_whichever_words() -> None:
    assert locks(ON)
    for reply in (NONE, refusal("InvalidRequest", 400), refusal("NotImplemented", 501)):
        assert not locks(reply)


def test_a_bucket_that_is_not_there_is_told() -> None:
    with pytest.raises(Missing):
        locks(refusal("NoSuchBucket", 404))


@pytest.mark.parametrize("why", DENIALS)
@pytest.mark.parametrize("execute", [True, False])
def test_provisioning_turns_nothing_on_that_it_may_not_see(why: str, execute: bool) -> None:
    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        return DENIALS[why][0] if "object-lock" in query else xml("")

    place, answers = endpoint(answer)
    wish = Wish(bucket="hds", region="r", lock=True, lock_later=True, rules=(), policy=None)

    steps = list(
        provision(place, wish, execute=execute, before=lambda *_: None, keep=lambda *_: "kept")
    )

    assert [method for method, _, _ in answers.asked if method not in {"GET", "HEAD"}] == []
    lock = next(step for step in steps if step.step == "object-lock")
    assert not lock.ok
    assert lock.seen.startswith("not shown")
    assert lock.done.startswith("not done: ")


def test_a_lock_that_is_turned_on_and_not_shown_after_it_is_told() -> None:
    shown = [NONE]

    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        if method == "PUT" or "object-lock" not in query:
            return xml("")
        return shown.pop() if shown else DENIALS["may not"][0]

    place, _ = endpoint(answer)
    wish = Wish(bucket="hds", region="r", lock=True, lock_later=True, rules=(), policy=None)

    steps = list(
        provision(place, wish, execute=True, before=lambda *_: None, keep=lambda *_: "kept")
    )

    assert not steps[-1].ok
    assert steps[-1].done.startswith("done, but seen after it: not shown")


def test_a_region_is_said_once_more_only_where_the_host_asks_for_it() -> None:
    def made(code: str) -> list[str]:
        def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
            return refusal("", 404) if method == "HEAD" else refusal(code, 400)

        place, answers = endpoint(answer)
        wish = Wish(bucket="hds", region="r", lock=False, lock_later=True, rules=(), policy=None)
        with pytest.raises(StorageError) as refused:
            list(
                provision(place, wish, execute=True, before=lambda *_: None, keep=lambda *_: "kept")
            )
        assert refused.value.code == code
        return [method for method, _, _ in answers.asked]

    assert made("IllegalLocationConstraintException") == ["HEAD", "PUT", "PUT", "HEAD"]
    assert made("InvalidBucketName") == ["HEAD", "PUT", "HEAD"]


@pytest.mark.parametrize("execute", [True, False])
def test_provisioning_mends_no_setting_that_it_may_not_see(execute: bool) -> None:
    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        return refusal("AccessDenied", 403) if query else xml("")

    place, answers = endpoint(answer)
    rules = profiles.load("scaleway").health
    wish = Wish(bucket="hds", region="r", lock=False, lock_later=True, rules=rules, policy="{}")

    steps = list(
        provision(place, wish, execute=execute, before=lambda *_: None, keep=lambda *_: "kept")
    )

    assert {method for method, _, _ in answers.asked} == {"GET", "HEAD"}
    assert {step.step for step in steps if step.ok} == {"bucket"}
    assert {step.seen for step in steps if not step.ok} == {"not shown to this credential"}
