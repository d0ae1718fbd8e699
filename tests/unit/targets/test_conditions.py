"""What is not seen of a bucket does not hold, rule by rule, and a policy is read as it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hdh_migrate.targets import profiles
from hdh_migrate.targets.conditions import Condition, conditions
from hdh_migrate.targets.everybody import lets_everybody_in
from hdh_migrate.targets.lifecycles import MovedTo
from hdh_migrate.targets.profiles.nouns import HealthRule
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import Reply
from tests.support.answers import endpoint, refusal, said, xml

RULES = profiles.load("scaleway").health
VERSIONED = replace(RULES[0], see="versioning", wanted=False, name="unversioned")
LISTING = xml("<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>")


def seen(place: S3Endpoint, *more: HealthRule) -> dict[str, Condition]:
    found = conditions(place, [*RULES, *more], "hds", "fr-par")
    return {one.rule: one for one in found}


def holds(place: S3Endpoint) -> dict[str, bool]:
    return {rule: one.holds for rule, one in seen(place, VERSIONED).items()}


def rule_of(name: str) -> HealthRule:
    return next(one for one in profiles.load("generic").health if one.name == name)


NOTHING = {
    "region": False, "private-bucket": False, "no-lifecycle": False, "storage-class": False,
    "bucket-encryption": False, "restricting-policy": False, "replication": False,
    "unversioned": False,
}  # fmt: skip


@pytest.mark.parametrize(
    "reply",
    [
        xml(""), xml("{}"), xml("<html/>"), refusal("AccessDenied", 403),
        refusal("ExpiredToken", 400), refusal("NoSuchBucket", 404), refusal("SlowDown", 503),
        xml("<a/>", 301),
    ],
    ids=["empty", "JSON", "a page", "denied", "expired", "no bucket", "busy", "elsewhere"],
)  # fmt: skip
def test_nothing_holds_of_a_bucket_that_nothing_is_seen_of(reply: Reply) -> None:
    assert holds(said(reply)) == NOTHING


def test_of_a_host_that_knows_no_question_only_what_it_then_cannot_have_holds() -> None:
    has_none = {"no-lifecycle": True, "replication": True}
    assert holds(said(refusal("NotImplemented", 501))) == NOTHING | has_none


def test_of_a_host_that_answers_every_question_with_a_listing_only_the_listing_holds() -> None:
    assert holds(said(LISTING)) == NOTHING | {"storage-class": True}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<LocationConstraint>nl-ams</LocationConstraint>", "region nl-ams"),
        ("<LocationConstraint/>", "region fr-par"),
        ('<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>', "region fr-par"),
        ("<ListBucketResult>fr-par</ListBucketResult>", "the host does not tell"),
    ],
)
def test_an_empty_region_is_the_default_one_and_no_answer_is_none(body: str, found: str) -> None:
    assert seen(said(xml(body)))["region"].seen == found


def test_versioning_that_was_never_set_is_off() -> None:
    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        return xml("<VersioningConfiguration/>" if "versioning" in query else "<a/>")

    found = seen(endpoint(answer)[0], VERSIONED)["unversioned"]
    assert (found.holds, found.seen) == (True, "versioning not on")


def test_a_document_with_nothing_in_it_is_none_and_another_answer_is_no_document() -> None:
    """A host shows an empty configuration, with 200, of a bucket whose encryption is off."""
    roots = {
        "lifecycle": "LifecycleConfiguration", "replication": "ReplicationConfiguration",
        "encryption": "ServerSideEncryptionConfiguration",
    }  # fmt: skip

    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        return xml(next((f"<{root}/>" for name, root in roots.items() if name in query), "<a/>"))

    found = seen(endpoint(answer)[0])
    told = {name: (found[name].holds, found[name].shown, found[name].seen) for name in found}
    assert told["no-lifecycle"] == (True, True, "no lifecycle rule")
    assert told["replication"] == (True, True, "no replication")
    assert told["bucket-encryption"] == (False, True, "encryption not on")


def test_what_a_credential_is_not_shown_is_told_with_the_right_that_shows_it() -> None:
    for one in seen(said(refusal("Forbidden", 403)), VERSIONED).values():
        assert (one.holds, one.shown, one.seen) == (False, False, "not shown to this credential")
        assert one.fix.startswith("give the credential s3:Get") or one.rule == "storage-class"


OPEN: dict[str, dict[str, Any]] = {
    "everybody": {"Principal": "*"},
    "everybody, in a list": {"Principal": {"AWS": ["arn:x", "*"]}},
    "all but one": {"NotPrincipal": {"AWS": "arn:x"}},
    "whoever uses TLS": {
        "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}},
    },
    "whoever sends a header": {
        "Principal": "*", "Condition": {"StringLike": {"aws:Referer": "https://x.example/"}},
    },
    "every network": {
        "Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}},
    },
    "half of all networks": {
        "Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "128.0.0.0/1"}},
    },
    "any account": {
        "Principal": "*", "Condition": {"StringLike": {"aws:PrincipalAccount": "*"}},
    },
    "all networks but one": {
        "Principal": "*", "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    },
    "whoever has no account": {
        "Principal": "*", "Condition": {"StringEqualsIfExists": {"aws:PrincipalAccount": "1"}},
    },
}  # fmt: skip
CLOSED: dict[str, dict[str, Any]] = {
    "one": {"Principal": {"AWS": "arn:x"}},
    "a denial": {"Effect": "Deny", "Principal": "*"},
    "a network": {
        "Principal": "*",
        "Condition": {
            "Bool": {"aws:SecureTransport": "true"}, "IpAddress": {"aws:SourceIp": "10.1.0.0/16"},
        },
    },
    "an endpoint": {
        "Principal": "*", "Condition": {"StringEquals": {"aws:sourceVpce": ["vpce-1", "vpce-2"]}},
    },
}  # fmt: skip


@pytest.mark.parametrize("case", OPEN)
def test_a_statement_that_lets_everybody_in(case: str) -> None:
    assert lets_everybody_in({"Effect": "Allow", "Action": "s3:GetObject", **OPEN[case]})


@pytest.mark.parametrize("case", CLOSED)
def test_a_statement_that_does_not(case: str) -> None:
    assert not lets_everybody_in({"Effect": "Allow", "Action": "s3:GetObject", **CLOSED[case]})


# --- a host that only the plan names -------------------------------------------------------------

EVERYBODY = xml(
    "<AccessControlPolicy><AccessControlList><Grant><Grantee"
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">'
    "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee>"
    "<Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"
)
OPEN_POLICY = Reply(
    status=200,
    body=b'{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]}',
)


@pytest.mark.parametrize("shown", ["acl", "policy"])
@pytest.mark.parametrize("other", [("AccessDenied", 403), ("NotImplemented", 501), ("Odd", 400)])
def test_a_bucket_that_is_seen_to_be_public_is_told_of_any_host(
    shown: str, other: tuple[str, int]
) -> None:
    """With profile `generic` nobody looked."""

    def answer(method: str, path: str, query: Mapping[str, str]) -> Reply:
        if shown in query:
            return EVERYBODY if shown == "acl" else OPEN_POLICY
        return refusal(*other)

    rule = rule_of("private-bucket")
    (found,) = conditions(endpoint(answer)[0], [rule], "hds", "r")
    assert not found.holds
    assert found.seen.endswith("lets everybody in")


def test_what_such_a_host_does_not_show_holds_nothing_back_and_is_said() -> None:
    rule = rule_of("private-bucket")
    (found,) = conditions(said(refusal("AccessDenied", 403)), [rule], "hds", "r")
    assert found.holds
    assert found.seen == "no grant to everybody; not shown: access list, policy"


def test_a_bucket_that_is_not_there_is_not_said_to_be_private_but_to_be_made() -> None:
    """Preflight had its private-bucket as ok, and then told to mend its lifecycle rules."""
    for found in conditions(
        said(refusal("NoSuchBucket", 404)), profiles.load("generic").health, "hds", "r"
    ):
        assert (found.holds, found.seen) == (False, "there is no such bucket")
        assert found.fix.startswith('"hdh-migrate provision PLAN"')


def expiring(rule: str) -> S3Endpoint:
    return said(xml(f"<LifecycleConfiguration><Rule>{rule}</Rule></LifecycleConfiguration>"))


ON = "<Status>Enabled</Status>"
DAYS = "<Expiration><Days>1</Days></Expiration>"


@pytest.mark.parametrize(
    ("rule", "deletes"),
    [
        (f"<Filter/>{ON}{DAYS}", True),
        (f"<Prefix></Prefix>{ON}{DAYS}", True),
        (f"<Filter><Prefix>in/</Prefix></Filter>{ON}{DAYS}", True),
        (f"<Filter><Prefix>in/pmsi/2024/</Prefix></Filter>{ON}{DAYS}", True),
        (f"<Filter><And><Prefix>in/pmsi/</Prefix></And></Filter>{ON}{DAYS}", True),
        (f"<Prefix>in/p</Prefix>{ON}<Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration>",
         True),
        (f"<Filter><Prefix>tmp/</Prefix></Filter>{ON}{DAYS}", False),
        (f"<Filter/><Status>Disabled</Status>{DAYS}", False),
        ((f"<Filter/>{ON}<AbortIncompleteMultipartUpload><DaysAfterInitiation>1"
         "</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), False),
        ((f"<Filter/>{ON}<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
         "</Expiration>"), False),
    ],
)  # fmt: skip
def test_a_rule_that_would_delete_what_is_moved_is_seen(rule: str, deletes: bool) -> None:
    """A batch was switched to a bucket that deleted everything in it a day later."""
    places = [MovedTo(prefix="in/pmsi/")]
    (found,) = conditions(expiring(rule), [rule_of("no-expiry")], "hds", "r", places=places)
    assert found.holds is not deletes
    assert ("1 lifecycle rule deletes by age" in found.seen) is deletes


@pytest.mark.parametrize("every_version", [False, True])
@pytest.mark.parametrize("under", ["", "in/", "tmp/"])
def test_a_rule_that_deletes_earlier_versions_matters_where_they_are_moved(
    under: str, *, every_version: bool
) -> None:
    aged = "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
    rule = f"<Filter><Prefix>{under}</Prefix></Filter>{ON}{aged}</NoncurrentVersionExpiration>"
    places = [MovedTo(prefix="in/pmsi/", every_version=every_version), MovedTo(prefix="tmp/")]
    (found,) = conditions(expiring(rule), [rule_of("no-expiry")], "hds", "r", places=places)
    assert found.holds is not (every_version and under != "tmp/")


def moving(storage: str, name: str = "Transition") -> str:
    return f"<{name}><StorageClass>{storage}</StorageClass></{name}>"


@pytest.mark.parametrize(
    ("rule", "archives"),
    [
        (f"<Filter/>{ON}{moving('GLACIER')}", True),
        (f"<Filter/>{ON}{moving('STANDARD_IA')}{moving('DEEP_ARCHIVE')}", True),
        (f"<Filter><Prefix>in/</Prefix></Filter>{ON}{moving('GLACIER')}{DAYS}", True),
        (f"<Filter/>{ON}{moving('GLACIER_IR')}{moving('ONEZONE_IA')}", False),
        (f"<Filter><Prefix>tmp/</Prefix></Filter>{ON}{moving('GLACIER')}", False),
        (f"<Filter/><Status>Disabled</Status>{moving('GLACIER')}", False),
        (f"<Filter/>{ON}{moving('GLACIER', 'NoncurrentVersionTransition')}", False),
        (f"<Filter/>{ON}{DAYS}", False),
    ],
)
def test_a_rule_that_would_move_into_an_archive_is_seen(rule: str, archives: bool) -> None:
    """Verified objects that nobody could read a month later."""
    places = [MovedTo(prefix="in/pmsi/")]
    (found,) = conditions(expiring(rule), [rule_of("no-archiving")], "hds", "r", places=places)
    assert found.holds is not archives
    assert ("1 lifecycle rule archives by age" in found.seen) is archives


def test_earlier_versions_that_are_archived_matter_where_they_are_moved() -> None:
    rule = f"<Filter/>{ON}{moving('GLACIER', 'NoncurrentVersionTransition')}"
    places = [MovedTo(prefix="in/", every_version=True)]
    (found,) = conditions(expiring(rule), [rule_of("no-archiving")], "hds", "r", places=places)
    assert not found.holds


@pytest.mark.parametrize(
    "reply", [LISTING, refusal("AccessDenied", 403), refusal("NotImplemented", 501)]
)
def test_rules_that_are_not_shown_are_said_not_to_be(reply: Reply) -> None:
    (found,) = conditions(said(reply), [rule_of("no-expiry")], "hds", "r")
    assert found.holds
    assert found.seen.startswith("no rule that deletes")


@pytest.mark.parametrize("name", profiles.names())
def test_every_profile_with_rules_asks_for_what_deletes_or_archives(name: str) -> None:
    seen = {one.see for one in profiles.load(name).health}
    assert not seen or "lifecycle-rules" in seen or seen >= {"seen-expiry", "seen-archiving"}
