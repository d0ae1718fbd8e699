"""What a ledger costs at ten thousand, a hundred thousand, a million objects and more, as a curve.

`python -m bench.scale [--objects 10000000] [--page docs/performance.md]`. The
ledger is a real one, of made-up objects: every row is stored, sealed into the inventory's root,
claimed, acknowledged and verified by the calls that a run makes, and the commands are the real
ones, each a process of its own. Nothing is moved. `--state DIR` says where the ledgers lie
meanwhile; one of ten million objects takes 9 GiB.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

import boto3

from bench.curve import PHASES, PICTURE, Curve, placed, section, svg, table
from bench.measure import compiled
from hdh_migrate import __version__
from hdh_migrate.cli.output import LineProgress, Output
from hdh_migrate.demo.servers import moto_s3
from hdh_migrate.events.run import RunStarted
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Entry, Listed, ObjectInfo, State, Step
from hdh_migrate.pipeline.binding import Binder
from hdh_migrate.pipeline.cutting import SEALED_OVERHEAD
from hdh_migrate.pipeline.inventory.inventory_findings import InventorySummary
from hdh_migrate.receipts import Matched, Sent
from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.operator import operator
from hdh_migrate.session.policy.bound_ledger import bind
from hdh_migrate.software import code_digest
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.wiring import header_size_of

PAGE = 5_000
"""Objects of one page of a listing, as a source's adapter gives them."""

SIZE = 16_384
"""Bytes of each object."""

MEASURED = 2_000
"""Objects whose claim and receipts are measured, in portions as a run commits them."""

CLAIMED, ACKNOWLEDGED = 32, 8
"""Objects between two commits: of an order, and of receipts."""


def main() -> None:
    """Measure, and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=1_000_000, help="of the largest ledger")
    parser.add_argument("--json", type=Path, help="write what was measured there, too")
    parser.add_argument("--page", type=Path, help="the page whose section is written anew")
    parser.add_argument("--of", type=Path, help="measure nothing: show what --json wrote earlier")
    parser.add_argument("--state", type=Path, help="where the ledgers lie; default: for a while")
    wanted = parser.parse_args()
    compiled()
    if wanted.of:
        curve = Curve.of_json(wanted.of.read_text(encoding="utf-8"))
    else:
        curve = measured(sizes(wanted.objects), wanted.state, lambda said: print(said, flush=True))
    print(table(curve))
    print(curve.as_json())
    if wanted.json:
        wanted.json.write_text(curve.as_json() + "\n", encoding="utf-8")
    if wanted.page:
        (wanted.page.parent / PICTURE).write_text(svg(curve), encoding="utf-8")
        page = wanted.page.read_text(encoding="utf-8")
        wanted.page.write_text(placed(page, section(curve)), encoding="utf-8")


def sizes(most: int) -> tuple[int, ...]:
    """Return the powers of ten from ten thousand up to so many objects, and that number."""
    found = [10**power for power in range(4, 12) if 10**power < most]
    return (*found, most)


def measured(objects: tuple[int, ...], state: Path | None, say: Callable[[str], None]) -> Curve:
    """Measure every phase at every size."""
    found: dict[str, list[float | None]] = {phase.name: [] for phase in PHASES}
    for count in objects:
        with ExitStack() as stack:
            folder = state or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="hdh-scale-"))
            )
            one = stack.enter_context(laid_out(folder / str(count)))
            told = Measured(one, count).all()
        say(f"{count} objects: " + ", ".join(f"{name} {value:.2f}" for name, value in told.items()))
        for phase in PHASES:
            found[phase.name].append(told.get(phase.name))
    load = f"load {os.getloadavg()[2]:.0f}"
    machine = f"{os.cpu_count()} processors ({load}), Linux {platform.release()}, Python "
    return Curve(
        machine=machine + platform.python_version(),
        version=__version__,
        objects=objects,
        values={name: tuple(row) for name, row in found.items()},
    )


@contextmanager
def laid_out(folder: Path) -> Iterator[Path]:
    """Give a plan whose target answers and holds nothing, in a folder of its own."""
    keys = folder / "keys"
    (folder / "source").mkdir(parents=True)
    keys.mkdir(mode=0o700)
    for name in ("steward", "escrow"):
        new_pair(keys, name, passphrase=None)
    with moto_s3(folder / "s3.log") as target:
        boto3.client(
            "s3", endpoint_url=target.endpoint, aws_access_key_id=target.access_key,
            aws_secret_access_key=target.secret_key, region_name="us-east-1",
        ).create_bucket(Bucket="bucket")  # fmt: skip
        for name, value in (("ID", target.access_key), ("SECRET", target.secret_key)):
            secret = folder / name
            secret.write_text(value)
            secret.chmod(0o600)
        plan = folder / "plan.yaml"
        plan.write_text(f"""\
version: 1
migration: scale
source: {{kind: folder}}
target:
  provider: generic
  endpoint: {target.endpoint}
  credential: {{kind: access-key, id: "file:ID", secret: "file:SECRET"}}
seal:
  format: crypt4gh
  recipients: [keys/steward.pub, keys/escrow.pub]
  identity: "file:keys/steward.sec"
datasets:
  - name: all
    source: {{path: source}}
    target: {{bucket: bucket, prefix: ours/}}
""")
        yield plan


def made_up(first: int, count: int) -> list[Listed]:
    """Return objects as a listing's page gives them, decided."""
    return [
        Listed(
            obj=ObjectInfo(
                key=f"study-{n // 10_000:05d}/series-{n // 100 % 100:02d}/object-{n:09d}.dcm",
                size=SIZE,
                version=f"0x8DC{n:012X}",
                modified="2026-11-01T08:00:00Z",
                md5=f"{n:032x}",
                headers={"content-type": "application/dicom"},
                metadata={"series": str(n // 100)},
            ),
            state=State.LISTED,
            reason=None,
            parts=0,
            fold=(n * 0x9E3779B97F4A7C15) % (1 << 63),
        )
        for n in range(first, first + count)
    ]


class Measured:
    """One ledger, from nothing to a report."""

    def __init__(self, plan: Path, count: int) -> None:
        self._plan, self._count = plan, count
        progress = LineProgress(Output(as_json=False, progress=False), quiet=True)
        self._desk = Desk.open(plan, None, progress, threading.Event())
        self._stored = SIZE + SEALED_OVERHEAD + header_size_of(self._desk.loaded.plan)
        self._found: dict[str, float] = {}

    def all(self) -> dict[str, float]:
        """Return what each phase took, in its unit."""
        with self._opened() as ledger:
            bind(self._desk, ledger)
            self._announce(ledger)
            recipients = self._desk.services(write=True).recipients
            plan = json.loads(self._desk.loaded.canonical)
            Binder(plan=plan, recipients=recipients).begin(ledger, "all")
            self._insert(ledger)
            self._seal(ledger)
        self._open()
        with self._opened() as ledger:
            self._move(ledger)
        self._commands()
        return self._found

    def _announce(self, ledger: SqliteLedger) -> None:
        ledger.event(
            RunStarted(
                plan_digest=self._desk.loaded.digest, steps=tuple(Step), batches=(),
                tool=__version__, code_sha256=code_digest(), user=operator(), pid=os.getpid(),
            )
        )  # fmt: skip
        ledger.commit()

    @contextmanager
    def _opened(self) -> Iterator[SqliteLedger]:
        ledger = SqliteLedger.open(self._desk.ledger_path, SystemClock())
        try:
            yield ledger
        finally:
            ledger.close()

    def _insert(self, ledger: SqliteLedger) -> None:
        spent = 0.0
        for first in range(0, self._count, PAGE):
            page = made_up(first, min(PAGE, self._count - first))
            began = time.process_time()
            ledger.add_page(1, page, None)
            spent += time.process_time() - began
        self._each("insert", spent, self._count)

    def _seal(self, ledger: SqliteLedger) -> None:
        began = time.process_time()
        ledger.seal(1, InventorySummary(ledger.claims(1)).counts)
        ledger.surveyed(1)
        ledger.commit()
        self._each("seal", time.process_time() - began, self._count)
        ledger.note_compared()
        ledger.commit()

    def _open(self) -> None:
        self._found["open"], self._found["restart"] = (
            min(self._once(more) for _ in range(5)) * 1e3 for more in (False, True)
        )

    def _once(self, restart: bool) -> float:
        began = time.process_time()
        with self._opened() as ledger:
            if restart:
                ledger.todo("sending", 1)
                ledger.todo("small", 1, 1_000)
            return time.process_time() - began

    def _move(self, ledger: SqliteLedger) -> None:
        """Claim, send and verify all; the first of them one portion after another, as a run."""
        some = min(MEASURED, self._count)
        self._claim(ledger, some, CLAIMED)
        self._acknowledge(ledger, iter(ledger.todo("sending", 1)), ACKNOWLEDGED, told=True)
        self._acknowledge(ledger, self._sending(ledger), PAGE, told=False)

    def _claim(self, ledger: SqliteLedger, count: int, portion: int) -> None:
        spent = 0.0
        while count > 0:
            began = time.process_time()
            entries = ledger.todo("small", 1, min(portion, count))
            for entry in entries:
                ledger.claim(entry)
            ledger.commit()
            spent += time.process_time() - began
            count -= len(entries)
        self._each("claim", spent, MEASURED)

    def _acknowledge(
        self, ledger: SqliteLedger, sending: Iterator[Entry], portion: int, *, told: bool
    ) -> None:
        spent, at, last = [0.0, 0.0], SystemClock().now(), 0
        while entries := list(islice(sending, portion)):
            sent = [
                Sent(id=one.id, attempt=one.attempt, stored_size=self._stored,
                     etag=f'"{one.id:032x}"', version_id=None,
                     sha256=f"{one.id:064x}", sealed_sha256=f"{one.id + 1:064x}")
                for one in entries
            ]  # fmt: skip
            began = time.process_time()
            for entry, receipt in zip(entries, sent, strict=True):
                ledger.sent(entry, receipt)
            ledger.commit()
            spent[0] += time.process_time() - began
            again = ledger.todo("verify", 1, last, portion)
            last = again[-1].id
            matched = [
                Matched(id=one.id, attempt=one.attempt, level="full", at=at, sha256=one.sha256,
                        stored_sha256=one.sealed_sha256)
                for one in again
            ]  # fmt: skip
            began = time.process_time()
            for entry, proof in zip(again, matched, strict=True):
                ledger.verified(entry, proof)
            ledger.commit()
            spent[1] += time.process_time() - began
        if told:
            self._each("receipt", spent[0], MEASURED)
            self._each("verified", spent[1], MEASURED)

    def _sending(self, ledger: SqliteLedger) -> Iterator[Entry]:
        """Claim portion by portion, so that memory stays what it is."""
        while entries := ledger.todo("small", 1, PAGE):
            for entry in entries:
                ledger.claim(entry)
            ledger.commit()
            yield from ledger.todo("sending", 1)

    def _commands(self) -> None:
        out = str(self._plan.parent / "bundle")
        self._found["status"], _ = self._command("status")
        self._found["nothing"] = self._command("transfer")[0] + self._command("verify")[0]
        self._found["report"], self._found["memory"] = self._command("report", "--out", out)

    def _command(self, verb: str, *more: str) -> tuple[float, float]:
        """Run a command; return its CPU seconds and the most MiB that its process took."""
        command = [sys.executable, "-m", "hdh_migrate", *verb.split(), str(self._plan), *more]
        with (self._plan.parent / "said").open("wb") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said)
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            words = (self._plan.parent / "said").read_text()[-2000:]
            sys.exit(f"{verb}: exit {process.returncode}\n{words}")
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024

    def _each(self, name: str, seconds: float, count: int) -> None:
        self._found[name] = seconds / count * 1e6


if __name__ == "__main__":
    main()
