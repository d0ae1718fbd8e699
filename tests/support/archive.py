"""An archive tier before Azurite: what was asked for comes back later, and says that it is coming.

Azurite sets a tier at once. Here Set Blob Tier is taken (202) and kept; the blob then says
`x-ms-archive-status`, until it was looked at often enough and its tier is set. The headers are
those of the service's "Get Blob Properties" and "Set Blob Tier" REST references; a second request
for the same blob is answered with 409 BlobBeingRehydrated, of its list of error codes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from azure.storage.blob import ContainerClient

from tests.support.proxy import Proxy, Upstream
from tests.support.wire import Headers, Reply, Request


@dataclass(slots=True)
class SlowArchive:
    """A proxy whose archived blobs come back when they were looked at `looks` times."""

    client: ContainerClient
    looks: int = 2
    asked: list[str] = field(default_factory=list)
    """The key of each blob that was asked for, every time that it was."""
    wanted: set[tuple[str, str]] = field(default_factory=set)
    """Tiers and priorities that were asked for."""
    on_ask: Callable[[int], None] = lambda _: None
    """Is told the number of what is asked, from 1, before it is answered."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _coming: dict[str, int] = field(default_factory=dict)

    def stand_before(self, proxy: Proxy) -> None:
        """Let what goes through a proxy be answered so."""
        proxy.rule(action=self._ask, match=lambda one: one.params.get("comp") == "tier")
        proxy.rule(action=self._look, match=lambda one: one.method == "HEAD")

    def lose(self) -> None:
        """Forget who was asked for, as if somebody had archived them again."""
        self._coming.clear()

    def _key(self, request: Request) -> str:
        return unquote(request.path).partition(f"/{self.client.container_name}/")[2]

    def _ask(self, request: Request, upstream: Upstream) -> Reply:
        key = self._key(request)
        if not self.client.get_blob_client(key).exists():
            return upstream.forward(request)
        self.on_ask(next(self._numbers))
        self.asked.append(key)
        told = request.headers
        self.wanted.add((told.get("x-ms-access-tier"), told.get("x-ms-rehydrate-priority")))
        if key in self._coming:
            return Reply(409, Headers([("x-ms-error-code", "BlobBeingRehydrated")]))
        self._coming[key] = 0
        return Reply(202)

    def _look(self, request: Request, upstream: Upstream) -> Reply:
        key = self._key(request)
        if key in self._coming:
            self._coming[key] += 1
            if self._coming[key] > self.looks:
                del self._coming[key]
                self.client.get_blob_client(key).set_standard_blob_tier("Hot")
        reply = upstream.forward(request)
        if key in self._coming:
            reply.headers.set("x-ms-archive-status", "rehydrate-pending-to-hot")
        return reply
