"""What preflight makes of a container whose blobs come and go while it looks."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hdh_migrate.model import Place
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_blob import AzureBlobSource
from hdh_migrate.sources.azure_credentials import SasAuthorizer
from tests.support.doors import loopback
from tests.support.strict_blob import CONTAINER, SAS, StrictBlob


class Removing(StrictBlob):
    """A server whose blobs are removed as soon as they were listed."""

    def listed(self, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        answer = super().listed(query)
        self.blobs.clear()
        return answer


def test_a_blob_that_was_removed_since_it_was_listed_says_nothing_about_rights() -> None:
    with Removing() as server:
        server.put("p/k", b"data")
        account = AzureAccount(server.url, SasAuthorizer(SAS), loopback(server.url))

        assert AzureBlobSource(account).check(Place(bucket=CONTAINER, prefix="")) == []

    assert any("/p/k?" in one for one in server.asked)


class Sparse(StrictBlob):
    """A server whose first pages are empty, and say where the next one begins."""

    def listed(self, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        marker = query.get("marker", "")
        if marker.startswith("empty"):
            query = {name: value for name, value in query.items() if name != "marker"}
        if marker == "empty":
            return super().listed(query)
        status, code, body = super().listed({**query, "prefix": "nobody's"})
        following = f"<NextMarker>{'empty' if marker else 'empty-1'}</NextMarker>"
        return status, code, body.replace(b"<NextMarker />", following.encode())


def test_an_empty_page_is_no_empty_container() -> None:
    """ "In certain cases, the service might return fewer results", and a marker: "List Blobs"."""
    with Sparse() as server:
        server.put("p/k", b"data")
        server.answers["GET"] = (403, "AuthorizationPermissionMismatch")
        account = AzureAccount(server.url, SasAuthorizer(SAS), loopback(server.url))

        [found] = AzureBlobSource(account).check(Place(bucket=CONTAINER, prefix=""))

    assert found.what == "no right to read (AuthorizationPermissionMismatch)"


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("AuthorizationFailure", "most often the account's network rules"),
        ("AuthorizationSourceIPMismatch", "for other addresses"),
        ("AuthorizationPermissionMismatch", "a role of data, such as Storage Blob Data Reader"),
        ("SomethingNew", "the credential needs Read (sp=r) on blobs"),
    ],
)
def test_what_is_missing_follows_from_the_services_own_word(code: str, hint: str) -> None:
    """What most refusals of a first hour are of is no right: "Common REST API error codes"."""
    with StrictBlob() as server:
        server.put("p/k", b"data")
        server.answers["GET"] = (403, code)
        account = AzureAccount(server.url, SasAuthorizer(SAS), loopback(server.url))

        [found] = AzureBlobSource(account).check(Place(bucket=CONTAINER, prefix=""))

    assert found.auth
    assert code in found.what
    assert hint in (found.hint or "")
