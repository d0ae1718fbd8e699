"""The target in memory, with versions: what is written over stays beneath."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from hdh_migrate.errors import Conflict, Missing
from hdh_migrate.model import Place, Span, Stored, StoredVersion
from hdh_migrate.ports.stores import Write
from tests.support.fakes import FakeTarget, _Object


class VersionedTarget(FakeTarget):
    """Buckets with versioning on; the versions of a key are numbered as they come."""

    def held(self, bucket: str) -> dict[str, list[bytes]]:
        """Return the bytes of every version by key, the oldest first."""
        return {key: [one.data for one in some] for key, some in self._past(bucket).items()}

    def _past(self, bucket: str) -> dict[str, list[_Object]]:
        return self.__dict__.setdefault("_versions_of", {}).setdefault(bucket, {})  # type: ignore[no-any-return]

    def _store(self, bucket: str, made: _Object) -> Stored:
        some = self._past(bucket).setdefault(made.stored.key, [])
        made = replace(made, stored=replace(made.stored, version_id=f"v{len(some) + 1}"))
        some.append(made)
        return super()._store(bucket, made)

    def _version(self, bucket: str, key: str, version_id: str) -> _Object | None:
        for one in self._past(bucket).get(key, ()):
            if one.stored.version_id == version_id:
                return one
        return None

    def keeps_versions(self, place: Place) -> bool:
        with self.script.call("keeps_versions"):
            return True

    def has_kept_versions(self, place: Place) -> bool:
        return self.keeps_versions(place)

    def versions(self, place: Place) -> Iterator[StoredVersion]:
        with self.script.call("versions"):
            found = [
                StoredVersion(
                    key=key, version_id=str(one.stored.version_id), latest=one is some[-1]
                )
                for key, some in sorted(self._past(place.bucket).items())
                if key.startswith(place.prefix)
                for one in reversed(some)
            ]
        yield from found

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
            found = self._version(bucket, stored.key, str(stored.version_id))
            if found is None:
                raise Missing("a target object: NoSuchVersion (HTTP 404)")
            return found.tags

    def tag(self, bucket: str, stored: Stored, tags: Mapping[str, str]) -> None:
        assert stored.version_id == self._buckets[bucket][stored.key].stored.version_id
        try:
            super().tag(bucket, stored, tags)
        finally:  # who is killed right after it has set them
            self._past(bucket)[stored.key][-1] = self._buckets[bucket][stored.key]

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
