"""Composition root: builds the adapters of a plan. Kinds are rows in tables.

SDKs are imported when their kind is used, never before; so are the parts of this package, because a
worker process needs few of them, and `status` hardly more.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hdh_migrate.wiring.engines import ENGINES, OpenEngine
    from hdh_migrate.wiring.pointers import POINTERS, open_pointer
    from hdh_migrate.wiring.readings import (
        header_size_of,
        moments_of,
        pace_of,
        routes_of,
        rules_of,
    )
    from hdh_migrate.wiring.sealing import open_consumer, open_envelopes
    from hdh_migrate.wiring.service import WorkerService
    from hdh_migrate.wiring.services import Services
    from hdh_migrate.wiring.sources import (
        SOURCES,
        Sources,
        archive_facts,
        open_eraser,
        open_freeze_probe,
        open_rehydrator,
        open_report,
        plan_of,
        source_claims,
        source_transport,
    )
    from hdh_migrate.wiring.targets import open_target
    from hdh_migrate.wiring.vault import Vault, identity_path
    from hdh_migrate.wiring.workers import worker_secrets

_PARTS: Final = {
    "pointers": ("POINTERS", "open_pointer"),
    "readings": ("header_size_of", "moments_of", "pace_of", "routes_of", "rules_of"),
    "sealing": ("open_consumer", "open_envelopes"),
    "service": ("WorkerService",),
    "services": ("Services",),
    "sources": (
        "SOURCES",
        "Sources",
        "archive_facts",
        "open_eraser",
        "open_freeze_probe",
        "open_rehydrator",
        "open_report",
        "plan_of",
        "source_claims",
        "source_transport",
    ),
    "targets": ("open_target",),
    "vault": ("Vault", "identity_path"),
    "engines": ("ENGINES", "OpenEngine"),
    "workers": ("worker_secrets",),
}
_WHERE: Final = {name: part for part, names in _PARTS.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever stands there
    """Import a part of this package when something of it is asked for."""
    if name not in _WHERE:
        raise AttributeError(name)
    found = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return found


__all__ = [
    "ENGINES",
    "POINTERS",
    "SOURCES",
    "OpenEngine",
    "Services",
    "Sources",
    "Vault",
    "WorkerService",
    "archive_facts",
    "header_size_of",
    "identity_path",
    "moments_of",
    "open_consumer",
    "open_envelopes",
    "open_eraser",
    "open_freeze_probe",
    "open_pointer",
    "open_rehydrator",
    "open_report",
    "open_target",
    "pace_of",
    "plan_of",
    "routes_of",
    "rules_of",
    "source_claims",
    "source_transport",
    "worker_secrets",
]
