"""What the tests of grants share: objects as a pack names them, and packs in memory."""

import io
from collections.abc import Iterable

from hdh_migrate.grants.objects import FORMAT, GrantedObject, HostAddress, PackHead
from hdh_migrate.grants.pack import PackReader, WrittenPack, write
from hdh_migrate.grants.rewrapping import Rewrapping
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes, sealed_size
from hdh_migrate.sealing.keys import PrivateKey
from tests.unit.sealing.helpers import ESCROW, STEWARD, identity

READER = identity()


def granted(name: str, size: int = 10, *, header: bytes | None = None) -> GrantedObject:
    """Return an object as a pack names it; its header opens nothing unless one is given."""
    return GrantedObject(
        name=name,
        bucket="hds",
        key=f"cohort/{name}.c4gh",
        version=None,
        etag="e" * 32,
        body=232,
        length=size,
        sealed=sealed_size(size, 232),
        sha256="a" * 64,
        sealed_sha256=None,
        header=header or bytes(124),
    )


def sealed_header() -> bytes:
    """Return the header of a stored object, for the steward and a second recipient."""
    return Crypt4ghEnvelopes([STEWARD.public, ESCROW.public], STEWARD).new().header


def rewrapped(header: bytes, reader: PrivateKey = READER) -> bytes:
    return Rewrapping.of(STEWARD, reader.public).header(header)


def head_for(objects: int, size: int, reader: PrivateKey = READER) -> PackHead:
    return PackHead(
        format=FORMAT,
        grant="g1",
        migration="m",
        dataset="cohort",
        permit="EHDS-2027-0042",
        purpose="survival after stroke",
        reader=reader.public.fingerprint,
        until="2027-12-31T23:59:59Z",
        endpoint=HostAddress(url="https://s3.example", region="eu", addressing="path"),
        objects=objects,
        bytes=size,
    )


def packed(
    objects: Iterable[GrantedObject], reader: PrivateKey = READER
) -> tuple[bytes, WrittenPack]:
    """Return a pack's bytes, and what was said of it when it was written."""
    objects, out = list(objects), io.BytesIO()
    head = head_for(len(objects), sum(one.length for one in objects), reader)
    written = write(out, reader.public, head, objects)
    return out.getvalue(), written


def opened(pack: bytes, reader: PrivateKey = READER) -> PackReader:
    return PackReader(io.BytesIO(pack), reader)
