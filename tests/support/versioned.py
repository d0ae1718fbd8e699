"""The target in memory, with versions: what is written over stays beneath."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from hdh_migrate.errors import AccessDenied, Conflict, Missing
from hdh_migrate.model import Place, Span, Stored, StoredVersion, TargetLimits
from hdh_migrate.ports.stores import Write
from tests.support.fakes import LIMITS, FakeTarget, _Object
from tests.support.script import Script


class VersionedTarget(FakeTarget):
    """Buckets with versioning on; the versions of a key are numbered as they come."""

    def __init__(self, *buckets: str, limits: TargetLimits = LIMITS, script: Script | None = None):
        super().__init__(*buckets, limits=limits, script=script)
        self.denies_removal = False
        """Whether no version may be removed."""
        self.keeps_removed = False
        """Whether removals are acknowledged, and nothing is removed."""
        self.now: Callable[[], str] = lambda: ""
        """What the host's clock shows, RFC 3339 in UTC: locks end by it."""
        self._past: dict[tuple[str, str], list[_Object]] = {}
        """What was stored before what is current, the oldest first."""
        self._stored: Counter[tuple[str, str]] = Counter()

    def held(self, bucket: str) -> dict[str, list[bytes]]:
        """Return the bytes of every version by key, the oldest first."""
        keys = {key for place, key in self._past if place == bucket} | self._buckets[bucket].keys()
        return {key: [one.data for one in self._all(bucket, key)] for key in sorted(keys)}

    def drop(self, bucket: str, key: str) -> None:
        """Delete an object as anybody does: a marker hides its versions."""
        self._past.setdefault((bucket, key), []).append(self._buckets[bucket].pop(key))

    def _all(self, bucket: str, key: str) -> list[_Object]:
        now = self._buckets[bucket].get(key)
        past = self._past.get((bucket, key), [])
        if now is None:
            return past
        return [*(one for one in past if not _same(one, now.stored.version_id)), now]

    def _store(self, bucket: str, made: _Object) -> Stored:
        place = (bucket, made.stored.key)
        if (before := self._buckets[bucket].get(made.stored.key)) is not None:
            self._past.setdefault(place, []).append(before)
        self._stored[place] += 1
        version = f"v{self._stored[place]}"
        return super()._store(
            bucket, replace(made, stored=replace(made.stored, version_id=version))
        )

    def _version(self, bucket: str, key: str, version_id: str) -> _Object | None:
        found = (one for one in self._all(bucket, key) if _same(one, version_id))
        return next(found, None)

    def keeps_versions(self, place: Place) -> bool:
        with self.script.call("keeps_versions"):
            return True

    def has_kept_versions(self, place: Place) -> bool:
        return self.keeps_versions(place)

    def versions(self, place: Place) -> Iterator[StoredVersion]:
        with self.script.call("versions"):
            found = [
                StoredVersion(
                    key=key, version_id=str(one.stored.version_id),
                    latest=one is self._buckets[place.bucket].get(key),
                )
                for key in self.held(place.bucket)
                if key.startswith(place.prefix)
                for one in reversed(self._all(place.bucket, key))
            ]  # fmt: skip
        yield from found

    def remove_version(self, bucket: str, key: str, version_id: str) -> None:
        with self.script.call("remove_version"), self._lock:
            if self.denies_removal or self._is_locked(bucket, key, version_id):
                raise AccessDenied("removing a version: AccessDenied (HTTP 403)")
            if self.keeps_removed:
                return
            place, now = (bucket, key), self._buckets[bucket].get(key)
            past = [one for one in self._past.get(place, ()) if not _same(one, version_id)]
            if now is not None and _same(now, version_id):
                del self._buckets[bucket][key]
                if past:  # what was before comes to light
                    self._buckets[bucket][key] = past.pop()
            self._past[place] = past

    def _is_locked(self, bucket: str, key: str, version_id: str) -> bool:
        found = self._version(bucket, key, version_id)
        if found is None:
            return False
        lock = found.stored.lock
        return lock.hold or (lock.until is not None and self.now() <= lock.until)

    def head(self, bucket: str, key: str, *, version_id: str | None = None) -> Stored | None:
        if version_id is None:
            return super().head(bucket, key)
        with self.script.call("head"):
            found = self._version(bucket, key, version_id)
            return found.stored if found else None

    def tags(self, bucket: str, stored: Stored) -> Mapping[str, str]:
        if stored.version_id is None:
            return super().tags(bucket, stored)
        with self.script.call("tags"):
            found = self._version(bucket, stored.key, stored.version_id)
            if found is None:
                raise Missing("a target object: NoSuchVersion (HTTP 404)")
            return found.tags

    def tag(self, bucket: str, stored: Stored, tags: Mapping[str, str]) -> None:
        assert stored.version_id == self._buckets[bucket][stored.key].stored.version_id
        super().tag(bucket, stored, tags)

    def read(self, bucket: str, stored: Stored, span: Span | None, write: Write) -> Stored:
        if not stored.exact:
            return super().read(bucket, stored, span, write)
        with self.script.call("read"):
            found = self._version(bucket, stored.key, str(stored.version_id))
            if found is None:
                raise Missing("a target object: NoSuchVersion (HTTP 404)")
            if stored.etag and found.stored.etag != stored.etag:
                raise Conflict("the target holds another object than the one that was stored")
            whole = span or Span(0, len(found.data))
            write(found.data[whole.start : whole.end])
            return found.stored


def _same(one: _Object, version_id: str | None) -> bool:
    return one.stored.version_id == version_id
