"""Headers that a ledger keeps: what is erased is in none of its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import LedgerLocked
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import WRAPPED, Listed, ObjectInfo, State
from hdh_migrate.plan.diff import changes
from tests.support.quiet import FakeClock

BLOCK = b"a block that all headers share: "
WRAPPED_KEY = bytes(range(WRAPPED))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "m" / "ledger.db"


def kept(path: Path) -> SqliteLedger:
    """Return a ledger with one object's header, which stands in its files."""
    ledger = SqliteLedger.open(path, FakeClock())
    ledger.start("digest", b"{}", [("d", "b")], diff=changes)
    one = Listed(
        obj=ObjectInfo(key="k", size=1, version="v"), state=State.LISTED, reason=None, parts=0,
        fold=None,
    )  # fmt: skip
    ledger.add_page(1, [one], None)
    ledger.keep_header(1, BLOCK + WRAPPED_KEY)
    ledger.commit()
    assert in_files(path)
    return ledger


def in_files(path: Path) -> list[str]:
    """Name the ledger's files that hold bytes of the header."""
    return [
        one.name
        for one in sorted(path.parent.glob("ledger.db*"))
        if any(secret in one.read_bytes() for secret in (BLOCK, WRAPPED_KEY))
    ]


def test_no_file_of_a_ledger_has_what_was_erased(path: Path) -> None:
    ledger = kept(path)
    ledger.erase_headers(1)
    assert in_files(path) == []
    assert ledger.headers_of(1) == 0
    ledger.close()


def test_who_reads_meanwhile_keeps_bytes_and_that_is_said(path: Path) -> None:
    ledger = kept(path)
    ledger._con.set_busy_timeout(10)
    reader = SqliteLedger.read_only(path, FakeClock())
    with reader.snapshot():
        assert reader.headers_of(1) == 1
        with pytest.raises(LedgerLocked, match="another process reads the ledger"):
            ledger.erase_headers(1)
        assert in_files(path)
        assert reader.headers_of(1) == 1
    reader.close()
    ledger.set_meta("goes", "on")  # it takes what comes: nothing was lost
    ledger.erase_headers(1)
    assert in_files(path) == []
    ledger.close()


def test_headers_that_no_pack_was_made_of_are_found_without_walking_objects(path: Path) -> None:
    ledger = kept(path)
    query = ledger._sql["has_unpacked"]
    plan = [row[3] for row in ledger._con.execute(f"EXPLAIN QUERY PLAN {query}", (1,))]
    walked = [step for step in plan if step.startswith("SCAN") and "CONSTANT" not in step]
    assert walked == ["SCAN h USING COVERING INDEX header_unpacked"]
    assert "SEARCH o USING INTEGER PRIMARY KEY (rowid=?)" in plan
    assert not ledger.has_unpacked(1)  # it is not at the target
    ledger.close()
