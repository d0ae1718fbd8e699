"""The corpus on the emulator is the corpus."""

from __future__ import annotations

import pytest
from azure.storage.blob import ContainerClient

from hdh_migrate.demo.corpus import BIG_KEY, fill_azure, items
from hdh_migrate.demo.servers import Azurite

pytestmark = pytest.mark.live

BIG = 20 * (1 << 20) + 1


def test_azurite_holds_the_corpus_with_its_metadata_and_tags(azurite: Azurite) -> None:
    told: list[tuple[int, int]] = []
    fill_azure(azurite, "corpus", BIG, lambda objects, size: told.append((objects, size)))

    expected = {item.key: item for item in items(BIG)}
    with ContainerClient.from_connection_string(azurite.connection_string, "corpus") as client:
        found = {blob.name: blob for blob in client.list_blobs(include=["metadata", "tags"])}
        for key, item in expected.items():
            blob = found.pop(key)
            assert (blob.size, blob.metadata or {}, blob.tags or {}) == (
                item.size,
                item.metadata,
                item.tags,
            )
            assert blob.content_settings.content_type == item.content_type
            assert (blob.content_settings.content_md5 is None) == (key == BIG_KEY)
        assert client.download_blob(BIG_KEY).readall() == b"".join(expected[BIG_KEY].open())
        client.delete_container()

    assert found == {}
    assert tuple(map(sum, zip(*told, strict=True))) == (
        len(expected),
        sum(item.size for item in expected.values()),
    )
