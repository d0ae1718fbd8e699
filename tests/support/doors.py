"""Doors for tests that talk to a server of their own."""

from __future__ import annotations

from hdh_migrate.door import Door
from hdh_migrate.transport import SigV4, Transport


def loopback(url: str, *, sign: SigV4 | None = None) -> Transport:
    """Return a transport to one address on this machine."""
    return Transport(sign=sign, door=Door.named(url, local=True))
