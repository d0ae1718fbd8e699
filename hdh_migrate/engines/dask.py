"""Dask carries messages between the coordinator and the nodes that a scheduler knows.

It carries messages and reports which nodes come and go; it decides nothing. An order is one task,
bound to one node, never repeated by Dask. Messages of nodes come as numbered events, so that the
end of an order is processed after all its other messages (docs/decisions/0056-dask.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hdh_migrate.engines import dask_node
from hdh_migrate.engines.cluster import SILENCE_SECONDS, ClusterSession
from hdh_migrate.engines.coordinator import CLOSE_SECONDS, PATIENCE_SECONDS, ClusterEngine
from hdh_migrate.engines.dask_security import hush, quiet_settings, security
from hdh_migrate.engines.link import Listener

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 1.0
"""How often the scheduler is asked who is there."""


def dask_engine(
    scheduler: str,
    certificates: Path,
    session: ClusterSession,
    *,
    limited: bool = True,
    patience: float = PATIENCE_SECONDS,
    silence: float = SILENCE_SECONDS,
    connect: float = CONNECT_SECONDS,
) -> ClusterEngine:
    """Connect to a scheduler; see `ClusterEngine`. `connect` is in seconds.

    Raises:
        Starved: the scheduler is not there, or does not let us in.
        KeyUnavailable: a certificate is not there.
    """

    def carrier(listener: Listener) -> DaskCarrier:
        return DaskCarrier(scheduler, certificates, session.id, listener, connect)

    return ClusterEngine(session, carrier, limited=limited, patience=patience, silence=silence)


class DaskCarrier:
    """See `Carrier`; connected from the start until it is closed."""

    def __init__(
        self,
        scheduler: str,
        certificates: Path,
        session: str,
        listener: Listener,
        connect: float,
    ) -> None:
        """Raise as `dask_engine` does."""
        import dask
        from distributed import Client

        hush()
        self._scheduler, self._session, self._listener = scheduler, session, listener
        self._closed = threading.Event()
        tls = security(certificates)
        self._settings = dask.config.set(quiet_settings())
        try:
            self.client: Client = Client(
                scheduler, security=tls, timeout=connect, set_as_default=False
            )
        except (OSError, TimeoutError) as error:
            self._settings.__exit__(None, None, None)
            raise dask_node.unreachable(scheduler, error) from error
        self.client.subscribe_topic(dask_node.TOPIC + session, self._event)
        threading.Thread(target=self._look_around, daemon=True).start()

    def begin(self, address: str, data: bytes) -> object:
        """See `Node.begin`."""
        return self._run(address, dask_node.begin, data)

    def answer(self, address: str, answers: Sequence[tuple[int, bool]]) -> object:
        """See `Node.answer`."""
        return self._run(address, dask_node.answer, answers)

    def share(self, address: str, part: float) -> object:
        """See `Node.share`."""
        return self._run(address, dask_node.share, part)

    def limit(self, address: str, rate: float | None) -> object:
        """See `Node.limit`."""
        return self._run(address, dask_node.limit, rate)

    def pause(self, address: str) -> object:
        """See `Node.pause`."""
        return self._run(address, dask_node.pause)

    def end(self, address: str, grace: float) -> object:
        """See `Node.end`."""
        return self._run(address, dask_node.end, grace)

    def carry(self, address: str, number: int, data: bytes) -> Future[None]:
        """Have the node perform an order; see `Node.perform`."""
        return self.client.submit(
            dask_node.carry,
            self._session,
            data,
            key=f"hdh-migrate-{self._session}-{number}",
            workers=[address],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )

    def close(self) -> None:
        """Leave the scheduler."""
        self._closed.set()
        with suppress(Exception):  # what is left of the connection is nobody's
            self.client.close(timeout=CLOSE_SECONDS)
        self._settings.__exit__(None, None, None)

    def _run(self, address: str, function: Callable[..., object], *args: object) -> object:
        """Call a function at a node and return what it returns."""
        return self.client.run(function, self._session, *args, workers=[address])[address]

    def _event(self, event: tuple[float, tuple[str, int, bytes]]) -> None:
        self._listener.said(*event[1])

    def _there(self) -> set[str]:
        """Ask the scheduler itself: what the client keeps of its answers it replaces meanwhile."""
        scheduler = self.client.scheduler
        if scheduler is None:
            raise ConnectionError("closed")
        return set(self.client.sync(scheduler.identity, n_workers=-1)["workers"])

    def _look_around(self) -> None:
        """Ask the scheduler who is there, until the end."""
        known = set[str]()
        gone = partial(_gone, self._scheduler, self._listener)
        while not self._closed.wait(LOOK_SECONDS if known else 0.1):
            try:
                there = self._there()
            except OSError:
                there = known  # whether the scheduler is gone, the client says itself
            except Exception as error:  # noqa: BLE001 - whatever ends a connection
                return gone(type(error).__name__)
            if self.client.status != "running":
                return gone(str(self.client.status))
            for address in sorted(there - known):
                self._listener.there(address)
            for address in sorted(known - there):
                self._listener.left(address)
            known = there
        return None


def _gone(scheduler: str, listener: Listener, why: str) -> None:
    listener.gone(f"the scheduler at {scheduler} is gone ({why})")
