"""What it takes to make header packs, and to exchange a key in them, by the number of headers.

`python -m bench.packs --objects 1000000` fills a ledger with verified objects whose headers are
detached, and gives real commands: `run` makes, sends, verifies and copies the packs of all of
them, `keys rotate --execute` exchanges one recipient. The bodies are not there, for neither asks
for one. The target is a server on this machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from bench.scale import PAGE, SIZE, Measured, laid_out
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.receipts import Matched, Sent
from hdh_migrate.sealing.detached import DetachedEnvelopes
from hdh_migrate.sealing.hybrid import HybridPublicKey, new_hybrid_pair
from hdh_migrate.telemetry import SystemClock

WRITERS = 16
"""Worker processes whose headers are mixed."""
KEYS = ("steward", "escrow", "next")


@contextmanager
def detached(folder: Path) -> Iterator[Path]:
    """Give a plan whose headers are detached."""
    with laid_out(folder) as plan:
        for name in KEYS:
            new_hybrid_pair(folder / "keys", f"h-{name}", passphrase=None)
        text = plan.read_text().replace("keys/", "keys/h-")
        plan.write_text(
            text.replace(
                "  format: crypt4gh\n",
                "  format: crypt4gh\n  header: detached\n  suffix: .segments\n"
                "  second_copy: {path: copies}\n",
            )
        )
        yield plan


class MeasuredPacks(Measured):
    """A ledger whose objects are verified, with a header of each and no pack yet."""

    def filled(self) -> None:
        """Fill it, and measure nothing of that."""
        self.all()

    def _move(self, ledger: SqliteLedger) -> None:
        keys = self._plan.parent / "keys"
        names = [HybridPublicKey.load(keys / f"h-{name}.pub") for name in KEYS[:2]]
        writers = [DetachedEnvelopes(names, None) for _ in range(WRITERS)]
        at, last, sending = SystemClock().now(), 0, self._sending(ledger)
        while entries := list(islice(sending, PAGE)):
            for one in entries:
                receipt = Sent(
                    id=one.id, attempt=one.attempt, stored_size=SIZE + 28, etag=f'"{one.id:032x}"',
                    version_id=None, sha256=f"{one.id:064x}", sealed_sha256=f"{one.id + 1:064x}",
                    header=writers[one.id % WRITERS].new().header,
                )  # fmt: skip
                ledger.sent(one, receipt)
            ledger.commit()
            again = ledger.todo("verify", 1, last, PAGE)
            last = again[-1].id
            for one in again:
                matched = Matched(
                    id=one.id, attempt=one.attempt, level="full", at=at, sha256=one.sha256,
                    stored_sha256=one.sealed_sha256,
                )  # fmt: skip
                ledger.verified(one, matched)
            ledger.commit()

    def _commands(self) -> None:
        """Nothing but what is measured here."""

    def measured(self, title: str, verb: str, *more: str) -> None:
        """Run a command and say what it took."""
        began = time.monotonic()
        took, used = self._command(verb, *more)
        passed = time.monotonic() - began
        print(f"{title}: {passed:.0f} s, {took:.0f} s of a core, {used:.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.packs")
    parser.add_argument("--objects", type=int, default=100_000)
    many = parser.parse_args().objects
    with tempfile.TemporaryDirectory() as place, detached(Path(place)) as plan:
        one = MeasuredPacks(plan, many)
        one.filled()
        print(f"{many} headers of {WRITERS} writers, two recipients", flush=True)
        one.measured("packs made and sent", "transfer", "--no-progress")
        one.measured("packs verified and copied", "verify", "--no-progress")
        copies = (plan.parent / "copies").rglob("*.jsonl")
        packs = [path.stat().st_size for path in copies]
        print(f"packs: {len(packs)}, {sum(packs) / 1e6:.0f} MB", flush=True)
        plan.write_text(plan.read_text().replace("h-steward", "h-next"))
        keys = plan.parent / "keys"
        one.measured(
            "a key exchanged", "keys rotate", "--from", str(keys / "h-steward.pub"),
            "--to", str(keys / "h-next.pub"), "--identity", str(keys / "h-steward.sec"),
            "--execute", "--no-progress",
        )  # fmt: skip


if __name__ == "__main__":
    main()
