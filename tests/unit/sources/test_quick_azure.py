"""The server that measures listings answers as the service does: both our readers take it."""

from __future__ import annotations

from bench.quick_azure import ACCOUNT, KEY, QuickAzure, entry
from hdh_migrate.codes import Code
from hdh_migrate.model import Brief, Place
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_blob import AzureBlobSource
from hdh_migrate.sources.azure_credentials import SharedKeyAuthorizer
from tests.support.doors import loopback
from tests.support.serving import serving

COUNT = 23


def test_both_listings_of_it_are_the_same_and_a_blob_can_be_read() -> None:
    place = Place(bucket="quick", prefix="")
    with QuickAzure([entry(number) for number in range(COUNT)]) as server:
        key = SharedKeyAuthorizer(ACCOUNT, KEY, secure=False, monotonic=lambda: 0.0)
        account = AzureAccount(server.url, key, loopback(server.url))
        source = AzureBlobSource(account, page_size=7, recount_size=4)
        with serving(server):
            listed = [obj for page in source.pages(place) for obj in page.objects]
            again = list(source.recount(place))
            assert source.check(place) == []
            assert [note.code for note in source.notes(place)] == [Code.CONTAINER_LEFT]
    assert again == [Brief(o.key, o.size, o.version, o.kind, o.md5) for o in listed]
    assert len(listed) == COUNT
    assert listed[0].md5
    assert listed[0].metadata == {"serie": "0"}
