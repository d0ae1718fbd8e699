"""What it takes to replace a recipient's key, and to seal anew, by the number of objects.

`python -m bench.rotation --objects 100000 [--reseal [--detached]]` fills a ledger with verified
objects of 16 KiB, serves them (bench.quick_s3) and gives the real commands; where headers are
detached, their packs are made, verified and copied first. What is measured is one machine
with both ends: the server's own share of it is told apart. With `--ledger 10000 100000 1000000`
nothing is served and no command is given: what the ledger takes for a portion is measured alone.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from bench.packs import detached
from bench.quick_s3 import HEADER, WRITERS, etag
from bench.scale import PAGE, SIZE, Measured, laid_out
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import RenewedRow
from hdh_migrate.pipeline.dispatch import COMMIT_ROWS
from hdh_migrate.pipeline.projections.portions import PORTION_OBJECTS
from hdh_migrate.receipts import Matched, Sent
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes, SegmentEnvelopes
from hdh_migrate.sealing.detached import HybridEnvelopes
from hdh_migrate.sealing.hybrid import HybridPrivateKey, HybridPublicKey
from hdh_migrate.sealing.keys import PrivateKey, PublicKey, new_pair
from hdh_migrate.telemetry import SystemClock

PLAIN = bytes(SIZE)
KEYS = ("steward", "escrow", "next")
TICK = os.sysconf("SC_CLK_TCK")


class MeasuredRotation(Measured):
    """A ledger whose objects are verified, and the files from which they are served."""

    apart = False
    """Whether headers are kept apart."""

    def filled(self) -> None:
        """Fill it, and measure nothing of that."""
        self.all()

    def _envelopes(self, *, opens: bool) -> SegmentEnvelopes:
        """Return what wraps data keys, and opens them."""
        keys = self._plan.parent / "keys"
        names = [PublicKey.load(keys / f"{name}.pub") for name in KEYS[:2]]
        own = PrivateKey.load(keys / "steward.sec", None) if opens else None
        return Crypt4ghEnvelopes(names, own)

    def _move(self, ledger: SqliteLedger) -> None:
        folder = self._plan.parent
        writers = [self._envelopes(opens=False) for _ in range(WRITERS)]
        made = [writer.new() for writer in writers]
        bodies = []
        for envelope in made:
            body = bytearray(SIZE + 28)
            envelope.seal_into(memoryview(PLAIN), 0, final=True, out=memoryview(body))
            bodies.append(bytes(body))
        (folder / "bodies").write_bytes(b"".join(bodies))
        # The data key of a writer is in all of its headers, each with nonces of its own.
        steward, apart = self._envelopes(opens=True), self.apart
        keys = [steward.data_key(one.header) for one in made]
        at, last, sending = SystemClock().now(), 0, self._sending(ledger)
        plain = hashlib.sha256(PLAIN).hexdigest()
        with Path(os.devnull if apart else folder / "headers").open("wb") as headers:
            while entries := list(islice(sending, PAGE)):
                for one in entries:
                    number = int(one.obj.key[-13:-4])
                    writer = number % WRITERS
                    header = writers[writer].wrap(keys[writer])
                    headers.seek(number * len(header))
                    headers.write(header)
                    stored = bodies[writer] if apart else header + bodies[writer]
                    ledger.sent(one, Sent(
                        id=one.id, attempt=one.attempt, stored_size=len(stored), etag=etag(stored),
                        version_id=None, sha256=plain,
                        sealed_sha256=hashlib.sha256(stored).hexdigest(),
                        header=header if apart else None,
                    ))  # fmt: skip
                ledger.commit()
                again = ledger.todo("verify", 1, last, PAGE)
                last = again[-1].id
                for one in again:
                    ledger.verified(one, Matched(
                        id=one.id, attempt=one.attempt, level="full", at=at, sha256=one.sha256,
                        stored_sha256=one.sealed_sha256,
                    ))  # fmt: skip
                ledger.commit()

    def _commands(self) -> None:
        """Nothing but what is measured here."""

    def measured(self, title: str, server: int, verb: str, *more: str) -> None:
        """Run a command and say what it took, and what the server did of that."""
        began, its = time.monotonic(), spent(server)
        watch = Watch()
        watch.start()
        used, coordinator = self._command(verb, *more)
        watch.ended.set()
        watch.join()
        passed, its = time.monotonic() - began, spent(server) - its
        print(
            f"{title}: {passed:.0f} s, {self._count / passed:.0f} objects a second; {used:.0f} s of"
            f" a core, the server {its:.0f} s; coordinator at most {coordinator:.0f} MiB, all of it"
            f" {watch.most / 1024:.0f} MiB (Pss)",
            flush=True,
        )


class MeasuredApart(MeasuredRotation):
    """The same with headers that are kept apart."""

    apart = True

    def _envelopes(self, *, opens: bool) -> SegmentEnvelopes:
        keys = self._plan.parent / "keys"
        names = [HybridPublicKey.load(keys / f"h-{name}.pub") for name in KEYS[:2]]
        own = HybridPrivateKey.load(keys / "h-steward.sec", None) if opens else None
        return HybridEnvelopes(names, own)


class LedgersShare(Measured):
    """What the ledger takes for the portions of a rotation, without anybody at its other end."""

    def told(self) -> None:
        """Say what a portion took, on the average of each quarter of them, and all of them."""
        self.all()
        with self._opened() as ledger:
            spent = list(self._portions(ledger))
        size = -(-len(spent) // 4)
        quarters = [spent[at : at + size] for at in range(0, len(spent), size)]
        each = ", ".join(f"{sum(some) / len(some) * 1e3:.0f}" for some in quarters)
        print(
            f"{self._count} objects, {len(spent)} portions: {each} ms of a core for one, on the"
            f" average of each quarter; {sum(spent):.1f} s in all",
            flush=True,
        )

    def _move(self, ledger: SqliteLedger) -> None:
        # By as many as a run commits at most.
        self._acknowledge(ledger, self._sending(ledger), COMMIT_ROWS, told=False)

    def _portions(self, ledger: SqliteLedger) -> Iterator[float]:
        last = 0
        while True:
            began = time.process_time()
            rows = ledger.erasable("all", last, PORTION_OBJECTS, whole=True)
            if not rows:
                return
            last = rows[-1].id
            headers = {row.id: bytes(HEADER) for row in rows}
            ledger.exchange(1, "all", last, headers, left=())
            found = [ledger.find(row.dataset, row.key) for row in rows]
            renewed = [
                RenewedRow(
                    id=row.id, attempt=one[0].attempt, stored_size=row.stored_size or 0,
                    stored_sha256=row.stored_sha256 or "", etag=row.etag or "", version_id=None,
                    level=row.level or "", at=row.verified_at or "",
                )
                for row, one in zip(rows, found, strict=True) if one is not None
            ]  # fmt: skip
            ledger.exchanged(1, "all", last, renewed, left=(), lost=())
            yield time.process_time() - began

    def _commands(self) -> None:
        """Nothing but what is measured here."""


class Watch(threading.Thread):
    """Looks at the memory of this process' children of the command, by the kernel's accounts."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended, self.most = threading.Event(), 0

    def run(self) -> None:
        """Look every second."""
        while not self.ended.wait(1.0):
            self.most = max(self.most, sum(map(pss, commands())))


def commands() -> Iterator[int]:
    """Yield the processes of a command under way, workers too."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = path.read_bytes().split(b"\0")
            parent = int((path.parent / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        if b"hdh_migrate" in said and parent == os.getpid():
            yield int(path.parent.name)
            yield from below(int(path.parent.name))


def below(pid: int) -> Iterator[int]:
    """Yield the processes that descend from one."""
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = [int(one) for one in path.read_text().split()]
        except OSError:
            continue
        for one in found:
            yield one
            yield from below(one)


def pss(pid: int) -> int:
    """Return the KiB of a process, shared pages in part."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(one.split()[1]) for one in text.splitlines() if one.startswith("Pss:")), 0)


def spent(pid: int) -> float:
    """Return the seconds of a core that a process took so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


@contextmanager
def served(plan: Path) -> Iterator[int]:
    """Serve the objects, and give the server's process."""
    command = [sys.executable, "-m", "bench.quick_s3", str(plan.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        lines = plan.read_text().splitlines()
        text = "\n".join(f"  endpoint: {url}" if "endpoint:" in one else one for one in lines)
        plan.write_text(text + "\n")
        try:
            yield process.pid
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.rotation")
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument(
        "--reseal", action="store_true", help="seal them anew; the server holds all"
    )
    parser.add_argument("--detached", action="store_true", help="headers are kept apart")
    parser.add_argument(
        "--ledger", type=int, nargs="+", metavar="OBJECTS", help="measure the ledger's share alone"
    )
    wanted = parser.parse_args()
    for count in wanted.ledger or ():
        with tempfile.TemporaryDirectory() as place, laid_out(Path(place) / "of") as plan:
            LedgersShare(plan, count).told()
    if wanted.ledger:
        return
    lay = detached if wanted.detached else laid_out
    with tempfile.TemporaryDirectory() as place, lay(Path(place)) as plan:
        new_pair(plan.parent / "keys", "next", passphrase=None)
        with served(plan) as server:
            kind = MeasuredApart if wanted.detached else MeasuredRotation
            one = kind(plan, wanted.objects)
            one.filled()
            if wanted.detached:
                for verb in ("transfer", "verify"):
                    one.measured(f"packs: {verb}", server, verb, "--no-progress")
            print(f"{wanted.objects} objects of {SIZE} bytes, two recipients", flush=True)
            if wanted.reseal:
                one.measured("sealed anew", server, "reseal", "--execute", "--no-progress")
                return
            plan.write_text(plan.read_text().replace("keys/steward", "keys/next"))
            keys = plan.parent / "keys"
            one.measured(
                "a key exchanged", server, "keys rotate", "--from", str(keys / "steward.pub"),
                "--to", str(keys / "next.pub"), "--identity", str(keys / "steward.sec"),
                "--execute", "--no-progress",
            )  # fmt: skip


if __name__ == "__main__":
    main()
