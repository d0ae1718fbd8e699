"""Nothing but one plaintext is ever sealed at one place under one data key, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import BytesChanged, Exit, Stopped, Transient
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.database import connect
from hdh_migrate.model import MIB, PartReceipt
from hdh_migrate.orders import PartItem
from hdh_migrate.pipeline.workers import parts
from hdh_migrate.pipeline.workers.once import Once
from hdh_migrate.receipts import SealIntent
from tests.support.corpus import ending
from tests.support.quiet import FakeClock
from tests.support.script import Killed, Point
from tests.support.world import BIG, HEADER, SEGMENT, SMALL, World

KEY = "scan.dcm"
ONE, OTHER = b"1" * BIG, b"2" * BIG
STREAMED = 600_000
"""A `limits.memory` of which half is less than a part of `WIDE`."""

STEP = 2 * SEGMENT
WIDE = replace(SMALL, max_part=HEADER + 8 * (SEGMENT + 28))
BROAD = b"b" * (20 * SEGMENT + 7)
"""Three parts under `WIDE`, of four steps and more."""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "STREAM_READ", STEP)


def told_twice(world: World) -> list[tuple[str, int]]:
    """Return the parts of which two different beginnings left under one data key."""
    return [
        place
        for place, bodies in world.target.left.items()
        if any(not max(bodies, key=len).startswith(body) for body in bodies)
    ]


def uploads(world: World) -> set[str]:
    return {upload for upload, _ in world.target.left}


def killed(world: World, method: str, number: int, when: Any = "after") -> None:
    world.kill_at(Point(method, number, when))
    with pytest.raises(Killed):
        world.run()


def wide(folder: Path, memory: int) -> World:
    world = World(folder, limits=WIDE, memory=memory)
    world.source.put("src", KEY, BROAD)
    return world


def test_a_part_whose_reply_was_lost_and_that_reads_otherwise_now_gets_another_key(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, budget=0.0)
    world.source.put("src", KEY, ONE)

    def lie() -> None:
        world.source.lie("src", KEY, OTHER)
        raise Transient("a part: no answer")  # after which its order is handed out again

    world.script.at("put_part", 2, "after", lie)

    assert world.run() is Exit.FINDINGS

    assert told_twice(world) == []
    assert len(uploads(world)) == 2
    assert world.target.uploads() == []
    assert list(ending(world)["plain"].values()) == [OTHER]
    assert world.findings() == [("source-bytes-differ", KEY)]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_part_that_reads_otherwise_after_a_kill_gets_another_key(
    tmp_path: Path, number: int, when: str
) -> None:
    world = World(tmp_path)
    world.source.put("src", KEY, ONE)
    killed(world, "put_part", number, when)
    world.source.lie("src", KEY, OTHER)

    assert world.run() is Exit.FINDINGS

    assert told_twice(world) == []
    assert len(uploads(world)) == 2
    assert world.target.uploads() == []
    assert world.findings() == [("source-bytes-differ", KEY)]


def test_a_part_that_reads_the_same_after_a_kill_goes_on_under_its_key(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.source.put("src", KEY, ONE)
    killed(world, "put_part", 2)

    assert world.run() is Exit.OK

    assert told_twice(world) == []
    assert len(uploads(world)) == 1
    assert world.findings() == []


def test_a_digest_is_in_the_ledgers_file_before_a_byte_of_its_part_leaves(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.source.put("src", KEY, ONE)
    seen: list[list[int]] = []

    def look() -> None:
        con = connect(world.path, read_only=True)
        seen.append([row[0] for row in con.execute("SELECT number FROM sealed ORDER BY number")])
        con.close()

    for number in (1, 2, 3):
        world.script.at("put_part", number, "before", look)
    world.run()

    assert seen == [[1], [1, 2], [1, 2, 3]]


@pytest.mark.usefixtures("steps")
def test_a_streamed_part_is_recorded_step_by_step_before_each_leaves(tmp_path: Path) -> None:
    world = wide(tmp_path, STREAMED)
    seen: list[tuple[int, int]] = []

    def look() -> None:
        con = connect(world.path, read_only=True)
        seen.extend(con.execute("SELECT number, max(size) FROM sealed GROUP BY number"))
        con.close()

    for number in range(2, 100):  # the first piece of all is the header
        world.script.at("piece", number, "before", look)

    assert world.run() is Exit.OK
    assert list(dict.fromkeys(seen)) == [
        *[(1, n * STEP) for n in (1, 2, 3, 4)],
        *[(2, n * STEP) for n in (1, 2, 3, 4)],
    ]  # the third part is small enough for a buffer


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("number", range(2, 32, 3))
def test_a_streamed_part_that_reads_otherwise_after_a_kill_gets_another_key(
    tmp_path: Path, number: int
) -> None:
    world = wide(tmp_path, STREAMED)
    killed(world, "piece", number)
    world.source.lie("src", KEY, BROAD.replace(b"b", b"c"))

    assert world.run() is Exit.FINDINGS

    assert told_twice(world) == []
    assert len(uploads(world)) == 2
    assert ("source-bytes-differ", KEY) in world.findings()


@pytest.mark.usefixtures("steps")
def test_a_streamed_part_that_fails_midway_and_reads_otherwise_gets_another_key(
    tmp_path: Path,
) -> None:
    world = wide(tmp_path, STREAMED)

    def lie() -> None:
        world.source.lie("src", KEY, BROAD.replace(b"b", b"c"))
        raise Transient("a part: reset by peer")

    world.script.at("piece", 5, "after", lie)

    assert world.run() is Exit.FINDINGS
    assert told_twice(world) == []
    assert len(uploads(world)) == 2


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize(
    ("first", "method", "second"),
    [(64 * MIB, "put_part", STREAMED), (STREAMED, "piece", 64 * MIB)],
    ids=["less memory", "more memory"],
)
@pytest.mark.parametrize("lies", [True, False])
def test_another_limit_of_memory_between_two_runs_changes_nothing(
    tmp_path: Path, first: int, method: str, second: int, lies: bool
) -> None:
    world = wide(tmp_path, first)
    killed(world, method, 2)
    world._memory = second
    if lies:
        world.source.lie("src", KEY, BROAD.replace(b"b", b"c"))

    assert world.run() is (Exit.FINDINGS if lies else Exit.OK)

    assert told_twice(world) == []
    assert len(uploads(world)) == 1 + lies


def test_a_source_that_gives_other_bytes_each_time_ends_as_a_finding(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.source.put("src", KEY, ONE)
    for letter in b"ABC":
        killed(world, "put_part", world.script.calls["put_part"] + 2)
        world.source.lie("src", KEY, bytes([letter]) * BIG)

    assert world.run() is Exit.DRIFTED

    assert told_twice(world) == []
    assert set(world.findings()) == {("source-bytes-differ", KEY), ("drifted", KEY)}


def test_an_upload_that_an_earlier_version_began_is_not_continued(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.source.put("src", KEY, ONE)
    killed(world, "put_part", 2)
    con = connect(world.path)
    con.execute("DELETE FROM sealed; UPDATE upload SET recorded = 0")
    con.close()
    world.source.lie("src", KEY, OTHER)

    assert world.run() is Exit.OK

    assert told_twice(world) == []
    assert len(uploads(world)) == 2
    assert world.target.uploads() == []


def test_a_part_that_the_target_dropped_is_sealed_again_from_the_same_bytes_only(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    world.source.put("src", KEY, ONE)
    killed(world, "complete", 1, "before")
    next(iter(world.target._open.values())).parts.pop(1)
    world.source.lie("src", KEY, OTHER)

    assert world.run() is Exit.FINDINGS
    assert told_twice(world) == []


# --- what may be sealed, alone --------------------------------------------------------------------


def once(*known: tuple[int, str], record: Callable[[SealIntent], bool] = lambda _: True) -> Once:
    part = PartItem(
        id=1, attempt=2, key="k", size=30, version="v", md5=None, number=3, segments=1, count=3,
        upload_id="u", header=b"", sealed=known,
    )  # fmt: skip
    return Once(part, record)


def test_what_is_new_is_recorded_once_and_demanded_from_then_on() -> None:
    told: list[SealIntent] = []
    mine = once(record=lambda receipt: bool(told.append(receipt)) or True)
    mine.demand(10, "aa")
    mine.demand(10, "aa")
    assert told == [SealIntent(id=1, attempt=2, number=3, size=10, sha256="aa")]
    with pytest.raises(BytesChanged):
        mine.demand(10, "bb")


def test_what_nobody_waits_for_any_more_is_not_sealed() -> None:
    with pytest.raises(Stopped):
        once(record=lambda _: False).demand(10, "aa")


def test_a_stretch_beyond_what_can_be_judged_is_not_foreseen() -> None:
    assert once().foresees([5, 10])
    assert once((5, "aa")).foresees([5, 10])
    assert not once((10, "aa")).foresees([5, 10])
    assert once((10, "aa")).foresees([10])
    with pytest.raises(BytesChanged):
        once((10, "aa")).foresee({5: "bb", 10: "cc"})


def test_the_ledger_keeps_one_digest_for_one_place(tmp_path: Path) -> None:
    ledger = SqliteLedger.open(tmp_path / "s" / "m" / "ledger.db", FakeClock())
    try:
        assert ledger.seals(1, 1, 10, "aa" * 32)
        assert ledger.seals(1, 1, 10, "aa" * 32)
        assert not ledger.seals(1, 1, 10, "bb" * 32)
        assert ledger.seals(1, 1, 20, "cc" * 32)
        assert ledger.sealed(1, 1) == [(10, "aa" * 32), (20, "cc" * 32)]
        ledger.add_part(
            1,
            PartReceipt(
                number=1, sha256="cc" * 32, sealed_sha256="dd" * 32, stored_size=1, etag="e"
            ),
        )
        assert ledger.sealed(1, 1) == [(20, "cc" * 32)]
        ledger.drop_upload(1)
        assert ledger.sealed(1, 1) == []
    finally:
        ledger.close()
