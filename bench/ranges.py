"""What the service's own digest of each range costs a reader: `python -m bench.ranges`.

Reads blobs without a claimed MD5 from Azurite on this machine, as transfer does, with and without
`verify.source: range-md5`. The seconds of CPU are this process's alone.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from azure.storage.blob import BlobBlock, ContainerClient

from hdh_migrate.demo import servers
from hdh_migrate.door import Door
from hdh_migrate.model import MIB, Place, Span
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_blob import AzureBlobSource
from hdh_migrate.sources.azure_credentials import SasAuthorizer
from hdh_migrate.transport import Transport

PART = 8 * MIB
SETS = {"1 of 128 MiB": (1, 128 * MIB), "100 of 1 MiB": (100, MIB), "1000 of 4 KiB": (1000, 4096)}
PLACE = Place(bucket="ranges")


def main() -> int:
    """Print a row of figures for each set of objects, read both ways."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with servers.azurite(base / "azurite", log=base / "azurite.log") as server:
            with ContainerClient.from_connection_string(
                server.connection_string, PLACE.bucket
            ) as client:
                client.create_container()
                for name, (count, size) in SETS.items():
                    _filled(client, name, count, size)
            print("| objects | ranges | requests | CPU s | wall s |\n|---|---|---|---|---|")
            for name in SETS:
                for checked in (False, True):
                    print(_row(server, name, checked=checked))
    return 0


def _filled(client: ContainerClient, name: str, count: int, size: int) -> None:
    for number in range(count):
        blob = client.get_blob_client(f"{name}/{number}")
        blob.stage_block("0001", bytes(size))
        blob.commit_block_list([BlobBlock("0001")])


def _row(server: servers.Azurite, name: str, *, checked: bool) -> str:
    transport = Transport(door=Door.named(server.url, local=True))
    source = AzureBlobSource(AzureAccount(server.url, SasAuthorizer(server.sas("rl")), transport))
    place = Place(bucket=PLACE.bucket, prefix=f"{name}/")
    objects = [obj for page in source.pages(place) for obj in page.objects]
    before = sum(told.requests for told in transport.traffic.values())
    cpu, wall = time.process_time(), time.monotonic()
    for obj in objects:
        assert obj.md5 is None
        for start in range(0, obj.size, PART):
            span = Span(start, min(PART, obj.size - start))
            source.read(place, obj, span, lambda _: None, checked=checked)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    requests = sum(told.requests for told in transport.traffic.values()) - before
    how = "with MD5" if checked else "plain"
    return f"| {name} | {how} | {requests} | {cpu:.2f} | {wall:.2f} |"


if __name__ == "__main__":
    sys.exit(main())
