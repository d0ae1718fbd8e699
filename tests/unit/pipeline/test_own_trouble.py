"""One object's trouble does not hold up the others; an outage still ends the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from hdh_migrate.errors import (
    AccessDenied,
    Conflict,
    ConnectionLost,
    Exit,
    Interrupted,
    Transient,
)
from hdh_migrate.model import ObjectInfo, Place, State, Step, Stored, Upload
from hdh_migrate.pipeline.looks.rereading import Portion, Rereading, RereadWanted
from tests.support.fakes import FakeTarget
from tests.support.world import BIG, Dataset, World

BAD = "k3"


class Grudge:
    """A store that never answers one method for one key, and obeys its port in all else."""

    def __init__(self, inner: Any, method: str) -> None:
        self._inner, self._method = inner, method
        self.held = True

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name != self._method:
            return found

        def call(*args: Any, **more: Any) -> Any:
            named = (
                x.key if isinstance(x, Upload | Stored | ObjectInfo) else x
                for x in args
                if isinstance(x, Upload | Stored | ObjectInfo | str)
            )
            if self.held and any(key in {BAD, f"t/{BAD}.c4gh"} for key in named):
                raise ConnectionLost("an empty answer, as always")
            return found(*args, **more)

        return call


def world(folder: Path, size: int, *, count: int = 8) -> World:
    made = World(folder)
    for number in range(count):
        made.source.put("src", f"k{number}", bytes([number]) * size)
    return made


@pytest.mark.parametrize(
    ("side", "method", "size", "code"),
    [
        ("target", "complete", BIG, "unanswered"),
        ("target", "begin", BIG, "unanswered"),
        ("target", "put_part", BIG, "unanswered"),
        ("target", "head", BIG, "unanswered"),
        ("source", "read", BIG, "unanswered"),
        ("source", "read", 100, "unanswered"),
        ("target", "put", 100, "unanswered"),
        ("target", "read", BIG, "verify-unanswered"),
        ("target", "read", 100, "verify-unanswered"),
    ],
)
def test_one_object_that_never_gets_an_answer_does_not_hold_the_others(
    tmp_path: Path, side: str, method: str, size: int, code: str
) -> None:
    """One completion that was always empty kept seven good objects unverified."""
    made = world(tmp_path, size)
    grudge = Grudge(getattr(made, side), method)
    setattr(made, side, grudge)

    ended = made.run()

    assert ended is (Exit.VERIFICATION_FAILED if code.startswith("verify") else Exit.FINDINGS)
    assert made.findings() == [(code, BAD)]
    (said,) = [line for line in made.notes.lines if "used up its retry budget" in line]
    assert "an empty answer, as always" in said
    states = made.states()
    assert states.pop(f"d/{BAD}") is State.FAILED
    assert set(states.values()) == {State.VERIFIED}

    grudge.held = False
    assert made.run() is Exit.OK
    assert set(made.states().values()) == {State.VERIFIED}
    assert made.target.uploads() == []


@pytest.mark.parametrize("method", ["complete", "read"])
def test_a_store_that_went_away_ends_the_run_and_blames_no_object(
    tmp_path: Path, method: str
) -> None:
    made = world(tmp_path, BIG, count=1)
    made.script.always(method, ConnectionLost("no route"))
    made.script.always("check target", ConnectionLost("no route"))
    with pytest.raises(Transient):
        made.run()
    assert made.findings() == []
    made.script.heal()
    assert made.run() is Exit.OK


def test_a_store_that_answers_and_does_nothing_ends_the_run(tmp_path: Path) -> None:
    made = world(tmp_path, 100, count=40)
    made.script.always("put", ConnectionLost("an empty answer"))
    with pytest.raises(Transient):
        made.run()
    assert made.findings() == []
    assert made.script.calls["check target"] > 0


def test_parts_that_were_answered_in_the_end_are_no_trouble_of_their_object(
    tmp_path: Path,
) -> None:
    """Two parts of an object, hours apart, each unanswered once: it was set aside."""
    made = World(tmp_path, budget=0.0)
    made.source.put("src", BAD, b"b" * BIG)
    for method, number in (("begin", 2), ("put_part", 1), ("put_part", 3), ("complete", 1)):
        made.script.at(method, number, "before", _unanswered)
    assert made.run() is Exit.OK
    assert made.findings() == []


def test_a_part_that_is_never_answered_sets_its_object_aside(tmp_path: Path) -> None:
    made = World(tmp_path, budget=0.0)
    made.source.put("src", BAD, b"b" * BIG)
    for number in (2, 3):  # the second part, which comes again before the third
        made.script.at("put_part", number, "before", _unanswered)
    assert made.run() is Exit.FINDINGS
    assert made.findings() == [("unanswered", BAD)]


def _unanswered() -> None:
    raise ConnectionLost("an empty answer")


class Away:
    """A side of which one bucket does not answer, and the others do."""

    def __init__(self, inner: Any, bucket: str, *methods: str) -> None:
        self._inner, self._bucket, self._methods = inner, bucket, methods
        self.away = True

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._methods:
            return found

        def call(*args: Any, **more: Any) -> Any:
            places = {args[0].bucket if isinstance(args[0], Place) else args[0]}
            if self.away and self._bucket in places:
                raise ConnectionLost("no route")
            return found(*args, **more)

        return call


def test_a_bucket_that_went_away_blames_no_object_of_its_dataset(tmp_path: Path) -> None:
    """The batch's first dataset was asked, whose stores were there."""
    near, far = (
        Dataset(name=name, batch="b", source=Place(bucket="src", prefix=f"{name}/"),
                target=Place(bucket=f"dst-{name}"))
        for name in ("near", "far")
    )  # fmt: skip
    made = World(tmp_path, (near, far))
    made.source.put("src", "near/k", b"n")
    made.source.put("src", "far/k", b"f")
    away = Away(made.target, "dst-far", "check", "put", "head")
    made.target = cast("FakeTarget", away)

    with pytest.raises(Transient):
        made.run()

    assert made.findings() == []
    away.away = False
    assert made.run() is Exit.OK


def test_a_source_that_refuses_does_not_answer_for_the_target(tmp_path: Path) -> None:
    """A refusal of the one side was an answer of both."""
    made = world(tmp_path, 100, count=1)
    made.run([Step.INVENTORY])
    made.script.always("put", ConnectionLost("no route"))
    made.script.always("check", AccessDenied("may not list"))
    made.script.always("check target", ConnectionLost("no route"))
    with pytest.raises(Transient):
        made.run([Step.TRANSFER])
    assert made.findings() == []


# --- the same when verified objects are read again ------------------------------------------------


def reread(made: World, kept: list[Portion], level: str) -> None:
    ledger = made.open()
    try:
        rows = ledger.erasable("b", 0, 100)
        wanted = (RereadWanted(row=row, level=level, first=row.id) for row in rows)
        ctx, moment = made.context(ledger), made.clock.now
        Rereading(ctx, "b", wanted, kept.append, moment=moment, sampled=False).run()
    finally:
        ledger.close()


@pytest.mark.parametrize(("method", "level"), [("read", "stored"), ("head", "head")])
def test_a_verified_object_that_never_gets_an_answer_is_unread_and_the_others_are_read(
    tmp_path: Path, method: str, level: str
) -> None:
    """It was asked for again for ever."""
    made = world(tmp_path, 100)
    assert made.run() is Exit.OK
    made.target = cast("FakeTarget", Grudge(made.target, method))
    kept: list[Portion] = []

    reread(made, kept, level)

    assert sum(portion.objects for portion in kept) == 8
    assert [portion.differing for portion in kept if portion.differing] == [{4: "target-unread"}]


def test_a_target_that_went_away_ends_the_reading_and_blames_no_object(tmp_path: Path) -> None:
    made = world(tmp_path, 100)
    assert made.run() is Exit.OK
    made.script.always("read", ConnectionLost("no route"))
    made.script.always("check target", ConnectionLost("no route"))
    kept: list[Portion] = []
    with pytest.raises(Transient):
        reread(made, kept, "stored")
    assert kept == []


def test_who_is_told_to_stop_while_an_upload_cannot_be_aborted_is_interrupted(
    tmp_path: Path,
) -> None:
    """The run ended as a failing store does, and without the receipts of what was under way."""
    made = world(tmp_path, BIG, count=1)
    made.script.fail("complete", Conflict("another one is there"))

    def stop() -> None:
        made.stop.set()
        raise ConnectionLost("no answer")

    made.script.at("abort", 2, "before", stop)  # the first one is of the trial whether we may write

    with pytest.raises(Interrupted):
        made.run()
    assert any("could not be aborted" in line for line in made.notes.lines)
