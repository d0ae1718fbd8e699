"""What S3 keeps beside an object's bytes: metadata, tags, retention, legal hold, object lock.

Headers carry them in with a write and out with a read; tags, and what a host did not take with the
write, have requests of their own, about one stored version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from hdh_migrate.bounded import count_of, token, word
from hdh_migrate.clocks import http_date, text_of, text_of_seconds
from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    HostRefused,
    Missing,
    Permanent,
    ShortRead,
    StorageError,
    Transient,
)
from hdh_migrate.fixity import EMPTY_SHA256
from hdh_migrate.markup import NotWhole, Unwanted, tree
from hdh_migrate.model import Lock, Stamp, Stored, TargetLimits
from hdh_migrate.targets.lifecycles import ARCHIVES
from hdh_migrate.targets.s3_endpoint import (
    CONTROL_BODY_MAX,
    CONTROL_SECONDS,
    S3Endpoint,
    from_reply,
    translated,
)
from hdh_migrate.transport import Reply

ATTEMPT = "hdh-attempt"
"""The user metadata name under which every object of ours carries its attempt tag."""

CONTENT_TYPE = "application/octet-stream"

_MODE, _UNTIL, _HOLD = (
    f"x-amz-object-lock-{name}" for name in ("mode", "retain-until-date", "legal-hold")
)
_META = "x-amz-meta-"
_META_LENGTH = len(_META)
_ATTEMPT = f"{_META}{ATTEMPT}"
UNLOCKED = Lock()
"""What keeps most objects: nothing."""

_EXPIRY = re.compile(r'expiry-date="([^"]{1,40})"')
_NO_TAGS = frozenset(("NoSuchTagSet", "NoSuchTagSetError"))


# --- in headers ----------------------------------------------------------------------------------


def stamped(stamp: Stamp, limits: TargetLimits) -> dict[str, str]:
    """Return the headers of a PUT that carry a stamp."""
    headers = _labelled(stamp)
    if stamp.tags and limits.tags and limits.tags_with_put:
        headers["x-amz-tagging"] = tagging(stamp.tags)
    return headers


def _labelled(stamp: Stamp) -> dict[str, str]:
    headers = {f"{_META}{name.lower()}": value for name, value in stamp.metadata.items()}
    headers["Content-Type"], headers[_ATTEMPT] = CONTENT_TYPE, stamp.attempt
    return headers


def begun(stamp: Stamp, limits: TargetLimits) -> dict[str, str]:
    """Return the headers that carry a stamp when a multipart upload is begun."""
    headers = _labelled(stamp)
    if stamp.lock is not None:
        headers |= lock_headers(stamp.lock)
    if stamp.tags and limits.tags and limits.tags_with_upload:
        headers["x-amz-tagging"] = tagging(stamp.tags)
    return headers


def tagging(tags: Mapping[str, str]) -> str:
    """Return tags as x-amz-tagging carries them."""
    return urlencode(tags, quote_via=quote)


def lock_headers(lock: Lock) -> dict[str, str]:
    """Return the headers of a PUT that put the object under a lock."""
    headers = {}
    if lock.mode is not None and lock.until is not None:
        headers[_MODE] = lock.mode.upper()
        headers[_UNTIL] = lock.until
    if lock.hold:
        headers[_HOLD] = "ON"
    return headers


def beside_of(reply: Reply) -> dict[str, Any]:
    """Return the fields of `Stored` that a reply's headers tell of what is beside the bytes."""
    count = reply.headers.get("x-amz-tagging-count")
    return {
        "version_id": version_of(reply),
        "metadata": {
            name[_META_LENGTH:]: value
            for name, value in reply.headers.items()
            if name[:_META_LENGTH] == _META  # asked of every header of every object: no call
        },
        "lock": _lock(reply),
        "tag_count": None if count is None else count_of(count),
        "expires": _expires(reply),
        "archived": reply.headers.get("x-amz-storage-class", "").upper() in ARCHIVES
        and 'ongoing-request="false"' not in reply.headers.get("x-amz-restore", ""),
    }


def _expires(reply: Reply) -> str | None:
    """Return when a rule of the bucket's will delete it, as the host announces that.

    Source: "x-amz-expiration" in Amazon S3's API reference, HeadObject.
    """
    text = reply.headers.get("x-amz-expiration")
    if not text:
        return None
    found = _EXPIRY.search(text)
    moment = None if found is None else http_date(found[1])
    return "" if moment is None else text_of_seconds(moment)


def version_of(reply: Reply) -> str | None:
    """Return the version that a reply is about, None where none are kept.

    Raises:
        ShortRead: it is called by what is no name.
    """
    version = reply.headers.get("x-amz-version-id")
    if version and not token(version):
        raise ShortRead("the target calls a version by what is no name")
    return None if version in {None, "", "null"} else version


def _lock(reply: Reply) -> Lock:
    told = reply.headers.get
    mode, until, hold = told(_MODE), told(_UNTIL), told(_HOLD)
    if mode is until is hold is None:
        return UNLOCKED
    return Lock(
        mode=_mode(mode) if mode else None,
        until=_until(until) if until else None,
        hold=(hold or "").upper() == "ON",
    )


# --- in requests of their own --------------------------------------------------------------------


def object_lock_of(endpoint: S3Endpoint, bucket: str) -> bool:
    """Return whether a bucket can keep objects from being deleted (object lock).

    Raises:
        AccessDenied, AuthFailed: the credential may not see it, so that nobody knows.
        HostRefused, Transient: nobody answered.
    """
    try:
        with translated("the bucket's object lock"):
            reply = endpoint.client.get_object_lock_configuration(Bucket=bucket)
    except (AccessDenied, AuthFailed, HostRefused):
        raise
    except Permanent as error:
        if error.code == "NoSuchBucket":
            raise
        return False  # in whichever words: there is none
    return bool(reply.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")


def default_retention_of(endpoint: S3Endpoint, bucket: str) -> str | None:
    """Return in words how long a bucket keeps whatever is written to it, as far as it tells.

    Each run asks, so it needs no SDK.
    """
    try:
        reply = endpoint.send(
            "GET", bucket, "", {"x-amz-content-sha256": EMPTY_SHA256},
            query={"object-lock": ""}, limit=CONTROL_BODY_MAX, stall=CONTROL_SECONDS,
        )  # fmt: skip
        told = tree(reply.body) if 200 <= reply.status < 300 else None
    except (StorageError, NotWhole, Unwanted):
        return None  # whoever wants a lock asks for it, and is told
    rule = None if told is None else told.find("{*}Rule/{*}DefaultRetention")
    if rule is None:
        return None
    units = {unit: word(rule.findtext(f"{{*}}{unit.title()}s") or "") for unit in ("day", "year")}
    lasting = [
        f"{number} {unit}{'' if number == '1' else 's'}" for unit, number in units.items() if number
    ]
    mode = _mode(rule.findtext("{*}Mode") or "")
    return f"{', '.join(lasting)} ({mode})" if lasting else None


def versioning_of(endpoint: S3Endpoint, bucket: str) -> str | None:
    """Return "Enabled" or "Suspended"; None: the bucket never kept versions.

    Raises:
        StorageError: nobody knows: the credential may not see it, or nobody answered.
    """
    with translated("the bucket's versioning"):
        reply = endpoint.client.get_bucket_versioning(Bucket=bucket)
    status = reply.get("Status")
    return status if status in {"Enabled", "Suspended"} else None


def lock_of(endpoint: S3Endpoint, bucket: str, stored: Stored) -> Lock:
    """Ask what keeps one stored version; see `ports.TargetReader.lock`."""
    where = _version(bucket, stored)
    kept: dict[str, Any] = {}
    held: dict[str, Any] = {}
    with suppress(Missing), translated("an object's retention"):
        kept = endpoint.client.get_object_retention(**where).get("Retention", {})
        mode, until = kept.get("Mode"), kept.get("RetainUntilDate")
        kept = {
            "mode": _mode(str(mode)) if mode else None,
            "until": None if until is None else text_of(until),
        }
    with suppress(Missing), translated("an object's legal hold"):
        held = endpoint.client.get_object_legal_hold(**where).get("LegalHold", {})
    return Lock(**kept, hold=held.get("Status") == "ON")


def retain(endpoint: S3Endpoint, bucket: str, stored: Stored, lock: Lock) -> None:
    """Put a stored version under a lock; see `ports.TargetWriter.retain`."""
    where = _version(bucket, stored)
    if lock.mode is not None:
        kept = {"Mode": lock.mode.upper(), "RetainUntilDate": lock.until}
        with translated("an object's retention"):
            endpoint.client.put_object_retention(**where, Retention=kept)
    if lock.hold:
        with translated("an object's legal hold"):
            endpoint.client.put_object_legal_hold(**where, LegalHold={"Status": "ON"})


def tags_of(endpoint: S3Endpoint, bucket: str, stored: Stored) -> dict[str, str]:
    """Ask for the tags of one stored version; see `ports.TargetReader.tags`."""
    version = {"versionId": stored.version_id} if stored.version_id else {}
    reply = endpoint.send(
        "GET", bucket, stored.key, {"x-amz-content-sha256": EMPTY_SHA256},
        query={"tagging": "", **version}, limit=CONTROL_BODY_MAX, stall=CONTROL_SECONDS,
    )  # fmt: skip
    if not 200 <= reply.status < 300:
        error = from_reply(reply, "an object's tags")
        if isinstance(error, Missing) and error.code in _NO_TAGS:
            return {}
        raise error
    try:
        found = tree(reply.body).find("{*}TagSet")
    except (NotWhole, Unwanted):
        found = None
    if found is None:  # an empty 200 is no object without tags
        raise Transient("the target's reply is no list of tags")
    tags = {one.findtext("{*}Key"): one.findtext("{*}Value") or "" for one in found}
    if not all(tags):
        raise Transient("the target's reply has a tag without a name")
    return {name: value for name, value in tags.items() if name}


def tag(endpoint: S3Endpoint, bucket: str, stored: Stored, tags: Mapping[str, str]) -> None:
    """Set the tags of a stored version; see `ports.TargetWriter.tag`."""
    given = [{"Key": name, "Value": value} for name, value in tags.items()]
    with translated("an object's tags"):
        endpoint.client.put_object_tagging(**_version(bucket, stored), Tagging={"TagSet": given})


def _version(bucket: str, stored: Stored) -> dict[str, str]:
    where = {"Bucket": bucket, "Key": stored.key}
    if stored.version_id:
        where["VersionId"] = stored.version_id
    return where


def _mode(text: str) -> str:
    return word(text.lower()) or "unknown"


def _until(text: str) -> str:
    """Return a moment that a header tells, as `Lock.until` has it.

    Raises:
        ShortRead: it is none.
    """
    try:
        return text_of(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise ShortRead("the target keeps an object until no moment that there is") from None
