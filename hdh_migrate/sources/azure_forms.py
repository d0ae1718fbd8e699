"""Finds a container's snapshots, earlier versions, soft-deleted and uncommitted blobs in listings.

Source: the service's "List Blobs" REST reference: `include` may have `snapshots`, `versions`,
`deleted` and `uncommittedblobs`; an entry then has `Snapshot`, `VersionId` with `IsCurrentVersion`,
or `Deleted`. An account may know not all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from hdh_migrate.bounded import count_of
from hdh_migrate.model import SIZE_MAX, Place, Trace
from hdh_migrate.sources.azure_account import AzureAccount, from_reply
from hdh_migrate.sources.azure_listing import (
    ENTRY_BYTES_MAX,
    EntryReader,
    name_of,
    pages_of,
)

PAGE_SIZE: Final = 5_000
DAYS_MAX: Final = 10_000
WHAT: Final = "the source"

LOOKS: Final = (
    ("snapshots", Trace.SNAPSHOT),
    ("versions", Trace.VERSION),
    ("deleted", Trace.SOFT_DELETED),
)
REFUSED: Final = frozenset((400, 409, 501))
"""What an account answers that does not know what it is asked for."""


class Form(NamedTuple):
    """One entry of a listing: in which form it is there."""

    key: str
    trace: Trace
    days: int | None
    """Until a soft-deleted one goes."""
    size: int


def accepted(account: AzureAccount, place: Place, word: str) -> bool:
    """Say whether an account can be asked for this.

    Raises:
        StorageError: the container cannot be listed so for another reason.
    """
    reply = account.listing(place, None, size=1, include=word, limit=ENTRY_BYTES_MAX)
    if reply.status in REFUSED:
        return False
    if reply.status != 200:
        raise from_reply(reply, WHAT)
    return True


def forms(account: AzureAccount, place: Place, include: Sequence[str]) -> Iterator[Form]:
    """List everything under the prefix in each of these forms."""

    def page(marker: str | None) -> tuple[list[Form], str | None]:
        reader: EntryReader[Form] = EntryReader(PAGE_SIZE, _form)
        reply = account.listing(
            place, marker, size=PAGE_SIZE, include=",".join(include), sink=reader.write,
            limit=ENTRY_BYTES_MAX,
        )  # fmt: skip
        if reply.status != 200:
            raise from_reply(reply, WHAT)
        return reader.page()

    for found, _ in pages_of(page):
        yield from found


def _form(blob: ET.Element) -> Form:
    size = count_of(blob.findtext("Properties/Content-Length") or "", SIZE_MAX) or 0
    if blob.findtext("Deleted") == "true":
        days = blob.findtext("Properties/RemainingRetentionDays") or ""
        return Form(name_of(blob), Trace.SOFT_DELETED, count_of(days, DAYS_MAX), size)
    if blob.findtext("Snapshot"):
        return Form(name_of(blob), Trace.SNAPSHOT, None, size)
    if blob.findtext("VersionId") and blob.findtext("IsCurrentVersion") != "true":
        return Form(name_of(blob), Trace.VERSION, None, size)
    return Form(name_of(blob), Trace.CURRENT, None, size)


def counted(
    account: AzureAccount, place: Place, include: Sequence[str]
) -> dict[Trace, tuple[int, int]]:
    """Count objects and bytes under the prefix in each of these forms; current ones as well."""
    found = dict.fromkeys(Trace, (0, 0))
    for form in forms(account, place, include):
        was = found[form.trace]
        found[form.trace] = (was[0] + 1, was[1] + form.size)
    return found
