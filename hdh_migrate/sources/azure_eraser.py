"""The only code that deletes at a source: one blob, one inventoried version, one request.

It has a credential and connections of its own. A delete carries If-Match, so a blob that anybody
wrote to since is kept; snapshots, leases, legal holds and immutability make the service refuse,
and nothing here tries to get around that. It can prove no more than what the service then lists.
In which order it lists names no two kinds of accounts agree, so nothing here follows from an order.

Source: the service's "Delete Blob" and "List Blobs" REST references.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hdh_migrate.model import Erased, Erasing, Place, Remnant, Trace
from hdh_migrate.sources.azure_account import AzureAccount, from_reply
from hdh_migrate.sources.azure_forms import (
    LOOKS,
    WHAT,
    Form,
    accepted,
    deleted_paths,
    forms,
)
from hdh_migrate.sources.azure_recount import UNCOMMITTED
from hdh_migrate.sources.azure_versions import Pin

_KEPT: Final = {
    "SnapshotsPresent": "it has snapshots",
    "LeaseIdMissing": "it is leased",
    "BlobImmutableDueToPolicy": "an immutability policy holds it",
    "BlobImmutableDueToLegalHold": "a legal hold holds it",
    "PendingCopyOperation": "it is being copied to",
}

_CONTAINER: Final = frozenset(("ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled"))
"""What is said of the whole container, and so of no blob."""


class AzureEraser:
    """One storage account, with the right to delete; see `ports.Eraser`."""

    def __init__(self, account: AzureAccount) -> None:
        self._account = account
        self._unseen: set[Trace] = set()

    # --- deleting ----------------------------------------------------------------------------

    def erase(self, place: Place, key: str, version: str) -> Erased:
        """Delete one version of one blob; see `ports.Eraser.erase`."""
        if not version:
            raise ValueError("nothing is deleted without its version")
        if Pin.read(version).address:
            return Erased(outcome=Erasing.KEPT, detail="it was moved as of a moment")
        reply = self._account.blob("DELETE", place, key, {"If-Match": f'"{version}"'})
        code = reply.headers.get("x-ms-error-code", "")
        if reply.status == 202:
            return Erased(outcome=Erasing.DELETED)
        if code in _KEPT:
            return Erased(outcome=Erasing.KEPT, detail=_KEPT[code])
        if code in _CONTAINER:
            raise from_reply(reply, WHAT)
        if reply.status == 404:
            return Erased(outcome=Erasing.MISSING, detail="it was not there")
        if reply.status == 412:
            return self._unlike(place, key)
        if reply.status == 409:
            return Erased(
                outcome=Erasing.KEPT, detail=f"the service refuses ({code or 'HTTP 409'})"
            )
        raise from_reply(reply, WHAT)

    def _unlike(self, place: Place, key: str) -> Erased:
        # Some services say 412 of a blob that is gone, too: no version is not that version.
        reply = self._account.blob("HEAD", place, key, {})
        code = reply.headers.get("x-ms-error-code", "")
        if reply.status == 404 and code not in _CONTAINER:
            return Erased(outcome=Erasing.MISSING, detail="it was not there")
        if reply.status != 200:
            raise from_reply(reply, WHAT)
        return Erased(outcome=Erasing.DRIFTED, detail="it has another version now")

    # --- looking ---------------------------------------------------------------------------------

    def remnants(self, place: Place) -> Iterator[Remnant]:
        """List what is there in any form; see `ports.Eraser.remnants`."""
        looks, apart = self._looks(place), deleted_paths(self._account, place)
        for one in apart or ():
            self._unseen.discard(Trace.SOFT_DELETED)
            yield Remnant(key=one.key, trace=one.trace, days=one.days)
        for word, one in self._listed(place, looks):
            is_second = word and one.trace is Trace.CURRENT
            # A deletion was among those that are listed apart.
            if not is_second and (apart is None or not one.deletion):
                yield Remnant(key=one.key, trace=one.trace, days=one.days)

    def _listed(self, place: Place, looks: Sequence[str]) -> Iterator[tuple[str, Form]]:
        """List all looks together, or one by one with its word, if they are not taken together."""
        if not looks or accepted(self._account, place, ",".join(looks)):
            yield from (("", one) for one in forms(self._account, place, looks))
            return
        for word in ("", *looks):
            asked = [word] if word else []
            yield from ((word, one) for one in forms(self._account, place, asked))

    def unseen(self) -> Sequence[Trace]:
        """Say which forms the service did not show when it was asked."""
        return sorted(self._unseen)

    def _looks(self, place: Place) -> list[str]:
        """Return what the service can be asked to list; some accounts know not all of it."""
        asked = []
        for word, trace in (*LOOKS, (UNCOMMITTED, Trace.UNCOMMITTED)):
            if accepted(self._account, place, word):
                asked.append(word)
            else:
                self._unseen.add(trace)
        return asked
