"""Signatures that are made from an account's key."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes
from azure.storage.blob._shared.shared_access_signature import SharedAccessSignature

from hdh_migrate.errors import AuthFailed
from hdh_migrate.sources.azure_credentials import BEGINS_EARLY, SAS_VERSION, account_sas
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


@pytest.mark.slow
def test_no_sdk_is_loaded_for_a_signature() -> None:
    script = (
        "import sys; from datetime import *; from hdh_migrate.sources.azure_credentials import *;"
        f"account_sas('a', '{KEY}', whose='', kinds='co', rights='rl', start=datetime.now(UTC),"
        " lifetime=timedelta(1), secure=True); sys.exit('azure' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=LONG)
