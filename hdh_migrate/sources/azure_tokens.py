"""Bearer tokens of a Microsoft Entra identity, fetched through our own transport.

Each way asks one host that is written here or, in a rehearsal, in the plan: nothing of the
environment says whom to ask. What an answer says beside the token is not repeated, for it may
name tenants and applications; the error's number is.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from hdh_migrate.bounded import count_of
from hdh_migrate.door import Addresses, Door
from hdh_migrate.errors import AuthFailed, ShortRead, StorageError, Throttled, Transient
from hdh_migrate.frozen import frozen
from hdh_migrate.sources.azure_credentials import AGAIN_SECONDS
from hdh_migrate.transport import Reply, Transport

LOGIN = "https://login.microsoftonline.com"
METADATA = "http://169.254.169.254"
SCOPE = "https://storage.azure.com/.default"
RESOURCE = "https://storage.azure.com/"

REPLY_MAX = 65_536
TOKEN_MAX = 16_384
LIFETIME_MAX = 172_800
RENEW_BEFORE_SECONDS = 300.0
RETRY_SECONDS = 30.0

_TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{1,{TOKEN_MAX}}}", re.ASCII)
_CODE = re.compile(r"AADSTS[0-9]{1,9}", re.ASCII)
_WORD = re.compile(r"[a-z_]{1,64}", re.ASCII)
_LATER = frozenset((404, 408, 410, 500, 502, 504))
"""Statuses of the metadata service and the login that pass; 410: it is being renewed."""


@frozen
class Token:
    """A bearer token and the seconds for which it is good."""

    value: str = field(repr=False)
    seconds: int


class Fetch(Protocol):
    """Asks for a token, over connections of its own."""

    @property
    def transport(self) -> Transport:
        """The transport over which tokens were asked for."""

    def __call__(self) -> Token:
        """Return a new token.

        Raises:
            AuthFailed: the identity is refused.
            StorageError: no answer, or none of such a service.
        """


class TokenAuthorizer:
    """Sends a bearer token and renews it in time; safe to share between threads."""

    def __init__(self, fetch: Fetch, *, monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self.transport = fetch.transport
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = self._ends_at = self._again_at = -1.0

    def apply(self, query: str, headers: dict[str, str]) -> str:
        """Add the bearer header.

        Raises:
            AuthFailed: the identity is refused.
            StorageError: no token could be had, and there is none that is still good.
        """
        with self._lock:
            now = self._monotonic()
            if now >= self._renew_at:
                self._renew(now)
            headers["Authorization"] = f"Bearer {self._token}"
        return query

    def again(self, query: str, headers: Mapping[str, str]) -> bool:
        """Ask for another token, unless that was done just now.

        Raises:
            AuthFailed: the identity is refused.
            StorageError: as `apply`.
        """
        del query
        with self._lock:
            if headers.get("Authorization") != f"Bearer {self._token}":
                return True  # another thread has met the same
            now = self._monotonic()
            if now < self._again_at:
                return False
            self._again_at = now + AGAIN_SECONDS
            self._renew(now)
            return True

    def _renew(self, now: float) -> None:
        try:
            found = self._fetch()
        except StorageError:
            if now >= self._ends_at - RETRY_SECONDS:
                raise
            self._renew_at = now + RETRY_SECONDS  # the one we have is good for a while
            return
        before = min(RENEW_BEFORE_SECONDS, found.seconds / 2)
        self._token = found.value
        self._renew_at, self._ends_at = now + found.seconds - before, now + found.seconds


# --- whom to ask ---------------------------------------------------------------------------


def metadata_door(endpoint: str | None) -> Door:
    """Return the door to the metadata service of this virtual machine, at its one address."""
    if endpoint is not None:
        return Door.named(endpoint, local=True)
    host = urlsplit(METADATA).hostname
    return Door(endpoint=METADATA, addresses=Addresses(exactly=host), admitted=True)


def login_door(endpoint: str | None) -> Door:
    """Return the door to Microsoft's login, at public addresses only."""
    if endpoint is not None:
        return Door.named(endpoint, local=True)
    return Door(endpoint=LOGIN, addresses=Addresses(), admitted=True)


@frozen
class ManagedIdentityTokens:
    """The identity that Azure gave this virtual machine; see `Fetch`."""

    transport: Transport
    endpoint: str = METADATA
    client_id: str | None = None
    """Which one, where the machine has several."""

    def __call__(self) -> Token:
        """Ask the instance metadata service."""
        asked = {"api-version": "2018-02-01", "resource": RESOURCE}
        if self.client_id is not None:
            asked["client_id"] = self.client_id
        url = f"{self.endpoint}/metadata/identity/oauth2/token?{urlencode(asked)}"
        # Without this header it answers nobody: a redirect or a form cannot set it.
        reply = self.transport.request("GET", url, {"Metadata": "true"}, limit=REPLY_MAX)
        return _token(reply, "the metadata service of this machine")


@frozen
class ApplicationTokens:
    """An application of a tenant, which proves itself anew each time; see `Fetch`."""

    transport: Transport
    endpoint: str = LOGIN
    tenant: str
    client_id: str
    proof: Callable[[str], Mapping[str, str]] = field(repr=False)
    """Gives the fields of the form that prove it, for the token endpoint's public address."""

    def __call__(self) -> Token:
        """Ask Microsoft's login (OAuth 2.0, client credentials)."""
        path = f"/{self.tenant}/oauth2/v2.0/token"
        form = {
            "grant_type": "client_credentials", "client_id": self.client_id, "scope": SCOPE,
            **self.proof(LOGIN + path),
        }  # fmt: skip
        reply = self.transport.request(
            "POST", self.endpoint + path, {"Content-Type": "application/x-www-form-urlencoded"},
            body=memoryview(urlencode(form).encode()), limit=REPLY_MAX,
        )  # fmt: skip
        return _token(reply, "Microsoft's login")


# --- what it says --------------------------------------------------------------------------


def _token(reply: Reply, who: str) -> Token:
    if reply.status in {429, 503}:
        raise Throttled(f"{who}: HTTP {reply.status}", retry_after=reply.retry_after)
    if reply.status in _LATER:
        raise Transient(f"{who}: HTTP {reply.status}")
    if reply.status != 200:
        raise AuthFailed(
            f"{who} gives no token: {_reason(reply)}",
            hint="check tenant, application, secret and what the identity may do; nothing is lost",
        )
    reply_value = _json(reply.body)
    value, lifetime = reply_value.get("access_token"), _seconds(reply_value.get("expires_in"))
    bearer = str(reply_value.get("token_type", "")).lower() == "bearer"
    if not isinstance(value, str) or not _TOKEN.fullmatch(value) or not lifetime or not bearer:
        raise ShortRead(f"{who}: what it gave is no bearer token")
    return Token(value=value, seconds=lifetime)


def _reason(reply: Reply) -> str:
    value = _json(reply.body)
    word, text = value.get("error"), value.get("error_description")
    found = _CODE.search(text) if isinstance(text, str) else None
    code = found[0] if found else None
    word = word if isinstance(word, str) and _WORD.fullmatch(word) else None
    return ", ".join(filter(None, (word, code, f"HTTP {reply.status}")))


def _json(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(value: object) -> int | None:
    """Return a lifetime, which one of the services writes as text."""
    return count_of(value if isinstance(value, str) else json.dumps(value), LIFETIME_MAX)
