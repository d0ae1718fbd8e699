"""Days of a real run in minutes: its clock is moved on while it waits, never while it works.

The wall clock that the program and its workers see is the machine's and a shift, which a library of
ours adds (`shifted_clock.c`, LD_PRELOAD). Their monotonic clock and their sleeps are the real ones,
so nothing is sped up and a rate is a rate. The S3 server's clock is moved with it: it judges the
date of every signature, and the program compares the two clocks. (libfaketime 0.9.10 does not do:
beside a real monotonic clock Python's `time.sleep` fails under it, and workers get no LD_PRELOAD.)
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml

from hdh_migrate.evidence.signatures.signing import new_report_key
from hdh_migrate.sealing.keys import new_pair
from tests.support.fixtures import s3_client
from tests.support.processes import LONG
from tests.support.strict_s3 import Manner, StrictS3
from tests.support.strict_s3.server import Seen

PARIS: Final = ZoneInfo("Europe/Paris")
BUCKET: Final = "landing"
_REAL: Final = os.path.realpath(sys.executable)
_LIBRARY: Final = Path(__file__).with_name("shifted_clock.c")


def compiler() -> str | None:
    """Return what makes the library (Debian: gcc and libc6-dev); None: it is not installed."""
    return shutil.which("cc")


def wall(said: str, *, fold: int = 0) -> float:
    """Return the moment at which clocks in Paris show something; `fold` 1: the second time."""
    return datetime.fromisoformat(said).replace(tzinfo=PARIS, fold=fold).timestamp()


def shown(at: float) -> str:
    """Return what clocks in Paris show at a moment."""
    return f"{datetime.fromtimestamp(at, PARIS):%a %Y-%m-%d %H:%M:%S %Z}"


class _Stamped(list[Seen]):
    """What a server answered, each with when, by the real monotonic clock."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def append(self, one: Seen) -> None:
        self.times.append(time.monotonic())
        super().append(one)


@dataclass(slots=True, kw_only=True)
class Days:
    """One plan from a folder to a strict S3 server, and a clock that a test moves."""

    folder: Path
    server: StrictS3
    offset: float = 0.0
    process: subprocess.Popen[bytes] | None = None
    _stamped: _Stamped = field(default_factory=_Stamped)

    def __post_init__(self) -> None:
        self.server.seen = self._stamped

    # --- the clock ---------------------------------------------------------------------------

    def now(self) -> float:
        """Return the moment that the program's clock shows."""
        return time.time() + self.offset

    def move_to(self, at: float) -> None:
        """Move the clocks of the program and of the server to a moment."""
        self.offset = at - time.time()
        self.server.behave(Manner(clock_offset=self.offset))
        with (self.folder / "shift").open("r+b") as file:
            file.write(struct.pack("q", round(self.offset * 1e9)))

    def sleep_until(self, at: float) -> None:
        """Wait until the clock shows a moment."""
        while (left := at - self.now()) > 0:
            time.sleep(min(left, 0.2))

    @property
    def environ(self) -> Mapping[str, str]:
        """What the program is given."""
        return os.environ | {
            **_preload(self.folder),
            "T_ID": self.server.access_key, "T_SECRET": self.server.secret_key,
        }  # fmt: skip

    # --- the operator ------------------------------------------------------------------------

    @property
    def plan(self) -> Path:
        return self.folder / "plan.yaml"

    def change(self, **sections: Any) -> None:
        """Change sections of the plan's file, in one go."""
        known = yaml.safe_load(self.plan.read_text())
        partial = self.folder / "plan.partial"
        partial.write_text(yaml.safe_dump(known | sections, sort_keys=False))
        partial.replace(self.plan)

    def call(self, verb: str, *more: str) -> Any:
        """Run one command of another terminal; return what it printed."""
        done = subprocess.run(
            [self._python, "-m", "hdh_migrate", verb, str(self.plan), *more, "--json"],
            executable=_REAL, env=self.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (verb, done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def begin(self, *words: str) -> None:
        """Begin the run that goes on through all of it."""
        with (self.folder / "said").open("wb") as said:
            self.process = subprocess.Popen(
                [self._python, "-m", "hdh_migrate", *words, str(self.plan), "--wait",
                 "--no-progress"],
                executable=_REAL, env=self.environ, stdout=subprocess.DEVNULL, stderr=said,
                start_new_session=True,
            )  # fmt: skip

    @property
    def _python(self) -> str:
        return str(self.folder / "python" / "bin" / "python")

    def stored(self) -> list[str]:
        """Return the keys of what the target holds."""
        held = self.server.store.buckets[BUCKET]
        return [key for key in held.in_order() if held.current(key) is not None]

    @property
    def said(self) -> str:
        """What the run said so far."""
        return (self.folder / "said").read_text()

    def hears(self, words: str, times: int = 1, seconds: float = LONG) -> None:
        """Wait until the run has said something so many times."""
        self.until(lambda: self.said.count(words) >= times, words, seconds)

    def until(self, seen: Callable[[], object], what: str, seconds: float = LONG) -> None:
        """Wait until something is so, for as long as the run is there."""
        assert self.process is not None, "it has begun"
        until = time.monotonic() + seconds
        while not seen():
            ended = self.process.poll()
            assert ended is None, f"it ended with {ended} before {what}: {self.said}"
            assert time.monotonic() < until, f"nothing came of: {what}: {self.said}"
            time.sleep(0.05)

    def pause(self) -> None:
        """Pause the run; return when it waits."""
        said = self.said.count("waiting: paused by")
        self.call("pause")
        self.hears("waiting: paused by", said + 1)

    def resume(self) -> None:
        """Let it go on; return when it sends or reads again."""
        answered = len(self._stamped)
        self.call("resume")
        self.until(lambda: self._data(answered), "a data request")

    def jump(self, at: float) -> None:
        """Pause the run, move the clock, let it go on."""
        self.pause()
        self.move_to(at)
        self.resume()

    def ends(self, seconds: float = LONG) -> int:
        """Wait for its end; return its exit code."""
        assert self.process is not None, "it has begun"
        return self.process.wait(seconds)

    def kill(self) -> None:
        """End whatever is left of it."""
        if self.process is not None and self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    # --- what is measured --------------------------------------------------------------------

    def rate(self, operation: str, seconds: float) -> float:
        """Return the bytes a second of an operation's objects, measured for so long from now on."""
        begun = len(self._stamped)
        self.until(lambda: len(self._of(operation, begun)) > 1, operation)
        first = self._of(operation, begun)[0][0]
        time.sleep(max(0.0, first + seconds - time.monotonic()))
        answered = [one for one in self._of(operation, begun) if one[0] <= first + seconds]
        return sum(size for _, size in answered[1:]) / (answered[-1][0] - first)

    def _data(self, begun: int) -> list[tuple[float, int]]:
        return [*self._of("PutObject", begun), *self._of("GetObject", begun)]

    def _of(self, operation: str, begun: int) -> list[tuple[float, int]]:
        """Return when each data object was answered since, and how large it is as it is stored."""
        held = self.server.store.buckets[BUCKET]
        return [
            (self._stamped.times[place], len(held.version(one.key, None).body))
            for place, one in enumerate([*self._stamped][begun:], begun)
            if one.operation == operation and one.status in {200, 206} and one.key.startswith("in/")
        ]

    def events(self, kind: str) -> list[tuple[float, dict[str, Any]]]:
        """Return the journal's events of a kind, each with its moment."""
        where = next((self.folder / ".hdh-migrate").glob("*/ledger.db"))
        with closing(sqlite3.connect(f"file:{where}?mode=ro", uri=True)) as database:
            rows = database.execute(
                "SELECT at, body FROM event WHERE kind = ? ORDER BY seq", [kind]
            )
            return [(datetime.fromisoformat(at).timestamp(), json.loads(body)) for at, body in rows]

    def notices(self) -> list[dict[str, Any]]:
        """Return the documents that the plan's program was given."""
        try:
            lines = (self.folder / "notices").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line]


@contextmanager
def days(folder: Path, objects: int, size: int, **sections: Any) -> Iterator[Days]:
    """Make a plan of so many objects of one size, with these sections, and its server."""
    (folder / "data").mkdir()
    body = os.urandom(size)
    for number in range(objects):
        (folder / "data" / f"{number:05}.bin").write_bytes(number.to_bytes(4, "big") + body[4:])
    _make_clock(folder)
    (folder / "keys").mkdir()
    for name in ("steward", "escrow"):
        new_pair(folder / "keys", name, passphrase=None)
    new_report_key(folder / "keys", "report", None)
    (folder / "tell").write_text("#!/bin/sh\n/bin/cat >> notices; echo >> notices\n")
    (folder / "tell").chmod(0o755)
    with StrictS3(Manner()) as server:
        client = s3_client(server)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        (folder / "plan.yaml").write_text(yaml.safe_dump(_plan(server) | sections, sort_keys=False))
        made = Days(folder=folder, server=server)
        try:
            yield made
        finally:
            made.kill()


def shifted_clock(folder: Path, seconds: int = 0) -> Mapping[str, str]:
    """Make the library and its number; return the environment of a program that it is for.

    Worker processes get a bare environment, so their clock is the real one.
    """
    (folder / "shift").write_bytes(struct.pack("q", seconds * 1_000_000_000))
    made = ["-shared", "-fPIC", "-O2", "-o", str(folder / "clock.so"), str(_LIBRARY)]
    subprocess.run([compiler() or "cc", *made], check=True)
    return _preload(folder)


def _make_clock(folder: Path) -> None:
    """Make the library, its number, and an interpreter for workers, who shift their clock too."""
    shifted_clock(folder)
    home = folder / "python"
    (home / "bin").mkdir(parents=True)
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", home)
    (home / "lib").symlink_to(Path(sys.prefix) / "lib")
    given = "\n".join(f"export {name}='{value}'" for name, value in _preload(folder).items())
    (home / "bin" / "python").write_text(f"#!/bin/sh\n{given}\nexec '{sys.executable}' \"$@\"\n")
    (home / "bin" / "python").chmod(0o755)


def _preload(folder: Path) -> Mapping[str, str]:
    return {"LD_PRELOAD": str(folder / "clock.so"), "SHIFTED_CLOCK": str(folder / "shift")}


def _plan(server: StrictS3) -> dict[str, Any]:
    credential = {"kind": "access-key", "id": "env:T_ID", "secret": "env:T_SECRET"}
    target = {"provider": "generic", "endpoint": server.endpoint, "region": "us-east-1"}
    place = {"bucket": BUCKET, "prefix": "in/"}
    return {
        "version": 1,
        "migration": "days",
        "source": {"kind": "folder"},
        "target": {**target, "credential": credential},
        "seal": {
            "format": "crypt4gh",
            "recipients": ["keys/steward.pub", "keys/escrow.pub"],
            "identity": "file:keys/steward.sec",
        },
        "datasets": [{"name": "all", "source": {"path": "data"}, "target": place}],
        "batches": [{"name": "all", "datasets": ["all"]}],
        "engine": {"kind": "local", "processes": 1, "connections": 4},
        "report": {"signer": "file:keys/report.key"},
    }


def held_until(days: Days, why: str) -> Sequence[float]:
    """Return when the run was held up for a reason, each time."""
    return [at for at, body in days.events("held-up") if body["why"] == why]
