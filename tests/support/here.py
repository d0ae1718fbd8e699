"""The engine of one thread in this process: what a test sees, it sees at once and in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdh_migrate import wiring
from hdh_migrate.engines.serial import SerialEngine
from hdh_migrate.pipeline.perform import Performer
from hdh_migrate.pipeline.work import Toolbox
from hdh_migrate.ports import Service
from hdh_migrate.receipts import EndpointTraffic


class Bench:
    """What a worker runs, over sides that a test holds itself."""

    def __init__(self, box: Toolbox) -> None:
        self.halt, self.perform = box.halt, Performer(box).perform

    def traffic(self) -> list[EndpointTraffic]:
        return []


def serial(box: Toolbox) -> SerialEngine:
    """Return an engine that performs orders with these sides."""
    return SerialEngine(Bench(box))


def here(service: Service) -> SerialEngine:
    """Return the engine of this process."""
    return SerialEngine(service)


def _serial(config: Mapping[str, Any], plan: object) -> SerialEngine:
    del plan
    return here(wiring.WorkerService({**config, "processes": 1}))


HERE: Mapping[str, wiring.OpenEngine] = {"local": _serial}
"""For `Desk.open` and `cli.main`: every kind of engine that a plan may name works here."""
