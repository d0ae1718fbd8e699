"""Single bits that turn at rest: `python -m tests.campaign.flips --seed N`.

In a page of a ledger each must be found. In a write-ahead log it ends the log there, as a torn end
does: what is left must be a whole beginning of the journal. In a bundle each must be refused. The
last line says how many bits were turned, and how many of them were found or harmless.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hdh_migrate.errors import Exit, LedgerError
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.pipeline.runner import Wishes
from tests.support.quiet import FakeClock
from tests.support.script import Killed, Point
from tests.support.world import World
from tests.unit.evidence.builders import (
    bundle,
    dataset,
    exclusion,
    facts,
    finding,
    record,
    reseal_sums,
    signer,
)

PAGES, LOGS, LINES = 60, 40, 120
OBJECTS = 6
LARGEST = 200_000


def turned(data: bytes, dice: random.Random, first: int = 0) -> bytes:
    """Return bytes of which one bit is another one."""
    changed = bytearray(data)
    changed[dice.randrange(first, len(data))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def journal(path: Path) -> list[bytes]:
    """Check a ledger whole, as a run and a report do; return its journal's digests."""
    ledger = SqliteLedger.open(path, FakeClock())
    try:
        ledger.check()
        ledger.check_receipts()
        return [digest for *_, digest in ledger.journal()]
    finally:
        ledger.close()


def moved(folder: Path, dice: random.Random) -> World:
    """Return a migration that has moved some objects."""
    world = World(folder)
    for number in range(OBJECTS):
        world.source.put("src", f"k{number}", dice.randbytes(dice.choice((0, 9, LARGEST))))
    world.run()
    return world


def in_pages(folder: Path, dice: random.Random) -> Iterator[str]:
    """Turn bits of a ledger's pages; yield what was not found, and nothing for what was."""
    path = moved(folder, dice).path
    whole = path.read_bytes()
    for _ in range(PAGES):
        path.write_bytes(turned(whole, dice, 100))  # the first 100 bytes are SQLite's header
        try:
            journal(path)
        except LedgerError as error:
            yield "" if error.exit_code is Exit.DAMAGED else f"a page: {error}"
        else:
            yield "a bit of a page was not found"


def in_logs(folder: Path, dice: random.Random) -> Iterator[str]:
    """Turn bits of a write-ahead log; yield what was neither found nor a beginning."""
    world = moved(folder, dice)
    world.source.put("src", "late", dice.randbytes(LARGEST))
    kept = folder / "kept"

    def keep(_: Path, image: Path) -> None:
        shutil.copytree(image, kept)

    world.cut = keep
    world.kill_at(Point("now", world.script.calls["now"] + dice.randint(2, 12), "after"))
    with suppress(Killed):
        world.run(wishes=Wishes(refresh=True))
    log = kept / "ledger.db-wal"
    if not log.exists() or not log.stat().st_size:
        return
    whole, copy = log.read_bytes(), folder / "state" / "copy"
    expected = list[bytes]()
    for number in range(LOGS + 1):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(kept, copy)
        (copy / "ledger.db-shm").unlink(missing_ok=True)
        if number:
            (copy / log.name).write_bytes(turned(whole, dice))
        try:
            found = journal(copy / "ledger.db")
        except LedgerError as error:
            yield "" if error.exit_code is Exit.DAMAGED else f"a log: {error}"
            continue
        if not number:
            expected = found
        else:
            yield "" if found == expected[: len(found)] else "a bit of a log made another journal"


def in_bundles(folder: Path, dice: random.Random) -> Iterator[str]:
    """Turn bits of a bundle, sums made to fit or not; yield what was not refused."""
    folder.mkdir()
    key = signer(folder, "report")
    where = bundle(
        folder / "bundle", [record("a.csv"), record("b\udcff.csv")], about=facts(dataset(3, 2010)),
        signer=key, findings=[finding()], exclusions=[exclusion("c.tmp")], languages=["fr"],
    ).folder  # fmt: skip
    names = sorted(one.name for one in where.iterdir() if one.is_file() and one.stat().st_size)
    for _ in range(LINES):
        name = dice.choice(names)
        good, sums = (where / name).read_bytes(), (where / "SHA256SUMS").read_bytes()
        (where / name).write_bytes(turned(good, dice))
        if name != "SHA256SUMS" and dice.random() < 0.5:
            reseal_sums(where)
        yield "" if check_bundle(where, [key.verifier]) else f"a bit of {name} was not found"
        (where / "SHA256SUMS").write_bytes(sums)
        (where / name).write_bytes(good)


def main() -> int:
    """Turn bits, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    dice = random.Random(parser.parse_args().seed)
    with tempfile.TemporaryDirectory(prefix="bits-") as name:
        folder = Path(name)
        found = [
            *in_pages(folder / "pages", dice),
            *in_logs(folder / "logs", dice),
            *in_bundles(folder / "bundles", dice),
        ]
    wrong = [one for one in found if one]
    sys.stdout.write("".join(f"{one}\n" for one in wrong))
    sys.stdout.write(f"{len(found)} bits, {len(found) - len(wrong)} found or harmless\n")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
