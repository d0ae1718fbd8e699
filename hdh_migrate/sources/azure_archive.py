"""The archive tier: what is known of it, as dated data, and the only code that asks for a blob.

Set Blob Tier changes no byte and no ETag, and takes no If-Match; so the version is looked at right
before. A blob that is on its way says so in `x-ms-archive-status`, and stays unreadable until then.

Source: the service's "Set Blob Tier" and "Get Blob Properties" REST references.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from hdh_migrate.errors import AccessDenied, AuthFailed, ShortRead, Transient
from hdh_migrate.model import Archived, ArchiveFacts, Asked, Place, PriorityFacts, Problem
from hdh_migrate.sources.azure_account import AzureAccount, from_reply
from hdh_migrate.sources.azure_versions import Pin
from hdh_migrate.transport import Reply

WHAT: Final = "an archived object"
WHOSE: Final = "rehydrate.credential"
_NOBODYS: Final = ".hdh-migrate-preflight-"
_PENDING: Final = "rehydrate-pending-to-"


class AzureRehydrator:
    """One storage account, with the right to set tiers; see `ports.Rehydrator`."""

    def __init__(
        self, reads: AzureAccount, asks: AzureAccount, *, tier: str, priority: str
    ) -> None:
        """`reads` has the credential that reads the source, `asks` the one that sets tiers."""
        self._reads, self._asks = reads, asks
        self._tier, self._priority = tier.capitalize(), priority.capitalize()

    def check(self, place: Place) -> Sequence[Problem]:
        """Set the tier of a blob that is not there; see `ports.Rehydrator.check`."""
        # Under the prefix: some credentials are for a directory alone.
        reply = self._ask(place, f"{place.prefix}{_NOBODYS}{secrets.token_hex(16)}")
        if reply.status == 404:
            return []
        error = from_reply(reply, "a blob that is not there")
        if isinstance(error, Transient):
            raise error
        auth = isinstance(error, AccessDenied | AuthFailed)
        return [
            Problem(
                where=WHOSE, what=f"no right to set a tier: {error}" if auth else str(error),
                hint="it needs Write (sp=w) on blobs" if auth else None, auth=auth,
            )
        ]  # fmt: skip

    def look(self, place: Place, key: str, version: str) -> Archived:
        """Say how one blob stands; see `ports.Rehydrator.look`."""
        pin = Pin.read(version)
        reply = self._reads.blob("HEAD", place, key, {}, query=pin.query)
        if reply.status == 404:
            return Archived.GONE
        if reply.status != 200:
            raise from_reply(reply, WHAT)
        if not reply.etag:
            raise ShortRead("the source describes an object without a version")
        if reply.etag != pin.etag:
            return Archived.CHANGED
        if reply.headers.get("x-ms-access-tier") != "Archive":
            return Archived.READABLE
        status = reply.headers.get("x-ms-archive-status", "")
        return Archived.COMING if status.startswith(_PENDING) else Archived.ARCHIVED

    def ask(self, place: Place, key: str) -> Asked:
        """Ask for one blob; see `ports.Rehydrator.ask`."""
        reply = self._ask(place, key)
        code = reply.headers.get("x-ms-error-code", "")
        if reply.status in {200, 202} or code == "BlobBeingRehydrated":
            return Asked(taken=True)
        if reply.status == 404 and code != "ContainerNotFound":
            return Asked(taken=False, detail="it is gone")
        if reply.status == 409:
            return Asked(taken=False, detail=f"the service refuses ({code or 'HTTP 409'})")
        raise from_reply(reply, WHAT)

    def _ask(self, place: Place, key: str) -> Reply:
        headers = {"x-ms-access-tier": self._tier, "x-ms-rehydrate-priority": self._priority}
        return self._asks.tier(place, key, headers)


@cache
def facts() -> ArchiveFacts:
    """Return what is known of the archive tier."""
    text = Path(__file__).with_name("azure-archive.yaml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(text)
    sources = {name: f"{one['title']}, {one['url']}" for name, one in read["sources"].items()}
    return ArchiveFacts(
        as_of=str(read["as_of"]),
        early_deletion_days=read["early_deletion_days"]["value"],
        priorities={
            name: PriorityFacts(
                hours=one["hours"]["value"],
                of_objects_below=one["hours"]["of_objects_below"],
                hours_from=sources[one["hours"]["source"]],
                bytes_per_hour=one["bytes_per_hour"]["value"],
                per_gb=one["per_gb"]["value"],
                per_10000=one["per_10000"]["value"],
                currency=one["per_gb"]["currency"],
                price_from=sources[one["per_gb"]["source"]],
            )
            for name, one in read["priorities"].items()
        },
    )
