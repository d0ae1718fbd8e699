"""What the processor does for one small object: its copy and its read-back, part by part.

`python -m bench.small [--objects N] [--page docs/performance.md]`. One worker's own code, in this
process and one thread, against a server in another one that has every reply ready: a blob service
and an S3 host. Told is CPU of this process alone, the least of several rounds, in microseconds for
one object of 16 KiB. `waited` is the same when each reply comes 5 ms late, as from a host that is
some way off: whoever waits is put aside, and finds the processor's caches full of others' work.
Whole copies and read-backs have eight under way, as a worker has; their requests alone, one.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import platform
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.curve import placed
from bench.measure import compiled, load
from hdh_migrate.door import Door
from hdh_migrate.model import Place, Span, Stamp, Stored
from hdh_migrate.orders import OrderItem, PutOrder, VerifyItem, VerifyOrder
from hdh_migrate.pipeline.pace.level import Level
from hdh_migrate.pipeline.retrying import Retrying, SharedPause
from hdh_migrate.pipeline.workers.buffers import BufferPool
from hdh_migrate.pipeline.workers.filling import Sealing
from hdh_migrate.pipeline.workers.perform import Performer
from hdh_migrate.pipeline.workers.work import Route, Toolbox
from hdh_migrate.receipts import Aside, Matched, ObjectReceipt, Sent
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from hdh_migrate.sealing.keys import PrivateKey
from hdh_migrate.sources.azure_account import AzureAccount
from hdh_migrate.sources.azure_blob import AzureBlobSource
from hdh_migrate.sources.azure_credentials import SharedKeyAuthorizer
from hdh_migrate.targets.profiles import load as profile
from hdh_migrate.targets.s3 import S3Writer
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.transport import SigV4, Transport

SIZE: Final = 16_384
ROUNDS: Final = 8
LATE_SECONDS: Final = 0.005
ORDER: Final = 32
"""Objects of one order."""

AT_ONCE: Final = 16
"""Requests under way in a worker that works alone, with a plan's defaults."""

BEGIN: Final = "<!-- begin: written by `python -m bench.small` -->\n"
END: Final = "<!-- end: small -->"

PLAIN: Final = bytes(range(256)) * (SIZE // 256)
_DATE: Final = b"Date: Fri, 27 Nov 2026 09:00:00 GMT\r\n"
BLOB: Final = (
    b'HTTP/1.1 206 Partial Content\r\nServer: Blob/1.0\r\nETag: "0x1CB"\r\n' + _DATE
    + b"Content-Length: %d\r\nContent-Range: bytes 0-%d/%d\r\n" % (SIZE, SIZE - 1, SIZE)
    + b"Content-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n"
    b"Last-Modified: Fri, 27 Nov 2026 08:00:00 GMT\r\nx-ms-blob-type: BlockBlob\r\n"
    b"x-ms-creation-time: Fri, 27 Nov 2026 08:00:00 GMT\r\nx-ms-lease-state: available\r\n"
    b"x-ms-lease-status: unlocked\r\nx-ms-server-encrypted: true\r\nx-ms-version: 2021-12-02\r\n"
    b"x-ms-request-id: 5e7b2c3a-0000-0000-0000-000000000000\r\n\r\n" + PLAIN
)  # fmt: skip
STORED: Final = (
    b'HTTP/1.1 200 OK\r\nServer: S3/1.0\r\nETag: "0123456789abcdef"\r\n' + _DATE
    + b"x-amz-request-id: 0123456789\r\nx-amz-meta-hdh-attempt: plan-ledger.1.1\r\n"
    b"Accept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\n"
    b"Last-Modified: Fri, 27 Nov 2026 08:00:00 GMT\r\nContent-Length: %d\r\n\r\n"
)  # fmt: skip


# --- the server ----------------------------------------------------------------------------------


def serve(late: float) -> None:
    """Answer until killed: blobs as they are, objects as they were put."""
    kept: dict[bytes, bytes] = {}
    with socket.create_server(("127.0.0.1", 0)) as server:
        sys.stdout.write(f"{server.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_answer, args=(connection, kept, late), daemon=True).start()


def _answer(connection: socket.socket, kept: dict[bytes, bytes], late: float) -> None:
    heard = b""
    while True:
        while b"\r\n\r\n" not in heard:
            piece = connection.recv(65_536)
            if not piece:
                return
            heard += piece
        head, _, body = heard.partition(b"\r\n\r\n")
        method, path, *_ = head.split(b" ", 2)
        if method == b"PUT":
            size = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
            while len(body) < size:
                body += connection.recv(65_536)
            kept[path] = body
            body = b""
        elif not path.startswith(b"/blobs"):
            body = kept[path]
        if late:
            time.sleep(late)
        connection.sendall(BLOB if path.startswith(b"/blobs") else STORED % len(body) + body)
        heard = b""


@contextmanager
def serving(late: float) -> Iterator[str]:
    """Run the server in a process of its own, and give its address."""
    command = [sys.executable, "-m", "bench.small", "--serve", str(late)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


# --- what is measured ----------------------------------------------------------------------------


class Worker:
    """One worker's sides and what it performs orders with."""

    def __init__(self, url: str) -> None:
        key = base64.b64encode(bytes(32)).decode()
        sign = SigV4(region="us-east-1", access_key="an-id", secret_key="a secret")
        door = Door.named(url, local=True)
        authorizer = SharedKeyAuthorizer("blobs", key, secure=False, monotonic=time.monotonic)
        account = AzureAccount(f"{url}/blobs", authorizer, Transport(door=door))
        endpoint = S3Endpoint(
            url, addressing="path", sign=sign, transport=Transport(door=door, sign=sign)
        )
        identity, escrow = (PrivateKey(bytes([one]) * 32, protected=False) for one in (1, 2))
        self.source = AzureBlobSource(account)
        self.writer = S3Writer(endpoint, profile("generic").limits)
        self.envelopes = Crypt4ghEnvelopes([identity.public, escrow.public], identity)
        self.pool = BufferPool(64 << 20)
        self.route = Route(source=Place(bucket="c"), target=Place(bucket="b"), suffix=".c4gh")
        self.moves, self.proves = self._performer(moves=True), self._performer(moves=False)
        self.sent: dict[int, Sent] = {}

    def _performer(self, *, moves: bool) -> Performer:
        halt = threading.Event()
        retry = Retrying(budget=60, pause=SharedPause(time.monotonic, halt), halt=halt)
        return Performer(
            Toolbox(
                source=self.source if moves else None, reader=None if moves else self.writer,
                writer=self.writer if moves else None, envelopes=self.envelopes,
                routes={"all": self.route}, run_tag="plan-ledger", level="full", reread=False,
                checked=False, retry=retry, pool=self.pool, clock=SystemClock(), halt=halt,
                at_once=Level(AT_ONCE),
            )
        )  # fmt: skip

    def copy(self, first: int, count: int) -> None:
        """Copy objects, and keep their receipts."""
        order = PutOrder(dataset="all", objects=tuple(map(_item, range(first, first + count))))
        self.moves.perform(order, self._take, lambda _: True)

    def _take(self, receipt: ObjectReceipt | Aside) -> None:
        if isinstance(receipt, Sent):
            self.sent[receipt.id] = receipt
        elif not isinstance(receipt, Matched):
            sys.exit(f"not as it should be: {receipt}")

    def read_back(self, first: int, count: int) -> None:
        """Read back objects that were copied."""
        items = tuple(_sent(self.sent[number]) for number in range(first, first + count))
        order = VerifyOrder(dataset="all", objects=items)
        self.proves.perform(order, self._take, lambda _: True)

    def read(self, first: int, count: int) -> None:
        """Read objects from the source, and do nothing with their bytes."""
        for number in range(first, first + count):
            obj = _item(number).obj
            self.source.read(self.route.source, obj, Span(0, SIZE), lambda _: None)

    def seal(self, first: int, count: int) -> None:
        """Seal the same bytes under fresh keys, with both digests."""
        del first
        for _ in range(count):
            with self.pool.buffer(self.envelopes.sealed_size(SIZE)) as out:
                envelope = self.envelopes.new()
                sealing = Sealing(envelope, out, first=0, left=SIZE, ends=True, md5=False)
                sealing.header(envelope.front)
                sealing.write(PLAIN)
                sealing.close()
                sealing.plain.hexdigest(), sealing.stored.hexdigest()

    def put(self, first: int, count: int) -> None:
        """Store the same bytes under other keys."""
        body = memoryview(bytes(self.envelopes.sealed_size(SIZE)))
        digest, stamp = hashlib.sha256(body).hexdigest(), Stamp(attempt="plan-ledger.1.1")
        for number in range(first, first + count):
            self.writer.put(
                "b", f"put/{_key(number)}", body, sha256=digest, stamp=stamp, replaces=None
            )

    def fetch(self, first: int, count: int) -> None:
        """Read stored objects, and do nothing with their bytes."""
        for number in range(first, first + count):
            sent = self.sent[number]
            stored = Stored(key=f"{_key(number)}.c4gh", size=sent.stored_size, etag=sent.etag)
            self.writer.read("b", stored, None, lambda _: None)


def _key(number: int) -> str:
    return f"part-{number // 1_000:05d}/object-{number:09d}.dcm"


def _item(number: int) -> OrderItem:
    return OrderItem(id=number, attempt=1, key=_key(number), size=SIZE, version="0x1CB", md5=None)


def _sent(sent: Sent) -> VerifyItem:
    return VerifyItem(
        id=sent.id, attempt=1, key=_key(sent.id), size=SIZE, version="0x1CB", md5=None,
        stored_size=sent.stored_size, etag=sent.etag, version_id=None, sha256=sent.sha256,
        sealed_sha256=sent.sealed_sha256,
    )  # fmt: skip


def spent(work: Callable[[int, int], None], count: int) -> float:
    """Return the microseconds of CPU that one object takes."""
    began = _cpu()
    for first in range(0, count, ORDER):
        work(first, ORDER)
    return (_cpu() - began) / count * 1e6


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(count: int, late: float, rounds: int) -> dict[str, float]:
    """Return what each part takes against a server of which every reply comes so late."""
    with serving(late) as url:
        worker = Worker(url)
        worker.copy(0, count)  # what is read back is there, and everything was loaded once
        works = (worker.read, worker.seal, worker.put, worker.fetch, worker.read_back, worker.copy)
        found = [[spent(work, count) for work in works] for _ in range(rounds)]
        least = map(min, zip(*found, strict=True))
        return {work.__name__: one for work, one in zip(works, least, strict=True)}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=320, help="of each round; by 32")
    parser.add_argument("--page", type=Path, help="the page whose section is written anew")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.serve is not None:
        serve(wanted.serve)
    compiled()
    count = -(-wanted.objects // ORDER) * ORDER
    text = "".join(
        f"{line}\n"
        for line in lines(
            measured(count, 0, ROUNDS), measured(min(count, 160), LATE_SECONDS, ROUNDS // 2)
        )
    )
    sys.stdout.write(text)
    if wanted.page:
        page = wanted.page.read_text(encoding="utf-8")
        wanted.page.write_text(placed(page, text, BEGIN, END), encoding="utf-8")


def lines(at_once: dict[str, float], waited: dict[str, float]) -> Iterator[str]:
    """Yield the section of the page."""
    parts = {
        "copy: all of it": ("copy", ()),
        "its request of the source": ("read", ()),
        "its key, header, cipher and both digests": ("seal", ()),
        "its request of the target, signed": ("put", ()),
        "what orders and receipts cost": ("copy", ("read", "seal", "put")),
        "read-back: all of it": ("read_back", ()),
        "its request of the target": ("fetch", ()),
        "opening, both digests, the verdict": ("read_back", ("fetch",)),
    }
    yield "## What a worker does for a small object"
    yield ""
    machine = f"load {load()}, Linux {platform.release()}, Python {platform.python_version()}"
    yield f"`python -m bench.small` ({machine}): µs of CPU for one object of"
    yield "16 KiB, one thread, the coordinator excluded, the least of several rounds. *Waited*:"
    yield "every reply comes 5 ms late, so that others use the processor and its caches meanwhile."
    yield f"Copies and read-backs have {AT_ONCE} under way, as a worker alone has; requests one."
    yield ""
    yield "| | at once | waited |"
    yield "| --- | ---: | ---: |"
    for name, (whole, without) in parts.items():
        cells = [f"{at_once[whole] - sum(at_once[part] for part in without):,.0f}"]
        # What is waited for once by eight is not the sum of what each waits for alone.
        cells.append("" if without else f"{waited[whole]:,.0f}")
        yield f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
