"""One SSH endpoint: who may be contacted there, and what passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hdh_migrate.door import Door
from hdh_migrate.errors import HostRefused
from hdh_migrate.ssh.connection import Login, agreed, connect
from hdh_migrate.ssh.wire import GatheringSocket
from hdh_migrate.transport import Traffic
from hdh_migrate.transport.traffic import TrafficByEndpoint

if TYPE_CHECKING:
    from hdh_migrate.ssh.bounded_transport import SshTransport


class Contact:
    """What makes connections to one endpoint; safe to share between threads."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self._counted = TrafficByEndpoint()

    @property
    def traffic(self) -> Mapping[str, Traffic]:
        """What was exchanged so far, by endpoint."""
        return self._counted.by_endpoint

    @property
    def secured(self) -> Sequence[str]:
        """What connections agreed on so far; see `connection.agreed`."""
        return sorted({one for traffic in self.traffic.values() for one in traffic.ssh})

    def connect(self, login: Login) -> SshTransport:
        """Return a connection that is logged in; see `connection.connect`.

        Raises:
            HostRefused: the door is closed, too.
        """
        if not self.door.admitted:
            raise HostRefused(f"{self.door.endpoint}: not admitted; nothing was sent")
        transport = connect(login, self.door.objection)
        wire = transport.sock
        self.count(0, 0, 0, address=wire.address if isinstance(wire, GatheringSocket) else None,
                   ssh=agreed(transport))  # fmt: skip
        return transport

    def count(
        self,
        requests: int,
        received: int,
        sent: int,
        *,
        address: str | None = None,
        ssh: str | None = None,
    ) -> None:
        """Count what passed through a connection; bytes received and sent."""
        self._counted.add(
            self.door.endpoint.rstrip("/"), requests=requests, received=received, sent=sent,
            address=address, date=None, answered=True, ssh=ssh,
        )  # fmt: skip
