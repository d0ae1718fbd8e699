"""What a worker process runs. It imports no model of plans; see `worker_config`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hdh_migrate.pipeline.pace.lanes import ProcessShare, lane
from hdh_migrate.pipeline.pace.level import Level
from hdh_migrate.pipeline.pace.throttling import (
    Bandwidth,
    RequestPace,
    ThrottledReader,
    ThrottledSource,
    ThrottledWriter,
)
from hdh_migrate.pipeline.retrying import Retrying, SharedPause
from hdh_migrate.pipeline.workers.buffers import BufferPool
from hdh_migrate.pipeline.workers.helping import Helpers
from hdh_migrate.pipeline.workers.perform import Performer
from hdh_migrate.pipeline.workers.work import Toolbox
from hdh_migrate.ports.run import Clock
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.wiring.hands import Hands
from hdh_migrate.wiring.sources import SOURCES, Sources
from hdh_migrate.wiring.vault import Vault
from hdh_migrate.wiring.worker_config import WorkerConfig

if TYPE_CHECKING:
    from hdh_migrate.receipts import EndpointTraffic


class WorkerService:
    """What a worker process runs: a performer over its own connections."""

    def __init__(self, config: WorkerConfig, sources: Sources = SOURCES) -> None:
        limits, processes = config.limits, config.processes
        clock: Clock = SystemClock()
        self.halt = threading.Event()
        # The target counts per bucket for everybody; each process takes its share of it.
        line = lane(config.lane)
        share = ProcessShare(
            line, processes=processes, connections=config.connections, alone=config.alone,
            together=config.together,
        )  # fmt: skip
        pace = RequestPace.of(limits, clock.monotonic, self.halt, share.part)
        vault = Vault.of(config.base, config.secrets)
        hands = Hands.open(config, vault, pace=pace, sources=sources)
        if config.admitted:
            hands.admit()
        self._hands, self._clock, self._line = hands, clock, line
        source, reader, writer = hands.source, hands.reader, hands.writer
        width = Bandwidth(line, clock.monotonic, self.halt)
        source = None if source is None else ThrottledSource(source, width)
        reader = None if reader is None else ThrottledReader(reader, width)
        writer = None if writer is None else ThrottledWriter(writer, width)
        pause = SharedPause(clock.monotonic, self.halt)
        at_once = Level(
            config.alone or config.connections,
            fixed=config.fixed, ceiling=share.requests, monotonic=clock.monotonic,
        )  # fmt: skip
        self._share, self._at_once = share, at_once
        performer = Performer(
            Toolbox(
                source=source,
                reader=reader,
                writer=writer,
                envelopes=hands.envelopes,
                routes=config.routes,
                run_tag=config.run_tag,
                epoch=config.epoch,
                adopted=frozenset(config.adopted),
                level=config.level,
                reread=config.reread,
                checked=config.checked,
                retry=Retrying(
                    budget=config.retry_budget,
                    pause=pause,
                    halt=self.halt,
                    troubled=at_once.trouble,
                ),
                pool=BufferPool(config.memory // processes),
                clock=clock,
                halt=self.halt,
                helpers=Helpers(config.connections, share.requests),
                at_once=at_once,
            )
        )
        self.expect, self.perform = performer.expect, performer.perform

    def make_room(self) -> None:
        """See `Service.make_room`."""
        self._at_once.lower(self._share.lower(), self.halt)

    def limit(self, rate: float | None) -> None:
        """Let so many bytes a second pass from now on: for who works alone, without a `lane`."""
        self._line.limit(rate, self._clock.monotonic())

    def traffic(self) -> list[EndpointTraffic]:
        """Return what this worker exchanged with each endpoint."""
        return self._hands.traffic(self._clock)


def worker(values: Mapping[str, object]) -> WorkerService:
    """Build what a worker process runs; named by `engines.worker` on its command line."""
    return WorkerService(WorkerConfig.of(values))
