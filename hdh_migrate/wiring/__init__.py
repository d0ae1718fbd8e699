"""Composition root: from a plan to the objects that carry it out. Kinds are rows in tables.

SDKs are imported when their kind is used, never before.
"""

from __future__ import annotations

from hdh_migrate.wiring.pointers import POINTERS, open_pointer
from hdh_migrate.wiring.readings import header_size_of, pace_of, routes_of, rules_of
from hdh_migrate.wiring.sealing import open_consumer, open_envelopes
from hdh_migrate.wiring.services import Services
from hdh_migrate.wiring.sources import (
    SOURCES,
    Sources,
    open_eraser,
    open_freeze_probe,
    plan_of,
    source_claims,
    source_transport,
)
from hdh_migrate.wiring.targets import open_target
from hdh_migrate.wiring.vault import Vault, identity_path
from hdh_migrate.wiring.workers import (
    ENGINES,
    OpenEngine,
    WorkerService,
    open_engine,
    worker,
    worker_secrets,
)

__all__ = [
    "ENGINES",
    "POINTERS",
    "SOURCES",
    "OpenEngine",
    "Services",
    "Sources",
    "Vault",
    "WorkerService",
    "header_size_of",
    "identity_path",
    "open_consumer",
    "open_engine",
    "open_envelopes",
    "open_eraser",
    "open_freeze_probe",
    "open_pointer",
    "open_target",
    "pace_of",
    "plan_of",
    "routes_of",
    "rules_of",
    "source_claims",
    "source_transport",
    "worker",
    "worker_secrets",
]
