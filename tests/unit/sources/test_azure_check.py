"""What preflight makes of a container whose blobs come and go while it looks."""

from __future__ import annotations

from collections.abc import Mapping

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
