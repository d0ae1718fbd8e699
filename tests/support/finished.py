"""Sites that came to some state once, and copies of them.

What tests of keys, packs, grants and cutovers begin with is alike: a batch that is verified. Each
process of the tests makes it once, by the real commands; every test gets a copy of its own, at the
addresses that plan and ledger name: the folder, and a target that holds what the first one held.
The source is one container. Who changes it changes nothing for others: before a copy is given away
it is compared with what it was, and when it is not the same, the site is made anew.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pytest

from hdh_migrate.demo.servers import Azurite
from tests.support.fixtures import Bucket, Container, new_bucket, new_container
from tests.support.rotated import strict_bucket
from tests.support.site import Site, new_site
from tests.support.strict_s3 import StrictS3

Prepare = Callable[[Site], object]
"""Brings a new site to where tests begin: a function of a module, by which models are known."""

Again = Callable[[], AbstractContextManager[Bucket]]
"""Gives a target that holds what it held when its site was made."""


class Finished(Protocol):
    """Gives a test its copy of a site; what it is given is closed when the test ends."""

    def __call__(self, prepare: Prepare, target: Target | None = None) -> Site:
        """Return a copy; its target is a bucket on the shared server, or one as wanted here."""


@dataclass(frozen=True, slots=True)
class Target:
    """A bucket on a strict server of its own."""

    versions: bool = False
    lock: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    site: Site
    source: list[bytes]
    again: Again


class Models:
    """The sites of this process, each made when it is first asked for."""

    def __init__(self, folder: Path, azurite: Azurite, shared: StrictS3, held: ExitStack) -> None:
        self._folder, self._azurite, self._shared, self._held = folder, azurite, shared, held
        self._models: dict[Hashable, _Model] = {}
        self._made = 0

    @contextmanager
    def copied(self, into: Path, prepare: Prepare, target: Target | None) -> Iterator[Site]:
        """Give a copy of a site, in a folder that is there."""
        model = self._models.get((prepare, target))
        if model is None or model.source != _seen(model.site.container):
            model = self._models[prepare, target] = self._new(prepare, target)
        made = model.site
        shutil.copytree(made.folder, into, dirs_exist_ok=True)
        with model.again() as bucket:
            yield replace(made, folder=into, bucket=bucket, environ=dict(made.environ))

    def _new(self, prepare: Prepare, target: Target | None) -> _Model:
        self._made += 1
        folder = self._folder / str(self._made)
        folder.mkdir()
        container = self._held.enter_context(new_container(self._azurite))
        with ExitStack() as stack:
            if target is None:
                bucket = new_bucket(self._shared)
            else:
                bucket, again = stack.enter_context(self._on_its_own(target))
            site = new_site(folder, container, bucket)
            prepare(site)
            if target is None:
                again = self._as_now(bucket)
        return _Model(site=site, source=_seen(container), again=again)

    def _as_now(self, bucket: Bucket) -> Again:
        """Return what lets a bucket of the shared server be and hold what it does now."""
        buckets = self._shared.store.buckets
        kept = deepcopy(buckets[bucket.name])

        @contextmanager
        def again() -> Iterator[Bucket]:
            buckets[bucket.name] = deepcopy(kept)
            yield bucket
            self._shared.seen.clear()

        return again

    @contextmanager
    def _on_its_own(self, target: Target) -> Iterator[tuple[Bucket, Again]]:
        with StrictS3(port=self._reserved()) as first:
            made = strict_bucket(first, versions=target.versions, lock=target.lock)

            @contextmanager
            def again() -> Iterator[Bucket]:
                with first.successor() as server:
                    yield replace(made, server=server)

            yield made, again

    def _reserved(self) -> int:
        """Return a port that nobody else is given until this process ends.

        A socket that is bound and does not listen keeps it from all who do not ask to share it.
        """
        kept = self._held.enter_context(socket.socket())
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        port: int = kept.getsockname()[1]
        return port


def _seen(container: Container) -> list[bytes]:
    """Return all that the emulator says of a container, and of everything in it."""
    parts = urlsplit(container.server.url)
    assert parts.hostname is not None
    asked = f"{parts.path}/{container.name}?restype=container&{container.server.sas('rlt')}"
    every = "&comp=list&include=snapshots,metadata,uncommittedblobs,copy,deleted,tags,versions"
    connection = HTTPConnection(parts.hostname, parts.port)
    try:
        connection.request("GET", asked)
        reply = connection.getresponse()
        own = sorted(
            f"{name}: {value}".encode()
            for name, value in reply.getheaders()
            if name.lower() not in {"date", "x-ms-request-id"}
        )
        reply.read()
        connection.request("GET", asked + every)
        listed = connection.getresponse()
        assert (reply.status, listed.status) == (200, 200)
        return [*own, listed.read()]
    finally:
        connection.close()


def prepared(prepare: Prepare, target: Target | None = None) -> pytest.MarkDecorator:
    """Let `site`, `container` and `bucket` of a test be those of a copy of such a site."""
    return pytest.mark.prepared.with_args(prepare, target)


@pytest.fixture(scope="session")
def models(
    azurite: Azurite, strict_server: StrictS3, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Models]:
    """What sites of this process came to."""
    with ExitStack() as held:
        folder = tmp_path_factory.mktemp("models")
        yield Models(folder, azurite, strict_server, held)


@pytest.fixture
def finished(models: Models, tmp_path: Path) -> Iterator[Finished]:
    """Give this test a copy of a site in its own folder."""
    with ExitStack() as stack:

        def give(prepare: Prepare, target: Target | None = None) -> Site:
            return stack.enter_context(models.copied(tmp_path, prepare, target))

        yield give


@pytest.fixture
def beginning(request: pytest.FixtureRequest, finished: Finished) -> Site:
    """What a test that is `prepared` begins with."""
    marked = request.node.get_closest_marker("prepared")
    assert marked is not None, "this test is not prepared"
    return finished(*marked.args)
