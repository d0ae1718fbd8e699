"""The host that a grant points to: spans of stored objects, each pinned to what was granted."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Final

from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    Conflict,
    HostRefused,
    Missing,
    NotAsGranted,
    ShortRead,
    StorageError,
    Transient,
)
from hdh_migrate.fixity import EMPTY_SHA256
from hdh_migrate.grants.objects import GrantedObject
from hdh_migrate.model import Span
from hdh_migrate.pipeline.retrying import Retrying
from hdh_migrate.targets.s3_endpoint import S3Endpoint, from_reply
from hdh_migrate.transport import Reply

_ASK: Final = "ask whoever gave the grant what is wrong with the host; nothing of it was used"
_HINTS: Final[tuple[tuple[type[StorageError], str], ...]] = (
    (HostRefused, "nothing was sent there; ask whoever gave the grant for the host's address"),
    (AuthFailed, "renew the credential that --credential-id and --credential-secret refer to"),
    (AccessDenied, "ask whoever gave the grant whether the host lets this credential read"),
    (Transient, "nothing is lost: the same again goes on where this one stopped"),
)
"""What a reader can do, who has no plan to run again."""


class GrantHost:
    """Reads spans of granted objects. Safe to share between threads, and known after a fork."""

    def __init__(
        self,
        open_endpoint: Callable[[], S3Endpoint],
        *,
        retry: Retrying,
        demand_allowed: Callable[[], None],
        asking: str = "whoever gave the grant",
    ) -> None:
        """Contact nobody yet.

        `open_endpoint` is asked once in each process, and again after a credential was refused.
        `demand_allowed` raises when the grant is over; it is asked before each request and before
        what came is handed on. `asking`: whom a reader asks, and about which grant.
        """
        self._asking = asking
        self._open, self._retry, self._demand_allowed = open_endpoint, retry, demand_allowed
        self._endpoint: S3Endpoint | None = None
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._received = 0

    @property
    def endpoint(self) -> S3Endpoint:
        """The endpoint of this process: connections of another one are not ours to use."""
        if self._process != os.getpid():
            self._process, self._endpoint, self._lock = os.getpid(), None, threading.Lock()
        with self._lock:
            if self._endpoint is None:
                self._endpoint = self._open()
            return self._endpoint

    def _forget(self, endpoint: S3Endpoint) -> None:
        """Look the credential up anew at the next request: it may have been renewed."""
        with self._lock:
            if self._endpoint is endpoint:
                self._received += _received(endpoint)
                self._endpoint = None

    @property
    def received(self) -> int:
        """Bytes that the host has sent so far."""
        endpoint = self._endpoint
        return self._received + (0 if endpoint is None else _received(endpoint))

    @property
    def opened(self) -> S3Endpoint | None:
        """The endpoint, None when nothing was asked of it yet."""
        return self._endpoint

    def demand_allowed(self) -> None:
        """Demand that the grant is still good; nobody is asked.

        Raises:
            Refused: it is over.
        """
        self._demand_allowed()

    def _replaced(self, what: str) -> NotAsGranted:
        """Say what a reader can do: keys were exchanged, data sent anew, or the host is wrong."""
        return NotAsGranted(
            what,
            hint=f"ask {self._asking}: if keys were exchanged or data was sent anew since, a"
            " renewed pack reads it; if not, the host gives what it must not",
        )

    def read(self, of: GrantedObject, span: Span) -> bytearray:
        """Return so many bytes of the stored object, of the granted version and no other.

        Raises:
            NotAsGranted: the host holds another object than the one that was granted, or none.
            Refused: the grant is over.
            StorageError: they could not be had; what a reader can do is its hint.
        """
        self._demand_allowed()
        endpoint = self.endpoint
        try:
            found = self._retry(lambda: _read(endpoint, of, span))
        except Missing:
            raise self._replaced("the host does not hold the object that was granted") from None
        except Conflict:
            raise self._replaced(
                "the host holds another object than the one that was granted"
            ) from None
        except StorageError as error:
            if isinstance(error, AuthFailed):
                self._forget(endpoint)
            error.hint = next((hint for kind, hint in _HINTS if isinstance(error, kind)), _ASK)
            raise
        self._demand_allowed()  # the host has said which time it is now, if it had not before
        return found


def _read(endpoint: S3Endpoint, of: GrantedObject, span: Span) -> bytearray:
    headers = {
        "x-amz-content-sha256": EMPTY_SHA256,
        "Range": f"bytes={span.start}-{span.end - 1}",
    }
    query = None if of.version is None else {"versionId": of.version}
    found = bytearray()

    def take(data: bytes) -> None:
        if len(found) + len(data) > span.length:
            raise ShortRead("the host sent more than was asked for")
        found.extend(data)

    def ask(condition: Mapping[str, str]) -> Reply:
        return endpoint.send(
            "GET", of.bucket, of.key, {**headers, **condition},
            query=query, accept=lambda reply: _demand_exact(reply, of, span), sink=take,
        )  # fmt: skip

    reply = endpoint.matching.read(ask, of.etag)
    if not 200 <= reply.status < 300:
        raise from_reply(reply, "a granted object")
    if len(found) != span.length:
        raise ShortRead("the host sent less than was asked for")
    return found


def _demand_exact(reply: Reply, of: GrantedObject, span: Span) -> None:
    """Judge a reply's head before its first byte.

    Raises:
        ShortRead: it is of another span, or of an object of another size.
        Conflict: it is of another object or version.
    """
    if reply.etag != of.etag:
        raise Conflict("another ETag")
    if of.version is not None and reply.headers.get("x-amz-version-id", of.version) != of.version:
        raise Conflict("another version")
    # Some servers answer 200 to a range and say in Content-Range that they kept to it.
    wanted = f"bytes {span.start}-{span.end - 1}/{of.sealed}"
    if reply.status not in {200, 206} or reply.headers.get("content-range") != wanted:
        raise ShortRead("the host sent another range than was asked for")
    if reply.length not in {None, span.length}:
        raise ShortRead("the host announced another length than was asked for")


def _received(endpoint: S3Endpoint) -> int:
    return sum(one.received for one in endpoint.transport.traffic.values())
