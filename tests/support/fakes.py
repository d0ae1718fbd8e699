"""A source and a target in memory. They obey the ports, and do what a script asks of them.

`tests/contract` runs the same suites over these and over the real adapters on real servers.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hdh_migrate.errors import (
    AccessDenied,
    Conflict,
    Missing,
    ObjectArchived,
    Permanent,
    ShortRead,
    SourceChanged,
    Transient,
    Unsupported,
)
from hdh_migrate.model import (
    Brief,
    Lock,
    ObjectInfo,
    Page,
    PartInfo,
    Place,
    Problem,
    Span,
    Stamp,
    Stored,
    StoredVersion,
    TargetLimits,
    Untagged,
    Upload,
    key_bytes,
)
from hdh_migrate.ports.stores import Note, Write
from tests.support.script import Script

ATTEMPT = "hdh-attempt"
PIECE = 40_000
MODIFIED = "2026-01-02T03:04:05Z"

LIMITS = TargetLimits(
    max_parts=10_000,
    min_part=5 << 20,
    max_part=5 << 30,
    max_put=5 << 30,
    max_object=5 << 40,
)


@dataclass(slots=True)
class Blob:
    """One object of the fake source."""

    data: bytes = field(repr=False)
    info: ObjectInfo


class FakeSource:
    """Objects in memory. What it lists can be changed between calls, and lies can be told."""

    lists_at_once = reads_together = False

    def __init__(self, script: Script | None = None, *, page_size: int = 3) -> None:
        self.script = script or Script()
        self.page_size = page_size
        self.problems: list[Problem] = []
        self.untagged_for: Untagged | None = None
        self.noted: Sequence[Note] = ()
        self._blobs: dict[tuple[str, str], Blob] = {}
        self._empty: set[str] = set()
        self._told: dict[str, list[dict[str, object]]] = {}
        self._versions = 0
        self._drifts: dict[str, list[bytes]] = {}
        self._drifts_after: dict[str, list[bytes]] = {}

    # --- what a test does to it ----------------------------------------------------------------

    def make(self, bucket: str) -> None:
        """Have a container that needs no object to be there."""
        self._empty.add(bucket)

    def put(self, bucket: str, key: str, data: bytes, **more: object) -> None:
        """Store an object, or another version of it."""
        self._versions += 1
        info = ObjectInfo(
            key=key,
            size=len(data),
            version=f"v{self._versions}",
            modified=MODIFIED,
            **more,  # type: ignore[arg-type]  # fields of ObjectInfo
        )
        self._blobs[bucket, key] = Blob(data, info)

    def tell(self, key: str, *listings: dict[str, object]) -> None:
        """Let each of the next listings, of either sort, tell other fields of an object."""
        self._told[key] = list(listings)

    def touch(self, bucket: str, key: str, **more: object) -> None:
        """Describe an object otherwise from now on, under the same version."""
        blob = self._blobs[bucket, key]
        blob.info = replace(blob.info, **more)  # type: ignore[arg-type]  # fields of ObjectInfo

    def drop(self, bucket: str, key: str) -> None:
        del self._blobs[bucket, key]

    def data(self, bucket: str, key: str) -> bytes:
        return self._blobs[bucket, key].data

    def version(self, bucket: str, key: str) -> str:
        return self._blobs[bucket, key].info.version

    def lie(self, bucket: str, key: str, data: bytes) -> None:
        """Give other bytes from now on, of the same size and under the same version."""
        found = self._blobs[bucket, key]
        assert len(data) == len(found.data)
        found.data = data

    def drift(self, key: str, *versions: bytes, midway: bool = False) -> None:
        """Replace the object just before each of the next reads; `midway`, during them."""
        (self._drifts_after if midway else self._drifts)[key] = list(versions)

    # --- the port ------------------------------------------------------------------------------

    def check(self, place: Place, *, checked: bool = False) -> Sequence[Problem]:
        with self.script.call("check"):
            if self._is_there(place):
                return list(self.problems)
            return [Problem(where=place.bucket, what="there is no such container")]

    def pages(self, place: Place, *, marker: str | None = None) -> Iterator[Page]:
        found = self._listed(place)
        after = int(marker) if marker else 0
        for start in range(after, max(len(found), after + 1), self.page_size):
            with self.script.call("page"):
                end = start + self.page_size
                page = tuple(found[start:end])
            yield Page(objects=page, marker=str(end) if end < len(found) else None)

    def recount(self, place: Place) -> Iterator[Brief]:
        with self.script.call("recount"):
            found = self._listed(place)
        yield from (Brief(info.key, info.size, info.version, info.kind, info.md5) for info in found)

    def untagged(self, place: Place) -> Untagged | None:
        return self.untagged_for

    def notes(self, place: Place) -> Sequence[Note]:
        return self.noted

    def head(self, place: Place, key: str) -> ObjectInfo:
        with self.script.call("head source"):
            return self._blob(place, key).info

    def listed(self, place: Place, key: str) -> ObjectInfo:
        return self.head(place, key)

    def read(
        self, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
    ) -> None:
        with self.script.call("read source checked" if checked else "read source"):
            self._change(place, obj.key, self._drifts)
            blob = self._blob(place, obj.key)
            if blob.info.kind == "archived":
                raise ObjectArchived("the source's object: BlobArchived (HTTP 409)")
            _same(blob, obj)
            for at in range(span.start, span.end, PIECE):
                write(blob.data[at : min(at + PIECE, span.end)])
            self._change(place, obj.key, self._drifts_after)
            _same(self._blob(place, obj.key), obj)

    def _under(self, place: Place) -> list[ObjectInfo]:
        found = [
            blob.info
            for (bucket, key), blob in self._blobs.items()
            if bucket == place.bucket and key.startswith(place.prefix)
        ]
        if not self._is_there(place):
            raise Missing("the source's container: ContainerNotFound (HTTP 404)")
        return sorted(found, key=lambda info: key_bytes(info.key))

    def _is_there(self, place: Place) -> bool:
        return place.bucket in self._empty | {bucket for bucket, _ in self._blobs}

    def _listed(self, place: Place) -> list[ObjectInfo]:
        """Return what one listing tells, which may not be so."""
        return [
            replace(info, **self._told[info.key].pop(0))  # type: ignore[arg-type]
            if self._told.get(info.key)
            else info
            for info in self._under(place)
        ]

    def _blob(self, place: Place, key: str) -> Blob:
        try:
            return self._blobs[place.bucket, key]
        except KeyError:
            raise Missing("a source object is gone") from None

    def _change(self, place: Place, key: str, drifts: dict[str, list[bytes]]) -> None:
        if drifts.get(key):
            self.put(place.bucket, key, drifts[key].pop(0))


def _same(blob: Blob, obj: ObjectInfo) -> None:
    now = blob.info
    if (now.version, now.size, now.kind) != (obj.version, obj.size, obj.kind):
        raise SourceChanged("a source object changed since inventory")


@dataclass(slots=True)
class _Object:
    data: bytes = field(repr=False)
    stored: Stored
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part with its ETag: to make that takes longer than all else that is done with a part."""

    data: bytes = field(repr=False)
    etag: str


@dataclass(slots=True)
class _Open:
    upload: Upload
    stamp: Stamp
    parts: dict[int, _Part] = field(default_factory=dict)

    def take(self, number: int, data: bytes) -> str:
        """Keep a part; return its ETag."""
        part = self.parts[number] = _Part(data, _etag(data))
        return part.etag


class FakeTarget:
    """Buckets in memory, with the conditions and multipart uploads of S3."""

    def __init__(self, *buckets: str, limits: TargetLimits = LIMITS, script: Script | None = None):
        self.limits = limits
        self.reads_together = False
        self.script = script or Script()
        self.problems: list[Problem] = []
        self.object_lock = True
        self.loses_upload_tags = False
        self.keeps_tags = True
        self._buckets: dict[str, dict[str, _Object]] = {name: {} for name in buckets}
        self._open: dict[str, _Open] = {}
        self._uploads = 0
        self._lock = threading.RLock()
        self.left: dict[tuple[str, int], list[bytes]] = {}
        """What came here of each part, by upload and number, acknowledged or not."""

    # --- what a test looks at or does to it ------------------------------------------------------

    def data(self, bucket: str, key: str) -> bytes:
        return self._buckets[bucket][key].data

    def tags_at(self, bucket: str, key: str) -> Mapping[str, str]:
        return self._buckets[bucket][key].tags

    def uploads(self) -> list[str]:
        """Return the keys of all open uploads."""
        return sorted(one.upload.key for one in self._open.values())

    def forget_uploads(self) -> None:
        self._open.clear()

    def keep(self, bucket: str, key: str, data: bytes) -> None:
        """Let somebody else store an object."""
        stamp = Stamp(attempt="", metadata={"owner": "somebody"})
        self._store(bucket, self._object(key, data, stamp))

    def spoil(self, bucket: str, key: str, offset: int) -> None:
        """Flip a bit on the disk: the ETag stays."""
        found = self._buckets[bucket][key]
        data = bytearray(found.data)
        data[offset] ^= 1
        self._buckets[bucket][key] = replace(found, data=bytes(data))

    def rewrite(
        self, bucket: str, key: str, *, tags: Mapping[str, str] | None = None, **metadata: str
    ) -> None:
        """Copy an object onto itself with this metadata alone: bytes and ETag stay."""
        found = self._buckets[bucket][key]
        stored = replace(found.stored, metadata=metadata)
        kept = found.tags if tags is None else tags
        self._buckets[bucket][key] = replace(found, stored=stored, tags=kept)

    def announce(self, bucket: str, key: str, expires: str | None) -> None:
        """Let a rule of the bucket be about to delete an object."""
        found = self._buckets[bucket][key]
        self._buckets[bucket][key] = replace(found, stored=replace(found.stored, expires=expires))

    def drop(self, bucket: str, key: str) -> None:
        del self._buckets[bucket][key]

    # --- reading ---------------------------------------------------------------------------------

    def check(self, place: Place) -> Sequence[Problem]:
        with self.script.call("check target"):
            if place.bucket not in self._buckets:
                return [Problem(where=place.bucket, what="there is no such bucket")]
            return list(self.problems)

    def keys(self, place: Place) -> Iterator[Stored]:
        with self.script.call("keys"):
            held = self._bucket(place.bucket)
            found = [held[key].stored for key in sorted(held) if key.startswith(place.prefix)]
        yield from (replace(stored, metadata={}) for stored in found)

    def keeps_versions(self, place: Place) -> bool:
        with self.script.call("keeps_versions"):
            return False

    def has_kept_versions(self, place: Place) -> bool:
        return self.keeps_versions(place)

    def versions(self, place: Place) -> Iterator[StoredVersion]:
        with self.script.call("versions"):
            yield from ()

    def locks(self, place: Place) -> bool:
        with self.script.call("locks"):
            return self.object_lock and place.bucket in self._buckets

    def default_retention(self, place: Place) -> str | None:
        with self.script.call("default_retention"):
            return None

    def lock(self, bucket: str, stored: Stored) -> Lock:
        with self.script.call("lock"):
            return self._bucket(bucket)[stored.key].stored.lock

    def tags(self, bucket: str, stored: Stored) -> Mapping[str, str]:
        with self.script.call("tags"):
            return self._bucket(bucket)[stored.key].tags

    def head(self, bucket: str, key: str, *, version_id: str | None = None) -> Stored | None:
        with self.script.call("head"):
            if len(key_bytes(key)) > self.limits.max_key:
                raise Permanent("a target object: no reason given (HTTP 400)")
            found = self._bucket(bucket).get(key)
            return found.stored if found else None

    def read(self, bucket: str, stored: Stored, span: Span | None, write: Write) -> Stored:
        with self.script.call("read"):
            found = self._bucket(bucket).get(stored.key)
            if found is None:
                raise Missing("a target object: NoSuchKey (HTTP 404)")
            if stored.etag and found.stored.etag != stored.etag:
                raise Conflict("the target holds another object than the one that was stored")
            whole = span or Span(0, stored.size)
            if whole.end > len(found.data) or (span is None and stored.size != len(found.data)):
                raise ShortRead("the target announced another length than was stored")
            for at in range(whole.start, whole.end, PIECE):
                write(found.data[at : min(at + PIECE, whole.end)])
            return found.stored

    # --- writing ---------------------------------------------------------------------------------

    def put(
        self,
        bucket: str,
        key: str,
        body: memoryview,
        *,
        sha256: str,
        stamp: Stamp,
        replaces: str | None,
    ) -> Stored:
        with self.script.call("put"), self._lock:
            data = _whole(body, sha256)
            self._condition(bucket, key, replaces)
            return self._store(bucket, self._object(key, data, stamp))

    def claim(
        self,
        bucket: str,
        key: str,
        body: memoryview,
        *,
        sha256: str,
        stamp: Stamp,
        replaces: str | None,
    ) -> Stored:
        if not self.limits.conditional_put:
            raise Unsupported("the target takes no conditions on writes")
        with self.script.call("claim"), self._lock:
            data = _whole(body, sha256)
            try:
                self._condition(bucket, key, replaces)
            except Missing:
                raise Conflict("the object that was to be replaced is gone") from None
            return self._store(bucket, self._object(key, data, stamp))

    def retain(self, bucket: str, stored: Stored, lock: Lock) -> None:
        with self.script.call("retain"), self._lock:
            found = self._bucket(bucket)[stored.key]
            if (lock.until or "") < (found.stored.lock.until or ""):
                raise AccessDenied("an object's retention: AccessDenied (HTTP 403)")
            self._buckets[bucket][stored.key] = replace(
                found, stored=replace(found.stored, lock=lock)
            )

    def tag(self, bucket: str, stored: Stored, tags: Mapping[str, str]) -> None:
        with self.script.call("tag"), self._lock:
            if not self.keeps_tags:
                raise Unsupported("an object's tags: NotImplemented (HTTP 501)")
            found = self._bucket(bucket)[stored.key]
            made = replace(
                found, tags=dict(tags), stored=replace(found.stored, tag_count=len(tags))
            )
            self._buckets[bucket][stored.key] = made

    def begin(self, bucket: str, key: str, *, stamp: Stamp) -> Upload:
        with self.script.call("begin"), self._lock:
            self._bucket(bucket)
            self._uploads += 1
            upload = Upload(bucket=bucket, key=key, upload_id=f"u{self._uploads}")
            if self.loses_upload_tags:
                stamp = replace(stamp, tags={})
            self._open[upload.upload_id] = _Open(upload, stamp)
        return upload

    def put_part(self, upload: Upload, number: int, body: memoryview, *, sha256: str) -> str:
        self.left.setdefault((upload.upload_id, number), []).append(bytes(body))
        with self.script.call("put_part"), self._lock:
            data = _whole(body, sha256)
            return self._known(upload).take(number, data)

    def stream_part(
        self, upload: Upload, number: int, size: int, pull: Callable[[int], bytes]
    ) -> str:
        data = bytearray()
        with self.script.call("stream_part"):
            try:
                while len(data) < size and (piece := pull(min(PIECE, size - len(data)))):
                    with self.script.call("piece"):
                        data += piece
            finally:
                self.left.setdefault((upload.upload_id, number), []).append(bytes(data))
            if len(data) != size:
                raise Transient("a part: IncompleteBody (HTTP 400)")
            return self._known(upload).take(number, bytes(data))

    def copy_part(self, upload: Upload, number: int, stored: Stored, span: Span) -> str:
        with self.script.call("copy_part"), self._lock:
            if not self.limits.part_copy:
                raise Unsupported("copying a part: NotImplemented (HTTP 501)")
            found = self._bucket(upload.bucket).get(stored.key)
            if found is None:
                raise Missing("copying a part: NoSuchKey (HTTP 404)")
            if found.stored.etag != stored.etag:
                raise Conflict("copying a part: PreconditionFailed (HTTP 412)")
            return self._known(upload).take(number, found.data[span.start : span.end])

    def remove_version(self, bucket: str, key: str, version_id: str) -> None:
        with self.script.call("remove_version"), self._lock:
            if version_id == "null":  # of a bucket without versions that is all there is
                self._bucket(bucket).pop(key, None)

    def parts(self, upload: Upload) -> Mapping[int, PartInfo]:
        with self.script.call("parts"):
            held = self._known(upload).parts
            return {
                number: PartInfo(number=number, size=len(part.data), etag=part.etag)
                for number, part in sorted(held.items())
            }

    def complete(
        self,
        upload: Upload,
        parts: Sequence[tuple[int, str]],
        *,
        size: int,
        attempt: str,
        replaces: str | None,
    ) -> Stored:
        with self.script.call("complete"), self._lock:
            there = self._bucket(upload.bucket).get(upload.key)
            if there and there.stored.metadata.get(ATTEMPT) == attempt:
                if there.stored.size == size:
                    return there.stored
                raise Conflict("another object appeared under the key while it was uploaded")
            known = self._known(upload)
            self._condition(upload.bucket, upload.key, replaces)
            held = [known.parts.get(number) for number, _ in parts]
            if [part and part.etag for part in held] != [etag for _, etag in parts]:
                raise Transient("completing an upload: InvalidPart (HTTP 400)")
            data = b"".join(part.data for part in held if part)
            if len(data) != size:
                raise Conflict("another object appeared under the key while it was uploaded")
            del self._open[upload.upload_id]
            etag = f"{_etag(''.join(etag for _, etag in parts).encode())}-{len(parts)}"
            made = self._object(upload.key, data, known.stamp, etag)
            return self._store(upload.bucket, made)

    def abort(self, upload: Upload) -> None:
        with self.script.call("abort"):
            self._open.pop(upload.upload_id, None)

    def open_uploads(self, place: Place) -> Iterator[tuple[Upload, str]]:
        with self.script.call("open_uploads"):
            found = [one.upload for one in self._open.values()]
        for upload in found:
            if upload.bucket == place.bucket and upload.key.startswith(place.prefix):
                yield upload, MODIFIED

    def _bucket(self, name: str) -> dict[str, _Object]:
        try:
            return self._buckets[name]
        except KeyError:
            raise Missing("the target: NoSuchBucket (HTTP 404)") from None

    def _known(self, upload: Upload) -> _Open:
        try:
            return self._open[upload.upload_id]
        except KeyError:
            raise Missing("an upload: NoSuchUpload (HTTP 404)") from None

    def _condition(self, bucket: str, key: str, replaces: str | None) -> None:
        there = self._bucket(bucket).get(key)
        if there is None and replaces is not None:
            raise Missing("a target object: NoSuchKey (HTTP 404)")
        if there is not None and there.stored.etag != replaces:
            raise Conflict("a target object: PreconditionFailed (HTTP 412)")

    def _store(self, bucket: str, made: _Object) -> Stored:
        self._buckets[bucket][made.stored.key] = made
        return made.stored

    def _object(self, key: str, data: bytes, stamp: Stamp, etag: str | None = None) -> _Object:
        metadata = {name.lower(): value for name, value in stamp.metadata.items()}
        stored = Stored(
            key=key,
            size=len(data),
            etag=etag or _etag(data),
            metadata={ATTEMPT: stamp.attempt, **metadata},
            lock=stamp.lock or Lock(),
            tag_count=len(stamp.tags) or None,
        )
        return _Object(data, stored, stamp.tags)


def _whole(body: memoryview, sha256: str) -> bytes:
    data = bytes(body)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Transient("a body: XAmzContentSHA256Mismatch (HTTP 400)")
    return data


def _etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
