"""Signatures that are made from an account's key."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qs

import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes
from azure.storage.blob._shared.shared_access_signature import SharedAccessSignature

from hdh_migrate.errors import AuthFailed
from hdh_migrate.model import Place
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_credentials import (
    BEGINS_EARLY,
    SAS_VERSION,
    Authorizer,
    SasAuthorizer,
    SharedKeyAuthorizer,
    account_sas,
)
from hdh_migrate.sources.azure_tokens import Token, TokenAuthorizer
from hdh_migrate.transport import Reply, Transport
from tests.support.processes import LONG

KEY = b64encode(b"no account's key").decode()
NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)


def made(kinds: str, rights: str, *, secure: bool, key: str = KEY) -> str:
    return account_sas(
        "someone", key, whose="the source's", kinds=kinds, rights=rights, start=NOON,
        lifetime=HOUR, secure=secure,
    )  # fmt: skip


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize(("kinds", "rights"), [("co", "rlt"), ("o", "cd"), ("sco", "wtidrl")])
def test_a_signature_is_the_one_that_the_sdk_makes(kinds: str, rights: str, secure: bool) -> None:
    theirs = SharedAccessSignature("someone", KEY, SAS_VERSION).generate_account(
        services="b",
        resource_types=ResourceTypes.from_string(kinds),  # type: ignore[no-untyped-call]
        permission=AccountSasPermissions.from_string(rights),  # type: ignore[no-untyped-call]
        start=NOON - BEGINS_EARLY,
        expiry=NOON + HOUR,
        protocol="https" if secure else "https,http",
    )

    assert parse_qs(made(kinds, rights, secure=secure)) == parse_qs(theirs)


@pytest.mark.parametrize("key", ["no base64", "QUJ", KEY + "\u00e9"])
def test_a_key_that_is_none_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(AuthFailed) as refused:
        made("co", "rl", secure=True, key=key)

    assert str(refused.value) == "the source's shared key is not a storage account key"
    assert key not in repr(refused.value)


# --- what ended unnoticed ------------------------------------------------------------------------


@dataclass
class TokensInTurn:
    """Gives one token after another; the clock of who asks stands still."""

    transport: Transport
    given: int = 0

    def __call__(self) -> Token:
        self.given += 1
        return Token(value=f"t{self.given}", seconds=3600)


class LetsIn:
    """Stands where a `Transport` stands, and lets in who has a token of these."""

    def __init__(self, *good: str, refusal: Reply) -> None:
        self.good, self.refusal = good, refusal
        self.seen: list[str] = []

    def request(self, method: str, url: str, headers: Mapping[str, str], **more: Any) -> Reply:
        self.seen.append(headers.get("Authorization") or parse_qs(url)["sig"][0])
        return Reply(status=200) if self.seen[-1] in self.good else self.refusal


UNKNOWN = Reply(status=401, headers={"x-ms-error-code": "InvalidAuthenticationInfo"})
ENDED = Reply(status=403, headers={"x-ms-error-code": "AuthenticationFailed"})
NO_RIGHT = Reply(status=403, headers={"x-ms-error-code": "AuthorizationPermissionMismatch"})


def entered(door: LetsIn, authorizer: Authorizer) -> int:
    account = AzureAccount("http://127.0.0.1:1/a", authorizer, cast("Transport", door))
    return account.container(Place(bucket="emc2")).status


@pytest.mark.parametrize(
    ("refusal", "status", "given"), [(UNKNOWN, 200, 2), (ENDED, 200, 2), (NO_RIGHT, 403, 1)]
)
def test_a_token_that_ended_while_the_clock_stood_still_is_renewed_once(
    refusal: Reply, status: int, given: int
) -> None:
    """A machine that was paused does not notice; what is refused for a right stays refused."""
    door = LetsIn("Bearer t2", refusal=refusal)
    fetch = TokensInTurn(cast("Transport", door))
    assert entered(door, TokenAuthorizer(fetch, monotonic=lambda: 7.0)) == status
    assert fetch.given == given


def test_a_token_that_is_refused_again_is_not_renewed_without_end() -> None:
    door = LetsIn(refusal=UNKNOWN)
    fetch, clock = TokensInTurn(cast("Transport", door)), [0.0]
    authorizer = TokenAuthorizer(fetch, monotonic=lambda: clock[0])
    assert [entered(door, authorizer) for _ in range(3)] == [401] * 3
    assert (fetch.given, len(door.seen)) == (2, 4)
    clock[0] = 60.0
    assert entered(door, authorizer) == 401
    assert fetch.given == 3


def test_whoever_was_refused_with_an_older_token_asks_with_the_newer_one() -> None:
    fetch = TokensInTurn(cast("Transport", None))
    authorizer = TokenAuthorizer(fetch, monotonic=lambda: 7.0)
    ours, theirs = dict[str, str](), dict[str, str]()
    authorizer.apply("", ours)
    authorizer.apply("", theirs)
    assert authorizer.again("", ours)
    assert authorizer.again("", theirs)
    assert fetch.given == 2
    authorizer.apply("", ours)
    assert not authorizer.again("", ours)


def test_a_signature_of_a_key_is_made_again_and_one_that_was_given_is_not() -> None:
    door = LetsIn(refusal=ENDED)
    key = SharedKeyAuthorizer("a", KEY, secure=True, monotonic=lambda: 7.0)
    assert [entered(door, key) for _ in range(2)] == [403, 403]
    assert len(door.seen) == 3
    door.seen.clear()
    assert entered(door, SasAuthorizer("sv=1&sig=x")) == 403
    assert door.seen == ["x"]


@pytest.mark.slow
def test_no_sdk_is_loaded_for_a_signature() -> None:
    script = (
        "import sys; from datetime import *; from hdh_migrate.sources.azure_credentials import *;"
        f"account_sas('a', '{KEY}', whose='', kinds='co', rights='rl', start=datetime.now(UTC),"
        " lifetime=timedelta(1), secure=True); sys.exit('azure' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=LONG)
