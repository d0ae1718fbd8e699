"""What a target forbids or advises is told before a byte moves; a wrong host ends a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, HostRefused, Refused
from hdh_migrate.model import SEGMENT, Place, State, Step
from hdh_migrate.pipeline.planning import PlannedPace, paced
from tests.support.world import ALL, ONE, SMALL, Dataset, World

BUCKET = ONE[0].source.bucket
PREFIX = ONE[0].source.prefix


def filled(world: World, *sizes: int) -> World:
    for number, size in enumerate(sizes):
        world.source.put(BUCKET, f"{PREFIX}{number:03d}", bytes(size))
    return world


def test_objects_beyond_the_targets_largest_are_all_listed_and_none_is_sent(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, limits=replace(SMALL, max_object=SMALL.max_part))
    filled(world, *[SMALL.max_part] * 70, 10)
    with pytest.raises(Refused) as refused:
        world.run()
    assert "70 objects cannot be moved as planned" in str(refused.value)
    assert len(refused.value.blockers) == 51  # the first fifty, and how many more there are
    assert "and 20 more" in refused.value.blockers[-1]
    assert len([code for code, _ in world.findings() if code == "too-large"]) == 70
    assert world.script.calls["put"] == 0


def test_an_object_that_cannot_be_sent_in_time_is_refused_with_the_others(tmp_path: Path) -> None:
    pace = PlannedPace(connections=1, connection_rate=132_000)  # one segment in half of a second
    limits = paced(replace(SMALL, request_seconds=1.0), pace)
    world = filled(World(tmp_path, limits=limits), 3 * SEGMENT, 101 * SEGMENT, 199 * SEGMENT)
    with pytest.raises(Refused):
        world.run()
    refused = [name for name, state in world.states().items() if state is State.REFUSED]
    assert refused == ["d/001", "d/002"]
    whole = filled(World(tmp_path / "2"), 3 * SEGMENT, 101 * SEGMENT, 199 * SEGMENT)
    assert whole.run([Step.INVENTORY]) is Exit.OK


def test_a_bucket_that_gets_too_full_is_noted_and_not_refused(tmp_path: Path) -> None:
    world = filled(World(tmp_path, limits=replace(SMALL, objects_per_bucket=2)), 1, 1, 1)
    assert world.run([Step.INVENTORY]) is Exit.OK
    assert [code for code, _ in world.findings()] == ["bucket-crowded"]


@pytest.mark.parametrize("method", ["put", "read source"])
def test_a_host_that_is_not_the_right_one_any_more_ends_the_run_and_fails_no_object(
    method: str, tmp_path: Path
) -> None:
    world = filled(World(tmp_path), *[10] * 40)
    world.script.always(method, HostRefused("host leads to 10.0.0.1, no public address"))
    with pytest.raises(HostRefused) as refused:
        world.run()
    assert refused.value.exit_code is Exit.REFUSED
    assert not {State.FAILED, State.VERIFIED} & set(world.states().values())
    assert world.findings() == []
    assert world.script.calls[method] < 40
    world.script.heal()
    assert world.run() is Exit.OK
    assert set(world.states().values()) == {State.VERIFIED}


def batches(folder: Path, quota: int | None) -> World:
    rows = [
        Dataset(
            name=name, batch=name, source=Place(bucket="src", prefix=f"{name}/"),
            target=Place(bucket="dst", prefix=f"{name}/"),
        )
        for name in ("early", "late")
    ]  # fmt: skip
    world = World(folder, rows, limits=replace(SMALL, quota_bytes=quota))
    for row in rows:
        world.source.put("src", f"{row.name}/k", bytes(1000))
    return world


def test_a_quota_that_only_all_batches_exceed_is_told_before_a_byte_moves(tmp_path: Path) -> None:
    """The first batch was moved before the second was counted."""
    world = batches(tmp_path, 2000)  # each takes some 1,260 bytes
    with pytest.raises(Refused, match="batch late: the plan brings") as refused:
        world.run()
    assert "this run moved no byte" in (refused.value.hint or "")
    assert world.script.calls["put"] == 0
    assert set(world.states().values()) == {State.LISTED}
    alone = batches(tmp_path / "2", 2000)
    assert alone.run(ALL, "early") is Exit.OK


def test_within_a_quota_every_batch_is_listed_once_and_before_the_first_is_moved(
    tmp_path: Path,
) -> None:
    world = batches(tmp_path, 3000)
    assert world.run() is Exit.OK
    free = batches(tmp_path / "2", None)
    assert free.run() is Exit.OK
    assert world.script.calls["recount"] == free.script.calls["recount"] == 2

    def steps(ran: World) -> list[tuple[str, str]]:
        return [(batch, step.partition(" ")[0]) for batch, step, _ in ran.notes.steps]

    early = [("early", step) for step in ("transfer", "verify")]
    late = [("late", step) for step in ("transfer", "verify")]
    listed = [("early", "inventory"), ("late", "inventory")]
    assert steps(world) == [*listed, *early, *late]
    assert steps(free) == [listed[0], *early, listed[1], *late]
