"""Bucket operations: making, listing, and the documents that a bucket has."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

from tests.support.strict_s3.objects import OWNED, instant, shown
from tests.support.strict_s3.store import Bucket, Store, Version
from tests.support.strict_s3.words import Reply, Request, S3Error, xml

_DOCUMENTS = {
    "policy": ("NoSuchBucketPolicy", "bucket_policy"),
    "lifecycle": ("NoSuchLifecycleConfiguration", "lifecycle"),
    "encryption": ("ServerSideEncryptionConfigurationNotFoundError", "bucket_encryption"),
    "replication": ("ReplicationConfigurationNotFoundError", "bucket_policy"),
    "tagging": ("NoSuchTagSet", "tags"),
}


_EMPTY = {
    "lifecycle": "LifecycleConfiguration", "replication": "ReplicationConfiguration",
    "encryption": "ServerSideEncryptionConfiguration",
}  # fmt: skip


def list_buckets(store: Store, request: Request) -> Reply:
    del request
    found = [
        {"Name": bucket.name, "CreationDate": instant(bucket.created)}
        for bucket in store.buckets.values()
    ]
    return xml("ListAllMyBucketsResult", {"Owner": {"ID": "owner"}, "Buckets": {"Bucket": found}})


def create_bucket(store: Store, request: Request) -> Reply:
    if request.bucket in store.buckets:
        raise S3Error("BucketAlreadyOwnedByYou")
    bucket = Bucket(request.bucket, store.now())
    if request.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true":
        if not store.manner.object_lock:
            raise S3Error("NotImplemented", "object lock")
        bucket.lock, bucket.versioning = True, "Enabled"
    store.buckets[bucket.name] = bucket
    return Reply(200, {"Location": f"/{bucket.name}"})


def head_bucket(store: Store, request: Request) -> Reply:
    store.bucket(request.bucket)
    return Reply(200)


def delete_bucket(store: Store, request: Request) -> Reply:
    if store.bucket(request.bucket).objects:
        raise S3Error("BucketNotEmpty")
    del store.buckets[request.bucket]
    return Reply(204)


def get_location(store: Store, request: Request) -> Reply:
    store.bucket(request.bucket)
    return xml("LocationConstraint", {})


# --- listings --------------------------------------------------------------------------------


def list_objects_v2(store: Store, request: Request) -> Reply:
    bucket, params = store.bucket(request.bucket), request.params
    token = params.get("continuation-token")
    after = bytes.fromhex(token).decode() if token else params.get("start-after", "")
    keys, groups, more, last = _page(store, bucket, params, after)
    encoded = _encoder(store, params)
    return xml(
        "ListBucketResult",
        {
            "Name": bucket.name, "Prefix": encoded(params.get("prefix", "")),
            "KeyCount": len(keys) + len(groups), "MaxKeys": params.get("max-keys", "1000"),
            "EncodingType": _encoding(store, params), "IsTruncated": more,
            "ContinuationToken": token,
            "NextContinuationToken": last.encode().hex() if more else None,
            "Contents": _contents(store, bucket, keys, encoded),
            "CommonPrefixes": [{"Prefix": encoded(group)} for group in groups],
        },
    )  # fmt: skip


def list_objects(store: Store, request: Request) -> Reply:
    bucket, params = store.bucket(request.bucket), request.params
    keys, groups, more, last = _page(store, bucket, params, params.get("marker", ""))
    encoded = _encoder(store, params)
    return xml(
        "ListBucketResult",
        {
            "Name": bucket.name, "Prefix": encoded(params.get("prefix", "")),
            "Marker": encoded(params.get("marker", "")), "MaxKeys": params.get("max-keys", "1000"),
            "EncodingType": _encoding(store, params), "IsTruncated": more,
            "NextMarker": encoded(last) if more else None,
            "Contents": _contents(store, bucket, keys, encoded),
            "CommonPrefixes": [{"Prefix": encoded(group)} for group in groups],
        },
    )  # fmt: skip


def _page(
    store: Store, bucket: Bucket, params: dict[str, str], after: str
) -> tuple[list[str], list[str], bool, str]:
    """Return keys, common prefixes, whether there is more, and where to go on."""
    prefix, delimiter = params.get("prefix", ""), params.get("delimiter", "")
    size = min(int(params.get("max-keys") or 1000), store.manner.page)
    keys, groups, last = list[str](), list[str](), ""
    for key in bucket.in_order():
        if not key.startswith(prefix) or bucket.current(key) is None:
            continue
        if after and key.encode() <= after.encode():
            continue
        group = ""
        if delimiter and delimiter in key[len(prefix) :]:
            group = prefix + key[len(prefix) :].split(delimiter)[0] + delimiter
            if (groups and groups[-1] == group) or after.startswith(group):
                continue
        if len(keys) + len(groups) == size:
            return keys, groups, True, last
        (groups if group else keys).append(group or key)
        last = group + "\U0010ffff" if group else key
    return keys, groups, False, last


def _encoding(store: Store, params: dict[str, str]) -> str | None:
    return None if store.manner.ignores_encoding else params.get("encoding-type")


def _encoder(store: Store, params: dict[str, str]) -> Any:
    if _encoding(store, params) == "url":
        return lambda text: quote(text.encode("utf-8", "surrogateescape"), safe="/-_.~")
    return str


def _contents(
    store: Store, bucket: Bucket, keys: Iterable[str], encoded: Any
) -> list[dict[str, Any]]:
    found = []
    for key in keys:
        version = bucket.current(key)
        assert version is not None
        found.append(
            {
                "Key": encoded(key), "LastModified": instant(version.at),
                "ETag": shown(store.manner, version.etag), "Size": len(version.body),
                "StorageClass": version.headers.get("x-amz-storage-class", "STANDARD"),
            }
        )  # fmt: skip
    return found


def list_versions(store: Store, request: Request) -> Reply:
    bucket, params = store.bucket(request.bucket), request.params
    prefix, encoded = params.get("prefix", ""), _encoder(store, params)
    size = min(int(params.get("max-keys") or 1000), store.manner.page)
    every = [
        version
        for key in bucket.in_order()
        if key.startswith(prefix)
        for version in reversed(bucket.objects[key])
    ]
    every = every[_after(every, params) :]
    shown, more = every[:size], len(every) > size
    versions = [_listed(bucket, one, encoded) for one in shown if not one.marker]
    markers = [_listed(bucket, one, encoded) for one in shown if one.marker]
    told = {
        "Name": bucket.name, "Prefix": encoded(prefix), "MaxKeys": size, "IsTruncated": more,
        "EncodingType": _encoding(store, params),
        "NextKeyMarker": encoded(shown[-1].key) if more else None,
        "NextVersionIdMarker": shown[-1].id if more else None,
    }  # fmt: skip
    return xml("ListVersionsResult", {**told, "Version": versions, "DeleteMarker": markers})


def _after(every: list[Version], params: dict[str, str]) -> int:
    """Return where a listing of versions goes on behind the markers of a page before."""
    key, number = params.get("key-marker", ""), params.get("version-id-marker")
    for at, one in enumerate(every):
        if one.key == key and one.id == number:
            return at + 1
        if one.key.encode() > key.encode():
            return at
    return len(every)


def _listed(bucket: Bucket, version: Version, encoded: Any) -> dict[str, Any]:
    newest = bucket.objects[version.key][-1] is version
    size = {} if version.marker else {"ETag": f'"{version.etag}"', "Size": len(version.body)}
    return {
        "Key": encoded(version.key), "VersionId": version.id, "IsLatest": newest,
        "LastModified": instant(version.at), **size,
    }  # fmt: skip


# --- documents -------------------------------------------------------------------------------


def get_versioning(store: Store, request: Request) -> Reply:
    bucket = store.bucket(request.bucket)
    _demand(store, "versioning")
    return xml("VersioningConfiguration", {"Status": bucket.versioning or None})


def put_versioning(store: Store, request: Request) -> Reply:
    bucket = store.bucket(request.bucket)
    _demand(store, "versioning")
    status = request.xml("VersioningConfiguration").findtext("Status")
    if status not in {"Enabled", "Suspended"}:
        raise S3Error("MalformedXML")
    if bucket.lock and status != "Enabled":
        raise S3Error("InvalidBucketState")
    bucket.versioning = status
    return Reply(200)


def get_object_lock(store: Store, request: Request) -> Reply:
    bucket = store.bucket(request.bucket)
    _demand(store, "object_lock")
    if not bucket.lock:
        raise S3Error("ObjectLockConfigurationNotFoundError")
    rule = bucket.default_retention
    told: dict[str, Any] = {
        "ObjectLockEnabled": "Enabled",
        "Rule": rule and {"DefaultRetention": rule},
    }
    return xml("ObjectLockConfiguration", told)


def put_object_lock(store: Store, request: Request) -> Reply:
    bucket, told = store.bucket(request.bucket), request.xml("ObjectLockConfiguration")
    _demand(store, "object_lock")
    if not bucket.lock and not (store.manner.lock_later and bucket.versioning == "Enabled"):
        raise S3Error("InvalidBucketState", "object lock is set when a bucket is made")
    bucket.lock = True
    rule = told.find("Rule/DefaultRetention")
    bucket.default_retention = None if rule is None else {e.tag: e.text or "" for e in rule}
    return Reply(200)


def get_acl(store: Store, request: Request) -> Reply:
    store.bucket(request.bucket)
    return xml("AccessControlPolicy", OWNED)


def put_acl(store: Store, request: Request) -> Reply:
    store.bucket(request.bucket)
    return Reply(200)


def get_document(store: Store, request: Request) -> Reply:
    bucket, name = store.bucket(request.bucket), _document(request)
    missing, capability = _DOCUMENTS[name]
    _demand(store, capability)
    if name not in bucket.documents:
        if store.manner.no_rules_is_200 and name in _EMPTY:
            return xml(_EMPTY[name], {})
        raise S3Error(missing)
    kind = "application/json" if name == "policy" else "application/xml"
    return Reply(200, {"Content-Type": kind}, bucket.documents[name])


def put_document(store: Store, request: Request) -> Reply:
    bucket, name = store.bucket(request.bucket), _document(request)
    _demand(store, _DOCUMENTS[name][1])
    if name == "policy":
        _demand_policy(store, request.body)
    bucket.documents[name] = request.body
    return Reply(204 if name == "policy" else 200)


def _demand_policy(store: Store, body: bytes) -> None:
    known = store.manner.policy_actions
    try:
        statements = _many(json.loads(body)["Statement"])
        actions = {_bare(one) for each in statements for one in _many(each.get("Action", []))}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise S3Error("MalformedPolicy") from error
    if known is not None and (other := actions - known - {"*"}):
        raise S3Error("MalformedPolicy", f"Policy has invalid action: {min(other)}")


def delete_document(store: Store, request: Request) -> Reply:
    store.bucket(request.bucket).documents.pop(_document(request), None)
    return Reply(204)


def _document(request: Request) -> str:
    return next(name for name in _DOCUMENTS if name in request.params)


def _demand(store: Store, capability: str) -> None:
    if not getattr(store.manner, capability):
        raise S3Error("NotImplemented", capability)


def judge_policy(store: Store, request: Request, action: str) -> None:
    """Hold a request to the bucket's policy; the bucket's owner is no exception here."""
    bucket = store.buckets.get(request.bucket)
    if bucket is None or "policy" not in bucket.documents:
        return
    resource = f"{bucket.name}/{request.key}" if request.key else bucket.name
    effects = set()
    for statement in _many(json.loads(bucket.documents["policy"])["Statement"]):
        if not _is_about(store.manner.principal, statement.get("Principal")):
            continue
        actions = [_bare(one) for one in _many(statement.get("Action", []))]
        places = [one.rpartition(":::")[2] or one for one in _many(statement.get("Resource", []))]
        if any(fnmatchcase(action, one) for one in actions) and any(
            fnmatchcase(resource, one) for one in places
        ):
            effects.add(statement["Effect"])
    if "Deny" in effects or (store.manner.deny_unless_allowed and "Allow" not in effects):
        raise S3Error("AccessDenied", "the bucket policy denies it")


def _is_about(principal: str | None, told: Any) -> bool:
    """Return whether a statement is about who asks; nobody in particular: each one is."""
    if principal is None or told is None:
        return True
    named = [one for many in told.values() for one in _many(many)] if isinstance(told, dict) else []
    return told == "*" or principal in named or "*" in named


def _bare(action: str) -> str:
    return action.removeprefix("s3:")


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
