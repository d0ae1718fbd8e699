"""A worker like ours that, when it ends, writes which modules it has imported beside the plan."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from hdh_migrate.receipts import EndpointTraffic
from hdh_migrate.wiring.service import WorkerService
from hdh_migrate.wiring.worker_config import WorkerConfig

FACTORY = "tests.support.telltale:worker"
PREFIX = "modules-"


class Telltale(WorkerService):
    """Ours, but for its end."""

    def __init__(self, config: WorkerConfig) -> None:
        super().__init__(config)
        self._file = config.base / f"{PREFIX}{config.role}-{os.getpid()}"

    def traffic(self) -> list[EndpointTraffic]:
        self._file.write_text("\n".join(sys.modules))
        return super().traffic()


def worker(config: Mapping[str, Any]) -> Telltale:
    return Telltale(WorkerConfig.of(config))
