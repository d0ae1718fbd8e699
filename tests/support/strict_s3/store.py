"""What a strict server holds: buckets, versions of objects, open uploads. All in memory."""

from __future__ import annotations

import secrets
import unicodedata
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.strict_s3.manner import Manner
from tests.support.strict_s3.words import S3Error


@dataclass(slots=True)
class Retention:
    """Until when a version cannot be deleted."""

    mode: str
    until: datetime


@dataclass(slots=True, kw_only=True)
class Version:
    """One version of an object, or a delete marker."""

    key: str
    body: bytes = b""
    etag: str = ""
    at: datetime
    id: str
    headers: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    retention: Retention | None = None
    hold: bool = False
    marker: bool = False
    parts: tuple[int, ...] = ()


@dataclass(slots=True, kw_only=True)
class Part:
    number: int
    body: bytes
    etag: str
    md5: bytes
    at: datetime


@dataclass(slots=True, kw_only=True)
class Upload:
    """An open multipart upload, with what its object will carry."""

    id: str
    template: Version
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(slots=True)
class Bucket:
    """A bucket and its configuration documents."""

    name: str
    created: datetime
    versioning: str = ""
    lock: bool = False
    default_retention: dict[str, str] | None = None
    documents: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, list[Version]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    _sorted: list[str] | None = None

    def in_order(self) -> list[str]:
        """Return every key in the order of its bytes."""
        if self._sorted is None:
            self._sorted = sorted(self.objects, key=lambda key: key.encode("utf-8", "replace"))
        return self._sorted

    def current(self, key: str) -> Version | None:
        """Return the newest version, None when there is none or it is a delete marker."""
        versions = self.objects.get(key)
        return versions[-1] if versions and not versions[-1].marker else None

    def version(self, key: str, version_id: str | None) -> Version:
        if version_id is None:
            found = self.current(key)
        else:
            found = next((v for v in self.objects.get(key, ()) if v.id == version_id), None)
        if found is None:
            raise S3Error("NoSuchKey" if version_id is None else "NoSuchVersion")
        if found.marker:
            raise S3Error("MethodNotAllowed")
        return found

    def add(self, version: Version) -> None:
        versions = self.objects.setdefault(version.key, [])
        if self.versioning != "Enabled":
            versions[:] = [v for v in versions if v.id != "null"]
        versions.append(version)
        self._sorted = None

    def remove(self, key: str, version_id: str | None, now: datetime, *, bypass: bool) -> Version:
        """Delete as versioning wants it; return what was deleted or the delete marker."""
        versions = self.objects.get(key, [])
        if version_id is None and self.versioning:
            number = self.new_id() if self.versioning == "Enabled" else "null"
            marker = Version(key=key, at=now, id=number, marker=True)
            self.add(marker)
            return marker
        wanted = version_id or "null"
        for version in versions:
            if version.id == wanted:
                _demand_free(version, now, bypass=bypass)
                self.drop(key, wanted)
                return version
        return Version(key=key, at=now, id=wanted)

    def drop(self, key: str, version_id: str) -> None:
        """Let a version be gone, whatever keeps it."""
        left = [one for one in self.objects.pop(key) if one.id != version_id]
        self.objects |= {key: left} if left else {}
        self._sorted = None

    def new_id(self) -> str:
        return secrets.token_hex(16) if self.versioning == "Enabled" else "null"


def _demand_free(version: Version, now: datetime, *, bypass: bool) -> None:
    kept = version.retention
    governed = kept is not None and kept.mode == "GOVERNANCE" and bypass
    if version.hold or (kept is not None and kept.until > now and not governed):
        raise S3Error("AccessDenied", "the version is locked")


class Store:
    """Everything that one server holds."""

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        self.buckets: dict[str, Bucket] = {}
        self.conflicts = 0
        self.conflicted: set[str] = set()
        self.errors = 0
        self.completed: dict[str, tuple[str, str]] = {}
        self._serial = 0

    def copy(self) -> Store:
        """Return another store that holds the same, and nothing of this one."""
        made = Store(self.manner)
        made.buckets, made.completed = deepcopy(self.buckets), dict(self.completed)
        made.conflicts, made._serial = self.conflicts, self._serial
        made.conflicted, made.errors = set(self.conflicted), self.errors
        return made

    def now(self) -> datetime:
        """Return the time by the server's clock."""
        return datetime.now(UTC) + timedelta(seconds=self.manner.clock_offset)

    def bucket(self, name: str) -> Bucket:
        found = self.buckets.get(name)
        if found is None:
            raise S3Error("NoSuchBucket")
        return found

    def key(self, key: str) -> str:
        """Return a key as this server keeps it.

        Raises:
            S3Error: it is too long, or holds what this server does not take.
        """
        manner = self.manner
        if len(key.encode("utf-8", "surrogateescape")) > manner.max_key:
            raise S3Error("KeyTooLongError")
        if manner.spoken_keys and any(ord(c) < 32 or ord(c) == 127 for c in key):
            raise S3Error("InvalidArgument", "control characters in a key")
        try:
            key.encode()
        except UnicodeEncodeError as error:
            raise S3Error("InvalidURI", "a key that is not UTF-8") from error
        if manner.normalise:
            key = unicodedata.normalize("NFC", key)
        return key.lower() if manner.fold_case else key

    def new_upload(self, bucket: Bucket, template: Version) -> Upload:
        self._serial += 1
        upload = Upload(id=f"{self._serial:06d}{secrets.token_hex(12)}", template=template)
        bucket.uploads[upload.id] = upload
        return upload

    def retention_of(self, bucket: Bucket) -> Retention | None:
        """Return what a bucket's default retention means for an object that arrives now."""
        rule: dict[str, Any] | None = bucket.default_retention
        if rule is None:
            return None
        days = int(rule.get("Days") or 0) + 365 * int(rule.get("Years") or 0)
        return Retention(rule["Mode"], self.now() + timedelta(days=days))
