"""Everything that a strict S3 server serves, by which data keys open it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from hdh_migrate.sealing.keys import PrivateKey
from hdh_migrate.sealing.packets import PacketReader, segment_nonce
from tests.support.rotated import NAME, versions
from tests.support.site import Said, Site
from tests.support.strict_s3.store import Version

SEALED = 65_564
"""Stored bytes of a full segment."""


def header_of(one: Version) -> bytes:
    return one.body[: 16 + 108 * int.from_bytes(one.body[12:16], "little")]


def data_keys(site: Site, name: str = "steward") -> set[bytes]:
    """Return the data keys of everything that is there, as a recipient's private key gives them."""
    reader = PacketReader(PrivateKey.load(site.folder / "keys" / f"{name}.sec", None))
    return {reader.data_key(header_of(one)) for one in versions(site)}


def opened_by(site: Site, keys: Iterable[bytes]) -> set[str]:
    """Return the names of objects of which a version's first segment opens with one of the keys."""
    ciphers = [ChaCha20Poly1305(key) for key in keys]
    found = set[str]()
    for one in versions(site):
        body = one.body[len(header_of(one)) :]
        segment = body[:SEALED]
        nonce = segment_nonce(0, last=len(body) <= SEALED)
        for cipher in ciphers if segment else ():
            try:
                cipher.decrypt(nonce, segment[12:], None)
            except InvalidTag:
                continue
            found.add(one.key)
    return found


def reseal(site: Site, *more: str, expect: int | None = None) -> Said:
    return site.cli("reseal", site.plan, "--no-progress", *more, expect=expect)


def sealed_anew(site: Site, *more: str, expect: int | None = 0) -> Said:
    return reseal(site, "--execute", *more, expect=expect)


def bucket_of(site: Site) -> Any:
    server: Any = site.bucket.server
    return server.store.buckets[NAME]
