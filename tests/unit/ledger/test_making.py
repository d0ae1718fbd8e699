"""A ledger whose making was cut short, at any write: the next run makes it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, LedgerDamaged, LedgerError
from hdh_migrate.ledger import SqliteLedger
from tests.campaign.disk import Disk, Failure, under_ledgers
from tests.support.events import made_up
from tests.support.quiet import FakeClock

MOST = 400
"""More writes than the making of a ledger takes."""


def make(path: Path) -> None:
    ledger = SqliteLedger.open(path, FakeClock())
    try:
        ledger.start("d" * 64, b"{}", [("all", "pilot")], diff=lambda was, now: ())
        ledger.event(made_up("word"))
        ledger.commit()
        ledger.check()
        ledger.reconcile()
    finally:
        ledger.close()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["write", "sync"])
def test_a_ledger_whose_making_was_cut_short_was_refused_for_ever(
    tmp_path: Path, how: Failure
) -> None:
    """A kill in the first milliseconds of the first run left a file that "is not a ledger"."""
    disk, cut_short = Disk(random.Random(5)), 0
    path, image = tmp_path / "state" / "essai" / "ledger.db", tmp_path / "image" / "essai"
    with under_ledgers(disk):
        for number in range(0, MOST, 5 if how == "write" else 1):
            shutil.rmtree(path.parents[1], ignore_errors=True)
            disk.fail(how, number)
            try:
                make(path)
            except LedgerError:
                cut_short += 1
            else:
                break
            finally:
                shutil.rmtree(image.parent, ignore_errors=True)
                image.parent.mkdir(mode=0o700)
                shutil.copytree(path.parent, image)
                disk.cut(path.parent, image)
                disk.heal()
            make(path)
            make(image / "ledger.db")
    assert cut_short > 3
    assert number < MOST - 5


def test_looking_at_one_that_was_never_begun_says_so(tmp_path: Path) -> None:
    path = tmp_path / "state" / "essai" / "ledger.db"
    disk = Disk(random.Random(5))
    with under_ledgers(disk):
        disk.fail("write", 1)
        with pytest.raises(LedgerError):
            make(path)
        disk.heal()
        assert path.stat().st_size
        with pytest.raises(LedgerDamaged, match="the ledger is empty") as found:
            SqliteLedger.read_only(path, FakeClock())
    assert found.value.exit_code is Exit.DAMAGED
