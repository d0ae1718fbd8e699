"""Looks at what a bucket is, without changing anything, and compares it with a profile's rules.

What cannot be seen is not believed: an answer that is refused or not understood is `None`, and a
rule that is not seen to hold does not hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hdh_migrate.errors import AccessDenied, AuthFailed, Missing, Permanent, Transient, Unsupported
from hdh_migrate.targets.profiles.schema import HealthRule
from hdh_migrate.targets.s3_endpoint import S3Endpoint, translated

Value = bool | tuple[str, ...] | None

_EVERYBODY = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")
_NOTHING_THERE = frozenset(
    ("NoSuchLifecycleConfiguration", "NoSuchBucketPolicy", "ReplicationConfigurationNotFoundError",
     "ServerSideEncryptionConfigurationNotFoundError", "NoSuchEncryptionConfiguration",
     "NoSuchReplicationConfiguration")
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One rule at one bucket: what was seen, what is wanted, and what mends it."""

    rule: str
    bucket: str
    holds: bool
    seen: str
    wanted: str
    fix: str
    reason: str
    source: str
    as_of: str
    shown: bool
    """Whether there was an answer at all."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {name: value for name, value in asdict(self).items() if name != "shown"}


def conditions(
    endpoint: S3Endpoint, rules: Sequence[HealthRule], bucket: str, region: str
) -> list[Condition]:
    """Return how a bucket stands to each rule; only questions are asked."""
    looked: dict[str, tuple[Value, str]] = {}
    found = []
    for rule in rules:
        if rule.see not in looked:
            looked[rule.see] = _look(rule.see, endpoint.client, bucket, region)
        value, seen = looked[rule.see]
        found.append(
            Condition(
                rule=rule.name,
                bucket=bucket,
                holds=_holds(value, rule.wanted),
                seen=seen,
                wanted=_wanted(rule.wanted),
                fix=rule.mended_by(bucket=bucket, endpoint=endpoint.url, region=region),
                reason=rule.rule,
                source=rule.source,
                as_of=rule.as_of,
                shown=value is not None,
            )
        )
    return found


def _holds(value: Value, wanted: bool | tuple[str, ...]) -> bool:
    if value is None:
        return False
    if isinstance(wanted, tuple):
        return isinstance(value, tuple) and set(value) <= set(wanted)
    return value is wanted


def _wanted(wanted: bool | tuple[str, ...]) -> str:
    if isinstance(wanted, tuple):
        return "only " + ", ".join(wanted)
    return "yes" if wanted else "none"


def _look(see: str, client: Any, bucket: str, region: str) -> tuple[Value, str]:  # noqa: ANN401 - boto3
    try:
        return _LOOKS[see](client, bucket, region)
    except (AccessDenied, AuthFailed):
        return None, "not shown to this credential"
    except Missing:
        return None, "there is no such bucket"
    except Transient:
        return None, "no answer"
    except (Permanent, ValueError, TypeError, KeyError, AttributeError):
        return None, "no answer that can be understood"


# --- one function for each thing that can be seen ------------------------------------------------


def _region(client: Any, bucket: str, region: str) -> tuple[Value, str]:  # noqa: ANN401 - boto3
    reply = _asked(client.get_bucket_location, bucket)
    found = (reply or {}).get("LocationConstraint") or region
    return (found,), f"region {found}"


def _public_access(client: Any, bucket: str, region: str) -> tuple[Value, str]:  # noqa: ANN401 - boto3
    del region
    acl = _asked(client.get_bucket_acl, bucket)
    if acl is None:
        return None, "the host does not show its access list"
    uris = [str(grant.get("Grantee", {}).get("URI", "")) for grant in acl["Grants"]]
    if any(uri.endswith(_EVERYBODY) for uri in uris):
        return True, "its access list lets everybody in"
    if any(_lets_everybody_in(statement) for statement in _statements(client, bucket)):
        return True, "its policy lets everybody in"
    return False, "no grant to everybody, in access list or policy"


def _lifecycle_rules(client: Any, bucket: str, region: str) -> tuple[Value, str]:  # noqa: ANN401 - boto3
    del region
    reply = _asked(client.get_bucket_lifecycle_configuration, bucket)
    count = 0 if reply is None else len(reply["Rules"])
    return count > 0, f"{count} lifecycle rules" if count else "no lifecycle rule"


def _default_encryption(client: Any, bucket: str, region: str) -> tuple[Value, str]:  # noqa: ANN401 - boto3
    del region
    reply = _asked(client.get_bucket_encryption, bucket)
    rules = () if reply is None else reply["ServerSideEncryptionConfiguration"]["Rules"]
    kinds = [
        str(rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", ""))
        for rule in rules
    ]
    kinds = [kind for kind in kinds if kind]
    return bool(kinds), f"encryption on: {', '.join(kinds)}" if kinds else "encryption not on"


def _bucket_policy(client: Any, bucket: str, region: str) -> tuple[Value, str]:  # noqa: ANN401 - boto3
    del region
    count = len(list(_statements(client, bucket)))
    return count > 0, f"a policy of {count} statements" if count else "no policy"


def _replication(client: Any, bucket: str, region: str) -> tuple[Value, str]:  # noqa: ANN401 - boto3
    del region
    reply = _asked(client.get_bucket_replication, bucket)
    count = 0 if reply is None else len(reply["ReplicationConfiguration"]["Rules"])
    return count > 0, f"{count} replication rules" if count else "no replication"


def _storage_classes(client: Any, bucket: str, region: str) -> tuple[Value, str]:  # noqa: ANN401 - boto3
    del region
    reply = _asked(client.list_objects_v2, bucket) or {}
    # What is written from here on goes to the default class: none is ever asked for.
    found = {"STANDARD"} | {
        str(entry.get("StorageClass") or "STANDARD") for entry in reply.get("Contents", ())
    }
    beyond = ", among its first objects" if reply.get("IsTruncated") else ""
    return tuple(sorted(found)), f"classes {', '.join(sorted(found))}{beyond}"


def _versioning(client: Any, bucket: str, region: str) -> tuple[Value, str]:  # noqa: ANN401 - boto3
    del region
    on = (_asked(client.get_bucket_versioning, bucket) or {}).get("Status") == "Enabled"
    return on, "versioning on" if on else "versioning not on"


_LOOKS: Mapping[str, Callable[[Any, str, str], tuple[Value, str]]] = {
    "region": _region,
    "public-access": _public_access,
    "lifecycle-rules": _lifecycle_rules,
    "default-encryption": _default_encryption,
    "bucket-policy": _bucket_policy,
    "replication": _replication,
    "storage-classes": _storage_classes,
    "versioning": _versioning,
}


def _statements(client: Any, bucket: str) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - boto3
    reply = _asked(client.get_bucket_policy, bucket)
    if reply is None:
        return
    statements = json.loads(reply["Policy"])["Statement"]
    yield from [statements] if isinstance(statements, dict) else statements


def _lets_everybody_in(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    named = [principal]
    if isinstance(principal, dict):
        named = [
            name
            for value in principal.values()
            for name in (value if isinstance(value, list) else [value])
        ]
    return statement.get("Effect") == "Allow" and "*" in named and not statement.get("Condition")


def _asked(call: Callable[..., Any], bucket: str) -> Mapping[str, Any] | None:
    """Return the reply to a question; None when there is no such thing, or no such question.

    Hosts that do not know a question at times answer another one with 200, such as a listing:
    the callers demand the field that a real answer has.
    """
    from botocore.exceptions import ClientError

    try:
        with translated("a bucket's settings"):
            return call(Bucket=bucket)  # type: ignore[no-any-return]
    except Unsupported:
        return None
    except Missing as error:
        cause = error.__cause__
        code = cause.response.get("Error", {}).get("Code") if isinstance(cause, ClientError) else ""
        if code in _NOTHING_THERE:
            return None
        raise
