"""Object operations: put, get, head, delete, tags, retention and legal hold."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from tests.support.strict_s3.manner import Condition, Manner
from tests.support.strict_s3.signing import CHECKSUMS
from tests.support.strict_s3.store import Bucket, Retention, Store, Version
from tests.support.strict_s3.words import Reply, Request, S3Error, xml

_KEPT = ("content-type", "content-encoding", "content-language", "content-disposition",
         "cache-control", "expires", "x-amz-storage-class")  # fmt: skip
LOCK = "x-amz-object-lock-"


def put_object(store: Store, request: Request) -> Reply:
    bucket, manner = store.bucket(request.bucket), store.manner
    if len(request.body) > manner.max_put:
        raise S3Error("EntityTooLarge")
    version = template(store, bucket, request)
    if manner.loses_put_tags:
        version.tags = {}
    if manner.mishears_if_match and "if-match" in request.headers:
        raise S3Error("PreconditionFailed")
    refused = held(store, manner.conditional_put, request.headers, bucket.current(version.key))
    demand_digest(store, bucket, request, locked=version.retention is not None or version.hold)
    version.body = request.body
    version.etag = etag_of(request.body) if manner.etag == "md5" else secrets.token_hex(16)
    for name in manner.checksums & CHECKSUMS.keys():
        told = request.headers.get(f"x-amz-checksum-{name}")
        if told is not None:
            version.headers[f"x-amz-checksum-{name}"] = told
    bucket.add(version)
    if refused is not None:
        raise refused
    return Reply(200, {"ETag": shown(manner, version.etag), **_version_header(bucket, version)})


def template(store: Store, bucket: Bucket, request: Request) -> Version:
    """Return the version that a PUT or a CreateMultipartUpload describes, still without bytes.

    Raises:
        S3Error: something of it is over a limit or not to be had here.
    """
    manner, now = store.manner, store.now()
    size = sum(len(name) + len(value) for name, value in request.metadata.items())
    if size > manner.max_metadata:
        raise S3Error("MetadataTooLarge")
    if manner.ascii_metadata and any(not v.isascii() for v in request.metadata.values()):
        raise S3Error("InvalidArgument", "metadata beyond ASCII")
    headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
    for name, value in request.metadata.items():
        kept = name.replace("_", "-") if manner.hyphenates_metadata else name
        headers[f"x-amz-meta-{kept}"] = value
    tags = dict(parse_qsl(request.headers.get("x-amz-tagging", ""), keep_blank_values=True))
    retention, hold = _locked(store, bucket, request.headers)
    return Version(
        key=store.key(request.key), at=now, id=bucket.new_id(), headers=headers,
        tags=_checked_tags(store, tags), retention=retention, hold=hold,
    )  # fmt: skip


def _locked(
    store: Store, bucket: Bucket, headers: Mapping[str, str]
) -> tuple[Retention | None, bool]:
    mode, until = headers.get(f"{LOCK}mode"), headers.get(f"{LOCK}retain-until-date")
    hold = headers.get(f"{LOCK}legal-hold")
    if not (mode or until or hold):
        return store.retention_of(bucket), False
    if not store.manner.object_lock:
        raise S3Error("NotImplemented", "object lock")
    if not bucket.lock:
        raise S3Error("InvalidRequest", "the bucket has no object lock")
    retention = store.retention_of(bucket)
    if mode or until:
        retention = _retention(store, mode, until)
    return retention, hold == "ON"


def _retention(store: Store, mode: str | None, until: str | None) -> Retention:
    if mode not in store.manner.lock_modes or not until:
        raise S3Error("InvalidArgument", "mode and date go together, and the mode must be known")
    moment = datetime.fromisoformat(until)
    if moment <= store.now():
        raise S3Error("InvalidArgument", "the retention ends in the past")
    if (moment - store.now()).total_seconds() < store.manner.min_retention:
        raise S3Error("InvalidArgument", "the retention is too short")
    return Retention(mode, moment)


def demand_digest(store: Store, bucket: Bucket, request: Request, *, locked: bool) -> None:
    """Refuse bytes without Content-MD5 or checksum where they will be under a lock."""
    if not (store.manner.lock_needs_digest and bucket.lock and locked):
        return
    known = request.headers.keys() & {f"x-amz-checksum-{name}" for name in store.manner.checksums}
    if "content-md5" not in request.headers and not known:
        raise S3Error(
            "InvalidRequest",
            "Content-MD5 OR x-amz-checksum- HTTP header is required with object lock",
        )


def held(
    store: Store, mode: Condition, headers: Mapping[str, str], current: Version | None
) -> S3Error | None:
    """Refuse a write whose condition fails; return that where it is done all the same."""
    try:
        precondition(store.manner, mode, headers, current)
    except S3Error as error:
        if not store.manner.does_what_it_refuses:
            raise
        return error
    return None


def precondition(
    manner: Manner, mode: Condition, headers: Mapping[str, str], current: Version | None
) -> None:
    """Hold a write to its If-Match or If-None-Match, in the server's manner."""
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if (match is None and none_match is None) or mode == "ignored":
        return
    if mode == "refused" or none_match not in {None, "*"}:
        raise S3Error("NotImplemented", "a header you provided implies functionality that is not")
    if none_match == "*" and current is not None:
        raise S3Error("PreconditionFailed")
    if match is not None and current is None:
        raise S3Error("PreconditionFailed" if manner.gone_is_412 else "NoSuchKey")
    if match is not None and current is not None and not matches(manner, match, current.etag):
        raise S3Error("PreconditionFailed")


def matches(manner: Manner, told: str, etag: str) -> bool:
    """Return whether a condition names this ETag, in a form in which the server knows it again."""
    return (told if manner.quoting == "bare" else told.strip('"')) == etag


def shown(manner: Manner, etag: str) -> str:
    """Return an ETag as a header or a document shows it."""
    return etag if manner.bare_etags else f'"{etag}"'


def get_object(store: Store, request: Request) -> Reply:
    bucket = store.bucket(request.bucket)
    version = bucket.version(store.key(request.key), request.params.get("versionId"))
    reply = _described(store, bucket, version, request)
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if match is not None and match != "*" and not matches(store.manner, match, version.etag):
        raise S3Error("PreconditionFailed")
    if none_match is not None and none_match.strip('"') == version.etag:
        return Reply(304, {"ETag": shown(store.manner, version.etag)})
    restored = 'ongoing-request="false"' in version.headers.get("x-amz-restore", "")
    archived = version.headers.get("x-amz-storage-class") == "GLACIER" and not restored
    if request.method == "GET" and archived:
        raise S3Error("InvalidObjectState", "The operation is not valid for the storage class")
    wanted = request.headers.get("range")
    if wanted and store.manner.ranges != "ignored":
        start, end = _range(wanted, len(version.body))
        reply.status = 206 if store.manner.ranges == "206" else 200
        reply.headers["Content-Range"] = f"bytes {start}-{end}/{len(version.body)}"
        reply.body = memoryview(version.body)[start : end + 1]
    return reply


def _described(store: Store, bucket: Bucket, version: Version, request: Request) -> Reply:
    checksum = request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    headers = {
        name: value
        for name, value in version.headers.items()
        if checksum or not name.startswith("x-amz-checksum-")
    }
    headers |= {
        "ETag": shown(store.manner, version.etag), "Accept-Ranges": "bytes",
        "Last-Modified": format_datetime(version.at, usegmt=True),
        **_version_header(bucket, version),
    }  # fmt: skip
    if version.retention is not None:
        headers[f"{LOCK}mode"] = version.retention.mode
        headers[f"{LOCK}retain-until-date"] = instant(version.retention.until)
    if version.hold:
        headers[f"{LOCK}legal-hold"] = "ON"
    if version.tags and not store.manner.hides_tag_count:
        headers["x-amz-tagging-count"] = str(len(version.tags))
    if version is bucket.current(version.key) and (ends := _expiry(bucket, version)) is not None:
        headers["x-amz-expiration"] = f'expiry-date="{ends}", rule-id="a rule"'
    headers.setdefault("content-type", "binary/octet-stream")
    return Reply(200, headers, version.body)


def _range(text: str, size: int) -> tuple[int, int]:
    first, dash, last = text.removeprefix("bytes=").partition("-")
    if not dash or not text.startswith("bytes="):
        return 0, size - 1
    if not first:
        return max(0, size - int(last)), size - 1
    start, end = int(first), min(int(last) if last else size - 1, size - 1)
    if start >= size or start > end:
        raise S3Error("InvalidRange")
    return start, end


def delete_object(store: Store, request: Request) -> Reply:
    bucket = store.bucket(request.bucket)
    if store.manner.keeps_removed and "versionId" in request.params:
        return Reply(204)
    bypass = request.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
    key, version_id = store.key(request.key), request.params.get("versionId")
    try:
        gone = bucket.remove(key, version_id, store.now(), bypass=bypass)
    except S3Error:
        if store.manner.does_what_it_refuses:
            bucket.drop(key, str(version_id))
        raise
    headers = _version_header(bucket, gone)
    return Reply(204, {**headers, **({"x-amz-delete-marker": "true"} if gone.marker else {})})


def delete_objects(store: Store, request: Request) -> Reply:
    bucket, told = store.bucket(request.bucket), request.xml("Delete")
    bypass = request.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
    quiet = told.findtext("Quiet", "").lower() == "true"
    deleted, errors = [], []
    for one in told.findall("Object"):
        key, version_id = one.findtext("Key", ""), one.findtext("VersionId")
        entry = {"Key": key, "VersionId": version_id}
        try:
            bucket.remove(store.key(key), version_id, store.now(), bypass=bypass)
        except S3Error as error:
            errors.append({**entry, "Code": error.code, "Message": str(error)})
        else:
            deleted.append(entry)
    return xml("DeleteResult", {"Deleted": [] if quiet else deleted, "Error": errors})


# --- tags and locks --------------------------------------------------------------------------


def _checked_tags(store: Store, tags: dict[str, str]) -> dict[str, str]:
    if tags and not store.manner.tags:
        raise S3Error("NotImplemented", "tags")
    if len(tags) > store.manner.max_tags:
        raise S3Error("InvalidTag", "too many tags")
    if any(len(name) > 128 or len(value) > 256 for name, value in tags.items()):
        raise S3Error("InvalidTag", "a tag is too long")
    return tags


def get_tagging(store: Store, request: Request) -> Reply:
    if not store.manner.tags or store.manner.refuses_put_tagging:
        raise S3Error("NotImplemented", "tags")
    version = _named(store, request)
    tags = [{"Key": name, "Value": value} for name, value in version.tags.items()]
    return xml("Tagging", {"TagSet": {"Tag": tags}})


def put_tagging(store: Store, request: Request) -> Reply:
    if store.manner.refuses_put_tagging:
        raise S3Error("NotImplemented", "tags")
    found = request.xml("Tagging").findall("TagSet/Tag")
    tags = {tag.findtext("Key", ""): tag.findtext("Value", "") for tag in found}
    _named(store, request).tags = _checked_tags(store, tags)
    return Reply(200)


def delete_tagging(store: Store, request: Request) -> Reply:
    _named(store, request).tags = {}
    return Reply(204)


def get_retention(store: Store, request: Request) -> Reply:
    version = _lockable(store, request)
    if version.retention is None:
        raise S3Error("NoSuchObjectLockConfiguration")
    until = instant(version.retention.until)
    return xml("Retention", {"Mode": version.retention.mode, "RetainUntilDate": until})


def put_retention(store: Store, request: Request) -> Reply:
    version, told = _lockable(store, request), request.xml("Retention")
    new = _retention(store, told.findtext("Mode"), told.findtext("RetainUntilDate"))
    old = version.retention
    if old is not None and old.until > store.now() and new.until < old.until:
        bypass = request.headers.get("x-amz-bypass-governance-retention", "").lower() == "true"
        if old.mode == "COMPLIANCE" or not bypass:
            raise S3Error("AccessDenied", "a retention can only be made longer")
    version.retention = new
    return Reply(200)


def get_legal_hold(store: Store, request: Request) -> Reply:
    version = _lockable(store, request)
    return xml("LegalHold", {"Status": "ON" if version.hold else "OFF"})


def put_legal_hold(store: Store, request: Request) -> Reply:
    _lockable(store, request).hold = request.xml("LegalHold").findtext("Status") == "ON"
    return Reply(200)


def get_acl(store: Store, request: Request) -> Reply:
    _named(store, request)
    return xml("AccessControlPolicy", OWNED)


OWNED = {
    "Owner": {"ID": "owner"},
    "AccessControlList": {"Grant": [{"Grantee": {"ID": "owner"}, "Permission": "FULL_CONTROL"}]},
}


def _named(store: Store, request: Request) -> Version:
    bucket = store.bucket(request.bucket)
    return bucket.version(store.key(request.key), request.params.get("versionId"))


def _lockable(store: Store, request: Request) -> Version:
    if not store.manner.object_lock:
        raise S3Error("NotImplemented", "object lock")
    if not store.bucket(request.bucket).lock:
        raise S3Error("InvalidRequest", "the bucket has no object lock")
    return _named(store, request)


def instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def etag_of(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def _expiry(bucket: Bucket, version: Version) -> str | None:
    """Return when an enabled rule of the bucket deletes a current version."""
    document = bucket.documents.get("lifecycle")
    for rule in () if document is None else ET.fromstring(document).iterfind("{*}Rule"):
        days, prefix = rule.findtext("{*}Expiration/{*}Days"), rule.findtext(".//{*}Prefix") or ""
        on = rule.findtext("{*}Status") == "Enabled" and version.key.startswith(prefix)
        if on and days is not None:
            return format_datetime(version.at + timedelta(days=int(days)), usegmt=True)
    return None


def _version_header(bucket: Bucket, version: Version) -> dict[str, str]:
    return {"x-amz-version-id": version.id} if bucket.versioning else {}
