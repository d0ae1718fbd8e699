"""Deleting at the source, on Azurite: one inventoried version at a time, and what is left then."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure.storage.blob import BlobLeaseClient

from hdh_migrate.errors import AccessDenied, AuthFailed, ConnectionLost, ListingBroken, Missing
from hdh_migrate.model import Erasing, Place, Remnant, Trace
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_credentials import SasAuthorizer
from hdh_migrate.sources.azure_eraser import AzureEraser
from tests.support import lies
from tests.support.doors import loopback
from tests.support.fixtures import Container, ProxyTo
from tests.support.wire import Request

pytestmark = pytest.mark.live

KEY = "pmsi/é 100%+?#.csv"

# As the service's "List Blobs" reference shows versions and soft-deleted blobs, which Azurite
# does not have.
VERSIONS = b"""<?xml version="1.0" encoding="utf-8"?>
<EnumerationResults ServiceEndpoint="https://x/" ContainerName="c"><Blobs>
<Blob><Name>a</Name><VersionId>2026-01-01T00:00:00.0000000Z</VersionId><Properties/></Blob>
<Blob><Name>a</Name><VersionId>2026-01-02T00:00:00.0000000Z</VersionId>
<IsCurrentVersion>true</IsCurrentVersion>
<Properties><Etag>0x8D1</Etag><Content-Type /></Properties></Blob>
<Blob><Name>b</Name><Deleted>true</Deleted><Properties>
<RemainingRetentionDays>13</RemainingRetentionDays></Properties></Blob>
<Blob><Name>c</Name><Snapshot>2026-01-02T00:00:00.0000000Z</Snapshot><Properties/></Blob>
<Blob><Name Encoded="true">d%EF%BF%BE</Name>
<Properties><Etag>0x8D2</Etag><Content-Type /></Properties></Blob>
<Blob><Name>e</Name><Properties><Content-Length>0</Content-Length></Properties></Blob>
</Blobs><NextMarker/></EnumerationResults>"""


def eraser_of(container: Container, rights: str = "rld", url: str | None = None) -> AzureEraser:
    credential = SasAuthorizer(container.server.sas(rights))
    url = url or container.server.url
    return AzureEraser(AzureAccount(url, credential, loopback(url)))


def version(container: Container, key: str) -> str:
    return str(container.client.get_blob_client(key).get_blob_properties().etag).strip('"')


def place_of(container: Container, prefix: str = "") -> Place:
    return Place(bucket=container.name, prefix=prefix)


def test_an_object_goes_if_it_is_still_the_inventoried_version(container: Container) -> None:
    container.client.upload_blob(KEY, b"one")
    container.client.upload_blob(KEY + "2", b"one")
    place, eraser = place_of(container), eraser_of(container)
    pinned = version(container, KEY)

    assert eraser.erase(place, KEY, pinned).outcome is Erasing.DELETED
    assert eraser.erase(place, KEY, pinned).outcome is Erasing.MISSING
    assert [blob.name for blob in container.client.list_blobs()] == [KEY + "2"]


def test_an_object_that_was_written_since_is_kept(container: Container) -> None:
    container.client.upload_blob(KEY, b"one")
    pinned = version(container, KEY)
    container.client.upload_blob(KEY, b"two", overwrite=True)

    erased = eraser_of(container).erase(place_of(container), KEY, pinned)

    assert erased.outcome is Erasing.DRIFTED
    assert container.client.download_blob(KEY).readall() == b"two"


def test_snapshots_and_leases_are_not_got_around(container: Container) -> None:
    for key in ("snapshot", "lease"):
        container.client.upload_blob(key, b"one")
    container.client.get_blob_client("snapshot").create_snapshot()
    lease = BlobLeaseClient(container.client.get_blob_client("lease"))
    lease.acquire()
    try:
        for key, told in (("snapshot", "it has snapshots"), ("lease", "it is leased")):
            erased = eraser_of(container).erase(place_of(container), key, version(container, key))
            assert (erased.outcome, erased.detail) == (Erasing.KEPT, told)
        assert len(list(container.client.list_blobs())) == 2
    finally:
        lease.release()


def test_nothing_is_deleted_without_a_version_or_the_right(container: Container) -> None:
    container.client.upload_blob(KEY, b"one")
    place, pinned = place_of(container), version(container, KEY)
    with pytest.raises(ValueError, match="without its version"):
        eraser_of(container).erase(place, KEY, "")
    with pytest.raises(AccessDenied):
        eraser_of(container, "rl").erase(place, KEY, pinned)
    wrong = SasAuthorizer(container.server.sas("rld").replace("sig=", "sig=A"))
    url = container.server.url
    with pytest.raises((AuthFailed, AccessDenied)):
        AzureEraser(AzureAccount(url, wrong, loopback(url))).erase(place, KEY, pinned)
    with pytest.raises(Missing):
        eraser_of(container).erase(Place(bucket="nowhere-at-all"), KEY, pinned)
    assert container.client.download_blob(KEY).readall() == b"one"


def test_what_is_left_is_listed_in_every_form(container: Container) -> None:
    for key in ("a/1", "a/2", "b/1"):
        container.client.upload_blob(key, b"one")
    container.client.get_blob_client("a/2").create_snapshot()
    container.client.get_blob_client("a/0 uncommitted").stage_block("0001", b"x")

    found = list(eraser_of(container).remnants(place_of(container, "a/")))

    assert sorted((one.key, one.trace) for one in found) == [
        ("a/0 uncommitted", Trace.UNCOMMITTED),
        ("a/1", Trace.CURRENT),
        ("a/2", Trace.CURRENT),
        ("a/2", Trace.SNAPSHOT),
    ]


def lists(*words: str) -> object:
    def match(request: Request) -> bool:
        include = request.params.get("include", "")
        return request.params.get("comp") == "list" and set(words) <= set(include.split(","))

    return match


def test_versions_and_soft_deleted_blobs_are_told_apart(
    container: Container, proxy_to: ProxyTo
) -> None:
    proxy = proxy_to(container.server)
    proxy.rule(match=lists("versions"), action=lies.status(200, body=VERSIONS))
    eraser = eraser_of(container, url=proxy.url)

    assert list(eraser.remnants(place_of(container))) == [
        Remnant(key="a", trace=Trace.VERSION),
        Remnant(key="a", trace=Trace.CURRENT),
        Remnant(key="b", trace=Trace.SOFT_DELETED, days=13),
        Remnant(key="c", trace=Trace.SNAPSHOT),
        Remnant(key="d\ufffe", trace=Trace.CURRENT),
        Remnant(key="e", trace=Trace.UNCOMMITTED),
    ]


def test_forms_that_the_service_does_not_know_are_told(
    container: Container, proxy_to: ProxyTo
) -> None:
    container.client.upload_blob("a", b"one")
    proxy = proxy_to(container.server)
    unknown = lies.status(400, {"x-ms-error-code": "UnsupportedQueryParameter"})
    proxy.rule(match=lists("versions"), action=unknown)
    proxy.rule(match=lists("deleted"), action=unknown)
    eraser = eraser_of(container, url=proxy.url)

    assert [one.trace for one in eraser.remnants(place_of(container))] == [Trace.CURRENT]
    assert set(eraser.unseen()) == {Trace.VERSION, Trace.SOFT_DELETED}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", ConnectionLost),
        (VERSIONS[:-40], ConnectionLost),
        (VERSIONS.replace(b"<NextMarker/>", b""), ListingBroken),
        (VERSIONS.replace(b"<NextMarker/>", b"<NextMarker>m</NextMarker>"), ListingBroken),
        (b"<!DOCTYPE x>" + VERSIONS, ListingBroken),
        (b"<html/>", ListingBroken),
    ],
)
def test_a_listing_that_does_not_add_up_is_not_believed(
    container: Container, proxy_to: ProxyTo, body: bytes, error: type[Exception], tmp_path: Path
) -> None:
    proxy = proxy_to(container.server)
    proxy.rule(match=lists("versions", "snapshots"), action=lies.status(200, body=body))
    with pytest.raises(error):
        list(eraser_of(container, url=proxy.url).remnants(place_of(container)))
