"""Tries whether a writer of an Azure container is shut out: a create that must be refused.

Apart from decommission this is all that may write to a source. It has a credential and connections
of its own, knows two requests, and touches only blobs whose name is a trial's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from hdh_migrate.bounded import word
from hdh_migrate.errors import AuthFailed, Throttled, Transient
from hdh_migrate.model import FREEZE_TRIAL, Place, Refusal
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_credentials import Authorizer, SasAuthorizer, account_sas
from hdh_migrate.transport import Reply

TOKEN_LIFETIME: Final = timedelta(minutes=15)

_SHUT_OUT: Final = {
    "AuthorizationPermissionMismatch": "the credential has no right to write",
    "KeyBasedAuthenticationNotPermitted": "the account no longer accepts keys",
    "AccountIsDisabled": "the account is disabled",
}
"""Refusals that a writer would meet as well; any other says something of us, not of writers."""

_CREDENTIAL: Final = frozenset(
    ("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation")
)
_THIS_MACHINE: Final = frozenset(
    ("AuthorizationFailure", "AuthorizationSourceIPMismatch", "AuthorizationProtocolMismatch")
)
"""A network rule, or a token for another place: a writer elsewhere may still be let in."""

_READ_ONLY: Final = "InsufficientAccountPermissions"
"""What a secondary says to every write ("Common REST API error codes"); its primary may not."""


class AzureFreezeProbe:
    """One account, with a writer's credential; see `ports.FreezeProbe`."""

    def __init__(self, account: AzureAccount, *, no_writer: str | None = None) -> None:
        """Take the account with the writer's credential.

        `no_writer` is why that credential is nobody's who ever wrote, so that its refusal shows
        nothing: then it is not tried.
        """
        self._account, self._no_writer = account, no_writer

    def probe(self, place: Place, name: str) -> Refusal:
        """Try to create an empty blob where there is none."""
        if self._no_writer is not None:
            return Refusal(proven=False, detail=self._no_writer)
        try:
            # Create-only: whatever happens, no blob of anybody's is replaced.
            headers = {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}
            reply = self._send("PUT", place, name, headers, body=memoryview(b""))
        except AuthFailed as error:
            return Refusal(proven=False, detail=str(error))
        code = word(reply.headers.get("x-ms-error-code", ""))
        if reply.status == 201:
            removed = self._removed(place, name, {"If-Match": f'"{reply.etag}"'})
            return Refusal(
                proven=False,
                detail="the write succeeded: writers are not shut out",
                left=None if removed else name,
            )
        if reply.status in {429, 503}:
            raise Throttled(f"the freeze trial: HTTP {reply.status}", retry_after=reply.retry_after)
        if reply.status >= 500 or reply.status == 408:
            raise Transient(f"the freeze trial: HTTP {reply.status}")
        if reply.status == 403 and code in _SHUT_OUT:
            return Refusal(proven=True, detail=f"{_SHUT_OUT[code]} ({code})")
        return Refusal(proven=False, detail=_inconclusive(reply, code))

    def clear(self, place: Place, name: str) -> bool:
        """Remove the blob of a trial whose end nobody saw."""
        try:
            return self._removed(place, name, {})
        except AuthFailed:
            return False

    def _removed(self, place: Place, name: str, headers: dict[str, str]) -> bool:
        return self._send("DELETE", place, name, headers).status in {202, 404}

    def _send(
        self,
        method: str,
        place: Place,
        name: str,
        headers: dict[str, str],
        body: memoryview | None = None,
    ) -> Reply:
        if not name.removeprefix(place.prefix).startswith(FREEZE_TRIAL):
            raise ValueError("this is no trial's name")
        return self._account.blob(method, place, name, headers, body=body)


def writer_token(account: str, key: str, *, secure: bool, now: Callable[[], str]) -> Authorizer:
    """Return what a writer who holds the account's key may do: create, and delete again.

    Raises:
        AuthFailed: the key is none.
    """
    moment = datetime.fromisoformat(now())
    return SasAuthorizer(
        account_sas(
            account, key, whose="the writer's", kinds="o", rights="cd", start=moment,
            lifetime=TOKEN_LIFETIME, secure=secure,
        )
    )  # fmt: skip


def _inconclusive(reply: Reply, code: str) -> str:
    label = f"{code or 'no reason given'}, HTTP {reply.status}"
    if code in _CREDENTIAL or reply.status == 401:
        return f"the credential itself is refused, so nothing is shown of writers ({label})"
    if code in _THIS_MACHINE:
        return f"this machine or this token is refused, others may not be ({label})"
    if reply.status == 404:
        return f"there is no such container ({label})"
    if code == _READ_ONLY:
        return f"nobody may write at this address, and elsewhere they may ({label})"
    return f"the answer does not show that writers are shut out ({label})"
