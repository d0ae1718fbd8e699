"""The engine of one thread in this process: what a test sees, it sees at once and in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdh_migrate import wiring
from hdh_migrate.engines.serial import SerialEngine


def here(sources: wiring.Sources = wiring.SOURCES) -> Mapping[str, wiring.OpenEngine]:
    """Return engines whose workers know these kinds of source."""

    def serial(config: Mapping[str, Any], plan: object) -> SerialEngine:
        del plan
        service = wiring.WorkerService({**config, "processes": 1}, sources=sources)
        return SerialEngine(service.perform)

    return {"local": serial}


HERE: Mapping[str, wiring.OpenEngine] = here()
"""For `Desk.open` and `cli.main`: every kind of engine that a plan may name works here."""
