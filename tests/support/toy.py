"""A kind of source that nobody ships: a little store behind HTTP, with everything a kind needs.

It is added as docs/architecture.md says: a section of the plan, an adapter, a row. The server is
only there to have something to ask.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pydantic import Field

from hdh_migrate.errors import (
    AccessDenied,
    ListingBroken,
    Missing,
    ShortRead,
    SourceChanged,
    Unsupported,
)
from hdh_migrate.model import Brief, ObjectInfo, Page, Place, Problem, Span, Untagged, key_bytes
from hdh_migrate.plan.fields import AccountUrl, Ref, is_loopback
from hdh_migrate.plan.sides import SourceSection, Tls, Traits
from hdh_migrate.ports.stores import NO_RANGE_DIGEST, Note, Source, Write
from hdh_migrate.transport import Reply, Transport
from hdh_migrate.wiring import SOURCES, Sources
from hdh_migrate.wiring.opened import OpenedAdapter
from hdh_migrate.wiring.sources.kind import SourceKind, transport_to
from hdh_migrate.wiring.vault import Vault
from tests.support.serving import AnsweringHandler, AnsweringServer, serving

TOKEN = "a toy's token"
LISTING_MAX = 1 << 20

# --- 1. its section of the plan ------------------------------------------------------------------


class Toy(SourceSection):
    """A store that knows nothing but names, bytes and versions."""

    traits = Traits(
        datasets="container",
        address="account_url",
        no_range_digests="a toy has no digest of a range: use again",
        no_trial="a toy has no writers to try: use kind statement instead",
        no_eraser="a toy deletes nothing: leave this out",
        no_archive="a toy is never archived: leave this out",
        no_labels="a toy has no tiers and no tags: leave this out",
        no_versions="a toy keeps no versions: leave this out",
        reads_together=True,
    )
    kind: Literal["toy"] = Field(description="A toy.")
    account_url: AccountUrl
    token: Ref
    tls: Tls | None = None

    @property
    def address(self) -> str:
        return self.account_url

    @property
    def is_local(self) -> bool:
        return is_loopback(self.account_url)

    @property
    def trusts(self) -> Tls | None:
        return self.tls

    @property
    def authorised_by(self) -> str | None:
        return "token"


# --- 2. its adapter ------------------------------------------------------------------------------


class ToySource:
    """The toy, read-only."""

    lists_at_once = reads_together = True

    def __init__(
        self, url: str, token: str, transport: Transport, *, page_size: int = 1000
    ) -> None:
        self.page_size = page_size
        self._url, self._token, self._transport = url.rstrip("/"), token, transport

    def check(self, place: Place, *, checked: bool = False) -> Sequence[Problem]:
        where = f"source container {place.bucket}"
        if checked:
            return [Problem(where=where, what=NO_RANGE_DIGEST)]
        try:
            self._listed(place, None, 1)
        except (Missing, AccessDenied) as error:
            return [Problem(where=where, what=str(error), auth=isinstance(error, AccessDenied))]
        return []

    def pages(self, place: Place, *, marker: str | None = None) -> Iterator[Page]:
        while True:
            told = self._listed(place, marker, self.page_size)
            yield Page(
                objects=tuple(ObjectInfo(**one) for one in told["objects"]), marker=told["next"]
            )
            if (marker := told["next"]) is None:
                return

    def recount(self, place: Place) -> Iterator[Brief]:
        marker = None
        while True:
            told = self._listed(place, marker, 7)
            for one in told["objects"]:
                yield Brief(one["key"], one["size"], one["version"], "object", None)
            if (marker := told["next"]) is None:
                return

    def untagged(self, place: Place) -> Untagged | None:
        return None

    def notes(self, place: Place) -> Sequence[Note]:
        return ()

    def head(self, place: Place, key: str) -> ObjectInfo:
        reply = self._ask("HEAD", self._of(place, key))
        assert reply.length is not None
        return ObjectInfo(key=key, size=reply.length, version=reply.etag)

    def listed(self, place: Place, key: str) -> ObjectInfo:
        return self.head(place, key)

    def read(
        self, place: Place, obj: ObjectInfo, span: Span, write: Write, *, checked: bool = False
    ) -> None:
        if checked:
            raise Unsupported(NO_RANGE_DIGEST)
        headers = {"If-Match": f'"{obj.version}"', "X-Size": str(obj.size)}
        if span.length == 0:
            self._ask("HEAD", self._of(place, obj.key), headers)
            return
        headers["Range"] = f"bytes={span.start}-{span.end - 1}"

        def accept(reply: Reply) -> None:
            if reply.length != span.length or reply.etag != obj.version:
                raise ShortRead("the toy sent something else than was asked for")

        self._ask("GET", self._of(place, obj.key), headers, accept=accept, sink=write)

    def _of(self, place: Place, key: str) -> str:
        return f"{self._url}/{place.bucket}/{quote(key_bytes(key), safe='')}"

    def _listed(self, place: Place, marker: str | None, most: int) -> dict[str, Any]:
        query = f"prefix={quote(key_bytes(place.prefix))}&most={most}"
        if marker is not None:
            query += f"&after={quote(key_bytes(marker))}"
        body = self._ask("GET", f"{self._url}/{place.bucket}?{query}", limit=LISTING_MAX).body
        try:
            told = json.loads(body)
        except ValueError as error:
            raise ListingBroken("the toy's listing is none") from error
        assert isinstance(told, dict)
        return told

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Reply:
        sent = {"X-Token": self._token, **(headers or {})}
        reply = self._transport.request(method, url, sent, **more)
        wrong = {401: AccessDenied, 404: Missing, 412: SourceChanged}
        if reply.status in wrong:
            raise wrong[reply.status](f"the toy answered {reply.status}")
        if reply.status != 200:
            raise ShortRead(f"the toy answered {reply.status}")
        return reply


# --- 3. its row ----------------------------------------------------------------------------------


def _read(section: Toy, vault: Vault) -> OpenedAdapter[Source]:
    transport = transport_to(section, vault.base)
    source = ToySource(section.account_url, vault.reveal(section.token), transport)
    return OpenedAdapter(thing=source, contacts=(("source", transport),))


def _claims(section: Toy, credential: object, vault: Vault) -> None:
    del section, credential, vault


KIND = SourceKind(
    section=lambda: Toy,
    read=_read,
    claims=_claims,
    trial=None,
    eraser=None,
    archive=None,
    report=None,
)
WITH_TOY: Sources = {**SOURCES, "toy": KIND}


# --- what it asks --------------------------------------------------------------------------------


@dataclass(slots=True)
class ToyStore:
    """The server's objects, by container and key; a test writes to it as anybody would."""

    url: str
    held: dict[str, dict[str, tuple[bytes, int]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    _versions: int = 0

    def make(self, container: str) -> None:
        self.held[container] = {}

    def put(self, container: str, key: str, data: bytes) -> None:
        self._versions += 1
        self.held[container][key] = (data, self._versions)

    def drop(self, container: str, key: str) -> None:
        del self.held[container][key]

    def listed(self, container: str, query: Mapping[str, list[str]]) -> dict[str, Any]:
        after = query.get("after", [None])[0]
        prefix, most = query.get("prefix", [""])[0], int(query["most"][0])
        keys = sorted(self.held[container], key=key_bytes)
        found = [
            key
            for key in keys
            if key.startswith(prefix) and (after is None or key_bytes(key) > key_bytes(after))
        ]
        objects = [
            {"key": key, "size": len(data), "version": str(version)}
            for key in found[:most]
            for data, version in [self.held[container][key]]
        ]
        return {"objects": objects, "next": found[most - 1] if len(found) > most else None}


class _Handler(AnsweringHandler):
    store: ToyStore

    def do_GET(self) -> None:  # noqa: N802 - as it is looked for
        status, headers, body = self._answer()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def _answer(self) -> tuple[int, dict[str, str], bytes]:
        self.store.asked.append(self.command)
        parts = urlsplit(self.path)
        _, container, *key = parts.path.split("/")
        if self.headers["X-Token"] != TOKEN:
            return 401, {}, b""
        held = self.store.held.get(container)
        if held is None:
            return 404, {}, b""
        if not key:
            query = parse_qs(parts.query, errors="surrogateescape")
            return 200, {}, json.dumps(self.store.listed(container, query)).encode()
        found = held.get(unquote(key[0], errors="surrogateescape"))
        if found is None:
            return 404, {}, b""
        data, version = found
        wanted = self.headers["If-Match"], self.headers["X-Size"]
        if wanted[0] not in {None, f'"{version}"'} or wanted[1] not in {None, str(len(data))}:
            return 412, {}, b""
        if (span := self.headers["Range"]) is not None:
            first, last = map(int, span.removeprefix("bytes=").split("-"))
            data = data[first : last + 1]
        return 200, {"ETag": f'"{version}"'}, data


@contextmanager
def toy_store() -> Iterator[ToyStore]:
    """Serve an empty toy on this machine."""
    store = ToyStore("")
    handler = type("Handler", (_Handler,), {"store": store})
    server = AnsweringServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_port}"
    with serving(server):
        yield store
