"""What a reply about a blob must say before its bytes are believed.

The SDK believes all of these (docs/decisions/0002-transport.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from hdh_migrate.errors import ShortRead, SourceChanged
from hdh_migrate.model import ObjectInfo, Span
from hdh_migrate.sources.azure_listing import kind_of
from hdh_migrate.sources.http_fields import md5_hex
from hdh_migrate.transport import Reply


class NoRangeDigest(ShortRead):
    """The source gave a range without the digest that was asked for."""

    default_hint = "use verify.source: again, which reads every object twice"

    def __init__(self) -> None:
        super().__init__("the source gives no digest of a range")


_TOTAL = re.compile(r"bytes [^/]*/(\d{1,19})\Z", re.ASCII)


def exactly(obj: ObjectInfo, etag: str, span: Span, *, checked: bool) -> Callable[[Reply], None]:
    """Return the check of a ranged reply's head: `etag` is that of the version that is meant.

    `checked` demands a digest of the range.

    What it returns raises SourceChanged, ShortRead or NoRangeDigest.
    """
    wanted = f"bytes {span.start}-{span.end - 1}/{obj.size}"

    def accept(reply: Reply) -> None:
        if reply.status != 206:
            raise ShortRead(f"the source answered {reply.status} to a ranged read")
        content_range = reply.headers.get("content-range", "")
        if content_range != wanted:
            total = _TOTAL.match(content_range)
            if total is not None and total[1] != str(obj.size):
                raise SourceChanged("a source object has another size than the inventory says")
            raise ShortRead("the source sent another range than was asked for")
        if reply.length != span.length:
            raise ShortRead("the source announced another length than was asked for")
        if reply.etag != etag:
            raise SourceChanged("a source object changed since inventory")
        if kind_in(reply.headers, obj.size) != obj.kind:
            raise SourceChanged("a source object has another type than the inventory says")
        if checked and md5_hex(reply.headers.get("content-md5")) is None:
            raise NoRangeDigest

    return accept


def kind_in(headers: Mapping[str, str], size: int) -> str:
    """Return what kind of object a reply describes; what it does not say is as usual."""
    seen = {
        "BlobType": headers.get("x-ms-blob-type", "BlockBlob"),
        "ResourceType": headers.get("x-ms-resource-type"),
        "AccessTier": headers.get("x-ms-access-tier"),
        "CustomerProvidedKeySha256": headers.get("x-ms-encryption-key-sha256"),
    }
    return kind_of(seen, {"hdi_isfolder": headers.get("x-ms-meta-hdi_isfolder", "")}, size)
