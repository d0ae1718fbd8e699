"""Adapters that were opened for one purpose, with connections of their own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from hdh_migrate.clocks import seconds_of
from hdh_migrate.frozen import frozen
from hdh_migrate.ports.run import Clock
from hdh_migrate.transport import Traffic

if TYPE_CHECKING:
    from hdh_migrate.receipts import EndpointTraffic

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reached(Protocol):
    """What reaches one endpoint and counts what passes: a `Transport`, or an `ssh.Contact`."""

    @property
    def traffic(self) -> Mapping[str, Traffic]:
        """What was exchanged so far, by endpoint."""


Contact = tuple[str, Reached]
"""What reaches an endpoint, with the side on which evidence counts what passes through it:
"source", "target", "identity" (where tokens come from) or "pointer"."""


@frozen
class OpenedAdapter(Generic[T_co]):
    """A thing, and every transport that it uses: evidence tells what passed (`Services.take`)."""

    thing: T_co
    contacts: tuple[Contact, ...] = ()


def traffic_of(contacts: Iterable[Contact], clock: Clock) -> list[EndpointTraffic]:
    """Return what was exchanged with each endpoint so far."""
    now, monotonic = seconds_of(clock.now()), time.monotonic()
    return [
        traffic.totals(side, endpoint, now, monotonic)
        for side, transport in contacts
        for endpoint, traffic in list(transport.traffic.items())  # others may add to it
    ]
