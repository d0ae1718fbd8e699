"""Eight weeks of one migration, played at the command line on real servers (issue 13).

What an operator does in months, in the order in which it happens: batches are added, changed and
amended, the source lives on, the target loses objects, the ledger is lost. After each week an
outsider counts (`tests/support/season.py`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fixtures import Bucket, Container
from tests.support.season import Season, season

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture
def play(tmp_path: Path, container: Container, bucket: Bucket) -> Season:
    made = season(tmp_path, container, bucket)
    for number in range(5):
        made.blob(f"pmsi/{number}.csv", b"%d,2,3\n" % number * 200)
    made.blob("pmsi/_tmp/scratch", b"left behind")
    for number in range(3):
        made.blob(f"scans/{number}.raw", bytes([number]) * 70_000)
    made.dataset("pmsi", "pmsi/", exclude=[{"glob": "_tmp/**", "reason": "scratch"}])
    made.batch("pilot", "pmsi")
    made.write()
    return made


def count(play: Season, excluded: set[str]) -> None:
    """Count as an outsider: every blob is at the target, byte by byte, or excluded by a rule."""
    source = play.source()
    moved = {key for key in source if key not in excluded}
    assert set(play.stored()) == {f"in/{key}.c4gh" for key in moved}
    for key in moved:
        assert play.opened(key) == source[key], key
    play.audit()


SCRATCH = {"pmsi/_tmp/scratch"}


def test_eight_weeks(play: Season) -> None:
    # Week 1: the pilot.
    play.call("run", expect=0)
    count(play, SCRATCH | {f"scans/{number}.raw" for number in range(3)})
    assert play.counted() == {"pilot": {"excluded": 1, "verified": 5}}

    # Week 2: a batch is added; another is planned, and changed before it begins.
    play.dataset("scans", "scans/")
    play.batch("imaging", "scans", needs=["pilot"])
    play.write()
    play.call("run", expect=0)
    count(play, SCRATCH)
    assert play.counted()["imaging"] == {"verified": 3}
