"""A real Dask cluster on loopback whose processes are killed, stopped, strange, or late."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from hdh_migrate.engines.coordinator import ClusterEngine
from hdh_migrate.engines.dask import DaskCarrier, dask_engine
from hdh_migrate.engines.dask_authority import new_authority
from hdh_migrate.errors import KeyUnavailable, MigrateError, Starved
from hdh_migrate.receipts import Lost, OrderDone, Receipt
from tests.support.cluster import Cluster, cluster, session
from tests.support.cluster_processes import ClusterProcess
from tests.support.line import line
from tests.support.processes import LONG
from tests.support.workshop import ROOT, drained, order, told, wish

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.waits]


@pytest.fixture(scope="module")
def calm() -> Iterator[Cluster]:
    """A cluster that outlives each test."""
    with cluster(nodes=1) as made:
        yield made


@pytest.fixture
def two() -> Iterator[Cluster]:
    with cluster(nodes=2) as made:
        yield made


def busy(engine: ClusterEngine, seconds: float = 600.0) -> str:
    """Hand out an order that takes long, wait until its node works on it; return its address."""
    number = engine.submit(order(wish(1, hang=seconds)))
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        list(engine.receipts(0.2))
        for address, link in engine._links.items():
            if link.holds(number):
                return address
    raise AssertionError("no node takes orders")


def node_at(made: Cluster, address: str) -> ClusterProcess:
    return next(one for one in made.nodes if one.address == address)


def lost(engine: ClusterEngine) -> list[Receipt]:
    return [one for one in drained(engine, 1) if isinstance(one, Lost)]


def until_raised(engine: ClusterEngine) -> None:
    for _ in range(1200):
        list(engine.receipts(0.2))


def test_a_killed_node_gives_back_what_it_held_and_the_other_goes_on(two: Cluster) -> None:
    engine = two.engine()
    try:
        node_at(two, busy(engine)).kill()
        assert len(lost(engine)) == 1
        engine.submit(order(wish(2)))
        assert list(told(drained(engine, 1))) == [2]
    finally:
        engine.close(grace=0)


def test_the_processes_of_a_killed_node_end_with_it(two: Cluster) -> None:
    engine = two.engine()
    try:
        node = node_at(two, busy(engine))
        workers = psutil.Process(node.pid).children(recursive=True)
        assert workers
        node.kill()
        lost(engine)
        assert not psutil.wait_procs(workers, timeout=LONG)[1]
    finally:
        engine.close(grace=0)


def test_what_a_stopped_node_says_when_it_wakes_is_not_heard(two: Cluster) -> None:
    engine = two.engine(silence=20.0)
    try:
        node = node_at(two, busy(engine, seconds=15.0))
        node.send_signal(signal.SIGSTOP)
        assert len(lost(engine)) == 1
        node.send_signal(signal.SIGCONT)
        late = list[Receipt]()
        until = time.monotonic() + 15
        while time.monotonic() < until:
            late.extend(engine.receipts(0.2))
        assert late == []
    finally:
        engine.close(grace=0)


def test_a_node_that_was_cut_off_is_given_up_and_not_heard_when_the_line_is_mended() -> None:
    with cluster(nodes=0) as made, line(made.address) as wire:
        made.add(through=f"tls://127.0.0.1:{wire.port}")
        engine = made.engine(silence=10.0)
        try:
            busy(engine, seconds=15.0)
            wire.cut()  # what it says stays on the line
            assert len(lost(engine)) == 1
            wire.mend()
            late, until = list[Receipt](), time.monotonic() + 15
            while time.monotonic() < until:
                late.extend(engine.receipts(0.2))
            assert late == []
            made.add()
            for _ in range(5):  # a node of a busy machine may be silent for too long, too
                engine.submit(order(wish(2)))
                done = list(told(drained(engine, 1)))
                if done:
                    break
            assert done == [2]
        finally:
            engine.close(grace=0)


def test_a_line_that_is_cut_for_a_moment_loses_nothing() -> None:
    with cluster(nodes=0) as made, line(made.address) as wire:
        made.add(through=f"tls://127.0.0.1:{wire.port}")
        engine = made.engine()
        try:
            busy(engine, seconds=5.0)
            wire.cut()
            for _ in range(35):
                assert list(engine.receipts(0.2)) == []
            wire.mend()
            assert list(told(drained(engine, 1))) == [1]
        finally:
            engine.close(grace=0)


def test_a_worker_of_dasks_own_takes_no_orders(tmp_path: Path) -> None:
    """Whatever starts plain workers with our certificates: they know no plan and no handshake."""
    with cluster(nodes=0) as made:
        plain = subprocess.Popen(
            [sys.executable, "-c", PLAIN, str(made.certificates), made.address, str(tmp_path)],
            cwd=ROOT,
        )
        engine = made.engine(patience=1.0)
        try:
            engine.submit(order(wish(1)))
            with pytest.raises(Starved, match="it is no worker of hdh-migrate"):
                until_refused(engine)
        finally:
            engine.close(grace=0)
            plain.kill()
            plain.wait()


PLAIN = """
import asyncio, sys
from pathlib import Path
from distributed import Worker
from hdh_migrate.engines.dask_security import security

async def work():
    async with Worker(sys.argv[2], protocol="tls", security=security(Path(sys.argv[1])),
                      local_directory=sys.argv[3], dashboard_address="127.0.0.1:0") as worker:
        await worker.finished()

asyncio.run(work())
"""


def until_refused(engine: ClusterEngine) -> None:
    """Take receipts until a node is known that takes none, and the run ends for it."""
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        try:
            list(engine.receipts(0.2))
        except Starved:
            if any(one.state == "gone" for one in engine.cluster()):
                raise


def test_three_nodes_that_an_object_kills_are_told_apart(two: Cluster) -> None:
    engine = two.engine()
    try:
        numbers = list[int]()
        for _ in range(3):
            node_at(two, busy(engine)).kill()
            found = [one for one in lost(engine) if isinstance(one, Lost)]
            assert all(one.machine for one in found)
            numbers += [one.worker for one in found]
            two.add()
        assert numbers == [1, 2, 3]
    finally:
        engine.close(grace=0)


def test_a_scheduler_that_is_gone_ends_the_run_resumable(two: Cluster) -> None:
    engine = two.engine()
    try:
        busy(engine)
        two.scheduler.kill()
        with pytest.raises(Starved, match=r"scheduler at tls:.* is gone"):
            until_raised(engine)
    finally:
        engine.close(grace=0)


def test_a_node_that_comes_later_is_given_what_waits() -> None:
    with cluster(nodes=0) as made:
        engine = made.engine()
        try:
            for number in range(3):
                engine.submit(order(wish(number)))
            assert list(engine.receipts(0.5)) == []
            made.add()
            assert sorted(told(drained(engine, 3))) == [0, 1, 2]
        finally:
            engine.close(grace=5)


def test_without_a_node_a_run_ends_resumable_and_says_why(calm: Cluster) -> None:
    engine = calm.engine(patience=1.0, plan_sha256="bb" * 32)
    try:
        engine.submit(order(wish(1)))
        with pytest.raises(Starved, match="its copy of the plan is not the coordinator's"):
            until_refused(engine)
    finally:
        engine.close(grace=0)


def test_whoever_has_another_authority_is_not_let_in(calm: Cluster, tmp_path: Path) -> None:
    new_authority(tmp_path / "other", datetime.now(UTC), 2)
    with pytest.raises(Starved, match="does not let us in") as caught:
        dask_engine(calm.address, tmp_path / "other", session(), connect=3.0)
    assert "docs scaling" in str(caught.value.hint)


def test_a_scheduler_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    with cluster(nodes=0) as made:
        (tmp_path / "mine").mkdir()
        new_authority(tmp_path / "mine" / "ca", datetime.now(UTC), 2)
        with pytest.raises(Starved, match="does not let us in"):
            dask_engine(made.address, tmp_path / "mine" / "ca", session(), connect=3.0)


def test_nothing_is_sent_without_certificates(calm: Cluster, tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match=r"no ca\.pem"):
        dask_engine(calm.address, tmp_path, session())
    new_authority(tmp_path / "ca", datetime.now(UTC), 2)
    (tmp_path / "ca" / "cluster.key").chmod(0o644)
    with pytest.raises(KeyUnavailable, match="open to others"):
        dask_engine(calm.address, tmp_path / "ca", session())


def test_a_new_run_ends_what_a_dead_one_left_at_its_nodes(two: Cluster) -> None:
    first = two.engine(run_tag="m", coordinator="dead")
    node = node_at(two, busy(first))
    workers = psutil.Process(node.pid).children(recursive=True)
    assert workers
    second = two.engine(run_tag="m", coordinator="alive")
    try:
        second.submit(order(wish(5)))
        assert list(told(drained(second, 1))) == [5]
        assert not psutil.wait_procs(workers, timeout=LONG)[1]
    finally:
        second.close(grace=0)
        first.close(grace=0)


def test_a_node_that_was_restarted_is_another_one(two: Cluster) -> None:
    engine = two.engine()
    try:
        for _ in range(2):
            node_at(two, busy(engine)).kill()
            lost(engine)
            two.add()
        engine.submit(order(wish(2)))
        assert list(told(drained(engine, 1))) == [2]
    finally:
        engine.close(grace=0)


def test_tasks_are_forgotten_as_soon_as_they_are_done(calm: Cluster) -> None:
    engine = calm.engine()
    try:
        for number in range(30):
            engine.submit(order(wish(number)))
        found = drained(engine, 30)
        assert sum(isinstance(one, OrderDone) for one in found) == 30
        until = time.monotonic() + LONG
        carrier = engine._carrier
        assert isinstance(carrier, DaskCarrier)
        while (left := carrier.client.run_on_scheduler(_tasks)) and time.monotonic() < until:
            time.sleep(0.1)
        assert left == 0
    finally:
        engine.close(grace=5)


def _tasks(dask_scheduler: object) -> int:
    return len(dask_scheduler.tasks)  # type: ignore[attr-defined]


CANARY = "canary-of-a-secret-"

SECRETIVE = """
import sys, time
from pathlib import Path
from hdh_migrate.model import Role
from hdh_migrate.plan.loader import load
from hdh_migrate.wiring.chosen import limits_of
from hdh_migrate.wiring.nodes import cluster_engine
from hdh_migrate.wiring.vault import Vault
from hdh_migrate.wiring.workers import config_of

plan = load(Path(sys.argv[1]))
config = config_of(
    plan.plan, Role.MOVE, Vault.open(plan.base), "run-tag-of-the-test", epoch=1, write=True,
    admitted=True, limits=limits_of(plan.plan, plan.base), recipients=["aa"],
)
assert "canary-of-a-secret-" in str(dict(config.secrets))
engine = cluster_engine(config, plan.plan)
until = time.monotonic() + 240
while all(one.state == "begins" for one in engine.cluster()) and time.monotonic() < until:
    list(engine.receipts(0.2))
for _ in range(20):
    list(engine.receipts(0.2))
engine.close(grace=0)
"""

PLAN = """
version: 1
migration: canary
source: {{kind: folder}}
target:
  provider: generic
  endpoint: http://127.0.0.1:9
  region: us-east-1
  credential: {{kind: access-key, id: "file:id", secret: "file:secret"}}
seal: {{format: crypt4gh, recipients: [a.pub, b.pub], identity: "file:a.sec"}}
datasets: [{{name: d, source: {{path: data}}, target: {{bucket: bucket, prefix: d/}}}}]
engine: {{kind: dask, scheduler: "{address}", certificates: "{certificates}"}}
"""


def test_no_secret_passes_the_scheduler(tmp_path: Path) -> None:
    for name in ("id", "secret"):
        (tmp_path / name).write_text(CANARY + name)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "data").mkdir()
    with cluster(nodes=1) as made:  # of its own: a scheduler may import this module, which names it
        (tmp_path / "plan.yaml").write_text(
            PLAN.format(address=made.address, certificates=made.certificates)
        )
        subprocess.run(
            [sys.executable, "-c", SECRETIVE, str(tmp_path / "plan.yaml")], cwd=ROOT, check=True
        )
        wanted = re.compile(rb"run-tag-of-the-test|canary-of-a-secret-")
        held = list(_held(made.scheduler.pid, wanted))
    assert b"run-tag-of-the-test" in held
    assert CANARY.encode() not in held


def _held(pid: int, wanted: re.Pattern[bytes]) -> Iterator[bytes]:
    """Find texts in all memory that a process may write."""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            where, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            start, end = (int(one, 16) for one in where.split("-"))
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            yield from wanted.findall(data)


def test_an_engine_may_be_closed_twice(calm: Cluster) -> None:
    engine = calm.engine()
    engine.submit(order(wish(1)))
    drained(engine, 1)
    for _ in range(2):
        engine.close(grace=5)
    assert len(engine.traffic()) == 1


def test_who_is_there_is_not_what_the_client_happens_to_keep(calm: Cluster) -> None:
    """It asks for no workers at all every two seconds: all of them seemed to have left."""
    engine = calm.engine()
    try:
        carrier = engine._carrier
        assert isinstance(carrier, DaskCarrier)
        for _ in range(50):
            carrier.client.sync(carrier.client._update_scheduler_info, n_workers=0)
            assert carrier._there() == set(calm.addresses)
        assert all(one.state != "gone" for one in engine.cluster())
    finally:
        engine.close(grace=0)


def test_errors_are_of_ours(calm: Cluster) -> None:
    with pytest.raises(MigrateError, match="does not let us in"):
        dask_engine("tls://127.0.0.1:1", calm.certificates, session(), connect=1.0)
