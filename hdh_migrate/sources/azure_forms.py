"""Finds a container's snapshots, earlier versions, soft-deleted and uncommitted blobs in listings.

Source: the service's "List Blobs" REST reference: `include` may have `snapshots`, `versions`,
`deleted` and `uncommittedblobs`; an entry then has `Snapshot`, `VersionId` with `IsCurrentVersion`,
or `Deleted`, or lacks what only what is committed has. An account may know not all of them. Where
the namespace is hierarchical, deleted paths have a listing of their own (`showonly=deleted`), and
each a `DeletionId`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
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
from hdh_migrate.sources.azure_recount import UNCOMMITTED

PAGE_SIZE: Final = 5_000
DAYS_MAX: Final = 10_000
WHAT: Final = "the source"

DELETED: Final = "deleted"
"""The word for soft-deleted blobs; where the namespace is hierarchical they are listed apart."""

LOOKS: Final = (
    ("snapshots", Trace.SNAPSHOT),
    ("versions", Trace.VERSION),
    (DELETED, Trace.SOFT_DELETED),
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
    deletion: str = ""
    """What a deleted path has beside its name, where the namespace is hierarchical."""


def accepted(account: AzureAccount, place: Place, word: str, *, only: str = "") -> bool:
    """Say whether an account can be asked for this.

    Raises:
        StorageError: the container cannot be listed so for another reason.
    """
    reply = account.listing(place, None, size=1, include=word, only=only, limit=ENTRY_BYTES_MAX)
    if reply.status in REFUSED:
        return False
    if reply.status != 200:
        raise from_reply(reply, WHAT)
    return True


def forms(
    account: AzureAccount, place: Place, include: Sequence[str], *, only: str = "",
    first: int = PAGE_SIZE,
) -> Iterator[Form]:  # fmt: skip
    """List everything under the prefix in each of these forms; `first` is the first page's size."""
    read = _form if UNCOMMITTED in include else _committed_form

    def page(marker: str | None) -> tuple[list[Form], str | None]:
        size = first if marker is None else PAGE_SIZE
        reader: EntryReader[Form] = EntryReader(size, read)
        reply = account.listing(
            place, marker, size=size, include=",".join(include), only=only,
            sink=reader.write, limit=ENTRY_BYTES_MAX,
        )  # fmt: skip
        if reply.status != 200:
            raise from_reply(reply, WHAT)
        return reader.page()

    for found, _ in pages_of(page):
        yield from found


def deleted_paths(account: AzureAccount, place: Place) -> Iterator[Form] | None:
    """List deleted paths where the namespace is hierarchical; None: it is not.

    An account that takes the question for another one begins with an entry that is not deleted: it
    is not listed to its end.

    Raises:
        StorageError: the container cannot be listed so for another reason.
    """
    if not accepted(account, place, "", only=DELETED):
        return None
    found = forms(account, place, (), only=DELETED, first=1)
    first = next(found, None)
    if first is None:
        return iter(())
    if first.trace is not Trace.SOFT_DELETED:
        return None
    return (
        one for one in chain([first], found) if one.trace is Trace.SOFT_DELETED and one.deletion
    )


def _form(blob: ET.Element) -> Form:
    """Read an entry among which there may be some of which nothing is committed."""
    form = _committed_form(blob)
    if form.trace is not Trace.CURRENT:
        return form
    properties = blob.find("Properties")
    told = set() if properties is None else {one.tag for one in properties}
    # An emulator gives such a blob an ETag, and no type of content.
    if "Etag" in told and ("Content-Type" in told or form.size):
        return form
    return form._replace(trace=Trace.UNCOMMITTED)


def _committed_form(blob: ET.Element) -> Form:
    size = count_of(blob.findtext("Properties/Content-Length") or "", SIZE_MAX) or 0
    if blob.findtext("Deleted") == "true":
        days = blob.findtext("Properties/RemainingRetentionDays") or ""
        deletion = blob.findtext("DeletionId") or ""
        return Form(name_of(blob), Trace.SOFT_DELETED, count_of(days, DAYS_MAX), size, deletion)
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
