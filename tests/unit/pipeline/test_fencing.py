"""The fence: who may write, taken, kept, lost, taken over, left; with copies of one ledger."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.errors import (
    AccessDenied,
    Conflict,
    ConnectionLost,
    Exit,
    Fenced,
    Interrupted,
    LedgerBehind,
    MigrateError,
)
from hdh_migrate.events.fence import FenceReleased, FenceTaken, FenceTaking
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Place, Stamp, State, Step, Stored
from hdh_migrate.pipeline.adoption.adopting import Adopt
from hdh_migrate.pipeline.fences.fence import EPOCH_MAX, Shown, fence_key, known
from hdh_migrate.pipeline.fences.fence_keeping import Keeper, gaps
from hdh_migrate.pipeline.fences.fencing import RENEW_SECONDS, SETTLE_SECONDS, Fencing, TakeOver
from hdh_migrate.pipeline.fences.post import STAYS_SECONDS, Owner
from hdh_migrate.pipeline.runner import Runner
from tests.support.fakes import FakeTarget, _Object
from tests.support.processes import LONG
from tests.support.quiet import Waits
from tests.support.script import Killed, Point
from tests.support.world import ALL, BIG, ONE, RUN_TAG, SMALL, World
from tests.unit.pipeline.test_adopting import Nothing

KEY = fence_key("m")
GONE = TakeOver(reason="the other machine burned")


@dataclass(slots=True)
class Machine:
    """One machine with a ledger of its own, or a copy of somebody's; all share the endpoints."""

    world: World
    name: str = RUN_TAG
    place: str = ""
    fencing: Fencing | None = field(default=None, init=False)

    @contextmanager
    def writing(
        self, over: TakeOver | None = None, *, later: bool = False
    ) -> Iterator[tuple[SqliteLedger, Fencing]]:
        """Hold the fence as a verb does."""
        world = self.world
        ledger = world.open()
        try:
            self.fencing = fencing = self.fences(ledger)
            fencing.take(["dst"], over, later=later)
            try:
                yield ledger, fencing
            finally:
                fencing.leave()
        finally:
            ledger.close()

    def fences(self, ledger: SqliteLedger) -> Fencing:
        world = self.world
        return Fencing(
            ledger, lambda: world.target, self.owner(), clock=world.clock,
            retry=world._retry(world.stop), progress=world.notes, wait=world.stop.wait,
        )  # fmt: skip

    def owner(self) -> Owner:
        return Owner(
            migration="m", ledger=self.name, place=self.place or str(self.world.path),
            host="h\x1b[2J", pid=7, user="u@h",
        )  # fmt: skip

    def run(
        self, over: TakeOver | None = None, steps: Sequence[Step] = ALL, *, later: bool = False
    ) -> Exit:
        with self.writing(over, later=later) as (ledger, fencing):
            self.world.epoch = fencing.epoch
            ctx = self.world.context(ledger)
            ctx.fence = fencing
            return Runner(ctx, self.world._batches(), renewed=lambda: None).run(steps, ())

    def copied(self, to: Path) -> Machine:
        """Return a machine with a copy of this one's state folder as it is now."""
        other = World(to)
        other.source, other.target = self.world.source, self.world.target
        other.clock, other.script = self.world.clock, self.world.script
        other.stop, other.engine = Waits(other.clock), self.world.engine
        if self.world.path.exists():
            shutil.copytree(self.world.path.parents[1], other.path.parents[1])
        return Machine(other, self.name)

    def told(self, kind: type) -> list:  # type: ignore[type-arg]  # of events of the kind
        ledger = self.world.open()
        try:
            return [event for _, event in ledger.events(kind)]
        finally:
            ledger.close()


@pytest.fixture
def one(tmp_path: Path) -> Machine:
    world = World(tmp_path / "one")
    for name in ("a", "b"):
        world.source.put("src", name, name.encode() * 90)
    return Machine(world)


def shown(machine: Machine) -> Shown:
    return Shown.of_json(json.loads(machine.world.target.data("dst", KEY)))


# --- copies from the middle of a run --------------------------------------------------------------


def test_a_copy_from_the_middle_of_a_run_replaces_nothing_once_it_has_ended(
    one: Machine, tmp_path: Path
) -> None:
    with one.writing() as (ledger, fencing):
        middle = one.copied(tmp_path / "middle")  # as a copy after the first of two batches
        one.world.epoch = fencing.epoch
        ctx = one.world.context(ledger)
        ctx.fence = fencing
        assert Runner(ctx, one.world._batches(), renewed=lambda: None).run(ALL, ()) is Exit.OK
    end = one.copied(tmp_path / "end")
    held = {key: one.world.target.data("dst", f"t/{key}.c4gh") for key in ("a", "b")}

    with pytest.raises(Fenced, match="an older copy of the ledger"):
        middle.run()

    assert {key: one.world.target.data("dst", f"t/{key}.c4gh") for key in ("a", "b")} == held
    assert end.run() is Exit.OK
    with pytest.raises(LedgerBehind):  # who takes over adopts what was sent meanwhile
        middle.run(GONE)


def test_half_a_change_is_given_up_when_a_verb_fails_and_the_fence_tells_of_the_end_before(
    one: Machine,
) -> None:
    """Leaving the fence is a `finally`: it must not make durable what nobody committed."""
    with suppress(Interrupted), one.writing() as (ledger, _):
        whole = ledger.kept_end
        ledger.event(FenceReleased(bucket="dst", epoch=0, nonce="half"))
        raise Interrupted("in the middle of a change")

    assert [event.nonce for event in one.told(FenceReleased)] == []
    assert whole is not None
    assert (shown(one).events, shown(one).head) == (whole.events, whole.head)
    assert one.run() is Exit.OK


@pytest.mark.parametrize("kept", [False, True], ids=["replaced", "every version kept"])
def test_a_copy_from_the_middle_of_a_run_that_was_killed_is_no_way_back(
    one: Machine, tmp_path: Path, kept: bool
) -> None:
    """Put back into the same file, it passed: only the end of a run told how far it had come."""
    one.place = "as before"
    if kept:
        hosted(one, Versioned("dst", limits=SMALL))
    with suppress(Killed), one.writing() as (ledger, fencing):
        middle = one.copied(tmp_path / "middle")  # as a machine's snapshot: place and inode stay
        middle.place = one.place
        one.world.epoch = fencing.epoch
        ctx = one.world.context(ledger)
        ctx.fence = fencing
        assert Runner(ctx, one.world._batches(), renewed=lambda: None).run(ALL, ()) is Exit.OK
        one.world.clock.seconds += STAYS_SECONDS
        fencing.renew()
        one.world.script.dead = True
    one.world.script.dead = False
    assert shown(one).state == "running"

    with pytest.raises(Fenced, match="an older copy of the ledger"):
        middle.run()

    assert one.run() is Exit.OK


def test_what_cannot_be_taken_back_is_told_by_the_fence_before(
    one: Machine, tmp_path: Path
) -> None:
    one.place = "as before"
    hosted(one, Versioned("dst", limits=SMALL))
    with suppress(Killed), one.writing() as (ledger, fencing):
        middle = one.copied(tmp_path / "middle")
        middle.place = one.place
        ledger.event(FenceReleased(bucket="dst", epoch=0, nonce="some deed"))
        ledger.commit()
        fencing.demand()
        claims = one.world.script.calls["claim"]
        fencing.demand()
        assert one.world.script.calls["claim"] == claims  # nothing new to tell: only looked at
        one.world.script.dead = True
    one.world.script.dead = False
    with pytest.raises(Fenced, match="an older copy of the ledger"):
        middle.run()


# --- one writer -----------------------------------------------------------------------------------


def test_a_run_says_who_writes_and_that_it_ended(one: Machine) -> None:
    states = []
    with one.writing():
        states.append(shown(one).state)
    assert [*states, shown(one).state] == ["running", "idle"]
    told = shown(one)
    assert (told.ledger, told.epoch, told.pid, told.migration) == (RUN_TAG, 0, 7, "m")
    assert told.host == "h?[2J"
    (taken,) = one.told(FenceTaken)
    assert (taken.nonce, taken.epoch, taken.firm) == (told.nonce, 0, True)


def test_every_run_shows_another_nonce_and_no_other_epoch(one: Machine) -> None:
    nonces = []
    for _ in range(3):
        assert one.run() is Exit.OK
        nonces.append(shown(one).nonce)
    assert len(set(nonces)) == 3
    assert [told.nonce for told in one.told(FenceTaken)] == nonces
    assert shown(one).epoch == 0
    assert one.world.attempt(ONE[0], "a").count(".") == 2  # as before there were epochs


def test_a_copy_from_before_the_first_run_is_refused(one: Machine, tmp_path: Path) -> None:
    one.world.open().close()
    two = one.copied(tmp_path / "two")
    assert one.run() is Exit.OK
    with pytest.raises(Fenced) as refused:
        two.run()
    assert refused.value.exit_code is Exit.LOCKED
    assert "another copy of this ledger writes there: host h?[2J, pid 7" in str(refused.value)
    assert "--take-over" in (refused.value.hint or "")
    assert two.told(FenceTaking) == []


def test_of_two_copies_the_one_that_runs_first_is_the_writer(one: Machine, tmp_path: Path) -> None:
    assert one.run() is Exit.OK
    two = one.copied(tmp_path / "two")
    assert two.run() is Exit.OK  # the folder was moved
    with pytest.raises(Fenced, match="another copy of this ledger"):
        one.run()
    assert two.run() is Exit.OK


def test_a_copy_of_a_run_under_way_is_refused(one: Machine, tmp_path: Path) -> None:
    with one.writing():
        two = one.copied(tmp_path / "two")
        with pytest.raises(Fenced, match="as new as this one"):
            two.run()
    assert one.run() is Exit.OK


def test_what_a_clock_says_takes_no_fence(one: Machine, tmp_path: Path) -> None:
    with one.writing():
        two = one.copied(tmp_path / "two")
        one.world.clock.seconds += 400 * 86_400
        with pytest.raises(Fenced):
            two.run()


def test_a_crashed_run_is_gone_on_with_where_its_ledger_lies(one: Machine) -> None:
    with suppress(Killed), one.writing():
        one.world.script.dead = True
    one.world.script.dead = False
    assert shown(one).state == "running"
    assert one.run() is Exit.OK
    assert shown(one).epoch == 0


def test_another_ledger_of_the_migration_is_refused(one: Machine, tmp_path: Path) -> None:
    assert one.run() is Exit.OK
    other = one.copied(tmp_path / "two")
    other.world.path.unlink()
    other.name = "fedcba9876543210"
    with pytest.raises(Fenced, match="another ledger writes there"):
        other.run()


def test_a_fence_that_is_gone_or_is_none_is_not_taken_in_silence(one: Machine) -> None:
    assert one.run() is Exit.OK
    one.world.target.drop("dst", KEY)
    with pytest.raises(Fenced, match="is gone"):
        one.run()
    one.world.target.keep("dst", KEY, b"{}")
    with pytest.raises(Fenced, match="none that can be read"):
        one.run()
    assert one.run(GONE) is Exit.OK
    assert shown(one).epoch == 1


def test_a_host_that_tells_of_endless_take_overs_is_not_believed(one: Machine) -> None:
    """Who took such a fence over wrote in that epoch for ever, and its own tags were none."""
    assert one.run() is Exit.OK
    told = shown(one).as_json()
    for lie in ({"epoch": (1 << 63) - 1}, {"epoch": EPOCH_MAX + 1}, {"pid": 1 << 40}):
        body = json.dumps({**told, **lie, "nonce": "0" * 32}).encode()
        one.world.target.keep("dst", KEY, body)
        with pytest.raises(Fenced, match="none that can be read"):
            one.run()
    assert one.run(GONE) is Exit.OK
    assert shown(one).epoch == 1
    told = {**shown(one).as_json(), "epoch": EPOCH_MAX, "nonce": "0" * 32}
    one.world.target.keep("dst", KEY, json.dumps(told).encode())
    with pytest.raises(Fenced, match="no take-over can have reached"):
        one.run(GONE)


def test_the_fence_is_no_data(one: Machine) -> None:
    flat = replace(ONE[0], target=Place(bucket="dst"), suffix="")
    world = World(one.world.path.parent.parent.parent / "flat", (flat,), sealed=False)
    world.source.put("src", "a", b"aa")
    world.source.put("src", KEY, b"somebody's")
    machine = Machine(world)
    with pytest.raises(MigrateError, match="key-reserved"):
        machine.run()
    world.source.drop("src", KEY)
    assert shown(machine).state == "idle"


# --- losing it ------------------------------------------------------------------------------------


def test_who_lost_the_fence_stops_and_says_so(one: Machine, tmp_path: Path) -> None:
    two = one.copied(tmp_path / "two")
    with one.writing() as (_, fencing):
        with two.writing(GONE):
            fencing.renew()
            assert fencing.lost is not None
            assert "epoch 1" in str(fencing.lost)
        with pytest.raises(Fenced):
            fencing.demand()
    assert (shown(two).state, shown(two).epoch) == ("idle", 1)


def test_a_run_ends_when_it_loses_the_fence_and_leaves_the_rest(
    one: Machine, tmp_path: Path
) -> None:
    two = one.copied(tmp_path / "two")

    def taken() -> None:
        with two.writing(GONE):
            pass
        assert one.fencing is not None
        one.fencing.renew()

    for number in range(200):
        one.world.source.put("src", f"o{number:03}", b"x" * 60_000)
    one.world.script.at("put", 20, "before", taken)
    with pytest.raises(Fenced, match="not this ledger's any more"):
        one.run()
    states = list(one.world.states().values())
    assert State.VERIFIED not in states
    assert 0 < states.count(State.SENT) < 50
    assert (shown(two).state, shown(two).epoch) == ("idle", 1)


def test_renewing_asks_one_request_and_outlives_a_target_that_is_away(one: Machine) -> None:
    script = one.world.script
    with one.writing() as (_, fencing):
        calls = script.calls.copy()
        for _ in range(3):
            fencing.renew()
        assert {name: script.calls[name] - calls[name] for name in ("claim", "head", "read")} == {
            "claim": 3, "head": 0, "read": 0,
        }  # fmt: skip
        script.fail("claim", ConnectionLost("away"), when="after")
        fencing.renew()
        fencing.renew()
        assert fencing.lost is None
    assert shown(one).state == "idle"


def test_who_may_write_the_fence_and_not_look_at_it_is_told_which_right_is_missing(
    one: Machine,
) -> None:
    """A bucket without the fence tells nobody that it may not be read; the first run met a bare
    403, which named neither the fence nor the right.
    """

    def denied() -> None:
        raise AccessDenied("a target object: no reason given")

    one.world.script.at("head", 2, "before", denied)  # the first sees that there is no fence
    with pytest.raises(AccessDenied, match="no right to the fence") as told, one.writing():
        pass
    assert "s3:GetObject" in str(told.value.hint)


def test_where_versions_are_kept_renewing_writes_none(one: Machine) -> None:
    hosted(one, Versioned("dst", limits=SMALL))
    with one.writing() as (_, fencing):
        calls = one.world.script.calls.copy()
        fencing.renew()
        seen = one.world.script.calls - calls
        assert (seen["claim"], seen["put"], seen["head"], seen["read"]) == (0, 0, 1, 0)
        one.world.target.keep("dst", KEY, b"{}")
        fencing.renew()
        assert fencing.lost is not None


def test_a_keeper_renews_and_leaves_and_waits_for_no_target_that_hangs(one: Machine) -> None:
    ledger, renewed, hangs = one.world.open(), threading.Event(), threading.Event()
    try:
        fencing = one.fences(ledger)
        fencing.take(["dst"])
        number = one.world.script.calls["claim"]
        one.world.script.at("claim", number + 2, "after", renewed.set)
        keeper = Keeper(fencing, seconds=0.001, patience=LONG)
        assert renewed.wait(LONG)
        keeper.stop()
        assert shown(one).state == "idle"
        fencing.take(["dst"])
        number = one.world.script.calls["claim"]
        one.world.script.at("claim", number + 1, "before", lambda: hangs.wait(LONG))
        keeper = Keeper(fencing, patience=0.01)
        keeper.stop()
        assert shown(one).state == "running"
        hangs.set()
        keeper.stop()
    finally:
        ledger.close()


# --- taking over ----------------------------------------------------------------------------------


def test_a_take_over_begins_an_epoch_and_tells_whose_and_why(one: Machine, tmp_path: Path) -> None:
    two = one.copied(tmp_path / "two")
    assert one.run() is Exit.OK
    before = shown(one)
    with pytest.raises(LedgerBehind):  # what the other one has verified is not sent again
        two.run(GONE)
    adopt(two)
    (told,) = [taking for taking in two.told(FenceTaking) if taking.reason]
    assert (told.reason, told.epoch, told.over.nonce) == (GONE.reason, 1, before.nonce)
    assert ("taken-over", None) in two.world.findings()
    assert ("taken-over", None) not in one.world.findings()
    assert two.run() is Exit.OK
    assert two.world.attempt(ONE[0], "a") == f"{RUN_TAG}.1.1"
    with pytest.raises(Fenced):
        one.run()
    assert one.run(GONE) is Exit.OK
    assert shown(one).epoch == 2
    assert two.run(GONE) is Exit.OK
    assert shown(one).epoch == 3


def test_a_holder_that_renews_while_it_is_taken_over_keeps_nobody_out(
    one: Machine, tmp_path: Path
) -> None:
    two = one.copied(tmp_path / "two")
    with one.writing() as (_, fencing):
        number = one.world.script.calls["claim"] + 1
        one.world.script.at("claim", number, "before", fencing.renew)
        with two.writing(GONE):
            fencing.renew()
        assert fencing.lost is not None
    assert (shown(two).state, shown(two).epoch) == ("idle", 1)


def test_of_two_that_take_over_at_once_one_is_refused(one: Machine, tmp_path: Path) -> None:
    two, three = one.copied(tmp_path / "two"), one.copied(tmp_path / "three")
    assert one.run() is Exit.OK

    def at_once() -> None:
        with three.writing(GONE):
            pass

    one.world.script.at("claim", one.world.script.calls["claim"] + 1, "before", at_once)
    with pytest.raises(Fenced, match="epoch 1"):
        two.run(GONE)
    adopt(three)
    assert three.run() is Exit.OK


def test_nothing_is_taken_over_from_oneself(one: Machine) -> None:
    assert one.run() is Exit.OK
    assert one.run(GONE) is Exit.OK
    assert shown(one).epoch == 0
    assert [told.reason for told in one.told(FenceTaking) if told.reason] == []


def superseded(one: Machine, folder: Path) -> Machine:
    """Return the machine that took over, with the same inventory."""
    assert one.run(steps=(Step.INVENTORY,)) is Exit.OK
    two = one.copied(folder)
    assert one.run(steps=(Step.INVENTORY,)) is Exit.OK
    with two.writing(GONE):
        pass
    return two


def write_late(machine: Machine) -> Exit:
    """Run as a process does that was asleep when the fence was lost."""
    ledger = machine.world.open()
    machine.world.epoch = 0
    try:
        ctx = machine.world.context(ledger)
        return Runner(ctx, machine.world._batches(), renewed=lambda: None).run(ALL, ())
    finally:
        ledger.close()


def adopt(machine: Machine) -> None:
    """Take over what another copy of the ledger has moved."""
    with machine.writing() as (ledger, fencing):
        machine.world.epoch = fencing.epoch
        Adopt(
            machine.world.context(ledger), "b", ours=lambda name: name == RUN_TAG,
            proofs=Nothing(), journals=(), user="u@h",
        ).run()  # fmt: skip


def test_what_a_late_writer_left_is_adopted_where_it_is_seen(one: Machine, tmp_path: Path) -> None:
    two = superseded(one, tmp_path / "two")
    assert write_late(one) is Exit.OK
    with pytest.raises(LedgerBehind):
        two.run()
    adopt(two)
    assert two.run() is Exit.OK
    assert two.world.attempt(ONE[0], "a") == f"{RUN_TAG}.1.1"


def test_a_late_writer_replaces_nothing_of_a_later_epoch(one: Machine, tmp_path: Path) -> None:
    one.world.source.put("src", "large", b"x" * BIG)
    two = superseded(one, tmp_path / "two")
    assert two.run() is Exit.OK
    stored = {key: one.world.target.data("dst", f"t/{key}.c4gh") for key in ("a", "b", "large")}
    for _ in range(3):
        with pytest.raises(Fenced, match="a later epoch"):
            write_late(one)
    for key, body in stored.items():
        assert one.world.target.data("dst", f"t/{key}.c4gh") == body
    assert State.VERIFIED not in one.world.states().values()
    assert two.run() is Exit.OK


def test_a_late_writer_that_looked_before_a_take_over_replaces_nothing_either(
    one: Machine, tmp_path: Path
) -> None:
    """What asks before anything is sent saw nothing yet; who sends asks again for each object."""
    two = superseded(one, tmp_path / "two")

    def taken() -> None:
        assert two.run() is Exit.OK

    looks = one.world.script.calls["open_uploads"]
    one.world.script.at("open_uploads", looks + 2, "after", taken)
    with pytest.raises(Fenced, match="a later epoch"):
        write_late(one)
    assert one.world.attempt(ONE[0], "a").split(".")[-1] == "1"
    assert one.world.opened(ONE[0], "a") == b"a" * 90


def test_what_a_late_writer_left_is_replaced_by_who_took_over(one: Machine, tmp_path: Path) -> None:
    two = superseded(one, tmp_path / "two")

    def late() -> None:
        assert write_late(one) is Exit.OK
        assert one.world.attempt(ONE[0], "a").count(".") == 2

    # After its target was looked at, before it sends anything.
    looks = one.world.script.calls["open_uploads"]
    one.world.script.at("open_uploads", looks + 2, "after", late)
    assert two.run() is Exit.OK
    assert two.world.attempt(ONE[0], "a").split(".")[-1] == "1"
    assert two.world.opened(ONE[0], "a") == b"a" * 90


def test_no_upload_of_an_earlier_epoch_goes_on(one: Machine, tmp_path: Path) -> None:
    one.world.source.put("src", "large", b"x" * BIG)
    one.world.kill_at(Point("put_part", 2, "after"))
    with pytest.raises(Killed):
        one.run()
    one.world._put_back()
    two = one.copied(tmp_path / "two")
    with two.writing(GONE) as (ledger, _):
        (row,) = ledger.datasets()
        (entry,) = [found for found in ledger.todo("sending", row.id) if found.parts]
        assert ledger.upload(entry.id) is None
    assert two.run() is Exit.OK
    assert two.world.opened(ONE[0], "large") == b"x" * BIG
    assert two.world.target.uploads() == []


def test_a_released_fence_is_free_for_another_ledger_and_for_no_older_copy(
    one: Machine, tmp_path: Path
) -> None:
    assert one.run() is Exit.OK
    old = one.copied(tmp_path / "old")
    with one.writing() as (_, fencing):
        fencing.release()
    assert shown(one).state == "released"
    assert len(one.told(FenceReleased)) == 1
    with pytest.raises(Fenced):
        old.run()
    other = one.copied(tmp_path / "other")
    other.world.path.unlink()
    other.name = "fedcba9876543210"
    with other.writing() as (_, fencing):
        assert fencing.epoch == 1
    with pytest.raises(Fenced, match="another ledger"):
        one.run()


# --- hosts that keep no conditions ----------------------------------------------------------------


class Versioned(FakeTarget):
    """Keeps every version, and says so."""

    def _object(self, key: str, data: bytes, stamp: Stamp) -> _Object:
        made = super()._object(key, data, stamp)
        return replace(made, stored=replace(made.stored, version_id=f"v{len(data)}"))


class Careless(FakeTarget):
    """Takes conditions and looks at none."""

    def _condition(self, bucket: str, key: str, replaces: str | None) -> None:
        self._bucket(bucket)


class Mishearing(FakeTarget):
    """Refuses If-Match with the very ETag that it shows, as a PUT falls back from."""

    def claim(self, *args: object, **told: object) -> object:  # type: ignore[override]
        if told["replaces"] is not None:
            raise Conflict("a target object: PreconditionFailed (HTTP 412)")
        return super().claim(*args, **told)  # type: ignore[arg-type]


def hosted(machine: Machine, target: FakeTarget) -> Machine:
    machine.world.clock._tick = 0.0  # time passes by waiting alone
    machine.world.target = target
    target.script = machine.world.script
    return machine


SOFT = [
    lambda: Careless("dst", limits=SMALL),
    lambda: Careless("dst", limits=replace(SMALL, conditional_put=False)),
]


def test_what_is_said_of_a_host_without_conditions_is_said_once_with_its_buckets(
    one: Machine,
) -> None:
    hosted(one, Careless("dst", "other", limits=SMALL))
    ledger = one.world.open()
    fencing = one.fences(ledger)

    fencing.take(["dst", "other"])

    told = [line for line in one.world.notes.lines if "conditions on writes" in line]
    assert [line.partition(":")[0] for line in told] == ["buckets dst, other"]
    assert [one["code"] for one in ledger.findings()] == ["fence-soft"] * 2
    ledger.close()


@pytest.mark.parametrize("host", SOFT, ids=["ignored", "not claimed"])
def test_without_conditions_the_fence_is_written_waited_for_and_watched(
    one: Machine, tmp_path: Path, host: Callable[[], FakeTarget]
) -> None:
    hosted(one, host())
    assert one.run() is Exit.OK
    assert isinstance(one.world.stop, Waits)
    assert one.world.stop.waited.count(SETTLE_SECONDS) == 1
    assert ("fence-soft", None) in one.world.findings()
    assert [told.firm for told in one.told(FenceTaken)] == [False]
    two = one.copied(tmp_path / "two")
    assert one.run() is Exit.OK
    assert one.world.findings().count(("fence-soft", None)) == 1
    with pytest.raises(Fenced):
        two.run()
    with one.writing() as (_, fencing):
        calls = one.world.script.calls["put"]
        fencing.renew()
        assert one.world.script.calls["put"] == calls
        with two.writing(GONE):
            fencing.renew()
        assert fencing.lost is not None
    assert (shown(two).state, shown(two).epoch) == ("idle", 1)


@pytest.mark.parametrize("host", SOFT, ids=["ignored", "not claimed"])
def test_of_two_that_begin_at_once_without_conditions_one_stays(
    one: Machine, tmp_path: Path, host: Callable[[], FakeTarget]
) -> None:
    hosted(one, host())
    one.world.open().close()
    two = one.copied(tmp_path / "two")
    begun = list[str]()

    def wait(seconds: float) -> None:
        if not begun:
            begun.append("two")
            shown_to = two.world.target
            shown_to.put(
                "dst", KEY, memoryview(b"{}"), sha256=EMPTY_OBJECT, stamp=Stamp(attempt="x"),
                replaces=None,
            )  # fmt: skip

    one.world.stop.wait = wait  # type: ignore[method-assign,assignment]
    with pytest.raises(Fenced, match="not this ledger's any more"):
        one.run()


@pytest.mark.parametrize("host", SOFT, ids=["ignored", "not claimed"])
@pytest.mark.parametrize(
    ("seconds", "waits", "told"), [(1.5, 3.5, False), (4.0, 8.5, True), (300.0, 60.5, True)]
)
def test_who_took_long_to_put_up_a_fence_waits_twice_that_time_and_says_so(
    one: Machine, host: Callable[[], FakeTarget], seconds: float, waits: float, told: bool
) -> None:
    hosted(one, host())
    waited = waits_with(one, lambda: None)
    for write in ("claim", "put"):  # whichever comes first on such a host
        one.world.script.at(write, 1, "before", lambda: passes(one, seconds))
    with one.writing():
        assert waited == [waits]
    assert any("nothing is written there for" in line for line in one.world.notes.lines) is told


def passes(machine: Machine, seconds: float) -> None:
    machine.world.clock.seconds += seconds


@pytest.mark.parametrize("host", SOFT, ids=["ignored", "not claimed"])
def test_who_writes_over_a_fence_late_begins_when_its_holder_has_noticed(
    one: Machine, tmp_path: Path, host: Callable[[], FakeTarget]
) -> None:
    """Two looked at once and found nobody; the second one's write comes 4 s later."""
    hosted(one, host())
    one.world.open().close()
    two = one.copied(tmp_path / "two")
    ours, theirs = one.world.open(), two.world.open()
    clock = one.world.clock
    try:
        waited = waits_with(two, lambda: None)
        first, second = one.fences(ours), two.fences(theirs)
        begun = list[float]()

        def quicker() -> None:
            clock.seconds += 1.0
            begun.append(clock.seconds)
            first.take(["dst"])
            assert first.settled
            clock.seconds = begun[0] + 4.0

        for write in ("claim", "put"):  # whichever comes first on such a host
            two.world.script.at(write, 1, "before", quicker)

        second.take(["dst"])

        late = begun[0] + 4.0
        looks = accumulate(gaps(RENEW_SECONDS, watched=True), initial=begun[0])
        seen = next(one for one in looks if one > late)
        assert waited[-1] == SETTLE_SECONDS + 2 * 5.0
        assert seen <= late + waited[-1]
        first.renew()
        second.renew()
        assert (first.lost is not None, second.lost) == (True, None)
    finally:
        ours.close()
        theirs.close()


@given(took=st.floats(min_value=0, max_value=1e4))
def test_a_fence_is_looked_at_before_a_late_writer_of_any_kind_begins(took: float) -> None:
    looks = accumulate(gaps(RENEW_SECONDS, watched=True))
    noticed = next(one for one in looks if one > took)
    assert noticed <= took + SETTLE_SECONDS + min(2 * took, RENEW_SECONDS)


def test_what_conditions_keep_is_renewed_each_minute() -> None:
    assert [*islice(gaps(RENEW_SECONDS, watched=False), 3)] == [RENEW_SECONDS] * 3
    assert [*islice(gaps(RENEW_SECONDS, watched=True), 10)] == [
        0.5, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0,
    ]  # fmt: skip


EMPTY_OBJECT = hashlib.sha256(b"{}").hexdigest()


# --- what goes on beside the wait -----------------------------------------------------------------


def stored(machine: Machine) -> list[str]:
    return [one.key for one in machine.world.target.keys(Place(bucket="dst"))]


def waits_with(machine: Machine, then: Callable[[], object]) -> list[float]:
    """Let something happen each time the machine waits; return how long it waits."""
    waited, passes = list[float](), machine.world.stop.wait

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        then()
        return passes(seconds)

    machine.world.stop.wait = wait  # type: ignore[method-assign,assignment]
    return waited


@pytest.mark.parametrize("host", SOFT, ids=["ignored", "not claimed"])
def test_a_source_is_listed_and_nothing_written_while_a_fence_is_left_alone(
    one: Machine, host: Callable[[], FakeTarget]
) -> None:
    hosted(one, host())
    seen = []

    def look() -> None:
        ledger = SqliteLedger.read_only(one.world.path, one.world.clock)
        sealed = all(row.sealed for row in ledger.datasets())
        seen.append((stored(one), sealed, [*ledger.events(FenceTaken)]))
        ledger.close()

    waited = waits_with(one, look)

    assert one.run(later=True) is Exit.OK
    assert seen == [([KEY], True, [])]
    assert waited[0] == SETTLE_SECONDS
    assert [told.firm for told in one.told(FenceTaken)] == [False]
    assert shown(one).state == "idle"


@pytest.mark.parametrize("host", SOFT, ids=["ignored", "not claimed"])
def test_who_lists_for_longer_than_the_wait_waits_no_more_and_looks_all_the_same(
    one: Machine, host: Callable[[], FakeTarget]
) -> None:
    hosted(one, host())
    waited = waits_with(one, lambda: None)
    with one.writing(later=True) as (_, fencing):
        one.world.clock.seconds += SETTLE_SECONDS
        heads = one.world.script.calls["head"]

        fencing.settle()

        assert (waited, fencing.settled) == ([], True)
        assert one.world.script.calls["head"] == heads + 1


@pytest.mark.parametrize("host", SOFT, ids=["ignored", "not claimed"])
def test_who_finds_another_fence_after_listing_has_written_nothing_but_its_own(
    one: Machine, host: Callable[[], FakeTarget]
) -> None:
    hosted(one, host())

    def another() -> None:
        one.world.target.put(
            "dst", KEY, memoryview(b"{}"), sha256=EMPTY_OBJECT, stamp=Stamp(attempt="x"),
            replaces=None,
        )  # fmt: skip

    waits_with(one, another)
    with pytest.raises(Fenced, match="not this ledger's any more"):
        one.run(later=True)
    assert stored(one) == [KEY]
    assert one.world.target.data("dst", KEY) == b"{}"
    assert one.told(FenceTaken) == []


@pytest.mark.parametrize("host", SOFT, ids=["ignored", "not claimed"])
def test_a_fence_that_was_never_settled_is_left_and_taken_again(
    one: Machine, host: Callable[[], FakeTarget]
) -> None:
    hosted(one, host())
    waited = waits_with(one, lambda: None)
    assert one.run(steps=[Step.INVENTORY], later=True) is Exit.OK
    assert (waited, shown(one).state, one.told(FenceTaken)) == ([], "idle", [])
    assert one.run(later=True) is Exit.OK
    assert [told.epoch for told in one.told(FenceTaken)] == [0]


@pytest.mark.parametrize("host", SOFT, ids=["ignored", "not claimed"])
def test_who_takes_over_settles_before_anything_else(
    one: Machine, tmp_path: Path, host: Callable[[], FakeTarget]
) -> None:
    hosted(one, host())
    two = one.copied(tmp_path / "two")
    assert one.run() is Exit.OK
    with two.writing(GONE, later=True) as (_, fencing):
        assert fencing.settled
        assert fencing.epoch == 1


def test_where_conditions_are_kept_nothing_is_left_for_later(one: Machine) -> None:
    waited = waits_with(one, lambda: None)
    with one.writing(later=True) as (_, fencing):
        assert fencing.settled
    assert waited == []


def test_a_host_that_mishears_if_match_keeps_a_fence_all_the_same(one: Machine) -> None:
    hosted(one, Mishearing("dst", limits=SMALL))
    for _ in range(3):
        assert one.run() is Exit.OK
        assert shown(one).state == "idle"
    assert [told.firm for told in one.told(FenceTaken)] == [True, False, False]


class Doing(FakeTarget):
    """Says that a condition failed, and stores the object all the same, with an ETag of its own."""

    def _object(self, key: str, data: bytes, stamp: Stamp) -> _Object:
        made = super()._object(key, data, stamp)
        self.etags = getattr(self, "etags", 0) + 1
        return replace(made, stored=replace(made.stored, etag=f"{self.etags:032}"))

    def claim(self, bucket: str, key: str, body: memoryview, **more: Any) -> Stored:
        try:
            return super().claim(bucket, key, body, **more)
        except Conflict:
            self._store(bucket, self._object(key, bytes(body), more["stamp"]))
            raise


def test_a_host_that_does_what_it_refuses_keeps_no_conditions(one: Machine) -> None:
    """Its fence was said to be enforced."""
    hosted(one, Doing("dst", limits=SMALL))
    assert one.run() is Exit.OK
    assert [told.firm for told in one.told(FenceTaken)] == [False]
    assert ("fence-soft", None) in one.world.findings()


# --- kills ----------------------------------------------------------------------------------------

Ready = Callable[[Path], Machine]


def begun(folder: Path) -> Machine:
    world = World(folder)
    world.source.put("src", "a", b"aa")
    machine = Machine(world)
    assert machine.run() is Exit.OK
    return machine


def refused(folder: Path) -> Machine:
    """Return a machine whose ledger another copy has left behind."""
    machine = begun(folder)
    other = machine.copied(folder / "other")
    other.place = "elsewhere"
    assert other.run() is Exit.OK
    return machine


def take(machine: Machine) -> None:
    with machine.writing():
        pass


def take_over(machine: Machine) -> None:
    with machine.writing(GONE):
        pass


def release(machine: Machine) -> None:
    with machine.writing() as (_, fencing):
        fencing.release()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ready", "act", "epoch"),
    [(begun, take, 0), (refused, take_over, 1), (begun, release, 0)],
    ids=["take", "take over", "release"],
)
def test_killed_at_any_call_the_same_again_ends_as_if_it_was_not(
    tmp_path: Path, ready: Ready, act: Callable[[Machine], None], epoch: int
) -> None:
    clean = ready(tmp_path / "clean")
    before = dict(clean.world.script.calls)
    act(clean)
    expected = shown(clean).state
    moments = [
        point
        for point in clean.world.script.points()
        if point.method != "now" and point.number > before.get(point.method, 0)
    ]
    assert len(moments) >= 12
    for number, moment in enumerate(moments):
        machine = ready(tmp_path / str(number))
        machine.world.kill_at(moment)
        with suppress(Killed):  # a call that is refused has no moment after it
            act(machine)
        if machine.world.script.dead:
            machine.world._put_back()
        act(machine)
        assert (shown(machine).state, shown(machine).epoch) == (expected, epoch), str(moment)
        assert shown(machine).nonce in known_of(machine), str(moment)
        assert machine.world.findings().count(("taken-over", None)) == epoch, str(moment)
        assert machine.run() is Exit.OK


def known_of(machine: Machine) -> tuple[str, ...]:
    ledger = machine.world.open()
    try:
        return known(ledger)["dst"].nonces
    finally:
        ledger.close()
