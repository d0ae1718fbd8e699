"""Servers that the contract suites share: one of each for the session, a place for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.cluster import Cluster, cluster
from tests.support.contract import Hosts
from tests.support.ssh import SshServer, openssh
from tests.support.strict_s3 import Manner, StrictS3
from tests.support.toy import ToyStore, toy_store


@pytest.fixture(scope="session")
def toys() -> Iterator[ToyStore]:
    with toy_store() as store:
        yield store


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    folder = tmp_path_factory.mktemp("sshd")
    with openssh(folder, folder / "log") as server:
        yield server


@pytest.fixture(scope="session")
def strict_s3() -> Iterator[StrictS3]:
    with StrictS3(Manner(page=10, parts_page=2)) as server:
        yield server


@pytest.fixture(scope="session")
def hosts() -> Iterator[Hosts]:
    made = Hosts()
    yield made
    made.close()


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Cluster]:
    """A cluster that ends with the tests of engines: it is busy even while nobody asks it."""
    with cluster(nodes=2) as made:
        yield made
