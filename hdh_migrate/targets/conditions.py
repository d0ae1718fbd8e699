"""Looks at what a bucket is, without changing anything, and compares it with a profile's rules.

What cannot be seen is not believed: an answer that is refused or not understood is `None`, and a
rule that is not seen to hold does not hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

from hdh_migrate.bounded import word
from hdh_migrate.errors import AccessDenied, AuthFailed, Missing, Permanent, Transient, Unsupported
from hdh_migrate.fixity import EMPTY_SHA256
from hdh_migrate.frozen import frozen
from hdh_migrate.markup import SMALL_MAX, tree
from hdh_migrate.results.moves import ConditionFact
from hdh_migrate.targets.everybody import lets_everybody_in
from hdh_migrate.targets.lifecycles import EVERYWHERE, LIFECYCLES, MovedTo
from hdh_migrate.targets.profiles.nouns import HealthRule
from hdh_migrate.targets.s3_endpoint import PROVISION, S3Endpoint, from_reply, translated
from hdh_migrate.telemetry import counted

Value = bool | tuple[str, ...] | None
Look = Callable[[S3Endpoint, str, str], tuple[Value, str]]

NOT_SHOWN = "; not shown: "
"""Stands in what was seen where a host shows only a part of what was asked for."""

_NO_BUCKET = "there is no such bucket"
_DENIED = "not shown to this credential"
_EVERYBODY = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")
_WHAT = "a bucket's settings"
_NOTHING_THERE = frozenset(
    ("NoSuchLifecycleConfiguration", "NoSuchBucketPolicy", "ReplicationConfigurationNotFoundError",
     "ServerSideEncryptionConfigurationNotFoundError", "NoSuchEncryptionConfiguration",
     "NoSuchReplicationConfiguration")
)  # fmt: skip


@frozen
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

    def as_json(self) -> ConditionFact:
        """Return it as JSON."""
        return {
            "rule": self.rule,
            "bucket": self.bucket,
            "holds": self.holds,
            "seen": self.seen,
            "wanted": self.wanted,
            "fix": self.fix,
            "reason": self.reason,
            "source": self.source,
            "as_of": self.as_of,
        }


def conditions(
    endpoint: S3Endpoint,
    rules: Sequence[HealthRule],
    bucket: str,
    region: str,
    *,
    places: Sequence[MovedTo] = EVERYWHERE,
    demand: bool = False,
) -> list[Condition]:
    """Return how a bucket stands to each rule; only questions are asked.

    `places`: whose objects a rule that deletes or archives by age must leave alone.

    Raises:
        Transient: an answer is demanded, and none came.
    """
    looked: dict[str, tuple[Value, str]] = {}
    found = []
    for rule in rules:
        if rule.see not in looked:
            ages = rule.see in LIFECYCLES
            look = partial(_by_age, rule.see, places) if ages else _LOOKS[rule.see]
            looked[rule.see] = _look(look, endpoint, bucket, region, demand=demand)
        value, seen = looked[rule.see]
        found.append(
            Condition(
                rule=rule.name,
                bucket=bucket,
                holds=_holds(value, rule.wanted),
                seen=seen,
                wanted=_wanted(rule.wanted),
                fix=_fix(rule, seen, bucket, endpoint.url, region),
                reason=rule.rule,
                source=rule.source,
                as_of=rule.as_of,
                shown=value is not None,
            )
        )
    return found


def _fix(rule: HealthRule, seen: str, bucket: str, endpoint: str, region: str) -> str:
    """Say what mends a rule that does not hold; what is not shown may be as it must be."""
    if seen == _NO_BUCKET:
        return PROVISION
    mend = rule.mended_by(bucket=bucket, endpoint=endpoint, region=region)
    if seen != _DENIED:
        return mend
    return f"give the credential {SHOWN_BY[rule.see]}, which shows it; if it is not so yet: {mend}"


SHOWN_BY: Mapping[str, str] = {
    "region": "s3:GetBucketLocation",
    "public-access": "s3:GetBucketAcl and s3:GetBucketPolicy",
    "seen-public": "s3:GetBucketAcl and s3:GetBucketPolicy",
    "lifecycle-rules": "s3:GetLifecycleConfiguration",
    **dict.fromkeys(LIFECYCLES, "s3:GetLifecycleConfiguration"),
    "default-encryption": "s3:GetEncryptionConfiguration",
    "bucket-policy": "s3:GetBucketPolicy",
    "replication": "s3:GetReplicationConfiguration",
    "storage-classes": "s3:ListBucket",
    "versioning": "s3:GetBucketVersioning",
}
"""Which right shows what is looked at."""


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


def _look(
    look: Look, endpoint: S3Endpoint, bucket: str, region: str, *, demand: bool
) -> tuple[Value, str]:
    try:
        return look(endpoint, bucket, region)
    except (AccessDenied, AuthFailed):
        return None, _DENIED
    except Missing:
        return None, _NO_BUCKET
    except Transient:
        if demand:
            raise
        return None, "no answer"
    except Unsupported:
        return None, _UNKNOWN
    except _UNCLEAR:
        return None, "no answer that can be understood"


_UNCLEAR = (Permanent, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What an answer that is none to the question may become."""


# --- one function for each thing that can be seen ------------------------------------------------

_UNKNOWN = "the host does not tell"


def _region(endpoint: S3Endpoint, bucket: str, region: str) -> tuple[Value, str]:
    reply = _answer(endpoint, bucket, "location", "LocationConstraint")
    if reply is None:
        return None, _UNKNOWN
    text = (reply.text or "").strip()
    found = _named(text) if text else region  # empty: the host's default region
    return (found,), f"region {found}"


def _public_access(endpoint: S3Endpoint, bucket: str, region: str) -> tuple[Value, str]:
    del region
    listed = _listed_public(endpoint, bucket)
    if listed is None:
        return None, "the host does not show its access list"
    if listed:
        return True, "its access list lets everybody in"
    if _policy_public(endpoint, bucket):
        return True, "its policy lets everybody in"
    return False, "no grant to everybody, in access list or policy"


def _listed_public(endpoint: S3Endpoint, bucket: str) -> bool | None:
    acl = _asked(endpoint.client.get_bucket_acl, bucket)
    if acl is None:
        return None
    uris = [str(grant.get("Grantee", {}).get("URI", "")) for grant in acl["Grants"]]
    return any(uri.endswith(_EVERYBODY) for uri in uris)


def _policy_public(endpoint: S3Endpoint, bucket: str) -> bool:
    return any(lets_everybody_in(statement) for statement in _statements(endpoint, bucket))


def _seen_public(endpoint: S3Endpoint, bucket: str, region: str) -> tuple[Value, str]:
    """Look as `_public_access` does, of a host of which nobody knows what it shows, and to whom."""
    del region
    unseen = []
    for what, look in (("access list", _listed_public), ("policy", _policy_public)):
        public: bool | None = None
        try:
            public = look(endpoint, bucket)
        except Missing as error:
            if error.code == "NoSuchBucket":  # nothing can be said of what is not there
                raise
        except _UNCLEAR:
            pass
        if public:
            return True, f"its {what} lets everybody in"
        if public is None:
            unseen.append(what)
    not_shown = f"{NOT_SHOWN}{', '.join(unseen)}" if unseen else ""
    return False, f"no grant to everybody{not_shown}"


def _lifecycle_rules(endpoint: S3Endpoint, bucket: str, region: str) -> tuple[Value, str]:
    del region
    count = len(_rules(endpoint, bucket, "lifecycle"))
    return count > 0, counted(count, "lifecycle rule") if count else "no lifecycle rule"


def _by_age(
    see: str, places: Sequence[MovedTo], endpoint: S3Endpoint, bucket: str, region: str
) -> tuple[Value, str]:
    """Look for rules that take away what is moved; of a host that shows none, none is known of."""
    del region
    judges, does = LIFECYCLES[see]
    try:
        count = sum(judges(rule, places) for rule in _rules(endpoint, bucket, "lifecycle"))
    except _UNCLEAR as error:
        if isinstance(error, Missing) and error.code == "NoSuchBucket":
            raise
        return False, f"no rule that {does}{NOT_SHOWN}lifecycle rules"
    if not count:
        return False, f"no rule that {does} what is moved"
    whose = counted(count, f"lifecycle rule {does}", f"lifecycle rules {does.removesuffix('s')}")
    return True, f"{whose} by age"


def _default_encryption(endpoint: S3Endpoint, bucket: str, region: str) -> tuple[Value, str]:
    del region
    kinds = [
        rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "")
        for rule in _rules(endpoint, bucket, "encryption")
    ]
    kinds = [_named(kind) for kind in kinds if kind]
    return bool(kinds), f"encryption on: {', '.join(kinds)}" if kinds else "encryption not on"


def _bucket_policy(endpoint: S3Endpoint, bucket: str, region: str) -> tuple[Value, str]:
    del region
    count = len(list(_statements(endpoint, bucket)))
    return count > 0, f"a policy of {count} statements" if count else "no policy"


def _replication(endpoint: S3Endpoint, bucket: str, region: str) -> tuple[Value, str]:
    del region
    count = len(_rules(endpoint, bucket, "replication"))
    return count > 0, counted(count, "replication rule") if count else "no replication"


def _storage_classes(endpoint: S3Endpoint, bucket: str, region: str) -> tuple[Value, str]:
    del region
    reply = _asked(endpoint.client.list_objects_v2, bucket)
    if reply is None or not {"KeyCount", "IsTruncated"} & reply.keys():
        return None, _UNKNOWN
    # What is written from here on goes to the default class: none is ever asked for.
    found = {"STANDARD"} | {
        _named(entry.get("StorageClass") or "STANDARD") for entry in reply.get("Contents", ())
    }
    beyond = ", among its first objects" if reply.get("IsTruncated") else ""
    return tuple(sorted(found)), f"classes {', '.join(sorted(found))}{beyond}"


def _versioning(endpoint: S3Endpoint, bucket: str, region: str) -> tuple[Value, str]:
    del region
    reply = _answer(endpoint, bucket, "versioning", "VersioningConfiguration")
    if reply is None:
        return None, _UNKNOWN
    on = reply.findtext("{*}Status") == "Enabled"
    return on, "versioning on" if on else "versioning not on"


_LOOKS: Mapping[str, Look] = {
    "region": _region,
    "public-access": _public_access,
    "seen-public": _seen_public,
    "lifecycle-rules": _lifecycle_rules,
    "default-encryption": _default_encryption,
    "bucket-policy": _bucket_policy,
    "replication": _replication,
    "storage-classes": _storage_classes,
    "versioning": _versioning,
}


def _named(text: str) -> str:
    """Return what a host names; it stands in evidence.

    Raises:
        ValueError: it is no name.
    """
    if not word(text):
        raise ValueError("no name")
    return text


# --- policies ------------------------------------------------------------------------------------


def _statements(endpoint: S3Endpoint, bucket: str) -> Iterator[Mapping[str, Any]]:
    reply = _asked(endpoint.client.get_bucket_policy, bucket)
    if reply is None:
        return
    statements = json.loads(reply["Policy"])["Statement"]
    yield from [statements] if isinstance(statements, dict) else statements


# --- asking --------------------------------------------------------------------------------------


def _answer(endpoint: S3Endpoint, bucket: str, question: str, answer: str) -> ET.Element | None:
    """Return the document that answers a question; None when another one came.

    Where botocore reads an empty answer and none at all alike.
    """
    signed = {"x-amz-content-sha256": EMPTY_SHA256}
    reply = endpoint.send("GET", bucket, "", signed, query={question: ""}, limit=SMALL_MAX)
    if reply.status != 200:
        raise from_reply(reply, _WHAT)
    root = tree(reply.body)
    return root if root.tag.rpartition("}")[2] == answer else None


_DOCUMENTS: Mapping[str, tuple[str, str, bool]] = {
    "lifecycle": ("get_bucket_lifecycle_configuration", "LifecycleConfiguration", False),
    "encryption": ("get_bucket_encryption", "ServerSideEncryptionConfiguration", True),
    "replication": ("get_bucket_replication", "ReplicationConfiguration", True),
}
"""By question: botocore's call, the document's root, and whether the reply has it under that."""


def _rules(endpoint: S3Endpoint, bucket: str, question: str) -> Sequence[Any]:
    """Return the rules of one of a bucket's documents.

    Raises:
        KeyError: another question was answered.
    """
    call, root, inside = _DOCUMENTS[question]
    found = _asked(getattr(endpoint.client, call), bucket)
    if found is not None and inside:
        found = found[root]
    if found is None:
        return ()
    if "Rules" not in found and _answer(endpoint, bucket, question, root) is not None:
        return ()  # hosts were seen that show an empty document where there is none
    return found["Rules"]  # type: ignore[no-any-return]


def _asked(call: Callable[..., Any], bucket: str) -> Mapping[str, Any] | None:
    """Return the reply to a question; None when there is no such thing, or no such question.

    Hosts that do not know a question at times answer another one with 200, such as a listing:
    the callers demand the field that a real answer has.
    """
    try:
        with translated(_WHAT):
            return call(Bucket=bucket)  # type: ignore[no-any-return]
    except Unsupported:
        return None
    except Missing as error:
        if error.code in _NOTHING_THERE:
            return None
        raise
