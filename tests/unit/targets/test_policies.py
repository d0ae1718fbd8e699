"""A policy gets a statement of ours and loses it again; everything else in it stays."""

import json

import pytest

from hdh_migrate.errors import Refused
from hdh_migrate.targets import profiles
from hdh_migrate.targets.policies import PolicyDialect, with_statement, without_statement

OTHERS = {"Version": "2012-10-17", "Id": "x", "Statement": [{"Sid": "theirs", "Effect": "Deny"}]}
UNTIL = "2099-12-31T23:59:59Z"
AWS = PolicyDialect(
    version="2012-10-17", principal="AWS", resource="arn:aws:s3:::{resource}", dates=True
)  # fmt: skip


def statement(sid: str = "HdhGrantg1", dialect: PolicyDialect = AWS) -> dict:
    return dialect.statement(
        sid, "hds", "in/", "arn:aws:iam:::user/lab", "2099-12-31T23:59:59Z", versions=True
    )


def test_a_statement_lets_one_principal_read_one_prefix_until_a_moment():
    assert statement() == {
        "Sid": "HdhGrantg1",
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam:::user/lab"]},
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": ["arn:aws:s3:::hds/in/*"],
        "Condition": {"DateLessThanEquals": {"aws:CurrentTime": "2099-12-31T23:59:59Z"}},
    }


def test_ours_is_added_once_and_taken_out_alone():
    policy = with_statement(with_statement(OTHERS, statement(), AWS), statement(), AWS)

    assert policy == {**OTHERS, "Statement": [*OTHERS["Statement"], statement()]}
    assert without_statement(policy, "HdhGrantg1") == OTHERS
    assert without_statement(OTHERS, "HdhGrantg1") == OTHERS


def test_a_policy_of_ours_alone_goes_with_its_last_statement():
    policy = with_statement(None, statement(), AWS)

    assert policy == {"Version": "2012-10-17", "Statement": [statement()]}
    assert without_statement(policy, "HdhGrantg1") is None


def test_one_statement_that_is_no_list_is_kept():
    alone = {"Version": "2012-10-17", "Statement": {"Sid": "theirs", "Effect": "Deny"}}

    assert with_statement(alone, statement(), AWS)["Statement"] == [
        {"Sid": "theirs", "Effect": "Deny"}, statement(),
    ]  # fmt: skip


@pytest.mark.parametrize("name", profiles.names())
def test_every_host_has_a_dialect_or_is_said_to_have_no_policies(name):
    profile = profiles.load(name)
    if not profile.value("bucket_policy"):
        with pytest.raises(Refused, match="no bucket policies"):
            PolicyDialect.of(profile)
        return
    dialect = PolicyDialect.of(profile)
    written = json.dumps(dialect.policy([statement(dialect=dialect)]))
    assert "hds/in/*" in written
    assert ("aws:CurrentTime" in written) is dialect.dates


def test_scaleways_dialect_is_its_own():
    dialect = PolicyDialect.of(profiles.load("scaleway"))

    assert dialect.policy([])["Version"] == "2023-04-17"
    made = dialect.statement(
        "s", "hds", "in/", "application_id:1", "2099-12-31T23:59:59Z", versions=False
    )
    assert (made["Principal"], made["Resource"]) == ({"SCW": ["application_id:1"]}, ["hds/in/*"])
