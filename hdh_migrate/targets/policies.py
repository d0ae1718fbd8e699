"""What a bucket's policy lets a grant's reader do: read some objects, and nothing else.

A bucket has one policy, and others' statements may stand in it: ours has a `Sid` of its own, is
added to what is there and taken out again; everything else stays as it was found. How a host writes
policies is data of its profile.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hdh_migrate.errors import Refused, StorageError, TargetDiffers
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen
from hdh_migrate.targets.profiles.nouns import Profile
from hdh_migrate.targets.s3_bucket import S3Bucket
from hdh_migrate.targets.s3_endpoint import S3Endpoint, from_reply, xml_code
from hdh_migrate.transport import Reply

BucketPolicy = Mapping[str, Any]
"""A bucket policy as it was read or made: JSON of the host's own form."""

PRINCIPAL_MAX: Final = 300
_MEANS_OTHERS: Final = frozenset("*?$")
"""What is no plain character in a policy's resource: wildcards, and where variables begin."""

POLICY_MAX: Final = 20_480
"""Characters of the longest policy that hosts take."""


@frozen
class PolicyDialect:
    """How a host writes a policy that lets somebody read."""

    version: str
    principal: str
    """The namespace of whom is let in."""
    resource: str
    """With `{resource}` for BUCKET/PREFIX*."""
    dates: bool
    """Whether a statement can end by itself."""

    @classmethod
    def of(cls, profile: Profile) -> PolicyDialect:
        """Return what a profile says.

        Raises:
            Refused: the host has no bucket policies, as far as the profile knows.
        """
        if not profile.value("bucket_policy"):
            raise Refused(
                f"{profile.title} has no bucket policies, as far as its profile knows",
                hint="let the host's own console give the reader a read-only credential for these"
                " prefixes; if it has them, say so in a profile of your own (hdh-migrate docs"
                " providers)",
            )
        return cls(
            version=str(profile.value("policy_version")),
            principal=str(profile.value("policy_principal")),
            resource=str(profile.value("policy_resource")),
            dates=bool(profile.value("policy_dates")),
        )

    def statement(
        self, sid: str, bucket: str, prefix: str, principal: str, until: str, *, versions: bool
    ) -> dict[str, Any]:
        """Return a statement that lets a principal read what lies under a prefix, until then.

        With `versions` also single versions of it, which is a right of its own.

        Raises:
            Refused: the prefix would stand for others, too.
        """
        if _MEANS_OTHERS.intersection(prefix):
            raise Refused(
                "the dataset's prefix holds a character that stands for others in a policy"
                f" ({' '.join(sorted(_MEANS_OTHERS))})",
                hint="this policy would let the reader fetch more than the dataset; let the host's"
                " own console give a credential for it; nothing was changed",
            )
        actions = ["s3:GetObject", *(["s3:GetObjectVersion"] if versions else [])]
        ends = {"DateLessThanEquals": {"aws:CurrentTime": until}}
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {self.principal: [principal]},
            "Action": actions,
            "Resource": [self.resource.replace("{resource}", f"{bucket}/{prefix}*")],
            **({"Condition": ends} if self.dates else {}),
        }

    def policy(self, statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return a policy of some statements."""
        return {"Version": self.version, "Statement": list(statements)}


def with_statement(policy: BucketPolicy | None, one: BucketPolicy, dialect: PolicyDialect) -> Any:  # noqa: ANN401 - JSON
    """Return a policy with a statement of ours in it, once."""
    if policy is None:
        return dialect.policy([one])
    others = [each for each in _statements(policy) if each.get("Sid") != one["Sid"]]
    return {**policy, "Statement": [*others, one]}


def without_statement(policy: BucketPolicy, sid: str) -> Any:  # noqa: ANN401 - JSON
    """Return a policy without a statement of ours, None when nothing would be left in it."""
    others = [each for each in _statements(policy) if each.get("Sid") != sid]
    return {**policy, "Statement": others} if others else None


def principal_in(policy: BucketPolicy | None, sid: str) -> str | None:
    """Return whom a statement of ours lets in, None when a policy has no such statement."""
    for one in () if policy is None else _statements(policy):
        if one.get("Sid") == sid:
            return canonical_json(one.get("Principal")).decode(errors="replace")[:PRINCIPAL_MAX]
    return None


def read_policy(endpoint: S3Endpoint, bucket: str) -> BucketPolicy | None:
    """Return the policy of a bucket, None when it has none.

    Raises:
        Refused: it is none that can be read.
        StorageError: the host refuses to show it.
    """
    reply = _asked(endpoint, "GET", bucket)
    if reply.status == 404 and xml_code(reply.body) == "NoSuchBucketPolicy":
        return None
    if reply.status != 200:
        raise from_reply(reply, f"the policy of bucket {bucket}")
    try:
        policy = json.loads(reply.body)
        _statements(policy)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Refused(
            f"bucket {bucket}: its policy is not one that can be read", hint="nothing was changed"
        ) from None
    return dict(policy)


def write_policy(endpoint: S3Endpoint, bucket: str, policy: BucketPolicy | None) -> str | None:
    """Set the policy of a bucket, or remove it, read it back, and return its digest (None: none).

    Raises:
        TargetDiffers: what was read back is not what was set.
        Refused: it is longer than hosts take; nothing was changed.
        StorageError: the host refuses it.
    """
    body = None if policy is None else json.dumps(policy).encode()
    if body is not None and len(body) > POLICY_MAX:
        raise Refused(
            f"bucket {bucket}: its policy would have more than {POLICY_MAX} characters",
            hint="revoke grants that have ended; nothing was changed",
        )
    reply = _asked(endpoint, "DELETE" if body is None else "PUT", bucket, body)
    refused = None
    if not 200 <= reply.status < 300:
        refused = from_reply(reply, f"the policy of bucket {bucket}")
    try:
        seen = read_policy(endpoint, bucket)
    except StorageError as error:
        raise refused or error from None
    if _plain(seen) != _plain(policy):
        if refused is not None:
            raise refused
        raise TargetDiffers(
            f"bucket {bucket}: its policy, read back, is not the one that was set",
            hint="look at it at the host; the same command sets it again",
        )
    return None if seen is None else sha256_hex(canonical_json(seen))


def _asked(endpoint: S3Endpoint, method: str, bucket: str, body: bytes | None = None) -> Reply:
    headers = {}
    if body is not None:
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        headers = {
            "Content-Type": "application/json", "Content-MD5": base64.b64encode(digest).decode(),
        }  # fmt: skip
    return S3Bucket(endpoint, bucket).send(method, "", headers, query={"policy": ""}, body=body)


def _statements(policy: BucketPolicy) -> list[dict[str, Any]]:
    found = policy.get("Statement", [])
    return [dict(one) for one in (found if isinstance(found, list) else [found])]


def _plain(value: object) -> object:
    """Return it as it can be compared: some hosts write one value for a list of one."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        plain = sorted((_plain(one) for one in value), key=canonical_json)
        return plain[0] if len(plain) == 1 else plain
    return value
