"""Configures Dask: mutual TLS on every channel, no dashboard and no other open ports."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hdh_migrate.engines.dask_certificates import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    judged_certificates,
)
from hdh_migrate.telemetry import SystemClock

if TYPE_CHECKING:
    from distributed.security import Security


def security(certificates: Path) -> Security:
    """Return what every process of a cluster shows and demands: a certificate of one authority.

    Raises:
        KeyUnavailable: as `judged_certificates`.
    """
    from distributed.security import Security

    judged_certificates(certificates, datetime.fromisoformat(SystemClock().now()))
    pair = {"cert": str(certificates / CERTIFICATE), "key": str(certificates / KEY)}
    roles = ("client", "scheduler", "worker")
    return Security(
        require_encryption=True,
        tls_ca_file=str(certificates / AUTHORITY),
        tls_min_version=ssl.TLSVersion.TLSv1_3,
        **{f"tls_{role}_{kind}": path for role in roles for kind, path in pair.items()},
    )


def quiet_settings() -> Mapping[str, object]:
    """Return the settings with which a scheduler or worker shows nothing and repeats nothing.

    No pages over HTTP, no profiles, no stealing.
    """
    return {
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        "distributed.worker.profile.enabled": False,
        "distributed.scheduler.work-stealing": False,
        "distributed.scheduler.allowed-failures": 0,
        "distributed.scheduler.worker-ttl": "60s",
        "distributed.scheduler.active-memory-manager.start": False,
    }


def hush() -> None:
    """Keep Dask's own log silent: it would show what functions were called with."""
    import distributed  # noqa: F401 - sets its loggers up when it is imported

    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
