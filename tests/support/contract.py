"""What the contract suites run over: every source and every target, each with what sets it apart.

A kind is one entry of `SOURCES` or `TARGETS`. What it cannot do is data of its entry; the tests
choose by it (`of`) and ask nobody for his kind.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.demo.servers import S3Server
from hdh_migrate.errors import Missing, SourceChanged, StorageError
from hdh_migrate.model import Place, TargetLimits
from hdh_migrate.ports.stores import Source, TargetWriter
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_blob import AzureBlobSource
from hdh_migrate.sources.azure_credentials import SasAuthorizer
from hdh_migrate.sources.folder import FolderSource
from hdh_migrate.targets.s3 import S3Writer
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.transport import SigV4
from tests.support.doors import loopback
from tests.support.fakes import LIMITS, FakeSource, FakeTarget
from tests.support.fixtures import s3_client
from tests.support.sftp import sftp_source
from tests.support.strict_blob import CONTAINER, SAS, StrictBlob
from tests.support.strict_s3 import Manner, StrictS3
from tests.support.toy import TOKEN, ToySource

PAGE = 5
"""Objects in a page of every source."""

ODD = (
    "é 100%+ x.csv", "#?&'\"=@~;,!$*().txt", "deep/er/and deeper/x", "🩺.raw", "a+b%20c", "-dash",
    "UPPER/lower", "n" * 200,
)  # fmt: skip
"""Names that every store takes."""

BYTES = ("latin-\udce9.csv", "deep/\udcff\udcfe")
"""Names that are no text: a store of bytes takes them, too."""

Get = Callable[[str], Any]
"""Gives a fixture by its name."""

_numbers = itertools.count(1)


# --- sources -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRig:
    """A source, and what somebody else does to the store behind it."""

    source: Source
    place: Place
    empty: Place
    """A place in which there is nothing."""
    put: Callable[[str, bytes], object]
    drop: Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEntry:
    """One kind of source, and what sets it apart from others."""

    make: Callable[[Get, Path], SourceRig]
    odd: Sequence[str] = ODD
    traits: Collection[str] = field(default=frozenset())
    """Of "prefixes" (a place's prefix selects) and "range digests"."""
    gone: type[StorageError] = Missing
    """What a read of a version says when the whole object is gone."""


def _azure_blob(get: Get, folder: Path) -> SourceRig:
    del folder
    container = get("container")
    server, client = container.server, container.client
    account = AzureAccount(server.url, SasAuthorizer(server.sas("rlt")), loopback(server.url))
    place = Place(bucket=container.name)
    return SourceRig(
        source=AzureBlobSource(account, page_size=PAGE, recount_size=3),
        place=place,
        empty=replace(place, prefix="nothing/"),
        put=lambda key, data: client.upload_blob(key, data, overwrite=True),
        drop=client.delete_blob,
    )


def _strict_blob(get: Get, folder: Path) -> SourceRig:
    del folder
    server = StrictBlob()
    server.__enter__()
    get("request").addfinalizer(lambda: server.__exit__(None, None, None))
    account = AzureAccount(server.url, SasAuthorizer(SAS), loopback(server.url))
    place = Place(bucket=CONTAINER)

    def drop(key: str) -> None:
        server.blobs[:] = [blob for blob in server.blobs if blob.name != key]

    def put(key: str, data: bytes) -> None:
        drop(key)
        server.put(key, data, moment="")

    return SourceRig(
        source=AzureBlobSource(account, page_size=PAGE, recount_size=3),
        place=place,
        empty=replace(place, prefix="nothing/"),
        put=put,
        drop=drop,
    )


def _folder(get: Get, folder: Path) -> SourceRig:
    del get
    for name in ("data", "empty"):
        (folder / name).mkdir()

    def put(key: str, data: bytes) -> None:
        path = folder / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        new = folder / "new"  # another inode: no clock is quick enough to tell two writes apart
        new.write_bytes(data)
        os.replace(new, path)

    return SourceRig(
        source=FolderSource(folder, page_size=PAGE),
        place=Place(bucket="data"),
        empty=Place(bucket="empty"),
        put=put,
        drop=lambda key: (folder / "data" / key).unlink(),
    )


def _azure_sftp(get: Get, folder: Path) -> SourceRig:
    server = get("sshd")
    for name in ("data", "empty"):
        (folder / name).mkdir()
    ticks = itertools.count(1_700_000_000)

    def put(key: str, data: bytes) -> None:
        path = folder / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        second = next(ticks)  # SFTP tells whole seconds: who writes twice in one is not seen
        os.utime(path, (second, second))

    opened = sftp_source(server, page_size=PAGE, held=4)
    get("request").addfinalizer(opened.close)
    return SourceRig(
        source=opened.source,
        place=Place(bucket=str(folder / "data")),
        empty=Place(bucket=str(folder / "empty")),
        put=put,
        drop=lambda key: (folder / "data" / key).unlink(),
    )


def _fake_source(get: Get, folder: Path) -> SourceRig:
    del get, folder
    fake = FakeSource(page_size=PAGE)
    place = Place(bucket="data")
    fake.make("data")
    return SourceRig(
        source=fake,
        place=place,
        empty=replace(place, prefix="nothing/"),
        put=lambda key, data: fake.put("data", key, data),
        drop=lambda key: fake.drop("data", key),
    )


def _toy(get: Get, folder: Path) -> SourceRig:
    del folder
    store, name = get("toys"), f"toys-{next(_numbers)}"
    store.make(name)
    place = Place(bucket=name)
    return SourceRig(
        source=ToySource(store.url, TOKEN, loopback(store.url), page_size=PAGE),
        place=place,
        empty=replace(place, prefix="nothing/"),
        put=lambda key, data: store.put(name, key, data),
        drop=lambda key: store.drop(name, key),
    )


SOURCES: Mapping[str, SourceEntry] = {
    "azure-blob": SourceEntry(
        make=_azure_blob,
        traits=frozenset(("prefixes", "range digests")),
        gone=SourceChanged,  # the emulator looks at If-Match first; Azure itself says 404
    ),
    "strict blob": SourceEntry(make=_strict_blob, traits=frozenset(("prefixes", "range digests"))),
    "azure-sftp": SourceEntry(make=_azure_sftp, odd=(*ODD, *BYTES)),
    "folder": SourceEntry(make=_folder, odd=(*ODD, *BYTES)),
    "fake": SourceEntry(
        make=_fake_source,
        odd=(*ODD, *BYTES),
        traits=frozenset(("prefixes", "range digests")),
    ),
    "toy": SourceEntry(make=_toy, odd=(*ODD, *BYTES), traits=frozenset(("prefixes",))),
}


# --- targets -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRig:
    """A target with a bucket of its own, and what somebody else stores there."""

    writer: TargetWriter
    bucket: str
    intrude: Callable[[str, bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEntry:
    """One target, and what sets it apart from others."""

    make: Callable[[Get, bool], TargetRig]
    """Makes a rig; with True its bucket has object lock."""
    traits: Collection[str] = field(default=frozenset())
    """Of `ALL`."""


ALL = frozenset(
    ("conditional put", "conditional complete", "complete in place", "tags", "lock", "digests",
     "parts again", "gone uploads", "copied parts", "pinned copies", "versions")
)  # fmt: skip
"""What a target may do: keep conditions (when it completes an upload in the place of an object,
too), tags, locks; refuse a body of another digest; take a part
again; say of an upload that it is gone; make parts of what it holds, and only of the ETag that is
named; keep versions."""


class Hosts:
    """One client and one endpoint for each S3 server; every test has a bucket of its own there."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Any, S3Endpoint]] = {}

    def at(self, server: S3Server | StrictS3) -> tuple[Any, S3Endpoint]:
        if server.endpoint not in self._known:
            sign = SigV4(
                region=server.region, access_key=server.access_key, secret_key=server.secret_key
            )
            endpoint = S3Endpoint(
                server.endpoint, addressing="path", sign=sign,
                transport=loopback(server.endpoint, sign=sign),
            )  # fmt: skip
            client = s3_client(server)
            self._known[server.endpoint] = client, endpoint
        return self._known[server.endpoint]

    def close(self) -> None:
        for client, _ in self._known.values():
            client.close()


def _s3(
    hosts: Hosts, server: S3Server | StrictS3, limits: TargetLimits, *, lock: bool
) -> TargetRig:
    name = f"contract-{next(_numbers)}"
    client, endpoint = hosts.at(server)
    client.create_bucket(Bucket=name, **({"ObjectLockEnabledForBucket": True} if lock else {}))
    return TargetRig(
        writer=S3Writer(endpoint, limits),
        bucket=name,
        intrude=lambda key, data: client.put_object(Bucket=name, Key=key, Body=data),
    )


def _moto(get: Get, lock: bool) -> TargetRig:
    return _s3(get("hosts"), get("moto"), LIMITS, lock=lock)


def _rclone(get: Get, lock: bool) -> TargetRig:
    limits = replace(LIMITS, conditional_put=False, conditional_complete=False, tags=False)
    return _s3(get("hosts"), get("rclone_s3"), limits, lock=lock)


def _strict(get: Get, lock: bool) -> TargetRig:
    return _s3(get("hosts"), get("strict_s3"), LIMITS, lock=lock)


def _bare(get: Get, lock: bool) -> TargetRig:
    """A host that shows ETags without quotes, and knows them again in conditions only so.

    Its access key has a project behind it, which libcurl would not write as it is.
    """
    manner = Manner(name="bare", page=10, parts_page=2, quoting="bare", bare_etags=True,
                    gone_is_412=True, spaced_complete=True, closes=True, chunked=True,
                    title_case=True, ignores_encoding=True)  # fmt: skip
    server = StrictS3(manner, project="@50a526f2-c070:y")
    server.__enter__()
    get("request").addfinalizer(lambda: server.__exit__(None, None, None))
    return _s3(get("hosts"), server, LIMITS, lock=lock)


def _fake_target(get: Get, lock: bool) -> TargetRig:
    del get
    fake = FakeTarget("contract")
    fake.object_lock = lock
    return TargetRig(
        writer=fake,
        bucket="contract",
        intrude=lambda key, data: fake.keep("contract", key, data),
    )


TARGETS: Mapping[str, TargetEntry] = {
    # It compares no digest, answers GetObjectRetention with the object, 500 for a gone upload, and
    # does not look at If-Match when it completes one.
    "moto": TargetEntry(
        make=_moto,
        traits=ALL - {"digests", "lock", "gone uploads", "complete in place", "pinned copies"},
    ),
    "rclone": TargetEntry(make=_rclone, traits=frozenset(("gone uploads",))),
    "strict S3": TargetEntry(make=_strict, traits=ALL),
    "bare ETags": TargetEntry(make=_bare, traits=ALL),
    "fake": TargetEntry(make=_fake_target, traits=ALL - {"versions"}),
}


# --- which of them -------------------------------------------------------------------------------


def of(
    entries: Mapping[str, SourceEntry] | Mapping[str, TargetEntry], *traits: str, but: bool = False
) -> pytest.MarkDecorator:
    """Return the mark of a test that is for entries with all these traits; `but`: the others."""
    names = [
        name for name, entry in entries.items() if set(traits).issubset(entry.traits) is not but
    ]
    assert names, "a trait that nobody has"
    return pytest.mark.parametrize("name", names)
