"""The engine of one thread in this process: what a test sees, it sees at once and in one place."""

from __future__ import annotations

import json
from collections.abc import Mapping

from hdh_migrate import wiring
from hdh_migrate.pipeline.workers.perform import Performer
from hdh_migrate.pipeline.workers.work import Toolbox
from hdh_migrate.receipts import EndpointTraffic
from hdh_migrate.wiring.worker_config import WorkerConfig
from tests.support.serial import SerialEngine


class Bench:
    """What a worker runs, over sides that a test holds itself."""

    def __init__(self, box: Toolbox) -> None:
        performer = Performer(box)
        self.halt, self.expect, self.perform = box.halt, performer.expect, performer.perform

    def make_room(self) -> None:
        """It is alone here for good."""

    def traffic(self) -> list[EndpointTraffic]:
        return []


def serial(box: Toolbox) -> SerialEngine:
    """Return an engine that performs orders with these sides."""
    return SerialEngine(Bench(box))


def here(sources: wiring.Sources = wiring.SOURCES) -> Mapping[str, wiring.OpenEngine]:
    """Return engines whose workers know these kinds of source."""

    def opened(config: WorkerConfig, plan: object) -> SerialEngine:
        del plan
        sent = json.loads(json.dumps(config.as_json()))  # as it is to a process
        service = wiring.WorkerService(WorkerConfig.of(sent), sources=sources)
        return SerialEngine(service, limit=service.limit)

    return {"local": opened}


HERE: Mapping[str, wiring.OpenEngine] = here()
"""For `Desk.open` and `cli.main`: every kind of engine that a plan may name works here."""
