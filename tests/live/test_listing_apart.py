"""A long container is listed again by a process of its own, and by nobody else if that fails."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.quick_azure import KEY, PAGE_MOST, QuickAzure, entry
from hdh_migrate.demo.servers import S3Server
from hdh_migrate.errors import Exit, ListingBroken
from hdh_migrate.events.run import RunEnded
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Step
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.run import perform
from hdh_migrate.sources.azure_blob import RECOUNT_FIRST
from hdh_migrate.telemetry import SystemClock
from tests.support.processes import gone
from tests.support.quiet import Notes
from tests.support.servers import rclone_s3
from tests.support.serving import serving

pytestmark = pytest.mark.live

LONG_COUNT = 2 * PAGE_MOST + 1
BEYOND = RECOUNT_FIRST + PAGE_MOST
"""Entries before the second listing's third page, before which it waits here."""
PLAN = """\
version: 1
migration: apart
source:
  kind: azure-blob
  account_url: {source}
  credential: {{kind: shared-key, value: "env:T_KEY"}}
target:
  provider: generic
  endpoint: {endpoint}
  region: {region}
  credential: {{kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}}
seal: {{format: none, reason: "a test"}}
datasets:
  - name: all
    source: {{container: quick}}
    target: {{bucket: apart, prefix: x/}}
"""


class Watched(QuickAzure):
    """Calls `met` when the second listing's third page is asked for, and lists what it is told."""

    def __init__(self, count: int, met: Callable[[], None] = lambda: None) -> None:
        super().__init__([entry(number) for number in range(count)])
        self._met = met
        self.lies = False
        self.is_cut = False
        self.sent = 0
        """Bytes of pages."""
        self.asked = 0
        """How often that page was asked for."""
        self.begun = 0
        """How often a second listing was begun."""

    def page(self, first: int, most: int) -> bytes:
        found = super().page(first, most)
        self.sent += len(found)
        self.begun += (first, most) == (0, RECOUNT_FIRST)
        if first != BEYOND:
            return found
        self.asked += 1
        self._met()
        if self.is_cut and self.asked == 1:
            self.sent -= 100
            return found[:-100]
        return found.replace(b"<Etag>0x8DC", b"<Etag>0x8DD", 1) if self.lies else found


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    folder = tmp_path_factory.mktemp("s3")
    (folder / "buckets" / "apart").mkdir(parents=True)
    with rclone_s3(folder / "buckets", folder / "log") as server:
        yield server


@contextmanager
def desk(folder: Path, server: QuickAzure, s3: S3Server) -> Iterator[Desk]:
    environ = {"T_KEY": KEY, "T_ID": s3.access_key, "T_SECRET": s3.secret_key}
    plan = PLAN.format(source=server.url, endpoint=s3.endpoint, region=s3.region)
    (folder / "plan.yaml").write_text(plan)
    with pytest.MonkeyPatch.context() as patch, serving(server):
        for name, value in environ.items():
            patch.setenv(name, value)
        yield Desk.open(folder / "plan.yaml", None, Notes(), threading.Event())


def listing_again() -> Mapping[int, str]:
    """Return the processes of this one that list again, with their arguments and environment."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = process.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            line = process.joinpath("cmdline").read_bytes()
            around = process.joinpath("environ").read_bytes()
        except OSError:
            continue
        if int(parent) == os.getpid() and b"list_again" in line:
            found[int(process.name)] = (line + around).decode()
    return found


def listed(one: Desk) -> int:
    """Make the inventory, and return how many objects it has."""
    code, datasets = perform(one, [Step.INVENTORY], ())
    assert code is Exit.OK
    (found,) = datasets
    return sum(amount["objects"] for amount in found["states"].values())


def read(one: Desk) -> int:
    """Return how many bytes the journal says were read from the source."""
    ledger = SqliteLedger.read_only(one.ledger_path, SystemClock())
    (ended,) = [event for _, event in ledger.events(RunEnded)]
    ledger.close()
    return sum(total.bytes_read for total in ended.traffic if total.side == "source")


def test_a_long_container_is_listed_again_by_a_process_that_is_told_its_secret_by_us_alone(
    tmp_path: Path, s3: S3Server
) -> None:
    seen = dict[int, str]()
    server = Watched(LONG_COUNT, lambda: seen.update(listing_again()))
    with desk(tmp_path, server, s3) as one:
        assert listed(one) == LONG_COUNT
        assert read(one) == server.sent + len(b"x")  # preflight reads a blob

    assert server.asked == 1
    assert len(seen) == 1
    assert all(KEY not in line for line in seen.values())
    assert all(map(gone, seen))


def test_a_container_of_two_pages_starts_no_process(tmp_path: Path, s3: S3Server) -> None:
    seen = dict[int, str]()
    server = Watched(2 * PAGE_MOST, lambda: seen.update(listing_again()))
    with desk(tmp_path, server, s3) as one:
        assert listed(one) == 2 * PAGE_MOST

    assert (server.asked, seen) == (1, {})


def test_when_that_process_is_killed_the_container_is_listed_again_here(
    tmp_path: Path, s3: S3Server
) -> None:
    killed = list[int]()

    def kill() -> None:
        for pid in listing_again():
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    server = Watched(LONG_COUNT, kill)
    with desk(tmp_path, server, s3) as one:
        assert listed(one) == LONG_COUNT

    assert len(killed) == 1
    assert server.asked == 2


def test_what_breaks_off_there_goes_on_there(tmp_path: Path, s3: S3Server) -> None:
    server = Watched(LONG_COUNT)
    server.is_cut = True
    with desk(tmp_path, server, s3) as one:
        assert listed(one) == LONG_COUNT
        assert read(one) == server.sent + len(b"x")  # what that process read is told at its end

    assert (server.asked, server.begun) == (2, 2)


def test_what_breaks_off_here_goes_on_at_that_page(tmp_path: Path, s3: S3Server) -> None:
    server = Watched(2 * PAGE_MOST)
    server.is_cut = True
    with desk(tmp_path, server, s3) as one:
        assert listed(one) == 2 * PAGE_MOST

    assert (server.asked, server.begun) == (2, 1)


def test_a_second_listing_that_differs_is_refused_whoever_lists(
    tmp_path: Path, s3: S3Server
) -> None:
    server = Watched(LONG_COUNT)
    server.lies = True
    with desk(tmp_path, server, s3) as one, pytest.raises(ListingBroken, match="two listings"):
        perform(one, [Step.INVENTORY], ())

    assert server.asked == 3
