"""Eight weeks of one migration, played at the command line on real servers (issue 13).

What an operator does in months, in the order in which it happens: batches are added, changed and
amended, the source lives on, the target loses objects, the ledger is lost. After each week an
outsider counts (`tests/support/season.py`).
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from itertools import pairwise
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


def count(play: Season, excluded: set[str], gone: Collection[str] = ()) -> None:
    """Count as an outsider: every blob is at the target, byte by byte, or excluded by a rule.

    Of what is `gone` at the source the target keeps what it had.
    """
    source = play.source()
    moved = {key for key in source if key not in excluded}
    assert set(play.stored()) == {f"in/{key}.c4gh" for key in (*moved, *gone)}
    for key in moved:
        assert play.opened(key) == source[key], key
    play.audit()
    play.keep()


def compare(play: Season, exits: int) -> None:
    """Hold what `status`, `errors` and a dry run say against the ledger, asked by SQL."""
    told = {one["batch"]: one["amounts"] for one in play.call("status", expect=0)["batches"]}
    counted = play.counted()
    for batch, amounts in told.items():
        of = counted.get(batch, {})
        waiting = sum(of.get(state, 0) for state in ("listed", "sending", "sent"))
        assert amounts["verified"]["objects"] == of.get("verified", 0)
        assert amounts["waiting"]["objects"] == waiting
        assert amounts["failed"]["objects"] == of.get("failed", 0)
        assert amounts["excluded"]["objects"] == of.get("excluded", 0)
    causes = play.call("errors", expect=exits)["causes"]
    assert {one["code"]: one["count"] for one in causes} == dict(
        play.rows("SELECT code, count(*) FROM finding WHERE closed = 0 GROUP BY 1")
    )
    left = play.call("run", "--dry-run", expect=exits)["batches"]
    for one in left:
        of = counted.get(one["batch"], {})
        assert one["objects"] == sum(of.get(state, 0) for state in ("listed", "sending"))


SCRATCH = {"pmsi/_tmp/scratch"}


def test_eight_weeks(play: Season) -> None:
    # Week 1: the pilot.
    play.call("run", expect=0)
    count(play, SCRATCH | {f"scans/{number}.raw" for number in range(3)})
    assert play.counted() == {"pilot": {"excluded": 1, "verified": 5}}

    compare(play, 0)

    # Week 2: a batch is added; another is planned and changed before it begins; a credential gets
    # another name, and speed another limit.
    for number in range(2):
        play.blob(f"later/{number}.bin", bytes(number + 1))
    play.dataset("scans", "scans/")
    play.batch("imaging", "scans", needs=["pilot"])
    play.dataset("later", "later/wrong/")
    play.batch("later", "later")
    play.write()
    play.call("run", "--batch", "imaging", expect=0)
    play.plan["datasets"][2]["source"]["prefix"] = "later/"
    play.plan["datasets"][2]["target"]["prefix"] = "in/later/"
    play.plan["source"]["credential"]["value"] = "env:OTHER_SAS"
    play.environ["OTHER_SAS"] = play.environ.pop("S_SAS")
    play.plan["limits"]["bandwidth"] = "50MiB/s"
    play.write()
    play.call("run", expect=0)
    count(play, SCRATCH)
    assert play.counted() == {
        "pilot": {"excluded": 1, "verified": 5},
        "imaging": {"verified": 3},
        "later": {"verified": 2},
    }
    assert set(play.attempts().values()) == {0, 1}  # nothing was sent twice; the scratch never

    # Week 3: the source lives: one blob more, one other, one gone.
    play.blob("pmsi/5.csv", b"new")
    play.blob("pmsi/1.csv", b"corrected")
    play.container.client.delete_blob("pmsi/2.csv")
    before = play.stored()
    play.call("run", "--refresh", expect=4)  # what vanished is a finding
    after = play.stored()
    assert after.keys() - before.keys() == {"in/pmsi/5.csv.c4gh"}
    assert {key for key in before if after[key] != before[key]} == {"in/pmsi/1.csv.c4gh"}
    count(play, SCRATCH, gone={"pmsi/2.csv"})

    compare(play, 4)

    # Week 4: a bound batch is given another rule, which holds from now on and moves nothing back.
    play.plan["datasets"][0]["exclude"].append({"glob": "**/late-*", "reason": "ref. 21"})
    play.write()
    play.blob("pmsi/late-1.csv", b"not to be moved")
    refused = play.call("run", "--refresh", expect=3)
    assert "hdh-migrate amend" in refused["error"]["message"]
    reason = ("--batch", "pilot", "--reason", "ref. 21")
    play.call("amend", *reason, expect=0)
    play.call("amend", *reason, "--execute", expect=0)
    held = play.stored()
    play.call("run", "--refresh", expect=4)
    assert play.stored() == held
    count(play, SCRATCH | {"pmsi/late-1.csv"}, gone={"pmsi/2.csv"})

    # Week 5: the target loses an object, spoils one, and somebody writes over a third.
    ours = play.read("in/scans/2.raw.c4gh")
    play.bucket.client.delete_object(Bucket=play.bucket.name, Key="in/scans/0.raw.c4gh")
    play.spoil("in/scans/1.raw.c4gh")
    play.bucket.client.put_object(
        Bucket=play.bucket.name, Key="in/scans/2.raw.c4gh", Body=bytes(len(ours))
    )
    told = play.call("verify", "--again", expect=5)
    found = [one["found"] for look in told["looks"] for one in look["differing"]]
    assert sorted(found) == ["damaged", "gone", "replaced"]
    play.call("verify", "--again", "--restore", "all", expect=4)
    play.call("run", expect=4)
    (kept,) = (key for key in play.stored() if ".hdh-kept-" in key)
    assert play.read(kept) == bytes(len(ours))
    play.bucket.client.delete_object(Bucket=play.bucket.name, Key=kept)  # as its owner says
    count(play, SCRATCH | {"pmsi/late-1.csv"}, gone={"pmsi/2.csv"})

    compare(play, 4)

    # Week 6: the ledger is lost; what is there already is taken over and not sent again.
    newest = max((play.folder / "kept").iterdir())
    held = play.stored()
    shutil.rmtree(play.state)
    told = play.call("adopt", "--bundle", str(newest), expect=0)
    assert told["next"] == ["hdh-migrate run PLAN --take-over --reason TEXT"]
    play.call("run", "--take-over", "--reason", "the machine burned", expect=0)
    assert play.stored() == held
    count(play, SCRATCH | {"pmsi/late-1.csv"}, gone={"pmsi/2.csv"})

    compare(play, 0)

    # Week 7: a second machine starts by mistake, with a copy of the state; then it takes over.
    copied = play.folder / "elsewhere"
    shutil.copytree(play.folder / ".hdh-migrate", copied)
    play.blob("scans/3.raw", b"one more")
    play.call("run", "--refresh", expect=4)
    held = play.stored()
    refused = play.call("run", "--refresh", state=copied, expect=11)
    assert "--take-over" in refused["error"]["hint"]
    assert play.stored() == held

    # ... and an old copy of the ledger, which does not know what was moved since, is no way round.
    play.call("run", "--take-over", "--reason", "drill", state=copied, expect=0)
    play.call("run", "--refresh", expect=11)

    # Week 8: killed again and again, then proved.
    for number in range(4, 10):
        play.blob(f"scans/{number}.raw", bytes([number]) * 300_000)
    for seconds in (0.9, 1.4, 1.9):
        play.kill_after(seconds, "run", "--refresh", "--state-dir", str(copied))
    play.call("run", "--refresh", state=copied, expect=4)
    shutil.rmtree(play.folder / ".hdh-migrate")
    copied.rename(play.folder / ".hdh-migrate")
    count(play, SCRATCH | {"pmsi/late-1.csv"}, gone={"pmsi/2.csv"})
    compare(play, 4)
    for old, new in pairwise(sorted((play.folder / "kept").iterdir())):
        code, told = play.compared(old, new)
        assert code == 0, told
