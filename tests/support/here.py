"""The engine of one thread in this process: what a test sees, it sees at once and in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdh_migrate import wiring
from hdh_migrate.engines.serial import SerialEngine


def _serial(config: Mapping[str, Any], plan: object) -> SerialEngine:
    del plan
    return SerialEngine(wiring.WorkerService({**config, "processes": 1}).perform)


HERE: Mapping[str, wiring.OpenEngine] = {"local": _serial}
"""For `Desk.open` and `cli.main`: every kind of engine that a plan may name works here."""
