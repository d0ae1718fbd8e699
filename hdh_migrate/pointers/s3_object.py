"""An S3 object as a pointer: its whole content is the value.

Where the host honours conditional writes, the swap is one conditional PUT. That is tried first on
a key that does not exist, with a condition that cannot hold: a host that stores it all the same
ignores conditions, and the swap is a read, a comparison and a write instead, which `guard` says. So
it is on a host that refuses a condition twice which holds. A condition that holds and is refused is
tried without the ETag's quotes, too: one host wants it so.
In a bucket with versions somebody else's write in between is then noticed and put back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Final, Literal, Protocol

from hdh_migrate import markup
from hdh_migrate.errors import (
    AccessDenied,
    Conflict,
    Missing,
    Permanent,
    PointerMoved,
    StorageError,
    Transient,
    Unsupported,
)
from hdh_migrate.frozen import frozen_row
from hdh_migrate.model import Problem
from hdh_migrate.pointers.values import MAX_BYTES, one_line, problems_of, to_do
from hdh_migrate.transport import Reply

IMPOSSIBLE: Final = "00000000000000000000000000000000-0"
NOBODYS: Final = "0" * 32
"""An upload that no host has begun."""

TRIAL_SUFFIX: Final = ".hdh-migrate-trial"

_KEPT: Final = ("content-type", "cache-control", "content-disposition", "content-language")
_WHAT: Final = "the pointer object"


class Bucket(Protocol):
    """One bucket, as far as a pointer needs it."""

    def send(
        self,
        method: str,
        key: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = MAX_BYTES,
    ) -> Reply:
        """Make one signed request about a key, or about the bucket itself when it is empty."""

    def put_matching(
        self,
        key: str,
        headers: Mapping[str, str],
        body: bytes,
        etag: str,
        shows: Callable[[], bool],
    ) -> Reply:
        """Write a key under If-Match, with and without the ETag's quotes if `shows` says so."""

    def failure(self, reply: Reply, what: str) -> StorageError:
        """Return the error that a reply means."""


@frozen_row
class _FoundValue:
    value: str
    end: str
    etag: str
    version: str | None
    headers: Mapping[str, str] = field(default_factory=dict)


class PointerInObject:
    """One object; see `ports.Pointer`."""

    kind = "s3-object"
    guard: Literal["conditional", "checked"]

    def __init__(self, bucket: Bucket, name: str, key: str, *, conditional: bool) -> None:
        self._bucket = bucket
        self._key = key
        self._where = f"pointer object in bucket {name}"
        self._tried = not conditional
        self.guard = "conditional" if conditional else "checked"
        self._refused: str | None = None
        """The ETag that a condition named when it last failed, where it was shown right after."""

    def check(self) -> Sequence[Problem]:
        """Read it, and try to write it in a way that changes nothing.

        A part for an upload that does not exist needs the right to write the very key, and a host
        that has it to give says that it knows no such upload.
        """
        return problems_of(self.read, self._where) or problems_of(self._may_be_written, self._where)

    def _may_be_written(self) -> str:
        query = {"partNumber": "1", "uploadId": NOBODYS}
        reply = self._bucket.send("PUT", self._key, {}, query=query, body=b"")
        failure = None if reply.status == 200 else self._bucket.failure(reply, _WHAT)
        if isinstance(failure, AccessDenied):
            raise AccessDenied(
                f"{_WHAT}: no right to write it",
                hint="the credential needs s3:PutObject on it; nothing was changed",
            ) from failure
        return ""  # whatever else is said of that upload shows nothing

    def read(self) -> str:
        """Return the value as it is now."""
        return self._get().value

    def swap(self, *, expected: str, new: str) -> None:
        """Put `new` if the object holds `expected`; see `ports.Pointer.swap`."""
        if not self._tried:
            self.guard = self._trial(f'"{IMPOSSIBLE}"')
            self._tried = True
        found = self._get()
        if not to_do(found.value, expected=expected, new=new):
            return
        try:
            version = self._put((new + found.end).encode(), found)
        except (Conflict, Missing):
            # Our own lost reply, or somebody else: what is there now tells.
            now = self._get()
            if not to_do(now.value, expected=expected, new=new):
                return
            if now.etag == found.etag == self._refused:
                self.guard = "checked"  # a host was seen that refuses the very ETag that it shows
            self._refused = now.etag
            raise Transient("somebody wrote the pointer's old value anew just now") from None
        if self.guard == "checked":
            self._look_back(found, version, new)

    def _get(self) -> _FoundValue:
        reply = self._fetch()
        value, end = one_line(reply.body, self._where)
        return _FoundValue(value, end, reply.etag, _version(reply), _kept(reply))

    def _fetch(self, version: str | None = None) -> Reply:
        query = {"versionId": version} if version else None
        reply = self._bucket.send("GET", self._key, {}, query=query)
        if reply.status != 200:
            raise self._bucket.failure(reply, _WHAT)
        if reply.length not in {None, len(reply.body)} or not reply.etag:
            raise Transient(f"{_WHAT}: the reply was cut short")
        return reply

    def _put(self, body: bytes, found: _FoundValue) -> str | None:
        """Write it in the place of what was found, by compare-and-set where the host has it."""
        headers, key = found.headers, self._key
        if self.guard == "conditional":

            def other_form() -> bool:
                return self._get().etag == found.etag and self._trial(IMPOSSIBLE) == "conditional"

            reply = self._bucket.put_matching(key, headers, body, found.etag, other_form)
        else:
            reply = self._bucket.send("PUT", key, headers, body=body)
        if reply.status != 200:
            raise self._bucket.failure(reply, _WHAT)
        if not reply.etag:
            raise Transient(f"{_WHAT}: acknowledged without an ETag; it may or may not be set")
        return _version(reply)

    # --- hosts without conditions ------------------------------------------------------------

    def _trial(self, impossible: str) -> Literal["conditional", "checked"]:
        """Find out whether the host honours a condition; what it stores in error is removed."""
        key = self._key + TRIAL_SUFFIX
        reply = self._bucket.send("PUT", key, {"If-Match": impossible}, body=b"")
        # What is refused may be done all the same: then the condition holds nothing back.
        there = reply if reply.status == 200 else self._bucket.send("HEAD", key, {})
        if there.status == 200:
            query = {"versionId": version} if (version := _version(there)) else None
            gone = self._bucket.send("DELETE", key, {}, query=query)
            if gone.status not in {200, 204}:
                raise self._bucket.failure(gone, f"the trial object {TRIAL_SUFFIX}")
            return "checked"
        failure = self._bucket.failure(reply, "a conditional write")
        if isinstance(failure, Unsupported | AccessDenied) or reply.status == 400:
            return "checked"  # not offered, or not to be found out with this credential
        if reply.status in {404, 412}:
            return "conditional"
        raise failure

    def _look_back(self, before: _FoundValue, ours: str | None, new: str) -> None:
        """After an unconditional write: put back what somebody else wrote in between."""
        if ours is not None and (theirs := self._between(before.version, ours)):
            found = self._fetch(theirs)
            self._put(found.body, _FoundValue("", "", found.etag, theirs, _kept(found)))
            raise PointerMoved(
                "somebody else changed the pointer while it was switched; their value was put back"
            )
        now = self.read()
        if now == before.value:  # a host may show for a while what it was, or somebody set it back
            raise Transient("the pointer's old value is shown after the new one was taken")
        if now != new:
            raise PointerMoved("somebody else changed the pointer just after it was switched")

    def _between(self, before: str | None, ours: str) -> str | None:
        """Return the version that ours replaced, unless it is the one that was read."""
        query = {"versions": "", "prefix": self._key, "max-keys": "1000"}
        reply = self._bucket.send("GET", "", {}, query=query)
        if reply.status != 200:
            raise self._bucket.failure(reply, "the pointer's versions")
        ids = _version_ids(reply.body, self._key)
        if ours not in ids:
            raise Permanent(
                "the pointer's versions do not show the one just written",
                hint="the pointer is switched; nobody can say whether another write was lost",
            )
        following = ids[ids.index(ours) + 1 :][:1]
        return following[0] if following and following != [before or "null"] else None


def _kept(reply: Reply) -> dict[str, str]:
    """Return what is written beside an object and stays when its content changes."""
    return {
        name: text
        for name, text in reply.headers.items()
        if name in _KEPT or name.startswith("x-amz-meta-")
    }


def _version(reply: Reply) -> str | None:
    value = reply.headers.get("x-amz-version-id")
    return None if value in {None, "", "null"} else value


def _version_ids(body: bytes, key: str) -> list[str]:
    """Return the version ids of a key, newest first."""
    try:
        root = markup.tree(body)
    except (markup.NotWhole, markup.Unwanted):
        return []
    return [
        entry.findtext("{*}VersionId") or ""
        for entry in root
        if entry.tag.rpartition("}")[2] == "Version" and entry.findtext("{*}Key") == key
    ]
