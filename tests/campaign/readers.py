"""A reader of a grant, as who was handed its folder: the host is the life's target, in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from hdh_migrate.access.opened import OpenedGrant
from hdh_migrate.access.segments import RunningDigest
from hdh_migrate.access.settings import ReaderSettings
from hdh_migrate.door import Door
from hdh_migrate.errors import NotAsGranted
from hdh_migrate.grants import pack
from hdh_migrate.sealing.keys import PrivateKey, new_pair
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import Reply, SigV4, TlsTrust, Transport
from tests.campaign.setting import Setting
from tests.support.fakes import FakeTarget, _Object
from tests.support.versioned import VersionedTarget

URL = "http://127.0.0.1:2"


class MemoryEndpoint(S3Endpoint):
    """Answers about objects as the host does that holds them."""

    def __init__(self, target: FakeTarget) -> None:
        sign = SigV4(region="one", access_key="id", secret_key="secret")
        transport = Transport(sign=sign, tls=TlsTrust(), door=Door.named(URL, local=True))
        super().__init__(URL, addressing="path", sign=sign, transport=transport)
        self._target = target

    def send(self, method: str, bucket: str, key: str, headers: Any, **more: Any) -> Reply:
        """Answer one ranged request."""
        assert method == "GET"
        found = self._found(bucket, key, (more.get("query") or {}).get("versionId"))
        if found is None:
            return Reply(status=404, body=b"<Error><Code>NoSuchKey</Code></Error>")
        stored = found.stored
        shown = f'"{stored.etag}"'
        if headers.get("If-Match", shown) != shown:
            return Reply(status=412, body=b"<Error><Code>PreconditionFailed</Code></Error>")
        first, last = map(int, headers["Range"].removeprefix("bytes=").split("-"))
        data = found.data[first : last + 1]
        reply = Reply(
            status=206,
            headers={
                "etag": shown, "content-length": str(len(data)),
                "content-range": f"bytes {first}-{last}/{len(found.data)}",
                **({"x-amz-version-id": stored.version_id} if stored.version_id else {}),
            },
        )  # fmt: skip
        more["accept"](reply)
        more["sink"](data)
        return reply

    def _found(self, bucket: str, key: str, version: str | None) -> _Object | None:
        if version is not None and isinstance(self._target, VersionedTarget):
            return self._target._version(bucket, key, version)
        return self._target._buckets[bucket].get(key)


class HandedGrant(OpenedGrant):
    """A grant whose reader has a credential for the life's target."""

    def __init__(self, setting: Setting, settings: ReaderSettings, file: IO[bytes]) -> None:
        self._target = setting.target
        super().__init__(settings, file, clock=setting.clock)

    def _endpoint(self) -> S3Endpoint:
        return MemoryEndpoint(self._target)


class SimulatedReader:
    """Somebody whom grants let read."""

    def __init__(self, setting: Setting, folder: Path, name: str) -> None:
        self._setting = setting
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        public, self._identity = new_pair(folder, name, passphrase=None)
        self.key = PrivateKey.load(self._identity, None)
        del public

    def read(self, folder: Path) -> dict[str, bytes | None]:
        """Read all that a grant names; None: the host does not give what was granted.

        Raises:
            MigrateError: the grant does not open, or is over.
        """
        settings = ReaderSettings(grant=folder, identity=self._identity, patience=0.0)
        with self._setting.script.undisturbed(), (folder / pack.NAME).open("rb") as file:
            opened = HandedGrant(self._setting, settings, file)
            found = list(opened.catalogue.starting())
            return {one.of.name: _whole(opened.reader(one).read, one.of) for one in found}


def _whole(read: Callable[[int, int], bytes], of: Any) -> bytes | None:
    digest = RunningDigest(of)
    try:
        data = read(0, of.length)
        digest.add(0, data)
    except NotAsGranted:
        return None
    if hashlib.sha256(data).hexdigest() != of.sha256:
        raise AssertionError("a reader is handed other bytes than were granted")
    return data
