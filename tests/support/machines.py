"""Machines of a cluster as an operator starts them, and what a run through them must come to."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.command import ForkedCommand, begin, command
from tests.support.fixtures import Bucket, Container, upload
from tests.support.processes import free_port
from tests.support.season import Season, season

BIG = 24 << 20
SECONDS = 1500
"""What a whole run takes on however busy a machine; whoever waits longer waits for nothing."""


@dataclass
class Machines:
    """A scheduler and workers, each a process as an operator starts it."""

    play: Season
    stack: ExitStack
    scheduler: ForkedCommand | None = None
    workers: list[ForkedCommand] = field(default_factory=list)

    def schedule(self) -> None:
        """Start the scheduler (again)."""
        self.scheduler = self._start("--scheduler")

    def worker(self) -> None:
        self.workers.append(self._start("--host", "127.0.0.1"))

    def replace(self, number: int) -> None:
        """Kill a worker, without a word, and start another one."""
        end(self.workers.pop(number))
        self.worker()

    def restart(self, many: int = 2) -> None:
        """Start what is not there: the scheduler, and with it all workers, or some of these."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            for worker in self.workers:
                end(worker)
            self.workers.clear()
            self.schedule()
        self.workers = [one for one in self.workers if one.poll() is None]
        while len(self.workers) < many:
            self.worker()

    def of_workers(self) -> list[int]:
        """Return the processes that workers started for orders."""
        return [child for one in self.workers for child in _children(one.pid)]

    def kill_who_asked(self, port: int) -> bool:
        """Kill the process of a worker that holds the connection from a local port.

        False: none does, for whoever asked is gone by now.
        """
        socket_of = {
            int(columns[1].rpartition(":")[2], 16): f"socket:[{columns[9]}]"
            for columns in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        }
        for process in self.of_workers():
            for handle in _handles(process):
                with suppress(OSError):  # it is closed meanwhile
                    if str(handle.readlink()) == socket_of.get(port):
                        os.kill(process, signal.SIGKILL)
                        return True
        return False

    def _start(self, *more: str) -> ForkedCommand:
        """Start one machine and wait until it says its address."""
        process = begin(
            "worker", str(self.play.path), *more, cwd=self.play.folder,
            env=os.environ | self.play.environ, out=Path(os.devnull),
        )  # fmt: skip
        self.stack.callback(end, process)
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "at tls://" in line:
                return process
        raise AssertionError(said)


def _handles(pid: int) -> list[Path]:
    """Return what a process has open; nothing of one that is gone."""
    try:
        return list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []


def _children(pid: int) -> list[int]:
    """Return the children of a process; none of one that is gone."""
    found = list[int]()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            continue
    return found


def end(process: ForkedCommand) -> None:
    """Kill a machine's process, be it stopped."""
    process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def clustered(folder: Path, container: Container, bucket: Bucket) -> Season:
    """Make a source of many small objects and a large one, and a plan whose engine is a cluster."""
    made = season(folder, container, bucket)
    seeded = random.Random(20261126)
    made.blob("pmsi/large.bin", seeded.randbytes(BIG))
    small = {
        f"pmsi/{number}.csv": seeded.randbytes(seeded.randrange(100_000)) for number in range(40)
    }
    upload(container, small)
    made.dataset("pmsi", "pmsi/")
    made.batch("pilot", "pmsi")
    done = command("worker", "--new-ca", str(folder / "keys" / "cluster"))
    assert done.returncode == 0, done.stderr
    made.plan["engine"] = {
        "kind": "dask", "processes": 1, "connections": 2, "certificates": "keys/cluster",
        "scheduler": f"tls://127.0.0.1:{free_port()}",
    }  # fmt: skip
    made.write()
    return made


def whole(play: Season) -> None:
    """Count as an outsider: every blob is at the target, byte by byte, and both verifiers agree.

    Nothing else is there, and nothing is left open.
    """
    source = play.source()
    assert set(play.stored()) == {f"in/{key}.c4gh" for key in source}
    for key, body in source.items():
        assert play.opened(key) == body, key
    assert play.counted() == {"pilot": {"verified": len(source)}}
    bucket = play.bucket
    assert not bucket.client.list_multipart_uploads(Bucket=bucket.name).get("Uploads")
    play.audit()


OF_EACH_RUN = {"stored_sha256", "target_etag", "target_version_id", "target_key", "verified_at"}
"""What another sealing under another prefix has otherwise."""


def manifest(play: Season) -> list[dict[str, Any]]:
    """Return the newest bundle's manifest, line by line, without what is of each run alone."""
    text = (play.bundles()[-1] / "manifest.jsonl").read_text()
    found: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    return [{name: one[name] for name in one if name not in OF_EACH_RUN} for one in found]


def inventory_root(play: Season) -> str:
    """Return the root over keys, sizes and versions that the inventory was sealed with."""
    (sealed,) = play.events("inventoried")
    root: str = sealed["root"]
    return root


def compare_with_one_machine(play: Season) -> None:
    """Do it all again without a cluster; demand the same, line by line."""
    mine, root = manifest(play), inventory_root(play)
    play.plan["migration"], play.plan["engine"] = "alone", {"kind": "local", "processes": 1}
    play.plan["datasets"][0]["target"]["prefix"] = "alone/"
    play.plan.pop("limits", None)
    play.write()
    play.call("run", expect=0)
    assert manifest(play) == mine
    assert inventory_root(play) == root


def run(play: Season, seconds: float | None = None) -> int | None:
    """Run to the end, or kill it after so many seconds; return the exit code, None if killed."""
    process = play.start("run")
    try:
        return process.wait(seconds or SECONDS)
    except subprocess.TimeoutExpired:
        assert seconds is not None
        process.kill_all()
        return None
