"""A Blob server for what Azurite does not know: versions, soft delete, directories, holds, scopes.

It answers as the service's REST reference says, or refuses; of writes it knows deletes alone:

- "List Blobs": `include` takes the words of `WORDS` and no other; `permissions` is for accounts
  with a hierarchical namespace alone; `Snapshot`, `VersionId` with `IsCurrentVersion`, `Deleted`
  stand beside `Name`, all else in `Properties`; snapshots and versions come oldest first, before
  the blob itself, also of a blob that was deleted; what was not asked for is not there.
  `LegalHold`, `ImmutabilityPolicyUntilDate`, `ImmutabilityPolicyMode`, `Owner`, `Group`,
  `Permissions`, `Acl` come with their words only. The metadata of a blob under a customer's key is
  `Encrypted="true"` and empty.
- "Get Blob": a digest of a range of up to 4 MiB if it is asked for.
- "Get Blob", "Get Blob Properties": `versionid` and `snapshot` name one entry, the current version
  as well; 412 ConditionNotMet, 409 BlobArchived, 409 BlobUsesCustomerSpecifiedEncryption.
- "List Blobs", where the namespace is hierarchical: `showonly=deleted` lists deleted paths, each
  with a `DeletionId`, and is 400 beside `include=deleted` and for any other account. Whether the
  latter lists deleted paths as well no page says: `deleted_apart`. A directory is followed by what
  is in it ("A", "A/b", "A-b": github.com/Azure/azure-sdk-for-go/issues/24210). What is not
  committed has no ETag, date or content header.
- "Delete Blob": 202 with `x-ms-delete-type-permanent`; 412 ConditionNotMet, 412 LeaseIdMissing, 409
  SnapshotsPresent, 409 BlobImmutableDueToPolicy; with versions (`keeps="versions"`) the current one
  becomes an earlier one, with soft delete (`keeps="deleted"`) it is listed as deleted.
- Index tags and versions are not known where the namespace is hierarchical ("Known issues" of Data
  Lake Storage): 409 FeatureNotYetSupportedForHierarchicalNamespaceAccounts.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.support.serving import AnsweringHandler, AnsweringServer, answering_thread

ACCOUNT: Final = "strictaccount"
CONTAINER: Final = "emc2"
SAS: Final = "sv=2021-12-02&sr=c&sp=rl&se=2099-01-01T00%3A00%3A00Z&sig=c2lnbmF0dXJl"
DATE: Final = "Tue, 02 Jan 2024 03:04:05 GMT"
WORDS: Final = frozenset((
    "snapshots", "metadata", "uncommittedblobs", "copy", "deleted", "tags", "versions",
    "deletedwithversions", "immutabilitypolicy", "legalhold", "permissions",
))  # fmt: skip
NOT_HIERARCHICAL: Final = frozenset(("tags", "versions", "deletedwithversions"))
_ASKED: Final = {
    "ImmutabilityPolicyUntilDate": "immutabilitypolicy",
    "ImmutabilityPolicyMode": "immutabilitypolicy",
    "LegalHold": "legalhold",
    "Owner": "permissions", "Group": "permissions", "Permissions": "permissions",
    "Acl": "permissions",
    "CopyId": "copy", "CopySource": "copy", "CopyStatus": "copy", "CopyProgress": "copy",
    "CopyCompletionTime": "copy", "IncrementalCopy": "copy",
}  # fmt: skip
"""Elements of `Properties` that come only if their word was asked for."""
_COMMITTED: Final = frozenset(("Last-Modified", "Etag", "Content-Type", "Content-MD5"))
"""Elements that only what is committed has, of those that are told here."""


@dataclass(slots=True)
class StoredBlob:
    """One entry; `form` is the word that lists it, empty of a current blob."""

    name: str
    data: bytes
    form: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    replicated: dict[str, str] = field(default_factory=dict)
    """`OrMetadata`: the states of rules that replicate it."""
    moment: str = ""
    """Of a version or snapshot; a current blob without one was written before versions were."""
    etag: str = ""
    was: str = ""
    """What a deleted entry was: the word that has to be asked for as well."""
    held: str = ""
    """The code with which its deletion is refused."""

    @property
    def told(self) -> dict[str, str]:
        """Every element of `Properties` that the service would tell to who asks for all."""
        own = {
            "Creation-Time": DATE, "Last-Modified": DATE, "Etag": self.etag,
            "Content-Length": str(len(self.data)), "Content-Type": "application/octet-stream",
            "BlobType": "BlockBlob", "AccessTier": "Hot", "AccessTierInferred": "true",
            "LeaseStatus": "unlocked", "LeaseState": "available", "ServerEncrypted": "true",
        }  # fmt: skip
        return own | self.properties


class StrictBlob:
    """A server with one container.

    `refused` are words for which the credential has no right, `unknown` those that the account
    does not know.
    """

    def __init__(
        self, *, hierarchical: bool = False, refused: frozenset[str] = frozenset(),
        unknown: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.hierarchical, self.refused, self.unknown = hierarchical, refused, unknown
        self.blobs: list[StoredBlob] = []
        self._numbers = itertools.count(1)
        self.keeps, self.deleted_apart = "", False
        self.knows_showonly = True
        """Else it is let lie, as an emulator does."""
        self.answers: dict[str, tuple[int, str]] = {}
        """What each method is answered about blobs, whatever was asked."""
        self.container: dict[str, str] | None = None
        """What "Get Container Properties" says; None: the signature is for the container alone."""
        self.asked: list[str] = []
        """What was asked for, as `METHOD path?query`, without the signature."""
        self._server = AnsweringServer(("127.0.0.1", 0), _handler(self))
        self._thread = answering_thread(self._server)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{ACCOUNT}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, name: str, data: bytes = b"", form: str = "", **more: Any) -> StoredBlob:
        """Have an entry; entries of one name are listed in the order in which they came."""
        number = next(self._numbers)
        more.setdefault("moment", f"2024-01-02T03:04:{number:02}.0000000Z")
        blob = StoredBlob(name, data, form, etag=f"0x8D{number:08X}", **more)
        self.blobs.append(blob)
        return blob

    # --- what it answers -------------------------------------------------------------------------

    def listed(self, query: Mapping[str, str]) -> tuple[int, str, bytes]:
        words = set(filter(None, query.get("include", "").split(",")))
        only = query.get("showonly", "") if self.knows_showonly else ""
        if (
            words - WORDS
            or words & self.unknown
            or (only and (only != "deleted" or not self.hierarchical or "deleted" in words))
            or ("permissions" in words and not self.hierarchical)
        ):
            return 400, "InvalidQueryParameterValue", b""
        if self.hierarchical and words & NOT_HIERARCHICAL:
            return 409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts", b""
        if words & self.refused:
            return 403, "AuthorizationPermissionMismatch", b""
        most = int(query.get("maxresults", "5000"))
        if not 0 < most <= 5000:
            return 400, "OutOfRangeQueryParameterValue", b""
        shown = {"", *words} - ({"deleted"} if self.deleted_apart else set())
        shown = {only} if only else shown
        found = [
            blob for blob in sorted(self.blobs, key=self._order)
            if blob.name.startswith(query.get("prefix", "")) and blob.form in shown
            and (not blob.was or blob.was in words)
        ]  # fmt: skip
        start = int(query.get("marker", "0"))
        page, more = found[start : start + most], start + most < len(found)
        entries = "".join(self._entry(blob, words) for blob in page)
        marker = f"<NextMarker>{start + most}</NextMarker>" if more else "<NextMarker />"
        text = (
            '\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint='
            f'"{self.url}" ContainerName="{CONTAINER}"><Blobs>{entries}</Blobs>{marker}'
            "</EnumerationResults>"
        )
        return 200, "", text.encode()

    def _order(self, blob: StoredBlob) -> tuple[bytes, bool]:
        name = blob.name.replace("/", "\0") if self.hierarchical else blob.name
        return name.encode("utf-16-be"), blob.form == ""

    def delete(self, name: str, wanted: str | None) -> tuple[int, dict[str, str]]:
        """Delete what is current under a name; return status and headers."""
        blob = self.find(name, {})
        code, status = "", 409
        if blob is None:
            code, status = "BlobNotFound", 404
        elif wanted not in {None, f'"{blob.etag}"'}:
            code, status = "ConditionNotMet", 412
        elif blob.told["LeaseState"] == "leased":
            code, status = "LeaseIdMissing", 412
        elif any((one.name, one.form) == (name, "snapshots") for one in self.blobs):
            code = "SnapshotsPresent"
        elif blob.held:
            code = blob.held
        if code or blob is None:
            return status, {"x-ms-error-code": code}
        if not self.keeps:
            self.blobs.remove(blob)
        blob.form = self.keeps
        return 202, {"x-ms-delete-type-permanent": "false" if self.keeps else "true"}

    def _entry(self, blob: StoredBlob, words: set[str]) -> str:
        head = {"snapshots": "Snapshot", "versions": "VersionId"}.get(blob.was or blob.form)
        beside = f"<{head}>{blob.moment}</{head}>" if head else ""
        if blob.form == "deleted":
            path = "<DeletionId>132650926578296785</DeletionId>" if self.hierarchical else ""
            beside += f"{path}<Deleted>true</Deleted>"
        if not blob.form and blob.moment and "versions" in words:
            beside = (
                f"<VersionId>{blob.moment}</VersionId><IsCurrentVersion>true</IsCurrentVersion>"
            )
        properties = "".join(
            f"<{tag}>{escape(text)}</{tag}>" for tag, text in blob.told.items()
            if (tag not in _ASKED or _ASKED[tag] in words)
            and not (blob.form == "uncommittedblobs" and tag in _COMMITTED)
        )  # fmt: skip
        more = ""
        if "metadata" in words and blob.metadata:
            locked = "CustomerProvidedKeySha256" in blob.properties
            pairs = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in blob.metadata.items())
            more = '<Metadata Encrypted="true" />' if locked else f"<Metadata>{pairs}</Metadata>"
        if "tags" in words and blob.tags:
            told = "".join(
                f"<Tag><Key>{escape(k)}</Key><Value>{escape(v)}</Value></Tag>"
                for k, v in blob.tags.items()
            )
            more += f"<Tags><TagSet>{told}</TagSet></Tags>"
        if blob.replicated:
            told = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in blob.replicated.items())
            more += f"<OrMetadata>{told}</OrMetadata>"
        return (
            f"<Blob><Name>{escape(blob.name)}</Name>{beside}<Properties>{properties}</Properties>"
            f"{more}</Blob>"
        )

    def find(self, name: str, query: Mapping[str, str]) -> StoredBlob | None:
        version, snapshot = query.get("versionid"), query.get("snapshot")
        for blob in self.blobs:
            kinds = {"snapshots"} if snapshot else {"", "versions"} if version else {""}
            moment = snapshot or version or blob.moment
            if (blob.name, blob.moment) == (name, moment) and blob.form in kinds:
                return blob
        return None


def _handler(server: StrictBlob) -> type[AnsweringHandler]:
    class Handler(AnsweringHandler):
        def do_GET(self) -> None:  # noqa: N802 - as it is looked for
            self._answer()

        def do_HEAD(self) -> None:  # noqa: N802 - as it is looked for
            self._answer()

        def do_DELETE(self) -> None:  # noqa: N802 - as it is looked for
            self._answer()

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            asked = "&".join(f"{k}={v}" for k, v in query.items() if k not in {"sig", "se", "sp"})
            server.asked.append(f"{self.command} {parts.path}?{asked}")
            if query.get("sig") != "c2lnbmF0dXJl" or not self.headers.get("x-ms-version"):
                self._send(403, {"x-ms-error-code": "AuthenticationFailed"}, b"")
                return
            _, account, container, *name = parts.path.split("/", 3)
            if (account, container) != (ACCOUNT, CONTAINER):
                self._send(404, {"x-ms-error-code": "ContainerNotFound"}, b"")
            elif name and name[0]:
                self._blob(unquote(name[0]), query)
            elif "comp" not in query:
                told = server.container
                refused = {"x-ms-error-code": "AuthorizationFailure"}
                self._send(200 if told is not None else 403, refused if told is None else told, b"")
            else:
                status, code, body = server.listed(query)
                headers = {"Content-Type": "application/xml"}
                self._send(status, headers | ({"x-ms-error-code": code} if code else {}), body)

        def _blob(self, name: str, query: Mapping[str, str]) -> None:
            if self.command in server.answers:
                status, code = server.answers[self.command]
                self._send(status, {"x-ms-error-code": code}, b"")
                return
            if self.command == "DELETE":
                self._send(*server.delete(name, self.headers.get("If-Match")), b"")
                return
            blob = server.find(name, query)
            if blob is None:
                self._send(404, {"x-ms-error-code": "BlobNotFound"}, b"")
                return
            told = dict(_headers(blob))
            wanted = self.headers.get("If-Match")
            if wanted not in {None, f'"{blob.etag}"'}:
                self._send(412, {"x-ms-error-code": "ConditionNotMet"}, b"")
            elif "CustomerProvidedKeySha256" in blob.properties:
                self._send(409, {"x-ms-error-code": "BlobUsesCustomerSpecifiedEncryption"}, b"")
            elif self.command == "HEAD":
                self._send(200, told, b"", length=len(blob.data))
            elif blob.told["AccessTier"] == "Archive":
                self._send(409, {"x-ms-error-code": "BlobArchived"}, b"")
            else:
                self._range(blob, told)

        def _range(self, blob: StoredBlob, told: dict[str, str]) -> None:
            match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("x-ms-range", ""))
            if match is None:
                self._send(200, told, blob.data)
                return
            start, end = int(match[1]), min(int(match[2]), len(blob.data) - 1)
            if start >= len(blob.data):
                self._send(416, {"x-ms-error-code": "InvalidRange"}, b"")
                return
            told["Content-Range"] = f"bytes {start}-{end}/{len(blob.data)}"
            piece = blob.data[start : end + 1]
            if self.headers.get("x-ms-range-get-content-md5") == "true":
                if len(piece) > 4 << 20:
                    self._send(400, {"x-ms-error-code": "OutOfRangeInput"}, b"")
                    return
                digest = hashlib.md5(piece, usedforsecurity=False).digest()
                told["Content-MD5"] = base64.b64encode(digest).decode()
            self._send(206, told, piece)

        def _send(
            self, status: int, headers: Mapping[str, str], body: bytes, length: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler


_NAMES: Final = {
    "Last-Modified": "Last-Modified", "Creation-Time": "x-ms-creation-time",
    "Content-Type": "Content-Type", "Content-Encoding": "Content-Encoding",
    "Content-Language": "Content-Language", "Content-MD5": "Content-MD5",
    "Content-Disposition": "Content-Disposition", "Cache-Control": "Cache-Control",
    "x-ms-blob-sequence-number": "x-ms-blob-sequence-number", "BlobType": "x-ms-blob-type",
    "AccessTier": "x-ms-access-tier", "AccessTierInferred": "x-ms-access-tier-inferred",
    "AccessTierChangeTime": "x-ms-access-tier-change-time", "ArchiveStatus": "x-ms-archive-status",
    "RehydratePriority": "x-ms-rehydrate-priority", "LeaseStatus": "x-ms-lease-status",
    "LeaseState": "x-ms-lease-state", "LeaseDuration": "x-ms-lease-duration",
    "CopyId": "x-ms-copy-id", "CopySource": "x-ms-copy-source", "CopyStatus": "x-ms-copy-status",
    "CopyProgress": "x-ms-copy-progress", "CopyCompletionTime": "x-ms-copy-completion-time",
    "IncrementalCopy": "x-ms-incremental-copy", "ServerEncrypted": "x-ms-server-encrypted",
    "EncryptionScope": "x-ms-encryption-scope", "EncryptionContext": "x-ms-encryption-context",
    "Expiry-Time": "x-ms-expiry-time", "LastAccessTime": "x-ms-last-access-time",
    "Sealed": "x-ms-blob-sealed", "LegalHold": "x-ms-legal-hold",
    "ImmutabilityPolicyUntilDate": "x-ms-immutability-policy-until-date",
    "ImmutabilityPolicyMode": "x-ms-immutability-policy-mode",
    "ResourceType": "x-ms-resource-type", "Owner": "x-ms-owner", "Group": "x-ms-group",
    "Permissions": "x-ms-permissions", "Acl": "x-ms-acl",
}  # fmt: skip
"""What "Get Blob Properties" calls what listings call otherwise."""


def _headers(blob: StoredBlob) -> Iterator[tuple[str, str]]:
    yield "ETag", f'"{blob.etag}"'
    for tag, text in blob.told.items():
        if tag in _NAMES:
            yield _NAMES[tag], text
    for name, value in blob.metadata.items():
        yield f"x-ms-meta-{name}", value
    if blob.tags:
        yield "x-ms-tag-count", str(len(blob.tags))
    if blob.told["BlobType"] == "AppendBlob":
        yield "x-ms-blob-committed-block-count", "1"
    for rule, state in blob.replicated.items():
        yield f"x-ms-{rule}", state
