"""Worker processes: how they start, starve, die and end, and what they get to know."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from hdh_migrate.engines.local import DEATHS_MAX, LARGE, WORTHWHILE, LocalEngine
from hdh_migrate.engines.worker import FAULT
from hdh_migrate.errors import MigrateError, Starved
from hdh_migrate.model import Role
from hdh_migrate.orders import BRIEF
from hdh_migrate.plan.loader import load
from hdh_migrate.receipts import Lost, OrderDone, Receipt, Returned, ReturnReason
from hdh_migrate.wiring import Vault
from hdh_migrate.wiring.workers import config_of
from tests.support.fakes import LIMITS
from tests.support.processes import LONG, alive, gone
from tests.support.workshop import FACTORY, ROOT, drained, order, told, wish
from tests.unit.wiring.test_worker_secrets import PLAN

pytestmark = pytest.mark.slow  # each starts Python anew, once or more often

COORDINATOR = """
import sys, time
from hdh_migrate.engines.local import LocalEngine
from tests.support.workshop import FACTORY, ROOT, order, wish
engine = LocalEngine(
    "tests.support.workshop:worker", {}, processes=2, connections=2, search=sys.argv[1:]
)
engine.submit(order(wish(1)))
engine.submit(order(wish(2, hang=900)))
while not (told := list(engine.receipts(0.5))): pass
print([worker.process.pid for worker in engine._workers], flush=True)
time.sleep(900)
"""


def local() -> LocalEngine:
    """Return two processes of one thread each."""
    return LocalEngine(FACTORY, {}, processes=2, connections=2, search=[ROOT])


@pytest.fixture
def processes() -> Iterator[LocalEngine]:
    made = local()
    yield made
    made.close(grace=5)


def test_a_worker_that_waits_to_be_recorded_does_not_hold_up_the_end(
    processes: LocalEngine,
) -> None:
    processes.submit(order(wish(1, asks=True)))
    worker = next(one for one in processes._workers if one.orders)
    while not worker.ready:
        list(processes._receive(worker))
    worker.wire.connection.poll(20)  # the question is there, and nobody takes it

    processes.close(grace=60)

    assert worker.process.returncode == 0


def test_the_death_of_one_worker_does_not_touch_the_orders_of_another(
    processes: LocalEngine,
) -> None:
    processes.submit(order(wish(1, hang=0.3)))
    processes.submit(order(wish(2, die=True)))

    found = drained(processes, 2)

    assert list(told(found)) == [1]
    assert [one.order.objects[0].id for one in found if isinstance(one, Lost)] == [2]


def test_workers_that_die_one_after_the_other_end_the_run(processes: LocalEngine) -> None:
    def feed() -> None:
        for _ in range(50):
            processes.submit(order(wish(1, die=True)))
            drained(processes, 1)

    with pytest.raises(MigrateError, match="keep dying"):
        feed()


@pytest.mark.parametrize("need", ["greedy", "threads"])
def test_a_worker_that_the_machine_starves_blames_no_object(
    processes: LocalEngine, need: str
) -> None:
    """Fifteen objects were blamed because a thread could not be started."""
    processes.submit(order(replace(wish(1, **{need: True}), attempt=2)))
    found = drained(processes, 1)
    assert [type(one) for one in found] == [Returned, OrderDone]
    assert starved(found) == [(1, 2)]


@pytest.mark.parametrize("config", [{"starved": True}, {"broken": True}])
def test_a_worker_that_cannot_even_begin_blames_no_object(config: dict[str, bool]) -> None:
    engine = LocalEngine(FACTORY, config, processes=1, connections=4, search=[ROOT])
    try:
        found = list[Receipt]()
        while not starved(found):
            engine.submit(order(wish(1)))
            found += drained(engine, 1)
        assert not [receipt for receipt in found if isinstance(receipt, Lost)]
    finally:
        engine.close(grace=0)


def test_workers_that_never_begin_end_the_run_as_a_stop() -> None:
    engine = LocalEngine(FACTORY, {"broken": True}, processes=1, connections=1, search=[ROOT])

    def wait_for_it() -> None:
        while True:
            list(engine.receipts(1.0))

    try:
        with pytest.raises(Starved, match="cannot start"):
            wait_for_it()
    finally:
        engine.close(grace=0)


def test_workers_that_never_began_do_not_keep_the_others_from_being_ended() -> None:
    engine = LocalEngine(FACTORY, {"broken": True}, processes=4, connections=4, search=[ROOT])
    for number in range(4):
        engine.submit(order(wish(number)))
    started = [worker.process for worker in engine._workers]
    engine._stillborn = DEATHS_MAX

    engine.close(grace=20)

    assert [process.returncode for process in started] == [FAULT] * 4


def test_a_worker_of_other_code_does_not_keep_the_others_from_being_ended() -> None:
    engine = LocalEngine(FACTORY, {}, processes=2, connections=2, search=[ROOT])
    for number in range(2):
        engine.submit(order(wish(number)))
    started = [worker.process for worker in engine._workers]
    engine._code = "that of a tool that was changed under the run"

    engine.close(grace=20)

    assert [process.returncode for process in started] == [0, 0]


def test_workers_end_when_their_coordinator_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COORDINATOR, ROOT], stdout=subprocess.PIPE, text=True
    ) as coordinator:
        assert coordinator.stdout is not None
        workers = json.loads(coordinator.stdout.readline())
        assert all(alive(pid) for pid in workers)

        coordinator.send_signal(signal.SIGKILL)
        coordinator.wait()

    assert all(gone(pid) for pid in workers)


def test_a_stopped_worker_does_not_hold_up_the_end(processes: LocalEngine) -> None:
    victim = processes._workers[0].process
    processes.submit(order(wish(1)))
    drained(processes, 1)
    os.kill(victim.pid, signal.SIGSTOP)

    processes.close(grace=0.5)  # and not for ever

    assert victim.poll() is not None


def test_workers_tell_their_traffic_when_they_are_closed(processes: LocalEngine) -> None:
    for number in range(2):
        processes.submit(order(wish(number)))
    drained(processes, 2)
    processes.close(grace=LONG)
    assert len(processes.traffic()) == 2


def test_little_work_starts_one_process_and_more_work_the_others(processes: LocalEngine) -> None:
    for number in range(3):  # one after the other
        processes.submit(order(wish(number)))
        drained(processes, 1)
    assert len(processes._workers) == 1

    for number in range(5):  # at once
        processes.submit(order(wish(number)))
    drained(processes, 5)
    assert len(processes._workers) == 2


def test_no_process_is_started_while_a_thread_is_free() -> None:
    engine = LocalEngine(FACTORY, {}, processes=2, connections=4, search=[ROOT])
    try:
        for number, started in enumerate((1, 1, 2)):
            engine.submit(order(wish(number, hang=0.3)))
            assert len(engine._workers) == started
        assert sorted(told(drained(engine, 3))) == [0, 1, 2]
    finally:
        engine.close(grace=LONG)


@pytest.mark.parametrize(
    ("size", "cores", "patience", "free", "started"),
    [
        (LARGE, 2, LONG, 2, 1),
        (LARGE, 3, LONG, 0, 2),
        (LARGE - 1, 2, LONG, 0, 2),
        (LARGE, 2, 0.0, WORTHWHILE, 2),
        (LARGE, 2, 0.0, 0, 1),
    ],
    ids=[
        "as many threads as processors", "fewer threads", "small ones", "they wait for long",
        "they wait for long, but for processors",
    ],
)  # fmt: skip
def test_large_objects_share_the_threads_of_one_process_for_a_while(
    size: int, cores: int, patience: float, free: float, started: int
) -> None:
    engine = LocalEngine(
        FACTORY, {}, processes=2, connections=4, search=[ROOT], cores=cores, patience=patience,
        free=lambda: free,
    )  # fmt: skip
    try:
        for number in range(3):
            engine.submit(order(replace(wish(number, hang=0.3), size=size)))
        assert len(engine._workers) == started
        assert sorted(told(drained(engine, 3))) == [0, 1, 2]
    finally:
        engine.close(grace=LONG)


def test_brief_orders_have_one_process_until_it_is_busy_and_another_processor_is_not() -> None:
    asked, free = list[int](), 0.0

    def told_free() -> float:
        asked.append(len(engine._workers))
        return free

    engine = LocalEngine(
        FACTORY, {}, processes=2, connections=4, search=[ROOT], alone_until=float("inf"),
        free=told_free,
    )  # fmt: skip
    try:
        for number in range(5):
            engine.submit(order(wish(number, hang=0.1)))
        found = drained(engine, 5)
        assert len(engine._workers) == 1
        assert sorted(told(found)) == [*range(5)]

        engine._alone_until = 0.0  # whatever it used in the last second, it is busy
        asked.clear()
        while len(engine._workers) == 1:  # until it says how much that was
            for number in range(3):
                engine.submit(order(wish(number, hang=0.1)))
            assert sorted(told(drained(engine, 3))) == [0, 1, 2]
            free = WORTHWHILE if len(asked) > 1 else 0.0  # of the first report it is still alone
        assert asked[:2] == [1, 1]
    finally:
        engine.close(grace=LONG)


def test_no_other_process_begins_before_the_first_has_made_room(tmp_path: Path) -> None:
    room = tmp_path / "room"
    engine = LocalEngine(
        FACTORY, {"room": str(room)}, processes=2, connections=2, search=[ROOT],
        alone_until=float("inf"),
    )  # fmt: skip
    try:
        engine.submit(order(wish(0, config=True)))
        assert told(drained(engine, 1))[0]["config"]["alone"] == 2
        engine.submit(order(wish(1, hang=0.3)))
        for number in range(2, 4):  # which do not wait together with brief ones
            engine.submit(order(replace(wish(number), size=BRIEF + 1)))
        assert sorted(told(drained(engine, 3))) == [1, 2, 3]
        assert len(engine._workers) == 1

        room.touch()
        while len(engine._workers) == 1:  # soon after the worker says so
            for number in range(2):
                engine.submit(order(wish(number)))
            drained(engine, 2)
        for number in range(2):
            engine.submit(order(wish(number, config=True, hang=0.5)))
        found = told(drained(engine, 2)).values()
        assert {one["config"]["alone"] for one in found} == {2, None}
    finally:
        engine.close(grace=LONG)


def test_what_dies_while_it_makes_room_is_waited_for_no_more(tmp_path: Path) -> None:
    engine = LocalEngine(
        FACTORY, {"room": str(tmp_path / "never")}, processes=2, connections=2, search=[ROOT],
        alone_until=float("inf"),
    )  # fmt: skip
    try:
        engine.submit(order(wish(0, hang=0.3), wish(1, die=True)))
        engine.submit(order(replace(wish(2), size=BRIEF + 1)))
        assert len([one for one in drained(engine, 2) if isinstance(one, Lost)]) == 2
        for number in range(3, 5):
            engine.submit(order(wish(number, hang=0.3)))
        assert sorted(told(drained(engine, 2))) == [3, 4]
        assert len(engine._workers) == 2
    finally:
        engine.close(grace=LONG)


def test_work_for_a_process_that_cannot_be_started_comes_back(processes: LocalEngine) -> None:
    processes.submit(order(wish(1)))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        processes.submit(order(wish(2)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

    found = drained(processes, 2)

    assert starved(found) == [(2, 1)]
    assert list(told(found)) == [1]
    assert len(processes._workers) == 1


def test_no_secret_is_in_a_workers_command_line() -> None:
    made = LocalEngine(
        FACTORY, {"plan": "canary-in-config"}, processes=1, connections=1, search=[ROOT]
    )
    try:
        made.submit(order(wish(1, environ=True)))
        environ = environment_told(drained(made, 1))
        line = Path(f"/proc/{made._workers[0].process.pid}/cmdline").read_bytes()
    finally:
        made.close(grace=5)
    assert b"canary" not in line
    assert "canary" not in str(environ)


ROLES = {
    # The passphrase of the identity opens what is read back, and the header of an open upload.
    Role.MOVE: {"SOURCE", "WRITE_ID", "WRITE", "PHRASE"},
    Role.PROVE: {"READ_ID", "READ", "PHRASE"},
}
OF_NO_ROLE = {"WRITER", "CONSUMER_ID", "CONSUMER", "ERASER", "SIGNER"}


@pytest.mark.parametrize("role", Role)
def test_no_secret_of_the_other_role_comes_over_a_workers_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    for name in set.union(OF_NO_ROLE, *ROLES.values()):
        monkeypatch.setenv(f"T_{name}", f"canary-{name}.")
    (tmp_path / "plan.yaml").write_text(PLAN)
    loaded = load(tmp_path / "plan.yaml")

    config = config_of(
        loaded.plan, role, Vault.open(tmp_path), "tag", epoch=0, write=True,
        admitted=False, limits=LIMITS, recipients=(),
    )  # fmt: skip
    engine = LocalEngine(FACTORY, config.as_json(), processes=1, connections=1, search=[ROOT])
    try:
        engine.submit(order(wish(1, config=True, environ=True)))
        seen = told(drained(engine, 1))[1]
    finally:
        engine.close(grace=5)

    assert set(re.findall(r"canary-(\w+)\.", json.dumps(seen))) == ROLES[role]
    assert seen["config"]["write"] is (role is Role.MOVE)


def environment_told(found: Sequence[Receipt]) -> Mapping[str, str]:
    """Return a worker's environment as it told it: only root may read it from outside."""
    (seen,) = (one["environ"] for one in told(found).values())
    assert seen
    return dict(seen)


def starved(found: Sequence[Receipt]) -> list[tuple[int, int]]:
    """Return the object and attempt of what came back since the machine gives no more."""
    return [
        (one.id, one.attempt)
        for one in found
        if isinstance(one, Returned) and one.reason is ReturnReason.STARVED
    ]


# --- whose code runs, and what it gets to know ---------------------------------------------------

OTHER_CODE = """
import os, signal, sys, time
from pathlib import Path
import hdh_migrate
from hdh_migrate.engines.local import LocalEngine
from hdh_migrate.errors import Refused
from hdh_migrate.receipts import OrderDone
from hdh_migrate.workshop import order, wish
engine = LocalEngine("hdh_migrate.workshop:worker", {}, processes=1, connections=1)
engine.submit(order(wish(1)))
while not any(isinstance(one, OrderDone) for one in engine.receipts(0.5)): pass
with open(Path(hdh_migrate.__file__).with_name("fixity.py"), "a") as file:
    file.write("# an upgrade under the run\\n")
os.kill(engine._workers[0].process.pid, signal.SIGKILL)
until = time.monotonic() + 240
try:
    while time.monotonic() < until: list(engine.receipts(0.5))
except Refused as error:
    print("refused:", error)
engine.close(grace=5)
"""


def test_a_module_in_the_current_directory_is_not_run_by_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("queue.py", "signal.py", "hdh_migrate.py"):
        (tmp_path / name).write_text("open('taken', 'w').write('secrets')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = local()
    try:
        made.submit(order(wish(1)))
        assert list(told(drained(made, 1))) == [1]
        command = Path(f"/proc/{made._workers[0].process.pid}/cmdline").read_bytes().split(b"\0")
    finally:
        made.close(grace=5)
    assert not (tmp_path / "taken").exists()
    assert command[1] == b"-I"  # which leaves out a person's own site-packages too


def test_a_worker_sees_no_variable_that_may_hold_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDH_ERASER_SAS", "sig=canary-eraser")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "canary-identity")
    monkeypatch.setenv("LC_TIME", "fr_FR.UTF-8")
    made = LocalEngine(FACTORY, {}, processes=1, connections=1, search=[ROOT])
    try:
        made.submit(order(wish(1, environ=True)))
        environ = environment_told(drained(made, 1))
    finally:
        made.close(grace=5)
    assert "canary" not in str(environ)
    assert environ["LC_TIME"] == "fr_FR.UTF-8"


def test_a_worker_leaves_no_core_file_and_is_closed_to_debuggers() -> None:
    made = LocalEngine(FACTORY, {}, processes=1, connections=1, search=[ROOT])
    try:
        made.submit(order(wish(1)))
        drained(made, 1)
        limits = Path(f"/proc/{made._workers[0].process.pid}/limits").read_text()
    finally:
        made.close(grace=5)
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]


DUMPABLE = """
import ctypes
from hdh_migrate.confined import confine
ask = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
before = ask()
confine()
print(before, ask())
"""


def test_a_confined_process_cannot_be_read_by_another() -> None:
    told = subprocess.run(
        [sys.executable, "-c", DUMPABLE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["1", "0"]


def test_a_worker_that_runs_other_code_than_the_coordinator_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "hdh_migrate"
    shutil.copytree(Path(ROOT) / "hdh_migrate", package, ignore=shutil.ignore_patterns("*.pyc"))
    workshop = (Path(ROOT) / "tests/support/workshop.py").read_text()
    shared = "from tests.support.processes import LONG\n"  # a worker finds our package alone
    assert shared in workshop
    (package / "workshop.py").write_text(workshop.replace(shared, f"LONG = {LONG}\n"))

    done = subprocess.run(
        [sys.executable, "-c", OTHER_CODE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.stdout.startswith("refused: a worker process runs other code"), done.stderr


def test_a_fault_in_a_worker_is_told_without_its_words(capfd: pytest.CaptureFixture[str]) -> None:
    made = LocalEngine(FACTORY, {}, processes=1, connections=1, search=[ROOT])
    try:
        made.submit(order(wish(1, fault="patient-martin")))
        found = drained(made, 1)
    finally:
        made.close(grace=5)
    assert [type(one) for one in found] == [Lost]
    said = capfd.readouterr().err
    assert "worker: RuntimeError at workshop.py:" in said
    assert "martin" not in said
    assert "Traceback" not in said


def test_what_a_worker_told_of_its_traffic_stays_when_it_is_killed(processes: LocalEngine) -> None:
    processes.submit(order(wish(1, hang=1.2)))  # so that it is time to tell
    drained(processes, 1)
    assert [one.bytes_read for one in processes.traffic()] == [2]
    (worker,) = processes._workers
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    list(processes.receipts(5))
    assert worker not in processes._workers
    assert sum(one.bytes_read for one in processes.traffic()) == 2
