"""What is moved and listed: corpora made here, of which every object's digest is known."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from azure.storage.blob import BlobBlock, ContainerClient, ContentSettings

MIB = 1 << 20
SMALL = 16_384
BLOCK = 32 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Objects of one size in a container of the same name."""

    name: str
    count: int
    size: int
    claims: bool = False
    """Whether the source says what each one's MD5 is."""
    digests: dict[str, str] = field(default_factory=dict, repr=False)
    """The SHA-256 of each object by its key, once it is filled."""

    @property
    def total(self) -> int:
        """Bytes of all objects."""
        return self.count * self.size

    def fill(self, connection: str) -> None:
        """Put the objects into their container, each with metadata, as data sets have it."""
        with ContainerClient.from_connection_string(connection, self.name) as client:
            client.create_container()
            with ThreadPoolExecutor(4) as pool:
                self.digests.update(pool.map(lambda n: self._put(client, n), range(self.count)))

    def _put(self, client: ContainerClient, number: int) -> tuple[str, str]:
        key = f"part-{number % 97:02d}/objet-{number:06d}.dcm"
        blob = client.get_blob_client(key)
        metadata = {"serie": str(number)}
        if self.size <= BLOCK:
            body = secrets.token_bytes(self.size)
            blob.upload_blob(body, metadata=metadata, content_settings=_claim(body, self.claims))
            return key, hashlib.sha256(body).hexdigest()
        digest, claim, names = hashlib.sha256(), hashlib.md5(usedforsecurity=False), list[str]()
        for place, block in enumerate(self._blocks()):
            digest.update(block)
            if self.claims:
                claim.update(block)
            names.append(f"{place:06d}")
            blob.stage_block(names[-1], block)
        settings = ContentSettings(content_md5=bytearray(claim.digest())) if self.claims else None
        blob.commit_block_list(
            [BlobBlock(name) for name in names], metadata=metadata, content_settings=settings
        )
        return key, digest.hexdigest()

    def _blocks(self) -> Iterator[bytes]:
        whole = secrets.token_bytes(BLOCK)
        for left in range(self.size, 0, -BLOCK):
            yield whole[: min(left, BLOCK)]


def _claim(body: bytes, claims: bool) -> ContentSettings | None:
    """Return what lets the service keep an MD5; Azurite computes one for whole uploads anyway."""
    if not claims:
        return None
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    return ContentSettings(content_md5=bytearray(digest))
