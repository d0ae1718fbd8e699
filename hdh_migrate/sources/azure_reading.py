"""One version of one blob: described, and read span by span, every reply checked."""

from __future__ import annotations

import hashlib
from typing import Final

from hdh_migrate.errors import ShortRead, SourceChanged
from hdh_migrate.model import MIB, SIZE_MAX, ObjectInfo, Place, Span
from hdh_migrate.model.naming import name_in
from hdh_migrate.ports.stores import Write
from hdh_migrate.sources.azure_account import AzureAccount, from_reply
from hdh_migrate.sources.azure_listing import lease_of
from hdh_migrate.sources.azure_pages import valid
from hdh_migrate.sources.azure_replies import exactly, kind_in
from hdh_migrate.sources.azure_versions import Pin
from hdh_migrate.sources.http_fields import md5_hex, rfc3339

RANGE_MD5_MAX: Final = 4 * MIB
"""Bytes of the longest range of which the service gives a digest."""

PAGES: Final = "page-blob"
NOTHING: Final = bytes(MIB)


def head(account: AzureAccount, place: Place, key: str, address: str) -> ObjectInfo:
    """Describe the version of a blob at this address; without one, what is current."""
    reply = account.blob("HEAD", place, name_in(key), {}, query=Pin("", address).query)
    if reply.status != 200:
        raise from_reply(reply, "a source object")
    if reply.length is None or reply.length > SIZE_MAX or not reply.etag:
        raise ShortRead("the source describes an object without size or version")
    return ObjectInfo(
        key=key,
        size=reply.length,
        version=str(Pin(reply.etag, address)),
        modified=rfc3339(reply.headers.get("last-modified")),
        md5=md5_hex(reply.headers.get("content-md5")),
        kind=kind_in(reply.headers, reply.length),
        tier=reply.headers.get("x-ms-access-tier"),
        lease=lease_of(
            reply.headers.get("x-ms-lease-state"), reply.headers.get("x-ms-lease-duration")
        ),
    )


def read(
    account: AzureAccount,
    place: Place,
    obj: ObjectInfo,
    span: Span,
    write: Write,
    *,
    checked: bool = False,
) -> None:
    """Hand over exactly the span of exactly this version; see `ports.Source.read`."""
    if span.length == 0:
        # A range of nothing cannot be asked for, and an empty object's version still counts,
        # as does that it is empty.
        now = head(account, place, obj.key, Pin.read(obj.version).address)
        if (now.version, now.size, now.kind) != (obj.version, obj.size, obj.kind):
            raise SourceChanged("a source object changed since inventory")
        return
    if obj.kind != PAGES:
        _stretch(account, place, obj, span, write, checked=checked)
        return
    at = span.start
    for stretch in valid(account, place, obj, span):
        _zeros(stretch.start - at, write)
        _stretch(account, place, obj, stretch, write, checked=checked)
        at = stretch.end
    _zeros(span.end - at, write)


def _stretch(
    account: AzureAccount, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool
) -> None:
    step = RANGE_MD5_MAX if checked else span.length
    for start in range(span.start, span.end, step):
        _read(account, place, obj, Span(start, min(step, span.end - start)), write, checked=checked)


def _read(
    account: AzureAccount, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool
) -> None:
    pin = Pin.read(obj.version)
    headers = {
        "If-Match": f'"{pin.etag}"',
        "x-ms-range": f"bytes={span.start}-{span.end - 1}",
    }
    digest = hashlib.md5(usedforsecurity=False) if checked else None
    if checked:
        headers["x-ms-range-get-content-md5"] = "true"
    got = 0

    def count(data: bytes | memoryview) -> None:
        nonlocal got
        got += len(data)
        if got > span.length:
            raise ShortRead("the source sent more than was asked for")
        if digest is not None:
            digest.update(data)
        write(data)

    reply = account.blob(
        "GET", place, name_in(obj.key), headers, query=pin.query,
        accept=exactly(obj, pin.etag, span, checked=checked), gathered=count,
    )  # fmt: skip
    if reply.status != 206:
        raise from_reply(reply, "a source object")
    if got != span.length:
        raise ShortRead("the source sent less than it announced")
    if digest is not None and digest.hexdigest() != md5_hex(reply.headers.get("content-md5")):
        raise ShortRead("the source sent other bytes than its own digest of them says")


def _zeros(size: int, write: Write) -> None:
    """Hand over what a page blob holds where it has no pages."""
    for start in range(0, size, len(NOTHING)):
        write(NOTHING[: min(len(NOTHING), size - start)])
