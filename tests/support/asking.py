"""What a Blob service says of a container, asked by its REST alone: no code of the project's.

Source: the service's "List Blobs", "Get Blob Properties" and "Get Blob" REST reference.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import quote
from xml.etree import ElementTree as ET

VERSION = "2021-12-02"
EVERYTHING = (
    "metadata", "tags", "snapshots", "versions", "deleted", "uncommittedblobs", "copy",
    "immutabilitypolicy", "legalhold", "permissions",
)  # fmt: skip

Elements = dict[str, str]


@dataclass(slots=True)
class Told:
    """One entry of a listing, and what a HEAD says of it."""

    name: str
    form: str
    """`current`, `snapshot`, `version`, `deleted` or `uncommitted`."""
    moment: str
    properties: Elements
    metadata: Elements
    tags: Elements
    replicated: Elements
    head: Elements = field(default_factory=dict)
    body: bytes = b""

    @property
    def query(self) -> str:
        word = {"snapshot": "snapshot", "version": "versionid"}.get(self.form)
        return f"{word}={quote(self.moment)}&" if word else ""


class BlobRest:
    """A container at a Blob service, asked with a signature."""

    def __init__(self, account: str, container: str, sas: str) -> None:
        self._url, self._sas = f"{account}/{container}", sas

    def told(self) -> list[Told]:
        """Return all that the service says of all that there is."""
        words = [word for word in EVERYTHING if self._ask("GET", self._listing(word, 1))[0] == 200]
        found, marker = list[Told](), ""
        while True:
            query = f"{self._listing(','.join(words), 3)}marker={quote(marker)}&"
            status, _, body = self._ask("GET", query)
            assert status == 200, body
            root = ET.fromstring(body)
            found += map(_entry, root.iter("Blob"))
            marker = root.findtext("NextMarker") or ""
            if not marker:
                break
        for one in found:
            if one.form in {"deleted", "uncommitted"}:
                continue
            path = f"/{quote(one.name)}?{one.query}"
            status, one.head, _ = self._ask("HEAD", path)
            if status == 200:
                _, _, one.body = self._ask("GET", path)
        return found

    def container(self) -> Elements:
        """Return what the service says of the container itself; nothing where it refuses."""
        return self._ask("HEAD", "?restype=container&")[1]

    def _listing(self, words: str, most: int) -> str:
        return f"?restype=container&comp=list&include={words}&maxresults={most}&"

    def _ask(self, method: str, query: str) -> tuple[int, Elements, bytes]:
        request = urllib.request.Request(
            f"{self._url}{query}{self._sas}", method=method, headers={"x-ms-version": VERSION}
        )
        try:
            with urllib.request.urlopen(request) as reply:
                headers = {name.lower(): value for name, value in reply.headers.items()}
                return reply.status, headers, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {}, error.read()


def _entry(blob: ET.Element) -> Told:
    properties = _texts(blob.find("Properties"))
    snapshot, version = blob.findtext("Snapshot"), blob.findtext("VersionId")
    if blob.findtext("Deleted") == "true":
        form = "deleted"
    elif snapshot:
        form = "snapshot"
    elif version and blob.findtext("IsCurrentVersion") != "true":
        form = "version"
    else:
        committed = properties.get("Content-Type") or properties.get("Content-Length") != "0"
        form = "current" if properties.get("Etag") and committed else "uncommitted"
    tags = blob.find("Tags")
    return Told(
        name=blob.findtext("Name") or "", form=form, moment=snapshot or version or "",
        properties=properties, metadata=_texts(blob.find("Metadata")),
        tags={
            one.findtext("Key") or "": one.findtext("Value") or ""
            for one in (tags.iter("Tag") if tags is not None else ())
        },
        replicated=_texts(blob.find("OrMetadata")),
    )  # fmt: skip


def _texts(element: ET.Element | None) -> Elements:
    return {} if element is None else {child.tag: child.text or "" for child in element}
