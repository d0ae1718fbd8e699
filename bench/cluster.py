"""What a cluster costs: CPU of the coordinator, and how many orders and objects pass in a second.

`python -m bench.cluster [--orders 1500] [--objects 6000] [--parts 400]`, all on loopback:

- *carried*: a real scheduler and one node, whose engine swallows every order and answers for each
  object at once; nothing is read, sent or recorded. What is left is the cluster's own part.
- *moved*: `transfer` of small files, and of a large one, through a scheduler and a worker, to a
  target that swallows them (bench.swallow). The CPU of `transfer` alone is the coordinator's, its
  ledger included; that of the same transfer of ten objects is taken away from it.

CPU is that of each process. Wall times of one busy machine say little of a cluster: what is counted
on is how much a coordinator can hand out before one processor is full.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import psutil

from bench.memory import swallowing
from hdh_migrate import __version__
from hdh_migrate.engines import dask_node
from hdh_migrate.engines.cluster import ClusterSession
from hdh_migrate.engines.coordinator import ClusterEngine
from hdh_migrate.engines.dask import dask_engine
from hdh_migrate.engines.dask_authority import new_authority
from hdh_migrate.engines.node import Node, NodeIdentity, Tools
from hdh_migrate.model import PartReceipt, Role, TargetLimits
from hdh_migrate.orders import Order, OrderItem, PartItem, PartOrder, PutOrder
from hdh_migrate.ports.work import Recorder
from hdh_migrate.receipts import EndpointTraffic, OrderDone, PartSent, Receipt, Sent
from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.software import code_digest
from hdh_migrate.telemetry import SystemClock

DIGEST = "ab" * 32
SMALL = 16_384
PART = 8 << 20
OBJECTS_OF_AN_ORDER = 32
CAPACITY = 64
FEW = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What an order costs that is carried to a node and back, in milliseconds of CPU."""

    orders: str
    per_second: int
    """Orders in a second of this measurement."""
    coordinator: float
    scheduler: float
    node: float

    @property
    def at_most(self) -> int:
        """Orders a second with which the coordinator would fill a processor."""
        return round(1000 / self.coordinator)


def main() -> None:
    """Measure, and print a line of JSON for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_500, help="of each kind that are carried")
    parser.add_argument("--objects", type=int, default=6_000, help="small files that are moved")
    parser.add_argument("--parts", type=int, default=400, help="of one large file that is moved")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.serve:
        _serve(*wanted.serve)
        return
    with tempfile.TemporaryDirectory(prefix="hdh-cluster-") as name:
        folder = Path(name)
        new_authority(folder / "ca", datetime.fromisoformat(SystemClock().now()), 1)
        for kind, order in (("32 small objects", small_order()), ("one part", part_order())):
            found = carried(folder, kind, order, wanted.orders)
            print(json.dumps(asdict(found) | {"at_most": found.at_most}), flush=True)
        for told in moved(folder, wanted.objects, wanted.parts):
            print(json.dumps(told), flush=True)


# --- carried -------------------------------------------------------------------------------------


def small_order() -> PutOrder:
    """Return an order as a transfer of small objects hands it out."""
    items = (
        OrderItem(
            id=number, attempt=1, key=f"study/2026/{number:08}/image.dcm", size=SMALL,
            version="0x8DC0123456789AB", md5="00" * 16,
        )
        for number in range(OBJECTS_OF_AN_ORDER)
    )  # fmt: skip
    return PutOrder(dataset="d", objects=tuple(items))


def part_order() -> PartOrder:
    """Return an order as a transfer of a large object hands it out."""
    item = PartItem(
        id=1, attempt=1, key="genomes/sample.cram", size=1 << 40, version="0x8DC0123456789AB",
        md5=None, number=7, segments=1024, count=1000, upload_id="u" * 64, header=bytes(300),
        sealed=(),
    )  # fmt: skip
    return PartOrder(dataset="d", objects=(item,))


class Swallowed:
    """An engine that answers for each object at once, and does nothing."""

    capacity = CAPACITY

    def __init__(self) -> None:
        self._orders = list[tuple[int, Order]]()
        self._number = 0

    def submit(self, order: Order) -> int:
        """Take an order."""
        self._number += 1
        self._orders.append((self._number, order))
        return self._number

    def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
        """Answer for all that was taken."""
        del record
        if not self._orders:
            time.sleep(min(timeout, 0.002))
        orders, self._orders = self._orders, []
        for number, order in orders:
            yield from map(_answer, order.objects)
            yield OrderDone(order=number)

    def cluster(self) -> None:
        """It is one machine's."""

    def pause(self) -> None:
        """Nothing waits."""

    def limit(self, rate: float | None) -> None:
        """Nothing is moved."""
        del rate

    def traffic(self) -> Sequence[EndpointTraffic]:
        """Nothing was exchanged."""
        return ()

    def close(self, *, grace: float) -> None:
        """Nothing is to be ended."""
        del grace


def _answer(item: OrderItem) -> Receipt:
    if isinstance(item, PartItem):
        part = PartReceipt(
            number=item.number, sha256=DIGEST, sealed_sha256=DIGEST, stored_size=1 << 26,
            etag=DIGEST[:32],
        )  # fmt: skip
        return PartSent(id=item.id, attempt=item.attempt, size=1 << 26, part=part)
    return Sent(
        id=item.id, attempt=item.attempt, stored_size=item.size, etag=DIGEST[:32],
        version_id=None, sha256=DIGEST, sealed_sha256=DIGEST,
    )  # fmt: skip


def _session() -> ClusterSession:
    unique = os.urandom(8).hex()
    limits = TargetLimits(max_parts=1000, min_part=1, max_part=2, max_put=2, max_object=2)
    return ClusterSession(
        id=unique, coordinator=unique, run_tag=unique, version=__version__,
        code_sha256=code_digest(), plan_sha256=DIGEST, role=Role.MOVE, epoch=1, write=True,
        admitted=True, limits=limits, recipients=(), adopted=(), share=1.0,
    )  # fmt: skip


def _serve(what: str, address: str, certificates: str) -> None:
    """Be the scheduler, or a node, until killed."""
    never = threading.Event()

    def ready(told: str) -> None:
        print(told, flush=True)

    if what == "scheduler":
        dask_node.schedule(address, Path(certificates), ready=ready, stop=never)
        return
    identity = NodeIdentity(version=__version__, code_sha256=code_digest(), plan_sha256=DIGEST)

    def tools(_: ClusterSession) -> Tools:
        return Tools(engine=Swallowed(), share=lambda _: None)

    with tempfile.TemporaryDirectory() as scratch:
        dask_node.serve(
            Node("swallows", identity, tools), address, Path(certificates), host="127.0.0.1",
            threads=2 * CAPACITY, scratch=Path(scratch), ready=ready, stop=never,
        )  # fmt: skip


@contextmanager
def _started(what: str, address: str, certificates: Path) -> Iterator[tuple[psutil.Process, str]]:
    command = [sys.executable, "-m", "bench.cluster", "--serve", what, address, str(certificates)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield psutil.Process(process.pid), process.stdout.readline().strip()
        finally:
            process.kill()


def carried(folder: Path, kind: str, order: Order, many: int) -> Carried:
    """Carry the same order so many times to a node and back."""
    with ExitStack() as stack:
        ca = folder / "ca"
        scheduler, at = stack.enter_context(_started("scheduler", "tls://127.0.0.1:0", ca))
        node, _ = stack.enter_context(_started("node", at, ca))
        engine = dask_engine(at, ca, _session(), limited=False)
        _carry(engine, order, CAPACITY)  # everything is connected and imported by then
        before, began = (_cpu(None), _cpu(scheduler), _cpu(node)), time.monotonic()
        _carry(engine, order, many)
        wall = time.monotonic() - began
        after = (_cpu(None), _cpu(scheduler), _cpu(node))
        engine.close(grace=1)
    spent = [1000 * (late - early) / many for early, late in zip(before, after, strict=True)]
    return Carried(
        orders=kind, per_second=round(many / wall), coordinator=round(spent[0], 3),
        scheduler=round(spent[1], 3), node=round(spent[2], 3),
    )  # fmt: skip


def _carry(engine: ClusterEngine, order: Order, many: int) -> None:
    out = done = given = 0
    while done < many:
        while given < many and out < engine.capacity:
            engine.submit(order)
            given, out = given + 1, out + 1
        back = sum(isinstance(one, OrderDone) for one in engine.receipts(0.2))
        done, out = done + back, out - back


def _cpu(process: psutil.Process | None) -> float:
    if process is None:
        return time.process_time()
    spent = process.cpu_times()
    return float(spent.user + spent.system)


# --- moved ---------------------------------------------------------------------------------------


def moved(folder: Path, objects: int, parts: int) -> Iterator[dict[str, object]]:
    """Transfer small files, and a large one, through a worker; yield the coordinator's CPU."""
    with swallowing() as url:
        few = _transfer(folder, "few", partial(_small_files, FEW), url)
        cases = {
            f"{objects} objects of {SMALL} bytes": (objects, partial(_small_files, objects)),
            f"{parts} parts of {PART} bytes": (parts, partial(_large_file, parts)),
        }
        for number, (what, (many, make)) in enumerate(cases.items()):
            each = (_transfer(folder, f"many{number}", make, url) - few) / many
            yield {
                "moved": what,
                "coordinator_ms_each": round(1000 * each, 3),
                "each_second_at_most": round(1 / each),
            }


def _small_files(many: int, data: Path) -> None:
    for number in range(many):
        (data / f"{number:06}.dcm").write_bytes(number.to_bytes(8, "big") * (SMALL // 8))


def _large_file(parts: int, data: Path) -> None:
    with (data / "volume.raw").open("wb") as file:
        file.truncate(parts * PART)


def _transfer(folder: Path, name: str, make: Callable[[Path], None], url: str) -> float:
    """Return the CPU seconds of the coordinator."""
    place = folder / name
    data, keys = place / "data", place / "keys"
    data.mkdir(parents=True)
    keys.mkdir()
    for key in ("steward", "escrow"):
        new_pair(keys, key, passphrase=None)
    make(data)
    for secret in ("id", "secret"):
        (place / secret).write_text("swallowed")
        (place / secret).chmod(0o600)
    base = [sys.executable, "-m", "hdh_migrate"]
    with ExitStack() as stack:
        ca = folder / "ca"
        scheduler, at = stack.enter_context(_started("scheduler", "tls://127.0.0.1:0", ca))
        del scheduler
        plan = place / "plan.yaml"
        plan.write_text(f"""\
version: 1
migration: bench-{name}
source: {{kind: folder}}
target:
  provider: generic
  endpoint: {url}
  region: us-east-1
  credential: {{kind: access-key, id: "file:id", secret: "file:secret"}}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets: [{{name: d, source: {{path: data}}, target: {{bucket: bucket, prefix: d/}}}}]
engine: {{kind: dask, scheduler: "{at}", certificates: "{ca}", processes: 1, connections: 16}}
""")
        subprocess.run([*base, "inventory", str(plan), "--no-progress"], check=True)
        worker = stack.enter_context(
            subprocess.Popen(
                [*base, "worker", str(plan), "--host", "127.0.0.1"],
                stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            )
        )  # fmt: skip
        stack.callback(worker.kill)
        assert worker.stderr is not None
        while "at tls://" not in worker.stderr.readline():
            pass
        run = subprocess.Popen([*base, "transfer", str(plan), "--no-progress"])
        _, status, spent = os.wait4(run.pid, 0)
        if os.waitstatus_to_exitcode(status):
            sys.exit(f"transfer: exit {os.waitstatus_to_exitcode(status)}")
        return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    main()
