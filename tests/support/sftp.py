"""An SFTP source over a server of this machine, opened as a plan opens it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdh_migrate.plan.sftp import AzureSftp
from hdh_migrate.sources.azure_sftp import AzureSftpSource
from hdh_migrate.sources.sftp_sessions import Sessions
from hdh_migrate.wiring.sources.azure_sftp import KIND
from hdh_migrate.wiring.vault import Vault
from tests.support.ssh import SshServer


def section_of(server: SshServer, **more: Any) -> dict[str, Any]:
    """Return the `source` section of a plan that reads from a server."""
    return {
        "kind": "azure-sftp",
        "account_url": f"sftp://{server.host}:{server.port}",
        "user": server.user,
        "credential": {"kind": "private-key", "value": f"file:{server.login.path}"},
        "host_keys": [{"fingerprint": server.host_key.fingerprint}],
        **more,
    }


@dataclass(slots=True)
class OpenedSftp:
    """A source, and what it holds open."""

    source: AzureSftpSource
    sessions: Sessions

    def close(self) -> None:
        self.sessions.close()


def sftp_source(
    server: SshServer,
    section: Mapping[str, Any] | None = None,
    *,
    base: Path | None = None,
    environ: Mapping[str, str] | None = None,
    **more: Any,
) -> OpenedSftp:
    """Open a source as a plan does; `more` are its own bounds."""
    made = AzureSftp.model_validate_json(json.dumps(section or section_of(server)))
    source = KIND.read(made, Vault.open(base or Path("/"), environ or {})).thing
    assert isinstance(source, AzureSftpSource)
    sessions = source._sessions
    if more:
        source = AzureSftpSource(sessions, **more)
    return OpenedSftp(source, sessions)
