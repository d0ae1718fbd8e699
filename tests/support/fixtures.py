"""Real servers for the whole session, and a fresh container or bucket for each test.

A server that cannot start fails every test that wants it; nothing is skipped.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.client import HTTPConnection
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from hdh_migrate.demo import servers
from hdh_migrate.demo.servers import Azurite, S3Server
from tests.support import lies
from tests.support import servers as test_servers
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

    from tests.support.site import Site
    from tests.support.strict_s3 import StrictS3

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """An empty container of its own on the emulator."""

    server: Azurite
    name: str
    client: ContainerClient = field(repr=False)

    def let_policies(self, **rights: str) -> None:
        """Have stored access policies: their names, and what each gives whoever holds a token."""
        from azure.storage.blob import AccessPolicy

        begins, ends = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
        self.client.set_container_access_policy(
            {
                name: AccessPolicy(permission=given, start=begins, expiry=ends)
                for name, given in rights.items()
            }
        )

    def sas_by(self, policy: str) -> str:
        """Return a token that says nothing of rights itself: they are taken away at the policy."""
        from azure.storage.blob import generate_container_sas

        return generate_container_sas(
            self.server.account, self.name, self.server.key, policy_id=policy
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """An empty bucket of its own on an S3 server; `client` is boto3's, without retries."""

    server: S3Server | StrictS3
    name: str
    client: Any = field(repr=False)


ProxyTo = Callable[["Azurite | S3Server | StrictS3"], Proxy]


@pytest.fixture(scope="session", autouse=True)
def temporary() -> Iterator[Path]:
    """Where this process, and all that it starts, has its temporary files.

    What is killed does not clear up after itself, and many a test kills. So it goes with this
    process; of one that was killed itself it goes when the next one begins.
    """
    usual, begins = tempfile.gettempdir(), f"hdh-tests-{os.getuid()}-"
    for left in Path(usual).glob(f"{begins}*"):
        if not Path("/proc", left.name.removeprefix(begins)).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(usual, f"{begins}{os.getpid()}")
    folder.mkdir(mode=0o700)
    # After multiprocessing has removed what is its own, which must be there for it.
    Finalize(None, shutil.rmtree, (folder,), {"ignore_errors": True}, exitpriority=-200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder
    for left in folder.iterdir():
        if not left.name.startswith("pymp-"):
            shutil.rmtree(left, ignore_errors=True)


@pytest.fixture(scope="session")
def server_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def azurite(server_logs: Path) -> Iterator[Azurite]:
    with servers.azurite(server_logs / "azurite", log=server_logs / "azurite.log") as server:
        yield server


@pytest.fixture(scope="session")
def moto(server_logs: Path) -> Iterator[S3Server]:
    with test_servers.moto_s3(server_logs / "moto.log") as server:
        yield server


@pytest.fixture(scope="session")
def rclone_s3(server_logs: Path) -> Iterator[S3Server]:
    folder = server_logs / "rclone"
    with test_servers.rclone_s3(folder, server_logs / "rclone.log") as server:
        yield server


def _beginning(request: pytest.FixtureRequest) -> Site | None:
    """Return the site that a test begins with, None if it makes one itself."""
    if request.node.get_closest_marker("prepared") is None:
        return None
    made: Site = request.getfixturevalue("beginning")
    return made


@pytest.fixture(scope="session")
def strict_server() -> Iterator[StrictS3]:
    from tests.support.strict_s3 import StrictS3
    from tests.support.strict_s3.manner import Manner

    with StrictS3(Manner(min_part=test_servers.SHORTEST_PART)) as server:
        yield server


@pytest.fixture(scope="session")
def credulous_server() -> Iterator[StrictS3]:
    """It takes any credential: canaries, renewed ones, and those of a host of another name."""
    from tests.support.strict_s3 import StrictS3
    from tests.support.strict_s3.manner import Manner

    with StrictS3(Manner(min_part=test_servers.SHORTEST_PART, checks_signature=False)) as server:
        yield server


@pytest.fixture
def credulous_bucket(credulous_server: StrictS3) -> Iterator[Bucket]:
    """A bucket for whatever credential."""
    yield from _held(credulous_server)


@pytest.fixture
def container(request: pytest.FixtureRequest, azurite: Azurite) -> Iterator[Container]:
    if site := _beginning(request):
        yield site.container
        return
    with new_container(azurite) as made:
        yield made


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """A bucket on the strict server: signatures, digests and conditions are looked at.

    It answers from the memory of this process, for a third of what moto takes for it.
    """
    if site := _beginning(request):
        yield site.bucket
        return
    yield from _held(request.getfixturevalue("strict_server"))


def _held(server: StrictS3) -> Iterator[Bucket]:
    """Yield a new bucket; nothing is left of it in memory afterwards."""
    made = new_bucket(server)
    yield made
    del server.store.buckets[made.name]
    server.seen.clear()


@pytest.fixture
def moto_bucket(moto: S3Server) -> Bucket:
    """A bucket on moto, which honours create-only writes but checks no digest."""
    return new_bucket(moto)


@pytest.fixture
def rclone_bucket(rclone_s3: S3Server) -> Bucket:
    """A bucket on rclone, which checks signatures and digests but has no conditional writes."""
    return new_bucket(rclone_s3)


@pytest.fixture(params=["moto", "rclone_s3"])
def any_bucket(request: pytest.FixtureRequest) -> Bucket:
    """A bucket on each S3 server in turn."""
    return new_bucket(request.getfixturevalue(request.param))


@pytest.fixture
def proxy_to() -> Iterator[ProxyTo]:
    """Put an honest proxy before a server; rules make it lie."""
    with ExitStack() as stack:

        def make(server: Azurite | S3Server | StrictS3) -> Proxy:
            if isinstance(server, Azurite):
                return stack.enter_context(Proxy(server.url))
            return stack.enter_context(Proxy(server.endpoint, resign=lies.resigning(server)))

        yield make


def s3_client(server: S3Server | StrictS3, endpoint: str | None = None) -> Any:
    """Return a boto3 client without retries, checksum trailers or ambient settings."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=endpoint or server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"max_attempts": 0},
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            proxies={},
        ),
    )


@contextmanager
def new_container(server: Azurite) -> Iterator[Container]:
    """Make a container of its own on a server."""
    from azure.storage.blob import ContainerClient

    name = f"test-{next(_numbers)}"
    with ContainerClient.from_connection_string(server.connection_string, name) as client:
        client.create_container()
        yield Container(server=server, name=name, client=client)
        client.delete_container()


def upload(container: Container, bodies: Mapping[str, bytes], **metadata: str) -> None:
    """Write blobs as the SDK's `upload_blob` does, in a fifth of its time."""
    parts = urlsplit(container.server.url)
    headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
    headers |= {f"x-ms-meta-{name}": value for name, value in metadata.items()}
    signature = container.server.sas("cw")
    connection = HTTPConnection(parts.hostname or "", parts.port)
    try:
        for name, body in bodies.items():
            path = f"{parts.path}/{container.name}/{quote(name)}?{signature}"
            connection.request("PUT", path, body, headers)
            reply = connection.getresponse()
            assert reply.status == 201, (name, reply.status, reply.read())
            reply.read()
    finally:
        connection.close()


def new_bucket(server: S3Server | StrictS3) -> Bucket:
    """Make a bucket of its own on a server."""
    name = f"test-{next(_numbers)}"
    client = _client(server)
    client.create_bucket(Bucket=name)
    return Bucket(server=server, name=name, client=client)


@cache
def _client(server: S3Server | StrictS3) -> Any:
    """Return the tests' own client of a server, closed at the end of this process.

    To make one takes as long as many requests do.
    """
    client = s3_client(server)
    atexit.register(client.close)
    return client
