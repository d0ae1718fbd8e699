"""How requests to Azure Blob are authorised: always read-only, always renewable.

A shared key never signs a request itself: it makes short-lived account SAS tokens that may list
and read and nothing else, so that not even a fault of ours could write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from hdh_migrate.errors import AuthFailed
from hdh_migrate.sources.azure_sas import SasToken

SAS_LIFETIME = timedelta(hours=6)
RENEW_BEFORE_SECONDS = 900.0


class Authorizer(Protocol):
    """Adds what a request needs to be allowed."""

    def apply(self, query: str, headers: dict[str, str]) -> str:
        """Return the query with what belongs there; may add headers."""


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
        self._renew_at = 0.0

    def apply(self, query: str, headers: dict[str, str]) -> str:
        """Return the query with a token that is good for the next minutes."""
        del headers
        with self._lock:
            if self._monotonic() >= self._renew_at:
                self._token = self._make()
                self._renew_at = (
                    self._monotonic() + SAS_LIFETIME.total_seconds() - RENEW_BEFORE_SECONDS
                )
        return f"{query}&{self._token}" if query else self._token

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

    Raises:
        AuthFailed: the key is none; `whose` says whose it is.
    """
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    try:
        return generate_account_sas(
            account_name=account,
            account_key=key,
            resource_types=ResourceTypes.from_string(kinds),  # type: ignore[no-untyped-call]
            permission=AccountSasPermissions.from_string(rights),  # type: ignore[no-untyped-call]
            start=start - timedelta(minutes=5),
            expiry=start + lifetime,
            protocol="https" if secure else "https,http",
        )
    except ValueError as error:  # the key is not base64; the message would hold the key
        raise AuthFailed(f"{whose} shared key is not a storage account key") from error
