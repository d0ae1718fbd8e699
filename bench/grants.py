"""What it takes of a core to wrap headers for a reader and pack them, and of memory; no target.

`python -m bench.grants --objects 1000000` makes headers of some writers for two recipients, wraps
each for one reader, writes the pack and reads it back.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence

from hdh_migrate.grants.objects import FORMAT, GrantedObject, HostAddress, PackHead
from hdh_migrate.grants.pack import PackReader, write
from hdh_migrate.grants.rewrapping import Rewrapping
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes, sealed_size
from hdh_migrate.sealing.keys import PrivateKey

WRITERS = 16
"""Worker processes whose headers are mixed, one after another."""

EACH = " in a second of one core"
KEPT = 10_000
"""Headers that are made; they come again and again."""


def keys(many: int) -> list[PrivateKey]:
    return [PrivateKey(bytes([number + 1]) * 32, protected=False) for number in range(many)]


def objects(many: int, headers: Sequence[bytes], wraps: Rewrapping) -> Iterator[GrantedObject]:
    for number in range(many):
        yield GrantedObject(
            name=f"2024/{number:09}.parquet", bucket="hds", key=f"in/2024/{number:09}.parquet.c4gh",
            version=None, etag="0123456789abcdef" * 2, body=232, length=65_536,
            sealed=sealed_size(65_536, 232), sha256="ab" * 32, sealed_sha256="cd" * 32,
            header=wraps.header(headers[number % len(headers)]),
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.grants")
    parser.add_argument("--objects", type=int, default=200_000)
    many = parser.parse_args().objects
    steward, escrow, reader = keys(3)
    writers = [Crypt4ghEnvelopes([steward.public, escrow.public], None) for _ in range(WRITERS)]
    headers = [writers[number % WRITERS].new().header for number in range(KEPT)]
    wraps = Rewrapping.of(steward, reader.public)
    began = time.process_time()
    for number in range(many):
        wraps.header(headers[number % KEPT])
    print(f"wrapped: {many / (time.process_time() - began):,.0f}{EACH}")
    head = PackHead(
        format=FORMAT, grant="g", migration="m", dataset="d", permit="p", purpose="p",
        reader=reader.public.fingerprint, until="2099-12-31T23:59:59Z",
        endpoint=HostAddress(url="https://s3.example", region="eu", addressing="path"),
        objects=many, bytes=many * 65_536,
    )  # fmt: skip
    with tempfile.TemporaryFile() as file:
        began = time.process_time()
        write(file, reader.public, head, objects(many, headers, wraps))
        print(f"wrapped and packed: {many / (time.process_time() - began):,.0f}{EACH}")
        size, began = file.tell(), time.process_time()
        for _ in PackReader(file, reader):
            pass
        print(f"read back: {many / (time.process_time() - began):,.0f}{EACH}")
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"pack: {size / many:,.0f} bytes an object; memory at most {used:,.0f} MiB")


if __name__ == "__main__":
    main()
