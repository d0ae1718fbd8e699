"""Who moves and who proves are different processes, and neither can do the work of the other."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from hdh_migrate.engines.messages import KINDS, NAMES
from hdh_migrate.errors import Exit, MigrateError
from hdh_migrate.model import Role, State, Step
from hdh_migrate.orders import Order
from hdh_migrate.pipeline.context import Engines
from hdh_migrate.pipeline.verify import verify
from hdh_migrate.pipeline.workers.perform import Performer
from hdh_migrate.pipeline.workers.work import Toolbox
from hdh_migrate.ports.work import Emit, Record, Recorder, Service
from hdh_migrate.receipts import Doubted, EndpointTraffic, Failed, Gone, Matched, Receipt, Sent
from tests.support.here import Bench, serial
from tests.support.script import Killed, Point
from tests.support.serial import SerialEngine
from tests.support.world import BIG, World
from tests.unit.pipeline.test_lost_workers import Reaper

NOT_ITS_MD5 = "00" * 16


class Noted(SerialEngine):
    """Notes which side's orders its workers were given, when it starts and when it ends."""

    def __init__(self, name: str, service: Service, story: list[str]) -> None:
        super().__init__(service)
        self._name, self._story = name, story
        story.append(f"{name} starts")

    def submit(self, order: Order) -> int:
        self._story.append(f"{self._name} {NAMES[type(order)]}")
        return super().submit(order)

    def close(self, *, grace: float) -> None:
        super().close(grace=grace)
        self._story.append(f"{self._name} ends")


class Idle:
    """Is handed no order."""

    def __init__(self, name: str) -> None:
        self._name, self.halt = name, threading.Event()

    def perform(self, order: Order, emit: Emit, record: Record) -> None:
        raise AssertionError("no order was handed out")

    def traffic(self) -> list[EndpointTraffic]:
        return [exchanged(self._name)]


def exchanged(side: str) -> EndpointTraffic:
    return EndpointTraffic(
        side=side, endpoint="https://host", requests=1, bytes_read=2, bytes_written=3
    )


def noted(world: World) -> list[str]:
    """Have a world's engines note their story."""
    story: list[str] = []

    def engine(box: Toolbox) -> SerialEngine:
        return Noted("prover" if box.writer is None else "mover", Bench(box), story)

    world.engine = engine
    return story


def test_processes_of_one_role_end_before_those_of_the_other_start() -> None:
    story: list[str] = []
    engines = Engines(lambda role: Noted(str(role), Idle(str(role)), story))

    first = engines.get(Role.MOVE)
    assert engines.get(Role.MOVE) is first
    assert engines.get(Role.PROVE) is not first
    engines.get(Role.MOVE)
    engines.drop(grace=1.0)

    assert story == [
        "move starts", "move ends", "prove starts", "prove ends", "move starts", "move ends",
    ]  # fmt: skip
    assert engines.traffic == [exchanged("move"), exchanged("prove"), exchanged("move")]


def test_one_moves_and_another_proves(tmp_path: Path) -> None:
    world = World(tmp_path)
    story = noted(world)
    world.source.put("src", "one", b"1")

    assert world.run() is Exit.OK

    assert story == [
        "mover starts", "mover put", "mover ends", "prover starts", "prover verify"
    ]  # fmt: skip


def test_what_is_verified_already_starts_nobody(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.source.put("src", "one", b"1")
    world.run()
    story = noted(world)

    assert world.run() is Exit.OK

    assert story == []


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        (Role.PROVE, ("put", "begin", "part", "complete", "resume", "again")),
        (Role.MOVE, ("verify", "recheck")),
    ],
)
def test_nobody_performs_an_order_of_the_other_role(
    tmp_path: Path, role: Role, kinds: Iterable[str]
) -> None:
    world = World(tmp_path)
    performer = Performer(world.toolbox(role))
    for kind in kinds:
        order = KINDS[kind](dataset="d", objects=())
        with pytest.raises(KeyError):
            performer.perform(order, refused, refused)
    assert not world.script.calls


def refused(told: object) -> bool:
    raise AssertionError(told)


# --- what only the source can clear up ------------------------------------------------------------


def doubtful(folder: Path, *keys: str) -> World:
    """Return a world whose source claims a wrong MD5 of each of these large objects."""
    made = World(folder)
    for key in keys:
        made.source.put("src", key, b"z" * BIG, md5=NOT_ITS_MD5)
    return made


def test_a_claim_that_is_denied_is_cleared_up_by_who_holds_the_source(tmp_path: Path) -> None:
    world = doubtful(tmp_path, "big")
    world.source.put("src", "good", b"y" * BIG, md5=md5(b"y" * BIG))
    story = noted(world)

    assert world.run() is Exit.VERIFICATION_FAILED

    assert world.findings() == [("verify-source-md5-differs", "big")]
    assert world.states() == {"d/big": State.FAILED, "d/good": State.VERIFIED}
    proving = story[story.index("prover starts") :]
    assert proving == [
        "prover starts", "prover verify", "prover ends", "mover starts", "mover again",
    ]  # fmt: skip
    assert world.script.calls["read source"] == 3 * 3  # three parts each, and one object again


def test_a_source_that_gives_other_bytes_under_a_denied_claim_is_found_out(
    tmp_path: Path,
) -> None:
    world = doubtful(tmp_path, "big")
    world.run([Step.INVENTORY, Step.TRANSFER])
    world.source.lie("src", "big", b"x" * BIG)

    assert world.run() is Exit.VERIFICATION_FAILED

    assert world.findings() == [("verify-source-differs", "big")]


def test_a_source_that_is_gone_under_a_denied_claim_is_no_loss_of_the_targets(
    tmp_path: Path,
) -> None:
    world = doubtful(tmp_path, "big")
    world.run([Step.INVENTORY, Step.TRANSFER])
    world.source.drop("src", "big")
    world.source.put("src", "other", b"")

    assert world.run([Step.VERIFY]) is Exit.VERIFICATION_FAILED

    assert world.findings() == [("verify-source-changed", "big")]


def test_many_doubts_are_asked_about_in_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "DOUBTED_MAX", 1)
    monkeypatch.setattr(verify, "ORDER_BYTES", 1)
    world = doubtful(tmp_path, "a", "b", "c")
    world.source.put("src", "good", b"y" * BIG, md5=md5(b"y" * BIG))
    story = noted(world)

    assert world.run() is Exit.VERIFICATION_FAILED

    assert world.findings() == [("verify-source-md5-differs", key) for key in ("a", "b", "c")]
    assert world.states()["d/good"] is State.VERIFIED
    assert story.count("mover again") == 3


@pytest.mark.parametrize("call", range(1, 4))
@pytest.mark.parametrize("when", ["before", "after"])
def test_who_dies_while_the_source_is_asked_asks_again(
    tmp_path: Path, call: int, when: str
) -> None:
    world = doubtful(tmp_path, "big")
    world.run([Step.INVENTORY, Step.TRANSFER])
    done = world.script.calls["read source"]
    world.kill_at(Point("read source", done + call, when))
    with pytest.raises(Killed):
        world.run([Step.VERIFY])

    assert world.run([Step.VERIFY]) is Exit.VERIFICATION_FAILED

    assert world.findings() == [("verify-source-md5-differs", "big")]


@pytest.mark.parametrize(
    ("deaths", "code"), [(2, "verify-source-md5-differs"), (3, "verify-worker-lost")]
)
def test_a_worker_that_dies_while_the_source_is_asked_verifies_nothing(
    tmp_path: Path, deaths: int, code: str
) -> None:
    world = doubtful(tmp_path, "big")
    reaper = Reaper("again", deaths)
    reaper.bad = "big"
    world.engine = reaper.engine

    assert world.run() is Exit.VERIFICATION_FAILED

    assert world.findings() == [(code, "big")]


def test_who_moves_is_never_believed_to_have_read_back(tmp_path: Path) -> None:
    world = doubtful(tmp_path, "big")

    class Lying(SerialEngine):
        def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
            for receipt in super().receipts(timeout, record):
                if isinstance(receipt, Failed) and receipt.code == "source-md5-differs":
                    yield Matched(
                        id=receipt.id, attempt=receipt.attempt, level="full",
                        at=world.clock.now(), sha256="0" * 64, stored_sha256="0" * 64,
                    )  # fmt: skip
                else:
                    yield receipt

    world.engine = lambda box: Lying(Bench(box))

    world.run()

    assert world.states() == {"d/big": State.SENT}


@pytest.mark.parametrize("size", [1, BIG], ids=["small", "large"])
def test_who_answers_a_transfer_with_what_it_was_not_asked_ends_the_run(
    tmp_path: Path, size: int
) -> None:
    world = World(tmp_path)
    world.source.put("src", "one", b"1" * size)

    class Lying(SerialEngine):
        def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
            for receipt in super().receipts(timeout, record):
                if isinstance(receipt, Sent):
                    yield Doubted(id=receipt.id, attempt=receipt.attempt)
                else:
                    yield receipt

    world.engine = lambda box: Lying(Bench(box))
    with pytest.raises(MigrateError, match="answered Doubted"):
        world.run()
    assert world.states() == {"d/one": State.SENDING}

    world.engine = serial

    assert world.run() is Exit.OK
    assert world.states() == {"d/one": State.VERIFIED}


def test_who_proves_is_never_believed_to_have_sent(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.source.put("src", "one", b"1")

    class Lying(SerialEngine):
        def receipts(self, timeout: float, record: Recorder | None = None) -> Iterable[Receipt]:
            for receipt in super().receipts(timeout, record):
                if isinstance(receipt, Matched):
                    yield Gone(id=receipt.id, attempt=receipt.attempt)
                else:
                    yield receipt

    world.engine = lambda box: Lying(Bench(box))

    world.run()

    assert world.states() == {"d/one": State.SENT}


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
