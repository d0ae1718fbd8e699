"""Whether those who are to be notified can be, as far as it shows before anything begins."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from hdh_migrate.door import Addresses
from hdh_migrate.errors import Refused
from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.plan.notices import NoticeCommand, NoticeWebhook
from hdh_migrate.session.desk import Desk


def demand_reachable(desk: Desk) -> None:
    """Refuse a plan whose programs are not there, or whose hosts lead where nothing may be sent.

    A host that has no address now is no reason: it is asked again when there is something to tell.

    Raises:
        Refused: with every reason; nothing was begun, and nobody was told.
    """
    wrong = [
        line
        for channel in desk.loaded.plan.notify
        for line in (
            _of_host(desk, channel)
            if isinstance(channel, NoticeWebhook)
            else _of_program(desk.loaded.base, channel)
        )
    ]
    if wrong:
        raise Refused(
            wrong[0] if len(wrong) == 1 else "a channel for notices cannot work",
            blockers=wrong if len(wrong) > 1 else (),
            hint="nothing was moved; correct `notify` of the plan, or remove it",
        )


def _of_host(desk: Desk, channel: NoticeWebhook) -> Iterator[str]:
    from hdh_migrate.session.policy.gate import addresses

    host = urlsplit(channel.endpoint).hostname or ""
    allowed = Addresses(loopback=is_loopback(channel.endpoint), private=True)
    for address in (desk.network.resolve or addresses)(host):
        if (objection := allowed.objection(address)) is not None:
            yield f"notify {channel.name}: {host} leads to {address}, {objection}"


def _of_program(base: Path, channel: NoticeCommand) -> Iterator[str]:
    name = channel.run[0]
    if "/" in name:
        found = _runs(base / name)
    else:
        path = _given(channel.environment, base).get("PATH", os.defpath)
        found = any(_runs(base / folder / name) for folder in path.split(os.pathsep))
    if not found:
        yield f"notify {channel.name}: there is no program {name} that may be run"


def _given(environment: Mapping[str, str], base: Path) -> Mapping[str, str]:
    from hdh_migrate.wiring.vault import Vault

    vault = Vault.open(base)
    return {name: vault.reveal(ref) for name, ref in environment.items() if name == "PATH"}


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
