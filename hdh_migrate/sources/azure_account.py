"""One Azure storage account over HTTP: addresses, listings, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

from hdh_migrate.bounded import word
from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    Missing,
    ObjectArchived,
    Permanent,
    SourceChanged,
    StorageError,
    Throttled,
    Transient,
)
from hdh_migrate.markup import text_in
from hdh_migrate.model import Place, path_of
from hdh_migrate.ports.stores import Write
from hdh_migrate.sources.azure_credentials import Authorizer
from hdh_migrate.transport import Reply, Transport

API_VERSION = "2021-12-02"
ERROR_BODY_MAX = 65_536

_AUTH_CODES = frozenset(
    ("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation",
     "KeyBasedAuthenticationNotPermitted", "AccountIsDisabled")
)  # fmt: skip
_PERMANENT: dict[int | str, type[Permanent]] = {
    403: AccessDenied,
    404: Missing,
    412: SourceChanged,
    416: SourceChanged,  # the object became shorter than the range asked for
    "BlobArchived": ObjectArchived,
}
_TRANSIENT_STATUS = frozenset((408, 500, 502, 504))
_THROTTLED_STATUS = frozenset((429, 503))


class AzureAccount:
    """An account with one credential and connections of its own."""

    def __init__(self, url: str, authorizer: Authorizer, transport: Transport) -> None:
        self._url = url.rstrip("/")
        self._authorizer = authorizer
        self._transport = transport

    def blob(
        self,
        method: str,
        place: Place,
        key: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        body: memoryview | None = None,
        accept: Callable[[Reply], None] | None = None,
        gathered: Write | None = None,
        limit: int = ERROR_BODY_MAX,
    ) -> Reply:
        """Make one request about a blob; see `Transport.request`."""
        path = f"/{path_of(place.bucket)}/{path_of(key)}"
        return self._send(
            method,
            path,
            query or {},
            headers,
            body=body,
            accept=accept,
            gathered=gathered,
            limit=limit,
        )

    def tier(self, place: Place, key: str, headers: Mapping[str, str]) -> Reply:
        """Ask for another tier of a blob."""
        path = f"/{path_of(place.bucket)}/{path_of(key)}"
        return self._send("PUT", path, {"comp": "tier"}, headers)

    def listing(
        self,
        place: Place,
        marker: str | None,
        *,
        size: int,
        include: str = "",
        only: str = "",
        sink: Callable[[bytes], object] | None = None,
        limit: int = ERROR_BODY_MAX,
    ) -> Reply:
        """Ask for a page of at most `size` blobs under a prefix; `include` is what each tells.

        `only` is which form of them is listed, where the namespace is hierarchical.
        """
        query = {"restype": "container", "comp": "list", "maxresults": str(size)}
        more = {"prefix": place.prefix, "marker": marker, "include": include, "showonly": only}
        query |= {name: value for name, value in more.items() if value}
        return self._send("GET", f"/{path_of(place.bucket)}", query, {}, sink=sink, limit=limit)

    def container(self, place: Place) -> Reply:
        """Ask what a container itself has: its own metadata, access, policies, holds."""
        return self._send("HEAD", f"/{path_of(place.bucket)}", {"restype": "container"}, {})

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        body: memoryview | None = None,
        accept: Callable[[Reply], None] | None = None,
        sink: Callable[[bytes], object] | None = None,
        gathered: Write | None = None,
        limit: int = ERROR_BODY_MAX,
    ) -> Reply:
        plain, is_again = urlencode(query, quote_via=quote), False
        while True:
            sent = {"x-ms-version": API_VERSION, **headers}
            text = self._authorizer.apply(plain, sent)
            url = f"{self._url}{path}?{text}" if text else f"{self._url}{path}"
            reply = self._transport.request(
                method, url, sent, body=body, accept=accept, sink=sink, gathered=gathered,
                limit=limit, together=True,
            )  # fmt: skip
            if is_again or not _has_ended(reply) or not self._authorizer.again(text, sent):
                return reply
            is_again = True  # what is refused so was not begun: no byte of it went anywhere


def _has_ended(reply: Reply) -> bool:
    """Say whether a reply is what a token that has ended is answered."""
    ended = reply.status == 403 and reply.headers.get("x-ms-error-code") == "AuthenticationFailed"
    return ended or reply.status == 401


def from_reply(reply: Reply, what: str) -> StorageError:
    """Return the error that a reply means; its text names no object and holds no secret."""
    code = word(reply.headers.get("x-ms-error-code") or text_in(reply.body, "Code"))
    found = _meant(reply, code, what)
    found.code = code
    return found


def _meant(reply: Reply, code: str, what: str) -> StorageError:
    status = reply.status
    label = f"{what}: {code or 'no reason given'} (HTTP {status})"
    if status in _THROTTLED_STATUS:
        return Throttled(label, retry_after=reply.retry_after)
    if status in _TRANSIENT_STATUS or 200 <= status < 300:
        return Transient(label, retry_after=reply.retry_after)
    if code in _AUTH_CODES or status == 401:
        return AuthFailed(f"the source refuses the credential: {code or status}")
    return _PERMANENT.get(code, _PERMANENT.get(status, Permanent))(label)
