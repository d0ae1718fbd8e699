"""Opens the channels of notices: one row for each kind that a plan may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.plan.notices import NoticeCommand, NoticeWebhook, NotifyChannel
from hdh_migrate.plan.secrets import Secret
from hdh_migrate.ports.notices import Channel
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.wiring.vault import Vault


def _command(section: NoticeCommand, vault: Vault) -> Channel:
    from hdh_migrate.notices.command import ProgramChannel

    return ProgramChannel(
        section.name,
        section.run,
        vault.base,
        {name: vault.reveal(ref) for name, ref in section.environment.items()},
        seconds=section.timeout_seconds,
    )


def _webhook(section: NoticeWebhook, vault: Vault) -> Channel:
    from hdh_migrate.door import Door
    from hdh_migrate.notices.webhook import WebhookChannel
    from hdh_migrate.transport import Transport
    from hdh_migrate.wiring.trust import trust_of

    door = Door.named(section.endpoint, local=is_loopback(section.endpoint))
    path = section.path if section.path.startswith("/") else vault.reveal(section.path)
    return WebhookChannel(
        section.name,
        section.endpoint,
        Secret(path),
        Secret(vault.reveal(section.secret)),
        Transport(door=door, tls=trust_of(section.tls, vault.base), deadline=30),
        SystemClock(),
    )


CHANNELS: Mapping[str, Callable[[Any, Vault], Channel]] = {
    "command": _command,
    "webhook": _webhook,
}


def open_channel(section: NotifyChannel, vault: Vault) -> Channel:
    """Open the way to a channel; nobody is contacted, and nothing runs yet.

    Raises:
        KeyUnavailable: a reference cannot be read, or is not of its form.
    """
    return CHANNELS[section.kind](section, vault)
