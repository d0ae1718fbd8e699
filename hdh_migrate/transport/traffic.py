"""What was exchanged with each endpoint: requests, bytes, addresses, and its newest Date."""

from __future__ import annotations

import threading
from dataclasses import field
from typing import TYPE_CHECKING

from hdh_migrate.clocks import Sighting
from hdh_migrate.frozen import mutable_row

if TYPE_CHECKING:
    from hdh_migrate.receipts import EndpointTraffic

SHARP_SECONDS = 5.0
"""A Date that came within this time tells the time well."""


@mutable_row
class Traffic:
    """Requests and body bytes exchanged with one endpoint, its addresses, and its newest Date."""

    requests: int = 0
    received: int = 0
    sent: int = 0
    addresses: set[str] = field(default_factory=set)
    tls: set[str] = field(default_factory=set)
    """What connections were secured with, as far as it was asked; see `Handshake.told`."""
    ssh: set[str] = field(default_factory=set)
    """What SSH connections agreed on; see `ssh.connection.agreed`."""
    date: Sighting | None = None

    def heard(self, date: Sighting) -> None:
        """Keep a Date; one of a reply that took long says little, and never replaces a better."""
        if self.date is None or date.heard - date.asked <= max(
            self.date.heard - self.date.asked, SHARP_SECONDS
        ):
            self.date = date

    def totals(self, side: str, endpoint: str, now: float, monotonic: float) -> EndpointTraffic:
        """Return it by the local clock and the monotonic one."""
        from hdh_migrate.receipts import EndpointTraffic

        date = self.date
        return EndpointTraffic(
            side=side,
            endpoint=endpoint,
            requests=self.requests,
            bytes_read=self.received,
            bytes_written=self.sent,
            addresses=tuple(sorted(self.addresses)),
            tls=tuple(sorted(self.tls)),
            ssh=tuple(sorted(self.ssh)),
            clock_offset=None if date is None else round(date.ahead(now, monotonic), 1),
            clock_at=None if date is None else now - (monotonic - date.heard),
        )


class TrafficByEndpoint:
    """The traffic of one transport by endpoint. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.by_endpoint: dict[str, Traffic] = {}
        self._answered: set[str] = set()

    def is_new(self, endpoint: str) -> bool:
        """Return whether how its connections are secured was not asked yet, and can be."""
        return endpoint not in self._answered and endpoint.startswith("https:")

    def add(
        self,
        endpoint: str,
        *,
        received: int,
        sent: int,
        address: str | None,
        date: Sighting | None,
        answered: bool,
        tls: str | None = None,
        ssh: str | None = None,
        requests: int = 1,
    ) -> None:
        """Count requests to this endpoint; `received` and `sent` are in bytes."""
        with self._lock:
            traffic = self.by_endpoint.get(endpoint)
            if traffic is None:
                traffic = self.by_endpoint[endpoint] = Traffic()
            traffic.requests += requests
            traffic.received += received
            traffic.sent += sent
            if address:
                traffic.addresses.add(address)
            if date is not None:
                traffic.heard(date)
            if answered:
                self._answered.add(endpoint)
                if tls is not None:
                    traffic.tls.add(tls)
                if ssh is not None:
                    traffic.ssh.add(ssh)

    def newest_date(self) -> Sighting | None:
        """Return the newest Date of any reply, None when no reply had one."""
        with self._lock:
            seen = [one.date for one in self.by_endpoint.values() if one.date is not None]
        return max(seen, key=lambda one: one.heard, default=None)
