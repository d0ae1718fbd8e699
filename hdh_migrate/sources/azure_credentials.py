"""How requests to Azure Blob are authorised: always read-only, always renewable.

A shared key never signs a request itself: it makes short-lived account SAS tokens that may list
and read and nothing else, so that not even a fault of ours could write.
"""

from __future__ import annotations

import hmac
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import quote, urlencode

from hdh_migrate.errors import AuthFailed
from hdh_migrate.sources.azure_sas import SasToken

SAS_LIFETIME = timedelta(hours=6)
RENEW_BEFORE_SECONDS = 900.0
AGAIN_SECONDS = 60.0
"""Seconds between two renewals for the reason that the service refused what looked good."""
BEGINS_EARLY = timedelta(minutes=5)

SAS_VERSION = "2021-12-02"
"""Of the service that is to read a signature; it says which fields are signed."""

RIGHTS = "rwdxylacupfti"
"""Letters of rights, in the order in which Azure wants them."""


class Authorizer(Protocol):
    """Adds what a request needs to be allowed."""

    def apply(self, query: str, headers: dict[str, str]) -> str:
        """Return the query with what belongs there; may add headers."""

    def again(self, query: str, headers: Mapping[str, str]) -> bool:
        """Say whether what `apply` gave, and was refused, would be another one now.

        A clock that stood still while its machine did does not show that a token has ended.

        Raises:
            AuthFailed, StorageError: as `apply`.
        """


class SasAuthorizer:
    """Appends a shared access signature that the operator was given."""

    def __init__(self, token: str) -> None:
        """Take a token.

        Raises:
            AuthFailed: it is not the token alone.
        """
        SasToken.read(token)
        self._token = token.lstrip("?")

    def apply(self, query: str, headers: dict[str, str]) -> str:
        """Return the query with the token."""
        del headers
        return f"{query}&{self._token}" if query else self._token

    def again(self, query: str, headers: Mapping[str, str]) -> bool:
        """Say that there is no other: whoever gave it renews it."""
        del query, headers
        return False


class SharedKeyAuthorizer:
    """Makes account SAS tokens from a shared key and renews them in time.

    They may read and list, delete only where decommission asks for that, and write only where
    `rehydrate` sets tiers.
    """

    def __init__(
        self,
        account: str,
        key: str,
        *,
        secure: bool,
        monotonic: Callable[[], float],
        may_delete: bool = False,
        may_write: bool = False,
    ) -> None:
        self._rights = "rlt" + "d" * may_delete + "w" * may_write
        self._account = account
        self._key = key
        self._secure = secure
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = self._again_at = 0.0

    def apply(self, query: str, headers: dict[str, str]) -> str:
        """Return the query with a token that is good for the next minutes."""
        del headers
        with self._lock:
            if self._monotonic() >= self._renew_at:
                self._renew()
        return f"{query}&{self._token}" if query else self._token

    def again(self, query: str, headers: Mapping[str, str]) -> bool:
        """Make another one, unless one was made just now."""
        del headers
        with self._lock:
            if not query.endswith(self._token):
                return True  # another thread has met the same
            now = self._monotonic()
            if now < self._again_at:
                return False
            self._again_at = now + AGAIN_SECONDS
            self._renew()
            return True

    def _renew(self) -> None:
        self._token = self._make()
        self._renew_at = self._monotonic() + SAS_LIFETIME.total_seconds() - RENEW_BEFORE_SECONDS

    def _make(self) -> str:
        now = datetime.now(UTC)  # noqa: TID251 - Azure compares this with its own wall clock
        return account_sas(
            self._account, self._key, whose="the source's", kinds="co",
            rights=self._rights, start=now, lifetime=SAS_LIFETIME,
            secure=self._secure,
        )  # fmt: skip


def account_sas(
    account: str,
    key: str,
    *,
    whose: str,
    kinds: str,
    rights: str,
    start: datetime,
    lifetime: timedelta,
    secure: bool,
) -> str:
    """Return a signature made from an account's key; `kinds` and `rights` as `srt` and `sp` say.

    It begins five minutes early, for clocks that are a little behind. No SDK is asked for it: to
    import one costs more than to list and copy a handful of objects.

    Raises:
        AuthFailed: the key is none; `whose` says whose it is.
    """
    # Azure, "Create an account SAS": these fields in this order, each with a line of its own.
    fields = {
        "sp": "".join(one for one in RIGHTS if one in rights),
        "ss": "b",
        "srt": "".join(one for one in "sco" if one in kinds),
        "st": _second(start - BEGINS_EARLY),
        "se": _second(start + lifetime),
        "sip": "",
        "spr": "https" if secure else "https,http",
        "sv": SAS_VERSION,
        "ses": "",
    }
    text = "".join(f"{line}\n" for line in (account, *fields.values()))
    try:
        secret = b64decode(key, validate=True)
    except ValueError as error:  # the message would hold the key
        raise AuthFailed(f"{whose} shared key is not a storage account key") from error
    signature = b64encode(hmac.digest(secret, text.encode(), "sha256")).decode()
    signed = {name: value for name, value in fields.items() if value} | {"sig": signature}
    return urlencode(signed, quote_via=quote)


def _second(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
