"""A refusal in mid-upload costs what was refused, and not the parts that have arrived."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import (
    AccessDenied,
    AuthFailed,
    Exit,
    MigrateError,
    Permanent,
)
from hdh_migrate.model import State, Step, Upload
from hdh_migrate.pipeline.runner import Wishes
from tests.support.script import Killed
from tests.support.world import BIG, ONE, SEGMENT, World

PARTS = 48
LARGE = PARTS * 2 * SEGMENT
KEY = "t/scan.dcm.c4gh"
(DATASET,) = ONE


class Refusing:
    """A target that refuses one method for our object from a part on, as often as it is told."""

    def __init__(self, inner: Any, method: str, error: MigrateError, *, first: int = 1) -> None:
        self._inner, self._method, self._error, self._first = inner, method, error, first
        self.times: float = float("inf")
        self.asked: list[int] = []
        """Numbers of the parts that were sent, refused ones too."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in {self._method, "put_part"}:
            return found

        def call(upload: Upload, *more: Any, **named: Any) -> Any:
            reached = True
            if name == "put_part" and upload.key == KEY:
                self.asked.append(more[0])
                reached = more[0] >= self._first
            if upload.key == KEY and name == self._method and self.times and reached:
                self.times -= 1
                raise self._error
            return found(upload, *more, **named)

        return call


def world(folder: Path, size: int = LARGE) -> World:
    made = World(folder)
    made.source.put("src", "scan.dcm", bytes(range(256)) * (size // 256))
    made.source.put("src", "small", b"1")
    return made


def refusing(
    made: World, error: MigrateError, *, first: int = 40, method: str = "put_part"
) -> Refusing:
    found = Refusing(made.target, method, error, first=first)
    made.target = found  # type: ignore[assignment]
    return found


DENIED = AccessDenied("a target part: AccessDenied (HTTP 403)")


@pytest.mark.slow
@pytest.mark.parametrize("error", [DENIED, Permanent("a target part: InvalidRequest (HTTP 400)")])
@pytest.mark.parametrize("times", [1, 3])
def test_one_refusal_costs_a_few_tries_of_that_part(
    tmp_path: Path, error: MigrateError, times: int
) -> None:
    made = world(tmp_path)
    target = refusing(made, error)
    target.times = times

    assert made.run() is Exit.OK

    assert sorted(target.asked) == sorted([*range(1, PARTS + 1), *[40] * times])
    assert made.script.calls["begin"] == 2  # the trial write, and the one upload
    assert made.opened(DATASET, "scan.dcm") == made.source.data("src", "scan.dcm")


@pytest.mark.slow
def test_a_lasting_refusal_keeps_what_has_arrived_and_the_next_run_goes_on_there(
    tmp_path: Path,
) -> None:
    made = world(tmp_path)
    target = refusing(made, DENIED)

    assert made.run() is Exit.FINDINGS

    assert made.findings() == [("denied", "scan.dcm")]
    assert made.states() == {"d/scan.dcm": State.FAILED, "d/small": State.VERIFIED}
    assert len(target.uploads()) == 1
    assert any(f"39 of its {PARTS} parts have arrived and stay" in one for one in made.notes.lines)

    target.asked.clear()
    assert made.run() is Exit.FINDINGS  # not mended yet: no part is sent that has arrived
    assert min(target.asked) >= 40

    target.asked.clear()
    target.times = 0
    assert made.run() is Exit.OK
    assert sorted(target.asked) == [*range(40, PARTS + 1)]
    assert f"resumed a large object at part 40 of {PARTS}" in made.notes.lines
    assert made.findings() == []
    assert target.uploads() == []
    assert made.opened(DATASET, "scan.dcm") == made.source.data("src", "scan.dcm")


def test_a_credential_that_loses_its_right_ends_the_run_and_the_next_goes_on_there(
    tmp_path: Path,
) -> None:
    made = world(tmp_path)
    target = refusing(made, AuthFailed("the target refuses the credential: ExpiredToken"))

    with pytest.raises(AuthFailed) as ended:
        made.run()
    assert "grant the right" in str(ended.value.hint)  # what was lost may be a right alone

    target.asked.clear()
    target.times = 0
    assert made.run() is Exit.OK
    assert sorted(target.asked) == [*range(40, PARTS + 1)]


def test_a_token_that_is_renewed_meanwhile_costs_that_part_alone(tmp_path: Path) -> None:
    made = world(tmp_path)
    target = refusing(made, AuthFailed("the target refuses the credential: ExpiredToken"))
    made.renewals.append(lambda: setattr(target, "times", 0))

    assert made.run() is Exit.OK

    assert target.asked.count(40) == 2
    assert len(target.asked) == PARTS + 1


def test_a_completion_that_is_refused_keeps_every_part(tmp_path: Path) -> None:
    made = world(tmp_path, BIG - BIG % 256)
    target = refusing(made, DENIED, method="complete")
    assert made.run() is Exit.FINDINGS
    target.asked.clear()
    target.times = 0
    assert made.run() is Exit.OK
    assert target.asked == []


# --- what is not gone on with -------------------------------------------------------------------


def stopped(folder: Path) -> tuple[World, Refusing]:
    """A world whose large object was refused at part 40, and whose host takes it again."""
    made = world(folder)
    target = refusing(made, DENIED)
    assert made.run() is Exit.FINDINGS
    target.asked.clear()
    target.times = 0
    return made, target


@pytest.mark.slow
def test_what_is_waived_leaves_no_parts_at_the_target(tmp_path: Path) -> None:
    made, target = stopped(tmp_path)
    made.waived.add("denied")
    assert made.run() is Exit.OK
    assert target.uploads() == []
    assert made.states()["d/scan.dcm"] is State.FAILED

    made.waived.clear()  # it is over: nothing is left to go on with
    assert made.run() is Exit.OK
    assert sorted(target.asked) == [*range(1, PARTS + 1)]


@pytest.mark.slow
def test_what_nobody_asked_for_keeps_its_parts(tmp_path: Path) -> None:
    made, target = stopped(tmp_path)
    assert made.run(wishes=Wishes(again=("unreadable",))) is Exit.FINDINGS
    assert target.asked == []
    assert made.run(wishes=Wishes(again=("denied",))) is Exit.OK
    assert sorted(target.asked) == [*range(40, PARTS + 1)]


@pytest.mark.slow
def test_a_source_that_changed_meanwhile_is_sent_from_its_first_byte(tmp_path: Path) -> None:
    made, target = stopped(tmp_path)
    made.source.put("src", "scan.dcm", bytes(LARGE))
    assert made.run() is Exit.OK
    assert sorted(one for one in target.asked if one < 40) == [*range(1, 40)]
    assert made.opened(DATASET, "scan.dcm") == bytes(LARGE)
    assert target.uploads() == []


@pytest.mark.slow
def test_under_other_limits_it_is_cut_anew(tmp_path: Path) -> None:
    made, target = stopped(tmp_path)
    inner = target._inner
    inner.limits = replace(inner.limits, max_part=inner.limits.max_part - SEGMENT, max_parts=200)
    assert made.run() is Exit.OK
    assert len(target.asked) == 2 * PARTS
    assert target.uploads() == []


def test_an_object_that_was_sent_and_did_not_verify_is_sent_anew(tmp_path: Path) -> None:
    """What the ledger has of its upload is of what is no more: to go on would believe it again."""
    made = world(tmp_path, BIG - BIG % 256)
    target = refusing(made, DENIED)
    target.times = 0
    assert made.run((Step.INVENTORY, Step.TRANSFER)) is Exit.OK
    target._inner.spoil("dst", KEY, 900)
    assert made.run() is Exit.VERIFICATION_FAILED
    target.asked.clear()
    assert made.run() is Exit.OK
    assert sorted(target.asked) == [1, 2, 3]


@pytest.mark.slow
def test_killed_at_any_call_it_still_goes_on_where_it_was(tmp_path: Path) -> None:
    clean, made = whole(tmp_path / "clean"), whole(tmp_path / "made")
    clean.watch()
    assert clean.run() is Exit.OK
    points = clean.script.points()
    assert len(points) > 40
    for number, point in enumerate(points):
        other = made.twin(tmp_path / str(number))
        other.kill_at(point)
        with suppress(Killed):
            other.run()
        assert other.run() is Exit.OK, point
        assert other.opened(DATASET, "scan.dcm") == other.source.data("src", "scan.dcm"), point
        assert other.target.uploads() == [], point
        twice = [part for (_, part), sent in other.target.left.items() if sent[0] and sent[1:]]
        assert min(twice, default=40) >= 40, point


def whole(folder: Path) -> World:
    """A world whose large object was refused at part 40, with nothing around its host."""
    made, target = stopped(folder)
    made.target = target._inner
    made.script.calls.clear()
    return made
